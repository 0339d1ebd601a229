// Package privacy carries out what a person may ask: to see what is held and
// why (GDPR 15), to have it corrected (16), erased (17), handed over (20), and
// to refuse a use of it (21). Each right is a file: access.go, export.go,
// rectify.go, erase.go, object.go.
//
// It owns the tables request and export. What it shows and hands over is read
// off the catalogue, so it is complete by construction. Erasing itself is
// package erasure's. Not legal advice.
package privacy

import (
	"context"
	_ "embed"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/erasure"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
	"sotto/receipt"
	"sotto/recording"
	"sotto/ticket"
)

//go:embed privacy.sql
var statements string

// Rights is where the five rights are exercised. Its methods may be called
// from any goroutine.
type Rights struct {
	c Config
	q db.Queries
}

// Config is what Rights works with. All fields are needed.
type Config struct {
	DB         *db.DB
	Ring       *keyring.Ring
	Blobs      *blob.Store
	People     *person.People
	Tickets    *ticket.Tickets
	Recordings *recording.Recordings
	Audit      *audit.Log
	Receipts   *receipt.Log
	Jobs       *job.Jobs
	Eraser     *erasure.Eraser
}

// New returns the desk of rights.
func New(c Config) *Rights { return &Rights{c: c, q: db.Parse(statements)} }

// Kind is which right a request exercises.
type Kind string

// The kinds of request.
const (
	Access        Kind = "access"
	Export        Kind = "export"
	Rectification Kind = "rectification"
	Erasure       Kind = "erasure"
	Objection     Kind = "objection"
)

// Request is one right a person exercised, as the officer sees it.
type Request struct {
	ID       sotto.RequestID
	Kind     Kind
	State    string // open, done or incomplete
	OpenedAt time.Time
	DoneAt   time.Time
	Receipt  sotto.ReceiptNo // -1 while there is none
}

// Requests returns what the person has asked so far.
func (r *Rights) Requests(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (out []Request, err error) {
	if !actor.IsAdmin() {
		return nil, errOnlyAdmin()
	}
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		out, err = db.All(tx, scanRequest, r.q["Requests"], int64(id))
		return err
	})
	return out, err
}

func scanRequest(s db.Scanner) (q Request, err error) {
	var id, opened int64
	var kind string
	var done, no *int64
	err = s.Scan(&id, &kind, &q.State, &opened, &done, &no)
	q.ID, q.Kind, q.OpenedAt, q.DoneAt, q.Receipt = sotto.RequestID(id), Kind(kind), db.Time(opened), db.TimeOrZero(done), -1
	if no != nil {
		q.Receipt = sotto.ReceiptNo(*no)
	}
	return q, err
}

func errOnlyAdmin() error {
	return sotto.Fail(sotto.Denied, "Only an administrator may handle requests of people.")
}

// open writes a request down, in the caller's transaction.
func (r *Rights) open(tx *db.Tx, actor sotto.Actor, id sotto.PersonID, kind Kind) (sotto.RequestID, error) {
	req := tx.NewID()
	_, err := tx.Exec(r.q["InsertRequest"], req, int64(id), string(kind), db.Millis(tx.Now), db.OrNull(actor.Person))
	return sotto.RequestID(req), err
}

// done closes a request; no is negative when no receipt belongs to it.
func (r *Rights) done(tx *db.Tx, req sotto.RequestID, state string, no sotto.ReceiptNo) error {
	var receiptNo any
	if no >= 0 {
		receiptNo = int64(no)
	}
	_, err := tx.Exec(r.q["RequestDone"], int64(req), state, db.Millis(tx.Now), receiptNo)
	return err
}

// note writes a request that is done at once, with its audit entry.
func (r *Rights) note(ctx context.Context, actor sotto.Actor, id sotto.PersonID, kind Kind, action audit.Action, no sotto.ReceiptNo) error {
	return r.c.DB.Write(ctx, func(tx *db.Tx) error {
		req, err := r.open(tx, actor, id, kind)
		if err != nil {
			return err
		}
		if err := r.done(tx, req, "done", no); err != nil {
			return err
		}
		return r.c.Audit.Add(tx, actor, audit.Entry{Action: action, Source: audit.Request, SourceID: int64(req), Person: id})
	})
}
