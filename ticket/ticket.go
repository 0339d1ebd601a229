// Package ticket keeps the cases: what people asked, what was said to them,
// the files they sent, and what happened to each.
//
// It owns the tables ticket, comment, attachment, ticket_event, ticket_word
// and upload, and the blobs attachment and upload. Texts, names of files and
// files are sealed under the ticket's key, which is the requester's; a caller
// who withheld the number has a key and no person. Search goes through keyed
// hashes of words. Package flow writes tickets of calls, api those of people.
//
// It redacts texts and files, and puts tickets among the deleted; it never
// removes a ticket for good: package erasure does. A recording of a ticket is
// not touched here.
package ticket

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
)

//go:embed ticket.sql
var statements string

// Config is what the tickets stand on. All fields up to Region are needed.
type Config struct {
	DB     *db.DB
	Blobs  *blob.Store
	Ring   *keyring.Ring
	Audit  *audit.Log
	Jobs   *job.Jobs // not started yet
	People *person.People
	Region string // ISO 3166, as "FR": to read numbers written without a country code

	// Answered is told of each text comment that staff wrote for the requester
	// to read on a case that came in as a text, in the same transaction. nil:
	// nobody is told.
	Answered func(tx *db.Tx, t Ticket, c Comment) error
}

// Tickets is the desk's cases. Its methods may be called from any goroutine.
type Tickets struct {
	db     *db.DB
	blobs  *blob.Store
	ring   *keyring.Ring
	audit  *audit.Log
	jobs   *job.Jobs
	people *person.People
	region string
	q      db.Queries

	answered func(tx *db.Tx, t Ticket, c Comment) error // or nil

	// fault stands in a test before and after each write to one of two places.
	fault func(step string, do func() error) error
}

// The jobs that remove files whose row is gone or redacted, by the number of
// the row, and the one that wipes what was freed in the database, which is the
// desk's and not handled here.
const (
	removeUploadJob     = "upload.remove"
	removeAttachmentJob = "attachment.remove"
	cleanJob            = "clean"
)

// New returns the tickets of a desk and names the functions of their jobs.
func New(cfg Config) *Tickets {
	tt := &Tickets{
		db: cfg.DB, blobs: cfg.Blobs, ring: cfg.Ring, audit: cfg.Audit, jobs: cfg.Jobs, people: cfg.People, region: cfg.Region,
		q: db.Parse(statements), answered: cfg.Answered,
	}
	tt.jobs.Handle(removeUploadJob, func(_ context.Context, id int64) error { return tt.removeFile(catalogue.Upload, id) })
	tt.jobs.Handle(removeAttachmentJob, func(_ context.Context, id int64) error { return tt.removeFile(catalogue.Attachment, id) })
	return tt
}

// Ticket is one case, opened.
type Ticket struct {
	ID             sotto.TicketID
	Requester      sotto.PersonID // 0 for a caller who withheld the number
	Key            sotto.KeyID    // 0 once erased
	Assignee       sotto.PersonID // 0 for nobody
	Submitter      sotto.PersonID // who opened it; 0 for the desk itself
	Line           sotto.LineID   // 0 for none
	Subject        string
	Status         Status
	Priority       Priority
	Via            Via
	CreatedAt      time.Time
	UpdatedAt      time.Time
	SolvedAt       time.Time
	ClosedAt       time.Time
	DeletedAt      time.Time
	DeletedBy      sotto.PersonID
	PurgeAt        time.Time // when it goes for good; zero while it is not deleted
	PreviousStatus Status    // what Restore returns to; "" while it is not deleted
}

// Get returns a ticket. Staff see every ticket that is not deleted, an end
// user their own; anything else is NotFound. While the requester is being
// erased it is Gone.
func (tt *Tickets) Get(ctx context.Context, actor sotto.Actor, id sotto.TicketID) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.Get(%d)", id)
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		t, err = tt.see(tx, actor, id)
		return err
	})
	return t, err
}

// see is Get inside a transaction.
func (tt *Tickets) see(tx *db.Tx, actor sotto.Actor, id sotto.TicketID) (Ticket, error) {
	t, err := db.One(tx, tt.scan, tt.q["Get"], int64(id), db.Bit(actor.IsStaff()), int64(actor.Person))
	if errors.Is(err, db.ErrNone) {
		return Ticket{}, errNoTicket()
	}
	if err != nil {
		return Ticket{}, err
	}
	frozen, err := tx.Has(tt.q["PersonFrozen"], int64(t.Requester))
	if err == nil && frozen {
		return Ticket{}, sotto.Fail(sotto.Gone, "The person of this ticket is being erased.")
	}
	return t, err
}

