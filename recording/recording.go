// Package recording is consent, capture, sealed voices and playback.
//
// It owns the tables recording, track, pause, statement and consent, and the blobs
// of class track. A recording is one row and one track for each voice; a
// track is one row and one file of G.711 µ-law, 8000 samples a second, sealed
// in chunks of half a second while the call goes on: the caller's under the
// caller's key, an agent's under the agent's and the caller's, so that both
// are needed and forgetting either silences it.
//
// Package flow starts and stops recorders, erasure halts them and marks rows,
// retention asks what is due. Nothing is written before a consent row allows
// it, the relay of the call never waits for a disk, and every recording ends
// in exactly one final state. It never removes a finished recording: package
// erasure does.
//
// No key that a party presses is kept, in whatever way it comes: the tones in
// the audio are made silent before they are written (track.hush), and telephone
// events never come here.
//
// What a crash takes, per track: kill -9 takes the chunk being filled and the
// packet behind it, at most 0.6 s, and when packets were lost within the last
// 2 s also what came after the gap, at most 2.6 s in all. A power cut takes
// what was not synced yet: a pass each second syncs what is new, so a second
// more and as long as the disk takes for the pass. Systems that cannot sync a whole file system
// sync file by file, longest waiting first, for at most 300 ms of each
// second, so with many calls each file's turn comes later.
package recording

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/media"
	"sotto/obs"
)

//go:embed recording.sql
var statements string

// Kind is what a recording is of, and the purpose its consent is for.
type Kind string

// The kinds.
const (
	Call      Kind = "call"
	Voicemail Kind = "voicemail"
)

// State is how far a recording or a track has come. All but Writing are
// final.
type State string

// The states. A track has the first three only.
const (
	Writing State = "writing"
	Durable State = "durable" // on the disk; Reason tells when it is not the whole
	Lost    State = "lost"    // there is no sound; Reason tells why
	Deleted State = "deleted" // somebody or a rule deleted the sound
	Erased  State = "erased"  // the caller was forgotten
)

// Reason is why a recording is not, or not wholly, durable. The list is
// closed.
type Reason string

// The reasons, from the least to the most serious.
const (
	NoReason         Reason = ""
	NoAudio          Reason = "no-audio"          // nobody sent any
	CutOff           Reason = "cut-off"           // halted, or the desk stopped without warning
	Forgotten        Reason = "forgotten"         // a key it needs is gone
	DiskFull         Reason = "disk-full"         // the disk was full
	DiskFailed       Reason = "disk-failed"       // the disk refused
	Fault            Reason = "fault"             // code of ours panicked
	Unreadable       Reason = "unreadable"        // found after a crash and cannot be opened
	ConsentWithdrawn Reason = "consent-withdrawn" // the caller took the consent back; the sound is shredded
)

// Config says what recordings are made with. Buffer and Writers work at 0,
// Log and Metrics at their zero value.
type Config struct {
	DB      *db.DB
	Ring    *keyring.Ring
	Blobs   *blob.Store
	Audit   *audit.Log
	Log     *slog.Logger // nil is silent
	Clock   sotto.Clock
	Metrics obs.Metrics
	// Buffer bounds the memory for sound that is not on the disk yet, in
	// bytes, for all calls together; 0 means 32 MiB. It is taken from the
	// system when it is first needed. A voice needs 8000 bytes a second while
	// the disk does not answer; when the buffer is full, sound is lost and
	// counted, and calls go on.
	Buffer int64
	// Writers is how many goroutines seal and write; 0 means 4.
	Writers int
}

