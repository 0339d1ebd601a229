package erasure

import (
	"context"
	"errors"
	"fmt"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/receipt"
	"sotto/ticket"
)

// JobClean is the job that wipes freed bytes after single things were
// deleted; its handler is Eraser.Clean.
const JobClean = "clean"

// Recording deletes the sound of one recording for good: the files' heads are
// overwritten before they are removed. The ticket keeps an event and the audit
// log an entry of its own, with who did it and on which ticket; the recording's
// row says that it was deleted.
func (e *Eraser) Recording(ctx context.Context, actor sotto.Actor, id sotto.RecordingID) (out Outcome, err error) {
	defer sotto.Wrap(&err, "erasure.Recording(%d)", id)
	if err := mayDelete(actor); err != nil {
		return out, err
	}
	return e.thing(ctx, "recording", int64(id), actor, func(tx *db.Tx, r *Run) error {
		return e.noteRecording(tx, actor, id)
	})
}

// noteRecording marks the row and leaves the event and the audit entry.
func (e *Eraser) noteRecording(tx *db.Tx, actor sotto.Actor, id sotto.RecordingID) error {
	was, err := e.c.Recordings.MarkDeleted(tx, id, actor)
	if err != nil {
		return err
	}
	if was.Ticket != 0 {
		if err := e.c.Tickets.AddEvent(tx, was.Ticket, actor, ticket.RecordingDeleted, int64(id)); err != nil {
			return err
		}
	}
	return e.c.Audit.Add(tx, actor, audit.Entry{
		Action: audit.Destroy, Source: audit.Recording, SourceID: int64(id), Ticket: was.Ticket,
	})
}

// Ticket deletes a ticket for good, with its comments, files and recordings.
// Each recording has its audit entry of its own. The ticket must have been
// deleted before (it is among the deleted tickets), or atOnce must be true.
func (e *Eraser) Ticket(ctx context.Context, actor sotto.Actor, id sotto.TicketID, atOnce bool) (out Outcome, err error) {
	defer sotto.Wrap(&err, "erasure.Ticket(%d)", id)
	if err := mayDelete(actor); err != nil {
		return out, err
	}
	return e.thing(ctx, "ticket", int64(id), actor, func(tx *db.Tx, r *Run) error {
		return e.noteTicket(tx, actor, id, atOnce, r)
	})
}

type ticketRow struct {
	requester, key int64
	deleted        *int64
}

func (e *Eraser) noteTicket(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, atOnce bool, r *Run) error {
	row, err := db.One(tx, func(s db.Scanner) (t ticketRow, err error) {
		return t, s.Scan(&t.requester, &t.key, &t.deleted)
	}, "SELECT COALESCE(requester_id, 0), COALESCE(key_id, 0), deleted_at FROM ticket WHERE id = $1", int64(id))
	if errors.Is(err, db.ErrNone) {
		return sotto.Fail(sotto.NotFound, "There is no such ticket.")
	}
	if err != nil {
		return err
	}
	if row.deleted == nil && !atOnce {
		return sotto.Fail(sotto.Conflict, "Delete the ticket first; then it can be deleted for good.")
	}
	if row.requester == 0 && row.key != 0 {
		r.keys = []sotto.KeyID{sotto.KeyID(row.key)} // a caller who withheld the number: the key is this case's alone
	}
	recordings, err := db.All(tx, db.Int, "SELECT id FROM recording WHERE ticket_id = $1", int64(id))
	if err != nil {
		return err
	}
	for _, rec := range recordings {
		if err := e.c.Audit.Add(tx, actor, audit.Entry{
			Action: audit.Destroy, Source: audit.Recording, SourceID: rec, Ticket: id, Person: sotto.PersonID(row.requester),
		}); err != nil {
			return err
		}
	}
	return e.c.Audit.Add(tx, actor, audit.Entry{
		Action: audit.Destroy, Source: audit.Ticket, SourceID: int64(id), Ticket: id, Person: sotto.PersonID(row.requester),
	})
}

// mayDelete lets administrators and the desk's own rules through.
func mayDelete(actor sotto.Actor) error {
	if actor.IsAdmin() || actor == sotto.Desk() {
		return nil
	}
	return sotto.Fail(sotto.Denied, "Only an administrator may delete this for good.")
}

