package ticket

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// purgeDays is how long a deleted ticket can be restored when the setting
// says nothing.
const purgeDays = 7

// DeletedTicket is a line of the list of deleted tickets.
type DeletedTicket struct {
	ID            sotto.TicketID
	Subject       string
	Actor         sotto.PersonID // who deleted it; 0 for the operator at the machine
	ActorName     string         // "" once that person is erased
	DeletedAt     time.Time
	PurgeAt       time.Time // when it goes for good
	PreviousState Status
}

// Delete puts a ticket, also a closed one, among the deleted. Nothing of it is
// removed before its time for that has come (setting ticket_purge_days; 0 is
// at once); its recordings stay until then too. Staff only.
func (tt *Tickets) Delete(ctx context.Context, actor sotto.Actor, id sotto.TicketID) (err error) {
	defer sotto.Wrap(&err, "ticket.Delete(%d)", id)
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may delete a ticket.")
	}
	return tt.db.Write(ctx, func(tx *db.Tx) error {
		t, err := tt.hold(tx, actor, id, false)
		if err != nil {
			return err
		}
		days, err := db.Setting(tx, db.TicketPurgeDays, purgeDays)
		if err != nil {
			return err
		}
		purge := tx.Now.Add(time.Duration(days) * 24 * time.Hour)
		if _, err := tx.Exec(tt.q["Delete"], int64(id), db.Millis(tx.Now), db.OrNull(actor.Person), db.Millis(purge)); err != nil {
			return err
		}
		if err := tt.note(tx, id, actor, Event{Kind: MovedToDeleted, Was: string(t.Status)}); err != nil {
			return err
		}
		return tt.audit.Add(tx, actor, audit.Entry{
			Action: audit.Destroy, Source: audit.Ticket, SourceID: int64(id), Ticket: id, Person: t.Requester,
		})
	})
}

// Restore takes a ticket back from the deleted, to the status it had. Once it
// has gone for good it is NotFound; while it is going, Gone.
func (tt *Tickets) Restore(ctx context.Context, actor sotto.Actor, id sotto.TicketID) (err error) {
	defer sotto.Wrap(&err, "ticket.Restore(%d)", id)
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may restore a ticket.")
	}
	return tt.db.Write(ctx, func(tx *db.Tx) error {
		t, err := tt.hold(tx, actor, id, true)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(tt.q["Restore"], int64(id), db.Millis(tx.Now)); err != nil {
			return err
		}
		if err := tt.note(tx, id, actor, Event{Kind: Restored, Becomes: string(t.PreviousStatus)}); err != nil {
			return err
		}
		return tt.audit.Add(tx, actor, audit.Entry{
			Action: audit.Restore, Source: audit.Ticket, SourceID: int64(id), Ticket: id, Person: t.Requester,
		})
	})
}

// Deleted returns a page of the deleted tickets, highest number first, and
// the cursor of the next page. Staff only.
func (tt *Tickets) Deleted(ctx context.Context, actor sotto.Actor, p Page) (page []DeletedTicket, next string, err error) {
	defer sotto.Wrap(&err, "ticket.Deleted")
	if !actor.IsStaff() {
		return nil, "", sotto.Fail(sotto.Denied, "Only staff may see deleted tickets.")
	}
	p.Newest = true
	from, down, err := p.bound()
	if err != nil {
		return nil, "", err
	}
	query := "Deleted"
	if !down {
		query = "DeletedOldest"
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		rows, err := db.All(tx, tt.scanListed, tt.q[query], from, p.limit()+1, p.Skip)
		if err != nil {
			return err
		}
		rows, next = cutPage(p, rows, func(l listed) string { return number(l.ID) })
		page, err = tt.describe(tx, rows)
		return err
	})
	return page, next, err
}

// describe adds the names of those who deleted.
func (tt *Tickets) describe(tx *db.Tx, rows []listed) (page []DeletedTicket, err error) {
	names := map[sotto.PersonID]string{}
	for _, r := range rows {
		if r.gone {
			continue
		}
		name, known := names[r.DeletedBy]
		if !known && r.DeletedBy != 0 {
			if name, err = tt.nameOf(tx, r.DeletedBy); err != nil {
				return nil, err
			}
			names[r.DeletedBy] = name
		}
		page = append(page, DeletedTicket{
			ID: r.ID, Subject: r.Subject, Actor: r.DeletedBy, ActorName: name,
			DeletedAt: r.DeletedAt, PurgeAt: r.PurgeAt, PreviousState: r.PreviousStatus,
		})
	}
	return page, nil
}

func (tt *Tickets) nameOf(tx *db.Tx, id sotto.PersonID) (string, error) {
	p, err := tt.people.Load(tx, id)
	if err != nil && sotto.KindOf(err) != sotto.Gone {
		return "", err
	}
	return p.Name, nil
}

// DuePurge returns the deleted tickets whose time has come, longest due
// first. That is all this package does about it: package erasure removes
// them.
func (tt *Tickets) DuePurge(tx *db.Tx, now time.Time) (due []sotto.TicketID, err error) {
	defer sotto.Wrap(&err, "ticket.DuePurge")
	ids, err := db.All(tx, db.Int, tt.q["DuePurge"], db.Millis(now))
	if err != nil && !errors.Is(err, db.ErrNone) {
		return nil, err
	}
	for _, id := range ids {
		due = append(due, sotto.TicketID(id))
	}
	return due, nil
}
