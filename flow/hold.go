package flow

import (
	"context"
	"time"

	"sotto"
	"sotto/call"
	"sotto/leg"
)

// hold lets the caller hear music and nobody hear the caller.
func (t *talk) hold() error {
	if t.asked != nil {
		return sotto.Fail(sotto.Conflict, "Somebody is being asked: swap, merge or transfer.")
	}
	t.move(t.caller(), onHold)
	return nil
}

// resume brings the caller back. Whoever was asked meanwhile, or is rung, is
// let go.
func (t *talk) resume() error {
	if r := t.ringing; r != nil && (r.part == call.Consultation || r.wish != nil) {
		r.cancel()
	}
	if p := t.asked; p != nil {
		t.asked = nil
		t.remove(p, leg.Released)
	}
	t.move(t.caller(), talking)
	return nil
}

// mute lets nobody hear an agent, the recording included.
func (t *talk) mute(p *party, on bool) {
	p.muted = on
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	if t.j.muted == nil {
		t.j.muted = map[sotto.PersonID]bool{}
	}
	t.j.muted[p.person] = on
	if r := t.j.recorder; r != nil {
		r.Mute(p.person, on)
	}
}

// unmute lets an agent who comes in again be heard.
func (t *talk) unmute(p *party) {
	t.j.mu.Lock()
	was := t.j.muted[p.person]
	t.j.mu.Unlock()
	if was {
		t.mute(p, false)
	}
}

// swap lets the agent talk to the other of the two.
func (t *talk) swap() error {
	if t.asked == nil {
		return sotto.Fail(sotto.Conflict, "Nobody is being asked.")
	}
	c, p := t.caller(), t.asked
	if c.place == onHold {
		t.move(c, talking)
		t.move(p, onHold)
		return nil
	}
	t.move(c, onHold)
	t.move(p, talking)
	return nil
}

// merge makes a conference of the caller, the agent and whom the agent asked.
func (t *talk) merge() error {
	p := t.asked
	if p == nil {
		return sotto.Fail(sotto.Conflict, "Nobody is being asked.")
	}
	t.move(p, talking)
	t.asked, p.part = nil, call.Conference
	t.move(t.caller(), talking)
	t.tapeNew(p)
	return nil
}

// leave lets the others go on without the agent.
func (t *talk) leave(by *party) error {
	if len(t.others()) < 2 || t.asked != nil {
		return sotto.Fail(sotto.Conflict, "The caller would be alone: transfer the call, or hang up.")
	}
	t.remove(by, leg.Released)
	t.handover()
	t.noAgentLeft()
	return nil
}

// handover writes whose call it is now, when that is another agent's.
func (t *talk) handover() {
	agents := t.agents()
	if len(agents) == 0 {
		return
	}
	now := agents[0].person
	t.j.agent = now
	t.aside("handover", func() error { return t.j.f.Calls.Handover(context.Background(), t.j.call, now) })
}

// tapeNew lets the recording hear an agent who has come in.
func (t *talk) tapeNew(p *party) {
	if p.kind == call.AgentLeg {
		t.aside("record", func() error { return t.j.recordAgent(context.Background(), p) })
	}
}

// beep plays a tone to some parties, one after the other being no matter.
// Nobody waits for it.
func (t *talk) beep(one *party, more []*party) {
	for _, p := range append([]*party{one}, more...) {
		t.j.aside("beep", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = p.leg.Media().Play(ctx, t.j.f.Lines.Beep(), false) // courtesy
			return nil
		})
	}
}
