package flow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/leg"
	"sotto/line"
	"sotto/queue"
	"sotto/route"
	"sotto/ticket"
)

// outgoing is what a journey knows of a call that the desk makes.
type outgoing struct {
	Outgoing
	grant    dial.Grant     // the right to dial, once
	taken    sotto.PersonID // the agent whom this call keeps from others; 0 when somebody else frees the agent
	agent    *picked        // who has lifted and does not talk yet; nil for nobody
	dialled  time.Time      // when the number was called; zero when it did not come to that
	cause    leg.Cause      // why nobody answered there
	reached  bool           // somebody answered
	accepted bool           // the agent took the callback
}

// about finds the line that calls and the case the call is about.
func (j *journey) about(ctx context.Context) (err error) {
	o, id := j.out, j.out.Line
	if o.promise != nil {
		if o.Ticket, err = j.caseOf(ctx, o.promise.Call); err != nil {
			return err
		}
	} else if o.Ticket != 0 {
		t, err := j.f.Tickets.Get(ctx, o.By, o.Ticket)
		if err != nil {
			return err
		}
		if t.Status == ticket.Closed {
			return sotto.Fail(sotto.Conflict, "This ticket is closed and takes no more comments. Call without it, and a new one is opened.")
		}
		if o.Number == "" {
			if o.Number, err = j.numberOf(ctx, t.Requester); err != nil {
				return err
			}
		}
		id = cmp.Or(id, t.Line)
	}
	if o.Number == "" {
		return sotto.FailField("number", "Say which number to call.")
	}
	if j.line, err = j.calling(ctx, id); err != nil {
		return err
	}
	j.locale = j.line.Locale
	return nil
}

// calling is the line that calls: the one that was named, or the only one that
// may. A promise binds the line that gave it, and whoever calls for help may
// call from any.
func (j *journey) calling(ctx context.Context, id sotto.LineID) (l line.Line, err error) {
	help := j.f.Gate.Emergency(j.out.Number)
	if id == 0 {
		return j.onlyLine(ctx, help)
	}
	l, err = j.f.Lines.Get(ctx, id)
	switch {
	case isNone(err) || err == nil && !l.DeletedAt.IsZero():
		return l, sotto.FailField("phone_number_id", "There is no such line. List the lines to see their numbers.")
	case err != nil || help || j.out.promise != nil:
		return l, err
	case !l.Voice || !l.Outbound:
		return l, sotto.FailField("phone_number_id", "This line does not call out. Choose another, or let an administrator allow it.")
	}
	return l, nil
}

// onlyLine is the one line that calls out; for help the first.
func (j *journey) onlyLine(ctx context.Context, help bool) (l line.Line, err error) {
	all, err := j.f.Lines.List(ctx)
	may := slices.DeleteFunc(all, func(l line.Line) bool { return !l.Voice || !l.Outbound && !help })
	switch {
	case err != nil:
		return l, err
	case len(may) == 0:
		return l, sotto.Fail(sotto.Conflict, "No line of this desk may call out. An administrator can allow it on a line.")
	case len(may) > 1 && !help:
		return l, sotto.FailField("phone_number_id", "Several lines may call out: say which one calls.")
	}
	return may[0], nil
}

// numberOf is the number of the person a case is about.
func (j *journey) numberOf(ctx context.Context, id sotto.PersonID) (string, error) {
	if id == 0 {
		return "", nil // withheld
	}
	p, err := j.f.People.Get(ctx, id)
	return p.Phone(), err
}

