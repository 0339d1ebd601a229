package job_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sotto"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/job"
	"sotto/obs"
	"sotto/obs/obstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a wall clock in the test's hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// each runs f on both databases with a clock that stands still.
func each(t *testing.T, f func(t *testing.T, d *db.DB, c *clock)) {
	c := newClock()
	dbtest.EachConfig(t, c.now, func(t *testing.T, cfg db.Config) { f(t, dbtest.Open(t, cfg), c) })
}

func write(t rapid.TB, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func enqueue(t rapid.TB, d *db.DB, j *job.Jobs, kind string, ref int64, due time.Time) {
	t.Helper()
	write(t, d, func(tx *db.Tx) error { return j.Enqueue(tx, kind, ref, due) })
}

func runDue(t rapid.TB, j *job.Jobs, want int) {
	t.Helper()
	n, err := j.RunDue(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n != want {
		t.Errorf("RunDue ran %d, want %d", n, want)
	}
}

// state is what a test compares of a row.
type state struct {
	Ref      int64
	State    string
	Attempts int64
	Fault    string
}

func states(t *testing.T, d *db.DB) (all []state) {
	t.Helper()
	if err := d.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, func(s db.Scanner) (x state, err error) {
			return x, s.Scan(&x.Ref, &x.State, &x.Attempts, &x.Fault)
		}, "SELECT ref, state, attempts, fault FROM job ORDER BY ref, id")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEnqueueStandsAndFallsWithItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		var ran []int64
		j.Handle("ticket.purge", func(_ context.Context, ref int64) error { ran = append(ran, ref); return nil })
		no := errors.New("no")
		err := d.Write(context.Background(), func(tx *db.Tx) error {
			return errors.Join(j.Enqueue(tx, "ticket.purge", 1, c.now()), no)
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		enqueue(t, d, j, "ticket.purge", 2, c.now())
		enqueue(t, d, j, "ticket.purge", 3, c.now().Add(time.Hour))
		runDue(t, j, 1)
		runDue(t, j, 0)
		c.pass(time.Hour)
		runDue(t, j, 1)
		if diff := cmp.Diff([]int64{2, 3}, ran); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSecondEnqueueKeepsTheEarlierDue(t *testing.T) {
	tests := []struct {
		name          string
		first, second time.Duration
		want          time.Duration
	}{
		{"SecondEarlier", 3 * time.Hour, time.Hour, time.Hour},
		{"SecondLater", time.Hour, 3 * time.Hour, time.Hour},
		{"Same", time.Hour, time.Hour, time.Hour},
		{"SecondNow", time.Hour, 0, 0},
		{"SecondInThePast", time.Hour, -time.Hour, 0},
	}
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				j := job.New(d, job.Config{Log: obstest.New(t).Log()})
				j.Handle("erasure", func(context.Context, int64) error { return nil })
				enqueue(t, d, j, "erasure", int64(i+1), c.now().Add(tt.first))
				enqueue(t, d, j, "erasure", int64(i+1), c.now().Add(tt.second))
				if tt.want > 0 {
					c.pass(tt.want - time.Millisecond)
					runDue(t, j, 0)
					c.pass(time.Millisecond)
				}
				runDue(t, j, 1)
				c.pass(24 * time.Hour)
				runDue(t, j, 0)
			})
		}
	})
}

func TestEnqueueIsOneJobForManyCallers(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		j.Handle("a", func(context.Context, int64) error { return nil })
		j.Handle("b", func(context.Context, int64) error { return nil })
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				kind := []string{"a", "b"}[i%2]
				if err := d.Write(context.Background(), func(tx *db.Tx) error { return j.Enqueue(tx, kind, 1, c.now()) }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		runDue(t, j, 2)
	})
}

