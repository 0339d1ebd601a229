package flow_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/flow"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/person"
	"sotto/ticket"
)

// ringing is what a party hears of a number that is called.
const ringing = 425

// reaches lets the trunk reach somebody who hums once ring is closed.
func (d *desk) reaches(t *testing.T, ring <-chan struct{}) <-chan *legtest.Party {
	t.Helper()
	out := make(chan *legtest.Party, 8)
	d.trunkIs(func(ctx context.Context, _ string) (leg.Leg, error) {
		select {
		case <-ring:
		case <-ctx.Done():
			return nil, &leg.EndError{Cause: leg.Cancelled}
		}
		p := legtest.Take(t, d.engine)
		p.Hum(callerHz)
		out <- p
		return p, nil
	})
	return out
}

func (d *desk) trunkIs(f func(ctx context.Context, number string) (leg.Leg, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trunk = f
}

// fails is a trunk that reaches nobody.
func fails(cause leg.Cause) func(context.Context, string) (leg.Leg, error) {
	return func(context.Context, string) (leg.Leg, error) { return nil, &leg.EndError{Cause: cause} }
}

func at(p <-chan *legtest.Party, t *testing.T) *legtest.Party {
	t.Helper()
	select {
	case l := <-p:
		return l
	case <-time.After(10 * time.Second):
		t.Fatal("the number was not called")
		return nil
	}
}

func now() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// asks lets an agent ask for a call.
func (d *desk) asks(t *testing.T, w *worker, o flow.Outgoing) sotto.CallID {
	t.Helper()
	o.By = sotto.Actor{Person: w.id, Role: sotto.Agent}
	id, err := d.flow.Call(context.Background(), o)
	check(t, err)
	return id
}

// TestAgentCallsANumber goes from the click to the ticket: the agent's
// telephone rings first, the agent hears the number ring, both talk, it is
// recorded after the notice, and the number is a person once.
func TestAgentCallsANumber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent, s.WrapUp, s.WrapUpLimit = line.Always, true, time.Minute })
		w := d.hire(t, nil)
		answers := make(chan struct{})
		called := d.reaches(t, answers)
		id := d.asks(t, w, flow.Outgoing{Line: d.line.ID, Number: "01 99 00 56 78"})
		a := w.answer(t)
		a.Hum(agentHz)
		eventually(t, "the agent hears it ring", func() bool { return a.HeardTone(ringing) })
		if n := d.bytesOnDisk(t); n != 0 {
			t.Errorf("%d bytes of sound while it rang", n)
		}
		close(answers)
		p := at(called, t)
		eventually(t, "who was called is told of the recording", func() bool { return p.HeardTone(pitch(line.ConsentAlways)) })
		eventually(t, "both hear each other", func() bool { return p.Hears(agentHz) && a.Hears(callerHz) })
		d.in(t, call.Connected)
		eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
		if d.agents.Busy() != 1 {
			t.Error("the agent is not busy")
		}
		p.HangUp(leg.HungUp)
		d.flow.Wait()
		if got := a.Gone(t); got != leg.Released {
			t.Errorf("the agent's leg ended for %q", got)
		}
		r := d.record(t)
		if r.ID != id || r.Direction != call.Outbound || r.Reason != call.CallerHungUp || r.Agent != w.id || r.Number != camille || r.Person == 0 || r.ConnectedAt.IsZero() {
			t.Errorf("call: %+v", r)
		}
		d.wantLegs(t, r.ID, w.id)
		d.wantRecording(t, r, callerHz, agentHz)
		tk := d.wantTicket(t, r, "Appel à "+camille, "La ligne Accueil ("+front+") a appelé "+camille, "La personne appelée a raccroché", "enregistré")
		if tk.Via != ticket.ByOutbound || tk.Requester != r.Person {
			t.Errorf("ticket: %+v", tk)
		}
		if d.agents.Take(w.id) {
			t.Error("there is no wrap-up after the call")
		}
		if n := d.count(t, "SELECT COUNT(*) FROM dial_attempt WHERE path = 'click' AND agent_id = $1 AND ended_at IS NOT NULL", int64(w.id)); n != 1 {
			t.Errorf("%d settled attempts", n)
		}
		d.asks(t, w, flow.Outgoing{Number: camille}) // which ends the wrap-up; the line is the only one
		at(called, t).HangUp(leg.HungUp)
		d.flow.Wait()
		if n := d.count(t, "SELECT COUNT(*) FROM person WHERE role = 'end-user'"); n != 1 {
			t.Errorf("%d people for one number", n)
		}
	})
}

