package flow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/db/dbtest"
	"sotto/flow"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
)

// TestEverybodyHangsUpAtEveryMomentOfCallsOut lets the agent, who was called
// and the network leave at any moment of a call that the desk makes. Every call
// must have one row, one end and at most one ticket, and nothing may be left:
// no agent busy, no port open, no right to dial, no recording unfinished.
func TestEverybodyHangsUpAtEveryMomentOfCallsOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent, s.Wait = line.OptOut, time.Second })
	var mu sync.Mutex
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	source := rand.New(rand.NewPCG(seed, 2))
	rng := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return source.IntN(n)
	}
	called := d.clerk(t, rng)
	d.trunkIs(func(ctx context.Context, _ string) (leg.Leg, error) { return called(ctx) })
	const agents, many = 6, 8
	var all sync.WaitGroup
	for i := range agents {
		w := d.hire(t, d.clerk(t, rng))
		all.Go(func() {
			for n := range many {
				_, err := d.flow.Call(context.Background(), flow.Outgoing{
					By: sotto.Actor{Person: w.id, Role: sotto.Agent}, Number: fmt.Sprintf("+3319900%04d", 6000+100*i+n),
				})
				if kind := sotto.KindOf(err); err != nil && kind != sotto.Conflict {
					t.Error(err)
				}
				<-time.After(time.Duration(rng(500)) * time.Millisecond)
			}
		})
	}
	all.Wait()
	d.flow.Wait()
	for what, query := range map[string]string{
		"calls that have not ended":       "SELECT COUNT(*) FROM call WHERE ended_at IS NULL OR reason = '' OR state <> 'ended'",
		"calls that failed":               "SELECT COUNT(*) FROM call WHERE reason = 'failed'",
		"calls without a leg":             "SELECT COUNT(*) FROM call WHERE id NOT IN (SELECT call_id FROM call_leg)",
		"calls that are not outgoing":     "SELECT COUNT(*) FROM call WHERE direction <> 'outbound'",
		"calls heard outside, no ticket":  "SELECT COUNT(*) FROM call WHERE ticket_id IS NULL AND reason <> 'agent-not-reached'",
		"calls that nobody heard, ticket": "SELECT COUNT(*) FROM call WHERE ticket_id IS NOT NULL AND reason = 'agent-not-reached'",
		"tickets without a comment":       "SELECT COUNT(*) FROM ticket WHERE id NOT IN (SELECT ticket_id FROM comment)",
		"tickets with two calls":          "SELECT COUNT(*) FROM call a JOIN call b ON a.ticket_id = b.ticket_id AND a.id < b.id",
		"recordings still written":        "SELECT COUNT(*) FROM recording WHERE state = 'writing'",
		"recordings without consent":      "SELECT COUNT(*) FROM recording WHERE call_id NOT IN (SELECT call_id FROM consent)",
		"rights to dial that are open":    "SELECT COUNT(*) FROM dial_attempt WHERE ended_at IS NULL",
	} {
		if n := d.count(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	t.Logf("%d calls", d.count(t, "SELECT COUNT(*) FROM call"))
}

// TestDeskThatStopsEndsCallsOut closes the telephones while a call out rings at
// the agent's, while it rings outside, and while both talk.
func TestDeskThatStopsEndsCallsOut(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"agent", "outside", "talking"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, dbtest.SQLite(t))
			stopped, rung := make(chan struct{}), make(chan struct{}, 1)
			var legs []*legtest.Party
			ring := func(where string) (leg.Leg, error) {
				if at == where {
					rung <- struct{}{}
					<-stopped
					return nil, &leg.EndError{Cause: leg.Shutdown}
				}
				p := legtest.Take(t, d.engine)
				legs = append(legs, p)
				return p, nil
			}
			w := d.hire(t, func(context.Context) (leg.Leg, error) { return ring("agent") })
			d.trunkIs(func(context.Context, string) (leg.Leg, error) {
				defer func() {
					if at == "talking" {
						rung <- struct{}{}
					}
				}()
				return ring("outside")
			})
			id := d.asks(t, w, flow.Outgoing{Number: camille})
			<-rung
			if at == "talking" {
				d.in(t, "connected")
			}
			for _, p := range legs {
				p.HangUp(leg.Shutdown)
			}
			close(stopped)
			d.flow.Wait()
			if r := d.record(t); r.ID != id || r.Reason != "shutdown" {
				t.Errorf("call: %+v", r)
			}
		})
	}
}
