package recording

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"sotto/blob"
	"sotto/db"
	"sotto/obs"
)

const (
	syncEvery  = time.Second
	syncBudget = 300 * time.Millisecond // of each second: the disk has calls to write, too
	manyFiles  = 16
)

// progress is what is told of a track while it is written, so that a crash
// leaves its place and its gaps known.
type progress struct{ offset, lost int64 }

// tend looks after tracks whose party is silent. It waits for no disk.
func (rs *Recordings) tend() {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			rs.tendAll()
		case <-rs.quit:
			return
		}
	}
}

func (rs *Recordings) tendAll() {
	defer rs.safe()
	for _, t := range rs.tracks() {
		if t.rested() {
			rs.queue.add(t)
		}
	}
	rs.gauge.Set(float64(rs.Stats().Live), string(Writing))
}

// safe is deferred where a panic must not end the desk.
func (rs *Recordings) safe() {
	if p := recover(); p != nil {
		caught := obs.Recovered(p)
		rs.log.Error("recording: code of ours panicked", "err", caught, "stack", caught.Stack)
	}
}

// keepDurable syncs what was written and tells the rows how far it has come.
func (rs *Recordings) keepDurable() {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for pass := int64(1); ; pass++ {
		select {
		case <-tick.C:
			rs.syncPass(pass)
			rs.tell()
		case <-rs.quit:
			return
		}
	}
}

// waiting is a track with chunks that were not synced.
type waiting struct {
	t      *track
	file   *blob.File
	chunks int64
	passed int64
}

// syncPass syncs what is new: few files one by one, many by one call for the
// whole file system, which takes a fifth of the time (measured with 400).
func (rs *Recordings) syncPass(pass int64) {
	defer rs.safe()
	var due []waiting
	for _, t := range rs.tracks() {
		t.wmu.Lock()
		if t.writable() && t.chunks > t.synced {
			due = append(due, waiting{t, t.file, t.chunks, t.passed})
		}
		t.wmu.Unlock()
	}
	if len(due) > manyFiles && rs.blobs.SyncAll() == nil {
		for _, w := range due {
			w.synced(nil, pass)
		}
		return
	}
	slices.SortFunc(due, func(a, b waiting) int { return cmp.Compare(a.passed, b.passed) })
	begun := time.Now()
	for _, w := range due {
		if time.Since(begun) > syncBudget {
			return
		}
		w.synced(w.file.Sync(), pass)
	}
}

// synced notes that the disk has what was written, or that it failed: a
// failed sync is not tried again, since what it did not write may be gone for
// good. The writers are not kept waiting by a sync.
func (w waiting) synced(err error, pass int64) {
	t := w.t
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.passed = pass
	switch {
	case err == nil:
		t.synced = max(t.synced, w.chunks)
	case t.file == w.file && t.fault == NoReason && !errors.Is(err, os.ErrClosed):
		t.fail(err)
		t.distrust()
	}
}

// distrust takes back what was written and not synced. wmu is held.
func (t *track) distrust() {
	t.chunks = min(t.chunks, t.synced)
	t.samples = min(t.samples, t.synced*chunk)
}

// news is the progress of a track whose row does not know it yet.
type news struct {
	t  *track
	is progress
}

// tell writes the progress of all tracks in one transaction. A failure is
// made good by the next pass.
func (rs *Recordings) tell() {
	defer rs.safe()
	rs.mu.Lock()
	live := rs.snapshot()
	rs.mu.Unlock()
	var all []news
	for _, r := range live {
		all = append(all, r.news()...)
	}
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := rs.db.Write(ctx, func(tx *db.Tx) error {
		for _, n := range all {
			if _, err := tx.Exec(rs.q["TellTrack"], int64(n.t.id), n.is.offset, n.is.lost); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		rs.log.Warn("recording: how far the recordings have come could not be written", "count", len(all), "err", err)
		return
	}
	for _, n := range all {
		n.t.wmu.Lock()
		n.t.told, n.t.knows = n.is, true
		n.t.wmu.Unlock()
	}
}

// news returns what the rows of r do not know yet.
func (r *Recorder) news() (all []news) {
	tracks := r.voices()
	first, started := earliest(tracks)
	if !started {
		return nil
	}
	base := r.firstPlace(first.origin)
	for _, t := range tracks {
		t.wmu.Lock()
		b, started := t.beginning()
		is := progress{b.origin - base, t.lost}
		if started && t.id != 0 && (!t.knows || is != t.told) {
			all = append(all, news{t, is})
		}
		t.wmu.Unlock()
	}
	return all
}

// firstPlace is where the timeline in the rows begins, until the recording is
// final: at the first sample known when the rows were first told.
func (r *Recorder) firstPlace(known int64) int64 {
	r.rs.mu.Lock()
	defer r.rs.mu.Unlock()
	if !r.begun {
		r.begun, r.base = true, known
	}
	return r.base
}

// beginning is a track's first sample.
type beginning struct {
	origin    int64
	startedAt time.Time
}

func (t *track) beginning() (b beginning, started bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return beginning{t.origin, t.startedAt}, t.started
}

// earliest returns the first sample of all.
func earliest(tracks []*track) (first beginning, any bool) {
	for _, t := range tracks {
		if b, started := t.beginning(); started && (!any || b.origin < first.origin) {
			first, any = b, true
		}
	}
	return first, any
}