// TestEveryWayACallOutEndsHasItsReason lets calls fail at each step.
func TestEveryWayACallOutEndsHasItsReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		agent   func(context.Context) (leg.Leg, error) // nil answers
		trunk   func(context.Context, string) (leg.Leg, error)
		hangsUp bool // the agent, while it rings
		want    call.Reason
		subject string // of the ticket; "" is none
	}{
		{name: "busy", trunk: fails(leg.BusyHere), want: call.CalledBusy, subject: "Appel à " + camille + ", sans réponse"},
		{name: "rejected", trunk: fails(leg.Rejected), want: call.CalledRejected, subject: "Appel à " + camille + ", sans réponse"},
		{name: "not answered", trunk: fails(leg.NoAnswer), want: call.NotAnswered, subject: "Appel à " + camille + ", sans réponse"},
		{name: "no network", trunk: fails(leg.Unreachable), want: call.NotReached, subject: "Appel à " + camille + ", sans réponse"},
		{name: "a bug in the trunk", trunk: func(context.Context, string) (leg.Leg, error) { panic("trunk") }, want: call.NotReached, subject: "Appel à " + camille + ", sans réponse"},
		{name: "the agent gives up", trunk: silentTrunk, hangsUp: true, want: call.AgentGaveUp, subject: "Appel à " + camille + ", sans réponse"},
		{name: "the agent does not answer", agent: func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.NoAnswer} }, trunk: silentTrunk, want: call.AgentNotReached},
		{name: "the agent's telephone is busy", agent: func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.BusyHere} }, trunk: silentTrunk, want: call.AgentNotReached},
		{name: "a bug in the agent's telephone", agent: func(context.Context) (leg.Leg, error) { panic("telephone") }, trunk: silentTrunk, want: call.AgentNotReached},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, dbtest.SQLite(t))
			w := d.hire(t, c.agent)
			d.trunkIs(c.trunk)
			d.asks(t, w, flow.Outgoing{Number: camille})
			if c.hangsUp {
				a := w.answer(t)
				eventually(t, "it rings", func() bool { return a.HeardTone(ringing) })
				a.HangUp(leg.HungUp)
			}
			d.flow.Wait()
			r := d.record(t)
			if r.Reason != c.want || r.Direction != call.Outbound || !r.AnsweredAt.IsZero() || !r.ConnectedAt.IsZero() {
				t.Errorf("call: %+v, want %s", r, c.want)
			}
			if c.subject == "" {
				if n := d.count(t, "SELECT COUNT(*) FROM ticket"); n != 0 || r.Ticket != 0 {
					t.Errorf("%d tickets of a call that nobody outside heard of", n)
				}
			} else if tk, err := d.tickets.Get(context.Background(), admin, r.Ticket); err != nil || tk.Subject != c.subject || tk.Assignee != w.id {
				t.Errorf("ticket: %+v, %v", tk, err)
			}
			if !d.agents.Take(w.id) {
				t.Error("the agent is not free")
			}
			d.agents.Free(w.id, false)
			if n := d.count(t, "SELECT COUNT(*) FROM dial_attempt WHERE ended_at IS NULL"); n != 0 {
				t.Errorf("%d rights to dial were not settled", n)
			}
			if n := d.bytesOnDisk(t); n != 0 {
				t.Errorf("%d bytes of sound", n)
			}
		})
	}
}

func silentTrunk(ctx context.Context, _ string) (leg.Leg, error) { return silent(ctx) }

