package main

import (
	"context"
	"fmt"
	"time"

	"sotto"
	"sotto/desk"
	"sotto/dial"
	"sotto/flow"
)

type callCmd struct {
	List callListCmd `cmd:"" help:"List the calls under way and who is in them."`
	Dial callDialCmd `cmd:"" help:"Let an agent call a number: the agent's own telephones ring first."`
	Do   callDoCmd   `cmd:"" help:"Do something in a call under way: hold, transfer, listen and so on."`

	Monitoring callMonitoringCmd `cmd:"" help:"List who listened to whose calls, oldest first."`
}

type callListCmd struct{}

// DoDesk prints a line for each call and one for each party.
func (c *callListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	t := s.table("id", "line:line %d", "state", "ticket:ticket %d", "parties:-")
	for _, live := range d.Calls.Live() {
		sum := live.Summary()
		var talk flow.Conversation
		if f := d.Flow(); f != nil {
			talk, _ = f.Conversation(ctx, live.ID)
		}
		parties := []any{}
		for _, p := range talk.Parties {
			parties = append(parties, map[string]any{"leg": p.Kind, "person": p.Person, "place": p.Place, "watch": p.Watch})
		}
		t.row(live.ID, sum.Line, sum.State, sum.Ticket, parties)
		for _, p := range talk.Parties {
			t.below("  %s\tperson %d\t%s\t%s", p.Kind, p.Person, p.Place, p.Watch)
		}
	}
	return t.flush()
}

type callDoCmd struct {
	ID     sotto.CallID   `arg:"" help:"The call's number; see sotto call list."`
	Order  string         `arg:"" help:"hold, resume, mute, unmute, consult, swap, merge, conference, transfer, leave, hangup, pause, continue, stop, private, listen, whisper, barge or quit."`
	Agent  sotto.PersonID `help:"To which agent; for listen, whisper and barge: who listens."`
	Group  sotto.GroupID  `help:"To which group."`
	Number string         `help:"To which number outside."`
}

// DoDesk gives the order in the place of the agent whose call it is.
func (c *callDoCmd) DoDesk(ctx context.Context, d *desk.Desk, _ streams) error {
	f := d.Flow()
	if f == nil {
		return sotto.Fail(sotto.Conflict, "This desk is not served: there is no call under way.")
	}
	return f.Command(ctx, sotto.Operator(), c.ID, flow.Command{Do: flow.Order(c.Order), Agent: c.Agent, Group: c.Group, Number: c.Number})
}

type callMonitoringCmd struct{}

// DoDesk prints a line for each time somebody was in another's call.
func (c *callMonitoringCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	t := s.table("call:call %d", "ticket:ticket %d", "agent:of person %d", "supervisor:person %d", "action", "started_at", "ended_at")
	for after := int64(0); ; {
		page, err := d.Calls.Monitorings(ctx, sotto.Operator(), after, 0)
		if err != nil {
			return err
		}
		for _, m := range page {
			after = m.ID
			ended := "now"
			if !m.EndedAt.IsZero() {
				ended = m.EndedAt.Format(time.RFC3339)
			}
			t.row(m.Call, m.Ticket, m.Agent, m.Supervisor, m.Action, m.StartedAt, ended)
		}
		if len(page) == 0 {
			return t.flush()
		}
	}
}

type callDialCmd struct {
	Number  string         `arg:"" optional:"" help:"The number to call; with --ticket that of the ticket's person without it."`
	Agent   sotto.PersonID `required:"" help:"Who makes the call."`
	Line    sotto.LineID   `help:"Which line calls; the ticket's, or the only one that may, without it."`
	Ticket  sotto.TicketID `help:"The ticket the call is about; a new one is opened without it."`
	Purpose string         `enum:"support,marketing" default:"support" help:"support, or marketing, which is refused for whoever objected to it."`
}

// DoDesk prints the call's number when the agent's telephones ring.
func (c *callDialCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	f := d.Flow()
	if f == nil {
		return sotto.Fail(sotto.Conflict, "This desk is not served: it makes no calls.")
	}
	id, err := f.Call(ctx, flow.Outgoing{
		By: sotto.Operator(), Agent: c.Agent, Line: c.Line, Ticket: c.Ticket, Number: c.Number, Purpose: dial.Purpose(c.Purpose),
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, id)
	return nil
}
