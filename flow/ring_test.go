package flow_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
)

// mobile is an agent's number outside in these tests.
const mobile = "+33199007777"

// away is an agent's telephone that says the agent is at another number.
func away(to string) func(context.Context) (leg.Leg, error) {
	return func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.Moved, To: to} }
}

// outside lets the trunk answer at once and tells which number was called and
// who is there.
func (d *desk) outside(t *testing.T) chan *legtest.Party {
	out := make(chan *legtest.Party, 8)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trunk = func(_ context.Context, number string) (leg.Leg, error) {
		if number != mobile {
			t.Error("the trunk was asked for another number")
		}
		p := legtest.Take(t, d.engine)
		out <- p
		return p, nil
	}
	return out
}

func (d *desk) refusals(t *testing.T) int {
	t.Helper()
	list, _, err := audit.New(d.db).List(context.Background(), admin, audit.Filter{Source: audit.Dial, Actions: []audit.Action{audit.Refuse}})
	check(t, err)
	return len(list)
}

func TestAgentAtANumberOutsideTakesTheCallWithAKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	out, gone := d.outside(t), make(chan struct{})
	w := d.hire(t, func(ctx context.Context) (leg.Leg, error) {
		defer close(gone)
		return silent(ctx)
	})
	ctx := context.Background()
	_, err := d.agents.AddForward(ctx, sotto.Actor{Person: w.id, Role: sotto.Agent}, w.id, "01 99 00 77 77")
	check(t, err)
	caller, over := d.call(t, leg.Caller{Number: camille}, front)
	caller.Hum(callerHz)
	far := <-out
	far.Hum(agentHz)
	eventually(t, "the agent is told", func() bool { return loudness(far.Heard()) > 2000 })
	far.Press('2')
	if far.Hears(callerHz) || caller.Hears(agentHz) || d.flow.Live() != 1 {
		t.Error("they hear each other before the key")
	}
	far.Press('1')
	eventually(t, "both hear each other", func() bool { return caller.Hears(agentHz) && far.Hears(callerHz) })
	<-gone
	caller.HangUp(leg.HungUp)
	done(t, over)
	if r := d.record(t); r.Agent != w.id || r.Reason != call.CallerHungUp {
		t.Errorf("%+v", r)
	}
	if u, err := d.gate.Used(ctx, w.id); err != nil || u.Calls != 0 || u.Seconds == 0 || u.Seconds > 60 {
		t.Errorf("the account of the day: %+v, %v", u, err)
	}
}

func TestPrivateVoicemailOfAnAgentSwallowsNoCaller(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Ring = 5 * time.Second })
	out := d.outside(t)
	w := d.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.Unreachable} })
	_, err := d.agents.AddForward(context.Background(), admin, w.id, mobile)
	check(t, err)
	caller, over := d.call(t, leg.Caller{Number: camille}, front)
	machine := <-out
	machine.Hum(otherHz) // please leave a message
	if cause := machine.Gone(t); cause != leg.NoAnswer {
		t.Errorf("the machine was let go for %q", cause)
	}
	if caller.HeardTone(otherHz) {
		t.Error("the caller heard the machine")
	}
	d.in(t, call.Queued)
	caller.HangUp(leg.HungUp)
	done(t, over)
	r := d.record(t)
	legs, err := d.calls.Legs(context.Background(), r.ID)
	check(t, err)
	if r.Wait == 0 || r.Overdue {
		t.Errorf("waited %v, overdue %v", r.Wait, r.Overdue)
	}
	if r.Reason != call.AbandonedInQueue || !slices.ContainsFunc(legs, func(l call.Leg) bool { return l.Person == w.id && l.Cause == leg.NoAnswer }) {
		t.Errorf("%+v %+v", r, legs)
	}
}

func TestTelephoneThatSaysElsewhereIsFollowedOnceThroughTheGate(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	out := d.outside(t)
	w := d.hire(t, away(mobile))
	caller, over := d.call(t, leg.Caller{Number: camille}, front)
	far := <-out
	far.Press('1')
	far.Hum(agentHz)
	eventually(t, "they talk", func() bool { return caller.Hears(agentHz) })
	far.HangUp(leg.HungUp)
	done(t, over)
	if r := d.record(t); r.Agent != w.id || r.Reason != call.AgentHungUp {
		t.Errorf("%+v", r)
	}
}

func TestCallGoesOnWhenTheGateRefusesWhereATelephoneSends(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{
		"abroad": "+12015550123", "premium": "+33899123456", "the desk itself": front, "help": "112", "a name": "alice",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, dbtest.SQLite(t))
			d.outside(t)
			d.hire(t, away(to))
			caller, over := d.call(t, leg.Caller{Number: camille}, front)
			eventually(t, "the refusal is in the audit log", func() bool { return d.refusals(t) > 0 })
			other := d.hire(t, nil)
			other.answer(t).Hum(otherHz)
			eventually(t, "somebody else takes the call", func() bool { return caller.Hears(otherHz) })
			caller.HangUp(leg.HungUp)
			done(t, over)
		})
	}
}

func TestNumberThatSendsOnIsNotFollowed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	asked := make(chan string, 8)
	d.mu.Lock()
	d.trunk = func(_ context.Context, number string) (leg.Leg, error) {
		asked <- number
		return nil, &leg.EndError{Cause: leg.Moved, To: "+33199006666"}
	}
	d.mu.Unlock()
	d.hire(t, away(mobile))
	caller, over := d.call(t, leg.Caller{Number: camille}, front)
	if n := <-asked; n != mobile {
		t.Error("another number was called first")
	}
	caller.HangUp(leg.HungUp)
	done(t, over)
	close(asked)
	for n := range asked {
		if n != mobile {
			t.Error("a redirection was followed twice")
		}
	}
}
