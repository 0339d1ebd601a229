package flow

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/dial"
	"sotto/leg"
)

// ringing is somebody who is rung from a conversation. The goroutine of run
// owns part; the rest does not change.
type ringing struct {
	kind   call.LegKind
	part   call.Part
	person sotto.PersonID
	by     *party
	watch  call.Watch
	grant  dial.Grant
	wish   *leg.Transfer // of the telephone of by, which waits for what comes of it; nil for none
	cause  leg.Cause     // why nobody answered
	cancel context.CancelFunc
}

// bring asks or adds somebody: a consultation puts the caller on hold at once,
// a conference goes on until the new one has answered.
func (t *talk) bring(by *party, c Command, grant dial.Grant) error {
	part := call.Conference
	if c.Do == Consult {
		if part = call.Consultation; t.asked != nil {
			return sotto.Fail(sotto.Conflict, "Somebody is being asked already.")
		}
	}
	if err := t.ring(by, part, c, grant); err != nil {
		return err
	}
	if part == call.Consultation {
		t.move(t.caller(), onHold)
	}
	return nil
}

// transfer gives the caller to whom was asked, or unasked to somebody: then
// the agent goes at once and the caller hears music while it rings. One who
// rings while an agent asks is waited for in the same way.
func (t *talk) transfer(by *party, c Command, grant dial.Grant) (err error) {
	defer func() {
		if err == nil {
			t.j.f.Agents.Count(by.person, agent.Tally{TransfersStarted: 1})
		}
	}()
	switch {
	case !c.rings() && t.asked != nil:
		t.remove(by, leg.Released)
		t.give(t.asked)
		return nil
	case !c.rings() && t.ringing != nil && t.ringing.part == call.Consultation:
		t.ringing.part = call.Transfer
	case !c.rings():
		return sotto.FailField("to", "Say to whom: an agent, a group or a number.")
	case t.asked != nil:
		return sotto.Fail(sotto.Conflict, "Somebody is being asked: transfer to them, or resume first.")
	case c.Group != 0:
		t.j.group = c.Group
		if c.wish != nil {
			c.wish.Done()
		}
		t.remove(by, leg.Released)
		t.over = errBack
		return nil
	default:
		if err := t.ring(by, call.Transfer, c, grant); err != nil {
			return err
		}
	}
	t.move(t.caller(), onHold)
	if c.wish != nil { // the telephone keeps its call until it is told that it may go
		t.move(by, onHold)
		return nil
	}
	t.remove(by, leg.Released)
	return nil
}

// give lets the caller and whom an agent asked talk.
func (t *talk) give(p *party) {
	t.move(p, talking)
	if t.asked == p {
		t.asked = nil
	}
	t.move(t.caller(), talking)
	t.tapeNew(p)
	t.handover()
	t.noAgentLeft()
	if p.kind == call.AgentLeg {
		t.j.f.Agents.Count(p.person, agent.Tally{TransfersAccepted: 1})
	}
}

// ring rings somebody beside the conversation.
func (t *talk) ring(by *party, part call.Part, c Command, grant dial.Grant) error {
	if t.ringing != nil {
		return sotto.Fail(sotto.Conflict, "Somebody is being rung already.")
	}
	r := &ringing{part: part, by: by, grant: grant, wish: c.wish}
	if grant.ID() != 0 {
		r.kind = call.ExternalLeg
		t.begin(r, "ring outside", func(ctx context.Context) error { return t.ringOutside(ctx, r) })
		return nil
	}
	who, err := t.whom(t.ctx, c)
	if err != nil {
		return err
	}
	r.kind, r.person = call.AgentLeg, who.Person
	t.begin(r, "ring", func(ctx context.Context) error { return t.ringAgent(ctx, r, who) })
	return nil
}

// begin lets r ring as long as an offer does.
func (t *talk) begin(r *ringing, step string, f func(context.Context) error) {
	var ctx context.Context
	ctx, r.cancel = context.WithTimeout(t.ctx, t.j.f.Times.Offer)
	t.ringing = r
	if r.wish != nil {
		r.wish.Ringing()
	}
	t.aside(step, func() error { return f(ctx) })
}

// whom finds the agent a command means and takes the agent for the call.
func (t *talk) whom(ctx context.Context, c Command) (agent.Candidate, error) {
	who, err := t.j.f.Agents.Reach(ctx, c.Agent)
	if err != nil {
		return who, err
	}
	if slices.ContainsFunc(t.parties, func(p *party) bool { return p.person == who.Person }) {
		return who, sotto.Fail(sotto.Conflict, "This agent is in the call already.")
	}
	if !t.j.f.Agents.Take(who.Person) {
		return who, sotto.Fail(sotto.Conflict, "This agent is on another call.")
	}
	return who, nil
}

func (t *talk) ringAgent(ctx context.Context, r *ringing, who agent.Candidate) error {
	defer r.cancel()
	a, cause := t.j.ringOne(ctx, who, r.part, r.byPerson())
	if a == nil {
		r.cause = cause
		t.j.f.Agents.Free(who.Person, false)
		t.post(func() { t.unanswered(r) })
		return nil
	}
	p := &party{
		leg: a.leg, kind: r.kind, person: who.Person, key: who.Key, by: r.byPerson(),
		started: a.startedAt, answered: a.answerAt, watch: r.watch, grant: a.grant, since: a.since,
	}
	if r.watch != "" {
		p.target = r.by
	}
	return t.bringIn(r, p)
}

