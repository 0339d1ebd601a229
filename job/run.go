package job

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/db"
	"sotto/obs"
)

// keep is how long a finished job's row stays.
const keep = 24 * time.Hour

// The wait after the first failure doubles with each further one, up to most.
const (
	firstWait = 5 * time.Second
	mostWait  = time.Hour
)

// claim is one job in the hands of this process. until is also its token: it
// only ever grows in a row, so that whoever holds an older one has lost it.
type claim struct {
	id       int64
	kind     string
	ref      int64
	attempts int64 // this one included
	until    int64
}

func scanClaim(s db.Scanner) (c claim, err error) {
	err = s.Scan(&c.id, &c.kind, &c.ref, &c.attempts, &c.until)
	return c, err
}

// RunDue runs everything that is due by the database's clock, one job after
// the other, until nothing is, and returns how many runs that were, failed
// ones included. Tests with a clock of their own use it instead of Start. The
// error is the database's, never a job's.
func (j *Jobs) RunDue(ctx context.Context) (n int, err error) {
	defer sotto.Wrap(&err, "job.RunDue")
	if _, err := j.kinds(); err != nil {
		return 0, err
	}
	if err := j.sweep(ctx); err != nil {
		return 0, err
	}
	for {
		c, err := j.claim(ctx)
		if errors.Is(err, db.ErrNone) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		j.run(ctx, c)
		n++
	}
}

// claim takes the job that has been due for longest; db.ErrNone if none is.
func (j *Jobs) claim(ctx context.Context) (c claim, err error) {
	kinds, _ := j.kinds()
	if len(kinds) == 0 {
		return claim{}, db.ErrNone
	}
	query := ofKinds(j.q["Claim."+string(j.db.Dialect())], kinds, 4)
	err = j.db.Write(ctx, func(tx *db.Tx) (err error) {
		c, err = db.One(tx, scanClaim, query, args(kinds, db.Millis(tx.Now), int64(never), db.Millis(tx.Now.Add(j.cfg.Lease)))...)
		return err
	})
	if err == nil {
		j.mu.Lock()
		j.busy[c.id] = true
		j.mu.Unlock()
	}
	return c, err
}

// run calls the job's function and writes down how it ended. ctx ends when the
// desk stops.
func (j *Jobs) run(ctx context.Context, c claim) {
	defer func() {
		j.mu.Lock()
		delete(j.busy, c.id)
		j.mu.Unlock()
	}()
	err := j.hold(ctx, &c, j.call)
	if err != nil && ctx.Err() != nil {
		j.end(ctx, c, "Return", db.Millis(j.db.Now()))
		return
	}
	again, waits := errors.AsType[Again](err)
	switch {
	case err == nil:
		j.cfg.Runs.Add(1, c.kind, "done")
		j.end(ctx, c, "Finish", int64(never), db.Millis(j.db.Now()))
	case waits:
		j.cfg.Runs.Add(1, c.kind, "again")
		j.end(ctx, c, "Again", db.Millis(j.db.Now().Add(max(again.After, time.Second))))
	default:
		j.cfg.Runs.Add(1, c.kind, "failed")
		j.logFailure(c, err)
		j.end(ctx, c, "Retry", db.Millis(j.db.Now().Add(wait(c.attempts))), sotto.KindOf(err).String())
	}
}

// wait is how long a job that failed so many times in a row rests.
func wait(attempts int64) time.Duration {
	w := firstWait
	for ; attempts > 1 && w < mostWait; attempts-- {
		w *= 2
	}
	return min(w, mostWait)
}

func (j *Jobs) logFailure(c claim, err error) {
	log := j.cfg.Log.With("job", c.id, "kind", c.kind, "count", c.attempts, "err", err)
	if p, ok := errors.AsType[*obs.Panic](err); ok {
		log.Error("a job panicked and will be tried again", "stack", p.Stack)
		return
	}
	log.Warn("a job failed and will be tried again")
}

// call calls the function of c's kind. A panic is its error.
func (j *Jobs) call(ctx context.Context, c claim) (err error) {
	j.mu.Lock()
	f := j.funcs[c.kind]
	j.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
	}()
	return f(ctx, c.ref)
}

// end writes the end of a run. It must be written although ctx has ended. A
// run whose end cannot be written is repeated when its lease is over.
func (j *Jobs) end(ctx context.Context, c claim, query string, more ...any) {
	var n int64
	err := j.db.Write(context.WithoutCancel(ctx), func(tx *db.Tx) (err error) {
		n, err = tx.Exec(j.q[query], append([]any{c.id, c.until}, more...)...)
		return err
	})
	log := j.cfg.Log.With("job", c.id, "kind", c.kind)
	switch {
	case err != nil:
		log.Error("the end of a job could not be written: it will run again", "err", err)
	case n == 0:
		log.Warn("a job was taken over while it ran: it may have run twice")
	default:
		j.poke() // it may be due again
	}
}

// hold calls f and renews the claim of c until f returns. When the claim is
// lost, f's context ends.
func (j *Jobs) hold(ctx context.Context, c *claim, f func(context.Context, claim) error) error {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	renewed := make(chan int64)
	first := *c
	go func() {
		renewed <- j.renew(context.WithoutCancel(ctx), first, over, cancel)
	}()
	defer func() {
		close(over)
		c.until = <-renewed
		cancel()
	}()
	return f(ctx, first)
}

// renew renews the claim three times a lease until over is closed, and returns
// its last token. It calls lost when somebody else has the job.
func (j *Jobs) renew(ctx context.Context, c claim, over <-chan struct{}, lost func()) (until int64) {
	tick := time.NewTicker(j.cfg.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return c.until
		case <-tick.C:
		}
		var n, next int64
		err := j.db.Write(ctx, func(tx *db.Tx) (err error) {
			next = max(db.Millis(tx.Now.Add(j.cfg.Lease)), c.until+1)
			n, err = tx.Exec(j.q["Renew"], c.id, c.until, next)
			return err
		})
		switch {
		case err == nil && n == 1:
			c.until = next
		case err == nil || db.Millis(j.db.Now()) >= c.until:
			lost()
		}
	}
}
