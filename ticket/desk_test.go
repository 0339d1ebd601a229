package ticket_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
	"sotto/ticket"
)

// desk is a real desk with its tickets: four people, a clock that stands, and
// a counter of the cleanings that were asked for.
type desk struct {
	*ticket.Tickets
	db     *db.DB
	file   string // of the database; "" on PostgreSQL
	dir    string // of everything else
	ring   *keyring.Ring
	blobs  *blob.Store
	audit  *audit.Log
	jobs   *job.Jobs
	people *person.People
	clock  *atomic.Int64
	cleans int

	agent, admin sotto.Actor
	ada, bob     sotto.Actor // end users
}

// start is when every test begins.
var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// each runs f on both databases, and at the end the consistency check.
func each(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	clock := &atomic.Int64{}
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	dbtest.EachConfig(t, now, func(t *testing.T, cfg db.Config) {
		clock.Store(start.UnixMilli())
		d := newDesk(t, cfg, clock)
		f(t, d)
		for _, wrong := range d.Check(context.Background()) {
			t.Errorf("check: %s", wrong)
		}
	})
}

// one is each on SQLite alone.
func one(t *testing.T) *desk {
	t.Helper()
	clock := &atomic.Int64{}
	clock.Store(start.UnixMilli())
	now := func() time.Time { return time.UnixMilli(clock.Load()) }
	return newDesk(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: now}, clock)
}

func newDesk(t *testing.T, cfg db.Config, clock *atomic.Int64) *desk {
	t.Helper()
	d := &desk{db: dbtest.Open(t, cfg), file: cfg.Path, dir: t.TempDir(), clock: clock}
	keys := filepath.Join(d.dir, "keys")
	must(t, keyring.Create(keys))
	var err error
	d.ring, err = keyring.Open(keys)
	must(t, err)
	t.Cleanup(func() { _ = d.ring.Close() })
	d.blobs, err = blob.Open(filepath.Join(d.dir, "blobs"))
	must(t, err)
	d.audit, d.jobs = audit.New(d.db), job.New(d.db, job.Config{})
	d.jobs.Handle("clean", func(context.Context, int64) error { d.cleans++; return nil })
	d.people = person.New(d.db, d.ring, d.audit, "FR")
	d.Tickets = ticket.New(ticket.Config{
		DB: d.db, Blobs: d.blobs, Ring: d.ring, Audit: d.audit, Jobs: d.jobs, People: d.people, Region: "FR",
	})
	d.agent = d.person(t, person.Draft{Role: sotto.Agent, Name: "Grace Sample"})
	d.admin = d.person(t, person.Draft{Role: sotto.Admin, Name: "Alan Sample"})
	d.ada = d.person(t, person.Draft{Name: "Ada Éxample", Phones: []string{"+33199001234"}})
	d.bob = d.person(t, person.Draft{Name: "Bob Example"})
	return d
}

func (d *desk) person(t *testing.T, p person.Draft) sotto.Actor {
	t.Helper()
	id, err := d.people.Create(context.Background(), sotto.Operator(), p)
	must(t, err)
	if p.Role == "" {
		p.Role = sotto.EndUser
	}
	return sotto.Actor{Person: id, Role: p.Role}
}

// pass lets time go by.
func (d *desk) pass(by time.Duration) { d.clock.Add(by.Milliseconds()) }

// work runs the jobs that are due.
func (d *desk) work(t *testing.T) {
	t.Helper()
	_, err := d.jobs.RunDue(context.Background())
	must(t, err)
}

// open opens a ticket of Ada's with one public comment.
func (d *desk) open(t *testing.T, subject, body string) (ticket.Ticket, ticket.Comment) {
	t.Helper()
	tk, err := d.Open(context.Background(), d.ada, ticket.Draft{
		Via: ticket.ByWeb, Subject: subject, Comment: ticket.CommentDraft{Body: body},
	})
	must(t, err)
	return tk, d.comments(t, d.agent, tk.ID)[0]
}

func (d *desk) comments(t *testing.T, actor sotto.Actor, id sotto.TicketID) []ticket.Comment {
	t.Helper()
	page, _, err := d.Comments(context.Background(), actor, id, ticket.Page{})
	must(t, err)
	return page
}

func (d *desk) set(t *testing.T, id sotto.TicketID, s ticket.Status) ticket.Ticket {
	t.Helper()
	tk, err := d.Update(context.Background(), d.agent, id, ticket.Change{Status: &s})
	must(t, err)
	return tk
}

// events returns what happened to a ticket, one word line for each event.
func (d *desk) events(t *testing.T, id sotto.TicketID) []string {
	t.Helper()
	list, _, err := d.Events(context.Background(), d.agent, id, ticket.Page{})
	must(t, err)
	var out []string
	for _, e := range list {
		line := string(e.Kind)
		if e.Was != "" || e.Becomes != "" {
			line += fmt.Sprintf(" %s>%s", e.Was, e.Becomes)
		}
		out = append(out, line)
	}
	return out
}

// audited returns what the audit log says about a ticket, newest first.
func (d *desk) audited(t *testing.T, id sotto.TicketID) []string {
	t.Helper()
	list, _, err := d.audit.List(context.Background(), d.admin, audit.Filter{Ticket: id})
	must(t, err)
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprintf("%s %s %d by %d of %d", r.Action, r.Source, r.SourceID, r.Actor, r.Person))
	}
	return out
}

func (d *desk) write(t *testing.T, f func(*db.Tx) error) {
	t.Helper()
	must(t, d.db.Write(context.Background(), f))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind checks an error's kind and that it says something, but nothing of
// what people said.
func wantKind(t *testing.T, what string, err error, kind sotto.Kind, secrets ...string) {
	t.Helper()
	if err == nil || sotto.KindOf(err) != kind {
		t.Errorf("%s = %v, want %v", what, err, kind)
		return
	}
	if kind != sotto.Internal && !strings.HasSuffix(sotto.SayOf(err), ".") {
		t.Errorf("%s says %q, want a sentence", what, sotto.SayOf(err))
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("%s: the error holds what somebody said: %v", what, err)
		}
	}
}

func number(a sotto.Actor) string { return fmt.Sprint(int64(a.Person)) }

// onDisk reports whether b is in the database's files.
func (d *desk) onDisk(t *testing.T, b []byte) bool {
	t.Helper()
	files, err := filepath.Glob(d.file + "*")
	must(t, err)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		must(t, err)
		if bytes.Contains(raw, b) {
			return true
		}
	}
	return false
}
