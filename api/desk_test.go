package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/account"
	"sotto/agent"
	"sotto/audit"
	"sotto/blob"
	"sotto/call"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/erasure"
	"sotto/insight"
	"sotto/job"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/obs"
	"sotto/obs/obstest"
	"sotto/person"
	"sotto/privacy"
	"sotto/queue"
	"sotto/receipt"
	"sotto/recording"
	ways "sotto/route"
	texts "sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a real desk behind its API, with an administrator and an agent.
type desk struct {
	t    *testing.T
	c    Config
	api  *API
	ring *keyring.Ring
	jobs *job.Jobs
	blob *blob.Store
	log  *obstest.Lines
	ms   *atomic.Int64
	spec *spec

	admin, agent signedIn
}

// signedIn is a member of staff with a token.
type signedIn struct {
	id    sotto.PersonID
	key   sotto.KeyID
	token string
	made  int64 // the token's number
}

// each runs f on both databases.
func each(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	ms := &atomic.Int64{}
	dbtest.EachConfig(t, func() time.Time { return time.UnixMilli(ms.Load()) }, func(t *testing.T, cfg db.Config) {
		f(t, newDesk(t, cfg, ms))
	})
}

// sqlite returns a desk for what does not depend on the database.
func sqlite(t *testing.T) *desk {
	t.Helper()
	ms := &atomic.Int64{}
	clock := func() time.Time { return time.UnixMilli(ms.Load()) }
	return newDesk(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: clock}, ms)
}

func newDesk(t *testing.T, cfg db.Config, ms *atomic.Int64) *desk {
	t.Helper()
	ms.Store(time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC).UnixMilli())
	clock := func() time.Time { return time.UnixMilli(ms.Load()) }
	o, lines := obstest.Capture(t)
	d := &desk{t: t, ms: ms, log: lines, spec: readSpec(t)}
	base := dbtest.Open(t, cfg)
	d.ground(base, clock)
	d.parts(base, clock, o)
	d.api = New(d.c)
	d.admin = d.staff("Alan Adminsample", "alan@desk.example", sotto.Admin)
	d.agent = d.staff("Grace Agentsample", "grace@desk.example", sotto.Agent)
	return d
}

// ground opens what everything stands on.
func (d *desk) ground(base *db.DB, clock sotto.Clock) {
	dir := d.t.TempDir()
	keys := filepath.Join(dir, "keys")
	must(d.t, keyring.Create(keys))
	var err error
	d.ring, err = keyring.Open(keys)
	must(d.t, err)
	d.t.Cleanup(func() { must(d.t, d.ring.Close()) })
	d.blob, err = blob.Open(filepath.Join(dir, "blobs"))
	must(d.t, err)
	d.c.Receipts, err = receipt.Create(receipt.Config{
		Dir: filepath.Join(dir, "receipts"), KeyFile: filepath.Join(dir, "receipt.key"), Origin: "desk.example/receipts", Clock: clock,
	})
	must(d.t, err)
	d.t.Cleanup(func() { must(d.t, d.c.Receipts.Close()) })
	d.c.DB, d.c.Clock, d.c.Audit, d.jobs = base, clock, audit.New(base), job.New(base, job.Config{})
}

