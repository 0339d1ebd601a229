package recording

import (
	"sync"
	"sync/atomic"
	"time"

	"sotto"
	"sotto/blob"
	"sotto/keyring"
	"sotto/leg/media"
)

const (
	// window is how long a gap waits for what may still come, in samples: 2 s.
	window = 2 * media.SampleRate
	// slots is how many chunks are gathered at once: those the window can
	// touch, in a power of two.
	slots = 8
	// tooFar is a gap that no call has, in samples: a day. A frame behind it
	// is from another timeline, and silence up to it would fill the disk.
	tooFar = 24 * 3600 * media.SampleRate
)

// track is one voice on its way to the disk. It is the media.Sink of a port.
//
// A frame is laid into the block of its place. A block that is full goes to
// the writers at once; one with a gap waits until the window has passed over
// it. Lock order: Recorder.gate, wmu, mu, queue.mu.
type track struct {
	rs     *Recordings
	role   Role
	agent  sotto.PersonID
	key    sotto.KeyID // the agent's; 0 on the caller's track
	caller sotto.KeyID

	// mu guards what Push and the others share. It is held for work in memory
	// only, never for the disk, the keyring or the database.
	mu        sync.Mutex
	closed    bool // nothing more is taken
	mute      bool // what comes is only counted: the file cannot be written
	paused    bool // what comes is replaced by silence
	hushed    bool // so it is because the agent is muted
	pressed   keyless
	started   bool
	startedAt time.Time
	origin    int64        // place of the first sample on the engine's timeline; places below count from it
	next      int64        // the chunk that goes to the writers next
	newest    int64        // behind the last sample that came
	open      [slots]int32 // blocks being gathered, chunk n in n%slots
	gathering int          // how many there are
	empty     int64        // chunks without a block since the last that had one
	head      int32        // first block that waits for a writer
	tail      int32        // last block that waits for a writer
	idle      int          // looks of tend since the last frame
	untap     func()

	halted atomic.Bool // nothing more is written; set before wmu is taken, so that a long write ends soon

	turn  turn   // guarded by queue.mu
	after *track // the next in the queue; guarded by queue.mu

	// wmu guards the file. Whoever holds it may wait for the disk.
	wmu      sync.Mutex
	id       sotto.TrackID // 0 until its row is there
	file     *blob.File    // nil before it is made and after it is closed
	stream   *keyring.Stream
	chunks   int64
	samples  int64 // in the file
	lost     int64 // of samples: never came
	synced   int64 // chunks that are on the disk for sure
	passed   int64 // the sync pass it was last synced in
	fault    Reason
	leftover bool     // the file ought to be gone and is not
	told     progress // what its row says
	knows    bool     // the row says something
}

func (rs *Recordings) newTrack(role Role, agent sotto.PersonID, key, caller sotto.KeyID) *track {
	t := &track{rs: rs, role: role, agent: agent, key: key, caller: caller, head: none, tail: none}
	for i := range t.open {
		t.open[i] = none
	}
	return t
}

// Push takes a frame from the relay. It waits for no disk and allocates
// nothing.
func (t *track) Push(f media.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(f.Payload) == 0 {
		return
	}
	if !t.started {
		t.started, t.origin, t.startedAt = true, f.At, t.rs.clock()
	}
	at := f.At - t.origin
	if at > t.newest+tooFar {
		return
	}
	end := at + int64(len(f.Payload))
	t.newest = max(t.newest, end)
	t.idle = 0
	if t.mute {
		return
	}
	ready := t.release((end - window) >> chunkBits)
	t.place(at, f)
	if t.complete() || ready {
		t.rs.queue.add(t)
	}
}

// place lays the frame's samples into their blocks. What is late or finds no
// block is not placed and so counts as lost. mu is held.
func (t *track) place(at int64, f media.Frame) {
	var recode *[256]byte
	if f.Law == media.Alaw {
		recode = &t.rs.toMulaw
	}
	if t.hush(at, f) || t.paused || t.hushed {
		recode = &t.rs.toSilence
	}
	p := f.Payload
	if at < 0 { // before the track's beginning
		p = p[min(int64(len(p)), -at):]
		at = 0
	}
	for len(p) > 0 {
		from := int(at & (chunk - 1))
		n := min(len(p), chunk-from)
		if b := t.block(at >> chunkBits); b != nil {
			b.put(from, p[:n], recode)
		}
		at += int64(n)
		p = p[n:]
	}
}

// keyMargin is how much of a tone, in samples, may lie in the audio before the
// packet that media.Tones finds it in, and behind it.
const keyMargin = 240

