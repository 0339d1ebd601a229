package job_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sotto/db"
	"sotto/db/dbtest"
	"sotto/job"
	"sotto/obs"
	"sotto/obs/obstest"
)

func scrape(o *obs.Obs) string {
	w := httptest.NewRecorder()
	o.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// soon waits for c, or fails.
func soon[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

func TestEnqueueWakesTheWorkers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log(), Lease: time.Hour}) // polls every 20 minutes
		ran := make(chan int64, 10)
		j.Handle("a", func(_ context.Context, ref int64) error { ran <- ref; return nil })
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer j.Stop()
		for ref := range int64(5) {
			enqueue(t, d, j, "a", ref, time.Now())
			if got := soon(t, ran, "the job"); got != ref {
				t.Errorf("ran %d, want %d", got, ref)
			}
		}
	})
}

func TestStopWaitsAndTheNextStartGoesOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		first := job.New(d, job.Config{Log: obstest.New(t).Log()})
		began, ended := make(chan struct{}), atomic.Bool{}
		first.Handle("long", func(ctx context.Context, _ int64) error {
			close(began)
			<-ctx.Done()
			ended.Store(true)
			return ctx.Err()
		})
		enqueue(t, d, first, "long", 1, time.Now())
		if err := first.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		soon(t, began, "the job")
		if err := first.Start(context.Background()); err == nil {
			t.Error("started twice")
		}
		first.Stop()
		if !ended.Load() {
			t.Error("Stop did not wait")
		}
		first.Stop()
		if s := states(t, d); len(s) != 1 || s[0] != (state{1, "waiting", 0, ""}) {
			t.Errorf("rows = %+v, want it waiting as if it had not begun", s)
		}
		next := job.New(d, job.Config{Log: obstest.New(t).Log()})
		ran := make(chan int64, 1)
		next.Handle("long", func(_ context.Context, ref int64) error { ran <- ref; return nil })
		if err := next.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer next.Stop()
		soon(t, ran, "the job after the restart")
	})
}

func TestStopBeforeStart(t *testing.T) {
	j := job.New(dbtest.SQLite(t), job.Config{})
	j.Stop()
	if err := j.Start(context.Background()); err == nil {
		t.Error("started after Stop")
	}
}

// TestTwoDesksNeverRunAJobAtOnce has two processes, as far as the database can
// tell, that work on the same jobs, some of which fail or are enqueued anew.
func TestTwoDesksNeverRunAJobAtOnce(t *testing.T) {
	const refs = 150
	dbtest.EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) {
		var (
			mu    sync.Mutex
			now   = map[int64]bool{}
			done  = map[int64]int{}
			tries = map[int64]int{}
			all   = make(chan struct{})
		)
		work := func(_ context.Context, ref int64) error {
			mu.Lock()
			if now[ref] {
				t.Errorf("job %d runs twice at once", ref)
			}
			now[ref] = true
			tries[ref]++
			again := ref%10 == 0 && tries[ref] == 1
			mu.Unlock()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				now[ref] = false
				if again {
					return
				}
				if done[ref]++; len(done) == refs && done[ref] == 1 {
					close(all)
				}
			}()
			if again {
				return job.Again{}
			}
			return nil
		}
		var desks []*job.Jobs
		var first *db.DB
		for range 2 {
			d := dbtest.Open(t, cfg)
			if first == nil {
				first = d
			}
			j := job.New(d, job.Config{Log: obstest.New(t).Log(), Workers: 4, Lease: 3 * time.Second})
			j.Handle("a", work)
			desks = append(desks, j)
		}
		for _, j := range desks {
			if err := j.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			defer j.Stop()
		}
		var wg sync.WaitGroup
		for i := range int64(refs) {
			wg.Go(func() {
				if err := first.Write(context.Background(), func(tx *db.Tx) error { return desks[0].Enqueue(tx, "a", i, tx.Now) }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		soon(t, all, "all jobs")
		for _, j := range desks {
			j.Stop()
		}
		mu.Lock()
		defer mu.Unlock()
		for ref, n := range done {
			if n != 1 {
				t.Errorf("job %d was done %d times", ref, n)
			}
		}
	})
}

func TestJobOfADeadProcessRunsAgainWhenItsLeaseIsOver(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		dead := job.New(d, job.Config{Log: log.Log(), Lease: time.Minute})
		alive := job.New(d, job.Config{Log: obstest.New(t).Log(), Lease: time.Minute})
		ran := 0
		for _, j := range []*job.Jobs{dead, alive} {
			j.Handle("a", func(context.Context, int64) error { ran++; return nil })
		}
		enqueue(t, d, dead, "a", 1, c.now())
		taken, err := dead.Take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.pass(time.Minute - time.Millisecond)
		runDue(t, alive, 0)
		c.pass(time.Millisecond)
		runDue(t, alive, 1)
		enqueue(t, d, alive, "a", 1, c.now().Add(time.Hour))
		dead.Finish(context.Background(), taken) // it was only asleep
		if len(lines.With("taken over")) != 1 {
			t.Errorf("log = %s", lines)
		}
		c.pass(time.Hour)
		runDue(t, alive, 1)
		if ran != 2 {
			t.Errorf("ran %d times, want 2", ran)
		}
	})
}

