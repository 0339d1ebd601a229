package recording

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/leg/media"
)

// Stop ends the recording: what is in memory is sealed and written, the files
// are synced, the rows become final. It waits for that until ctx is done; the
// work goes on behind it, also when the disk hangs, and Recover finishes it if
// the desk ends first. why is NoReason, or ConsentWithdrawn: then what there
// was is shredded instead and the recording is Deleted. The second Stop waits
// for the first, whose why holds.
func (r *Recorder) Stop(ctx context.Context, why Reason) (err error) {
	defer sotto.Wrap(&err, "recording.Recorder(%d).Stop", r.id)
	if why != NoReason && why != ConsentWithdrawn {
		return sotto.FailField("why", "A recording is stopped for no reason, or because the consent was taken back.")
	}
	r.begin(why)
	return r.wait(ctx)
}

// begin ends the recording in a goroutine that Recordings.Stop waits for.
func (r *Recorder) begin(why Reason) {
	r.ending.Do(func() { r.rs.work.Go(func() { r.finish(why) }) })
}

func (r *Recorder) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finish brings the recording into its final state.
func (r *Recorder) finish(why Reason) {
	rs := r.rs
	defer close(r.done)
	defer rs.safe()
	r.gate.Lock()
	r.halted = true
	r.gate.Unlock()
	tracks := r.voices()
	for _, t := range tracks {
		t.deafen()
	}
	rs.enders <- struct{}{}
	defer func() { <-rs.enders }()
	b := newBatch()
	for _, t := range tracks {
		t.end(b, why == ConsentWithdrawn)
	}
	r.settleSurely(tracks, why)
	rs.forget(r)
}

// settleSurely tries until the rows are final. A desk that stops tries five
// times and leaves the rest to Recover.
func (r *Recorder) settleSurely(tracks []*track, why Reason) {
	wait := 100 * time.Millisecond
	for try := 1; ; try++ {
		if r.err = r.settle(tracks, why); r.err == nil {
			return
		}
		r.rs.log.Error("recording: a recording could not be finished", "recording", int64(r.id), "count", try, "err", r.err)
		if try >= 5 && r.rs.isClosing() {
			return
		}
		time.Sleep(wait)
		wait = min(2*wait, 5*time.Second)
	}
}

// end writes the rest of the track and closes its file; or shreds it.
func (t *track) end(b *batch, shred bool) {
	if shred {
		t.halted.Store(true)
		t.drop()
	}
	last, length := t.shut()
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.drain(b)
	t.seam(b, last, length)
	if shred {
		t.samples = 0
	}
	t.close()
}

// seam seals the last chunk, which marks the file's end. wmu is held.
func (t *track) seam(b *batch, last int32, length int) {
	defer t.recovered()
	if last != none {
		defer t.rs.pool.give(last)
		at := t.rs.pool.at(last)
		t.fill(b, at.before)
		t.seal(b, at.data[:length], int64(length)-at.within(length), true)
		return
	}
	if t.samples > 0 {
		t.seal(b, nil, 0, true)
	}
}

// close syncs and closes the file; one that holds nothing is removed. wmu is
// held.
func (t *track) close() {
	defer t.recovered()
	f := t.file
	t.file = nil
	if f == nil {
		return
	}
	if t.samples == 0 {
		t.leftover = f.Abort() != nil
		return
	}
	if err := f.Commit(); err != nil {
		if t.fault == NoReason {
			t.fail(err)
		}
		t.distrust()
	}
}

// settle makes the rows final. Rows that are final already, or gone, stay so.
func (r *Recorder) settle(tracks []*track, why Reason) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("recording %d: panic: %T", r.id, p)
		}
	}()
	f := r.final(tracks, why)
	for _, t := range tracks {
		if !t.leftover && f.state != Erased {
			continue
		}
		if _, err := r.rs.blobs.Delete(catalogue.CallTrack, int64(t.id)); err != nil {
			return err
		}
		t.leftover = false
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.rs.db.Write(ctx, func(tx *db.Tx) error { return r.rs.finalize(tx, f) })
}

