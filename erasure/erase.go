// Package erasure is the only one that removes personal data for good. It
// walks the catalogue: nobody writes an erasure by hand, so no place can be
// forgotten that is not forgotten by the catalogue itself, and the database
// does not open when that is so.
//
// It owns the tables erasure, erasure_key, erasure_mark, erasure_step and
// notice. Retention, a person's request (package privacy) and the faces ask
// it; it never decides whether something should be erased.
package erasure

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
	"sotto/receipt"
	"sotto/recording"
	"sotto/ticket"
)

// Eraser forgets. Its methods may be called from any goroutine; erasures of
// different subjects run side by side.
type Eraser struct {
	c Config
	q db.Queries

	cleanMu sync.Mutex // one physical clean at a time
	sweeper sweeper
	turns   turns
}

// Config is what an eraser works with. All fields but Recipients, Tell,
// SignOut and ScanDirs are needed.
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
	Log        *slog.Logger

	// Recipients are told of every erasure (GDPR 19); Tell tells one of them
	// and returns nil once it has confirmed.
	Recipients []string
	Tell       func(ctx context.Context, recipient, kind string, person sotto.PersonID) error
	// SignOut ends the registrations of the telephones of a person who works
	// here, before their rows are removed.
	SignOut func(ctx context.Context, person sotto.PersonID) error
	// ScanDirs are the folders whose raw bytes are searched after an erasure.
	ScanDirs []string
}

// New returns an eraser. Call Resume before the desk takes its first call.
func New(c Config) *Eraser { return &Eraser{c: c, q: db.Parse(statements)} }

// Outcome is what an erasure came to.
type Outcome struct {
	Erasure    int64
	Person     sotto.PersonID  // who was erased; 0 for a ticket or a recording
	Request    sotto.RequestID // who asked; 0 for none
	Receipt    sotto.ReceiptNo
	Unreadable time.Duration // from the order until nothing could be read
	Took       time.Duration
	Steps      []receipt.Step
	Scan       receipt.Scan
	Incomplete []string // who has not confirmed yet; then Receipt is not final
	// Nonce opens the receipt's commitment: only the person gets it, once.
	Nonce    [32]byte
	Identity string // what the commitment is over, with Nonce
}

// Person forgets one person:
//
//	freeze → intent in the signed log → destroy the keys (nothing can be read
//	from here on) → rows, index, files → physical clean → look for what is
//	left → tell recipients → receipt
//
// Each step can be repeated and is resumed after a crash. It is correct while
// the person is on the phone: the recorder stops at once and nothing more is
// written about them.
func (e *Eraser) Person(ctx context.Context, actor sotto.Actor, id sotto.PersonID, request sotto.RequestID) (out Outcome, err error) {
	defer sotto.Wrap(&err, "erasure.Person(%d)", id)
	out, r, err := e.Shred(ctx, actor, id, request)
	if err != nil {
		return out, err
	}
	return e.Finish(ctx, r, out)
}

// Shred is the first half of Person, up to the point of no return: when it
// returns, nothing about the person can be read. The rest is done by Finish,
// or by Run; if nobody does, a job takes it up (see JobRun). Once the erasure
// is written down, ctx no longer counts.
func (e *Eraser) Shred(ctx context.Context, actor sotto.Actor, id sotto.PersonID, request sotto.RequestID) (out Outcome, r *Run, err error) {
	defer sotto.Wrap(&err, "erasure.Shred(%d)", id)
	began := time.Now()
	if !actor.IsAdmin() {
		return out, nil, sotto.Fail(sotto.Denied, "Only an administrator may erase a person.")
	}
	if r, err = e.freeze(ctx, actor, id, request, &out); err != nil {
		return out, nil, err
	}
	defer e.turns.take(r.id)()
	if err = e.destroy(context.WithoutCancel(ctx), r); err != nil {
		return out, nil, err
	}
	out.Erasure, out.Person, out.Request, out.Unreadable = r.id, r.person, r.request, time.Since(began)
	r.began = began
	return out, r, nil
}

// Finish removes what Shred made unreadable, proves it, and fills in out.
func (e *Eraser) Finish(ctx context.Context, r *Run, out Outcome) (_ Outcome, err error) {
	defer sotto.Wrap(&err, "erasure.Finish(%d)", r.id)
	defer e.turns.take(r.id)()
	now, err := e.load(ctx, r.id)
	if err != nil {
		return out, err
	}
	if now.state == stateDone { // somebody was faster
		out.Receipt = now.receipt
		return out, nil
	}
	return e.finish(ctx, r, out)
}