// keyless is where the keys that a party pressed were, with a margin at both
// ends. It is silent there. track.mu guards it.
type keyless struct {
	ear      media.ToneEar
	from, to int64 // places on the track
}

// hush looks for a key in the frame at a place and reports whether the frame
// is to be silent. What came before it is made silent too: a block goes to the
// writers only when the margin behind it has come.
func (t *track) hush(at int64, f media.Frame) bool {
	end := at + int64(len(f.Payload))
	k := &t.pressed
	if t.rs.tones.In(f.Payload, f.Law, &k.ear) || f.Key {
		if at-keyMargin > k.to {
			k.from = at - keyMargin
		}
		k.from, k.to = min(k.from, at-keyMargin), max(k.to, end+keyMargin)
		t.silence(at-keyMargin, at)
	}
	return k.from < k.to && at < k.to && end > k.from
}

// silence wipes what is between two places and has not gone to the writers.
// mu is held.
func (t *track) silence(from, to int64) {
	for at := max(from, t.next<<chunkBits, 0); at < to; {
		n := at >> chunkBits
		end := min(to, (n+1)<<chunkBits)
		if i := t.open[n%slots]; i != none && n < t.next+slots {
			b := t.rs.pool.at(i)
			for j := at & (chunk - 1); j < end-n<<chunkBits; j++ {
				b.data[j] = silence
			}
		}
		at = end
	}
}

// block returns the block of chunk n, nil when it has gone to the writers or
// the buffer is full. mu is held.
func (t *track) block(n int64) *block {
	if n < t.next || n >= t.next+slots {
		return nil
	}
	i := &t.open[n%slots]
	if *i == none {
		if *i = t.rs.pool.take(); *i == none {
			return nil
		}
		t.gathering++
	}
	return t.rs.pool.at(*i)
}

// complete hands over the blocks in front that are full, but for the last of
// what came: a key may begin there. mu is held.
func (t *track) complete() (ready bool) {
	for {
		i := t.open[t.next%slots]
		if i == none || t.rs.pool.at(i).count < chunk || (t.next+1)<<chunkBits > t.newest-keyMargin {
			return ready
		}
		ready = t.emit()
	}
}

// release hands over what lies before chunk n, with its gaps. mu is held.
func (t *track) release(n int64) (ready bool) {
	for t.next < n {
		if t.gathering == 0 {
			t.empty += n - t.next
			t.next = n
			break
		}
		ready = t.emit() || ready
	}
	return ready
}

// emit hands over the next chunk and reports whether a writer has work. mu
// is held.
func (t *track) emit() bool {
	i := t.open[t.next%slots]
	t.open[t.next%slots] = none
	t.next++
	if i == none {
		t.empty++
		return false
	}
	t.gathering--
	b := t.rs.pool.at(i)
	b.before, t.empty = t.empty, 0
	b.next = none
	if t.tail == none {
		t.head = i
	} else {
		t.rs.pool.at(t.tail).next = i
	}
	t.tail = i
	return true
}

// pop takes the first block that waits for a writer, or none.
func (t *track) pop() int32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.head
	if i == none {
		return none
	}
	if t.head = t.rs.pool.at(i).next; t.head == none {
		t.tail = none
	}
	return i
}

// shut takes nothing more and hands over all but the last chunk. It returns
// that one's block and length; none and 0 when nothing of it came.
func (t *track) shut() (last int32, length int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if !t.started {
		return none, 0
	}
	n := t.newest >> chunkBits
	t.release(n)
	if last = t.open[n%slots]; last == none {
		return none, 0
	}
	t.open[n%slots] = none
	t.gathering--
	t.rs.pool.at(last).before, t.empty = t.empty, 0
	return last, int(t.newest & (chunk - 1))
}

// deafen stops the port from pushing. When it has returned, Push is not
// called again.
func (t *track) deafen() {
	t.mu.Lock()
	t.closed = true
	untap := t.untap
	t.untap = nil
	t.mu.Unlock()
	if untap != nil {
		untap()
	}
}

// drop gives all blocks back unwritten; what comes later is only counted.
func (t *track) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mute = true
	for i := range t.open {
		if t.open[i] != none {
			t.rs.pool.give(t.open[i])
			t.open[i] = none
		}
	}
	t.gathering = 0
	for t.head != none {
		i := t.head
		t.head = t.rs.pool.at(i).next
		t.rs.pool.give(i)
	}
	t.tail = none
}

// rested hands over what waits behind a gap when nobody has sent for the
// length of the window. It reports whether a writer has work.
func (t *track) rested() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle++
	if t.closed || t.mute || t.idle < idleLooks {
		return false
	}
	return t.release(t.newest >> chunkBits)
}
