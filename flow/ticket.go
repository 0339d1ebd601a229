package flow

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/line"
	"sotto/recording"
	"sotto/ticket"
)

// conversation is what a call tells on its ticket.
type conversation struct {
	line    line.Line
	call    sotto.CallID
	person  sotto.PersonID
	key     sotto.KeyID
	number  string
	name    string // what a visitor of a web line says its name is
	agent   sotto.PersonID
	ticket  sotto.TicketID
	why     call.Reason
	message bool
	consent recording.Outcome
	locale  string // the language the caller chose; "" for the line's
	heard   bool   // what was said is being recorded

	out      bool           // the desk called
	back     bool           // because it had promised to
	about    sotto.TicketID // the case it called about; 0 for none
	stranger bool           // which is another person's than who was called: the number is not written there
	path     dial.Path      // by which the caller was led outside; "" when that did not happen

	started, answered, connected, ended time.Time
}

// openTicket opens the case while the agent talks, so that there is something
// to write on. About a caller who is being erased there is none.
func (j *journey) openTicket(tx *db.Tx, assignee sotto.PersonID) error {
	c, err := j.conversation(tx, "", tx.Now)
	if err != nil {
		return err
	}
	c.agent = assignee
	if c.about != 0 {
		err := j.f.tie(tx, c, c.about)
		if kind := sotto.KindOf(err); err == nil || kind != sotto.Conflict && kind != sotto.NotFound {
			return unlessErased(err)
		}
	}
	_, err = j.f.open(tx, c)
	return unlessErased(err)
}

// closeTicket writes on the case what became of the call; it opens it if
// nobody talked. Calls to a number that is no line's have none, nor have those
// that the desk was to make and nobody outside heard of.
func (j *journey) closeTicket(tx *db.Tx, why call.Reason, at time.Time) error {
	if j.line.ID == 0 || j.out != nil && j.out.dialled.IsZero() {
		return nil
	}
	c, err := j.conversation(tx, why, at)
	if err != nil {
		return err
	}
	return unlessErased(j.f.fileTicket(tx, c))
}

