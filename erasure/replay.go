package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/person"
	"sotto/receipt"
)

// Replay erases again what was erased after a backup was taken: every record
// of the signed log from no on, and everybody whose tombstone matches an
// address that is older than the erasure. A restore calls it before anything
// answers; nothing erased comes back.
func (e *Eraser) Replay(ctx context.Context, from sotto.ReceiptNo) (again int, err error) {
	defer sotto.Wrap(&err, "erasure.Replay(%d)", from)
	size, _ := e.c.Receipts.Head()
	for rec, err := range e.c.Receipts.Since(from) {
		if err != nil {
			return again, err
		}
		if int64(rec.No) >= size {
			break // our own records
		}
		n, err := e.replayOne(ctx, rec)
		if err != nil {
			return again, fmt.Errorf("record %d: %w", rec.No, err)
		}
		again += n
	}
	n, err := e.replayTombstones(ctx)
	return again + n, err
}

func (e *Eraser) replayOne(ctx context.Context, rec receipt.Record) (int, error) {
	switch rec.Kind {
	case receipt.Intent, receipt.Erasure, receipt.Deletion:
	default:
		return 0, nil
	}
	if err := e.c.Ring.Destroy(e.known(rec.Keys)...); err != nil {
		return 0, err
	}
	if rec.Thing != "" {
		return e.deleteAgain(ctx, rec.Thing, rec.ThingID)
	}
	return e.eraseAgain(ctx, rec.Subject, rec.Keys, rec.Tombstones)
}

// known leaves out keys that an older ring never had.
func (e *Eraser) known(keys []sotto.KeyID) []sotto.KeyID {
	var out []sotto.KeyID
	for _, k := range keys {
		if _, err := e.c.Ring.Destroyed(k); err == nil {
			out = append(out, k)
		}
	}
	return out
}

// eraseAgain erases a person of a restored database who was erased since. It
// opens nothing: the keys are destroyed already.
func (e *Eraser) eraseAgain(ctx context.Context, id sotto.PersonID, keys []sotto.KeyID, marks [][]byte) (int, error) {
	var r *Run
	err := e.c.DB.Write(ctx, func(tx *db.Tx) error {
		fresh, err := e.c.People.Freeze(tx, id)
		if err != nil || !fresh {
			return err
		}
		r = &Run{id: tx.NewID(), subject: "person", subjectID: int64(id), person: id, marks: marks, began: time.Now()}
		if r.keys, err = e.keysOf(tx, id); err != nil {
			return err
		}
		r.keys = append(r.keys, e.known(keys)...)
		return e.insert(tx, r)
	})
	if err != nil || r == nil {
		return 0, err
	}
	_, err = e.Run(ctx, r.id)
	return 1, err
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
func (e *Eraser) replayTombstones(ctx context.Context) (again int, err error) {
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
			return again, err
		}
		value, err := e.c.Ring.OpenText(a.value, catalogue.AddressValue, a.id)
		if sotto.KindOf(err) == sotto.Gone {
			continue
		}
		if err != nil {
			return again, err
		}
		n, err := e.eraseIfTombstoned(ctx, sotto.PersonID(a.person), person.Kind(a.kind), value, db.Time(a.created))
		if err != nil {
			return again, err
		}
		again += n
	}
	return again, err
}

func (e *Eraser) eraseIfTombstoned(ctx context.Context, id sotto.PersonID, kind person.Kind, value string, since time.Time) (int, error) {
	mark := e.c.People.Tombstone(kind, value)
	stone, dead, err := e.c.Receipts.Tombstoned(mark)
	if err != nil || !dead {
		return 0, err
	}
	for rec, err := range e.c.Receipts.Since(stone.No) {
		if err != nil {
			return 0, err
		}
		if !since.Before(rec.At) {
			return 0, nil // known anew since the erasure: another story
		}
		break
	}
	_, err = e.Person(ctx, sotto.Operator(), id, 0)
	if err != nil && !errors.Is(err, context.Canceled) && sotto.KindOf(err) == sotto.Gone {
		return 0, nil
	}
	return 1, err
}
