package flow

import (
	"context"
	"errors"

	"sotto/call"
	"sotto/leg"
	"sotto/line"
	"sotto/obs"
	"sotto/route"
)

// Inbound carries one incoming call from the first ring to the ticket.
// Whatever happens, the call ends with exactly one call.Reason. The error it
// returns is for the log: a call that ended in good order returns nil.
func (f *Flow) Inbound(ctx context.Context, l leg.Leg) (err error) {
	j := &journey{f: f, caller: l}
	defer func() { // 10. one end, one reason, and the ticket
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
		err = j.end(err)
	}()
	ctx, release := endsWith(ctx, l)
	defer release()

	j.line, err = f.Lines.ByNumber(context.WithoutCancel(ctx), l.Dialled()) // 1. which line is called?
	if err != nil {
		return j.refuse(ctx, err)
	}
	j.locale = j.speaks()
	to := route.Follow(j.line, f.Clock())                       // 2. its hours → a destination
	if err := j.begin(ctx, j.line.ID, to.InHours); err != nil { // 3. it rings: a call exists from here on, and perhaps we know who
		return err
	}
	if err := j.answer(ctx); err != nil { // 4. pick up
		return err
	}
	if err := j.say(ctx, to.First); err != nil { // 5. the first words
		return err
	}
	if to, err = j.choose(ctx, to); err != nil { // 6. the menus: keys choose a language and where to go
		return err
	}
	if to.Kind == route.Agents {
		if err := j.ask(ctx); err != nil { // 7. told about recording, in the language chosen; key 3 decides
			return err
		}
		if err := j.serve(ctx, to); !errors.Is(err, errNobody) {
			return err
		}
	}
	return j.instead(ctx, to)
}

// serve lets the caller wait and talk, and wait again when the agent is lost.
// errNobody is the end of a wait that nobody ended.
func (j *journey) serve(ctx context.Context, to route.Destination) error {
	for {
		a, err := j.queue(ctx, to) // 8. wait; the longest idle agent is rung
		if err != nil {
			return err
		}
		if a == nil {
			return errNobody
		}
		if err := j.talk(ctx, a); !errors.Is(err, errBack) { // 9. they hear each other; hold, transfer and the like; recorded if the caller may be
			return err
		}
	}
}

// instead is what follows where no agent talks to the caller.
func (j *journey) instead(ctx context.Context, to route.Destination) error {
	if to.Kind == route.TextBack {
		if err := j.textBack(ctx, to.Text); !errors.Is(err, errNobody) { // or: written to
			return err
		}
	}
	if err := j.leadOut(ctx, to); !errors.Is(err, errNobody) { // or: connected to a number outside
		return err
	}
	if to.Kind == route.Agents {
		if err := j.say(ctx, line.Unavailable); err != nil {
			return err
		}
	}
	if to.Kind == route.Voicemail || to.Overflow == route.Voicemail {
		return j.message(ctx, to) // or: leave a message
	}
	return j.sorry(ctx, to) // or: hear that there is nobody
}

// errNobody is the end of a way to somebody on which nobody was.
var errNobody = errors.New("flow: nobody took the call")

// refuse ends a call to a number that is no line's. It is counted and told
// apart, and nothing is kept of who called.
func (j *journey) refuse(ctx context.Context, why error) error {
	if !isNone(why) {
		return why
	}
	if err := j.begin(ctx, 0, false); err != nil {
		return err
	}
	return call.Because(call.UnknownNumber)
}

// sorry says the last words of a desk that could not help.
func (j *journey) sorry(ctx context.Context, to route.Destination) error {
	why := call.NoAgent
	if !to.InHours {
		why = call.LineClosed
	}
	_ = j.say(ctx, line.Goodbye) // the reason stands, also when the caller does not stay to hear it
	return call.Because(why)
}