func TestEnqueueWhileItRunsRunsItOnceMore(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		runs := 0
		j.Handle("index", func(ctx context.Context, ref int64) error {
			if runs++; runs > 1 {
				return nil
			}
			return d.Write(ctx, func(tx *db.Tx) error {
				return errors.Join(j.Enqueue(tx, "index", ref, c.now().Add(2*time.Hour)), j.Enqueue(tx, "index", ref, c.now().Add(time.Hour)))
			})
		})
		enqueue(t, d, j, "index", 5, c.now())
		runDue(t, j, 1)
		c.pass(time.Hour)
		runDue(t, j, 1)
		c.pass(24 * time.Hour)
		runDue(t, j, 0)
		if want := []state{{5, "done", 1, ""}}; !cmp.Equal(want, states(t, d)) {
			t.Errorf("rows = %v, want %v", states(t, d), want)
		}
	})
}

func TestEnqueueRefusesAKindThatIsNoWord(t *testing.T) {
	d := dbtest.SQLite(t)
	j := job.New(d, job.Config{})
	for _, kind := range []string{"", "Erase", "call Marie", "a..b", "+33199000001", ".a", "a-"} {
		err := d.Write(context.Background(), func(tx *db.Tx) error { return j.Enqueue(tx, kind, 1, tx.Now) })
		if err == nil {
			t.Errorf("Enqueue(%q) went through", kind)
		}
	}
}

func TestFailedJobIsTriedForEverAtMostAnHourApart(t *testing.T) {
	want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600}
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log(), Runs: log.Metrics.Jobs})
		works := false
		j.Handle("notice", func(context.Context, int64) error {
			if works {
				return nil
			}
			return fmt.Errorf("notice 9: %w", sotto.Fail(sotto.Peer, "The recipient does not answer."))
		})
		enqueue(t, d, j, "notice", 9, c.now())
		for i, w := range want {
			runDue(t, j, 1)
			if s := states(t, d); s[0] != (state{9, "waiting", int64(i + 1), "peer"}) {
				t.Fatalf("after %d failures: %+v", i+1, s)
			}
			c.pass(w*time.Second - time.Millisecond)
			runDue(t, j, 0)
			c.pass(time.Millisecond)
		}
		if got := job.Wait(1 << 40); got != time.Hour {
			t.Errorf("the wait after very many failures is %v", got)
		}
		works = true
		runDue(t, j, 1)
		if s := states(t, d); s[0].State != "done" || s[0].Fault != "" {
			t.Errorf("row = %+v", s[0])
		}
		if got := len(lines.With("level=WARN")); got != len(want) {
			t.Errorf("%d warnings, want %d", got, len(want))
		}
	})
}

func TestEnqueueWakesAJobThatRestsAfterAFailure(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		fail := true
		j.Handle("notice", func(context.Context, int64) error {
			if fail {
				return errors.New("no")
			}
			return nil
		})
		enqueue(t, d, j, "notice", 1, c.now())
		runDue(t, j, 1)
		fail = false
		enqueue(t, d, j, "notice", 1, c.now())
		runDue(t, j, 1)
		if s := states(t, d); len(s) != 1 || s[0].State != "done" {
			t.Errorf("rows = %+v", s)
		}
	})
}

func TestAgainIsNoFailure(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log()})
		left, after := 3, 10*time.Minute
		j.Handle("poll", func(context.Context, int64) (err error) {
			defer sotto.Wrap(&err, "poll")
			if left--; left < 0 {
				return nil
			}
			return job.Again{After: after}
		})
		enqueue(t, d, j, "poll", 1, c.now())
		runDue(t, j, 1)
		if want := []state{{1, "waiting", 0, ""}}; !cmp.Equal(want, states(t, d)) {
			t.Errorf("rows = %v, want %v", states(t, d), want)
		}
		c.pass(after - time.Millisecond)
		runDue(t, j, 0)
		c.pass(time.Millisecond)
		after = 0 // at least a second, so that this ends
		runDue(t, j, 1)
		c.pass(time.Second)
		runDue(t, j, 1)
		c.pass(time.Second)
		runDue(t, j, 1)
		if s := states(t, d); s[0].State != "done" || lines.String() != "" {
			t.Errorf("row = %+v, log = %q", s[0], lines)
		}
	})
}