func (d *desk) parts(base *db.DB, clock sotto.Clock, o *obs.Obs) {
	c := &d.c
	quiet := slog.New(slog.DiscardHandler)
	c.Log, c.Metrics = o.Log(), o.Metrics
	c.People = person.New(base, d.ring, c.Audit, "FR")
	c.Accounts = account.New(base, c.People, c.Audit, clock)
	c.Agents = agent.New(base, d.ring, c.People, c.Audit)
	c.Queue = queue.New(queue.Config{DB: base, Ring: d.ring, People: c.People, Audit: c.Audit, Agents: c.Agents})
	d.t.Cleanup(c.Queue.Stop)
	c.Calls = call.New(call.Config{DB: base, Ring: d.ring, People: c.People})
	var err error
	c.Lines, err = line.New(base, d.blob, c.Audit, "FR")
	must(d.t, err)
	c.Menus = ways.New(ways.Config{
		DB: base, Audit: c.Audit, Lines: c.Lines, HasGroup: c.Agents.HasGroup, HasAgent: c.Agents.HasAgent, HasGreeting: c.Lines.HasMenuSound,
	})
	c.Insight = insight.New(base)
	c.Dials, err = dial.New(dial.Config{DB: base, People: c.People, Lines: c.Lines, Audit: c.Audit, Region: "FR"})
	must(d.t, err)
	c.Recordings = recording.New(recording.Config{DB: base, Ring: d.ring, Blobs: d.blob, Audit: c.Audit, Clock: clock})
	d.t.Cleanup(func() { must(d.t, c.Recordings.Stop(context.Background())) })
	c.Tickets = ticket.New(ticket.Config{DB: base, Blobs: d.blob, Ring: d.ring, Audit: c.Audit, Jobs: d.jobs, People: c.People, Region: "FR",
		Answered: func(tx *db.Tx, t ticket.Ticket, m ticket.Comment) error { return c.Threads.Answered(tx, t, m) },
	})
	c.Texts = texts.New(texts.Config{DB: base, Ring: d.ring, People: c.People, Audit: c.Audit, Jobs: d.jobs})
	c.Threads, err = thread.New(thread.Config{
		DB: base, Lines: c.Lines, People: c.People, Tickets: c.Tickets, Texts: c.Texts, Gate: c.Dials,
		Say: func(context.Context, dial.Grant, leg.Caller, string) (sip.TextResult, error) {
			return sip.TextResult{Status: 202}, nil
		},
	})
	must(d.t, err)
	d.jobs.Handle(texts.JobSend, c.Threads.Send)
	c.Eraser = erasure.New(erasure.Config{
		DB: base, Ring: d.ring, Blobs: d.blob, People: c.People, Tickets: c.Tickets, Recordings: c.Recordings,
		Audit: c.Audit, Receipts: c.Receipts, Jobs: d.jobs, Log: quiet,
	})
	c.Rights = privacy.New(privacy.Config{
		DB: base, Ring: d.ring, Blobs: d.blob, People: c.People, Tickets: c.Tickets, Recordings: c.Recordings,
		Audit: c.Audit, Receipts: c.Receipts, Jobs: d.jobs, Eraser: c.Eraser,
	})
	d.jobs.Handle(erasure.JobClean, c.Eraser.Clean)
	d.jobs.Handle(privacy.JobErase, c.Rights.RunErasure)
	d.jobs.Handle(privacy.JobExport, c.Rights.RunExport)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// work runs the jobs that are due.
func (d *desk) work() {
	d.t.Helper()
	_, err := d.jobs.RunDue(context.Background())
	must(d.t, err)
}

func (d *desk) person(p person.Draft) sotto.PersonID {
	d.t.Helper()
	id, err := d.c.People.Create(context.Background(), sotto.Operator(), p)
	must(d.t, err)
	return id
}

func (d *desk) staff(name, email string, role sotto.Role) signedIn {
	d.t.Helper()
	id := d.person(person.Draft{Name: name, Emails: []string{email}, Role: role})
	p, err := d.c.People.Get(context.Background(), id)
	must(d.t, err)
	token, made, err := d.c.Accounts.CreateToken(context.Background(), sotto.Operator(), id)
	must(d.t, err)
	return signedIn{id, p.Key, token, made}
}

func (s signedIn) actor(role sotto.Role) sotto.Actor { return sotto.Actor{Person: s.id, Role: role} }

// line makes a line.
func (d *desk) line() line.Line {
	d.t.Helper()
	s := line.Defaults()
	s.Number, s.Name, s.Consent, s.KeepCallDays = "+33199000001", "Support", line.OptIn, 180
	l, err := d.c.Lines.Create(context.Background(), d.admin.actor(sotto.Admin), s)
	must(d.t, err)
	return l
}

// phoned makes what a recorded call leaves: the call, its ticket with a voice
// comment, and one durable recording of half a second.
type phoned struct {
	call      sotto.CallID
	ticket    sotto.TicketID
	comment   sotto.CommentID
	caller    sotto.PersonID
	recording sotto.RecordingID
}

func (d *desk) phoned(number string, l line.Line) (p phoned) {
	d.t.Helper()
	ctx := context.Background()
	c, err := d.c.Calls.Begin(ctx, call.Arrival{Caller: leg.Caller{Number: number}, Line: l.ID, Locale: "en", InHours: true})
	must(d.t, err)
	p.call, p.caller = c.ID, c.Person
	must(d.t, d.c.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := d.c.Tickets.OpenTx(tx, sotto.Desk(), ticket.Draft{Requester: c.Person, Line: l.ID, Via: ticket.ByVoice, Subject: "Call"})
		if err != nil {
			return err
		}
		said, err := d.c.Tickets.CommentTx(tx, sotto.Desk(), t.ID, ticket.CommentDraft{Author: c.Person, Kind: ticket.Voice, Call: c.ID, Public: true})
		p.ticket, p.comment = t.ID, said.ID
		if err != nil {
			return err
		}
		if err := d.c.Calls.SetTicket(tx, c.ID, t.ID); err != nil {
			return err
		}
		return d.record(tx, c, &p)
	}))
	must(d.t, d.c.Calls.Connect(ctx, c, d.agent.id, nil))
	must(d.t, d.c.Calls.End(ctx, c, call.CallerHungUp, nil))
	return p
}

