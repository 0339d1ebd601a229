package flow

import (
	"context"
	"errors"

	"sotto"
	"sotto/dial"
	"sotto/obs"
	"sotto/queue"
)

// Outgoing is a call that the desk is to make.
type Outgoing struct {
	By      sotto.Actor    // who asks for it
	Agent   sotto.PersonID // who will talk; 0 is By
	Line    sotto.LineID   // which line calls; 0 is the case's own, or the only one that may
	Ticket  sotto.TicketID // the case it is about; 0 opens a new one
	Number  string         // as it was typed; "" is the number of the case's person
	Purpose dial.Purpose   // "" is dial.Support

	promise *queue.Callback // that is kept with it; nil for none
}

// Outbound carries one call that the desk makes, from the wish to the ticket.
// begun is told once, when the agent's telephones are about to ring; an error
// before that is for who asked. Whatever happens after it, the call ends with
// exactly one call.Reason, and the error is for the log.
func (f *Flow) Outbound(ctx context.Context, o Outgoing, begun func(sotto.CallID)) (err error) {
	j := &journey{f: f, out: &outgoing{Outgoing: o}}
	defer func() { // 10. one end, one reason, and the ticket
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
		err = j.end(err)
	}()

	if err := j.about(ctx); err != nil { // 1. which line calls, about which case?
		return err
	}
	if err := j.allow(ctx); err != nil { // 2. may this number be called, for this?
		return err
	}
	who, err := j.take(ctx) // 3. the agent is nobody else's from here on
	if err != nil {
		return err
	}
	if err := j.begin(ctx, j.line.ID, j.line.Hours.Open(f.Clock())); err != nil { // 4. a call exists from here on, and a number is a person
		return err
	}
	ctx, talks := j.untilTalk(ctx)
	defer talks()
	begun(j.call.ID)
	a, err := j.lift(ctx, who) // 5. the agent's own telephones ring
	if err != nil {
		return err
	}
	ctx, release, err := j.callOut(ctx, a) // 6. the number rings, and the agent hears it ring
	defer release()
	if err != nil {
		return err
	}
	if err := j.askCalled(ctx, a); err != nil { // 7. told about recording; key 3 decides
		return err
	}
	talks()
	j.out.agent = nil
	if err := j.talk(ctx, a); !errors.Is(err, errBack) { // 8. they hear each other; hold, transfer and the like
		return err
	}
	return j.handOver(ctx) // 9. or: given to a group, or the agent was lost
}

// Call lets the desk make a call and returns its number when the agent's
// telephones are about to ring; the call goes on without ctx. It fails with
// sotto.Denied when who asks may not, with the gate's refusal (dial.ReasonOf),
// and with sotto.Conflict when the agent cannot be rung now.
func (f *Flow) Call(ctx context.Context, o Outgoing) (id sotto.CallID, err error) {
	defer sotto.Wrap(&err, "flow.Call(%d)", o.Line)
	if err := o.settle(); err != nil {
		return 0, err
	}
	begun, refused := make(chan sotto.CallID, 1), make(chan error, 1)
	f.count(1)
	go func() {
		defer f.count(-1)
		rings := false
		err := f.Outbound(context.WithoutCancel(ctx), o, func(id sotto.CallID) { rings = true; begun <- id })
		switch {
		case !rings:
			refused <- err
		case err != nil:
			f.Log.Error("flow: a call did not go as it should", "err", err, "stack", stackOf(err))
		}
	}()
	select {
	case id = <-begun:
		return id, nil
	case err = <-refused:
		return 0, err
	}
}

// CallBack keeps a promise to call back whose agent is taken: it is what
// queue.Queue.Handle wants.
func (f *Flow) CallBack(ctx context.Context, c *queue.Callback) {
	f.count(1)
	defer f.count(-1)
	o := Outgoing{By: sotto.Desk(), Agent: c.Person, Line: c.Line, Number: c.Who.Number, promise: c}
	if err := f.Outbound(ctx, o, func(sotto.CallID) {}); err != nil {
		f.Log.Error("flow: a promise to call back was not kept", "err", err, "stack", stackOf(err))
	}
}

// settle fills in who is to talk and refuses who may not let another do so.
func (o *Outgoing) settle() error {
	if o.Agent == 0 {
		o.Agent = o.By.Person
	}
	switch {
	case !o.By.IsStaff():
		return sotto.Fail(sotto.Denied, "Only staff may make calls.")
	case o.Agent == 0:
		return sotto.FailField("agent_id", "Say which agent is to make the call.")
	case o.Agent != o.By.Person && !o.By.IsAdmin():
		return sotto.Fail(sotto.Denied, "Only an administrator may let another make a call.")
	}
	return nil
}

// path is how it came to the call.
func (o *Outgoing) path() dial.Path {
	switch {
	case o.promise != nil:
		return dial.Callback
	case o.Ticket != 0:
		return dial.Ticket
	}
	return dial.Click
}
