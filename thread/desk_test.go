package thread_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/job"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/person"
	"sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The numbers of these tests are invented.
const (
	front   = "+33199001234" // the desk's line
	silent  = "+33199001235" // another, which takes no texts
	camille = "+12015550101" // a number of fiction
	jo      = "+12015550102"
	house   = "+33199005678" // a landline
)

// desk is a desk whose carrier answers what a test says.
type desk struct {
	*thread.Threads
	db      *db.DB
	people  *person.People
	lines   *line.Lines
	tickets *ticket.Tickets
	texts   *text.Texts
	gate    *dial.Gate
	jobs    *job.Jobs
	clock   *atomic.Int64
	line    line.Line
	agent   sotto.Actor
	carrier func() (sip.TextResult, error)
	out     []said
}

// said is one text the carrier got.
type said struct{ To, From, Words string }

var ctx = context.Background()

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func each(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	clock := &atomic.Int64{}
	dbtest.EachConfig(t, func() time.Time { return time.UnixMilli(clock.Load()) }, func(t *testing.T, cfg db.Config) {
		clock.Store(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).UnixMilli())
		f(t, newDesk(t, cfg, clock))
	})
}

func newDesk(t *testing.T, cfg db.Config, clock *atomic.Int64) *desk {
	t.Helper()
	d := &desk{db: dbtest.Open(t, cfg), clock: clock}
	d.answers(200)
	dir := t.TempDir()
	must(t, keyring.Create(filepath.Join(dir, "keys")))
	ring, err := keyring.Open(filepath.Join(dir, "keys"))
	must(t, err)
	t.Cleanup(func() { _ = ring.Close() })
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	log := audit.New(d.db)
	d.jobs = job.New(d.db, job.Config{})
	d.people = person.New(d.db, ring, log, "FR")
	d.lines, err = line.New(d.db, blobs, log, "FR")
	must(t, err)
	d.tickets = ticket.New(ticket.Config{
		DB: d.db, Blobs: blobs, Ring: ring, Audit: log, Jobs: d.jobs, People: d.people, Region: "FR",
		Answered: func(tx *db.Tx, x ticket.Ticket, c ticket.Comment) error { return d.Answered(tx, x, c) },
	})
	d.gate, err = dial.New(dial.Config{DB: d.db, People: d.people, Lines: d.lines, Audit: log, Region: "FR"})
	must(t, err, d.gate.SetRules(ctx, sotto.Operator(), dial.Rules{Countries: []string{"US"}}))
	d.texts = text.New(text.Config{DB: d.db, Ring: ring, People: d.people, Audit: log, Jobs: d.jobs})
	d.Threads, err = thread.New(thread.Config{
		DB: d.db, Lines: d.lines, People: d.people, Tickets: d.tickets, Texts: d.texts, Gate: d.gate,
		Say: func(_ context.Context, g dial.Grant, who leg.Caller, words string) (sip.TextResult, error) {
			d.out = append(d.out, said{g.Number(), who.Number, words})
			return d.carrier()
		},
	})
	must(t, err)
	d.jobs.Handle(text.JobSend, d.Send)
	d.line = d.addLine(t, front, true)
	d.addLine(t, silent, false)
	id, err := d.people.Create(ctx, sotto.Operator(), person.Draft{Role: sotto.Agent, Name: "Nadia Exemple"})
	must(t, err)
	d.agent = sotto.Actor{Person: id, Role: sotto.Agent}
	return d
}

func (d *desk) addLine(t *testing.T, number string, texts bool) line.Line {
	t.Helper()
	s := line.Defaults()
	s.Number, s.Name, s.Locale, s.SMS = number, "Accueil", "fr", texts
	l, err := d.lines.Create(ctx, sotto.Operator(), s)
	must(t, err)
	return l
}

// answers lets the carrier answer with a status; 0 is that it cannot be
// reached, -1 that it is silent.
func (d *desk) answers(status int) {
	d.carrier = func() (sip.TextResult, error) {
		return sip.TextResult{Status: max(status, 0), Delivered: status >= 200 && status < 300, Unreached: status == 0}, nil
	}
}

// work runs the jobs that are due and returns what went out meanwhile.
func (d *desk) work(t *testing.T) []said {
	t.Helper()
	d.out = nil
	_, err := d.jobs.RunDue(ctx)
	must(t, err)
	return d.out
}

func (d *desk) pass(by time.Duration) { d.clock.Add(by.Milliseconds()) }

// from lets a number write a text and returns the case it stands on.
func (d *desk) from(t *testing.T, number, body, name string) sotto.TicketID {
	t.Helper()
	must(t, d.Receive(ctx, thread.Incoming{From: leg.Caller{Number: number}, To: front, Body: body, Name: name}))
	return d.last(t).Ticket
}

// history is every text, the newest first.
func (d *desk) history(t *testing.T) []text.Text {
	t.Helper()
	all, _, err := d.texts.History(ctx, d.agent, text.Filter{})
	must(t, err)
	return all
}

func (d *desk) last(t *testing.T) text.Text {
	t.Helper()
	all := d.history(t)
	if len(all) == 0 {
		t.Fatal("there is no text")
	}
	return all[0]
}

// reply writes on a case for the requester to read.
func (d *desk) reply(t *testing.T, id sotto.TicketID, body string) {
	t.Helper()
	_, err := d.tickets.Comment(ctx, d.agent, id, ticket.CommentDraft{Public: true, Body: body})
	must(t, err)
}

// bodies are the comments of a case, oldest first.
func (d *desk) bodies(t *testing.T, id sotto.TicketID) (out []string) {
	t.Helper()
	all, _, err := d.tickets.Comments(ctx, d.agent, id, ticket.Page{})
	must(t, err)
	for _, c := range all {
		out = append(out, c.Body)
	}
	return out
}

// events are the words of a case's last event about a text: kind and reason.
func (d *desk) event(t *testing.T, id sotto.TicketID) string {
	t.Helper()
	all, _, err := d.tickets.Events(ctx, d.agent, id, ticket.Page{})
	must(t, err)
	found := ""
	for _, e := range all {
		switch e.Kind {
		case ticket.TextSent, ticket.TextDelivered, ticket.TextFailed:
			found = string(e.Kind) + " " + e.Becomes
		}
	}
	return found
}
