package recording

import (
	"context"
	"slices"
	"sync"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/media"
)

// patience is how long a recorder waits for the database before it gives up
// a track. Sound is kept in the buffer meanwhile.
const patience = 20 * time.Second

// Start says what is recorded.
type Start struct {
	Call      sotto.CallID
	Line      sotto.LineID
	Kind      Kind
	CallerKey sotto.KeyID // every voice of the call is sealed under it
}

// Recorder records one call or one voice message. Its methods may be called
// from any goroutine.
type Recorder struct {
	rs        *Recordings
	id        sotto.RecordingID // 0 until its row is there; set under rs.mu
	call      sotto.CallID
	callerKey sotto.KeyID
	tracks    []*track // guarded by rs.mu

	// gate is held while a row or a file is being made, and by whoever must
	// know that none is.
	gate   sync.Mutex
	halted bool                    // guarded by gate: no track is added any more
	paused bool                    // guarded by gate
	muted  map[sotto.PersonID]bool // agents nobody hears; guarded by gate

	ending sync.Once
	done   chan struct{} // closed when the rows are final, or that was given up
	err    error         // why it was given up; read after done

	startedAt time.Time // by the clock, when Start was called

	begun bool  // base is known; guarded by rs.mu
	base  int64 // guarded by rs.mu
}

// Start makes the recording's row. Call it only when the caller was told and
// the line's rule allows it: Start looks for the consent row of this call and
// this purpose, and fails with sotto.Denied when there is none that allows
// recording. Nothing is written until Caller or Agent. It fails with
// sotto.Gone when the caller is being forgotten, and sotto.Busy when the desk
// is stopping.
func (rs *Recordings) Start(ctx context.Context, s Start) (_ *Recorder, err error) {
	defer sotto.Wrap(&err, "recording.Start(%d)", s.Call)
	if s.Kind != Call && s.Kind != Voicemail {
		return nil, sotto.FailField("kind", "A recording is of a call or of a voice message.")
	}
	if s.CallerKey == 0 {
		return nil, sotto.FailField("key", "A recording needs the caller's key.")
	}
	r := &Recorder{rs: rs, call: s.Call, callerKey: s.CallerKey, startedAt: rs.clock(), done: make(chan struct{}), muted: map[sotto.PersonID]bool{}}
	r.gate.Lock() // so that whoever halts it waits for its row
	defer r.gate.Unlock()
	if err := rs.admit(r); err != nil {
		return nil, err
	}
	var id int64
	if err := rs.db.Write(ctx, func(tx *db.Tx) (err error) {
		id, err = rs.insert(tx, s, r.startedAt)
		return err
	}); err != nil {
		rs.forget(r)
		return nil, err
	}
	rs.mu.Lock()
	r.id = sotto.RecordingID(id)
	rs.mu.Unlock()
	return r, nil
}

// insert makes the row, if the consent and the keyring allow it.
func (rs *Recordings) insert(tx *db.Tx, s Start, now time.Time) (id int64, err error) {
	allowed, err := rs.consented(tx, s.Call, s.Kind)
	if err != nil {
		return 0, err
	}
	if !allowed {
		return 0, sotto.Fail(sotto.Denied, "Nothing on record allows this call to be recorded.")
	}
	id = tx.NewID()
	// A stream that is not used tells whether the caller is being forgotten.
	if _, err := rs.ring.NewStream(catalogue.CallTrack, id, s.CallerKey, 0); err != nil {
		return 0, err
	}
	_, err = tx.Exec(rs.q["InsertRecording"], id, int64(s.Call), db.OrNull(s.Line), string(s.Kind), db.Millis(now))
	return id, err
}

// admit makes r known to those who halt recorders.
func (rs *Recordings) admit(r *Recorder) error {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.closing {
		return sotto.Fail(sotto.Busy, "The desk is stopping.")
	}
	rs.live[r] = struct{}{}
	return nil
}

func (rs *Recordings) forget(r *Recorder) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.live, r)
	rs.voices -= len(r.tracks)
	rs.pool.expect(rs.voices)
}

// ID returns the recording's number.
func (r *Recorder) ID() sotto.RecordingID {
	r.rs.mu.Lock()
	defer r.rs.mu.Unlock()
	return r.id
}

// Caller records the caller's voice from port, from now on. All ports of one
// recording belong to one media engine. When it fails the call goes on; the
// recording will say what is missing.
func (r *Recorder) Caller(port *media.Port) error {
	return r.add(r.rs.newTrack(CallerVoice, 0, 0, r.callerKey), port.Tap)
}

