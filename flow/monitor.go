package flow

import (
	"context"
	"time"

	"sotto"
	"sotto/call"
	"sotto/leg"
)

// supervise lets a supervisor listen to the call, whisper to its agent or talk
// in it. One supervisor at a time; who is in it already changes the way.
func (t *talk) supervise(actor sotto.Actor, c Command) error {
	now := t.supervisor()
	switch {
	case c.Do == Quit && now == nil:
		return sotto.Fail(sotto.Conflict, "Nobody listens to this call.")
	case c.Do == Quit:
		t.remove(now, leg.Released)
		return nil
	case now != nil && now.person != actor.Person && !actor.Shell:
		return sotto.Fail(sotto.Conflict, "Somebody else listens to this call already.")
	case now != nil:
		return t.rewatch(actor, now, call.Watch(c.Do))
	case t.j.isPrivate():
		return sotto.Fail(sotto.Conflict, "This call is private. Nobody may listen to it.")
	case t.ringing != nil:
		return sotto.Fail(sotto.Conflict, "Somebody is being rung already.")
	case len(t.agents()) == 0:
		return sotto.Fail(sotto.Conflict, "No agent is in this call.")
	}
	id := actor.Person
	if id == 0 {
		id = c.Agent
	}
	who, err := t.whom(t.ctx, Command{Agent: id})
	if err != nil {
		return err
	}
	r := &ringing{kind: call.SupervisorLeg, part: call.Monitoring, person: id, by: t.agents()[0], watch: call.Watch(c.Do)}
	t.begin(r, "ring", func(ctx context.Context) error { return t.ringAgent(ctx, r, who) })
	return nil
}

// supervisor is who listens now; nil for nobody.
func (t *talk) supervisor() *party {
	for _, p := range t.parties {
		if p.kind == call.SupervisorLeg {
			return p
		}
	}
	return nil
}

// watching writes that a supervisor is on, before anything is heard: who
// cannot be written down does not listen.
func (t *talk) watching(p *party) {
	if t.j.isPrivate() { // made so while the supervisor was rung
		t.remove(p, leg.Released)
		return
	}
	if err := t.note(sotto.Actor{Person: p.person, Role: sotto.Admin}, p); err != nil {
		t.j.f.Log.Error("flow: who listens could not be written; nobody does", "call", int64(t.j.call.ID), "err", err)
		t.remove(p, leg.Released)
		return
	}
	if p.watch == call.Barge {
		t.beep(t.caller(), t.others())
	}
}

// rewatch changes the way a supervisor is in the call.
func (t *talk) rewatch(actor sotto.Actor, p *party, to call.Watch) error {
	if p.watch == to {
		return nil
	}
	was := p.watch
	t.unwatch(p)
	p.watch = to
	if err := t.note(actor, p); err != nil {
		p.watch = was
		t.remove(p, leg.Released)
		return err
	}
	if to == call.Barge {
		t.beep(t.caller(), t.others())
	}
	return nil
}

// note writes a row of the monitoring history and the audit entry.
func (t *talk) note(actor sotto.Actor, p *party) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.watchID, err = t.j.f.Calls.BeginMonitoring(ctx, t.j.f.Audit, actor, call.Monitored{
		Call: t.j.call.ID, Ticket: t.j.call.Ticket(), Agent: p.target.person, Supervisor: p.person, Action: p.watch,
	})
	return err
}

// unwatch writes that a supervisor listens no more.
func (t *talk) unwatch(p *party) {
	if id := p.watchID; id != 0 {
		p.watchID = 0
		t.aside("monitoring", func() error { return t.j.f.Calls.EndMonitoring(context.Background(), id) })
	}
}
