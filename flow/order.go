package flow

import (
	"context"
	"time"

	"sotto"
	"sotto/call"
	"sotto/dial"
	"sotto/leg"
	"sotto/recording"
)

// Order is something to do in a conversation, a word of a closed list.
type Order string

// The orders. The first ones are for the agents in it, the last four for
// supervisors of another's call.
const (
	Hold            Order = "hold"       // the caller hears music
	Resume          Order = "resume"     // and is back; whoever was asked meanwhile is let go
	Mute            Order = "mute"       // nobody hears the agent
	Unmute          Order = "unmute"     //
	Consult         Order = "consult"    // ask somebody while the caller is on hold
	Swap            Order = "swap"       // talk to the other of the two
	Merge           Order = "merge"      // all three talk
	Conference      Order = "conference" // add somebody
	Transfer        Order = "transfer"   // give the caller to somebody, or to whom was asked
	Leave           Order = "leave"      // the others go on
	HangUp          Order = "hangup"     // end the call
	PauseRecording  Order = "pause"      //
	ResumeRecording Order = "continue"   //
	StopRecording   Order = "stop"       // record no more in this call
	Private         Order = "private"    // not recorded, and nobody listens; what was recorded is shredded
	Listen          Order = "listen"     // hear everybody
	Whisper         Order = "whisper"    // be heard by the agent alone
	Barge           Order = "barge"      // be heard by everybody
	Quit            Order = "quit"       // listen no more
)

// Orders returns every order.
func Orders() []Order {
	return []Order{
		Hold, Resume, Mute, Unmute, Consult, Swap, Merge, Conference, Transfer, Leave, HangUp, PauseRecording, ResumeRecording,
		StopRecording, Private, Listen, Whisper, Barge, Quit,
	}
}

// supervises reports whether an order is a supervisor's.
func (o Order) supervises() bool { return o == Listen || o == Whisper || o == Barge || o == Quit }

// Command is an order with whom it is about: at most one of Agent, Group and
// Number, for Consult, Conference and Transfer.
type Command struct {
	Do     Order
	Agent  sotto.PersonID
	Group  sotto.GroupID
	Number string // as it was typed

	wish *leg.Transfer // of an agent's telephone that gives the order; nil for none
}

// rings reports whether a command needs somebody to be rung.
func (c Command) rings() bool { return c.Agent != 0 || c.Group != 0 || c.Number != "" }

// Command does something in a call under way. It returns when it is done, or
// when it rings where somebody is asked or added; Live shows what came of it.
// It fails with sotto.NotFound when there is no such conversation,
// sotto.Denied when actor may not, and sotto.Conflict when it does not fit. A
// call that the desk makes takes HangUp also before anybody talks.
func (f *Flow) Command(ctx context.Context, actor sotto.Actor, id sotto.CallID, c Command) (err error) {
	defer sotto.Wrap(&err, "flow.Command(%d, %s)", id, c.Do)
	t := f.conversation(id)
	if t == nil {
		return f.giveUp(actor, id, c)
	}
	return t.order(ctx, actor, c)
}

// order asks whether actor may, gets the right to dial where a number outside
// is meant, and lets the owner obey.
func (t *talk) order(ctx context.Context, actor sotto.Actor, c Command) (err error) {
	f := t.j.f
	if err := t.ask(ctx, func() error { return t.may(actor, c) }); err != nil {
		return err
	}
	var grant dial.Grant
	if c.Number != "" {
		path := dial.Transfer
		switch {
		case c.wish != nil:
			path = dial.Refer
		case c.Do == Conference:
			path = dial.Conference
		}
		if grant, err = f.Gate.Authorize(ctx, dial.Attempt{By: actor, Path: path, Number: c.Number}); err != nil {
			return err
		}
	}
	err = t.ask(ctx, func() error {
		if err := t.may(actor, c); err != nil {
			return err
		}
		return t.obey(actor, c, grant)
	})
	if err != nil && grant.ID() != 0 {
		_ = f.Gate.Done(context.WithoutCancel(ctx), grant, 0) // it counts as used until the next start: the caps stay on the safe side
	}
	return err
}