// record writes the recording of a call as package recording leaves it.
func (d *desk) record(tx *db.Tx, c *call.Call, p *phoned) error {
	p.recording = sotto.RecordingID(tx.NewID())
	track, now := tx.NewID(), db.Millis(tx.Now)
	if _, err := tx.Exec(`INSERT INTO recording (id, call_id, ticket_id, line_id, kind, state, reason, started_at, ended_at, duration_ms)
		VALUES ($1, $2, $3, $4, 'call', 'durable', '', $5, $5, 500)`, int64(p.recording), int64(p.call), int64(p.ticket), int64(c.Line), now); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO track (id, recording_id, role, key_id, caller_key_id, offset_samples, samples, lost_samples, chunks, state)
		VALUES ($1, $2, 'caller', $3, $3, 0, 4000, 0, 1, 'durable')`, track, int64(p.recording), int64(c.Key)); err != nil {
		return err
	}
	stream, err := d.ring.NewStream(catalogue.CallTrack, track, c.Key, 0)
	if err != nil {
		return err
	}
	sound, err := stream.Seal(stream.Header[:], 0, true, bytes.Repeat([]byte{0xD5}, 4000))
	if err != nil {
		return err
	}
	f, err := d.blob.Create(catalogue.CallTrack, track)
	if err != nil {
		return err
	}
	if _, err := f.Write(sound); err != nil {
		return err
	}
	return f.Commit()
}

// answer is what came back.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    []byte
	body   any // of a JSON answer
}

// ask sends one request and has the answer checked against openapi.yaml. body
// is a JSON text, bytes, or nil.
func (d *desk) ask(who signedIn, method, path string, body ...string) answer {
	d.t.Helper()
	r := httptest.NewRequest(method, "http://desk.example"+prefix+path, strings.NewReader(strings.Join(body, "")))
	if who.token != "" {
		r.Header.Set("Authorization", "Bearer "+who.token)
	}
	return d.send(r)
}

func (d *desk) send(r *http.Request) answer {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	res := w.Result()
	raw, err := io.ReadAll(res.Body)
	must(d.t, err)
	a := answer{t: d.t, status: res.StatusCode, header: res.Header, raw: raw}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		must(d.t, json.Unmarshal(raw, &a.body))
	}
	for _, wrong := range d.spec.check(d.api, r, a) {
		d.t.Errorf("%s %s: %d: %s", r.Method, r.URL.Path, a.status, wrong)
	}
	if a.header.Get("Retry-After") != "" && a.status != http.StatusTooManyRequests {
		d.t.Errorf("%s: Retry-After on %d", r.URL.Path, a.status)
	}
	return a
}

// is fails the test unless the status is want.
func (a answer) is(want int) answer {
	a.t.Helper()
	if a.status != want {
		a.t.Fatalf("status = %d, want %d: %s", a.status, want, a.raw)
	}
	return a
}

// at returns what is at a path such as "ticket.comments.0.id".
func (a answer) at(path string) any {
	a.t.Helper()
	v, err := dig(a.body, path)
	if err != nil {
		a.t.Fatalf("%v in %s", err, a.raw)
	}
	return v
}

// id returns the number at path as a text for paths.
func (a answer) id(path string) string {
	a.t.Helper()
	n, ok := a.at(path).(float64)
	if !ok {
		a.t.Fatalf("%s is no number in %s", path, a.raw)
	}
	return json.Number(jsonInt(n)).String()
}

// lacks fails the test if one of the words is in the answer.
func (a answer) lacks(words ...string) answer {
	a.t.Helper()
	for _, w := range words {
		if strings.Contains(strings.ToLower(string(a.raw)), strings.ToLower(w)) {
			a.t.Errorf("the answer holds %q: %s", w, a.raw)
		}
	}
	return a
}
