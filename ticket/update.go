package ticket

import (
	"context"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
)

// Change is what to set; nil leaves a field as it is.
type Change struct {
	Subject  *string
	Status   *Status
	Priority *Priority
	Assignee *sotto.PersonID // 0 takes the ticket from whoever has it
	Comment  *CommentDraft
}

// Update changes a ticket and comments on it in one go. Only staff and the
// desk may; a closed ticket does not change. Two rules go with it: giving a
// new ticket to somebody opens it, and whoever solves a ticket nobody works
// on has worked on it.
func (tt *Tickets) Update(ctx context.Context, actor sotto.Actor, id sotto.TicketID, c Change) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.Update(%d)", id)
	p, err := tt.prepareChange(actor, &c)
	if err != nil {
		return t, err
	}
	files, err := tt.bring(ctx, actor, p.Uploads, tt.keyOf(actor, id))
	if err != nil {
		return t, err
	}
	err = tt.place(ctx, files, func(tx *db.Tx) error {
		t, err = tt.update(tx, actor, id, c, p, files)
		return err
	})
	return t, err
}

// UpdateTx is Update inside a transaction, for flow. The comment has no
// uploads.
func (tt *Tickets) UpdateTx(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, c Change) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.UpdateTx(%d)", id)
	p, err := tt.prepareChange(actor, &c)
	if err != nil {
		return t, err
	}
	if len(p.Uploads) > 0 {
		return t, errUploadsInTx()
	}
	return tt.update(tx, actor, id, c, p, nil)
}

// prepareChange checks what can be checked without the ticket.
func (tt *Tickets) prepareChange(actor sotto.Actor, c *Change) (p prepared, err error) {
	if !writes(actor) {
		return p, sotto.Fail(sotto.Denied, "Only staff may change a ticket.")
	}
	if c.Subject != nil {
		subject, err := normalSubject(*c.Subject)
		if err != nil {
			return p, err
		}
		c.Subject = &subject
	}
	if c.Priority != nil {
		if err := c.Priority.check(); err != nil {
			return p, err
		}
	}
	if c.Comment == nil {
		return p, nil
	}
	return tt.prepare(actor, *c.Comment)
}

func (tt *Tickets) update(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, c Change, p prepared, files []carried) (t Ticket, err error) {
	if t, err = tt.hold(tx, actor, id, false); err != nil {
		return t, err
	}
	if t.Status == Closed {
		return t, errClosed()
	}
	if c.Comment != nil {
		if _, err := tt.write(tx, actor, t, p, files); err != nil {
			return t, err
		}
	}
	next, err := t.after(c, actor, c.Comment != nil && p.fromRequester(t))
	if err != nil {
		return t, err
	}
	if next.Assignee != t.Assignee {
		if err := tt.checkAssignee(tx, next.Assignee); err != nil {
			return t, err
		}
	}
	if err := tt.apply(tx, actor, t, next); err != nil {
		return t, err
	}
	return tt.Load(tx, id)
}

// after returns the ticket as c wants it, by the rules of Update.
func (t Ticket) after(c Change, actor sotto.Actor, reply bool) (Ticket, error) {
	next := t
	if reply {
		next.Status = t.Status.afterReply()
	}
	if c.Subject != nil {
		next.Subject = *c.Subject
	}
	if c.Priority != nil {
		next.Priority = *c.Priority
	}
	if c.Assignee != nil {
		next.Assignee = *c.Assignee
	}
	if c.Status != nil {
		if err := t.Status.to(*c.Status); err != nil {
			return t, err
		}
		next.Status = *c.Status
	} else if t.Status == Fresh && next.Assignee != 0 {
		next.Status = Open
	}
	if next.Status == Solved && t.Status != Solved && next.Assignee == 0 && actor.Role.Staff() {
		next.Assignee = actor.Person
	}
	return next, nil
}

// apply writes what differs between t and next, with one event for each.
func (tt *Tickets) apply(tx *db.Tx, actor sotto.Actor, t, next Ticket) error {
	changes := []Event{
		{Kind: StatusChanged, Was: string(t.Status), Becomes: string(next.Status)},
		{Kind: PriorityChanged, Was: string(t.Priority), Becomes: string(next.Priority)},
		{Kind: AssigneeChanged, Was: number(t.Assignee), Becomes: number(next.Assignee)},
	}
	for _, e := range changes {
		if e.Was == e.Becomes {
			continue
		}
		if err := tt.note(tx, t.ID, actor, e); err != nil {
			return err
		}
	}
	next.mark(tx.Now)
	if _, err := tx.Exec(tt.q["Update"], int64(t.ID), db.OrNull(next.Assignee), string(next.Status), string(next.Priority),
		db.Millis(tx.Now), db.MillisOrNull(next.SolvedAt), db.MillisOrNull(next.ClosedAt)); err != nil {
		return err
	}
	if next.Subject == t.Subject {
		return nil
	}
	return tt.setSubject(tx, actor, t, next.Subject, SubjectChanged)
}

