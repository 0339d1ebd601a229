package flow_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sotto/agent"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/person"
)

// deskPhone is a telephone with a transfer key.
type deskPhone struct {
	*legtest.Party
	keys chan *leg.Transfer
	news chan string // what the telephone is told of its transfer
}

func (p *deskPhone) Transfers() <-chan *leg.Transfer { return p.keys }

// transfer presses the transfer key.
func (p *deskPhone) transfer(number string, with leg.Leg) {
	p.keys <- leg.NewTransfer(number, with, func(ringing bool, failed leg.Cause) {
		switch {
		case ringing:
			p.news <- "ringing"
		case failed == "":
			p.news <- "done"
		default:
			p.news <- string(failed)
		}
	})
}

// withKey is a conversation whose agent has a telephone with a transfer key.
func withKey(t *testing.T) (*conversation, *deskPhone) {
	t.Helper()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.Always })
	phones := make(chan *deskPhone, 4)
	c := &conversation{desk: d, t: t}
	c.worker = d.hire(t, func(context.Context) (leg.Leg, error) {
		p := &deskPhone{legtest.Take(t, d.engine), make(chan *leg.Transfer, 1), make(chan string, 8)}
		phones <- p
		return p, nil
	})
	c.caller, c.over = d.call(t, leg.Caller{Number: camille}, front)
	c.caller.Hum(callerHz)
	p := <-phones
	p.Hum(agentHz)
	c.agent, c.call = p.Party, d.in(t, call.Connected)
	eventually(t, "both hear each other", func() bool { return c.caller.Hears(agentHz) && p.Hears(callerHz) })
	return c, p
}

func (p *deskPhone) isTold(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := <-p.news; got != w {
			t.Fatalf("the telephone is told %q, want %q", got, w)
		}
	}
}

// extension is what colleagues dial to reach an agent.
func (d *desk) extension(t *testing.T, w *worker) string {
	t.Helper()
	all, err := d.agents.Devices(context.Background(), w.id)
	check(t, err)
	return all[0].Username
}

func TestTransferKeyGivesTheCallToAColleague(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(c *conversation, w *worker) string{
		"by user name": func(c *conversation, w *worker) string { return c.extension(t, w) },
		"by keys":      func(c *conversation, w *worker) string { return "*" + strings.TrimPrefix(c.extension(t, w), "a") },
		"by direct line": func(c *conversation, w *worker) string {
			s := line.Defaults()
			s.Number, s.Name, s.Locale = "+33199001235", "Sacha", "fr"
			l, err := c.lines.Create(context.Background(), admin, s)
			check(t, err, c.agents.SetDirect(context.Background(), admin, l.ID, w.id))
			return "01 99 00 12 35"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, p := withKey(t)
			w, answer := c.another(otherHz)
			p.transfer(write(c, w), nil)
			other := answer()
			p.isTold(t, "ringing", "done")
			p.Gone(t)
			c.hear(c.caller, "the caller hears the colleague", otherHz)
			c.hear(other, "the colleague hears the caller", callerHz)
			r, legs := c.end()
			if r.Agent != w.id || !slices.ContainsFunc(legs, func(l call.Leg) bool { return l.Person == w.id && l.Part == call.Transfer && l.By == c.worker.id }) {
				t.Errorf("%+v %+v", r, legs)
			}
		})
	}
}

func TestTransferKeyToAGroupPutsTheCallerInItsQueue(t *testing.T) {
	t.Parallel()
	c, p := withKey(t)
	w, answer := c.another(otherHz)
	ctx := context.Background()
	_, err := c.agents.AddGroup(ctx, admin, "Accueil")
	check(t, err)
	g, err := c.agents.AddGroup(ctx, admin, "Ventes")
	check(t, err)
	_, err = c.agents.Enter(ctx, admin, w.id, g.ID)
	check(t, err)
	p.transfer("**"+strconv.FormatInt(int64(g.ID), 10), nil)
	p.isTold(t, "done")
	p.Gone(t)
	answer()
	c.hear(c.caller, "somebody of the group has the caller", otherHz)
	c.end()
}

func TestTransferKeyToANumberOutsideGoesThroughTheGate(t *testing.T) {
	t.Parallel()
	c, p := withKey(t)
	out := c.outside(t)
	for i, number := range []string{"+12015550123", "+33899123456", front, "3631", "nobody"} {
		p.transfer(number, nil)
		p.isTold(t, string(leg.Rejected))
		if n := c.refusals(t); n != i+1 {
			t.Errorf("%d refusals in the audit log, want %d", n, i+1)
		}
		c.hear(c.caller, "the call goes on", agentHz)
	}
	p.transfer("01 99 00 77 77", nil)
	far := <-out
	far.Hum(otherHz)
	p.isTold(t, "ringing", "done")
	p.Gone(t)
	c.hear(c.caller, "the number outside has the caller", otherHz)
	far.HangUp(leg.HungUp)
	done(t, c.over)
	if r := c.record(t); r.Reason != call.ExternalHungUp {
		t.Errorf("%+v", r)
	}
}

func TestTransferThatFailsLeavesTheCallWithTheTelephone(t *testing.T) {
	t.Parallel()
	c, p := withKey(t)
	busy := c.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.BusyHere} })
	p.transfer(c.extension(t, busy), nil)
	p.isTold(t, "ringing", string(leg.BusyHere))
	c.hear(c.caller, "the caller is back", agentHz)
	c.hear(c.agent, "the agent hears the caller", callerHz)
	for _, nobody := range []string{"*1", "**1", "**x"} {
		p.transfer(nobody, nil)
		p.isTold(t, string(leg.Unreachable))
	}
	p.transfer("", p.Party) // joined with another call
	p.isTold(t, string(leg.Rejected))
	gone := c.hire(t, nil)
	check(t, c.agents.SetState(context.Background(), admin, gone.id, agent.Offline))
	name := c.extension(t, gone)
	yes := true
	check(t, c.people.Update(context.Background(), admin, gone.id, person.Change{Suspended: &yes}))
	p.transfer(name, nil)
	p.isTold(t, string(leg.Rejected))
	c.hear(c.caller, "the call goes on", agentHz)
	if r, _ := c.end(); r.Agent != c.worker.id {
		t.Errorf("%+v", r)
	}
}

func TestTelephoneThatHangsUpDuringItsTransferHasGivenTheCall(t *testing.T) {
	t.Parallel()
	c, p := withKey(t)
	rings, pick := make(chan struct{}), make(chan struct{})
	var other *legtest.Party
	w := c.hire(t, func(context.Context) (leg.Leg, error) {
		close(rings)
		<-pick
		other = legtest.Take(t, c.engine)
		other.Hum(otherHz)
		return other, nil
	})
	p.transfer(c.extension(t, w), nil)
	<-rings
	p.HangUp(leg.HungUp)
	close(pick)
	c.hear(c.caller, "the colleague has the caller", otherHz)
	if r, _ := c.end(); r.Agent != w.id {
		t.Errorf("%+v", r)
	}
}
