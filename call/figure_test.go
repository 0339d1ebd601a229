package call_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto/call"
	"sotto/db"
	"sotto/leg"
	"sotto/leg/media"
)

func TestLegSaysHowItCameOut(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name string
		leg  call.Leg
		want call.Completion
	}{
		{"caller", call.Leg{Kind: call.CallerLeg, Cause: leg.HungUp}, call.Completed},
		{"answered", call.Leg{Kind: call.AgentLeg, AnsweredAt: now, Cause: leg.MediaLost}, call.Completed},
		{"rang out", call.Leg{Kind: call.AgentLeg, Cause: leg.NoAnswer}, call.AgentMissed},
		{"unreachable", call.Leg{Kind: call.AgentLeg, Cause: leg.Unreachable}, call.AgentMissed},
		{"refused", call.Leg{Kind: call.AgentLeg, Cause: leg.Rejected}, call.AgentDeclined},
		{"busy", call.Leg{Kind: call.AgentLeg, Part: call.ByOffer, Cause: leg.BusyHere}, call.AgentDeclined},
		{"transfer refused", call.Leg{Kind: call.AgentLeg, Part: call.Transfer, Cause: leg.Rejected}, call.AgentTransferRefused},
		{"consultation refused", call.Leg{Kind: call.AgentLeg, Part: call.Consultation, Cause: leg.BusyHere}, call.AgentTransferRefused},
		{"the caller went", call.Leg{Kind: call.AgentLeg, Cause: leg.Cancelled}, call.Completed},
		{"outside", call.Leg{Kind: call.ExternalLeg, Cause: leg.NoAnswer}, call.Completed},
	} {
		if got := c.leg.Completion(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFiguresOfACallAndItsLegsAreKept(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		c, err := d.calls.Begin(ctx, call.Arrival{Caller: leg.Caller{Number: "+33199005678"}, Line: d.line, Locale: "fr"})
		if err != nil {
			t.Fatal(err)
		}
		c.Count(call.Tally{Wait: 3 * time.Second, Group: 5, Callback: "queue"})
		c.Count(call.Tally{Wait: 2 * time.Second, Overdue: true, Overflowed: true})
		noisy := media.Quality{Received: 100, Lost: 20, Jitter: 50 * time.Millisecond, Connected: time.Minute}
		started := c.StartedAt
		c.AddLeg(call.Leg{Kind: call.CallerLeg, StartedAt: started, AnsweredAt: started, EndedAt: started, Cause: leg.HungUp, Quality: media.Quality{Received: 100}})
		c.AddLeg(call.Leg{Kind: call.AgentLeg, Person: 7, StartedAt: started, AnsweredAt: started, EndedAt: started, Cause: leg.Released, Quality: noisy})
		c.AddLeg(call.Leg{Kind: call.AgentLeg, Person: 8, StartedAt: started, EndedAt: started, Cause: leg.NoAnswer})
		d.exec(t, "INSERT INTO person (id, key_id, role, created_at, updated_at) VALUES (7, 70, 'agent', 0, 0), (8, 80, 'agent', 0, 0)")
		wrapUp := func(spent time.Duration) {
			t.Helper()
			if err := d.db.Write(ctx, func(tx *db.Tx) error { return d.calls.WrapUp(tx, c.ID, 7, spent) }); err != nil {
				t.Fatal(err)
			}
		}
		wrapUp(4 * time.Second)
		if err := d.calls.End(ctx, c, call.CallerHungUp, nil); err != nil {
			t.Fatal(err)
		}
		wrapUp(time.Second)
		r, err := d.calls.Get(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := call.Tally{Wait: 5 * time.Second, Overdue: true, Overflowed: true, Callback: "queue", Group: 5}
		if diff := cmp.Diff(want, r.Tally); diff != "" {
			t.Error(diff)
		}
		legs, err := d.calls.Legs(ctx, c.ID)
		if err != nil || len(legs) != 3 {
			t.Fatal(legs, err)
		}
		for i, want := range [][]media.Issue{{media.NoIssue}, {media.HighJitter, media.HighPacketLoss}, {media.NoInformation}} {
			if diff := cmp.Diff(want, legs[i].Issues); diff != "" {
				t.Errorf("leg %d: %s", i, diff)
			}
		}
		if legs[1].WrapUp != 5*time.Second || legs[0].WrapUp != 0 {
			t.Errorf("wrap-up: %v, %v", legs[1].WrapUp, legs[0].WrapUp)
		}
		if diff := cmp.Diff([]media.Issue{media.HighJitter, media.HighPacketLoss}, call.Issues(legs)); diff != "" {
			t.Error(diff)
		}
		if got := call.Issues(legs[2:]); len(got) != 1 || got[0] != media.NoInformation {
			t.Errorf("of a call nobody answered: %v", got)
		}
	})
}
