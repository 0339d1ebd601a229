package flow_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/route"
)

// serve lets somebody call, and returns which of the workers was rung and
// answered. The caller hangs up then.
func (d *desk) serve(t *testing.T, keys string, all ...*worker) *worker {
	t.Helper()
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	for _, k := range []byte(keys) {
		d.in(t, call.Menu)
		p.Press(k)
	}
	var who *worker
	var a *legtest.Party
	eventually(t, "an agent is rung", func() bool {
		for _, w := range all {
			select {
			case a = <-w.party:
				who = w
			default:
			}
		}
		return who != nil
	})
	d.in(t, call.Connected)
	p.HangUp(leg.HungUp)
	done(t, over)
	a.Gone(t)
	return who
}

func TestAgentsTakeTheTurnThatTheLineSays(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	a, b := d.hire(t, nil), d.hire(t, nil)
	d.set(t, func(s *line.Settings) { s.Turn = line.RoundRobin })
	first := d.serve(t, "", a, b)
	second := d.serve(t, "", a, b)
	// Whoever is to be next was on a call of its own a moment ago: by idle time
	// it would be the other's turn.
	next := first
	if !d.agents.Take(next.id) {
		t.Fatal("the agent is busy")
	}
	d.agents.Free(next.id, true)
	if third := d.serve(t, "", a, b); first == second || third != next {
		t.Error("round robin: the agents are not rung in turn")
	}
	d.set(t, func(s *line.Settings) { s.Turn = line.LongestIdle })
	idle := second
	if got := d.serve(t, "", a, b); got != idle {
		t.Error("longest idle: who took the last call is rung again")
	}
}

func TestCallersReachAgentsWithTheSkillsOfTheLineAndTheMenu(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	skill := func(name string, all ...*worker) sotto.SkillID {
		k, err := d.agents.AddSkill(ctx, admin, name)
		check(t, err)
		for _, w := range all {
			check(t, d.agents.GiveSkill(ctx, admin, w.id, k.ID))
		}
		return k.ID
	}
	a, b, none := d.hire(t, nil), d.hire(t, nil), d.hire(t, nil)
	french, german := skill("français", a, b), skill("Deutsch", b)
	d.set(t, func(s *line.Settings) { s.Skills = []sotto.SkillID{french} })
	d.withMenus(t, func(p *route.Plan) {
		same := p.Menus[0].Routes[0].Options.GroupIDs
		p.Menus[0].Routes = append(p.Menus[0].Routes, route.Route{
			Keypress: "9", Way: route.Way{Action: route.ToGroup, Options: route.Options{GroupIDs: same, SkillIDs: []sotto.SkillID{german}}},
		})
	})
	for range 2 {
		if w := d.serve(t, "9", a, b, none); w != b {
			t.Error("key 9 asks for German and French: another was rung")
		}
	}
	if w := d.serve(t, "1", a, b, none); w != a {
		t.Error("key 1 asks for French, longest idle: another was rung")
	}
	check(t, d.agents.SetState(ctx, admin, a.id, agent.Offline), d.agents.SetState(ctx, admin, b.id, agent.Offline))
	d.set(t, func(s *line.Settings) { s.RelaxSkills = time.Second })
	if w := d.serve(t, "1", a, b, none); w != none {
		t.Error("after a second the skills do not count: nobody else was rung")
	}
	_, err := d.lines.Update(ctx, admin, d.line.ID, func(s *line.Settings) error { s.Skills = []sotto.SkillID{4711}; return nil })
	if sotto.FieldOf(err) != "skill_ids" {
		t.Errorf("a skill that is not there: %v", err)
	}
	check(t, d.agents.RemoveSkill(ctx, admin, french))
	if l, err := d.lines.Get(ctx, d.line.ID); err != nil || len(l.Skills) != 0 {
		t.Errorf("the line asks for a skill that is gone: %v, %v", l.Skills, err)
	}
}

func TestLineOfOneAgentRingsNobodyElse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Voicemail = false })
	a := d.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.BusyHere} })
	other := d.hire(t, nil)
	check(t, d.agents.SetDirect(context.Background(), admin, d.line.ID, a.id))
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	done(t, over)
	if !p.HeardTone(pitch(line.Unavailable)) || len(other.party) != 0 {
		t.Error("a colleague was rung, or the caller was left in silence")
	}
	r := d.record(t)
	legs, err := d.calls.Legs(context.Background(), r.ID)
	check(t, err)
	i := slices.IndexFunc(legs, func(l call.Leg) bool { return l.Person == a.id })
	if r.Reason != call.NoAgent || r.Overdue || i < 0 || legs[i].Completion() != call.AgentDeclined {
		t.Errorf("%+v\n%+v", r, legs)
	}
}

func TestQueueOfALineHasASize(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.MaxQueue, s.Voicemail = 1, false })
	first, over := d.call(t, leg.Caller{Number: camille}, front)
	d.in(t, call.Queued)
	second, full := d.call(t, leg.Caller{Number: "+33199005679"}, front)
	done(t, full)
	if !second.HeardTone(pitch(line.Unavailable)) || second.HeardTone(pitch(line.Wait)) && len(d.queue.Waiting()) != 1 {
		t.Error("the second caller was let in")
	}
	first.HangUp(leg.HungUp)
	done(t, over)
	d.set(t, func(s *line.Settings) { s.MaxQueue = 0 })
	third, over := d.call(t, leg.Caller{Number: "+33199005680"}, front)
	done(t, over) // nobody is free at once, so nobody waits
	if !third.HeardTone(pitch(line.Unavailable)) {
		t.Error("a line that lets nobody wait did")
	}
}

func TestDeclinedAndMissedOffersCountForTheAgent(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Ring, s.Wait, s.Voicemail = 5*time.Second, 12*time.Second, false })
	rings := 0
	w := d.hire(t, func(ctx context.Context) (leg.Leg, error) {
		if rings++; rings == 1 {
			return nil, &leg.EndError{Cause: leg.Rejected}
		}
		<-ctx.Done()
		return nil, &leg.EndError{Cause: leg.NoAnswer}
	})
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	d.in(t, call.Queued)
	ctx := context.Background()
	figures := func() agent.Figures {
		check(t, d.agents.Settle(ctx))
		all, err := d.agents.Today(ctx)
		check(t, err)
		return all[slices.IndexFunc(all, func(f agent.Figures) bool { return f.Person == w.id })]
	}
	eventually(t, "both are counted", func() bool { f := figures(); return f.Denied == 1 && f.Missed >= 1 && f.Accepted == 0 })
	p.HangUp(leg.HungUp)
	done(t, over)
}

func TestLineWithANumberOutsideDoesNotWaitForAgentsWhoAreAllGone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Voicemail, s.Overflow, s.Wait = false, "+33199009876", time.Minute })
	w := d.hire(t, nil)
	check(t, d.agents.SetState(context.Background(), admin, w.id, agent.Offline))
	called := d.reaches(t, now())
	began := time.Now()
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	out := at(called, t)
	if waited := time.Since(began); waited > 20*time.Second {
		t.Errorf("the caller waited for %v", waited)
	}
	d.in(t, call.Connected)
	p.HangUp(leg.HungUp)
	done(t, over)
	out.Gone(t)
	if r := d.record(t); !r.Overflowed || r.Overdue {
		t.Errorf("%+v", r.Tally)
	}
}