// TestAgentCallsAboutACase writes the call on the case it is about, for the
// number of the case's person and for another's.
func TestAgentCallsAboutACase(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	d.set(t, func(s *line.Settings) { s.Consent = line.Always })
	id, err := d.people.Create(ctx, admin, person.Draft{Name: "Camille Exemple", Phones: []string{camille}})
	check(t, err)
	tk, err := d.tickets.Open(ctx, admin, ticket.Draft{Requester: id, Via: ticket.ByAPI, Subject: "Une question", Line: d.line.ID})
	check(t, err)
	w := d.hire(t, nil)
	called := d.reaches(t, now())
	d.asks(t, w, flow.Outgoing{Ticket: tk.ID})
	p, a := at(called, t), w.answer(t)
	a.Hum(agentHz)
	d.in(t, call.Connected)
	eventually(t, "it is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
	p.HangUp(leg.HungUp)
	d.flow.Wait()
	r := d.record(t)
	if r.Ticket != tk.ID || r.Person != id {
		t.Errorf("call: %+v", r)
	}
	if all, err := d.recordings.ByCall(ctx, admin, r.ID); err != nil || len(all) != 1 || all[0].Ticket != tk.ID {
		t.Errorf("recordings: %+v, %v", all, err)
	}
	const other = "+33199004321"
	d.asks(t, w, flow.Outgoing{Ticket: tk.ID, Number: other})
	at(called, t).HangUp(leg.HungUp)
	d.flow.Wait()
	if n := d.count(t, "SELECT COUNT(*) FROM ticket"); n != 1 {
		t.Errorf("%d tickets", n)
	}
	comments, _, err := d.tickets.Comments(ctx, admin, tk.ID, ticket.Page{})
	check(t, err)
	if len(comments) != 2 || comments[0].Call != r.ID {
		t.Fatalf("comments: %+v", comments)
	}
	for i, want := range []string{"a appelé " + camille, "a appelé un numéro extérieur"} {
		if !strings.Contains(comments[i].Body, want) {
			t.Errorf("comment %d does not say %q:\n%s", i, want, comments[i].Body)
		}
	}
	if strings.Contains(comments[1].Body, other) {
		t.Error("another person's number stands in the case")
	}
}

// TestCallsThatAreRefusedRingNobody asks for what is not to be had.
func TestCallsThatAreRefusedRingNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	w := d.hire(t, func(context.Context) (leg.Leg, error) { t.Error("the agent was rung"); return silent(ctx) })
	d.trunkIs(func(context.Context, string) (leg.Leg, error) { t.Error("the number was called"); return silent(ctx) })
	check(t, d.people.Object(ctx, admin, d.someone(t, camille), person.Marketing))
	s := line.Defaults()
	s.Number, s.Name, s.Locale, s.Outbound = "+33199001235", "Muet", "fr", false
	mute, err := d.lines.Create(ctx, admin, s)
	check(t, err)
	self := sotto.Actor{Person: w.id, Role: sotto.Agent}
	for _, c := range []struct {
		name string
		o    flow.Outgoing
		kind sotto.Kind
		why  dial.Reason
	}{
		{"a number that costs", flow.Outgoing{By: self, Number: "+33899001234"}, sotto.Denied, dial.PremiumNumber},
		{"another country", flow.Outgoing{By: self, Number: "+442079460958"}, sotto.Denied, dial.Country},
		{"somebody who objected", flow.Outgoing{By: self, Number: camille, Purpose: dial.Marketing}, sotto.Denied, dial.Objection},
		{"no number", flow.Outgoing{By: self}, sotto.Invalid, ""},
		{"a line that does not call out", flow.Outgoing{By: self, Number: camille, Line: mute.ID}, sotto.Invalid, ""},
		{"no such line", flow.Outgoing{By: self, Number: camille, Line: 999}, sotto.Invalid, ""},
		{"no such case", flow.Outgoing{By: self, Number: camille, Ticket: 999}, sotto.NotFound, ""},
		{"another's telephone", flow.Outgoing{By: self, Agent: w.id + 1, Number: camille}, sotto.Denied, ""},
		{"an end user", flow.Outgoing{By: sotto.Actor{Person: w.id, Role: sotto.EndUser}, Number: camille}, sotto.Denied, ""},
		{"nobody", flow.Outgoing{By: sotto.Operator(), Number: camille}, sotto.Invalid, ""},
		{"no such agent", flow.Outgoing{By: sotto.Operator(), Agent: 999, Number: camille}, sotto.NotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.flow.Call(ctx, c.o)
			if err == nil || sotto.KindOf(err) != c.kind || dial.ReasonOf(err) != c.why || sotto.SayOf(err) == "" {
				t.Errorf("Call: %v (%v)", err, sotto.KindOf(err))
			}
		})
	}
	if !d.agents.Take(w.id) {
		t.Fatal("the agent is not free")
	}
	if _, err := d.flow.Call(ctx, flow.Outgoing{By: self, Number: camille}); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("an agent on a call: %v", err)
	}
	d.agents.Free(w.id, false)
	if n := d.count(t, "SELECT COUNT(*) FROM call") + d.count(t, "SELECT COUNT(*) FROM dial_attempt WHERE ended_at IS NULL"); n != 0 {
		t.Errorf("%d calls and rights to dial", n)
	}
}

// someone is a person with a number.
func (d *desk) someone(t *testing.T, number string) sotto.PersonID {
	t.Helper()
	id, err := d.people.Create(context.Background(), admin, person.Draft{Name: "Camille Exemple", Phones: []string{number}})
	check(t, err)
	return id
}

