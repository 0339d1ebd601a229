package flow

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/call"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/route"
)

// leadOut connects the caller to the number outside where a menu leads, or the
// line when nobody took the call. errNobody is that there is none, that the
// gate refused it, or that nobody answered there.
func (j *journey) leadOut(ctx context.Context, to route.Destination) error {
	if to.Kind == route.External {
		path := dial.Overflow
		if to.Chosen {
			path = dial.Menu
		}
		if err := j.outside(ctx, path, to.External); !errors.Is(err, errNobody) {
			return err
		}
	}
	if to.Overflow == route.External {
		return j.outside(ctx, dial.Overflow, to.Beyond)
	}
	return errNobody
}

// outside lets the caller hear a number ring, and then talk. Who answers there
// is never recorded; the caller is, on the way of an overflow, if that was
// allowed before.
func (j *journey) outside(ctx context.Context, path dial.Path, number string) error {
	grant, err := j.f.Gate.Authorize(context.WithoutCancel(ctx), dial.Attempt{By: sotto.Desk(), Path: path, Number: number})
	if err != nil {
		j.f.Log.Warn("flow: the gate does not let a call go on to the line's number outside", "call", int64(j.call.ID), "line", int64(j.line.ID),
			"reason", string(dial.ReasonOf(err)), "err", err)
		return errNobody
	}
	if path == dial.Overflow {
		j.call.Enter(call.Queued)
	}
	started := j.f.Clock()
	l, err := j.ringTo(ctx, j.caller, grant)
	if err != nil {
		j.call.AddLeg(call.Leg{
			Kind: call.ExternalLeg, Part: call.Overflow, StartedAt: started, EndedAt: j.f.Clock(), Cause: leg.CauseOf(err),
		})
		if err := j.f.Gate.Done(context.WithoutCancel(ctx), grant, 0); err != nil {
			j.f.Log.Error("flow: a right to dial was not settled", "call", int64(j.call.ID), "err", err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errNobody
	}
	j.f.Metrics.Legs.Add(1)
	j.path = path
	j.call.Count(call.Tally{Overflowed: path == dial.Overflow})
	return j.talk(ctx, &picked{leg: l, part: call.Overflow, grant: grant, startedAt: started, answerAt: j.f.Clock()})
}

// ringTo calls the number of a grant while l hears it ring.
func (j *journey) ringTo(ctx context.Context, l leg.Leg, grant dial.Grant) (leg.Leg, error) {
	ring, cancel := context.WithTimeout(ctx, j.f.Times.Answer)
	defer cancel()
	quiet := j.during(ring, "ringing tone", func(ctx context.Context) error {
		_ = l.Media().Play(ctx, ringingTone(), true) // ends with the ringing, or with the leg
		return nil
	})
	defer quiet()
	return j.dialOut(ring, grant)
}

// ringingTone and busyTone are what a party hears of a number that is called
// (425 Hz, as most of the world's networks).
func ringingTone() media.Clip { return cadence(time.Second, 4*time.Second, 1) }

func busyTone() media.Clip { return cadence(500*time.Millisecond, 500*time.Millisecond, 3) }

func cadence(on, off time.Duration, times int) (c media.Clip) {
	tone := media.Tone(425, on).Mulaw
	for range times {
		c.Mulaw = append(c.Mulaw, tone...)
		for range int(off * media.SampleRate / time.Second) {
			c.Mulaw = append(c.Mulaw, media.Mulaw.Silence())
		}
	}
	return c
}