// ask lets the owner do f and waits for what comes of it.
func (t *talk) ask(ctx context.Context, f func() error) error {
	answer := make(chan error, 1)
	gone := sotto.Fail(sotto.Conflict, "The call is over.")
	if !t.post(func() { answer <- f() }) {
		return gone
	}
	select {
	case err := <-answer:
		return err
	case <-t.done:
		return gone
	case <-ctx.Done():
		return ctx.Err()
	}
}

// may decides who may order what: an agent in the call, the operator in the
// agent's place, and supervisors in calls that are not their own.
func (t *talk) may(actor sotto.Actor, c Command) error {
	own := t.agentOf(actor)
	switch {
	case c.Do.supervises() && !actor.IsSupervisor():
		return sotto.Fail(sotto.Denied, "Only team leads and administrators may listen to another's call.")
	case c.Do.supervises() && actor.Person != 0 && own != nil:
		return sotto.Fail(sotto.Conflict, "This is your own call.")
	case !c.Do.supervises() && own == nil:
		return sotto.Fail(sotto.Denied, "You are not in this call.")
	}
	return nil
}

// agentOf is the agent who orders: actor's own party, for the operator the
// one whose call it is; nil when there is none.
func (t *talk) agentOf(actor sotto.Actor) *party {
	for _, p := range t.agents() {
		if p.person == actor.Person || actor.Shell && actor.Person == 0 {
			return p
		}
	}
	return nil
}

// obey does it.
func (t *talk) obey(actor sotto.Actor, c Command, grant dial.Grant) error {
	by := t.agentOf(actor)
	switch c.Do {
	case Hold:
		return t.hold()
	case Resume:
		return t.resume()
	case Mute, Unmute:
		t.mute(by, c.Do == Mute)
		return nil
	case Consult, Conference:
		return t.bring(by, c, grant)
	case Swap:
		return t.swap()
	case Merge:
		return t.merge()
	case Transfer:
		return t.transfer(by, c, grant)
	case Leave:
		return t.leave(by)
	case HangUp:
		t.over = call.Because(call.AgentHungUp)
		return nil
	case PauseRecording, ResumeRecording:
		return t.pause(actor, c.Do == PauseRecording)
	case StopRecording:
		t.aside("stop", func() error { return t.j.endRecording(recording.NoReason) })
		return nil
	case Private:
		return t.setPrivate(actor)
	case Listen, Whisper, Barge, Quit:
		return t.supervise(actor, c)
	}
	return sotto.FailField("order", "There is no such order.")
}

// Party is one leg of a conversation as Live shows it.
type Party struct {
	Kind   call.LegKind
	Part   call.Part
	Person sotto.PersonID // 0 for the caller and for a number outside
	Place  string         // talking, hold, away or ringing
	Muted  bool
	Watch  call.Watch // of a supervisor
	Since  time.Time  // when it answered
}

// Conversation is what Live shows of a call in which somebody talks.
type Conversation struct {
	Parties []Party
	Paused  bool // the recording, by an agent
	Private bool // an agent made it so
}

// Conversation returns who is in a call; false when nobody talks in it now.
func (f *Flow) Conversation(ctx context.Context, id sotto.CallID) (c Conversation, ok bool) {
	t := f.conversation(id)
	if t == nil {
		return c, false
	}
	shown := make(chan Conversation, 1)
	err := t.ask(ctx, func() error {
		shown <- t.show()
		return nil
	})
	if err != nil {
		return c, false
	}
	return <-shown, true
}

func (t *talk) show() (c Conversation) {
	c.Paused, c.Private = t.paused, t.j.isPrivate()
	for _, p := range t.parties {
		where := p.place
		if p.away {
			where = away
		}
		c.Parties = append(c.Parties, Party{p.kind, p.part, p.person, string(where), p.muted, p.watch, p.answered})
	}
	if r := t.ringing; r != nil {
		c.Parties = append(c.Parties, Party{Kind: r.kind, Part: r.part, Person: r.person, Place: "ringing", Watch: r.watch})
	}
	return c
}

// enter makes a conversation known to those who order.
func (f *Flow) enter(id sotto.CallID, t *talk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.talks[id] = t
}

func (f *Flow) leave(id sotto.CallID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.talks, id)
}

func (f *Flow) conversation(id sotto.CallID) *talk {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.talks[id]
}
