package flow

import (
	"context"
	"errors"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/obs"
	"sotto/queue"
	"sotto/recording"
)

// journey is one call on its way through the desk. The goroutine of Inbound, or
// of Outbound, owns it; what others touch is guarded by mu.
type journey struct {
	f      *Flow
	caller leg.Leg // of an outgoing call: who was called; nil until somebody answers
	line   line.Line
	locale string         // what the caller hears: the line's language, or the one chosen in a menu
	call   *call.Call     // nil until it rings
	agent  sotto.PersonID // who was taken for this call; 0 for nobody

	answered time.Time
	texted   sotto.TicketID // the case of the text that answers this call; 0 for none

	mu       sync.Mutex // guards what is below
	asked    asked
	recorder *recording.Recorder     // the last one started; nil for none
	hushed   bool                    // it is paused
	private  bool                    // an agent made it so: not recorded, and nobody listens
	muted    map[sotto.PersonID]bool // agents nobody hears; nil for none

	out         *outgoing     // of a call that the desk makes; nil for one that came in
	path        dial.Path     // by which the caller was led outside; "" when that did not happen
	place       *queue.Place  // in the queue, or the last one there; nil for none
	group       sotto.GroupID // whom the caller was given to; 0 for nobody
	callerTimes call.Leg      // how long the caller talked and was on hold
}

// endsWith returns a context that ends with ctx or with the leg, whichever is
// first; its cause then is the leg's. release waits for its goroutine.
func endsWith(ctx context.Context, l leg.Leg) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-l.Ended():
			cancel(&leg.EndError{Cause: l.Cause()})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// begin writes that the call rings. It is not given up with the call: what
// rang is a call, also when the caller has gone meanwhile.
func (j *journey) begin(ctx context.Context, l sotto.LineID, inHours bool) (err error) {
	a := call.Arrival{Line: l, Locale: j.line.Locale, InHours: inHours, Follow: j.follow()}
	if j.out != nil {
		a.Direction, a.Caller = call.Outbound, leg.Caller{Number: j.out.grant.Number()}
	} else {
		a.Caller = j.caller.Caller()
	}
	j.call, err = j.f.Calls.Begin(context.WithoutCancel(ctx), a)
	switch {
	case err != nil:
	case j.out == nil:
		j.f.Metrics.Legs.Add(1)
	case j.out.promise != nil:
		j.call.Count(call.Tally{Callback: string(j.out.promise.Source)})
	}
	return err
}

// answer picks up. It is done when the caller's side has confirmed it.
func (j *journey) answer(ctx context.Context) error {
	if err := j.encrypt(ctx, j.caller); err != nil {
		return stopped(ctx, err)
	}
	if err := j.caller.Answer(ctx); err != nil {
		return stopped(ctx, err)
	}
	j.answered = j.f.Clock()
	j.call.Answered(j.answered)
	j.call.Enter(call.Greeting)
	return nil
}

// encrypt ends a party of a line for encrypted calls that could be overheard.
func (j *journey) encrypt(ctx context.Context, l leg.Leg) error {
	if !j.line.SecureMedia {
		return nil
	}
	if g, ok := l.(leg.Guarded); ok {
		return g.Encrypt(ctx)
	}
	hangup(l, leg.Insecure)
	return &leg.EndError{Cause: leg.Insecure}
}

// say plays a sound of the line to its end.
func (j *journey) say(ctx context.Context, c line.Category) error {
	return j.play(ctx, j.sound(ctx, c).Clip)
}

func (j *journey) play(ctx context.Context, clip media.Clip) error {
	return stopped(ctx, j.caller.Media().Play(ctx, clip, false))
}

// sound is what the line plays for a category; the desk's own when an
// uploaded one cannot be read, since a caller must be told.
func (j *journey) sound(ctx context.Context, c line.Category) line.Sound {
	s, err := j.f.Lines.Sound(context.WithoutCancel(ctx), j.line.ID, c, j.locale)
	if err != nil {
		j.f.Log.Error("flow: a sound of the line cannot be read; the desk's own is played", "line", int64(j.line.ID), "err", err)
		return j.f.Lines.Own(c, j.locale)
	}
	return s
}