// thing runs the erasure of a ticket or a recording: note does what belongs
// into the transaction that decides it.
func (e *Eraser) thing(ctx context.Context, subject string, id int64, actor sotto.Actor, note func(*db.Tx, *Run) error) (out Outcome, err error) {
	var r *Run
	err = e.c.DB.Write(ctx, func(tx *db.Tx) error {
		r, err = db.One(tx, scanRun, e.q["Open"], subject, id)
		if err == nil {
			return e.loadLists(tx, r)
		}
		if !errors.Is(err, db.ErrNone) {
			return err
		}
		r = &Run{id: tx.NewID(), subject: subject, subjectID: id, actor: actor.Person, state: stateFrozen}
		if err := note(tx, r); err != nil {
			return err
		}
		if err := e.insert(tx, r); err != nil {
			return err
		}
		return e.c.Jobs.Enqueue(tx, JobClean, 0, tx.Now)
	})
	if err != nil {
		return out, err
	}
	// Once it is written down, ctx no longer counts; what fails is done by JobRun.
	defer e.turns.take(r.id)()
	return e.run(context.WithoutCancel(ctx), r.id)
}

// removeThing removes the files and rows of one ticket or recording.
func (e *Eraser) removeThing(ctx context.Context, r *Run) error {
	if err := e.stopRecorders(ctx, r); err != nil {
		return err
	}
	if err := e.detachKeys(ctx, r); err != nil {
		return err
	}
	name := r.subject
	keys := []int64{r.subjectID}
	if r.subject == "recording" {
		// The recording's own row stays and says that it was deleted.
		for _, child := range catalogue.Children("recording") {
			column, _ := child.ParentOf()
			below, err := e.numbers(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1", child.Key(), child.Name, column), r.subjectID)
			if err != nil {
				return err
			}
			if err := e.removeTree(ctx, r, child, below); err != nil {
				return err
			}
		}
		return e.state(ctx, r, stateRemoved)
	}
	t, ok := catalogue.FindTable(name)
	if !ok {
		return fmt.Errorf("no table %s", name)
	}
	if err := e.removeTree(ctx, r, t, keys); err != nil {
		return err
	}
	return e.state(ctx, r, stateRemoved)
}

// stopRecorders ends recordings of the thing that are still being written.
func (e *Eraser) stopRecorders(ctx context.Context, r *Run) error {
	if r.subject == "ticket" {
		_, err := e.c.Recordings.StopTicket(ctx, sotto.TicketID(r.subjectID))
		return err
	}
	e.c.Recordings.StopRecording(sotto.RecordingID(r.subjectID))
	return nil
}

// detachKeys takes the values sealed under destroyed keys out of rows that
// stay: the call of a caller who withheld the number.
func (e *Eraser) detachKeys(ctx context.Context, r *Run) error {
	for _, key := range r.keys {
		for _, pl := range places() {
			if pl.edge.Fate != catalogue.RowStays || pl.edge.As != catalogue.Caller || !pl.edge.Direct() {
				continue
			}
			if err := e.detachKey(ctx, r, pl, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Eraser) detachKey(ctx context.Context, r *Run, pl place, key sotto.KeyID) error {
	ref, sets := "", ""
	for _, c := range pl.nulls() {
		if c.Form == catalogue.KeyRef {
			ref = c.Name
		}
		if c.Form == catalogue.KeyRef || c.Form == catalogue.Sealed {
			sets += ", " + c.Name + " = NULL"
		}
	}
	if ref == "" {
		return nil
	}
	query := fmt.Sprintf("UPDATE %s SET %s WHERE %s = $1", pl.table.Name, sets[2:], ref)
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(query, int64(key))
		if err != nil || n == 0 {
			return err
		}
		return e.step(tx, r, receipt.Step{Place: pl.table.Name + "." + ref, Action: receipt.DestroyKey, Removed: n})
	})
}

// Clean is the handler of JobClean.
func (e *Eraser) Clean(ctx context.Context, _ int64) error {
	e.cleanMu.Lock()
	defer e.cleanMu.Unlock()
	return errors.Join(e.c.DB.Clean(ctx), e.c.Ring.Rotate())
}
