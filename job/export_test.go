package job

import (
	"context"
	"time"
)

// Claim is a job taken and not yet ended, as by a process that then dies.
type Claim = claim

// Take claims what is due and forgets it.
func (j *Jobs) Take(ctx context.Context) (Claim, error) {
	c, err := j.claim(ctx)
	j.mu.Lock()
	delete(j.busy, c.id)
	j.mu.Unlock()
	return c, err
}

// Finish ends a taken job well.
func (j *Jobs) Finish(ctx context.Context, c Claim) {
	j.end(ctx, c, "Finish", int64(never), j.db.Now().UnixMilli())
}

// Wait is the rest after so many failures in a row.
func Wait(attempts int64) time.Duration { return wait(attempts) }