func (j *journey) conversation(tx *db.Tx, why call.Reason, now time.Time) (c conversation, err error) {
	s := j.call.Summary()
	chosen := j.locale
	if chosen == j.line.Locale {
		chosen = ""
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	c = conversation{
		locale: chosen, path: j.path,
		line: j.line, call: j.call.ID, person: j.call.Person, key: j.call.Key, number: j.call.Caller().Number, name: j.call.Caller().Name,
		agent: s.Agent, ticket: s.Ticket, why: why, message: s.Voicemail, consent: j.asked.Outcome, heard: j.recorder != nil && !j.private,
		started: s.StartedAt, answered: s.AnsweredAt, connected: s.ConnectedAt, ended: now,
	}
	c.about = j.texted
	if o := j.out; o != nil {
		c.out, c.back, c.about = true, o.promise != nil, o.Ticket
		if c.agent == 0 {
			c.agent = o.Agent
		}
		if c.about != 0 {
			c.stranger, err = j.theirs(tx)
		}
	}
	return c, err
}

// caseOfRecord is the case of a call that a stop without warning cut off.
func caseOfRecord(l line.Line, r call.Record) conversation {
	return conversation{
		line: l, call: r.ID, person: r.Person, key: r.Key, number: r.Number, name: r.Name, agent: r.Agent, ticket: r.Ticket,
		why: r.Reason, message: r.Voicemail, out: r.Direction == call.Outbound, consent: recording.Outcome(r.Consent), heard: r.Consent == string(recording.Granted),
		started: r.StartedAt, answered: r.AnsweredAt, connected: r.ConnectedAt, ended: r.EndedAt,
	}
}

// unlessErased drops the refusal to write about somebody who is being erased:
// the call ends all the same.
func unlessErased(err error) error {
	if kind := sotto.KindOf(err); err != nil && kind == sotto.Gone {
		return nil
	}
	return err
}

// fileTicket writes the voice comment, on the case the call has or a new one.
// A case that was deleted or closed meanwhile gets a new one beside it.
func (f *Flow) fileTicket(tx *db.Tx, c conversation) error {
	says := ticket.CommentDraft{Kind: ticket.Voice, Call: c.call, Body: f.body(c)}
	if id := cmp.Or(c.ticket, c.about); id != 0 {
		var err error
		if c.ticket == 0 {
			err = f.tie(tx, c, id)
		}
		if err == nil {
			_, err = f.Tickets.CommentTx(tx, sotto.Desk(), id, says)
		}
		if kind := sotto.KindOf(err); err == nil || kind != sotto.Conflict && kind != sotto.NotFound {
			return err
		}
	}
	id, err := f.open(tx, c)
	if err != nil {
		return err
	}
	_, err = f.Tickets.CommentTx(tx, sotto.Desk(), id, says)
	return err
}

// open opens a case and ties the call and its recordings to it.
func (f *Flow) open(tx *db.Tx, c conversation) (sotto.TicketID, error) {
	via, subject := ticket.ByVoice, "ticket.missed.subject"
	switch {
	case c.message:
		via, subject = ticket.ByVoicemail, "ticket.message.subject"
	case !c.connected.IsZero() || c.agent != 0 && !c.out:
		subject = "ticket.call.subject"
	case c.why == call.CallbackPromised:
		subject = "ticket.callback.subject"
	}
	if c.out {
		via, c.stranger = ticket.ByOutbound, false // the case is that person's own
	}
	d := ticket.Draft{
		Requester: c.person, Line: c.line.ID, Via: via, Assignee: c.agent,
		Subject: f.say(c, subject),
	}
	if c.person == 0 {
		d.Key = c.key
	}
	t, err := f.Tickets.OpenTx(tx, sotto.Desk(), d)
	if sotto.FieldOf(err) == "assignee" { // is not of the staff any more
		d.Assignee = 0
		t, err = f.Tickets.OpenTx(tx, sotto.Desk(), d)
	}
	if err != nil {
		return 0, err
	}
	return t.ID, f.tie(tx, c, t.ID)
}

// tie notes that the call and its recordings belong to a case.
func (f *Flow) tie(tx *db.Tx, c conversation, id sotto.TicketID) error {
	if err := f.Tickets.AttachCall(tx, id, sotto.Desk(), c.call); err != nil {
		return err
	}
	if err := f.Recordings.Attach(tx, c.call, id); err != nil {
		return err
	}
	return f.Calls.SetTicket(tx, c.call, id)
}

// say is a text in the line's language. A text may have a form of its own for
// calls that the desk made, for one who called from a page, and for a caller
// who is nobody.
func (f *Flow) say(c conversation, key string, fill ...string) string {
	if page := key + ".page"; c.fromPage() && f.words.Has(c.line.Locale, page) {
		key = page
	}
	for _, form := range []struct {
		so   bool
		name string
	}{{c.back, ".callback"}, {c.out, ".outbound"}} {
		if form.so && f.words.Has(c.line.Locale, key+form.name) {
			key += form.name
			break
		}
	}
	if withheld := key + ".withheld"; (c.caller() == "" || c.stranger) && f.words.Has(c.line.Locale, withheld) {
		key = withheld
	}
	return f.words.Text(c.line.Locale, key, append(fill, "caller", c.caller())...)
}

// body tells who called, when, how long, how it ended, and what was recorded.
// It names no agent: the case says who worked on it.
func (f *Flow) body(c conversation) string {
	say := func(key string, fill ...string) string { return f.say(c, key, fill...) }
	rows := []string{
		say("ticket.body.call", "line", c.line.Name, "number", c.line.Number),
		say("ticket.body.when", "when", clockTime(c.started, c.line.Hours.Zone)),
		say(c.why.Words()),
	}
	if c.path != "" {
		rows = append(rows, say("ticket.body.outside."+string(c.path)))
	}
	if c.locale != "" {
		rows = append(rows, say("ticket.body.language."+c.locale))
	}
	if !c.answered.IsZero() && !c.connected.IsZero() && !c.out && c.path == "" {
		rows = append(rows, say("ticket.body.waited", "time", length(c.connected.Sub(c.answered))))
	}
	switch {
	case !c.connected.IsZero():
		rows = append(rows, say("ticket.body.talked", "time", length(c.ended.Sub(c.connected))))
	case !c.answered.IsZero():
		rows = append(rows, say("ticket.body.lasted", "time", length(c.ended.Sub(c.answered))))
	}
	switch {
	case c.message:
		rows = append(rows, say("ticket.body.message"))
	case c.connected.IsZero():
	case c.consent == recording.Withdrawn:
		rows = append(rows, say("ticket.body.withdrawn"))
	case c.consent == recording.Refused:
		rows = append(rows, say("ticket.body.refused"))
	case c.heard:
		rows = append(rows, say("ticket.body.recorded"))
	}
	return strings.Join(rows, "\n")
}

// clockTime is a time on the line's clock, unambiguous in every language.
func clockTime(t time.Time, zone string) string {
	at, err := time.LoadLocation(zone)
	if err != nil {
		at = time.UTC
	}
	return t.In(at).Format("2006-01-02 15:04 MST")
}

// length is a duration in minutes and seconds.
func length(d time.Duration) string {
	s := int(max(d, 0).Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// fromPage reports whether a case is about a call from a web page.
func (c conversation) fromPage() bool { return c.line.Kind == line.Digital }

// caller is what a case calls who called: the number, or the name a visitor
// gave; "" for nobody.
func (c conversation) caller() string {
	if c.fromPage() {
		return c.name
	}
	return c.number
}
