package thread

import (
	"sotto"
	"sotto/db"
	"sotto/line"
	"sotto/person"
	"sotto/text"
	"sotto/ticket"
)

// Call is a call that is answered by a text.
type Call struct {
	ID     sotto.CallID
	Line   line.Line
	Person sotto.PersonID // 0 for a caller who is nobody
	Number string
	Locale string // the language the caller chose; "" is the line's
	Kind   text.Kind
	Words  string // "" is the desk's own for the kind
}

// Back queues the text that answers a call, on the case the caller has open
// on the line or on a new one, and returns that case. Nothing is sent, and the
// case is 0, when the line sends no texts, the caller is nobody, has a landline
// or wants no texts, has had enough of them for a day, or had one for this call
// already.
func (tt *Threads) Back(tx *db.Tx, c Call) (id sotto.TicketID, err error) {
	defer sotto.Wrap(&err, "thread.Back(call %d)", c.ID)
	if !c.Line.SMS || c.Person == 0 || person.Landline(c.Number) {
		return 0, nil
	}
	if err := tt.People.Live(tx, c.Person); err != nil {
		return 0, err
	}
	for _, refuse := range []func() (bool, error){
		func() (bool, error) { return tt.Texts.Answered(tx, c.ID) },
		func() (bool, error) { return tt.Texts.Quiet(tx, c.Person, c.Number) },
	} {
		if no, err := refuse(); err != nil || no {
			return 0, err
		}
	}
	if c.Locale == "" {
		c.Locale = c.Line.Locale
	}
	if c.Words == "" {
		key := "text.back.default"
		if c.Kind == text.Missed {
			key = "text.missed.default"
		}
		c.Words = tt.words.Text(c.Locale, key, "line", nameOf(c.Line))
	}
	if id, err = tt.open(tx, c.Person, c.Line.ID); err != nil {
		return 0, err
	}
	if id == 0 {
		t, err := tt.Tickets.OpenTx(tx, sotto.Desk(), ticket.Draft{
			Requester: c.Person, Line: c.Line.ID, Via: ticket.ByText,
			Subject: tt.words.Text(c.Line.Locale, "ticket.texted.subject", "caller", c.Number),
		})
		if err != nil {
			return 0, err
		}
		id = t.ID
	}
	return id, tt.write(tx, text.Draft{Line: c.Line.ID, Person: c.Person, Ticket: id, Call: c.ID, Number: c.Number}, c.Kind, c.Words)
}