func TestRecoverTakesBackWhatADeadProcessHad(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		dead := job.New(d, job.Config{Log: obstest.New(t).Log(), Lease: time.Hour})
		alive := job.New(d, job.Config{Log: obstest.New(t).Log(), Lease: time.Hour})
		ran := 0
		for _, j := range []*job.Jobs{dead, alive} {
			j.Handle("a", func(context.Context, int64) error { ran++; return nil })
		}
		enqueue(t, d, dead, "a", 1, c.now())
		enqueue(t, d, dead, "a", 2, c.now().Add(time.Minute))
		if _, err := dead.Take(context.Background()); err != nil {
			t.Fatal(err)
		}
		runDue(t, alive, 0)
		if err := alive.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		runDue(t, alive, 1)
		c.pass(time.Minute)
		runDue(t, alive, 1)
		if ran != 2 {
			t.Errorf("ran %d times, want 2", ran)
		}
	})
}

func TestAnOldClaimNeverFitsANewOne(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log(), Lease: time.Minute})
		j.Handle("a", func(context.Context, int64) error { return job.Again{} })
		enqueue(t, d, j, "a", 1, c.now())
		old, err := j.Take(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.pass(time.Minute)
		runDue(t, j, 1)      // taken over, and put back
		c.pass(-time.Minute) // the next process has another clock
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("UPDATE job SET due_at = 0"); return err })
		if _, err := j.Take(context.Background()); err != nil {
			t.Fatal(err)
		}
		j.Finish(context.Background(), old)
		if len(lines.With("taken over")) != 1 || states(t, d)[0].State != "running" {
			t.Errorf("rows = %+v, log = %s", states(t, d), lines)
		}
	})
}

func inBubble(t *testing.T, f func(t *testing.T, d *db.DB)) {
	synctest.Test(t, func(t *testing.T) {
		d, err := db.Open(context.Background(), db.Config{Path: t.TempDir() + "/sotto.db", Create: true, Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, d)
	})
}

func TestJobsRunWhenTheyFallDue(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		type run struct {
			ref int64
			at  time.Time
		}
		ran := make(chan run, 100)
		j.Handle("a", func(_ context.Context, ref int64) error { ran <- run{ref, time.Now()}; return nil })
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, hours := range []int64{9, 2, 7, 1} {
			enqueue(t, d, j, "a", hours, start.Add(time.Duration(hours)*time.Hour))
		}
		for _, hours := range []int64{1, 2, 7, 9} {
			got := <-ran
			if late := got.at.Sub(start) - time.Duration(hours)*time.Hour; got.ref != hours || late < 0 || late > time.Second {
				t.Errorf("job %d ran %v late", got.ref, late)
			}
		}
		j.Stop()
	})
}