// TestWhoIsCalledDecidesAboutRecording refuses with key 3, and the agent who
// leaves during the question ends the call.
func TestWhoIsCalledDecidesAboutRecording(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.OptOut })
	w := d.hire(t, nil)
	called := d.reaches(t, now())
	d.asks(t, w, flow.Outgoing{Number: camille})
	p, a := at(called, t), w.answer(t)
	a.Hum(agentHz)
	eventually(t, "the agent hears the question too", func() bool { return a.HeardTone(pitch(line.ConsentOptOut)) })
	p.Press('3')
	eventually(t, "both hear each other", func() bool { return p.Hears(agentHz) && a.Hears(callerHz) })
	d.in(t, call.Connected)
	a.HangUp(leg.HungUp)
	d.flow.Wait()
	if n := d.bytesOnDisk(t); n != 0 {
		t.Errorf("%d bytes of sound of somebody who refused", n)
	}
	r := d.record(t)
	if r.Reason != call.AgentHungUp || r.Consent != "refused" {
		t.Errorf("call: %+v", r)
	}
	d.wantTicket(t, r, "Appel à "+camille, "n'a pas souhaité être enregistrée")
	d.asks(t, w, flow.Outgoing{Number: camille})
	p, a = at(called, t), w.answer(t)
	d.in(t, call.Consenting)
	a.HangUp(leg.HungUp)
	d.flow.Wait()
	if got := p.Gone(t); got != leg.Released {
		t.Errorf("who was called was let go for %q", got)
	}
	if n := d.count(t, "SELECT COUNT(*) FROM call WHERE reason = 'agent-gave-up'"); n != 1 {
		t.Error("the agent did not give the call up")
	}
}

// TestCallOutIsGivenToAGroupAndHeld uses what a conversation can do in a call
// that the desk made.
func TestCallOutIsGivenToAGroupAndHeld(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	g, err := d.agents.AddGroup(ctx, admin, "Accueil")
	check(t, err)
	w := d.hire(t, nil)
	check(t, d.agents.SetState(ctx, admin, w.id, agent.Away))
	other := d.hire(t, nil)
	called := d.reaches(t, now())
	id := d.asks(t, w, flow.Outgoing{Number: camille})
	p, a := at(called, t), w.answer(t)
	a.Hum(agentHz)
	c := &conversation{desk: d, t: t, worker: w, caller: p, agent: a, call: d.in(t, call.Connected)}
	c.hear(p, "they talk", agentHz)
	c.do(flow.Command{Do: flow.Hold})
	c.hear(a, "nobody is heard on hold")
	c.do(flow.Command{Do: flow.Resume})
	c.do(flow.Command{Do: flow.Transfer, Group: g.ID})
	b := other.answer(t)
	b.Hum(otherHz)
	c.hear(p, "the group's agent talks", otherHz)
	b.HangUp(leg.HungUp)
	d.flow.Wait()
	if r := d.record(t); r.ID != id || r.Reason != call.AgentHungUp || r.Agent != other.id {
		t.Errorf("call: %+v", r)
	}
	p.Gone(t)
}

// TestAgentGivesACallUpByAnOrder hangs up while the agent's own telephone rings
// and while the number does; nobody else may.
func TestAgentGivesACallUpByAnOrder(t *testing.T) {
	t.Parallel()
	for name, ring := range map[string]func(context.Context) (leg.Leg, error){"at the agent's": silent, "outside": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, ctx := newDesk(t, dbtest.SQLite(t)), context.Background()
			w := d.hire(t, ring)
			d.trunkIs(silentTrunk)
			id := d.asks(t, w, flow.Outgoing{Number: camille})
			if ring == nil {
				a := w.answer(t)
				eventually(t, "it rings", func() bool { return a.HeardTone(ringing) })
			}
			self := sotto.Actor{Person: w.id, Role: sotto.Agent}
			for _, c := range []struct {
				by   sotto.Actor
				do   flow.Order
				kind sotto.Kind
			}{{sotto.Actor{Person: w.id + 1, Role: sotto.Agent}, flow.HangUp, sotto.Denied}, {self, flow.Hold, sotto.Conflict}} {
				if err := d.flow.Command(ctx, c.by, id, flow.Command{Do: c.do}); sotto.KindOf(err) != c.kind {
					t.Errorf("%s: %v", c.do, err)
				}
			}
			check(t, d.flow.Command(ctx, self, id, flow.Command{Do: flow.HangUp}))
			d.flow.Wait()
			if r := d.record(t); r.Reason != call.AgentGaveUp {
				t.Errorf("reason %s", r.Reason)
			}
			if err := d.flow.Command(ctx, self, id, flow.Command{Do: flow.HangUp}); sotto.KindOf(err) != sotto.NotFound {
				t.Errorf("a call that is over: %v", err)
			}
		})
	}
}

// TestHelpIsCalledFromAnyLine calls an emergency number where no line calls
// out: it is nobody's number, and no cap counts.
func TestHelpIsCalledFromAnyLine(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Outbound = false })
	w := d.hire(t, nil)
	called := d.reaches(t, now())
	d.asks(t, w, flow.Outgoing{Number: "112"})
	at(called, t).HangUp(leg.HungUp)
	d.flow.Wait()
	r := d.record(t)
	if r.Person != 0 || r.Number != "112" || r.Ticket == 0 {
		t.Errorf("call: %+v", r)
	}
	if n := d.count(t, "SELECT COUNT(*) FROM person WHERE role = 'end-user'"); n != 0 {
		t.Errorf("%d people", n)
	}
}
