package main

import (
	"context"
	"fmt"

	"sotto"
	"sotto/desk"
	"sotto/text"
	"sotto/thread"
)

type textCmd struct {
	List textListCmd `cmd:"" help:"List texts, newest first; the audit log notes it."`
	Send textSendCmd `cmd:"" help:"Send a text, to whoever asked on a ticket or to a number."`
}

type textListCmd struct {
	Ticket sotto.TicketID `help:"Only on this ticket."`
	Person sotto.PersonID `help:"Only with this person."`
	Limit  int            `default:"50" help:"How many, at most 100."`
}

// DoDesk prints a line for each text.
func (c *textListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	all, _, err := d.Texts.History(ctx, sotto.Operator(), text.Filter{Ticket: c.Ticket, Person: c.Person, Limit: c.Limit})
	if err != nil {
		return err
	}
	t := s.table("id", "created_at", "kind", "number", "state", "reason", "ticket:ticket %d", "agent:person %d")
	for _, x := range all {
		t.row(x.ID, x.CreatedAt, x.Kind, x.Number, x.State, x.Reason, x.Ticket, x.Agent)
	}
	return t.flush()
}

type textSendCmd struct {
	Ticket sotto.TicketID `help:"To whoever asked on this ticket."`
	Line   sotto.LineID   `help:"The line it comes from; the ticket's own when there is one."`
	To     string         `placeholder:"NUMBER" help:"To this number, without --ticket."`
	Body   string         `arg:"" help:"What to write."`
}

// DoDesk queues the text and says on which ticket it stands.
func (c *textSendCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	t, err := d.Threads.Write(ctx, sotto.Operator(), thread.Note{Ticket: c.Ticket, Line: c.Line, Number: c.To, Body: c.Body})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "text %d, ticket %d: %s %s\n", t.ID, t.Ticket, t.State, t.Reason)
	return nil
}
