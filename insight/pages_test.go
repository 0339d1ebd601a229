package insight_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
)

// many writes n calls in few statements, per of them in each second.
func (d *desk) many(n, per int) {
	d.t.Helper()
	check(d.t, d.db.Write(context.Background(), func(tx *db.Tx) error {
		for i := range n {
			end := db.Millis(morning) + int64(i/per)*1000 + int64(i%per)
			id := tx.NewID()
			if _, err := tx.Exec(`INSERT INTO call (id, line_id, direction, state, in_hours, consent, voicemail, started_at, answered_at, connected_at, ended_at,
				reason, queued_at, wait_ms) VALUES ($1, $2, 'inbound', 'ended', 1, '', 0, $3, $3, $3, $3, $4, $3, 9000)`,
				id, int64(d.lines[i%2]), end, string(call.AgentHungUp)); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO call_leg (id, call_id, person_id, kind, started_at, answered_at, ended_at, cause, packets, lost, jitter_us,
				part, talk_ms, hold_ms, consult_ms) VALUES ($1, $2, $3, 'agent', $4, $4, $4, '', 1, 0, 0, 'offer', 0, 0, 0)`,
				tx.NewID(), id, int64(d.agents[i%2]), end); err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestWhoeverGoesOnFromTheLastSecondSeesEachCall walks as programs do.
func TestWhoeverGoesOnFromTheLastSecondSeesEachCall(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.many(2700, 900)
		seen := map[sotto.CallID]int{}
		since, pages := morning, 0
		for {
			page, err := d.in.Calls(context.Background(), since)
			check(t, err)
			for _, c := range page {
				seen[c.ID]++
			}
			legs, err := d.in.Legs(context.Background(), since)
			check(t, err)
			if len(legs) != len(page) {
				t.Errorf("%d legs, %d calls", len(legs), len(page))
			}
			pages++
			end := page[len(page)-1].EndedAt.Truncate(time.Second)
			if end.Equal(since) || pages > 10 {
				break
			}
			since = end
		}
		if len(seen) != 2700 || pages != 3 {
			t.Errorf("%d calls on %d pages", len(seen), pages)
		}
	})
}

func TestCallsAreHandedOutTenSecondsAfterTheirEnd(t *testing.T) {
	now := morning
	d := newDesk(t, dbtest.Open(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: func() time.Time { return now }}))
	d.many(1, 1)
	for after, want := range map[time.Duration]int{0: 0, 10 * time.Second: 0, 11 * time.Second: 1} {
		now = morning.Add(after)
		page, err := d.in.Calls(context.Background(), morning)
		check(t, err)
		if len(page) != want {
			t.Errorf("after %v: %d calls, want %d", after, len(page), want)
		}
	}
}

// BenchmarkDay measures the figures of a day of 100,000 calls, and a page of
// them.
func BenchmarkDay(b *testing.B) {
	d := newDesk(b, dbtest.Open(b, db.Config{Path: filepath.Join(b.TempDir(), "sotto.db"), Create: true, Clock: func() time.Time { return morning.Add(20 * time.Hour) }}))
	d.many(100_000, 2)
	span := func(f func() error) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				check(b, f())
			}
		}
	}
	ctx, to := context.Background(), morning.Add(24*time.Hour)
	b.Run("Overview", span(func() error { _, err := d.in.Overview(ctx, morning, to); return err }))
	b.Run("Agents", span(func() error { _, err := d.in.Agents(ctx, morning, to); return err }))
	b.Run("Calls", span(func() error {
		page, err := d.in.Calls(ctx, morning.Add(10*time.Hour))
		if len(page) < 1000 {
			return fmt.Errorf("%d calls", len(page))
		}
		return err
	}))
	b.Run("Legs", span(func() error {
		_, err := d.in.Legs(ctx, morning.Add(10*time.Hour))
		return err
	}))
}

func TestSlowFiguresAreShownAgainAndNeverLong(t *testing.T) {
	now := morning.Add(20 * time.Hour)
	d := newDesk(t, dbtest.Open(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: func() time.Time { return now }}))
	figures := func() int64 {
		a, err := d.in.Overview(context.Background(), morning, morning.Add(24*time.Hour))
		check(t, err)
		return a.Calls
	}
	d.many(10, 2)
	if n := figures(); n != 10 { // worked out at once: not kept
		t.Errorf("%d calls", n)
	}
	d.many(12_000, 2)
	was := figures()
	d.many(10, 2)
	if n := figures(); n < was || n > was+10 {
		t.Errorf("%d calls, a moment ago %d", n, was)
	}
	now = now.Add(15 * time.Second)
	if n := figures(); n != was+10 {
		t.Errorf("%d calls after 15 seconds, want %d", n, was+10)
	}
}
