package ticket

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
)

// maxSubject bounds a subject, in bytes.
const maxSubject = 1024

// Draft is what a ticket is opened from.
type Draft struct {
	// Requester is whose case it is. End users open their own; staff who name
	// nobody open one for themselves.
	Requester sotto.PersonID
	// Key is the key of a caller who withheld the number: then there is no
	// Requester. Only the desk and staff may give one.
	Key      sotto.KeyID
	Line     sotto.LineID
	Via      Via
	Subject  string
	Status   Status         // Fresh when empty, Open when there is an Assignee
	Priority Priority       // Normal when empty
	Assignee sotto.PersonID // one of the staff
	Comment  CommentDraft   // the first comment; the zero value is none
}

// Open opens a ticket.
func (tt *Tickets) Open(ctx context.Context, actor sotto.Actor, d Draft) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.Open")
	if err := d.settle(actor); err != nil {
		return t, err
	}
	first, err := tt.prepareFirst(actor, d.Comment)
	if err != nil {
		return t, err
	}
	files, err := tt.bring(ctx, actor, first.Uploads, func(tx *db.Tx) (sotto.KeyID, error) { return tt.draftKey(tx, d) })
	if err != nil {
		return t, err
	}
	err = tt.place(ctx, files, func(tx *db.Tx) error {
		t, err = tt.open(tx, actor, d, first, files)
		return err
	})
	return t, err
}

// OpenTx is Open inside a transaction, for flow. The first comment has no
// uploads.
func (tt *Tickets) OpenTx(tx *db.Tx, actor sotto.Actor, d Draft) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.OpenTx")
	if err := d.settle(actor); err != nil {
		return t, err
	}
	first, err := tt.prepareFirst(actor, d.Comment)
	if err != nil {
		return t, err
	}
	if len(first.Uploads) > 0 {
		return t, errUploadsInTx()
	}
	return tt.open(tx, actor, d, first, nil)
}

func (tt *Tickets) prepareFirst(actor sotto.Actor, c CommentDraft) (prepared, error) {
	if c.none() {
		return prepared{}, nil
	}
	return tt.prepare(actor, c)
}

// settle fills in what the draft leaves open and refuses what the actor may
// not choose.
func (d *Draft) settle(actor sotto.Actor) (err error) {
	if !writes(actor) {
		if actor.Person == 0 || (d.Requester != 0 && d.Requester != actor.Person) {
			return sotto.Fail(sotto.Denied, "You can open tickets for yourself only.")
		}
		if d.Key != 0 || d.Status != "" || d.Priority != "" || d.Assignee != 0 {
			return sotto.Fail(sotto.Denied, "Only staff may set the status, the priority or who works on a ticket.")
		}
	}
	if d.Requester == 0 && d.Key == 0 {
		d.Requester = actor.Person
	}
	if (d.Requester == 0) == (d.Key == 0) {
		return sotto.FailField("requester", "Say whose case it is: one person, or a caller who withheld the number.")
	}
	if d.Status == "" && d.Assignee != 0 {
		d.Status = Open
	} else if d.Status == "" {
		d.Status = Fresh
	}
	if d.Priority == "" {
		d.Priority = Normal
	}
	if d.Subject, err = normalSubject(d.Subject); err != nil {
		return err
	}
	return errors.Join(d.Status.check(), d.Priority.check(), d.Via.check())
}

// draftKey returns the key the ticket will be sealed under.
func (tt *Tickets) draftKey(tx *db.Tx, d Draft) (sotto.KeyID, error) {
	if d.Key != 0 {
		return d.Key, nil
	}
	key, err := db.One(tx, maybeInt, tt.q["PersonKey"], int64(d.Requester))
	if err == nil && key != 0 {
		return sotto.KeyID(key), nil
	}
	if err != nil && !errors.Is(err, db.ErrNone) {
		return 0, err
	}
	exists, err := tx.Has(tt.q["PersonExists"], int64(d.Requester))
	if err != nil {
		return 0, err
	}
	if exists {
		return 0, sotto.Fail(sotto.Gone, "This person is being erased or was erased; nothing more is written about them.")
	}
	return 0, sotto.FailField("requester", "There is no such person.")
}

func (tt *Tickets) open(tx *db.Tx, actor sotto.Actor, d Draft, first prepared, files []carried) (t Ticket, err error) {
	key, err := tt.draftKey(tx, d)
	if err != nil {
		return t, err
	}
	if d.Requester != 0 {
		if err := tt.people.Live(tx, d.Requester); err != nil {
			return t, err
		}
	}
	if err := tt.checkAssignee(tx, d.Assignee); err != nil {
		return t, err
	}
	n, err := tx.Next("ticket")
	if err != nil {
		return t, err
	}
	t = Ticket{
		ID: sotto.TicketID(n), Requester: d.Requester, Key: key, Assignee: d.Assignee, Submitter: actor.Person, Line: d.Line,
		Subject: d.Subject, Status: d.Status, Priority: d.Priority, Via: d.Via, CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	t.mark(tx.Now)
	if err := tt.insert(tx, actor, t); err != nil {
		return t, err
	}
	if first.none() {
		return t, nil
	}
	_, err = tt.write(tx, actor, t, first, files)
	return t, err
}

func (tt *Tickets) insert(tx *db.Tx, actor sotto.Actor, t Ticket) error {
	subject, err := tt.ring.SealText(t.Key, catalogue.TicketSubject, int64(t.ID), t.Subject)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(tt.q["Insert"], int64(t.ID), db.OrNull(t.Requester), int64(t.Key), db.OrNull(t.Assignee),
		db.OrNull(t.Submitter), db.OrNull(t.Line), subject, string(t.Status), string(t.Priority), string(t.Via),
		db.Millis(t.CreatedAt), db.MillisOrNull(t.SolvedAt), db.MillisOrNull(t.ClosedAt)); err != nil {
		return err
	}
	if err := tt.index(tx, t.ID, 0, tt.hashes(t.Subject)); err != nil {
		return err
	}
	return tt.note(tx, t.ID, actor, Event{Kind: Created, Becomes: string(t.Status)})
}

func (tt *Tickets) checkAssignee(tx *db.Tx, id sotto.PersonID) error {
	if id == 0 {
		return nil
	}
	ok, err := tx.Has(tt.q["PersonStaff"], int64(id))
	if err == nil && !ok {
		return sotto.FailField("assignee", "Tickets are assigned to agents and administrators only.")
	}
	return err
}

// normalSubject brings a subject into one line of NFC.
func normalSubject(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", sotto.FailField("subject", "The subject is not valid UTF-8.")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, norm.NFC.String(s))
	s = strings.TrimSpace(s)
	if len(s) > maxSubject {
		return "", sotto.FailField("subject", "The subject is longer than 1,024 bytes. Put the rest into a comment.")
	}
	return s, nil
}