func TestPanicInOneJobLeavesTheOthers(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log()})
		ran := 0
		j.Handle("bad", func(context.Context, int64) error { panic("what Marie said") })
		j.Handle("good", func(context.Context, int64) error { ran++; return nil })
		enqueue(t, d, j, "bad", 1, c.now())
		enqueue(t, d, j, "good", 2, c.now())
		runDue(t, j, 2)
		if want := []state{{1, "waiting", 1, "internal"}, {2, "done", 1, ""}}; ran != 1 || !cmp.Equal(want, states(t, d)) {
			t.Errorf("ran %d, rows = %v, want %v", ran, states(t, d), want)
		}
		if got := lines.String(); strings.Contains(got, "Marie") || !strings.Contains(got, "TestPanicInOneJob") {
			t.Errorf("log = %s", got)
		}
	})
}

func TestUnknownKindWaitsForAVersionThatKnowsIt(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		old := job.New(d, job.Config{Log: log.Log()})
		old.Handle("known", func(context.Context, int64) error { return nil })
		enqueue(t, d, old, "unknown", 1, c.now())
		runDue(t, old, 0)
		runDue(t, job.New(d, job.Config{}), 0) // knows nothing at all
		if err := old.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		old.Stop()
		if len(lines.With("count=1")) != 1 {
			t.Errorf("log = %s", lines)
		}
		next := job.New(d, job.Config{})
		next.Handle("unknown", func(context.Context, int64) error { return nil })
		runDue(t, next, 1)
	})
}

func TestFinishedJobsGoAfterADay(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		j.Handle("a", func(context.Context, int64) error { return nil })
		enqueue(t, d, j, "a", 1, c.now())
		runDue(t, j, 1)
		enqueue(t, d, j, "a", 2, c.now().Add(1000*time.Hour))
		c.pass(24 * time.Hour)
		runDue(t, j, 0)
		if got := len(states(t, d)); got != 2 {
			t.Errorf("%d rows after a day, want 2", got)
		}
		c.pass(time.Millisecond)
		runDue(t, j, 0)
		if want := []state{{2, "waiting", 0, ""}}; !cmp.Equal(want, states(t, d)) {
			t.Errorf("rows = %v, want %v", states(t, d), want)
		}
	})
}

func TestRunsAreCounted(t *testing.T) {
	c := newClock()
	d := dbtest.Open(t, db.Config{Path: t.TempDir() + "/sotto.db", Create: true, Clock: c.now})
	o := obs.Discard()
	j := job.New(d, job.Config{Runs: o.Metrics.Jobs})
	outcomes := []error{errors.New("no"), job.Again{After: time.Second}, nil}
	j.Handle("a", func(context.Context, int64) error {
		err := outcomes[0]
		outcomes = outcomes[1:]
		return err
	})
	enqueue(t, d, j, "a", 1, c.now())
	for range 3 {
		runDue(t, j, 1)
		c.pass(time.Minute)
	}
	got := scrape(o)
	for _, s := range []string{"done", "again", "failed"} {
		if want := fmt.Sprintf("sotto_job_runs_total{kind=\"a\",state=%q} 1\n", s); !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestStartReportsWrongHandlers(t *testing.T) {
	f := func(context.Context, int64) error { return nil }
	tests := []struct {
		name string
		wire func(j *job.Jobs)
		want bool
	}{
		{"Good", func(j *job.Jobs) { j.Handle("a", f); j.Handle("a.b-c", f) }, true},
		{"None", func(*job.Jobs) {}, true},
		{"Twice", func(j *job.Jobs) { j.Handle("a", f); j.Handle("a", f) }, false},
		{"NoFunction", func(j *job.Jobs) { j.Handle("a", nil) }, false},
		{"NoWord", func(j *job.Jobs) { j.Handle("A job", f) }, false},
	}
	d := dbtest.SQLite(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := job.New(d, job.Config{})
			tt.wire(j)
			_, err := j.RunDue(context.Background())
			if (err == nil) != tt.want {
				t.Errorf("RunDue = %v, want ok %v", err, tt.want)
			}
			if err := j.Start(context.Background()); (err == nil) != tt.want {
				t.Errorf("Start = %v, want ok %v", err, tt.want)
			}
			j.Stop()
			j.Stop()
		})
	}
}
