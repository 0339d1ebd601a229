package recording

import (
	"sync"
	"time"

	"sotto"
	"sotto/keyring"
	"sotto/obs"
)

const (
	sealedChunk = chunk + 16 // a chunk in the file, with its tag
	batched     = 16         // chunks written in one go at most
	look        = 500 * time.Millisecond
	idleLooks   = int(window*time.Second/8000/look) + 1
)

// turn is where a track stands with the writers.
type turn uint8

const (
	away   turn = iota // nothing to do
	queued             // in the queue
	taken              // a writer has it
	again              // a writer has it and there is more
)

// queue is the tracks that have something to write, each once, so that one
// slow file holds one writer only.
type queue struct {
	mu         sync.Mutex
	head, tail *track
	wake       chan struct{}
}

func newQueue(writers int) *queue { return &queue{wake: make(chan struct{}, writers)} }

// add puts t behind the others, if it is not there. It does not wait.
func (q *queue) add(t *track) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch t.turn {
	case away:
		q.append(t)
	case taken:
		t.turn = again
	}
}

// append puts t behind the others. mu is held.
func (q *queue) append(t *track) {
	t.turn = queued
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.after = t
	}
	q.tail = t
	select {
	case q.wake <- struct{}{}:
	default: // every writer has been woken
	}
}

// take returns the first track, or nil.
func (q *queue) take() *track {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.head
	if t == nil {
		return nil
	}
	if q.head = t.after; q.head == nil {
		q.tail = nil
	}
	t.after, t.turn = nil, taken
	return t
}

// done gives t back; it goes behind the others when more has come.
func (q *queue) done(t *track) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.turn == again {
		q.append(t)
		return
	}
	t.turn = away
}

// write is one writer: it seals what waits and appends it to the files.
func (rs *Recordings) write() {
	b := newBatch()
	for {
		select {
		case <-rs.queue.wake:
		case <-rs.quit:
			return
		}
		for t := rs.queue.take(); t != nil; t = rs.queue.take() {
			t.wmu.Lock()
			t.drain(b)
			t.wmu.Unlock()
			rs.queue.done(t)
		}
	}
}

// batch is sealed chunks of one track, not yet written.
type batch struct {
	buf   []byte
	n     int
	holds [batched]struct{ samples, lost int64 }
	empty [chunk]byte // silence
}

func newBatch() *batch {
	b := &batch{buf: make([]byte, 0, batched*sealedChunk)}
	for i := range b.empty {
		b.empty[i] = silence
	}
	return b
}

// drain seals and writes every block that waits. A panic in it ends the
// track. wmu is held.
func (t *track) drain(b *batch) {
	defer t.recovered()
	b.buf, b.n = b.buf[:0], 0
	for t.writable() {
		i := t.pop()
		if i == none {
			t.flush(b)
			break
		}
		at := t.rs.pool.at(i)
		t.fill(b, at.before)
		t.seal(b, at.data[:], chunk-int64(at.count), false)
		t.rs.pool.give(i)
	}
	if t.fault != NoReason {
		t.drop()
	}
}

// writable reports whether the track has a file that takes more. wmu is held.
func (t *track) writable() bool {
	return t.file != nil && t.fault == NoReason && !t.halted.Load()
}

// fill seals n chunks of silence, of which nothing came.
func (t *track) fill(b *batch, n int64) {
	for range n {
		if !t.writable() {
			return
		}
		t.seal(b, b.empty[:], chunk, false)
	}
}

// seal adds one chunk to the batch and writes the batch when it is full.
// lost is how many of its samples never came.
func (t *track) seal(b *batch, plain []byte, lost int64, last bool) {
	if !t.writable() {
		return
	}
	buf, err := t.stream.Seal(b.buf, t.chunks+int64(b.n), last, plain)
	if err != nil {
		b.buf, b.n = b.buf[:0], 0 // a person is being forgotten: not a byte more
		t.fail(err)
		return
	}
	b.buf = buf
	b.holds[b.n].samples, b.holds[b.n].lost = int64(len(plain)), lost
	if b.n++; b.n == batched || last {
		t.flush(b)
	}
}

// flush writes the batch. Chunks that a failing disk took whole count.
func (t *track) flush(b *batch) {
	if b.n == 0 || !t.writable() {
		return
	}
	if t.rs.held != nil {
		t.rs.held(t.id)
	}
	_, err := t.file.Write(b.buf)
	whole := (t.file.Size()-keyring.StreamHead)/sealedChunk - t.chunks
	if err == nil {
		whole = int64(b.n)
	}
	for _, h := range b.holds[:max(0, min(whole, int64(b.n)))] {
		t.chunks++
		t.samples += h.samples
		t.lost += h.lost
	}
	b.buf, b.n = b.buf[:0], 0
	if err != nil {
		t.fail(err)
	}
}

// fail ends the track's file where it stands. The call goes on; what comes
// is counted as lost. wmu is held.
func (t *track) fail(err error) {
	if t.fault = reasonOf(err); t.fault == Forgotten {
		return // as ordered
	}
	t.rs.log.Error("recording: a track cannot be written any more", "track", int64(t.id), "reason", string(t.fault), "err", err)
}

// recovered is deferred where a panic must end the track and nothing else.
func (t *track) recovered() {
	if p := recover(); p != nil {
		caught := obs.Recovered(p)
		t.fault = Fault
		t.rs.log.Error("recording: a track made us panic", "track", int64(t.id), "err", caught, "stack", caught.Stack)
		t.drop()
	}
}

// reasonOf tells why a file could not be written.
func reasonOf(err error) Reason {
	switch {
	case err == nil:
		return NoReason
	case sotto.KindOf(err) == sotto.Busy:
		return DiskFull
	case sotto.KindOf(err) == sotto.Gone:
		return Forgotten
	}
	return DiskFailed
}