func TestALongJobKeepsItsClaim(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		var at, most, runs atomic.Int64
		var desks []*job.Jobs
		for range 2 {
			j := job.New(d, job.Config{Log: obstest.New(t).Log(), Lease: time.Minute})
			j.Handle("vacuum", func(ctx context.Context, _ int64) error {
				runs.Add(1)
				most.Store(max(most.Load(), at.Add(1)))
				defer at.Add(-1)
				timer := time.NewTimer(time.Hour)
				defer timer.Stop()
				select {
				case <-timer.C:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if err := j.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			desks = append(desks, j)
		}
		enqueue(t, d, desks[0], "vacuum", 1, time.Now())
		<-time.After(2 * time.Hour)
		for _, j := range desks {
			j.Stop()
		}
		if runs.Load() != 1 || most.Load() != 1 {
			t.Errorf("%d runs, %d at once, want 1", runs.Load(), most.Load())
		}
		if s := states(t, d); s[0].State != "done" {
			t.Errorf("rows = %+v", s)
		}
	})
}

func TestALostClaimEndsTheJobsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log(), Lease: time.Minute, Workers: 1})
		began, ended := make(chan struct{}, 5), make(chan struct{}, 5)
		j.Handle("a", func(ctx context.Context, _ int64) error {
			began <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return ctx.Err()
		})
		enqueue(t, d, j, "a", 1, time.Now())
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		<-began
		lost := time.Now()
		write(t, d, func(tx *db.Tx) error { // another process took it
			_, err := tx.Exec("UPDATE job SET claimed_until = $1", db.Millis(lost.Add(time.Hour)))
			return err
		})
		<-ended
		if took := time.Since(lost); took > time.Minute {
			t.Errorf("ended after %v, want within the lease", took)
		}
		synctest.Wait()
		j.Stop()
		if len(lines.With("taken over")) != 1 {
			t.Errorf("log = %s", lines)
		}
	})
}

func TestNoMoreWorkersThanAllowed(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log(), Workers: 3})
		var at, most, runs atomic.Int64
		j.Handle("a", func(context.Context, int64) error {
			most.Store(max(most.Load(), at.Add(1)))
			<-time.After(time.Minute)
			at.Add(-1)
			runs.Add(1)
			return nil
		})
		for ref := range int64(9) {
			enqueue(t, d, j, "a", ref, time.Now())
		}
		start := time.Now()
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		<-time.After(3*time.Minute + time.Second)
		j.Stop()
		if runs.Load() != 9 || most.Load() != 3 {
			t.Errorf("%d runs, %d at once after %v, want 9 and 3", runs.Load(), most.Load(), time.Since(start))
		}
	})
}

func TestDispatcherOutlivesItsDatabase(t *testing.T) {
	inBubble(t, func(t *testing.T, d *db.DB) {
		log, lines := obstest.Capture(t)
		j := job.New(d, job.Config{Log: log.Log()})
		j.Handle("a", func(context.Context, int64) error { return errors.New("no") })
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("ALTER TABLE job RENAME TO gone"); return err })
		if err := j.Start(context.Background()); err == nil {
			t.Fatal("Start does not look at the table")
		}
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("ALTER TABLE gone RENAME TO job"); return err })
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("ALTER TABLE job RENAME TO gone"); return err })
		<-time.After(2 * time.Minute)
		if n := len(lines.With("level=ERROR")); n < 2 || n > 20 {
			t.Errorf("%d errors in two minutes", n)
		}
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("ALTER TABLE gone RENAME TO job"); return err })
		enqueue(t, d, j, "a", 1, time.Now())
		<-time.After(time.Second)
		j.Stop()
		if s := states(t, d); len(s) != 1 || s[0].Attempts != 1 {
			t.Errorf("rows = %+v", s)
		}
	})
}

func TestAClockThatJumpsDoesNotRunAJobTwice(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, c *clock) {
		j := job.New(d, job.Config{Log: obstest.New(t).Log()})
		j.Handle("a", func(context.Context, int64) error {
			c.pass(1000 * time.Hour)
			runDue(t, j, 0) // it is still running here
			return nil
		})
		enqueue(t, d, j, "a", 1, c.now())
		runDue(t, j, 1)
		if s := states(t, d); s[0].State != "done" {
			t.Errorf("rows = %+v", s)
		}
	})
}
