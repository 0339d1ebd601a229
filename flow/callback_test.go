package flow_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"sotto/agent"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/queue"
	"sotto/ticket"
)

// TestPromiseToCallBackIsKept rings the agent whose turn it is and then who
// waits; who does not answer is tried again later.
func TestPromiseToCallBackIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	d.queue.Handle(d.flow.CallBack)
	busy := d.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.BusyHere} })
	w := d.hire(t, nil)
	called := d.reaches(t, now())
	ask := func(number string) {
		t.Helper()
		_, err := d.queue.Request(ctx, admin, queue.DemandOf(d.line, 0), number)
		check(t, err)
	}
	ask(camille)
	a := w.answer(t)
	a.Hum(agentHz)
	p := at(called, t)
	eventually(t, "both hear each other", func() bool { return p.Hears(agentHz) && a.Hears(callerHz) })
	d.in(t, call.Connected)
	p.HangUp(leg.HungUp)
	d.flow.Wait()
	if n := d.count(t, "SELECT COUNT(*) FROM callback"); n != 0 {
		t.Errorf("%d promises are left", n)
	}
	check(t, d.agents.SetState(ctx, admin, busy.id, agent.Offline))
	all, err := d.calls.List(ctx, call.Filter{})
	check(t, err)
	r := all[slices.IndexFunc(all, func(r call.Record) bool { return r.Reason == call.CallerHungUp })]
	if r.Direction != call.Outbound || r.Agent != w.id || r.Ticket == 0 {
		t.Errorf("call: %+v", r)
	}
	d.wantTicket(t, r, "Appel à "+camille, "a rappelé "+camille)

	d.trunkIs(fails(leg.NoAnswer))
	ask(camille)
	eventually(t, "the attempt is counted", func() bool { return d.count(t, "SELECT COUNT(*) FROM callback WHERE attempts = 1") == 1 })
	d.flow.Wait()
	d.exec(t, "UPDATE callback SET expires_at = 1")
	if n, err := d.queue.Expire(ctx); err != nil || n != 1 {
		t.Errorf("Expire = %d, %v", n, err)
	}
	ask("+33899001234")
	eventually(t, "what the gate refuses is given up", func() bool { return d.count(t, "SELECT COUNT(*) FROM callback") == 0 })
}

// TestCallerWhoLeavesTheQueueIsCalledBack goes from the key in the queue to the
// call back, on one case; the agent who is free at once calls nobody who still
// hears the good-bye.
func TestCallerWhoLeavesTheQueueIsCalledBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	d.queue.Handle(d.flow.CallBack)
	d.plays(t, line.CallbackOffer, 1450)
	d.plays(t, line.CallbackConfirmed, 1550)
	d.set(t, func(s *line.Settings) { s.Callback = true })
	var left atomic.Bool
	answered := make(chan *legtest.Party, 8)
	d.hire(t, func(ctx context.Context) (leg.Leg, error) {
		if !left.Load() {
			return silent(ctx)
		}
		p := legtest.Take(t, d.engine)
		answered <- p
		return p, nil
	})
	called := d.reaches(t, now())
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	eventually(t, "the offer", func() bool { return p.HeardTone(1450) })
	left.Store(true)
	p.Press('1')
	done(t, over)
	if !p.HeardTone(1550) {
		t.Error("the caller was not told that the place is kept")
	}
	a, back := at(answered, t), at(called, t)
	a.Hum(agentHz)
	eventually(t, "both hear each other", func() bool { return back.Hears(agentHz) && a.Hears(callerHz) })
	d.in(t, call.Connected)
	back.HangUp(leg.HungUp)
	d.flow.Wait()
	all, err := d.calls.List(ctx, call.Filter{})
	check(t, err)
	if len(all) != 2 || all[0].Reason != call.CallbackPromised || all[1].Reason != call.CallerHungUp || all[0].Ticket == 0 || all[1].Ticket != all[0].Ticket ||
		all[1].Person != all[0].Person {
		t.Fatalf("calls: %+v", all)
	}
	if !all[1].StartedAt.Before(all[0].EndedAt) {
		return
	}
	t.Error("the agent was rung for somebody who was still on the line")
}

// TestPromiseThatMayNotBeKeptIsToldOnTheCase promises a call to a country that
// is not called.
func TestPromiseThatMayNotBeKeptIsToldOnTheCase(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	d.plays(t, line.CallbackOffer, 1450)
	d.set(t, func(s *line.Settings) { s.Callback = true })
	p, over := d.call(t, leg.Caller{Number: "+442079460958"}, front)
	eventually(t, "the offer", func() bool { return p.HeardTone(1450) })
	p.Press('1')
	done(t, over)
	d.hire(t, func(ctx context.Context) (leg.Leg, error) { t.Error("the agent was rung"); return silent(ctx) })
	d.queue.Handle(d.flow.CallBack)
	eventually(t, "the promise is given up", func() bool { return len(d.queue.Waiting()) == 0 })
	d.flow.Wait()
	r := d.record(t)
	comments, _, err := d.tickets.Comments(ctx, admin, r.Ticket, ticket.Page{})
	check(t, err)
	if len(comments) != 2 || comments[1].Public || comments[1].Body != "Un rappel avait été promis, mais il n'est pas permis.\nCe standard n'appelle pas ce pays. Un administrateur peut l'autoriser." {
		t.Errorf("comments: %+v", comments)
	}
}
