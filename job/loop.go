package job

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

// Start begins to run jobs as they fall due, until ctx ends or Stop is called.
// It reports kinds that were handled wrongly, and being called twice.
func (j *Jobs) Start(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "job.Start")
	kinds, err := j.kinds()
	if err != nil {
		return err
	}
	if err := j.warnOfUnknown(ctx, kinds); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel != nil {
		return sotto.Fail(sotto.Conflict, "The jobs were started before.")
	}
	ctx, j.cancel = context.WithCancel(ctx)
	j.done.Go(func() { j.dispatch(ctx) })
	return nil
}

// Recover takes back the jobs that a process which died had claimed, without
// waiting for their lease. Call it before Start, when no other process works
// on this database.
func (j *Jobs) Recover(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "job.Recover")
	return j.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(j.q["Recover"], db.Millis(tx.Now))
		return err
	})
}

// Stop ends the context of the jobs that run, waits for them, and runs no
// more. Jobs that were interrupted are run again after the next Start of
// another Jobs. Stopping twice is fine, and so is stopping what was not
// started.
func (j *Jobs) Stop() {
	j.mu.Lock()
	if j.cancel == nil {
		j.cancel = func() {}
	}
	j.cancel()
	j.mu.Unlock()
	j.done.Wait()
}

// warnOfUnknown tells of jobs that nobody here can do: they wait for a version
// that can.
func (j *Jobs) warnOfUnknown(ctx context.Context, kinds []string) error {
	if len(kinds) == 0 {
		return nil
	}
	var n int64
	err := j.db.Read(ctx, func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, ofKinds(j.q["Unknown"], kinds, 1), args(kinds)...)
		return err
	})
	if n > 0 {
		j.cfg.Log.Warn("jobs of a kind that this version does not know are waiting", "count", n)
	}
	return err
}

// dispatch hands due jobs to workers. It ends with ctx; its workers may then
// still run.
func (j *Jobs) dispatch(ctx context.Context) {
	var swept time.Time
	for {
		if time.Since(swept) >= j.poll() {
			if err := j.sweep(ctx); err != nil && ctx.Err() == nil {
				j.cfg.Log.Error("abandoned jobs could not be looked for", "err", err)
			}
			swept = time.Now()
		}
		select {
		case j.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
		c, err := j.claim(ctx)
		if err == nil {
			j.done.Go(func() {
				defer func() { <-j.slots }()
				j.run(ctx, c)
			})
			continue
		}
		<-j.slots
		if !errors.Is(err, db.ErrNone) && ctx.Err() == nil {
			j.cfg.Log.Error("no job could be taken", "err", err)
		}
		if !j.rest(ctx) {
			return
		}
	}
}

// rest waits until something may be due. It reports false when ctx has ended.
func (j *Jobs) rest(ctx context.Context) bool {
	timer := time.NewTimer(j.untilNext(ctx))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-j.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// untilNext returns how long nothing will be due, as far as this process can
// know: another one may enqueue, so it looks again every poll. It is never so
// short that a job which somebody else holds keeps the processor busy.
func (j *Jobs) untilNext(ctx context.Context) time.Duration {
	const least = 100 * time.Millisecond
	kinds, _ := j.kinds()
	if len(kinds) == 0 {
		return j.poll()
	}
	var due time.Time
	err := j.db.Read(ctx, func(tx *db.Tx) error {
		ms, err := db.One(tx, db.Int, ofKinds(j.q["NextDue"], kinds, 1), args(kinds)...)
		due = db.Time(ms)
		return err
	})
	if err != nil { // nothing waits, or the database does not answer
		return j.poll()
	}
	return min(max(due.Sub(j.db.Now()), least), j.poll())
}

// poll is how often abandoned jobs and jobs of other processes are looked for.
func (j *Jobs) poll() time.Duration { return j.cfg.Lease / 3 }

// sweep puts jobs whose process died back into the queue and removes the rows
// of jobs that were finished a day ago.
func (j *Jobs) sweep(ctx context.Context) error {
	type stale struct{ id, until int64 }
	var found []stale
	if err := j.db.Read(ctx, func(tx *db.Tx) (err error) {
		found, err = db.All(tx, func(s db.Scanner) (x stale, err error) { return x, s.Scan(&x.id, &x.until) }, j.q["Expired"], db.Millis(tx.Now))
		return err
	}); err != nil {
		return err
	}
	return j.db.Write(ctx, func(tx *db.Tx) error {
		for _, x := range found {
			if j.runsHere(x.id) { // its claim is late, not lost: the clock jumped
				continue
			}
			if _, err := tx.Exec(j.q["Release"], x.id, x.until, db.Millis(tx.Now)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(j.q["Clean"], db.Millis(tx.Now.Add(-keep)))
		return err
	})
}

func (j *Jobs) runsHere(id int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.busy[id]
}
