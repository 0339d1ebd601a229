package recording_test

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/leg/media"
	"sotto/obs/obstest"
	"sotto/recording"
)

var staff = sotto.Actor{Person: 7, Role: sotto.Agent}

// desk is a recorder with everything it works on, all of it real.
type desk struct {
	t     testing.TB
	ctx   context.Context
	db    *db.DB
	ring  *keyring.Ring
	blobs *blob.Store
	audit *audit.Log
	dir   string // of the blobs
	rs    *recording.Recordings
	cfg   recording.Config

	caller, agent       sotto.PersonID
	callerKey, agentKey sotto.KeyID
	line                sotto.LineID
	broken              bool // on purpose: the last check is left out
}

// each runs f on a desk of each database.
func each(t *testing.T, f func(t *testing.T, d *desk)) {
	dbtest.Each(t, func(t *testing.T, base *db.DB) { f(t, newDesk(t, base, t.TempDir(), recording.Config{})) })
}

// sqlite returns a desk on SQLite, for what does not depend on the database.
func sqlite(t testing.TB, cfg recording.Config) *desk {
	return newDesk(t, dbtest.SQLite(t), t.TempDir(), cfg)
}

func newDesk(t testing.TB, base *db.DB, blobs string, cfg recording.Config) *desk {
	t.Helper()
	cfg.Log = obstest.New(t).Log()
	d, err := setUp(t, base, blobs, filepath.Join(t.TempDir(), "keys"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

// setUp opens a desk on what is there, or makes it.
func setUp(t testing.TB, base *db.DB, blobs, keys string, cfg recording.Config) (*desk, error) {
	d := &desk{t: t, ctx: context.Background(), db: base, audit: audit.New(base), dir: blobs}
	_, err := os.Stat(keys)
	fresh := err != nil
	if fresh {
		if err := keyring.Create(keys); err != nil {
			return nil, err
		}
	}
	if d.ring, err = keyring.Open(keys); err != nil {
		return nil, err
	}
	if d.blobs, err = blob.Open(blobs); err != nil {
		return nil, err
	}
	d.cfg = cfg
	d.cfg.DB, d.cfg.Ring, d.cfg.Blobs, d.cfg.Audit = d.db, d.ring, d.blobs, d.audit
	if d.cfg.Clock == nil {
		d.cfg.Clock = time.Now
	}
	if fresh {
		d.people()
	}
	d.rs = recording.New(d.cfg)
	return d, nil
}

// people makes a caller, an agent and a line.
func (d *desk) people() {
	d.caller, d.callerKey = d.person("end-user")
	d.agent, d.agentKey = d.person("agent")
	d.write(func(tx *db.Tx) error {
		d.line = sotto.LineID(tx.NewID())
		_, err := tx.Exec(`INSERT INTO line (id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id, consent,
			keep_call_days, keep_voicemail_days, priority, time_zone, ring_seconds, wait_seconds, max_queue, announce_wait,
			announce_position, callback, wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words,
			created_at, updated_at, deleted_at)
			VALUES ($1, 'phone', '+3312', 'x', '', 'en', 1, 0, 0, 0, '', 'opt-in', 30, 10, 0, 'UTC', 20, 60, 0, 0,
			0, 0, 0, 0, 1, '', '', '', 0, '', 0, 0, NULL)`, int64(d.line))
		return err
	})
}

// stop ends the recorder and has every row and file checked.
func (d *desk) stop() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	if err := d.rs.Stop(ctx); err != nil {
		d.t.Errorf("Stop: %v", err)
	}
	if d.t.Failed() || d.broken {
		return
	}
	for _, wrong := range d.rs.Check(ctx) {
		d.t.Errorf("check: %s", wrong)
	}
}

func (d *desk) write(fn func(tx *db.Tx) error) {
	d.t.Helper()
	if err := d.db.Write(d.ctx, fn); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) exec(query string, args ...any) {
	d.t.Helper()
	d.write(func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
}

// set changes a recording's row behind everyone's back.
func (d *desk) set(r recording.Recording, what string) {
	d.t.Helper()
	d.exec("UPDATE recording SET "+what+" WHERE id = $1", int64(r.ID))
}

func (d *desk) person(role string) (id sotto.PersonID, key sotto.KeyID) {
	d.t.Helper()
	key, err := d.ring.NewKey()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(func(tx *db.Tx) error {
		id = sotto.PersonID(tx.NewID())
		_, err := tx.Exec(`INSERT INTO person (id, key_id, role, created_at, updated_at) VALUES ($1, $2, $3, 0, 0)`, int64(id), int64(key), role)
		return err
	})
	return id, key
}

// call makes a call whose caller agreed.
func (d *desk) call() sotto.CallID {
	d.t.Helper()
	var id int64
	d.write(func(tx *db.Tx) error {
		id = tx.NewID()
		_, err := tx.Exec(`INSERT INTO call (id, line_id, person_id, key_id, direction, state, in_hours, consent, voicemail, started_at, reason)
			VALUES ($1, $2, $3, $4, 'inbound', 'connected', 1, '', 0, 0, '')`, id, int64(d.line), int64(d.caller), int64(d.callerKey))
		if err != nil {
			return err
		}
		for _, purpose := range []recording.Kind{recording.Call, recording.Voicemail} {
			if err := d.rs.Consent(tx, consent(sotto.CallID(id), purpose)); err != nil {
				return err
			}
		}
		return nil
	})
	return sotto.CallID(id)
}

func consent(call sotto.CallID, purpose recording.Kind) recording.Consent {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	return recording.Consent{
		Call: call, Purpose: purpose, Mode: recording.OptIn, Outcome: recording.Granted, Evidence: recording.ByKey,
		Notice: "consent-opt-in", Locale: "fr", NoticeHash: [32]byte{1, 2, 3}, AskedAt: at, DecidedAt: at.Add(time.Second),
	}
}

// start begins a recording of a new call.
func (d *desk) start() *recording.Recorder { return d.startKind(recording.Call) }

func (d *desk) startKind(kind recording.Kind) *recording.Recorder {
	d.t.Helper()
	r, err := d.rs.Start(d.ctx, recording.Start{Call: d.call(), Line: d.line, Kind: kind, CallerKey: d.callerKey})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// finish stops r and returns what became of it.
func (d *desk) finish(r *recording.Recorder) recording.Recording {
	d.t.Helper()
	if err := r.Stop(d.ctx, recording.NoReason); err != nil {
		d.t.Fatal(err)
	}
	return d.get(r.ID())
}

func (d *desk) get(id sotto.RecordingID) recording.Recording {
	d.t.Helper()
	r, err := d.rs.Get(d.ctx, staff, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// mouth is a port that says what a test tells it. After untap it is silent.
type mouth struct {
	mu   sync.Mutex
	sink media.Sink
}

func (m *mouth) tap(s media.Sink) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sink = s
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sink = nil
	}
}

// push reports whether somebody listened.
func (m *mouth) push(f media.Frame) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sink == nil {
		return false
	}
	m.sink.Push(f)
	return true
}

// say pushes sound from place at on, in frames of 20 ms, but for those that
// skip names by their number.
func (m *mouth) say(at int64, law media.Law, pcm []int16, skip ...int) {
	for i := 0; i*160 < len(pcm); i++ {
		if !slices.Contains(skip, i) {
			m.push(frame(at+int64(i)*160, law, pcm[i*160:min(len(pcm), (i+1)*160)]))
		}
	}
}

func frame(at int64, law media.Law, pcm []int16) media.Frame {
	p := make([]byte, len(pcm))
	for i, s := range pcm {
		p[i] = law.Encode(s)
	}
	return media.Frame{At: at, Law: law, Payload: p}
}

// tone is a sine of hz, n samples long, that goes on where one of from
// samples ended.
func tone(hz float64, from, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(from+i)/media.SampleRate))
	}
	return pcm
}

