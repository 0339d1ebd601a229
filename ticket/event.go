package ticket

import (
	"context"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/db"
)

// EventKind is what happened to a ticket, a word of a closed list.
type EventKind string

// The kinds of event. Object names the comment, attachment, recording, call
// or text an event is about.
const (
	Created            EventKind = "created"
	StatusChanged      EventKind = "status"
	PriorityChanged    EventKind = "priority"
	AssigneeChanged    EventKind = "assignee"
	SubjectChanged     EventKind = "subject"
	SubjectRedacted    EventKind = "subject-redacted"
	Commented          EventKind = "comment"
	CommentMadePrivate EventKind = "comment-private"
	CommentCorrected   EventKind = "comment-corrected"
	CommentRedacted    EventKind = "comment-redacted"
	Attached           EventKind = "attachment"
	AttachmentRenamed  EventKind = "attachment-renamed"
	AttachmentRedacted EventKind = "attachment-redacted"
	CallAttached       EventKind = "call"
	RecordingDeleted   EventKind = "recording-deleted"
	TextSent           EventKind = "text-sent"      // the carrier has it
	TextDelivered      EventKind = "text-delivered" // the party has it
	TextFailed         EventKind = "text-failed"    // Becomes says why
	MovedToDeleted     EventKind = "deleted"
	Restored           EventKind = "restored"
)

// EventKinds returns every kind.
func EventKinds() []EventKind {
	return []EventKind{
		Created, StatusChanged, PriorityChanged, AssigneeChanged, SubjectChanged, SubjectRedacted,
		Commented, CommentMadePrivate, CommentCorrected, CommentRedacted, Attached, AttachmentRenamed, AttachmentRedacted,
		CallAttached, RecordingDeleted, TextSent, TextDelivered, TextFailed, MovedToDeleted, Restored,
	}
}

// Event is one change to a ticket. Was and Becomes are words of the closed
// lists or numbers; never a text.
type Event struct {
	ID      int64
	Ticket  sotto.TicketID
	At      time.Time
	Actor   sotto.PersonID // 0 for the desk itself and the operator at the machine
	Kind    EventKind
	Was     string
	Becomes string
	Object  int64 // 0 for none
}

// Events returns a page of a ticket's events, oldest first, and the cursor of
// the next page. Staff only; they may also look at those of a deleted ticket.
func (tt *Tickets) Events(ctx context.Context, actor sotto.Actor, id sotto.TicketID, p Page) (events []Event, next string, err error) {
	defer sotto.Wrap(&err, "ticket.Events(%d)", id)
	if !actor.IsStaff() {
		return nil, "", sotto.Fail(sotto.Denied, "Only staff may read what happened to a ticket.")
	}
	from, down, err := p.bound()
	if err != nil {
		return nil, "", err
	}
	query := "Events"
	if down {
		query = "EventsNewest"
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		if _, err := tt.Load(tx, id); err != nil {
			return err
		}
		events, err = db.All(tx, scanEvent, tt.q[query], int64(id), from, p.limit()+1, p.Skip)
		return err
	})
	events, next = cutPage(p, events, func(e Event) string { return number(e.ID) })
	return events, next, err
}

func scanEvent(s db.Scanner) (e Event, err error) {
	var at int64
	var actor *sotto.PersonID
	var object *int64
	err = s.Scan(&e.ID, (*int64)(&e.Ticket), &at, &actor, (*string)(&e.Kind), &e.Was, &e.Becomes, &object)
	e.At, e.Actor, e.Object = db.Time(at), db.Value(actor), db.Value(object)
	return e, err
}

// AddEvent notes on a ticket what another package did to something of it,
// such as RecordingDeleted with the recording's number. A word that is not in
// the list is refused.
func (tt *Tickets) AddEvent(tx *db.Tx, id sotto.TicketID, actor sotto.Actor, kind EventKind, object int64) (err error) {
	defer sotto.Wrap(&err, "ticket.AddEvent(%d)", id)
	return tt.note(tx, id, actor, Event{Kind: kind, Object: object})
}

// AddText notes what became of a text of the ticket; why is a word of package
// text's list of reasons, "" unless it failed. Nobody did it: the actor is the
// desk.
func (tt *Tickets) AddText(tx *db.Tx, id sotto.TicketID, kind EventKind, text sotto.TextID, why string) (err error) {
	defer sotto.Wrap(&err, "ticket.AddText(%d)", id)
	if strings.Trim(why, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return sotto.Fail(sotto.Internal, "An event's words are of a closed list.")
	}
	if err := tt.note(tx, id, sotto.Desk(), Event{Kind: kind, Becomes: why, Object: int64(text)}); err != nil {
		return err
	}
	return tt.touch(tx, id)
}

// AttachCall notes that calls belong to a ticket; noting one twice is fine.
// The call's own row is package call's.
func (tt *Tickets) AttachCall(tx *db.Tx, id sotto.TicketID, actor sotto.Actor, calls ...sotto.CallID) (err error) {
	defer sotto.Wrap(&err, "ticket.AttachCall(%d)", id)
	if !writes(actor) {
		return sotto.Fail(sotto.Denied, "Only staff may put calls on a ticket.")
	}
	if _, err := tt.hold(tx, actor, id, false); err != nil {
		return err
	}
	for _, c := range calls {
		has, err := tx.Has(tt.q["HasEvent"], int64(id), string(CallAttached), int64(c))
		if err == nil && !has {
			err = tt.note(tx, id, actor, Event{Kind: CallAttached, Object: int64(c)})
		}
		if err != nil {
			return err
		}
	}
	return tt.touch(tx, id)
}

// note writes one event.
func (tt *Tickets) note(tx *db.Tx, id sotto.TicketID, actor sotto.Actor, e Event) error {
	if !e.Kind.known() {
		return sotto.Fail(sotto.Internal, "A ticket's event needs a kind of the closed list.")
	}
	_, err := tx.Exec(tt.q["InsertEvent"], tx.NewID(), int64(id), db.Millis(tx.Now), db.OrNull(actor.Person), string(e.Kind),
		e.Was, e.Becomes, db.OrNull(e.Object))
	return err
}

func (k EventKind) known() bool {
	for _, known := range EventKinds() {
		if k == known {
			return true
		}
	}
	return false
}

func (tt *Tickets) touch(tx *db.Tx, id sotto.TicketID) error {
	_, err := tx.Exec(tt.q["Touch"], int64(id), db.Millis(tx.Now))
	return err
}

// number writes an id as an event holds it; "" for none.
func number[N ~int64](n N) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}
