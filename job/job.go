// Package job runs work that must survive a restart: each job is a row, and is
// done at least once.
//
// It owns the table job. A row holds a kind, which names the function to call,
// and one number, the thing to call it for; nothing of a person. Whoever
// changes something that leads to more work enqueues it in the same
// transaction. A job that fails is tried again for ever, at most an hour
// apart, because a deletion must not be given up; it is logged and counted
// each time. What a function does must be fit to be done twice.
package job

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sotto"
	"sotto/db"
	"sotto/obs"
)

//go:embed job.sql
var statements string

// Config says how jobs are run. The zero value works.
type Config struct {
	Log     *slog.Logger  // nil: nothing is logged
	Runs    *obs.Counter  // counts runs by kind and state; nil: nothing is counted
	Workers int           // jobs that run at once; 0: 4
	Lease   time.Duration // how long a job stays claimed by a process that died; 0: a minute
}

// Func does one job. ref is the number it was enqueued with. Its ctx ends when
// the desk stops or when the claim on the job was lost; the job is then run
// again. It returns Again to be called once more later without having failed.
type Func func(ctx context.Context, ref int64) error

// Again is the error of a job that is not done and has not failed: it waits
// for something. It may be wrapped.
type Again struct{ After time.Duration } // at least a second

// Error returns what happens next, for the log.
func (a Again) Error() string { return fmt.Sprintf("again in %v", a.After) }

// Jobs runs the jobs of one database. Any number may work on the same
// database; each job is run by one of them at a time, as long as their clocks
// differ by less than the lease. Its methods may be called from any goroutine.
type Jobs struct {
	db    *db.DB
	q     db.Queries
	cfg   Config
	wake  chan struct{} // something may be due earlier than thought
	slots chan struct{} // one for each worker that runs

	mu     sync.Mutex
	funcs  map[string]Func // guarded by mu
	wrong  error           // guarded by mu; what Start refuses
	busy   map[int64]bool  // guarded by mu; jobs that run here
	cancel func()          // guarded by mu; set by Start
	done   sync.WaitGroup  // the dispatcher and its workers
}

// never is the due time of a job that runs and was not enqueued anew since.
const never = math.MaxInt64

// kindForm is what a kind looks like: a word of code, not of a person.
var kindForm = regexp.MustCompile(`^[a-z]+([.-][a-z]+)*$`)

// New returns the jobs of d. Nothing runs before Start or RunDue.
func New(d *db.DB, cfg Config) *Jobs {
	if cfg.Log == nil {
		cfg.Log = obs.Discard().Log()
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 4
	}
	if cfg.Lease <= 0 {
		cfg.Lease = time.Minute
	}
	return &Jobs{
		db: d, q: db.Parse(statements), cfg: cfg, wake: make(chan struct{}, 1), slots: make(chan struct{}, cfg.Workers),
		funcs: map[string]Func{}, busy: map[int64]bool{},
	}
}

// Handle names the function of a kind, before Start. A kind with two functions
// or with a name that is not like "ticket.purge" is a mistake that Start and
// RunDue report.
func (j *Jobs) Handle(kind string, f Func) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !kindForm.MatchString(kind) || f == nil || j.funcs[kind] != nil {
		j.wrong = errors.Join(j.wrong, fmt.Errorf("job kind %q: no name, no function, or two functions", kind))
		return
	}
	j.funcs[kind] = f
}

// Enqueue adds a job to the caller's transaction: without it, no job. There is
// one open job for each kind and ref. If there is one already, it keeps the
// earlier due time; if it is running, it runs once more afterwards, because it
// may not have seen what this transaction changes. ref is a row's number.
func (j *Jobs) Enqueue(tx *db.Tx, kind string, ref int64, due time.Time) error {
	if !kindForm.MatchString(kind) {
		return sotto.Fail(sotto.Internal, "A job's kind is a word like ticket.purge.")
	}
	if _, err := tx.Exec(j.q["Enqueue"], tx.NewID(), kind, ref, db.Millis(due)); err != nil {
		return fmt.Errorf("job.Enqueue(%s, %d): %w", kind, ref, err)
	}
	tx.After(j.poke)
	return nil
}

// poke wakes the dispatcher; never waits.
func (j *Jobs) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// kinds returns the kinds that can be run here, and what is wrong with them.
func (j *Jobs) kinds() ([]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kinds := make([]string, 0, len(j.funcs))
	for k := range j.funcs {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds, j.wrong
}

// ofKinds completes a query that ends its list of kinds with "(kinds)". first
// is the number of the first kind's argument.
func ofKinds(query string, kinds []string, first int) string {
	marks := make([]string, len(kinds))
	for i := range kinds {
		marks[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.ReplaceAll(query, "(kinds)", "("+strings.Join(marks, ", ")+")")
}

// args puts the kinds behind other arguments.
func args(kinds []string, first ...any) []any {
	for _, k := range kinds {
		first = append(first, k)
	}
	return first
}