// mark sets the times that follow from the status.
func (t *Ticket) mark(now time.Time) {
	switch t.Status {
	case Solved:
		if t.SolvedAt.IsZero() {
			t.SolvedAt = now
		}
	case Closed:
		t.ClosedAt = now
	default:
		t.SolvedAt = time.Time{}
	}
}

// setSubject writes a subject and its search words.
func (tt *Tickets) setSubject(tx *db.Tx, actor sotto.Actor, t Ticket, subject string, kind EventKind) error {
	sealed, err := tt.ring.SealText(t.Key, catalogue.TicketSubject, int64(t.ID), subject)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(tt.q["SetSubject"], int64(t.ID), sealed, db.Millis(tx.Now)); err != nil {
		return err
	}
	if err := tt.reindex(tx, t.ID, 0, subject); err != nil {
		return err
	}
	return tt.note(tx, t.ID, actor, Event{Kind: kind})
}

// setBody writes a comment's text and its search words.
func (tt *Tickets) setBody(tx *db.Tx, actor sotto.Actor, t Ticket, c Comment, kind EventKind) error {
	sealed, err := tt.ring.SealText(t.Key, catalogue.CommentBody, int64(c.ID), c.Body)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(tt.q["SetBody"], int64(c.ID), int64(t.ID), sealed, db.MillisOrNull(c.RedactedAt)); err != nil {
		return err
	}
	if err := tt.reindex(tx, t.ID, c.ID, c.Body); err != nil {
		return err
	}
	if err := tt.note(tx, t.ID, actor, Event{Kind: kind, Object: int64(c.ID)}); err != nil {
		return err
	}
	return tt.touch(tx, t.ID)
}

// MakePrivate hides a comment from the requester. It cannot be taken back;
// doing it twice is fine.
func (tt *Tickets) MakePrivate(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID) (err error) {
	defer sotto.Wrap(&err, "ticket.MakePrivate(%d, %d)", id, comment)
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may make a comment private.")
	}
	return tt.db.Write(ctx, func(tx *db.Tx) error {
		t, err := tt.hold(tx, actor, id, false)
		if err != nil {
			return err
		}
		if _, err := tt.load(tx, id, comment); err != nil {
			return err
		}
		n, err := tx.Exec(tt.q["MakePrivate"], int64(comment), int64(id))
		if err != nil || n == 0 {
			return err
		}
		if err := tt.note(tx, id, actor, Event{Kind: CommentMadePrivate, Object: int64(comment)}); err != nil {
			return err
		}
		return tt.touch(tx, t.ID)
	})
}

// Correct sets a comment's text right, also on a closed ticket (GDPR 16). The
// search words follow in the same transaction.
func (tt *Tickets) Correct(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID, body string) (err error) {
	defer sotto.Wrap(&err, "ticket.Correct(%d, %d)", id, comment)
	body, err = normalBody(body)
	if err != nil {
		return err
	}
	return tt.correct(ctx, actor, id, audit.Entry{Source: audit.Comment, SourceID: int64(comment)}, func(tx *db.Tx, t Ticket) error {
		c, err := tt.load(tx, id, comment)
		if err != nil {
			return err
		}
		c.Body = body
		return tt.setBody(tx, actor, t, c, CommentCorrected)
	})
}

// CorrectSubject sets a subject right, also on a closed ticket (GDPR 16).
func (tt *Tickets) CorrectSubject(ctx context.Context, actor sotto.Actor, id sotto.TicketID, subject string) (err error) {
	defer sotto.Wrap(&err, "ticket.CorrectSubject(%d)", id)
	subject, err = normalSubject(subject)
	if err != nil {
		return err
	}
	return tt.correct(ctx, actor, id, audit.Entry{Source: audit.Ticket, SourceID: int64(id)}, func(tx *db.Tx, t Ticket) error {
		return tt.setSubject(tx, actor, t, subject, SubjectChanged)
	})
}

// correct runs f on a held ticket and writes the audit entry beside it.
func (tt *Tickets) correct(ctx context.Context, actor sotto.Actor, id sotto.TicketID, e audit.Entry, f func(*db.Tx, Ticket) error) error {
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may correct what is on a ticket.")
	}
	return tt.db.Write(ctx, func(tx *db.Tx) error {
		t, err := tt.hold(tx, actor, id, false)
		if err != nil {
			return err
		}
		if err := f(tx, t); err != nil {
			return err
		}
		e.Action, e.Ticket, e.Person = audit.Update, id, t.Requester
		return tt.audit.Add(tx, actor, e)
	})
}