// Agent records the voice of an agent from port, from now on. key is the
// agent's own. An agent who comes back gets a second track.
func (r *Recorder) Agent(port *media.Port, person sotto.PersonID, key sotto.KeyID) error {
	if key == 0 {
		return sotto.FailField("key", "An agent's voice needs the agent's key.")
	}
	return r.add(r.rs.newTrack(AgentVoice, person, key, r.callerKey), port.Tap)
}

// add taps first, so that not a word is missed while the row and the file
// are made: what comes meanwhile waits in memory.
func (r *Recorder) add(t *track, tap func(media.Sink) (untap func())) (err error) {
	defer sotto.Wrap(&err, "recording.Recorder(%d).add", r.id)
	r.gate.Lock()
	defer r.gate.Unlock()
	if r.halted {
		return sotto.Fail(sotto.Conflict, "This recording is over.")
	}
	t.paused, t.hushed = r.paused, r.muted[t.agent]
	r.rs.mu.Lock()
	r.tracks = append(r.tracks, t)
	r.rs.voices++
	r.rs.pool.expect(r.rs.voices)
	r.rs.mu.Unlock()
	t.listen(tap)
	if err := r.open(t); err != nil {
		t.deafen()
		t.drop()
		t.wmu.Lock()
		defer t.wmu.Unlock()
		t.fault = worse(t.fault, reasonOf(err))
		return err
	}
	r.rs.queue.add(t)
	return nil
}

// listen taps the port, unless t was halted meanwhile.
func (t *track) listen(tap func(media.Sink) (untap func())) {
	untap := tap(t)
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.untap = untap
	}
	t.mu.Unlock()
	if closed {
		untap()
	}
}

// open makes the track's row, then its file: there is no file without a row.
func (r *Recorder) open(t *track) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rs := r.rs
	var id int64
	var stream *keyring.Stream
	if err := rs.db.Write(ctx, func(tx *db.Tx) (err error) {
		id = tx.NewID()
		first, second := t.keys()
		if stream, err = rs.ring.NewStream(catalogue.CallTrack, id, first, second); err != nil {
			return err
		}
		_, err = tx.Exec(rs.q["InsertTrack"], id, int64(r.id), db.OrNull(t.agent), string(t.role), int64(t.key), int64(t.caller), r.elapsed())
		return err
	}); err != nil {
		return err
	}
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.id, t.stream = sotto.TrackID(id), stream
	if t.halted.Load() {
		return sotto.Fail(sotto.Gone, "This recording was halted.")
	}
	f, err := rs.blobs.Create(catalogue.CallTrack, id)
	if err != nil {
		return err
	}
	if _, err := f.Write(stream.Header[:]); err != nil {
		t.leftover = f.Abort() != nil
		return err
	}
	t.file = f
	return nil
}

// elapsed is how far the recording is, in samples: a first guess at where a
// new track begins, until its first frame tells.
func (r *Recorder) elapsed() int64 {
	first, started := earliest(r.voices())
	if !started {
		return 0
	}
	return max(0, r.rs.clock().Sub(first.startedAt).Milliseconds()*media.SampleRate/1000)
}

// keys returns the keys the track is sealed under, in the order of the file.
func (t *track) keys() (first, second sotto.KeyID) {
	if t.role == CallerVoice {
		return t.caller, 0
	}
	return t.key, t.caller
}

// Pause replaces what is said from the next frame on by silence, on every
// track, also those added later. The caller of Pause writes the audit entry.
func (r *Recorder) Pause() { r.pause(true) }

// Resume ends Pause.
func (r *Recorder) Resume() { r.pause(false) }

func (r *Recorder) pause(on bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.paused = on
	r.rs.mu.Lock()
	tracks := slices.Clone(r.tracks)
	r.rs.mu.Unlock()
	for _, t := range tracks {
		t.mu.Lock()
		t.paused = on
		t.mu.Unlock()
	}
}

// Mute replaces what an agent says from the next frame on by silence, on that
// agent's tracks, also those added later, or ends that. Pause holds whatever
// Mute says.
func (r *Recorder) Mute(person sotto.PersonID, on bool) {
	if person == 0 {
		return
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	r.muted[person] = on
	for _, t := range r.voices() {
		if t.agent == person {
			t.mu.Lock()
			t.hushed = on
			t.mu.Unlock()
		}
	}
}

// voices returns the tracks added so far.
func (r *Recorder) voices() []*track {
	r.rs.mu.Lock()
	defer r.rs.mu.Unlock()
	return slices.Clone(r.tracks)
}
