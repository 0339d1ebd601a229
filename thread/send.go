package thread

import (
	"context"
	"errors"

	"sotto"
	"sotto/db"
	"sotto/dial"
	"sotto/job"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/text"
	"sotto/ticket"
)

// Send sends one queued text and writes down what became of it, on the text
// and on its case. It is the job text.JobSend: it may be called twice, and
// returns job.Again when the carrier should be asked once more later. A text
// whose fate is not known is never sent a second time.
func (tt *Threads) Send(ctx context.Context, id int64) (err error) {
	defer sotto.Wrap(&err, "thread.Send(%d)", id)
	t, err := tt.Texts.Next(ctx, sotto.TextID(id))
	if err == nil && t.State == text.Sending {
		return tt.settle(ctx, t, text.Failed, text.Uncertain)
	}
	if err == nil {
		err = tt.send(ctx, t)
	}
	if kind := sotto.KindOf(err); err != nil && (kind == sotto.NotFound || kind == sotto.Gone) {
		return nil // done, erased or deleted meanwhile
	}
	return err
}

func (tt *Threads) send(ctx context.Context, t text.Text) error {
	words, l, err := tt.load(ctx, t)
	if err != nil {
		return err
	}
	if !l.SMS || !l.DeletedAt.IsZero() {
		return tt.settle(ctx, t, text.Failed, text.NotAllowed)
	}
	grant, err := tt.Gate.Authorize(ctx, attempt(t))
	switch dial.ReasonOf(err) {
	case "":
	case dial.Objection:
		return tt.settle(ctx, t, text.Failed, text.Stopped)
	case dial.AgentTexts, dial.DeskTexts:
		return tt.settle(ctx, t, text.Failed, text.TooMany)
	default:
		return tt.settle(ctx, t, text.Failed, text.NotAllowed)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err := tt.Gate.Done(context.WithoutCancel(ctx), grant, 0); err != nil {
			tt.Log.Error("thread: a grant was not settled", "err", err)
		}
	}()
	if t, err = tt.Texts.Claim(ctx, t); err != nil {
		return err
	}
	if !tt.Gate.Use(grant) {
		return tt.settle(ctx, t, text.Failed, text.NotAllowed)
	}
	r, err := tt.Say(ctx, grant, leg.Caller{Number: l.Shown()}, words)
	return tt.conclude(context.WithoutCancel(ctx), t, r, err)
}

// conclude writes down what a carrier made of a text.
func (tt *Threads) conclude(ctx context.Context, t text.Text, r sip.TextResult, err error) error {
	state, why, retry := text.StateOf(r.Status, r.Unreached)
	switch kind := sotto.KindOf(err); {
	case err == nil:
	case kind == sotto.Conflict:
		state, why, retry = text.Failed, text.NoTrunk, false
	case kind == sotto.Invalid:
		state, why, retry = text.Failed, text.NoNumber, false
	case kind == sotto.Busy:
		state, why, retry = text.Failed, text.Unreachable, true
	default: // the desk stops, say, and the answer is lost
		state, why, retry = text.Failed, text.Uncertain, false
	}
	if !retry {
		return tt.settle(ctx, t, state, why)
	}
	var again job.Again
	more := false
	if err := tt.DB.Write(ctx, func(tx *db.Tx) (err error) {
		again, more, err = tt.Texts.Rest(tx, t)
		return err
	}); err != nil {
		return err
	}
	if more {
		return again
	}
	return tt.settle(ctx, t, state, why)
}

// settle ends a text and tells its case.
func (tt *Threads) settle(ctx context.Context, t text.Text, state text.State, why text.Reason) error {
	event := map[text.State]ticket.EventKind{text.Sent: ticket.TextSent, text.Delivered: ticket.TextDelivered, text.Failed: ticket.TextFailed}[state]
	return tt.DB.Write(ctx, func(tx *db.Tx) error {
		ended, err := tt.Texts.Settle(tx, t.ID, state, why)
		if err != nil || !ended {
			return err
		}
		return tt.Tickets.AddText(tx, t.Ticket, event, t.ID, string(why))
	})
}

// load returns a text's words, as they stand now, and its line.
func (tt *Threads) load(ctx context.Context, t text.Text) (words string, l line.Line, err error) {
	err = tt.DB.Read(ctx, func(tx *db.Tx) error {
		c, err := tt.Tickets.LoadComment(tx, t.Ticket, t.Comment)
		if err != nil {
			return err
		}
		words = c.Body
		l, err = tt.Lines.Load(tx, t.Line)
		return err
	})
	return words, l, err
}

// attempt is the wish to send a text: its author's, or the desk's own.
func attempt(t text.Text) dial.Attempt {
	a := dial.Attempt{By: sotto.Desk(), Path: dial.Text, Number: t.Number}
	switch {
	case t.Kind == text.Confirmation:
		a.Purpose = dial.Confirmation
	case t.Kind == text.Reply && t.Agent == 0:
		a.By = sotto.Operator()
	case t.Kind == text.Reply:
		a.By = sotto.Actor{Person: t.Agent, Role: sotto.Agent}
	}
	return a
}

