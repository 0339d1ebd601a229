package flow

import (
	"context"
	"errors"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/queue"
	"sotto/recording"
	"sotto/route"
)

// queue lets the caller wait until an agent takes the call. It returns nil
// and no error when nobody did in time.
func (j *journey) queue(ctx context.Context, to route.Destination) (*picked, error) {
	j.call.Enter(call.Queued)
	direct, err := j.f.Agents.Direct(context.WithoutCancel(ctx), j.line.ID)
	if err != nil { // better somebody than nobody
		j.f.Log.Error("flow: whom the line rings cannot be looked up; everybody is asked", "line", int64(j.line.ID), "err", err)
	}
	wants := queue.DemandOf(j.line, j.call.ID)
	wants.Agent, wants.Ring, wants.Wait = direct, to.Ring, to.Wait
	place := j.f.Queue.Join(wants)
	defer place.Leave()
	stopListening := j.listen(ctx)
	defer stopListening()
	quiet := j.hold(ctx)
	defer quiet()
	for {
		select {
		case o := <-place.Offers():
			a, cause := j.ring(ctx, o)
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

// hold plays what a waiting caller hears: the line's words, then music, again
// and again. stop ends it and waits.
func (j *journey) hold(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	words := j.sound(ctx, line.Wait).Clip
	wait := j.aside("music", func() error {
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
	return func() {
		cancel()
		wait()
	}
}

// ring rings every telephone of one agent. The first that is answered has the
// call; nil and why not when none is. It returns when nothing rings any more.
func (j *journey) ring(ctx context.Context, o queue.Offer) (*picked, leg.Cause) {
	ctx, cancel := context.WithTimeout(ctx, o.Ring)
	defer cancel()
	started := j.f.Clock()
	answers := make(chan leg.Leg, len(o.Devices))
	causes := make(chan leg.Cause, len(o.Devices))
	for _, device := range o.Devices {
		wait := j.aside("ring", func() error {
			l, err := j.dial(ctx, device)
			causes <- leg.CauseOf(err)
			answers <- l
			return nil
		})
		defer wait()
	}
	var taken leg.Leg
	cause := leg.Unreachable
	for range o.Devices {
		l := <-answers
		cause = <-causes
		switch {
		case l == nil:
		case taken == nil:
			taken = l
			cancel()
		default:
			hangup(l, leg.Cancelled) // a second telephone was answered in the same moment
		}
	}
	if taken != nil {
		j.f.Metrics.Legs.Add(1)
		return &picked{leg: taken, who: o.Candidate, startedAt: started, answerAt: j.f.Clock()}, ""
	}
	j.call.AddLeg(call.Leg{Kind: call.AgentLeg, Person: o.Person, StartedAt: started, EndedAt: j.f.Clock(), Cause: cause})
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

// talk joins caller and agent and ends when either has gone; the other is let
// go at once, whatever the disk is doing.
func (j *journey) talk(ctx context.Context, a *picked) error {
	wait, stop := func() {}, func() {}
	defer func() { stop(); wait() }()
	defer j.leaveAgent(ctx, a)
	defer media.Bridge(j.caller.Media(), a.leg.Media())()
	drain(j.caller.Media())
	wait = j.aside("connect", func() error { return j.connected(ctx, a) })
	stop = j.listen(ctx)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-a.leg.Ended():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j.caller.Hangup(leg.Released)
	switch a.leg.Cause() {
	case leg.HungUp:
		return call.Because(call.AgentHungUp)
	case leg.Shutdown:
		return call.Because(call.Shutdown)
	case leg.Fault:
		return call.Because(call.Failed)
	}
	return call.Because(call.AgentLost)
}

// connected writes what follows from an agent being on: the row, the ticket,
// and the recording of both voices. Nobody waits for it to be heard.
func (j *journey) connected(ctx context.Context, a *picked) error {
	ctx = context.WithoutCancel(ctx)
	wrote := j.f.Calls.Connect(ctx, j.call, a.who.Person, func(tx *db.Tx) error { return j.openTicket(tx, a.who.Person) })
	heard := j.record(ctx, recording.Call, func(r *recording.Recorder) error {
		return errors.Join(r.Caller(j.caller.Media()), r.Agent(a.leg.Media(), a.who.Person, a.who.Key))
	})
	return errors.Join(wrote, heard)
}

// leaveAgent ends the agent's leg and notes it.
func (j *journey) leaveAgent(ctx context.Context, a *picked) {
	cause := leg.Released
	if c := j.caller.Cause(); c == leg.Shutdown || c == "" && ctx.Err() != nil {
		cause = leg.Shutdown
	}
	hangup(a.leg, cause)
	j.f.Metrics.Legs.Add(-1)
	j.call.AddLeg(call.Leg{
		Kind: call.AgentLeg, Person: a.who.Person, StartedAt: a.startedAt, AnsweredAt: a.answerAt, EndedAt: j.f.Clock(),
		Cause: a.leg.Cause(), Quality: quality(a.leg),
	})
}
