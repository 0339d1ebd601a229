package flow

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/queue"
)

// ringOne rings every telephone of one agent until ctx ends; nil and why not
// when none was answered.
func (j *journey) ringOne(ctx context.Context, who agent.Candidate, part call.Part, by sotto.PersonID) (*picked, leg.Cause) {
	kind := call.AgentLeg
	if part == call.Monitoring {
		kind = call.SupervisorLeg
	}
	a, cause := j.ring(ctx, queue.Offer{Candidate: who, Ring: j.f.Times.Offer}, call.Leg{Kind: kind, Part: part, By: by})
	if a != nil {
		j.f.Agents.Talking(who.Person)
	}
	return a, cause
}

// dialOut calls a number outside: there is no other way to one. The grant is
// good for this once. Help is called even where somebody could listen.
func (j *journey) dialOut(ctx context.Context, grant dial.Grant) (l leg.Leg, err error) {
	if !j.f.Gate.Use(grant) {
		return nil, sotto.Fail(sotto.Denied, "Nobody allowed this number to be dialled.")
	}
	err = j.guard(func() (err error) {
		l, err = j.f.DialOut(ctx, grant, leg.Caller{Number: j.line.Shown()}, j.line.SecureMedia && !grant.Emergency())
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// rung is what ringing one device of an agent came to.
type rung struct {
	leg   leg.Leg    // nil when nobody took the call there
	cause leg.Cause  // why not
	grant dial.Grant // of a number outside
	since time.Time  // since when that costs
}

// reachAt rings one telephone of an agent. One that says the agent is
// elsewhere (SIP 302) is followed through the gate, unless one was already:
// moved is shared by all devices that ring together.
func (j *journey) reachAt(ctx context.Context, who agent.Candidate, device sotto.DeviceID, moved *atomic.Bool) (rung, error) {
	l, err := j.dial(ctx, device)
	if err == nil {
		return rung{leg: l}, nil
	}
	if e, ok := errors.AsType[*leg.EndError](err); ok && e.Cause == leg.Moved && moved.CompareAndSwap(false, true) {
		return j.reachOutside(ctx, who, dial.Redirect, e.To)
	}
	return rung{cause: leg.CauseOf(err)}, nil
}

// forward rings an agent at a number outside that was given for it.
func (j *journey) forward(ctx context.Context, who agent.Candidate, device sotto.DeviceID) (rung, error) {
	number, err := j.f.Agents.Number(context.WithoutCancel(ctx), device)
	if err != nil {
		return rung{cause: leg.Unreachable}, err
	}
	return j.reachOutside(ctx, who, dial.Forward, number)
}

// reachOutside rings an agent at a number outside, if the gate lets the agent
// call there. Who answers must take the call with a key: an answering machine
// does not, so a caller never ends in somebody's private voicemail. A refusal
// of the gate is no error here: it is in the audit log, and other devices ring.
func (j *journey) reachOutside(ctx context.Context, who agent.Candidate, path dial.Path, number string) (r rung, err error) {
	r.cause = leg.Unreachable
	by := sotto.Actor{Person: who.Person, Role: sotto.Agent}
	r.grant, err = j.f.Gate.Authorize(context.WithoutCancel(ctx), dial.Attempt{By: by, Path: path, Number: number})
	if err != nil {
		if dial.ReasonOf(err) != "" {
			err = nil
		}
		return r, err
	}
	l, err := j.dialOut(ctx, r.grant)
	if err != nil {
		r.cause = leg.CauseOf(err)
		return r, j.settle(r)
	}
	r.since = time.Now()
	locale := who.Locale
	if locale == "" {
		locale = j.line.Locale
	}
	if r.cause = j.confirm(ctx, l, j.f.Lines.TakeCall(locale)); r.cause == "" {
		r.leg = l
		return r, nil
	}
	hangup(l, r.cause)
	return r, j.settle(r)
}

// settle gives a right to dial that is over back to the day's account.
func (j *journey) settle(r rung) error {
	if r.grant.ID() == 0 {
		return nil
	}
	var talked time.Duration
	if !r.since.IsZero() {
		talked = time.Since(r.since)
	}
	return j.f.Gate.Done(context.Background(), r.grant, talked)
}

// pause is the silence between two times the words of confirm are said.
const pause = 2 * time.Second

// confirm says the words again and again until key 1 is pressed; "" then, and
// else why the call was not taken.
func (j *journey) confirm(ctx context.Context, l leg.Leg, words media.Clip) leg.Cause {
	port := l.Media()
	drain(port)
	silence := slices.Repeat([]byte{media.EncodeMulaw(0)}, int(pause.Seconds()*media.SampleRate))
	again := media.Clip{Mulaw: slices.Concat(words.Mulaw, silence)}
	quiet := j.during(ctx, "confirm", func(ctx context.Context) error {
		_ = port.Play(ctx, again, true) // ends with the question, or with the leg
		return nil
	})
	defer quiet()
	for {
		select {
		case key, ok := <-port.Digits():
			switch {
			case !ok:
				return leg.Rejected // hung up
			case key == '1':
				return ""
			}
		case <-l.Ended():
			return leg.Rejected
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return leg.NoAnswer
			}
			return leg.Cancelled
		}
	}
}
