package erasure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/person"
	"sotto/receipt"
)

// together is how many erasures are finished side by side: they share the
// passes over the disk.
const together = 256

// Replay erases again what was erased after a backup was taken, when the
// signed log had from records: everybody a later record calls erased, and
// everybody with an address that a later record declares dead. A restore calls
// it before anything answers; nothing erased comes back.
//
// First everything becomes unreadable, then the rest is removed. A crash in
// between loses nothing: Resume goes on.
func (e *Eraser) Replay(ctx context.Context, from sotto.ReceiptNo) (again int, err error) {
	defer sotto.Wrap(&err, "erasure.Replay(%d)", from)
	runs, again, err := e.replayLog(ctx, from)
	if err != nil {
		return again, err
	}
	more, err := e.replayTombstones(ctx, from)
	if runs = append(runs, more...); err != nil {
		return again, err
	}
	return again + len(runs), e.finishAll(ctx, runs)
}

// CatchUp is Replay for a database of which it is not known that it is a copy:
// who has an address of the dead there may have got it since, so only whom the
// log names is erased. Who is erased already costs a look.
func (e *Eraser) CatchUp(ctx context.Context, from sotto.ReceiptNo) (again int, err error) {
	defer sotto.Wrap(&err, "erasure.CatchUp(%d)", from)
	runs, again, err := e.replayLog(ctx, from)
	if err != nil {
		return again, err
	}
	return again + len(runs), e.finishAll(ctx, runs)
}

// replayLog makes unreadable whom the log calls erased, and deletes what it
// calls deleted.
func (e *Eraser) replayLog(ctx context.Context, from sotto.ReceiptNo) (runs []*Run, deleted int, err error) {
	for rec, err := range e.c.Receipts.Since(from) {
		if err != nil {
			return runs, deleted, err
		}
		switch rec.Kind {
		case receipt.Intent, receipt.Erasure, receipt.Deletion:
		default:
			continue
		}
		r, n, err := e.replayOne(ctx, rec)
		if err != nil {
			return runs, deleted, fmt.Errorf("record %d: %w", rec.No, err)
		}
		deleted += n
		if r != nil {
			runs = append(runs, r)
		}
	}
	return runs, deleted, nil
}

func (e *Eraser) replayOne(ctx context.Context, rec receipt.Record) (r *Run, deleted int, err error) {
	if err := e.destroyAgain(rec.Keys); err != nil {
		return nil, 0, err
	}
	if rec.Thing != "" {
		deleted, err = e.deleteAgain(ctx, rec.Thing, rec.ThingID)
		return nil, deleted, err
	}
	r, err = e.eraseAgain(ctx, rec.Subject, rec.Tombstones)
	return r, 0, err
}

// finishAll finishes erasures side by side. The first error is returned when
// all have ended.
func (e *Eraser) finishAll(ctx context.Context, runs []*Run) error {
	var all sync.WaitGroup
	places := make(chan struct{}, together)
	errs := make([]error, len(runs))
	for i, r := range runs {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			_, errs[i] = e.Finish(ctx, r, Outcome{Erasure: r.id})
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// destroyAgain destroys the keys that came back. An older ring may never have
// had some of them: their numbers are used up all the same.
func (e *Eraser) destroyAgain(keys []sotto.KeyID) error {
	if len(keys) == 0 {
		return nil
	}
	if err := e.c.Ring.Reserve(slices.Max(keys)); err != nil {
		return err
	}
	var back []sotto.KeyID
	for _, k := range keys {
		gone, err := e.c.Ring.Destroyed(k)
		if err != nil {
			return err
		}
		if !gone {
			back = append(back, k)
		}
	}
	if len(back) == 0 {
		return nil
	}
	return e.c.Ring.Destroy(back...)
}

// eraseAgain makes a person of a restored database unreadable who was erased
// since; nil when there is no such person, or nothing left to do. It opens
// nothing, and writes no second intent: the log has it.
func (e *Eraser) eraseAgain(ctx context.Context, id sotto.PersonID, marks [][]byte) (r *Run, err error) {
	known := false
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		known, err = tx.Has("SELECT id FROM person WHERE id = $1 AND frozen_at IS NULL", int64(id))
		return err
	})
	if err != nil || !known {
		return nil, err
	}
	err = e.c.DB.Write(ctx, func(tx *db.Tx) error {
		fresh, err := e.c.People.Freeze(tx, id)
		if err != nil || !fresh {
			return err
		}
		r = &Run{id: tx.NewID(), subject: "person", subjectID: int64(id), person: id, marks: marks, began: time.Now(), state: stateShredded}
		if r.keys, err = e.keysOf(tx, id); err != nil {
			return err
		}
		return e.insert(tx, r)
	})
	if err != nil || r == nil {
		return nil, err
	}
	return r, e.destroy(ctx, r)
}

func (e *Eraser) deleteAgain(ctx context.Context, subject string, id int64) (int, error) {
	var err error
	if subject == "ticket" {
		_, err = e.Ticket(ctx, sotto.Desk(), sotto.TicketID(id), true)
	} else {
		_, err = e.Recording(ctx, sotto.Desk(), sotto.RecordingID(id))
	}
	switch sotto.KindOf(err) {
	case sotto.NotFound, sotto.Gone:
		return 0, nil // the backup never had it
	}
	if err != nil {
		return 0, err
	}
	return 1, nil
}

// replayTombstones finds people whose address was forgotten under another
// number: merged, imported, or entered twice.
func (e *Eraser) replayTombstones(ctx context.Context, from sotto.ReceiptNo) (runs []*Run, err error) {
	type address struct {
		id, person int64
		kind       string
		value      keyring.Sealed
		created    int64
	}
	var all []address
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(s db.Scanner) (a address, err error) {
			err = s.Scan(&a.id, &a.person, &a.kind, &a.value, &a.created)
			return a, err
		}, `SELECT a.id, a.person_id, a.kind, a.value, a.created_at FROM address a
			JOIN person p ON p.id = a.person_id WHERE p.frozen_at IS NULL`)
		return err
	})
	for _, a := range all {
		if err != nil {
			return runs, err
		}
		value, err := e.c.Ring.OpenText(a.value, catalogue.AddressValue, a.id)
		if sotto.KindOf(err) == sotto.Gone {
			continue
		}
		if err != nil {
			return runs, err
		}
		dead, err := e.died(from, person.Kind(a.kind), value, db.Time(a.created))
		if err != nil {
			return runs, err
		}
		if !dead {
			continue
		}
		_, r, err := e.Shred(ctx, sotto.Operator(), sotto.PersonID(a.person), 0)
		switch {
		case sotto.KindOf(err) == sotto.Gone: // by another address, just now
		case err != nil:
			return runs, err
		default:
			runs = append(runs, r)
		}
	}
	return runs, err
}

// died reports whether an address that is known since then was forgotten
// later, by a record from no on. One that came anew after the erasure is
// another story.
func (e *Eraser) died(from sotto.ReceiptNo, kind person.Kind, value string, since time.Time) (bool, error) {
	stone, dead, err := e.c.Receipts.Tombstoned(e.c.People.Tombstone(kind, value))
	if err != nil || !dead || stone.No < from {
		return false, err
	}
	for rec, err := range e.c.Receipts.Since(stone.No) {
		return err == nil && since.Before(rec.At), err
	}
	return false, nil
}
