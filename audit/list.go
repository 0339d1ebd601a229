package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/db"
)

// maxList is how many records List returns at once.
const maxList = 1000

// Filter chooses records. Zero values do not restrict.
type Filter struct {
	Source   Source
	SourceID int64
	Ticket   sotto.TicketID
	Person   sotto.PersonID // whose data it was
	Actor    sotto.PersonID // who did it
	Actions  []Action
	From, To time.Time // from inclusive, to exclusive
	After    int64     // the cursor List returned: records older than it
	Before   int64     // records newer than it; without After, the page right in front of it
	Skip     int       // how many of the newest to leave out
	Limit    int       // 0: 100; at most 1000
}

// List returns records, newest first, and the cursor of the next page, 0 when
// there is none. Only administrators may read the log; anyone else gets
// Denied.
func (l *Log) List(ctx context.Context, actor sotto.Actor, f Filter) (records []Record, next int64, err error) {
	defer sotto.Wrap(&err, "audit.List")
	if !actor.IsAdmin() {
		return nil, 0, sotto.Fail(sotto.Denied, "Only administrators may read the audit log.")
	}
	if err := f.check(); err != nil {
		return nil, 0, err
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, maxList)
	backwards := f.Before != 0 && f.After == 0
	order, most := "DESC", f.Limit+1
	if backwards {
		order, most = "ASC", f.Limit
	}
	where, args := f.where()
	query := l.q["List"] + where + fmt.Sprintf(" ORDER BY id %s LIMIT $%d OFFSET $%d", order, len(args)+1, len(args)+2)
	err = l.db.Read(ctx, func(tx *db.Tx) (err error) {
		records, err = db.All(tx, scanRecord, query, append(args, most, f.Skip)...)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if backwards {
		slices.Reverse(records)
		if len(records) > 0 {
			next = records[len(records)-1].ID
		}
	}
	if len(records) > f.Limit {
		records = records[:f.Limit]
		next = records[f.Limit-1].ID
	}
	return records, next, nil
}

// Count returns how many records List has on all its pages, whatever f's
// bounds. It is for administrators too.
func (l *Log) Count(ctx context.Context, actor sotto.Actor, f Filter) (n int64, err error) {
	defer sotto.Wrap(&err, "audit.Count")
	if !actor.IsAdmin() {
		return 0, sotto.Fail(sotto.Denied, "Only administrators may read the audit log.")
	}
	if err := f.check(); err != nil {
		return 0, err
	}
	f.After, f.Before = 0, 0
	where, args := f.where()
	err = l.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.One(tx, db.Int, l.q["Count"]+where, args...)
		return err
	})
	return n, err
}

func (f Filter) check() error {
	if f.Source != "" && !slices.Contains(Sources(), f.Source) {
		return sotto.FailField("source", "There is no such kind of thing in the audit log.")
	}
	for _, a := range f.Actions {
		if !slices.Contains(Actions(), a) {
			return sotto.FailField("action", "There is no such action in the audit log.")
		}
	}
	if len(f.Actions) > len(Actions()) {
		return sotto.FailField("action", "Name each action once.")
	}
	return nil
}

func (f Filter) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, fmt.Sprintf("%s $%d", term, len(args)))
	}
	if f.Source != "" {
		add("source =", string(f.Source))
	}
	if f.SourceID != 0 {
		add("source_id =", f.SourceID)
	}
	if f.Ticket != 0 {
		add("ticket_id =", int64(f.Ticket))
	}
	if f.Person != 0 {
		add("person_id =", int64(f.Person))
	}
	if f.Actor != 0 {
		add("actor_id =", int64(f.Actor))
	}
	if !f.From.IsZero() {
		add("at >=", db.Millis(f.From))
	}
	if !f.To.IsZero() {
		add("at <", db.Millis(f.To))
	}
	if f.After != 0 {
		add("id <", f.After)
	}
	if f.Before != 0 {
		add("id >", f.Before)
	}
	if len(f.Actions) > 0 {
		var marks []string
		for _, a := range f.Actions {
			args = append(args, string(a))
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		terms = append(terms, "action IN ("+strings.Join(marks, ", ")+")")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

func scanRecord(s db.Scanner) (Record, error) {
	r, err := scanRow(s)
	return Record{
		ID: r.id, At: db.Time(r.at), Actor: db.Value((*sotto.PersonID)(r.actor)), ActorKind: ActorKind(r.actorKind), Hash: r.hash,
		Entry: Entry{
			Action: Action(r.action), Source: Source(r.source), SourceID: r.sourceID,
			Ticket: db.Value((*sotto.TicketID)(r.ticket)), Person: db.Value((*sotto.PersonID)(r.person)),
		},
	}, err
}
