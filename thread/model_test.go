package thread_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sotto/db"
	"sotto/leg"
	"sotto/thread"
)

// TestNothingButConfirmationsGoesToWhoWantsNoTexts draws what a person and the
// staff write to each other, and compares what goes out with a model of a few
// lines.
func TestNothingButConfirmationsGoesToWhoWantsNoTexts(t *testing.T) {
	clock := &atomic.Int64{}
	clock.Store(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	d := newDesk(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: now}, clock)
	people, names := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		d.pass(25 * time.Hour) // a day's caps are not what is tried here
		people++
		number := fmt.Sprintf("+1201555%04d", people)
		stopped, confirmed := false, 0
		for range rapid.IntRange(1, 16).Draw(rt, "texts") {
			want := 0
			switch what := rapid.SampledFrom([]string{"Bonjour", "STOP", "Reprendre", "staff"}).Draw(rt, "text"); what {
			case "staff":
				_, err := d.Write(ctx, d.agent, thread.Note{Line: d.line.ID, Number: number, Body: "Merci"})
				must(t, err)
				if !stopped {
					want = 1
				}
			default:
				names++
				must(t, d.Receive(ctx, thread.Incoming{From: leg.Caller{Number: number}, To: front, Body: what, Name: fmt.Sprint(names)}))
				if what != "Bonjour" && stopped == (what == "Reprendre") {
					stopped = !stopped
					if confirmed++; confirmed <= 6 {
						want = 1
					}
				}
			}
			if out := d.work(t); len(out) != want || want == 1 && out[0].To != number {
				rt.Fatalf("went out: %v, want %d", out, want)
			}
		}
	})
}
