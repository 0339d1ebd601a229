package fraud

import (
	"context"
	"fmt"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/flow"
	"sotto/line"
	"sotto/route"
)

// outward are the ways on which the desk makes a call of its own, or leads one
// out.
func outward() []way {
	return []way{
		{name: "a click", path: "click", when: free, try: func(w *world, number string) outcome { return click(w, number, 0) }},
		{name: "a click on a ticket", path: "ticket", when: free, try: func(w *world, number string) outcome {
			return click(w, number, w.call.Ticket())
		}},
		{name: "a click behind the door", path: "click", when: free, try: func(w *world, number string) outcome { return behind(w, number) }},
		{name: "a text", path: "text", when: free, try: write},
		{name: "a callback that a caller asks for by key", path: "callback", who: "desk rule", slow: true, try: byKey},
		{name: "a callback that staff asks for", path: "callback", when: free, try: callback},
		{name: "a menu that leads out", path: "menu", who: "desk rule", whole: true, try: menu},
		{name: "the overflow of a line", path: "overflow", who: "desk rule", try: overflow},
	}
}

// decisions is how often the gate has made up its mind.
func (w *world) decisions() (n int) {
	w.t.Helper()
	for after := int64(0); ; {
		page, next, err := w.d.Audit.List(context.Background(), sotto.Operator(), audit.Filter{
			Source: audit.Dial, Actions: []audit.Action{audit.Create, audit.Refuse}, After: after, Limit: 1000,
		})
		check(w.t, err)
		n += len(page)
		if after = next; after == 0 {
			return n
		}
	}
}

// decided waits until the gate has made up its mind once more, and if it said
// yes until the carrier was asked.
func (w *world) decided(decisions, granted int) outcome {
	w.t.Helper()
	w.until("the gate has decided", func() bool { return w.decisions() > decisions })
	if w.granted() == granted {
		return refused
	}
	w.until("the carrier was asked", func() bool { return len(w.carrier.numbers()) >= w.granted() })
	return asked
}

// alone waits until there is no call but that of calm.
func (w *world) alone() {
	w.t.Helper()
	w.until("other calls are over", func() bool { return len(w.d.Calls.Live()) == 1 && w.s.Flow().Live() == 1 })
}

// click asks for a call over REST.
func click(w *world, number string, ticket sotto.TicketID) outcome {
	w.t.Helper()
	w.phone.say(answer{status: 200})
	defer w.phone.say(answer{status: 486})
	before := len(w.carrier.numbers())
	status, _ := w.ask(w.who, "POST", "/sotto/calls", map[string]any{
		"call": map[string]any{"phone_number_id": int64(w.line.ID), "ticket_id": int64(ticket), "number": number},
	})
	if status >= 400 {
		return refused
	}
	w.giveUp(before)
	return asked
}

// giveUp lets the principal hang up when the carrier has been asked.
func (w *world) giveUp(before int) {
	w.t.Helper()
	mine := <-w.phone.incoming
	w.until("the carrier was asked", func() bool { return len(w.carrier.numbers()) > before })
	mine.bye()
	w.alone()
}

// write sends a text over REST.
func write(w *world, number string) outcome {
	w.t.Helper()
	decisions, granted := w.decisions(), w.granted()
	status, _ := w.ask(w.who, "POST", "/sotto/texts", map[string]any{
		"text": map[string]any{"phone_number_id": int64(w.line.ID), "to": number, "body": "Bonjour"},
	})
	if status >= 400 {
		return refused
	}
	w.decided(decisions, granted)
	return untold // the case says what became of it
}

