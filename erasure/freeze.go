package erasure

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/person"
	"sotto/receipt"
)

//go:embed erasure.sql
var statements string

// Run is one erasure under way.
type Run struct {
	id        int64
	subject   string // "person", "ticket" or "recording"
	subjectID int64
	person    sotto.PersonID // 0 unless subject is "person"
	request   sotto.RequestID
	actor     sotto.PersonID
	state     string          // one of those below
	receipt   sotto.ReceiptNo // once it is done
	keys      []sotto.KeyID
	marks     [][]byte
	commit    []byte
	began     time.Time

	// needles are the person's own words, known only until the process ends:
	// what the scan looks for. After a crash the keys are gone and so are they.
	needles []needle
}

// How far an erasure has come.
const (
	stateFrozen   = "frozen"   // nothing new is written
	stateShredded = "shredded" // the keys are destroyed
	stateRemoved  = "removed"  // the rows and files are gone
	stateSwept    = "swept"    // the disk was wiped and searched
	stateDone     = "done"
)

// ID returns the erasure's number.
func (r *Run) ID() int64 { return r.id }

// freeze denies every new write about the person and writes down what the
// erasure will destroy, in one transaction. Asked again, it takes up the
// erasure under way.
func (e *Eraser) freeze(ctx context.Context, actor sotto.Actor, id sotto.PersonID, request sotto.RequestID, out *Outcome) (r *Run, err error) {
	fresh := false
	err = e.c.DB.Write(ctx, func(tx *db.Tx) error {
		r, err = db.One(tx, scanRun, e.q["Open"], "person", int64(id))
		if err == nil {
			return e.loadLists(tx, r)
		}
		if !errors.Is(err, db.ErrNone) {
			return err
		}
		p, err := e.hold(tx, id)
		if err != nil {
			return err
		}
		fresh = true
		if r, err = e.newRun(tx, actor, p, request, out); err != nil {
			return err
		}
		e.c.Ring.Freeze(r.keys...)
		return e.c.Audit.Add(tx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Person, SourceID: int64(id), Person: id})
	})
	if err != nil && fresh {
		e.c.Ring.Thaw(r.keys...) // nothing was written: the person lives
	}
	return r, err
}

// hold returns a person who is still there. Whoever writes about the person at
// this moment is waited for, so that the erasure sees what they wrote.
func (e *Eraser) hold(tx *db.Tx, id sotto.PersonID) (p person.Person, err error) {
	if p, err = e.c.People.Load(tx, id); err != nil {
		return p, err
	}
	if !p.ErasedAt.IsZero() {
		return p, sotto.Fail(sotto.Gone, "This person was erased already. The receipt says when.")
	}
	if err = e.c.People.Live(tx, id); err != nil {
		return p, err
	}
	return e.c.People.Load(tx, id)
}

// newRun collects the keys, the tombstones and the needles of a living person.
func (e *Eraser) newRun(tx *db.Tx, actor sotto.Actor, p person.Person, request sotto.RequestID, out *Outcome) (*Run, error) {
	r := &Run{id: tx.NewID(), subject: "person", subjectID: int64(p.ID), person: p.ID, request: request, actor: actor.Person, state: stateFrozen}
	var err error
	if r.keys, err = e.keysOf(tx, p.ID); err != nil {
		return r, err
	}
	for _, a := range p.Addresses {
		r.marks = append(r.marks, e.c.People.Tombstone(a.Kind, a.Value))
		if out.Identity == "" || a.Primary {
			out.Identity = a.Value
		}
	}
	r.needles = needlesOf(p)
	out.Nonce = newNonce()
	r.commit = receipt.Commit(out.Nonce, out.Identity)
	if _, err := e.c.People.Freeze(tx, p.ID); err != nil {
		return r, err
	}
	return r, e.insert(tx, r)
}

