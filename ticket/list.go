package ticket

import (
	"context"
	"fmt"
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
	Limit  int    // at most 100; 0 is 100
	Newest bool   // comments only: newest first
}

func (p Page) limit() int {
	if p.Limit <= 0 || p.Limit > maxPage {
		return maxPage
	}
	return p.Limit
}

// id reads the cursor of a list by id.
func (p Page) id() (int64, error) {
	if p.After == "" && p.Newest {
		return 1<<63 - 1, nil
	}
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil || n < 1 {
		return 0, errCursor()
	}
	return n, nil
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
	tail := " ORDER BY t.updated_at DESC, t.id DESC"
	if order == ByID {
		tail = " ORDER BY t.id"
	}
	if p.After != "" {
		at, id, err := readCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		if order == ByID {
			w.add("t.id > %s", id)
		} else {
			w.add("(t.updated_at, t.id) < (%s, %s)", at, id)
		}
	}
	w.args = append(w.args, p.limit()+1)
	query := tt.q["List"] + w.text() + tail + fmt.Sprintf(" LIMIT $%d", len(w.args))
	rows, err := db.All(tx, tt.scanListed, query, w.args...)
	if err != nil {
		return nil, "", err
	}
	if len(rows) > p.limit() {
		rows = rows[:p.limit()]
		next = rows[len(rows)-1].cursor()
	}
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

// cursor names a place in both orders: the time of the last change and the id.
func (t Ticket) cursor() string {
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
