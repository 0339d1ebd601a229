package flow

import (
	"context"
	"errors"
	"slices"
	"time"

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
	place, began := j.wait(j.wants(ctx, to)), j.f.Clock()
	defer func() {
		j.call.Count(call.Tally{Queued: began, Wait: j.f.Clock().Sub(began), Overdue: place.End() == queue.TimedOut})
		place.Leave()
	}()
	for offered := j.callsBack(to); ; offered = false {
		a, err := j.waitAt(ctx, place, offered)
		if !errors.Is(err, errLeaves) {
			return a, err
		}
		if err := j.promise(ctx, place); !errors.Is(err, errWaits) {
			return nil, err
		}
	}
}

// Ends of a wait: the caller would rather be called back, and could not be
// promised it.
var (
	errLeaves = errors.New("flow: the caller would rather be called back")
	errWaits  = errors.New("flow: the caller goes on waiting")
)

// waitAt is queue for one place. Where it is offered, key 1 ends the wait with
// errLeaves, also while an agent is rung.
func (j *journey) waitAt(ctx context.Context, place *queue.Place, offered bool) (*picked, error) {
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	began := time.Now()
	stopListening := j.listen(ctx, func(key media.Digit) {
		if key == '1' && offered && time.Since(began) >= j.f.Times.Bounce { // not what was pressed before
			leave(errLeaves)
		}
	})
	defer stopListening()
	quiet := j.hold(ctx, place, offered)
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

// wants is what the call asks of the agents: what the line says, and what the
// caller chose in a menu.
func (j *journey) wants(ctx context.Context, to route.Destination) queue.Demand {
	if to.Agent == 0 && !to.Chosen {
		direct, err := j.f.Agents.Direct(context.WithoutCancel(ctx), j.line.ID)
		if err != nil { // better somebody than nobody
			j.f.Log.Error("flow: whom the line rings cannot be looked up; everybody is asked", "line", int64(j.line.ID), "err", err)
		}
		to.Agent = direct
	}
	d := queue.DemandOf(j.line, j.call.ID)
	d.Agent, d.Ring, d.Wait = to.Agent, to.Ring, to.Wait
	if to.Chosen && len(to.Groups) > 0 {
		d.Groups, d.Secondary = to.Groups, nil
	}
	d.Skills = slices.Concat(d.Skills, to.Skills)
	d.Overflow = to.Overflow == route.External // when nobody is there at all
	return d
}

// wait puts the caller into the line: at its head when an agent was lost or
// a colleague did not answer, and into that of a group the caller was given to.
func (j *journey) wait(d queue.Demand) *queue.Place {
	if j.group != 0 {
		d.Agent, d.Groups, j.group = 0, []sotto.GroupID{j.group}, 0
		j.place = nil
	}
	if len(d.Groups) > 0 {
		j.call.Count(call.Tally{Group: d.Groups[0]})
	}
	if j.place != nil {
		j.place = j.f.Queue.Rejoin(j.place)
	} else {
		j.place = j.f.Queue.Join(d)
	}
	return j.place
}

// callsBack reports whether the caller may leave and be called back: the line
// offers it, and there is a number to call. Who waits for one agent alone is
// not asked: that place ends when the agent does not answer.
func (j *journey) callsBack(to route.Destination) bool {
	return j.line.Callback && to.Agent == 0 && j.out == nil && j.call.Caller().Number != "" && j.call.Key != 0
}

// promise lets the caller go home and keep the place. It returns the end of
// the call, or errWaits when the promise could not be written.
func (j *journey) promise(ctx context.Context, place *queue.Place) error {
	_, err := place.Promise(context.WithoutCancel(ctx), queue.Caller{Person: j.call.Person, Key: j.call.Key, Number: j.call.Caller().Number})
	if err != nil {
		if place.End() == "" {
			j.f.Log.Error("flow: a promise to call back was not written; the caller waits on", "call", int64(j.call.ID), "err", err)
		}
		return errWaits
	}
	j.call.Count(call.Tally{Callback: string(queue.FromQueue)})
	_ = j.say(ctx, line.CallbackConfirmed) // the promise stands, also when the caller does not stay to hear it
	return call.Because(call.CallbackPromised)
}

// hold plays what a waiting caller hears: the line's words, what the line says
// of the place and of the wait, how to be called back, then music; again and
// again. stop ends it and waits.
func (j *journey) hold(ctx context.Context, place *queue.Place, offered bool) (stop func()) {
	return j.during(ctx, "music", func(ctx context.Context) error {
		port, music, at := j.caller.Media(), j.sound(ctx, line.Hold).Clip, 0
		for {
			clips := []media.Clip{j.sound(ctx, line.Wait).Clip}
			clips = append(clips, j.news(place)...)
			if offered {
				clips = append(clips, j.sound(ctx, line.CallbackOffer).Clip)
			}
			var part media.Clip
			part, at = cut(music, at, j.f.Times.Comfort)
			for _, clip := range append(clips, part) {
				if err := port.Play(ctx, clip, false); ctx.Err() != nil || errors.Is(err, media.ErrClosed) {
					return nil
				} else if err != nil {
					return err
				}
			}
		}
	})
}

// news is what the line tells a waiting caller of the place in the queue and
// of the average wait, as far as it is set to and something is known.
func (j *journey) news(place *queue.Place) (clips []media.Clip) {
	s := place.Status()
	if j.line.AnnouncePosition && s.Position > 0 {
		clips = append(clips, j.f.Lines.Position(j.locale, s.Position))
	}
	if j.line.AnnounceWait && s.Average > 0 {
		clips = append(clips, j.f.Lines.AverageWait(j.locale, s.Average))
	}
	return clips
}

// cut returns so much of the music from sample at on, from its beginning again
// where it ends, and where to go on.
func cut(music media.Clip, at int, long time.Duration) (part media.Clip, next int) {
	if len(music.Mulaw) == 0 {
		return music, 0
	}
	part.Mulaw = make([]byte, int(long*media.SampleRate/time.Second))
	for n := 0; n < len(part.Mulaw); {
		c := copy(part.Mulaw[n:], music.Mulaw[at:])
		n, at = n+c, (at+c)%len(music.Mulaw)
	}
	return part, at
}