// destroy makes everything of r unreadable: live recorders fall silent, the
// intent goes into the signed log (so that a restore of any older backup
// finishes it), and the keys are destroyed. The intent is written once: its
// time is that of the erasure, also when a recipient confirms days later.
func (e *Eraser) destroy(ctx context.Context, r *Run) error {
	e.c.Ring.Freeze(r.keys...)
	e.c.Recordings.StopPerson(r.keys...)
	if r.state == stateFrozen {
		if _, err := e.c.Receipts.Append(ctx, r.record(receipt.Intent)); err != nil {
			return err
		}
	}
	if err := e.c.Ring.Destroy(r.keys...); err != nil || r.state != stateFrozen {
		return err
	}
	r.state = stateShredded
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(e.q["Unreadable"], r.id, db.Millis(tx.Now))
		return err
	})
}

// finish removes what is unreadable already, and proves it.
func (e *Eraser) finish(ctx context.Context, r *Run, out Outcome) (_ Outcome, err error) {
	if err := e.remove(ctx, r); err != nil {
		return out, err
	}
	if r.subject != "person" {
		return e.prove(ctx, r, out) // bytes freed by single things are wiped by JobClean
	}
	if err := e.verify(ctx, r); err != nil {
		return out, err
	}
	if out.Scan, err = e.sweep(ctx, r); err != nil {
		return out, err
	}
	if out.Incomplete, err = e.tell(ctx, r); err != nil {
		return out, err
	}
	out.Took = time.Since(r.began)
	return e.prove(ctx, r, out)
}

// Resume finds every erasure that a crash or an unconfirmed recipient left
// undone. Before it returns, the keys of all of them are destroyed: the desk
// may answer. Run does the rest.
func (e *Eraser) Resume(ctx context.Context) (undone []int64, err error) {
	defer sotto.Wrap(&err, "erasure.Resume")
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		undone, err = db.All(tx, db.Int, e.q["Undone"])
		return err
	})
	for _, id := range undone {
		if err != nil {
			return undone, err
		}
		var r *Run
		if r, err = e.load(ctx, id); err == nil && len(r.keys) > 0 {
			err = e.destroy(ctx, r)
		}
	}
	return undone, err
}

// JobRun is the job that does what is left of an erasure. Each erasure asks
// for it when it begins, for the case that whoever ordered it does not finish:
// a request that was broken off, a disk that was full, a process that died.
// Package privacy has its handler, which also closes the request.
const JobRun = "erase"

// patience is how long whoever ordered an erasure has it to themselves.
const patience = time.Minute

// Run does what is left of erasure id. Doing it again once it is done is fine,
// and returns its receipt. An Incomplete outcome is not an error: ask again
// later. It fails with job.Again while somebody else is at it.
func (e *Eraser) Run(ctx context.Context, id int64) (out Outcome, err error) {
	defer sotto.Wrap(&err, "erasure.Run(%d)", id)
	give, _ := e.turns.try(id)
	if give == nil {
		return out, job.Again{After: patience}
	}
	defer give()
	return e.run(ctx, id)
}

// run is Run for whoever has the turn.
func (e *Eraser) run(ctx context.Context, id int64) (out Outcome, err error) {
	r, err := e.load(ctx, id)
	if err != nil {
		return out, err
	}
	out.Erasure, out.Person, out.Request = id, r.person, r.request
	if r.state == stateDone {
		out.Receipt = r.receipt
		return out, nil
	}
	if len(r.keys) > 0 {
		if err := e.destroy(ctx, r); err != nil {
			return out, err
		}
	}
	return e.finish(ctx, r, out)
}

// prove writes the receipt and closes the erasure, unless somebody has not
// confirmed: then it stays open and says who.
func (e *Eraser) prove(ctx context.Context, r *Run, out Outcome) (_ Outcome, err error) {
	if out.Scan.Hits > 0 {
		return out, sotto.FailCause(sotto.Internal, "", errors.New("the scan found what should be gone"))
	}
	rec := r.record(receipt.Erasure)
	if r.subject != "person" {
		rec.Kind = receipt.Deletion
	}
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		if rec.Steps, err = db.All(tx, scanStep, e.q["Steps"], r.id); err != nil {
			return err
		}
		rec.AuditSize, rec.AuditHead, err = e.c.Audit.Head(tx)
		return err
	})
	if err != nil {
		return out, err
	}
	out.Steps, rec.Scan, rec.Incomplete = rec.Steps, out.Scan, out.Incomplete
	if len(out.Incomplete) > 0 {
		return out, nil
	}
	got, err := e.c.Receipts.Append(ctx, rec)
	if err != nil {
		return out, err
	}
	out.Receipt = got.No()
	return out, e.close(ctx, r, got.No())
}

func (e *Eraser) close(ctx context.Context, r *Run, no sotto.ReceiptNo) error {
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		if r.subject == "person" {
			if err := e.c.People.MarkErased(tx, r.person); err != nil {
				return err
			}
		}
		for _, q := range []string{"ForgetKeys", "ForgetMarks"} {
			if _, err := tx.Exec(e.q[q], r.id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(e.q["Done"], r.id, db.Millis(tx.Now), int64(no))
		return err
	})
}

func newNonce() (n [32]byte) {
	_, _ = rand.Read(n[:]) // crypto/rand never fails
	return n
}