// caller and agentOn tap a mouth each.
func (d *desk) hearCaller(r *recording.Recorder) *mouth {
	d.t.Helper()
	m := &mouth{}
	if err := r.HearCaller(m.tap); err != nil {
		d.t.Fatal(err)
	}
	return m
}

func (d *desk) hearAgent(r *recording.Recorder) *mouth {
	d.t.Helper()
	m := &mouth{}
	if err := r.HearAgent(m.tap, d.agent, d.agentKey); err != nil {
		d.t.Fatal(err)
	}
	return m
}

// bytesOnDisk is the length of every track's file together.
func (d *desk) bytesOnDisk() (sum int64) {
	d.t.Helper()
	for _, path := range d.files() {
		st, err := os.Stat(path)
		if err != nil {
			d.t.Fatal(err)
		}
		sum += st.Size()
	}
	return sum
}

// files returns the path of every track's file.
func (d *desk) files() (all []string) {
	d.t.Helper()
	err := filepath.WalkDir(filepath.Join(d.dir, "track"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// until polls for what another goroutine does.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long for " + what)
		}
	}
}

// ear reads a whole WAV and takes it apart.
type ear struct {
	head     []byte
	channels [][]int16
}

func (d *desk) listen(id sotto.RecordingID) ear {
	d.t.Helper()
	w, err := d.rs.WAV(d.ctx, staff, id)
	if err != nil {
		d.t.Fatal(err)
	}
	e, err := hear(w)
	if err != nil {
		d.t.Fatal(err)
	}
	return e
}

func (e ear) left() []int16  { return e.channels[0] }
func (e ear) right() []int16 { return e.channels[1] }

// at is a fifth of a second of pcm from sample n on.
func at(pcm []int16, n int) []int16 { return pcm[n:min(len(pcm), n+1600)] }

func describe(t recording.Track) string {
	return fmt.Sprintf("%s %s offset %d samples %d lost %d chunks %d", t.Role, t.State, t.Offset, t.Samples, t.Lost, t.Chunks)
}