func (t *talk) ringOutside(ctx context.Context, r *ringing) error {
	defer r.cancel()
	started := t.j.f.Clock()
	l, err := t.j.dialOut(ctx, r.grant)
	if err != nil {
		r.cause = leg.CauseOf(err)
		t.j.call.AddLeg(call.Leg{
			Kind: r.kind, Part: r.part, By: r.byPerson(), StartedAt: started, EndedAt: t.j.f.Clock(), Cause: r.cause,
		})
		done := t.j.f.Gate.Done(context.Background(), r.grant, 0)
		t.post(func() { t.unanswered(r) })
		return done
	}
	t.j.f.Metrics.Legs.Add(1)
	return t.bringIn(r, &party{leg: l, kind: r.kind, by: r.byPerson(), grant: r.grant, started: started, answered: t.j.f.Clock()})
}

func (r *ringing) byPerson() sotto.PersonID {
	if r.by == nil {
		return 0
	}
	return r.by.person
}

// bringIn hands one who has answered to the owner; nobody is there any more
// when the conversation is over.
func (t *talk) bringIn(r *ringing, p *party) error {
	in := make(chan struct{})
	if t.post(func() { t.arrived(r, p); close(in) }) {
		select {
		case <-in:
			return nil
		case <-t.done:
		}
		select {
		case <-in:
			return nil
		default:
		}
	}
	hangup(p.leg, leg.Cancelled)
	t.j.f.Metrics.Legs.Add(-1)
	return t.j.release(p)
}

// arrived brings in who has answered.
func (t *talk) arrived(r *ringing, p *party) {
	if t.ringing == r {
		t.ringing = nil
	}
	p.part = r.part
	t.add(p)
	switch r.part {
	case call.Monitoring:
		t.watching(p)
	case call.Consultation:
		t.asked = p
	case call.Transfer:
		if r.wish != nil {
			r.wish.Done()
			if slices.Contains(t.parties, r.by) {
				t.remove(r.by, leg.Released)
			}
		}
		t.give(p)
	default:
		t.tapeNew(p)
	}
}

// unanswered is what follows when nobody answered: a caller without anybody
// goes back to the queue.
func (t *talk) unanswered(r *ringing) {
	if t.ringing == r {
		t.ringing = nil
	}
	switch r.part {
	case call.Transfer:
		if r.wish != nil {
			r.wish.Failed(r.cause)
			if slices.Contains(t.parties, r.by) {
				t.move(r.by, talking)
			}
		}
		t.move(t.caller(), talking)
		if len(t.others()) == 0 {
			t.over = errBack
		}
	case call.Consultation:
		t.endConsultation()
	}
}

// endConsultation brings the caller back to the agent who asked.
func (t *talk) endConsultation() {
	t.asked = nil
	t.move(t.caller(), talking)
	if len(t.others()) == 0 && t.over == nil {
		t.over = errBack
	}
}

// wishes takes what an agent's telephone asks for with its transfer key
// (RFC 3515), as long as it is in the conversation. A leg through a trunk is
// never listened to, whoever is at its other end.
func (t *talk) wishes(p *party) {
	asks, able := p.leg.(leg.Transferor)
	if !able || p.kind != call.AgentLeg || p.grant.ID() != 0 {
		return
	}
	wishes := asks.Transfers()
	t.aside("transfer key", func() error {
		for {
			select {
			case w := <-wishes:
				if err := t.refer(p, w); err != nil {
					w.Failed(refusal(err))
					if sotto.KindOf(err) == sotto.Internal {
						return err
					}
				}
			case <-p.leg.Ended():
				return nil
			case <-t.done:
				return nil
			}
		}
	})
}

// refer gives the caller to whom the telephone of an agent dialled. The
// telephone keeps its call until somebody answers. Two calls of one telephone
// are not joined: an agent has one call at a time, and asks a colleague first
// with Consult.
func (t *talk) refer(p *party, w *leg.Transfer) error {
	if w.With != nil {
		return sotto.Fail(sotto.Denied, "Two calls of a telephone are not joined: ask the other first, then transfer.")
	}
	c, err := t.j.f.dialled(t.ctx, w.Number)
	if err != nil {
		return err
	}
	c.Do, c.wish = Transfer, w
	return t.order(t.ctx, sotto.Actor{Person: p.person, Role: sotto.Agent}, c)
}

// refusal is what a telephone is told when its transfer does not begin.
func refusal(err error) leg.Cause {
	switch sotto.KindOf(err) {
	case sotto.NotFound:
		return leg.Unreachable
	case sotto.Conflict:
		return leg.BusyHere
	}
	return leg.Rejected
}

// dialled reads whom an agent's telephone means: a colleague by the user name
// of the colleague's telephone (a12345678, or *12345678 on the keys), a group by
// its id (**4711), the number of a line of the desk, which stands for the agent
// or the first group it rings, or a number outside.
func (f *Flow) dialled(ctx context.Context, typed string) (c Command, err error) {
	ctx = context.WithoutCancel(ctx)
	if digits, ok := strings.CutPrefix(typed, "**"); ok {
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return c, sotto.Fail(sotto.NotFound, "There is no such group.")
		}
		g, err := f.Agents.Group(ctx, sotto.GroupID(id))
		return Command{Group: g.ID}, err
	}
	if digits, ok := strings.CutPrefix(typed, "*"); ok {
		c.Agent, err = f.Agents.Extension(ctx, "a"+digits)
		return c, err
	}
	if c.Agent, err = f.Agents.Extension(ctx, typed); !isNone(err) {
		return c, err
	}
	l, err := f.Lines.ByNumber(ctx, typed)
	if isNone(err) {
		return Command{Number: typed}, nil
	}
	if err != nil {
		return c, err
	}
	if c.Agent, err = f.Agents.Direct(ctx, l.ID); err != nil || c.Agent != 0 {
		return c, err
	}
	if len(l.Groups) > 0 {
		return Command{Group: l.Groups[0]}, nil
	}
	return Command{Number: typed}, nil // the gate says why not
}
