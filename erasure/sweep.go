package erasure

import (
	"context"
	"errors"
	"sync"

	"sotto/obs"
	"sotto/receipt"
)

// sweeper wipes and searches the disk for all erasures that wait for it at the
// same time: one pass over the bytes serves them all, because it begins after
// the rows of each were removed.
type sweeper struct {
	mu      sync.Mutex
	waiting []*swept
	busy    bool
}

// swept is one erasure's share of a pass.
type swept struct {
	needles []needle
	scan    receipt.Scan
	err     error
	done    chan struct{}
}

// sweep wipes freed bytes, changes the epoch key, and searches what is left
// for the person's own words. It joins a pass that has not begun yet, or leads
// one.
func (e *Eraser) sweep(ctx context.Context, r *Run) (receipt.Scan, error) {
	mine := &swept{needles: r.needles, done: make(chan struct{})}
	s := &e.sweeper
	s.mu.Lock()
	s.waiting = append(s.waiting, mine)
	lead := !s.busy
	s.busy = true
	s.mu.Unlock()
	if lead {
		e.leadSweeps(context.WithoutCancel(ctx))
	}
	<-mine.done
	if mine.err != nil {
		return mine.scan, mine.err
	}
	return mine.scan, e.state(ctx, r, stateSwept)
}

// leadSweeps makes passes until nobody waits.
func (e *Eraser) leadSweeps(ctx context.Context) {
	s := &e.sweeper
	for {
		s.mu.Lock()
		group := s.waiting
		s.waiting = nil
		s.busy = len(group) > 0
		s.mu.Unlock()
		if len(group) == 0 {
			return
		}
		e.sweepGroup(ctx, group)
	}
}

// sweepGroup makes one pass. Whatever happens in it, nobody waits for ever.
func (e *Eraser) sweepGroup(ctx context.Context, group []*swept) {
	var scan receipt.Scan
	hits := make([]int64, len(group))
	err := errors.New("the pass over the disk did not end")
	defer func() {
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
		for i, s := range group {
			// What the person was called is not known any more after a crash:
			// then nothing was searched for, and the receipt does not say so.
			if s.err = err; len(s.needles) > 0 {
				s.scan = scan
				s.scan.Hits = hits[i]
			}
			close(s.done)
		}
	}()
	if err = e.Clean(ctx, 0); err != nil {
		return
	}
	f := newFinder()
	for i, s := range group {
		for _, n := range s.needles {
			f.add(n, i)
		}
	}
	if len(f.byHead) > 0 {
		scan, err = f.walk(e.c.ScanDirs, hits)
	}
}