// Answered queues what staff wrote on a case that came in as a text. It is
// what ticket.Config.Answered wants. A case without a text, such as one that
// is being opened, has nobody to send to yet.
func (tt *Threads) Answered(tx *db.Tx, t ticket.Ticket, c ticket.Comment) (err error) {
	defer sotto.Wrap(&err, "thread.Answered(%d)", t.ID)
	last, err := tt.Texts.Last(tx, t.ID)
	if err != nil {
		if sotto.KindOf(err) == sotto.NotFound {
			return nil
		}
		return err
	}
	return tt.queue(tx, c, text.Draft{Line: last.Line, Person: last.Person, Ticket: t.ID, Agent: c.Author, Number: last.Number})
}

// queue queues a comment of the staff as a text, and tells the case at once
// when it cannot go.
func (tt *Threads) queue(tx *db.Tx, c ticket.Comment, d text.Draft) error {
	if len(c.Body) > sip.MaxText {
		return sotto.FailField("body", "A text has at most 8192 bytes. Shorten it, or write a private note.")
	}
	d.Comment, d.Kind = c.ID, text.Reply
	t, err := tt.Texts.Add(tx, d)
	if err != nil || t.State != text.Failed {
		return err
	}
	return tt.Tickets.AddText(tx, t.Ticket, ticket.TextFailed, t.ID, string(t.Reason))
}

var errNoNumber = errors.New("no number to write to")

// Note is a text that staff write by themselves: on a case, to whoever asked
// there, or to a number on a line, which goes on with the case open there or
// opens one.
type Note struct {
	Ticket sotto.TicketID // 0: to Number on Line
	Line   sotto.LineID   // with a Ticket: 0 is the case's own
	Number string
	Body   string
}

// Write queues a text of the staff. Its State is Failed at once when the
// person wants no texts.
func (tt *Threads) Write(ctx context.Context, actor sotto.Actor, n Note) (t text.Text, err error) {
	defer sotto.Wrap(&err, "thread.Write(%d)", n.Ticket)
	if !actor.IsStaff() {
		return t, sotto.Fail(sotto.Denied, "Only staff may send texts.")
	}
	err = tt.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := tt.whom(tx, actor, n)
		if err != nil {
			return err
		}
		l, err := tt.Lines.Load(tx, d.Line)
		if err != nil {
			return sotto.FailField("phone_number_id", "There is no such line.")
		}
		if !l.SMS || !l.DeletedAt.IsZero() {
			return sotto.FailField("phone_number_id", "This line sends no texts. Allow them in its settings, or choose another.")
		}
		t, err = tt.note(tx, actor, l, d, n.Body)
		return err
	})
	return t, err
}

// whom finds out to whom a note goes; Ticket is 0 when a case is to be opened.
func (tt *Threads) whom(tx *db.Tx, actor sotto.Actor, n Note) (d text.Draft, err error) {
	d = text.Draft{Line: n.Line, Ticket: n.Ticket, Agent: actor.Person, Number: n.Number}
	if n.Ticket == 0 {
		if d.Number, err = tt.People.Number(n.Number); err != nil {
			return d, err
		}
		if d.Person, _, err = tt.People.Identify(tx, d.Number, "", ""); err != nil {
			return d, err
		}
		d.Ticket, err = tt.open(tx, d.Person, d.Line)
		return d, errors.Join(err, tt.People.Live(tx, d.Person))
	}
	c, err := tt.Tickets.Load(tx, n.Ticket)
	if err != nil {
		return d, err
	}
	if last, err := tt.Texts.Last(tx, c.ID); err == nil && n.Line == 0 {
		d.Line, d.Number = last.Line, last.Number
	}
	if d.Person = c.Requester; c.Requester == 0 {
		return d, sotto.FailCause(sotto.Conflict, "Whoever asked here withheld the number: there is nobody to write to.", errNoNumber)
	}
	if d.Line == 0 {
		d.Line = c.Line
	}
	if d.Number == "" {
		p, err := tt.People.Load(tx, c.Requester)
		if err != nil {
			return d, err
		}
		d.Number = p.Phone()
	}
	if d.Number == "" {
		return d, sotto.FailCause(sotto.Conflict, "This person has no telephone number to write to.", errNoNumber)
	}
	return d, nil
}

// note writes the comment and queues it.
func (tt *Threads) note(tx *db.Tx, actor sotto.Actor, l line.Line, d text.Draft, body string) (t text.Text, err error) {
	if d.Ticket == 0 {
		c, err := tt.Tickets.OpenTx(tx, actor, ticket.Draft{
			Requester: d.Person, Line: l.ID, Via: ticket.ByText, Assignee: actor.Person,
			Subject: tt.words.Text(l.Locale, "ticket.texted.subject", "caller", d.Number),
		})
		if err != nil {
			return t, err
		}
		d.Ticket = c.ID
	}
	c, err := tt.Tickets.CommentTx(tx, actor, d.Ticket, ticket.CommentDraft{Public: true, Body: body})
	if err != nil {
		return t, err
	}
	t, err = tt.Texts.OfComment(tx, c.ID) // Answered may have queued it
	if sotto.KindOf(err) != sotto.NotFound || err == nil {
		return t, err
	}
	if err := tt.queue(tx, c, d); err != nil {
		return t, err
	}
	return tt.Texts.OfComment(tx, c.ID)
}
