package ticket

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/db"
)

// maxPage is the most rows a page has.
const maxPage = 100

// Page says which part of a list to return. The zero Page is the first 100.
type Page struct {
	After  string // the cursor the page before ended with; "" for the first page
	Before string // without After: the page right in front of this cursor
	Skip   int    // how many to leave out at the beginning
	Limit  int    // at most 100; 0 is 100
	Newest bool   // comments only: newest first
}

// backwards reports whether the page is read from its end to its beginning.
func (p Page) backwards() bool { return p.Before != "" && p.After == "" }

func (p Page) limit() int {
	if p.Limit <= 0 || p.Limit > maxPage {
		return maxPage
	}
	return p.Limit
}

// bound reads the cursor of a list by id: the id to start from, and whether
// to go down from it.
func (p Page) bound() (id int64, down bool, err error) {
	if p.Skip < 0 {
		return 0, false, errCursor()
	}
	down = p.Newest != p.backwards()
	cursor := p.After
	if p.backwards() {
		cursor = p.Before
	}
	if cursor == "" && down {
		return 1<<63 - 1, down, nil
	}
	if cursor == "" {
		return 0, down, nil
	}
	if id, err = strconv.ParseInt(cursor, 10, 64); err != nil || id < 1 {
		return 0, down, errCursor()
	}
	return id, down, nil
}

// cutPage brings rows, of which one more than the page has was read, into
// order, and returns the cursor of the next page.
func cutPage[T any](p Page, rows []T, cursor func(T) string) (page []T, next string) {
	more := len(rows) > p.limit()
	rows = rows[:min(len(rows), p.limit())]
	if p.backwards() {
		slices.Reverse(rows)
		more = len(rows) > 0 // what the page ends in front of
	}
	if more {
		next = cursor(rows[len(rows)-1])
	}
	return rows, next
}

func errCursor() error {
	return sotto.FailField("page", "This page cursor is not one of ours. Start again without one.")
}

// Order is how a list of tickets is sorted.
type Order string

// The orders.
const (
	ByUpdated Order = "updated" // last changed first; the order when none is given
	ByID      Order = "id"      // oldest first
)

// Filter says which tickets a list has. Zero fields do not restrict.
type Filter struct {
	Status    Status
	Requester sotto.PersonID
	Assignee  sotto.PersonID
	Order     Order
}

// List returns a page of tickets and the cursor of the next page, "" after
// the last. Staff see every ticket that is not deleted, end users their own.
// Tickets of people under erasure are left out.
func (tt *Tickets) List(ctx context.Context, actor sotto.Actor, f Filter, p Page) (page []Ticket, next string, err error) {
	defer sotto.Wrap(&err, "ticket.List")
	w, err := f.where(actor)
	if err != nil {
		return nil, "", err
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		page, next, err = tt.list(tx, w, f.Order, p)
		return err
	})
	return page, next, err
}

// ByRequester returns a page of a person's tickets, last changed first.
func (tt *Tickets) ByRequester(ctx context.Context, actor sotto.Actor, requester sotto.PersonID, p Page) ([]Ticket, string, error) {
	if requester == 0 {
		return nil, "", sotto.FailField("requester", "Say whose tickets.")
	}
	return tt.List(ctx, actor, Filter{Requester: requester}, p)
}

// Count returns how many tickets List has on all its pages.
func (tt *Tickets) Count(ctx context.Context, actor sotto.Actor, f Filter) (n int64, err error) {
	defer sotto.Wrap(&err, "ticket.Count")
	w, err := f.where(actor)
	if err != nil {
		return 0, err
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.One(tx, db.Int, tt.q["Count"]+w.text(), w.args...)
		return err
	})
	return n, err
}

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

// where gathers conditions with their arguments.
type where struct {
	terms []string
	args  []any
}

// add adds a condition; each %s in it becomes the next argument.
func (w *where) add(term string, args ...any) {
	var marks []any
	for _, a := range args {
		w.args = append(w.args, a)
		marks = append(marks, fmt.Sprintf("$%d", len(w.args)))
	}
	w.terms = append(w.terms, fmt.Sprintf(term, marks...))
}

// text returns the conditions to stand behind a WHERE clause that has one.
func (w *where) text() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " AND " + strings.Join(w.terms, " AND ")
}

// where decides access and filters in the query itself.
func (f Filter) where(actor sotto.Actor) (*where, error) {
	w := &where{}
	if !actor.IsStaff() {
		w.add("t.requester_id = %s", int64(actor.Person))
	}
	if f.Status != "" {
		if err := f.Status.check(); err != nil {
			return nil, err
		}
		w.add("t.status = %s", string(f.Status))
	}
	if f.Requester != 0 {
		w.add("t.requester_id = %s", int64(f.Requester))
	}
	if f.Assignee != 0 {
		w.add("t.assignee_id = %s", int64(f.Assignee))
	}
	if f.Order != "" && f.Order != ByUpdated && f.Order != ByID {
		return nil, sotto.FailField("sort", "Tickets are sorted by updated or by id.")
	}
	return w, nil
}

func (tt *Tickets) list(tx *db.Tx, w *where, order Order, p Page) (page []Ticket, next string, err error) {
	if p.Skip < 0 {
		return nil, "", errCursor()
	}
	cursor, down := p.After, order != ByID
	if p.backwards() {
		cursor, down = p.Before, !down
	}
	is, way := ">", ""
	if down {
		is, way = "<", " DESC"
	}
	tail := " ORDER BY t.updated_at" + way + ", t.id" + way
	if order == ByID {
		tail = " ORDER BY t.id" + way
	}
	if cursor != "" {
		at, id, err := readCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		if order == ByID {
			w.add("t.id "+is+" %s", id)
		} else {
			w.add("(t.updated_at, t.id) "+is+" (%s, %s)", at, id)
		}
	}
	w.args = append(w.args, p.limit()+1, p.Skip)
	query := tt.q["List"] + w.text() + tail + fmt.Sprintf(" LIMIT $%d OFFSET $%d", len(w.args)-1, len(w.args))
	rows, err := db.All(tx, tt.scanListed, query, w.args...)
	if err != nil {
		return nil, "", err
	}
	rows, next = cutPage(p, rows, func(l listed) string { return l.Cursor() })
	for _, r := range rows {
		if !r.gone {
			page = append(page, r.Ticket)
		}
	}
	return page, next, nil
}

// listed is a row of a list. A ticket whose key was destroyed a moment ago is
// left out instead of spoiling the page.
type listed struct {
	Ticket
	gone bool
}

func (tt *Tickets) scanListed(s db.Scanner) (l listed, err error) {
	l.Ticket, err = tt.scan(s)
	if err != nil && sotto.KindOf(err) == sotto.Gone {
		return listed{l.Ticket, true}, nil
	}
	return l, err
}

// Cursor names the ticket's place in both orders, for Page.
func (t Ticket) Cursor() string {
	return fmt.Sprintf("%d-%d", db.Millis(t.UpdatedAt), int64(t.ID))
}

func readCursor(s string) (at, id int64, err error) {
	first, second, ok := strings.Cut(s, "-")
	at, errAt := strconv.ParseInt(first, 10, 64)
	id, errID := strconv.ParseInt(second, 10, 64)
	if !ok || errAt != nil || errID != nil || at < 0 || id < 1 {
		return 0, 0, errCursor()
	}
	return at, id, nil
}
