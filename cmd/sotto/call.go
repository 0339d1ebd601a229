package main

import (
	"context"
	"fmt"

	"sotto"
	"sotto/desk"
	"sotto/flow"
)

type callCmd struct {
	List callListCmd `cmd:"" help:"List the calls under way and who is in them."`
	Do   callDoCmd   `cmd:"" help:"Do something in a call under way: hold, transfer, listen and so on."`
}

type callListCmd struct{}

// DoDesk prints a line for each call and one for each party.
func (c *callListCmd) DoDesk(ctx context.Context, d *desk.Desk, s streams) error {
	w := columns(s.out)
	for _, live := range d.Calls.Live() {
		sum := live.Summary()
		fmt.Fprintf(w, "%d\tline %d\t%s\tticket %d\n", live.ID, sum.Line, sum.State, sum.Ticket)
		f := d.Flow()
		if f == nil {
			continue
		}
		t, _ := f.Conversation(ctx, live.ID)
		for _, p := range t.Parties {
			fmt.Fprintf(w, "  %s\tperson %d\t%s\t%s\n", p.Kind, p.Person, p.Place, p.Watch)
		}
	}
	return w.Flush()
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