// Recordings makes, keeps and plays recordings. Its methods may be called
// from any goroutine.
type Recordings struct {
	db        *db.DB
	ring      *keyring.Ring
	blobs     *blob.Store
	audit     *audit.Log
	log       *slog.Logger
	clock     sotto.Clock
	gauge     *obs.Gauge
	q         db.Queries
	toMulaw   [256]byte // A-law to µ-law
	toSilence [256]byte // anything to silence
	tones     *media.Tones
	linear    [256]int16 // µ-law to 16-bit samples

	pool    *pool
	queue   *queue
	enders  chan struct{} // bounds how many recorders are ended at once
	quit    chan struct{} // closed when the writers must end
	work    sync.WaitGroup
	ended   chan struct{} // closed when work is done
	stopped sync.Once
	held    func(sotto.TrackID) // for tests: called before each write to a file

	mu      sync.Mutex // guards what is below, and Recorder.tracks
	closing bool
	live    map[*Recorder]struct{}
	voices  int // tracks of all live recorders
	heard   map[listening]time.Time
}

// maxEnders is how many recorders are brought to the disk at once.
const maxEnders = 16

// New starts the writers. Call Recover before the first Start, and Stop at
// the end.
func New(cfg Config) *Recordings {
	rs := &Recordings{
		db: cfg.DB, ring: cfg.Ring, blobs: cfg.Blobs, audit: cfg.Audit, log: cfg.Log, clock: cfg.Clock, gauge: cfg.Metrics.Recordings,
		q: db.Parse(statements), pool: newPool(cfg.Buffer), enders: make(chan struct{}, maxEnders),
		quit: make(chan struct{}), ended: make(chan struct{}), live: map[*Recorder]struct{}{}, heard: map[listening]time.Time{}, tones: media.NewTones(),
	}
	if rs.log == nil {
		rs.log = obs.Discard().Log()
	}
	for i := range 256 {
		rs.linear[i] = media.DecodeMulaw(byte(i))
		rs.toSilence[i] = silence
		rs.toMulaw[i] = media.EncodeMulaw(media.DecodeAlaw(byte(i)))
	}
	writers := cfg.Writers
	if writers <= 0 {
		writers = 4
	}
	rs.queue = newQueue(writers)
	for range writers {
		rs.work.Go(rs.write)
	}
	rs.work.Go(func() { rs.pool.feed(rs.quit) })
	rs.work.Go(rs.tend)
	rs.work.Go(rs.keepDurable)
	return rs
}

// Stop ends every recording under way as if its call were over, then the
// writers, and waits for all of them until ctx is done. After it Start
// refuses. The second call waits for the same.
func (rs *Recordings) Stop(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "recording.Stop")
	rs.mu.Lock()
	rs.closing = true
	live := rs.snapshot()
	rs.mu.Unlock()
	for _, r := range live {
		r.begin(NoReason)
	}
	for _, r := range live {
		err = errors.Join(err, r.wait(ctx))
	}
	rs.stopped.Do(func() {
		close(rs.quit)
		go func() {
			rs.work.Wait()
			close(rs.ended)
		}()
	})
	select {
	case <-rs.ended:
		return err
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	}
}

// snapshot returns the live recorders. rs.mu is held.
func (rs *Recordings) snapshot() []*Recorder {
	live := make([]*Recorder, 0, len(rs.live))
	for r := range rs.live {
		live = append(live, r)
	}
	return live
}

// tracks returns the tracks of every live recorder.
func (rs *Recordings) tracks() []*track {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	var all []*track
	for r := range rs.live {
		all = append(all, r.tracks...)
	}
	return all
}

func (rs *Recordings) isClosing() bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.closing
}

// isLive reports whether a recorder of this process still works on id.
func (rs *Recordings) isLive(id sotto.RecordingID) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for r := range rs.live {
		if r.id == id {
			return true
		}
	}
	return false
}

// Stats is what the recorders hold just now. A block is half a second of one
// voice in memory.
type Stats struct {
	Live   int // recordings being written
	Tracks int // voices of them
	Used   int // blocks that hold sound
	Ready  int // blocks that can be taken at once; more are made, up to Config.Buffer
}

// Stats tells what the recorders hold just now.
func (rs *Recordings) Stats() Stats {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	ready := rs.pool.free.Load()
	return Stats{Live: len(rs.live), Tracks: rs.voices, Used: int(rs.pool.made.Load()*slabSize - ready), Ready: int(ready)}
}