// Load returns a ticket, also a deleted one, without asking who looks. It is
// for the packages that work inside a transaction: flow, erasure, privacy.
func (tt *Tickets) Load(tx *db.Tx, id sotto.TicketID) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.Load(%d)", id)
	t, err = db.One(tx, tt.scan, tt.q["Load"], int64(id))
	if errors.Is(err, db.ErrNone) {
		return Ticket{}, errNoTicket()
	}
	return t, err
}

func errNoTicket() error { return sotto.Fail(sotto.NotFound, "There is no such ticket.") }

// writes reports whether a may write on everyone's tickets: staff, and the
// desk itself for what a call leaves behind.
func writes(a sotto.Actor) bool { return a.IsStaff() || a == sotto.Desk() }

// hold takes a ticket for writing: its person may not be under erasure, and
// nobody else writes on it until the transaction ends. The person comes
// before the ticket, as in erasure, so that the two do not wait for each
// other. Whoever may not write on it gets NotFound.
func (tt *Tickets) hold(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, deleted bool) (t Ticket, err error) {
	requester, err := db.One(tx, maybeInt, tt.q["Reach"], int64(id), db.Bit(deleted), db.Bit(writes(actor)), int64(actor.Person))
	if errors.Is(err, db.ErrNone) {
		return t, errNoTicket()
	}
	if err != nil {
		return t, err
	}
	if requester != 0 {
		if err := tt.people.Live(tx, sotto.PersonID(requester)); err != nil {
			return t, err
		}
	}
	n, err := tx.Exec(tt.q["Lock"], int64(id))
	if err == nil && n == 0 {
		err = errNoTicket()
	}
	if err != nil {
		return t, err
	}
	purging, err := tx.Has(tt.q["Purging"], int64(id))
	if err != nil {
		return t, err
	}
	if purging {
		return t, sotto.Fail(sotto.Gone, "This ticket is being deleted for good.")
	}
	if t, err = tt.Load(tx, id); err == nil && (t.Status == Deleted) != deleted {
		return t, errNoTicket() // somebody was faster
	}
	return t, err
}

// scan reads a row and opens it. When the key is destroyed it fails with Gone
// and returns the id all the same.
func (tt *Tickets) scan(s db.Scanner) (t Ticket, err error) {
	var subject keyring.Sealed
	var id, created, updated int64
	var requester, assignee, submitter, deleter *sotto.PersonID
	var key *sotto.KeyID
	var line *sotto.LineID
	var status, priority, via string
	var previous *string
	var solved, closed, deleted, purge *int64
	if err := s.Scan(&id, &requester, &key, &assignee, &submitter, &line, &subject, &status, &priority, &via,
		&created, &updated, &solved, &closed, &deleted, &deleter, &purge, &previous); err != nil {
		return Ticket{ID: sotto.TicketID(id)}, err
	}
	t = Ticket{
		ID: sotto.TicketID(id), Requester: db.Value(requester), Key: db.Value(key), Assignee: db.Value(assignee),
		Submitter: db.Value(submitter), Line: db.Value(line), Status: Status(status), Priority: Priority(priority), Via: Via(via),
		CreatedAt: db.Time(created), UpdatedAt: db.Time(updated), SolvedAt: db.TimeOrZero(solved), ClosedAt: db.TimeOrZero(closed),
		DeletedAt: db.TimeOrZero(deleted), DeletedBy: db.Value(deleter), PurgeAt: db.TimeOrZero(purge),
		PreviousStatus: Status(db.Value(previous)),
	}
	t.Subject, err = tt.ring.OpenText(subject, catalogue.TicketSubject, id)
	return t, err
}

// maybeInt reads a row of one number that may be NULL.
func maybeInt(s db.Scanner) (int64, error) {
	var n *int64
	err := s.Scan(&n)
	return db.Value(n), err
}

// do runs a write to one of two places.
func (tt *Tickets) do(step string, f func() error) error {
	if tt.fault == nil {
		return f()
	}
	return tt.fault(step, f)
}
