package flow_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/flow"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/recording"
)

// page is an agent's browser: it may be reloaded, and is told of holds.
type page struct {
	*legtest.Party
	away chan bool
	held atomic.Bool
}

func (p *page) Away() <-chan bool { return p.away }
func (p *page) SetHeld(on bool)   { p.held.Store(on) }

// onPage lets an agent answer on a page.
func (d *desk) onPage(t *testing.T, w *worker) chan *page {
	t.Helper()
	pages := make(chan *page, 8)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phones[w.device] = func(context.Context) (leg.Leg, error) {
		p := &page{Party: legtest.Take(t, d.engine), away: make(chan bool, 1)}
		pages <- p
		return p, nil
	}
	return pages
}

// press presses keys as a finger does, one after the other.
func press(p *legtest.Party, keys string) {
	for _, k := range []byte(keys) {
		p.Press(k)
		<-time.After(120 * time.Millisecond)
	}
}

func TestCallerHearsMusicWhileTheAgentsPageIsReloaded(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w, _ := c.another(otherHz)
	pages := c.onPage(t, w)
	c.do(flow.Command{Do: flow.Transfer, Agent: w.id})
	p := <-pages
	p.Hum(otherHz)
	c.hear(c.caller, "the agent on the page", otherHz)
	me := sotto.Actor{Person: w.id, Role: sotto.Agent}
	for range 2 {
		p.away <- true
		c.hear(c.caller, "nobody")
		eventually(t, "music", func() bool { return loudness(c.caller.Heard()) > 500 })
		show, _ := c.flow.Conversation(context.Background(), c.call.ID)
		if got := show.Parties[1].Place; got != "away" {
			t.Errorf("the agent is %s", got)
		}
		began := time.Now()
		p.away <- false
		c.hear(c.caller, "the agent is back", otherHz)
		c.hear(p.Party, "the caller is back", callerHz)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("back in audio after %v", took)
		}
	}
	check(t, c.flow.Command(context.Background(), me, c.call.ID, flow.Command{Do: flow.Hold}))
	eventually(t, "the page is told of the hold", p.held.Load)
	check(t, c.flow.Command(context.Background(), me, c.call.ID, flow.Command{Do: flow.Resume}))
	eventually(t, "the page is told of its end", func() bool { return !p.held.Load() })
	if r, _ := c.end(); r.Reason != call.CallerHungUp {
		t.Errorf("%+v", r)
	}
}

func TestCallOfAPageThatStaysAwayGoesBackToTheHeadOfTheQueue(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w, _ := c.another(otherHz)
	ctx := context.Background()
	check(t, c.agents.SetState(ctx, admin, w.id, agent.TransfersOnly))
	pages := c.onPage(t, w)
	c.do(flow.Command{Do: flow.Transfer, Agent: w.id})
	p := <-pages
	p.Hum(otherHz)
	c.hear(c.caller, "the agent on the page", otherHz)
	p.away <- true
	eventually(t, "music", func() bool { return loudness(c.caller.Heard()) > 500 })
	p.HangUp(leg.PeerLost) // as the page's leg does after its 30 s
	again := c.worker.answer(t)
	again.Hum(agentHz)
	c.hear(c.caller, "an agent again", agentHz)
	if r, _ := c.end(); r.Reason != call.CallerHungUp || r.Agent != c.worker.id {
		t.Errorf("%+v", r)
	}
}

func TestAgentMakesACallPrivateByKeys(t *testing.T) {
	t.Parallel()
	c := converse(t)
	eventually(t, "it is recorded", func() bool { return c.bytesOnDisk(t) > 8000 })
	w := c.hire(t, nil)
	ctx, boss := context.Background(), sotto.Actor{Person: w.id, Role: sotto.Admin}
	check(t, c.flow.Command(ctx, boss, c.call.ID, flow.Command{Do: flow.Listen}))
	b := w.answer(t)
	c.hear(b, "the supervisor hears both", callerHz, agentHz)
	press(c.agent, "4**9")
	b.Gone(t)
	eventually(t, "the recording is shredded", func() bool { return c.bytesOnDisk(t) == 0 })
	if err := c.flow.Command(ctx, boss, c.call.ID, flow.Command{Do: flow.Listen}); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("somebody may listen to a private call: %v", err)
	}
	if show, _ := c.flow.Conversation(ctx, c.call.ID); !show.Private {
		t.Error("it is not shown")
	}
	check(t, c.flow.Command(ctx, sotto.Actor{Person: c.worker.id, Role: sotto.Agent}, c.call.ID, flow.Command{Do: flow.Private}))
	c.hear(c.caller, "the call goes on", agentHz)
	r, _ := c.end()
	all, err := c.recordings.ByCall(ctx, admin, r.ID)
	check(t, err)
	if len(all) != 1 || all[0].State != recording.Deleted {
		t.Errorf("%+v", all)
	}
	c.wantTicket(t, r, "Appel de "+camille)
	list, _, err := audit.New(c.db).List(ctx, admin, audit.Filter{Actions: []audit.Action{audit.Restrict}})
	if err != nil || len(list) != 1 {
		t.Errorf("the audit log has %d entries: %v", len(list), err)
	}
}

func TestAgentPausesTheRecordingByKeys(t *testing.T) {
	t.Parallel()
	c := converse(t)
	eventually(t, "it is recorded", func() bool { return c.bytesOnDisk(t) > 8000 })
	paused := func() bool {
		show, _ := c.flow.Conversation(context.Background(), c.call.ID)
		return show.Paused
	}
	for _, want := range []bool{true, false} {
		press(c.agent, "**1")
		eventually(t, "the keys are heeded", func() bool { return paused() == want })
	}
	if r, _ := c.end(); r.Pauses != 1 {
		t.Errorf("%+v", r)
	}
}