// caseOf is the case of the call that was left for a promise; 0 for none. It
// waits for the end of that call, whose case is written with it: who was
// promised a call a moment ago still hears the good-bye.
func (j *journey) caseOf(ctx context.Context, id sotto.CallID) (sotto.TicketID, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("flow: a call that was left for a promise does not end"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for id != 0 {
		r, err := j.f.Calls.Get(ctx, id)
		switch {
		case isNone(err):
			return 0, nil
		case err != nil || !r.EndedAt.IsZero():
			return r.Ticket, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return 0, nil
}

// allow asks the gate. A promise that the gate does not let keep is given up,
// or put off where only the day's caps are in the way.
func (j *journey) allow(ctx context.Context) (err error) {
	o := j.out
	o.grant, err = j.f.Gate.Authorize(ctx, dial.Attempt{By: o.By, Path: o.path(), Number: o.Number, Purpose: o.Purpose})
	if why := dial.ReasonOf(err); err != nil && o.promise != nil && why != "" {
		j.f.Log.Warn("flow: the gate does not let a promise to call back be kept", "line", int64(j.line.ID), "reason", string(why))
		if why == dial.DeskCalls || why == dial.DeskMinutes || why == dial.DeskCost {
			err = o.promise.NotReached(ctx)
		} else {
			err = j.breakPromise(ctx, why)
		}
		if err == nil {
			err = errSettled
		}
		return err
	}
	return err
}

// breakPromise gives up a promise that the gate does not let keep, and says so
// on the case of the call that was left.
func (j *journey) breakPromise(ctx context.Context, why dial.Reason) error {
	if id := j.out.Ticket; id != 0 {
		says := ticket.CommentDraft{Body: j.f.words.Text(j.line.Locale, "ticket.callback.refused") + "\n" + j.f.words.Text(j.line.Locale, why.Words())}
		if _, err := j.f.Tickets.Comment(ctx, sotto.Desk(), id, says); err != nil {
			j.f.Log.Warn("flow: that a promise to call back is not kept could not be written", "ticket", int64(id), "err", err)
		}
	}
	return j.out.promise.Kept(ctx)
}

// errSettled ends what was settled already, in good order.
var errSettled = errors.New("flow: settled")

// take keeps the agent from everybody else. Who writes up the last call and
// makes another has finished writing. The queue has taken the agent of a
// promise already, and frees the agent unless the promise is accepted.
func (j *journey) take(ctx context.Context) (who agent.Candidate, err error) {
	o := j.out
	if o.promise != nil {
		return o.promise.Candidate, nil
	}
	if who, err = j.f.Agents.Reach(ctx, o.Agent); err != nil {
		return who, err
	}
	if err := j.f.Agents.EndWrapUp(ctx, o.By, o.Agent); err != nil {
		return who, err
	}
	if !j.f.Agents.Take(who.Person) {
		return who, sotto.Fail(sotto.Conflict, "This agent is on another call.")
	}
	o.taken = who.Person
	return who, nil
}

// made is a call that the desk makes, before anybody talks.
type made struct {
	agent  sotto.PersonID
	cancel context.CancelCauseFunc
}

// untilTalk lets the agent give the call up by an order. talks ends that; the
// second call does nothing.
func (j *journey) untilTalk(ctx context.Context) (_ context.Context, talks func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	j.f.mu.Lock()
	defer j.f.mu.Unlock()
	j.f.made[j.call.ID] = made{j.out.Agent, cancel}
	return ctx, func() {
		j.f.mu.Lock()
		defer j.f.mu.Unlock()
		delete(j.f.made, j.call.ID)
	}
}

// giveUp ends a call that the desk makes, before anybody talks: all that can be
// ordered there.
func (f *Flow) giveUp(actor sotto.Actor, id sotto.CallID, c Command) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.made[id]
	switch {
	case !ok:
		return sotto.Fail(sotto.NotFound, "There is no such call under way.")
	case !actor.Shell && actor.Person != m.agent:
		return sotto.Fail(sotto.Denied, "You are not in this call.")
	case c.Do != HangUp:
		return sotto.Fail(sotto.Conflict, "Nobody talks in this call yet. You can hang up.")
	}
	m.cancel(call.Because(call.AgentGaveUp))
	return nil
}

// lift rings the agent's own telephones: the agent, who hears it ring there
// next, has to be on before anybody outside is disturbed.
func (j *journey) lift(ctx context.Context, who agent.Candidate) (*picked, error) {
	o := j.out
	ring := j.f.Times.Offer
	if o.promise != nil {
		ring = o.promise.Ring
	}
	a, cause := j.ring(ctx, queue.Offer{Candidate: who, Ring: ring}, call.Leg{Kind: call.AgentLeg, Part: call.ByDialling})
	switch {
	case a != nil && o.promise != nil:
		o.promise.Accepted()
		o.accepted, o.taken = true, who.Person
	case a != nil:
		j.f.Agents.Talking(who.Person)
	case cause == leg.Shutdown:
		return nil, call.Because(call.Shutdown)
	case o.promise != nil && (cause == leg.Rejected || cause == leg.BusyHere):
		o.promise.Declined()
	case o.promise != nil:
		o.promise.Missed()
	}
	switch {
	case a != nil:
		o.agent = a
		return a, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, call.Because(call.AgentNotReached)
}

// callOut calls the number while the agent hears it ring; the agent who hangs
// up gives the call up. The context it returns ends with the leg of who was
// called, and when the longest time of the call is over.
func (j *journey) callOut(ctx context.Context, a *picked) (_ context.Context, release func(), err error) {
	o := j.out
	o.dialled = j.f.Clock()
	ring, stop := endsWith(ctx, a.leg)
	defer stop()
	l, err := j.ringTo(ring, a.leg, o.grant)
	if err != nil {
		o.cause = leg.CauseOf(err)
		switch {
		case a.leg.Cause() != "":
			o.cause = leg.Cancelled
			return ctx, func() {}, j.gaveUp(a)
		case ctx.Err() != nil:
			return ctx, func() {}, context.Cause(ctx)
		case o.cause == leg.BusyHere || o.cause == leg.Rejected || o.cause == leg.NoAnswer || o.cause == leg.Unreachable:
			_ = a.leg.Media().Play(ring, busyTone(), false) // courtesy: the call is over either way
		}
		return ctx, func() {}, call.Because(call.NotReachedBy(o.cause))
	}
	j.caller, j.answered, o.reached = l, j.f.Clock(), true
	j.f.Metrics.Legs.Add(1)
	j.call.Answered(j.answered)
	ctx, release = endsWith(ctx, l)
	if most := o.grant.Max(); most > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, most, call.Because(call.TimeLimit))
		end := release
		ctx, release = limited, func() { cancel(); end() }
	}
	if o.promise != nil {
		if err := o.promise.Kept(context.WithoutCancel(ctx)); err != nil {
			j.f.Log.Error("flow: that a promise to call back was kept could not be written", "call", int64(j.call.ID), "err", err)
		}
	}
	return ctx, release, nil
}

// gaveUp is the end by an agent who left before anybody talked.
func (j *journey) gaveUp(a *picked) error {
	switch a.leg.Cause() {
	case leg.Shutdown:
		return call.Because(call.Shutdown)
	case leg.HungUp, leg.Released, leg.Cancelled:
		return call.Because(call.AgentGaveUp)
	case leg.Fault:
		return call.Because(call.Failed)
	}
	return call.Because(call.AgentLost)
}

// askCalled tells who was called about recording and lets them decide, as the
// line demands. The agent hears the notice too.
func (j *journey) askCalled(ctx context.Context, a *picked) error {
	both, release := endsWith(ctx, a.leg)
	defer release()
	quiet := j.during(both, "notice", func(ctx context.Context) error {
		if c := j.line.Consent.Notice(); c != "" {
			_ = a.leg.Media().Play(ctx, j.sound(ctx, c).Clip, false)
		}
		return nil
	})
	err := j.ask(both)
	quiet()
	if err != nil && ctx.Err() == nil && a.leg.Cause() != "" {
		return j.gaveUp(a)
	}
	return err
}

// handOver leads who was called and is without an agent now to the line's
// queue: they were given to a group, or the agent's telephone was lost.
func (j *journey) handOver(ctx context.Context) error {
	to := route.Follow(j.line, j.f.Clock())
	if to.Kind != route.Agents {
		to = route.Destination{Kind: route.Agents, Overflow: to.Kind, Beyond: to.External, InHours: to.InHours, Ring: j.line.Ring, Wait: j.line.Wait}
	}
	to.Wait = cmp.Or(to.Wait, time.Minute)
	if err := j.serve(ctx, to); !errors.Is(err, errNobody) {
		return err
	}
	return j.instead(ctx, to)
}

// settleCall ends what only a call that the desk makes has: the agent who waits
// for an answer is let go, the right to dial is settled, and a promise that was
// not kept is put off.
func (j *journey) settleCall(why call.Reason) (err error) {
	o, ctx := j.out, context.Background()
	if a := o.agent; a != nil {
		hangup(a.leg, why.Cause())
		j.f.Metrics.Legs.Add(-1)
		j.call.AddLeg(call.Leg{
			Kind: call.AgentLeg, Part: call.ByDialling, Person: a.who.Person, StartedAt: a.startedAt, AnsweredAt: a.answerAt,
			EndedAt: j.f.Clock(), Cause: a.leg.Cause(), Quality: quality(a.leg),
		})
		err = j.settle(rung{grant: a.grant, since: a.since})
	}
	if o.taken != 0 && (o.agent != nil || !o.reached) {
		j.f.Agents.Free(o.taken, false)
	}
	if o.grant.ID() != 0 {
		talked := time.Duration(0)
		if o.reached {
			talked = j.f.Clock().Sub(j.answered)
		}
		err = errors.Join(err, j.f.Gate.Done(ctx, o.grant, talked))
	}
	if o.accepted && !o.reached {
		err = errors.Join(err, o.promise.NotReached(ctx))
	}
	return err
}

// theirs reports whether the case a call is about is another person's than
// who was called.
func (j *journey) theirs(tx *db.Tx) (bool, error) {
	t, err := j.f.Tickets.Load(tx, j.out.Ticket)
	return t.Requester != j.call.Person, err
}
