package flow

import (
	"context"
	"errors"
	"sync/atomic"

	"sotto"
	"sotto/call"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/queue"
	"sotto/route"
)

// queue lets the caller wait until an agent takes the call. It returns nil
// and no error when nobody did in time.
func (j *journey) queue(ctx context.Context, to route.Destination) (*picked, error) {
	j.call.Enter(call.Queued)
	if to.Agent == 0 && !to.Chosen {
		direct, err := j.f.Agents.Direct(context.WithoutCancel(ctx), j.line.ID)
		if err != nil { // better somebody than nobody
			j.f.Log.Error("flow: whom the line rings cannot be looked up; everybody is asked", "line", int64(j.line.ID), "err", err)
		}
		to.Agent = direct
	}
	wants := queue.DemandOf(j.line, j.call.ID)
	wants.Agent, wants.Ring, wants.Wait = to.Agent, to.Ring, to.Wait
	if to.Chosen && len(to.Groups) > 0 {
		wants.Groups, wants.Secondary = to.Groups, nil
	}
	place, began := j.wait(wants), j.f.Clock()
	defer func() {
		j.call.Count(call.Tally{Queued: began, Wait: j.f.Clock().Sub(began), Overdue: place.End() == queue.TimedOut})
		place.Leave()
	}()
	stopListening := j.listen(ctx)
	defer stopListening()
	quiet := j.hold(ctx)
	defer quiet()
	for {
		select {
		case o := <-place.Offers():
			a, cause := j.ring(ctx, o, call.Leg{Kind: call.AgentLeg, Part: call.ByOffer})
			switch {
			case a != nil:
				place.Accepted()
				j.agent = a.who.Person
				return a, nil
			case cause == leg.Rejected || cause == leg.BusyHere:
				place.Declined()
			case ctx.Err() == nil:
				place.Missed()
			}
		case <-place.Over():
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// wait puts the caller into the line: at its head when an agent was lost or
// a colleague did not answer, and into that of a group the caller was given to.
func (j *journey) wait(d queue.Demand) *queue.Place {
	switch {
	case j.group == 0 && len(d.Groups) > 0:
		j.call.Count(call.Tally{Group: d.Groups[0]})
	case j.group != 0:
		j.call.Count(call.Tally{Group: j.group})
	}
	switch {
	case j.group != 0:
		d.Agent, d.Groups, j.group = 0, []sotto.GroupID{j.group}, 0
		j.place = j.f.Queue.Join(d)
	case j.place != nil:
		j.place = j.f.Queue.Rejoin(j.place)
	default:
		j.place = j.f.Queue.Join(d)
	}
	return j.place
}

// hold plays what a waiting caller hears: the line's words, then music, again
// and again. stop ends it and waits.
func (j *journey) hold(ctx context.Context) (stop func()) {
	words := j.sound(ctx, line.Wait).Clip
	return j.during(ctx, "music", func(ctx context.Context) error {
		for {
			for _, clip := range []media.Clip{words, j.f.Lines.Hold(), j.f.Lines.Hold()} {
				if err := j.caller.Media().Play(ctx, clip, false); ctx.Err() != nil || errors.Is(err, media.ErrClosed) {
					return nil
				} else if err != nil {
					return err
				}
			}
		}
	})
}

// ring rings every telephone of one agent, and the numbers outside. The first
// that is answered, and outside confirmed, has the call; nil and why not when
// none is: then the leg is noted, as it would have been. It returns when
// nothing rings any more.
func (j *journey) ring(ctx context.Context, o queue.Offer, as call.Leg) (*picked, leg.Cause) {
	ctx, cancel := context.WithTimeout(ctx, o.Ring)
	defer cancel()
	started := j.f.Clock()
	answers := make(chan rung, len(o.Devices)+len(o.Outside))
	at := func(device sotto.DeviceID, how func(context.Context, sotto.DeviceID) (rung, error)) (wait func()) {
		return j.aside("ring", func() error {
			r := rung{cause: leg.Unreachable}
			err := j.guard(func() (err error) {
				r, err = how(ctx, device)
				return err
			})
			answers <- r
			return err
		})
	}
	var moved atomic.Bool
	for _, device := range o.Devices {
		defer at(device, func(ctx context.Context, d sotto.DeviceID) (rung, error) {
			return j.reachAt(ctx, o.Candidate, d, &moved)
		})()
	}
	for _, device := range o.Outside {
		defer at(device, func(ctx context.Context, d sotto.DeviceID) (rung, error) { return j.forward(ctx, o.Candidate, d) })()
	}
	var taken rung
	cause := leg.Unreachable
	for range cap(answers) {
		r := <-answers
		switch {
		case r.leg == nil:
			if cause == leg.Unreachable || r.cause == leg.Rejected || r.cause == leg.BusyHere {
				cause = r.cause
			}
		case taken.leg == nil:
			taken = r
			cancel()
		default: // a second telephone was answered in the same moment
			hangup(r.leg, leg.Cancelled)
			if err := j.settle(r); err != nil {
				j.f.Log.Error("flow: a call outside was not settled; it counts until the next start", "call", int64(j.call.ID), "err", err)
			}
		}
	}
	if taken.leg != nil {
		j.f.Metrics.Legs.Add(1)
		return &picked{
			leg: taken.leg, who: o.Candidate, startedAt: started, answerAt: j.f.Clock(), part: as.Part, grant: taken.grant, since: taken.since,
		}, ""
	}
	as.Person, as.StartedAt, as.EndedAt, as.Cause = o.Person, started, j.f.Clock(), cause
	j.call.AddLeg(as)
	return nil, cause
}

// dial rings one telephone. A panic in it is an unreachable telephone.
func (j *journey) dial(ctx context.Context, device sotto.DeviceID) (l leg.Leg, err error) {
	err = j.guard(func() (err error) {
		l, err = j.f.Dial(ctx, device, j.call.Caller())
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}
