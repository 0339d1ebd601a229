package fraud

import (
	"context"
	"fmt"

	"sotto"
	"sotto/agent"
	"sotto/call"
)

// ways are all entrances. A new path is a line here and one in mayAsk.
func ways() []way {
	return append([]way{
		{name: "REFER", path: "refer", when: talking, try: refer},
		{name: "transfer over REST", path: "transfer", when: talking, try: func(w *world, number string) outcome {
			return w.order(w.who, w.ownCall, "transfer", map[string]any{"number": number})
		}},
		{name: "consultation over REST", path: "transfer", when: talking, try: func(w *world, number string) outcome {
			return w.order(w.who, w.ownCall, "consult", map[string]any{"number": number})
		}},
		{name: "conference over REST", path: "conference", when: talking, try: func(w *world, number string) outcome {
			return w.order(w.who, w.ownCall, "conference", map[string]any{"number": number})
		}},
		{name: "transfer of another's call", path: "no path", when: free, try: func(w *world, number string) outcome {
			return w.order(w.who, w.call, "transfer", map[string]any{"number": number})
		}},
		{name: "a telephone that redirects", path: "redirect", when: free, also: carriersOwn, try: redirect},
		{name: "forwarding", path: "forward", when: free, try: forward},
	}, outward()...)
}

// told is what a status of the REST API says.
func told(status int) outcome {
	if status >= 400 {
		return refused
	}
	return asked
}

// order gives an order in a call over REST.
func (w *world) order(as *member, c *call.Call, order string, body map[string]any) outcome {
	w.t.Helper()
	status, _ := w.ask(as, "POST", fmt.Sprintf("/channels/voice/calls/%d/%s", c.ID, order), body)
	return told(status)
}

// refer presses the transfer key. Where the desk asked the carrier, what it
// tells is what the carrier said: busy.
func refer(w *world, number string) outcome {
	w.t.Helper()
	if status := w.transferor().refer(number); status == 486 {
		return asked
	}
	return refused
}

// transferor is whose transfer key is pressed: the telephone's of the
// principal, or for somebody unknown the carrier's side of a call.
func (w *world) transferor() *dialog {
	if w.who == nil {
		return w.talks
	}
	return w.own
}

// reached is a number that calm asks the carrier for.
const reached = "+33199008888"

// carriersOwn is the call that a carrier redirects, which calm may make.
func carriersOwn(p principal) []string {
	if p.name == "anonymous" {
		return []string{reached}
	}
	return nil
}

// redirect lets calm ask somebody whose telephone says 302 (RFC 3261 21.3.3):
// the principal, or for somebody unknown a number outside.
func redirect(w *world, number string) outcome {
	w.t.Helper()
	to, body := w.carrier, map[string]any{"number": reached}
	if w.who != nil {
		to, body = w.phone, map[string]any{"agent_id": int64(w.who.id)}
	}
	to.say(answer{status: 302, to: number})
	w.order(w.calm, w.call, "consult", body)
	w.settle()
	to.say(answer{status: 486})
	return untold
}

// forward gives the principal a number outside and lets calm ask the
// principal. What the principal may not set any more was set before.
func forward(w *world, number string) outcome {
	w.t.Helper()
	if w.who == nil {
		status, _ := w.ask(nil, "POST", fmt.Sprintf("/sotto/agents/%d/devices", w.calm.id), map[string]any{
			"device": map[string]any{"kind": "forward", "phone_number": number},
		})
		return told(status)
	}
	ctx := context.Background()
	status, _ := w.ask(w.who, "POST", fmt.Sprintf("/sotto/agents/%d/devices", w.who.id), map[string]any{
		"device": map[string]any{"kind": "forward", "phone_number": number},
	})
	if status != 201 {
		_, _ = w.d.Agents.AddForward(ctx, sotto.Operator(), w.who.id, number) // it is no number, or nobody's any more
	}
	w.order(w.calm, w.call, "consult", map[string]any{"agent_id": int64(w.who.id)})
	w.settle()
	all, err := w.d.Agents.Devices(ctx, w.who.id)
	check(w.t, err)
	for _, d := range all {
		if d.Kind == agent.Forward {
			check(w.t, w.d.Agents.RemoveDevice(ctx, sotto.Operator(), d.ID))
		}
	}
	return untold
}
