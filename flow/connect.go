package flow

import (
	"context"
	"sync/atomic"

	"sotto"
	"sotto/call"
	"sotto/leg"
	"sotto/queue"
)

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
