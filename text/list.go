package text

import (
	"context"
	"math"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// maxPage is the most texts a page has.
const maxPage = 100

// Filter says which texts the history has. Zero fields do not restrict.
type Filter struct {
	Person      sotto.PersonID
	Ticket      sotto.TicketID
	From, Until time.Time    // from, included, until, left out
	Before      sotto.TextID // the last text of the page before
	Limit       int          // at most 100; 0 is 100
}

// History returns texts, the newest first, for staff, and notes in the audit
// log who looked; whose, when it is one person's. Texts of people under
// erasure and of deleted cases are left out. more says that there are older
// ones.
func (tt *Texts) History(ctx context.Context, actor sotto.Actor, f Filter) (page []Text, more bool, err error) {
	defer sotto.Wrap(&err, "text.History")
	if !actor.IsStaff() {
		return nil, false, sotto.Fail(sotto.Denied, "Only staff may read the text history.")
	}
	if f.Limit <= 0 || f.Limit > maxPage {
		f.Limit = maxPage
	}
	until, before := int64(math.MaxInt64), int64(math.MaxInt64)
	if !f.Until.IsZero() {
		until = db.Millis(f.Until)
	}
	if f.Before != 0 {
		before = int64(f.Before)
	}
	from := int64(0)
	if !f.From.IsZero() {
		from = db.Millis(f.From)
	}
	err = tt.DB.Write(ctx, func(tx *db.Tx) error {
		if page, err = db.All(tx, tt.scan, tt.q["History"], before, int64(f.Person), from, until, int64(f.Ticket), f.Limit+1); err != nil {
			return err
		}
		return tt.Audit.Add(tx, actor, audit.Entry{Action: audit.Read, Source: audit.Text, Person: f.Person, Ticket: f.Ticket})
	})
	if more = len(page) > f.Limit; more {
		page = page[:f.Limit]
	}
	return page, more, err
}

// OfTicket returns up to 100 texts of a case behind one of them, oldest first,
// for staff.
func (tt *Texts) OfTicket(ctx context.Context, actor sotto.Actor, id sotto.TicketID, after sotto.TextID) (page []Text, err error) {
	defer sotto.Wrap(&err, "text.OfTicket(%d)", id)
	if !actor.IsStaff() {
		return nil, sotto.Fail(sotto.Denied, "Only staff may read the texts of a ticket.")
	}
	err = tt.DB.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, tt.scan, tt.q["OfTicket"], int64(id), int64(after), maxPage)
		return err
	})
	return page, err
}
