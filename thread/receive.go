package thread

import (
	"context"
	"strings"

	"sotto"
	"sotto/db"
	"sotto/leg"
	"sotto/line"
	"sotto/person"
	"sotto/text"
	"sotto/ticket"
)

// Incoming is one text as a trunk brought it.
type Incoming struct {
	From leg.Caller // as far as the trunk is believed
	To   string     // the number it was sent to
	Body string     // valid UTF-8
	Name string     // the same when the same text is repeated
}

// Receive takes a text in: when it returns nil the text is on the disk, once,
// however often it is repeated. It is NotFound when the number is no line's or
// the line takes no texts, Denied when nobody can be answered (the sender
// withholds the number or has none), Gone while the sender is being erased.
// Whoever objected to something may write all the same.
func (tt *Threads) Receive(ctx context.Context, in Incoming) (err error) {
	defer sotto.Wrap(&err, "thread.Receive")
	l, err := tt.Lines.ByNumber(ctx, in.To)
	if err != nil {
		return err
	}
	if !l.SMS {
		return sotto.Fail(sotto.NotFound, "This line takes no texts.")
	}
	if in.From.Withheld || in.From.Number == "" || strings.Trim(in.From.Number, "+0123456789()-. ") != "" {
		return sotto.Fail(sotto.Denied, "A text without the number of its sender cannot be answered and is not taken.")
	}
	number, err := tt.People.Number(in.From.Number)
	if err != nil {
		return sotto.FailCause(sotto.Denied, "A text without the number of its sender cannot be answered and is not taken.", err)
	}
	for range 2 { // the number may become a person in the same moment: a second look tells
		err = tt.DB.Write(ctx, func(tx *db.Tx) error { return tt.receive(tx, l, number, in) })
		if sotto.KindOf(err) != sotto.Conflict || err == nil {
			break
		}
	}
	return err
}

func (tt *Threads) receive(tx *db.Tx, l line.Line, number string, in Incoming) error {
	seen, err := tt.Texts.Seen(tx, in.Name)
	if err != nil || seen {
		return err
	}
	who, _, err := tt.People.Identify(tx, number, "", l.Locale)
	if err != nil {
		return err
	}
	if err := tt.People.Live(tx, who); err != nil {
		return err
	}
	c, fresh, err := tt.put(tx, l, who, number, ticket.CommentDraft{Author: who, Public: true, Body: in.Body})
	if err != nil {
		return err
	}
	d := text.Draft{Line: l.ID, Person: who, Ticket: c.Ticket, Comment: c.ID, Kind: text.Inbound, Number: number, Seen: in.Name}
	if _, err := tt.Texts.Add(tx, d); err != nil {
		return err
	}
	wish := text.WishOf(in.Body)
	if wish == text.None {
		return nil
	}
	if err := tt.obey(tx, l, d, wish); err != nil || !fresh {
		return err
	}
	solved := ticket.Solved // a wish alone is nobody's work
	_, err = tt.Tickets.UpdateTx(tx, sotto.Desk(), c.Ticket, ticket.Change{Status: &solved})
	return err
}

// put writes a comment on the case that a person has open on a line, or on a
// fresh one.
func (tt *Threads) put(tx *db.Tx, l line.Line, who sotto.PersonID, number string, c ticket.CommentDraft) (_ ticket.Comment, fresh bool, err error) {
	id, err := tt.open(tx, who, l.ID)
	if err != nil {
		return ticket.Comment{}, false, err
	}
	if fresh = id == 0; fresh {
		t, err := tt.Tickets.OpenTx(tx, sotto.Desk(), ticket.Draft{
			Requester: who, Line: l.ID, Via: ticket.ByText, Subject: tt.words.Text(l.Locale, "ticket.text.subject", "caller", number),
		})
		if err != nil {
			return ticket.Comment{}, false, err
		}
		id = t.ID
	}
	out, err := tt.Tickets.CommentTx(tx, sotto.Desk(), id, c)
	return out, fresh, err
}

// open returns the case that goes on: the last one of the thread, unless it
// is solved, closed or deleted; then 0.
func (tt *Threads) open(tx *db.Tx, who sotto.PersonID, l sotto.LineID) (sotto.TicketID, error) {
	id, err := tt.Texts.Thread(tx, who, l)
	if err != nil || id == 0 {
		return 0, err
	}
	t, err := tt.Tickets.Load(tx, id)
	if err != nil && sotto.KindOf(err) != sotto.NotFound {
		return 0, err
	}
	switch t.Status {
	case ticket.Fresh, ticket.Open, ticket.Pending, ticket.Hold:
		return id, nil
	}
	return 0, nil
}

// obey does what a wish asks for (GDPR 21(5): an objection by automated means)
// and confirms it once. A wish that changes
// nothing is not answered.
func (tt *Threads) obey(tx *db.Tx, l line.Line, d text.Draft, wish text.Wish) error {
	changed, err := tt.People.Said(tx, d.Person, d.Number, person.Texts, wish == text.Stop)
	if err != nil || !changed {
		return err
	}
	enough, err := tt.Texts.Enough(tx, d.Person)
	if err != nil || enough {
		return err
	}
	key := "text.stopped"
	if wish == text.Start {
		key = "text.resumed"
	}
	return tt.write(tx, d, text.Confirmation, tt.words.Text(l.Locale, key, "line", nameOf(l)))
}

// write lets the desk itself write a text on a case.
func (tt *Threads) write(tx *db.Tx, d text.Draft, kind text.Kind, words string) error {
	c, err := tt.Tickets.CommentTx(tx, sotto.Desk(), d.Ticket, ticket.CommentDraft{Public: true, Body: words})
	if err != nil {
		return err
	}
	d.Comment, d.Kind, d.Agent, d.Seen = c.ID, kind, 0, ""
	_, err = tt.Texts.Add(tx, d)
	return err
}

// nameOf is in whose name a line writes.
func nameOf(l line.Line) string {
	if l.Brand != "" {
		return l.Brand
	}
	return l.Name
}
