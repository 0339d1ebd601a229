package flow_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/blob"
	"sotto/call"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/flow"
	"sotto/job"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/person"
	"sotto/queue"
	"sotto/recording"
	"sotto/route"
	"sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The numbers of these tests are invented.
const (
	front   = "+33199001234" // the desk's line
	camille = "+33199005678" // who calls
)

var admin = sotto.Operator()

// pitch is what each category sounds like here: a short tone of its own.
func pitch(c line.Category) float64 {
	return map[line.Category]float64{
		line.Greeting: 400, line.ConsentAlways: 500, line.ConsentOptIn: 500, line.ConsentOptOut: 500, line.OutOfHours: 600,
		line.Unavailable: 700, line.Voicemail: 800, line.Wait: 900, line.Goodbye: 1100, line.Thanks: 1200, line.WrongKey: 1300,
	}[c]
}

// desk is everything a call goes through.
type desk struct {
	db         *db.DB
	ring       *keyring.Ring
	blobs      *blob.Store
	people     *person.People
	lines      *line.Lines
	menus      *route.Menus
	calls      *call.Calls
	agents     *agent.Agents
	queue      *queue.Queue
	recordings *recording.Recordings
	tickets    *ticket.Tickets
	texts      *text.Texts
	engine     *media.Engine
	flow       *flow.Flow
	gate       *dial.Gate
	line       line.Line

	mu      sync.Mutex
	guarded bool                                                      // the trunk was told to let nobody listen
	phones  map[sotto.DeviceID]func(context.Context) (leg.Leg, error) // what ringing each telephone comes to
	trunk   func(ctx context.Context, number string) (leg.Leg, error) // what calling a number outside comes to
}

func each(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, base *db.DB) { f(t, newDesk(t, base)) })
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// newDesk makes a desk with one line whose sounds are short.
func newDesk(t *testing.T, base *db.DB) *desk {
	t.Helper()
	dir := t.TempDir()
	check(t, keyring.Create(filepath.Join(dir, "keys")))
	d := &desk{db: base, phones: map[sotto.DeviceID]func(context.Context) (leg.Leg, error){}}
	var err error
	d.ring, err = keyring.Open(filepath.Join(dir, "keys"))
	check(t, err)
	d.blobs, err = blob.Open(filepath.Join(dir, "blobs"))
	check(t, err)
	d.engine, err = media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")})
	check(t, err)
	log := audit.New(base)
	d.people = person.New(base, d.ring, log, "FR")
	d.lines, err = line.New(base, d.blobs, log, "FR")
	check(t, err)
	d.menus = route.New(route.Config{DB: base, Audit: log, Lines: d.lines, HasGreeting: d.lines.HasMenuSound})
	d.calls = call.New(call.Config{DB: base, Ring: d.ring, People: d.people})
	d.agents = agent.New(base, d.ring, d.people, log)
	d.queue = queue.New(queue.Config{
		DB: base, Ring: d.ring, People: d.people, Audit: log, Agents: d.agents, Pause: 20 * time.Millisecond,
	})
	d.recordings = recording.New(recording.Config{DB: base, Ring: d.ring, Blobs: d.blobs, Audit: log, Clock: time.Now})
	jobs := job.New(base, job.Config{})
	d.tickets = ticket.New(ticket.Config{DB: base, Blobs: d.blobs, Ring: d.ring, Audit: log, Jobs: jobs, People: d.people, Region: "FR"})
	d.gate, err = dial.New(dial.Config{DB: base, People: d.people, Lines: d.lines, Audit: log, Region: "FR"})
	check(t, err)
	d.texts = text.New(text.Config{DB: base, Ring: d.ring, People: d.people, Audit: log, Jobs: jobs})
	threads, err := thread.New(thread.Config{DB: base, Lines: d.lines, People: d.people, Tickets: d.tickets, Texts: d.texts, Gate: d.gate})
	check(t, err)
	d.flow, err = flow.New(flow.Config{
		DB: base, People: d.people, Lines: d.lines, Menus: d.menus, Calls: d.calls, Agents: d.agents, Queue: d.queue, Recordings: d.recordings, Tickets: d.tickets,
		Clock: time.Now, Dial: d.dial, DialOut: d.dialOut, Gate: d.gate, Threads: threads, Audit: log, Media: d.engine,
		Times: flow.Times{
			Key: 700 * time.Millisecond, Bounce: 50 * time.Millisecond, Silence: 400 * time.Millisecond, Spoken: 200 * time.Millisecond,
			Comfort: 800 * time.Millisecond, Message: 5 * time.Second, Finish: 10 * time.Second,
		},
	})
	check(t, err)
	t.Cleanup(func() { d.close(t) })
	s := line.Defaults()
	s.Number, s.Name, s.Locale, s.Ring, s.Wait = front, "Accueil", "fr", 5*time.Second, 20*time.Second
	d.line, err = d.lines.Create(context.Background(), admin, s)
	check(t, err)
	for _, c := range line.Categories() {
		if pitch(c) == 0 {
			continue // the desk's own
		}
		check(t, d.lines.SetSound(context.Background(), admin, d.line.ID, c, "fr", wav(media.Tone(pitch(c), 400*time.Millisecond))))
	}
	return d
}

