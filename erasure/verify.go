package erasure

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/job"
)

// verify walks the catalogue once more and finds nothing, or removes what a
// transaction that began before the freeze still wrote, and looks again. A
// value it cannot account for stops the erasure: it is never called done.
func (e *Eraser) verify(ctx context.Context, r *Run) error {
	for try := range 3 {
		left, err := e.leftovers(ctx, r)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return e.keysAreGone(r)
		}
		if try == 2 {
			return sotto.FailCause(sotto.Internal, "", fmt.Errorf("still there: %s", strings.Join(left, ", ")))
		}
		if err := e.remove(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Eraser) leftovers(ctx context.Context, r *Run) (left []string, err error) {
	if r.subject != "person" {
		return nil, nil
	}
	for _, pl := range places() {
		query := leftoverQuery(pl)
		if query == "" {
			continue
		}
		n, err := e.numbers(ctx, query, int64(r.person))
		if err != nil {
			return nil, err
		}
		if n[0] > 0 {
			left = append(left, fmt.Sprintf("%s by %s: %d", pl.table.Name, pl.edge.Name, n[0]))
		}
	}
	return left, nil
}

// leftoverQuery counts what should not be there any more; "" where everything
// may stay.
func leftoverQuery(pl place) string {
	from, where := pl.table.From(pl.edge)
	query := fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", from, where)
	if pl.edge.Fate == catalogue.RowGoes {
		return query
	}
	if !pl.edge.Direct() {
		return ""
	}
	var open []string
	for _, c := range pl.nulls() {
		open = append(open, "t0."+c.Name+" IS NOT NULL")
	}
	if len(open) == 0 {
		return ""
	}
	return query + " AND (" + strings.Join(open, " OR ") + ")"
}

func (e *Eraser) keysAreGone(r *Run) error {
	for _, k := range r.keys {
		gone, err := e.c.Ring.Destroyed(k)
		if err != nil {
			return err
		}
		if !gone {
			return sotto.FailCause(sotto.Internal, "", fmt.Errorf("key %d is still there", k))
		}
	}
	return nil
}

// tell asks every recipient to confirm and returns those who have not.
func (e *Eraser) tell(ctx context.Context, r *Run) (waiting []string, err error) {
	return e.tellThose(ctx, "OpenNotices", r.id)
}

func (e *Eraser) tellThose(ctx context.Context, query string, args ...any) (waiting []string, err error) {
	type notice struct {
		id        int64
		recipient string
		kind      string
		person    int64
	}
	var open []notice
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		open, err = db.All(tx, func(s db.Scanner) (n notice, err error) {
			err = s.Scan(&n.id, &n.recipient, &n.kind, &n.person)
			return n, err
		}, e.q[query], args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range open {
		if err := e.c.Tell(ctx, n.recipient, n.kind, sotto.PersonID(n.person)); err != nil {
			e.c.Log.Warn("a recipient has not confirmed", "kind", n.kind, "err", err)
			waiting = append(waiting, "recipient "+n.recipient)
			continue
		}
		if err := e.c.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(e.q["ConfirmNotice"], n.id, db.Millis(tx.Now))
			return err
		}); err != nil {
			return nil, err
		}
	}
	return waiting, nil
}

// TellRectified writes a notice of a correction for every recipient and tries
// to deliver it; what is not confirmed is tried again by JobTell.
func (e *Eraser) TellRectified(ctx context.Context, id sotto.PersonID) error {
	if len(e.c.Recipients) == 0 {
		return nil
	}
	if err := e.c.DB.Write(ctx, func(tx *db.Tx) error {
		for _, name := range e.c.Recipients {
			if _, err := tx.Exec(e.q["InsertNotice"], tx.NewID(), name, "rectified", int64(id), nil, db.Millis(tx.Now)); err != nil {
				return err
			}
		}
		return e.c.Jobs.Enqueue(tx, JobTell, 0, tx.Now)
	}); err != nil {
		return err
	}
	return nil
}

// JobTell is the job that tells recipients of corrections; its handler is
// Eraser.TellWaiting.
const JobTell = "tell"

// TellWaiting delivers the notices of corrections that are not confirmed yet.
func (e *Eraser) TellWaiting(ctx context.Context, _ int64) error {
	waiting, err := e.tellThose(ctx, "OpenCorrections")
	if err == nil && len(waiting) > 0 {
		return job.Again{After: time.Minute}
	}
	return err
}