// stopped names what really ended a step: when ctx is over, its cause. A port
// closes a moment before its leg says why, so that is waited for.
func stopped(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, media.ErrClosed) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// end brings the call to its one end: the caller's leg, the reason, the row,
// the ticket, the recording, the agent. It returns what the log should know.
func (j *journey) end(err error) error {
	cause, why := j.causeOfCaller(), call.Failed
	if j.call != nil {
		why = call.ReasonOf(j.call.State(), cause, err)
	} else if cause == leg.Shutdown || errors.Is(err, context.Canceled) {
		why = call.Shutdown
	}
	j.show(leg.Progress{State: string(call.Ended), Reason: string(why)})
	if j.caller != nil {
		hangup(j.caller, why.Cause())
	}
	var settled error
	if j.out != nil {
		settled = j.guard(func() error { return j.settleCall(why) })
	}
	switch {
	case j.call == nil && j.out == nil:
		return worth(why, err)
	case j.call == nil && errors.Is(err, errSettled):
		return settled
	case j.call == nil:
		return errors.Join(err, settled) // for who asked
	}
	j.noteCaller()
	at := j.f.Clock()
	end := j.guard(func() error {
		return j.f.Calls.End(context.Background(), j.call, why, func(tx *db.Tx) error { return j.conclude(tx, why, at) })
	})
	stop := j.guard(func() error { return j.stopRecording(recording.NoReason) })
	err = errors.Join(worth(why, err), settled, end, stop)
	sotto.Wrap(&err, "call %d", j.call.ID)
	return err
}

// causeOfCaller is why the caller's leg ended; "" while it has not, or is none.
func (j *journey) causeOfCaller() leg.Cause {
	if j.caller == nil {
		return ""
	}
	return j.caller.Cause()
}

// noteCaller notes the part of who the call is with.
func (j *journey) noteCaller() {
	l := call.Leg{
		Talk: j.callerTimes.Talk, Hold: j.callerTimes.Hold,
		Kind: call.CallerLeg, StartedAt: j.call.StartedAt, AnsweredAt: j.answered, EndedAt: j.f.Clock(),
	}
	if o := j.out; o != nil {
		if l.StartedAt, l.Cause = o.dialled, o.cause; o.dialled.IsZero() {
			return // nobody outside was disturbed
		}
	}
	if j.caller != nil {
		j.f.Metrics.Legs.Add(-1)
		l.Cause, l.Quality = j.caller.Cause(), quality(j.caller)
	}
	j.call.AddLeg(l)
}

// wrapUp is how long an agent may write after a call on the line.
func wrapUp(l line.Line) time.Duration {
	switch {
	case !l.WrapUp:
		return 0
	case l.WrapUpLimit == 0:
		return agent.NoLimit
	}
	return l.WrapUpLimit
}

// conclude writes what a call leaves behind, in the transaction that ends it.
func (j *journey) conclude(tx *db.Tx, why call.Reason, at time.Time) error {
	if err := j.textMissed(tx, why); err != nil {
		return err
	}
	return j.closeTicket(tx, why, at)
}

// freeAgent lets an agent who has talked be offered the next call, after the
// wrap-up that the line gives.
func (j *journey) freeAgent(id sotto.PersonID) { j.f.Agents.Finish(id, wrapUp(j.line), j.call.ID) }

// worth keeps of an error what an operator should read: not that somebody
// hung up.
func worth(why call.Reason, err error) error {
	if why == call.Failed {
		return err
	}
	return nil
}

// hangup ends a leg and waits until it is over, but not for ever.
func hangup(l leg.Leg, cause leg.Cause) {
	l.Hangup(cause)
	select {
	case <-l.Ended():
	case <-time.After(5 * time.Second):
	}
}

// quality is how a party was heard; nothing for a leg without audio.
func quality(l leg.Leg) media.Quality {
	if port := l.Media(); port != nil {
		return port.Quality()
	}
	return media.Quality{}
}

// guard runs f and makes an error of its panic, so that the steps behind it
// are taken too.
func (j *journey) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
	}()
	return f()
}

// aside runs a step beside the call. Its error goes to the log, since the
// call goes on; wait waits for it.
func (j *journey) aside(step string, f func() error) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := j.guard(f); err != nil {
			j.f.Log.Error("flow: a step beside a call failed; the call goes on", "call", int64(j.call.ID), "step", step, "err", err, "stack", stackOf(err))
		}
	}()
	return func() { <-done }
}

// during is aside for a step that goes on until stop ends it; stop waits.
func (j *journey) during(ctx context.Context, step string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	wait := j.aside(step, func() error { return f(ctx) })
	return func() {
		cancel()
		wait()
	}
}

func stackOf(err error) string {
	if p, ok := errors.AsType[*obs.Panic](err); ok {
		return p.Stack
	}
	return ""
}

func isNone(err error) bool { return err != nil && sotto.KindOf(err) == sotto.NotFound }

// picked is an agent who took the call, or a number outside.
type picked struct {
	leg       leg.Leg
	who       agent.Candidate
	startedAt time.Time
	answerAt  time.Time
	part      call.Part  // how the agent comes in; "" by an offer
	grant     dial.Grant // of a number outside: where the agent was reached, or in an agent's place
	since     time.Time  // since when that costs
}