// final is what the rows of a recording become.
type final struct {
	id       sotto.RecordingID
	state    State
	reason   Reason
	started  time.Time
	duration time.Duration
	tracks   []finalTrack
}

type finalTrack struct {
	id                            sotto.TrackID
	state                         State
	offset, samples, lost, chunks int64
}

// final finds out what became of the recording.
func (r *Recorder) final(tracks []*track, why Reason) (f final) {
	f = final{id: r.id, started: r.startedAt}
	first, _ := earliest(tracks)
	if !first.startedAt.IsZero() {
		f.started = first.startedAt
	}
	for _, t := range tracks {
		ft, reason := t.final(first.origin)
		f.reason = worse(f.reason, reason)
		if ft.id != 0 {
			f.tracks = append(f.tracks, ft)
		}
	}
	f.state, f.duration = f.sum()
	switch {
	case why == ConsentWithdrawn:
		f.state, f.reason = Deleted, why
	case r.rs.destroyed(r.callerKey):
		f.state, f.reason = Erased, Forgotten
		for i := range f.tracks { // what is left of them cannot be opened
			f.tracks[i].state, f.tracks[i].samples, f.tracks[i].chunks = Lost, 0, 0
		}
	case f.state == Lost:
		f.reason = worse(f.reason, NoAudio)
	}
	return f
}

// destroyed reports whether the key is gone for sure. What the ring cannot
// tell is found out by whoever opens the file.
func (rs *Recordings) destroyed(key sotto.KeyID) bool {
	gone, err := rs.ring.Destroyed(key)
	return err == nil && gone
}

// final finds out what became of the track.
func (t *track) final(base int64) (f finalTrack, reason Reason) {
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.mu.Lock()
	newest, origin, started := t.newest, t.origin, t.started
	t.mu.Unlock()
	f = finalTrack{id: t.id, state: Durable, samples: t.samples, chunks: t.chunks, lost: t.lost + max(0, newest-t.samples)}
	if started {
		f.offset = origin - base
	}
	reason = t.fault
	if t.halted.Load() {
		reason = worse(reason, CutOff)
	}
	if t.key != 0 && t.rs.destroyed(t.key) {
		f.samples, reason = 0, worse(reason, Forgotten)
	}
	if f.samples == 0 {
		f.state, f.chunks = Lost, 0
	}
	return f, reason
}

// sum is the state and the length of what the tracks hold.
func (f *final) sum() (state State, length time.Duration) {
	state = Lost
	for _, t := range f.tracks {
		if t.state == Durable {
			state = Durable
			length = max(length, time.Duration(t.offset+t.samples)*time.Second/media.SampleRate)
		}
	}
	return state, length
}

// finalize writes f over rows that are not final yet.
func (rs *Recordings) finalize(tx *db.Tx, f final) error {
	for _, t := range f.tracks {
		if _, err := tx.Exec(rs.q["FinishTrack"], int64(t.id), t.offset, t.samples, t.lost, t.chunks, string(t.state)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(rs.q["LoseTracks"], int64(f.id)); err != nil {
		return err
	}
	if _, err := tx.Exec(rs.q["EndPauses"], int64(f.id), db.Millis(f.started.Add(f.duration))); err != nil {
		return err
	}
	var deleted any
	if f.state == Deleted {
		deleted = db.Millis(tx.Now)
	}
	n, err := tx.Exec(rs.q["FinishRecording"], int64(f.id), string(f.state), string(f.reason),
		db.Millis(f.started), db.Millis(f.started.Add(f.duration)), f.duration.Milliseconds(), deleted)
	if err != nil || n == 0 || f.state != Deleted {
		return err
	}
	row, err := rs.one(tx, f.id)
	if err != nil {
		return err
	}
	return rs.audit.Add(tx, sotto.Desk(), audit.Entry{
		Action: audit.Destroy, Source: audit.Recording, SourceID: int64(f.id), Ticket: row.Ticket, Person: row.Caller,
	})
}

// worse returns the more serious of two reasons.
func worse(a, b Reason) Reason {
	order := []Reason{NoReason, NoAudio, CutOff, Forgotten, DiskFull, DiskFailed, Fault, Unreadable, ConsentWithdrawn}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