func (e *Eraser) insert(tx *db.Tx, r *Run) error {
	if _, err := tx.Exec(e.q["Insert"], r.id, db.OrNull(r.person), r.subject, r.subjectID, db.OrNull(r.request),
		db.OrNull(r.actor), r.state, db.Millis(tx.Now), hex.EncodeToString(r.commit)); err != nil {
		return err
	}
	for _, k := range r.keys {
		if _, err := tx.Exec(e.q["InsertKey"], r.id, int64(k)); err != nil {
			return err
		}
	}
	for _, m := range r.marks {
		if _, err := tx.Exec(e.q["InsertMark"], r.id, m); err != nil {
			return err
		}
	}
	if err := e.c.Jobs.Enqueue(tx, JobRun, r.id, tx.Now.Add(patience)); err != nil || r.subject != "person" {
		return err
	}
	for _, name := range e.c.Recipients {
		if _, err := tx.Exec(e.q["InsertNotice"], tx.NewID(), name, "erased", r.subjectID, r.id, db.Millis(tx.Now)); err != nil {
			return err
		}
	}
	return nil
}

// keysOf returns the keys that die with the person: every column the
// catalogue calls a key to be destroyed. Each distinct key costs one look into
// an index, so the time does not depend on how often the person called.
func (e *Eraser) keysOf(tx *db.Tx, id sotto.PersonID) ([]sotto.KeyID, error) {
	var keys []sotto.KeyID
	for _, pl := range places() {
		for _, c := range pl.columns {
			if c.Form != catalogue.KeyRef || c.Erase != catalogue.DestroyKey {
				continue
			}
			from, where := pl.table.From(pl.edge)
			query := fmt.Sprintf("SELECT COALESCE(MIN(t0.%s), 0) FROM %s WHERE %s AND t0.%s > $2", c.Name, from, where, c.Name)
			for last := int64(0); ; {
				next, err := db.One(tx, db.Int, query, int64(id), last)
				if err != nil {
					return nil, err
				}
				if next == 0 {
					break
				}
				last = next
				keys = append(keys, sotto.KeyID(next))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// load reads an erasure back after a restart.
func (e *Eraser) load(ctx context.Context, id int64) (r *Run, err error) {
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		if r, err = db.One(tx, scanRun, e.q["Get"], id); err != nil {
			return err
		}
		return e.loadLists(tx, r)
	})
	if errors.Is(err, db.ErrNone) {
		err = sotto.Fail(sotto.NotFound, "There is no such erasure.")
	}
	return r, err
}

func (e *Eraser) loadLists(tx *db.Tx, r *Run) error {
	keys, err := db.All(tx, db.Int, e.q["Keys"], r.id)
	if err != nil {
		return err
	}
	r.keys = nil
	for _, k := range keys {
		r.keys = append(r.keys, sotto.KeyID(k))
	}
	commit, err := db.One(tx, db.Text, e.q["Commitment"], r.id)
	if err != nil {
		return err
	}
	if r.commit, err = hex.DecodeString(commit); err != nil {
		return err
	}
	r.marks, err = db.All(tx, func(s db.Scanner) (b []byte, err error) { err = s.Scan(&b); return }, e.q["Marks"], r.id)
	r.began = time.Now()
	return err
}

func scanRun(s db.Scanner) (*Run, error) {
	var r Run
	var who, request, actor int64
	err := s.Scan(&r.id, &r.subject, &r.subjectID, &who, &request, &actor, &r.state, (*int64)(&r.receipt))
	r.person, r.request, r.actor = sotto.PersonID(who), sotto.RequestID(request), sotto.PersonID(actor)
	return &r, err
}

// record is r as it stands in the signed log.
func (r *Run) record(kind receipt.Kind) receipt.Record {
	rec := receipt.Record{
		Kind: kind, Subject: r.person, Request: r.request, Actor: r.actor,
		Keys: r.keys, Tombstones: r.marks, Commitment: r.commit,
	}
	if r.subject != "person" {
		rec.Thing, rec.ThingID = r.subject, r.subjectID
	}
	return rec
}

func scanStep(s db.Scanner) (st receipt.Step, err error) {
	var action string
	var until *int64
	err = s.Scan(&st.Place, &action, &st.Removed, &st.Retained, &st.Why, &until)
	st.Action, st.Until = receipt.Action(action), db.TimeOrZero(until)
	return st, err
}