// close stops the desk in the order cmd does, and looks whether anything was
// left: a call, an agent who is busy, a recorder.
func (d *desk) close(t *testing.T) {
	d.flow.Wait()
	d.queue.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.recordings.Stop(ctx); err != nil {
		t.Errorf("recordings: %v", err)
	}
	if live, busy := d.flow.Live(), d.agents.Busy(); live != 0 || busy != 0 || len(d.queue.Waiting()) != 0 {
		t.Errorf("left behind: %d calls, %d busy agents, %d waiting", live, busy, len(d.queue.Waiting()))
	}
	if n := d.engine.Stats(); n.Ports != 0 || n.SinkPanics != 0 || n.Panics != 0 {
		t.Errorf("left behind: %d ports; %d panics", n.Ports, n.SinkPanics+n.Panics)
	}
	if err := errors.Join(d.engine.Close(), d.ring.Close()); err != nil {
		t.Error(err)
	}
}

// set changes the line.
func (d *desk) set(t *testing.T, edit func(*line.Settings)) {
	t.Helper()
	l, err := d.lines.Update(context.Background(), admin, d.line.ID, func(s *line.Settings) error { edit(s); return nil })
	check(t, err)
	d.line = l
}

// exec runs a statement behind the owner's back.
func (d *desk) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	check(t, d.db.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

func (d *desk) count(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	check(t, d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, query, args...)
		return err
	}))
	return n
}

// worker is an agent who is online with one telephone.
type worker struct {
	id     sotto.PersonID
	key    sotto.KeyID
	device sotto.DeviceID
	party  chan *legtest.Party // gets each leg that was answered
}

// hire adds an agent whose telephone does what ring says; nil answers at once.
func (d *desk) hire(t *testing.T, ring func(ctx context.Context) (leg.Leg, error)) *worker {
	t.Helper()
	ctx := context.Background()
	id, err := d.people.Create(ctx, admin, person.Draft{Role: sotto.Agent, Name: "Sacha Exemple"})
	check(t, err)
	device, _, err := d.agents.AddDevice(ctx, admin, id)
	check(t, err)
	check(t, d.agents.Registered(ctx, device.ID, []sip.Contact{{
		URI: "sip:a@192.0.2.1", From: netip.MustParseAddrPort("192.0.2.1:5060"), CallID: "x", Expires: time.Now().Add(time.Hour),
	}}), d.agents.SetState(ctx, admin, id, agent.Online))
	p, err := d.people.Get(ctx, id)
	check(t, err)
	w := &worker{id: id, key: p.Key, device: device.ID, party: make(chan *legtest.Party, 64)}
	if ring == nil {
		ring = func(context.Context) (leg.Leg, error) {
			p := legtest.Take(t, d.engine)
			w.party <- p
			return p, nil
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phones[device.ID] = ring
	return w
}

func (d *desk) dial(ctx context.Context, device sotto.DeviceID, _ leg.Caller) (leg.Leg, error) {
	d.mu.Lock()
	ring := d.phones[device]
	d.mu.Unlock()
	if ring == nil {
		return nil, &leg.EndError{Cause: leg.Unreachable}
	}
	return ring(ctx)
}

// dialOut is the trunk.
func (d *desk) dialOut(ctx context.Context, grant dial.Grant, _ leg.Caller, secure bool) (leg.Leg, error) {
	d.mu.Lock()
	d.guarded = secure
	f := d.trunk
	d.mu.Unlock()
	if f == nil {
		return nil, &leg.EndError{Cause: leg.Unreachable}
	}
	return f(ctx, grant.Number())
}

// silent is a telephone that rings and is not answered.
func silent(ctx context.Context) (leg.Leg, error) {
	<-ctx.Done()
	return nil, &leg.EndError{Cause: leg.NoAnswer}
}

// call lets somebody call the line; over is closed when the flow is done.
func (d *desk) call(t *testing.T, caller leg.Caller, number string) (p *legtest.Party, over chan struct{}) {
	t.Helper()
	return d.callIn(t, context.Background(), caller, number)
}

func (d *desk) callIn(t *testing.T, ctx context.Context, caller leg.Caller, number string) (*legtest.Party, chan struct{}) {
	t.Helper()
	p, over := legtest.Call(t, d.engine, caller, number), make(chan struct{})
	go func() {
		defer close(over)
		d.flow.Accept(ctx, p)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			d.explain(t, p)
		}
		done(t, over)
	})
	return p, over
}

