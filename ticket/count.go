package ticket

import (
	"context"

	"sotto"
	"sotto/db"
)

// CountComments returns how many comments Comments has on all its pages.
func (tt *Tickets) CountComments(ctx context.Context, actor sotto.Actor, id sotto.TicketID) (n int64, err error) {
	defer sotto.Wrap(&err, "ticket.CountComments(%d)", id)
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		if _, err := tt.see(tx, actor, id); err != nil {
			return err
		}
		n, err = db.One(tx, db.Int, tt.q["CountComments"], int64(id), db.Bit(actor.IsStaff()))
		return err
	})
	return n, err
}

// CountEvents returns how many events Events has on all its pages.
func (tt *Tickets) CountEvents(ctx context.Context, actor sotto.Actor, id sotto.TicketID) (n int64, err error) {
	defer sotto.Wrap(&err, "ticket.CountEvents(%d)", id)
	if !actor.IsStaff() {
		return 0, sotto.Fail(sotto.Denied, "Only staff may read what happened to a ticket.")
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.One(tx, db.Int, tt.q["CountEvents"], int64(id))
		return err
	})
	return n, err
}

// CountDeleted returns how many tickets Deleted has on all its pages.
func (tt *Tickets) CountDeleted(ctx context.Context, actor sotto.Actor) (n int64, err error) {
	defer sotto.Wrap(&err, "ticket.CountDeleted")
	if !actor.IsStaff() {
		return 0, sotto.Fail(sotto.Denied, "Only staff may see deleted tickets.")
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.One(tx, db.Int, tt.q["CountDeleted"])
		return err
	})
	return n, err
}