// byKey lets a caller ask by key to be called back at the number the carrier
// says it calls from, which may be any.
func byKey(w *world, number string) outcome {
	w.t.Helper()
	ctx, admin := context.Background(), sotto.Operator()
	const own = "+33199001242"
	_, err := w.another(own, func(s *line.Settings) { s.Callback = true })
	check(w.t, err, w.d.Agents.SetState(ctx, admin, w.owner.id, agent.Offline))
	decisions, granted := w.decisions(), w.granted()
	d, status := w.carrier.callAs(number, own)
	if status != 200 {
		return refused
	}
	var waits *call.Call
	w.until("the caller waits", func() bool {
		for _, c := range w.d.Calls.Live() {
			if c.State() == call.Queued {
				waits = c
			}
		}
		return waits != nil
	})
	again := time.NewTicker(300 * time.Millisecond)
	defer again.Stop()
	for range 6 { // a key that comes in the first second is taken for one pressed before
		d.send("INFO", "Signal=1\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
		<-again.C
	}
	d.bye()
	w.alone()
	var r call.Record
	w.until("the end of the call is written", func() bool {
		r, err = w.d.Calls.Get(ctx, waits.ID)
		check(w.t, err)
		return !r.EndedAt.IsZero()
	})
	kept := r.Callback != ""
	w.phone.say(answer{status: 200})
	defer w.phone.say(answer{status: 486})
	check(w.t, w.d.Agents.SetState(ctx, admin, w.owner.id, agent.Online))
	if kept && w.decided(decisions, granted) == asked {
		(<-w.phone.incoming).bye()
		w.alone()
	}
	return untold
}

// behind asks for a call behind the door of the REST API, as what the principal
// once was.
func behind(w *world, number string) outcome {
	w.t.Helper()
	by := sotto.Actor{}
	if w.who != nil {
		by = sotto.Actor{Person: w.who.id, Role: w.who.role}
	}
	w.phone.say(answer{status: 200})
	defer w.phone.say(answer{status: 486})
	before := len(w.carrier.numbers())
	if _, err := w.s.Flow().Call(context.Background(), flow.Outgoing{By: by, Number: number, Line: w.line.ID}); err != nil {
		if k := sotto.KindOf(err); k == sotto.Internal || k == sotto.Conflict {
			w.t.Errorf("%v", err)
		}
		return refused
	}
	w.giveUp(before)
	return asked
}

// callback asks over REST that a number be called when an agent is free; the
// principal's telephone, or whose it was, is answered then.
func callback(w *world, number string) outcome {
	w.t.Helper()
	decisions, granted := w.decisions(), w.granted()
	w.phone.say(answer{status: 200})
	defer w.phone.say(answer{status: 486})
	status, _ := w.ask(w.who, "POST", "/channels/voice/callback_requests", map[string]any{
		"callback_request": map[string]any{"phone_number_id": int64(w.line.ID), "requester_phone_number": number},
	})
	if status >= 400 {
		return refused
	}
	if w.decided(decisions, granted) == refused {
		return untold // it was promised, and is not kept
	}
	(<-w.phone.incoming).bye()
	w.alone()
	check(w.t, w.d.Agents.SetState(context.Background(), sotto.Operator(), w.owner.id, agent.Online))
	return asked
}

// lead lets somebody call a number of the desk and press a key.
func (w *world) lead(number, key string) outcome {
	w.t.Helper()
	decisions, granted := w.decisions(), w.granted()
	d, status := w.carrier.call(number)
	if status != 200 {
		w.t.Fatalf("the line answers %d", status)
	}
	if key != "" {
		d.send("INFO", "Signal="+key+"\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
	}
	told := w.decided(decisions, granted)
	d.bye()
	w.alone()
	return told
}

// another is a line of its own for a rule; made when it is first asked for.
func (w *world) another(number string, set func(*line.Settings)) (l line.Line, err error) {
	w.t.Helper()
	ctx, admin := context.Background(), sotto.Operator()
	if l, err = w.d.Lines.ByNumber(ctx, number); err == nil {
		return w.d.Lines.Update(ctx, admin, l.ID, func(s *line.Settings) error { set(s); return nil })
	}
	s := line.Defaults()
	s.Number, s.Name, s.Voicemail = number, "Renvoi "+number[len(number)-1:], false
	set(&s)
	if l, err = w.d.Lines.Create(ctx, admin, s); err != nil {
		return l, err
	}
	return l, w.d.Lines.SetSound(ctx, admin, l.ID, line.Greeting, "en", tone())
}

// menu lets a key lead to a number. One that cannot be published leads nowhere.
func menu(w *world, number string) outcome {
	w.t.Helper()
	ctx, admin := context.Background(), sotto.Operator()
	says, err := w.d.Lines.AddGreeting(ctx, admin, line.Draft{Category: line.MenuGreeting, Locale: "en"}, tone())
	check(w.t, err)
	v, err := w.d.Menus.Create(ctx, admin, fmt.Sprintf("Accueil %d", time.Now().UnixNano()), route.Plan{Menus: []route.Menu{{
		Name: "Accueil", Default: true, KeySeconds: 5, Greetings: []route.Spoken{{Locale: "en", GreetingID: says.ID}},
		Routes: []route.Route{
			{Keypress: "1", Way: route.Way{Action: route.ToNumber, Options: route.Options{Number: number}}},
			{Keypress: route.NoKey, Way: route.Way{Action: route.ToVoicemail}},
		},
	}}})
	if err != nil {
		return refused
	}
	if _, _, err := w.d.Menus.Publish(ctx, admin, v.ID); err != nil {
		return refused
	}
	_, err = w.another("+33199001240", func(s *line.Settings) { s.Menu = v.ID })
	check(w.t, err)
	return w.lead("+33199001240", "1")
}

// overflow lets a line that nobody answers lead to a number.
func overflow(w *world, number string) outcome {
	w.t.Helper()
	if _, err := w.another("+33199001241", func(s *line.Settings) { s.Wait, s.Overflow = 0, number }); err != nil {
		return refused
	}
	return w.lead("+33199001241", "")
}