// explain says where a failed test stands.
func (d *desk) explain(t *testing.T, p *legtest.Party) {
	t.Helper()
	for _, c := range d.calls.Live() {
		t.Logf("call %d is in %s", c.ID, c.State())
	}
	t.Logf("the caller heard %d samples, ended for %q; engine: %+v", len(p.Heard()), p.Cause(), d.engine.Stats())
}

func done(t *testing.T, over chan struct{}) {
	t.Helper()
	select {
	case <-over:
	case <-time.After(30 * time.Second):
		t.Fatal("the call hangs")
	}
}

func (w *worker) answer(t *testing.T) *legtest.Party {
	t.Helper()
	select {
	case p := <-w.party:
		return p
	case <-time.After(10 * time.Second):
		t.Fatal("the agent was not rung")
		return nil
	}
}

// eventually waits until ok, or fails after 10 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited 10 s and still not: %s", what)
		}
	}
}

// in waits until the one call under way is in a state.
func (d *desk) in(t *testing.T, s call.State) *call.Call {
	t.Helper()
	var c *call.Call
	eventually(t, "a call in "+string(s), func() bool {
		live := d.calls.Live()
		if len(live) == 1 && live[0].State() == s {
			c = live[0]
		}
		return c != nil
	})
	return c
}

// record is the one call there was.
func (d *desk) record(t *testing.T) call.Record {
	t.Helper()
	all, err := d.calls.List(context.Background(), call.Filter{})
	check(t, err)
	if len(all) != 1 {
		t.Fatalf("%d calls, want 1", len(all))
	}
	return all[0]
}

// bytesOnDisk is how much sound there is, sealed or not.
func (d *desk) bytesOnDisk(t *testing.T) (n int64) {
	t.Helper()
	check(t, d.blobs.Each(catalogue.CallTrack, func(id int64) error {
		r, err := d.blobs.Open(catalogue.CallTrack, id)
		if err != nil {
			return err
		}
		n += r.Size
		return r.Close()
	}))
	return n
}

// sound is the channels of a recording, decoded.
func (d *desk) sound(t *testing.T, id sotto.RecordingID) (channels [][]int16) {
	t.Helper()
	w, err := d.recordings.WAV(context.Background(), admin, id)
	check(t, err)
	b, err := io.ReadAll(w)
	check(t, err, w.Close())
	channels = make([][]int16, binary.LittleEndian.Uint16(b[22:]))
	for i, b := 0, b[44:]; len(b) >= 2; i, b = i+1, b[2:] {
		c := i % len(channels)
		channels[c] = append(channels[c], int16(binary.LittleEndian.Uint16(b)))
	}
	return channels
}

// loudest is the 200 ms of pcm that have the most sound; nil when there is
// hardly any.
func loudest(pcm []int16) (best []int16) {
	const span = media.SampleRate / 5
	most := 1000.0 * 1000
	for at := 0; at+span <= len(pcm); at += span / 2 {
		if p := mediatest.Power(pcm[at : at+span]); p > most {
			best, most = pcm[at:at+span], p
		}
	}
	return best
}

func isTone(pcm []int16, hz float64) bool {
	w := loudest(pcm)
	return w != nil && mediatest.HasTone(w, media.SampleRate, hz)
}

// wav is a clip as a file.
func wav(c media.Clip) []byte {
	var b bytes.Buffer
	le := func(n int, v uint32) {
		for i := range n {
			b.WriteByte(byte(v >> (8 * i)))
		}
	}
	b.WriteString("RIFF")
	le(4, uint32(36+2*len(c.Mulaw)))
	b.WriteString("WAVEfmt ")
	for _, v := range [][2]uint32{{4, 16}, {2, 1}, {2, 1}, {4, 8000}, {4, 16000}, {2, 2}, {2, 16}} {
		le(int(v[0]), v[1])
	}
	b.WriteString("data")
	le(4, uint32(2*len(c.Mulaw)))
	for _, s := range c.Mulaw {
		le(2, uint32(uint16(media.DecodeMulaw(s))))
	}
	return b.Bytes()
}
