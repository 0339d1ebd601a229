package flow_test

import (
	"context"
	"strings"
	"testing"

	"sotto/agent"
	"sotto/call"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
	"sotto/route"
	"sotto/text"
	"sotto/ticket"
)

// texter is who may be texted: camille's number is a landline's.
const texter = "+12015550101"

// wantText is the one text that waits to be sent, and its words.
func (d *desk) wantText(t *testing.T, kind text.Kind, words string) {
	t.Helper()
	all, _, err := d.texts.History(context.Background(), admin, text.Filter{})
	check(t, err)
	if len(all) != 1 || all[0].Kind != kind || all[0].State != text.Queued || all[0].Number != texter {
		t.Fatalf("texts: %+v", all)
	}
	r := d.record(t)
	if r.Ticket != all[0].Ticket || all[0].Call != r.ID {
		t.Errorf("the call is on case %d, its text on %d", r.Ticket, all[0].Ticket)
	}
	said, _, err := d.tickets.Comments(context.Background(), admin, r.Ticket, ticket.Page{})
	check(t, err)
	if len(said) != 2 || !strings.Contains(said[0].Body, words) || !said[0].Public || said[1].Kind != ticket.Voice {
		t.Errorf("comments: %+v", said)
	}
	if n := d.count(t, "SELECT COUNT(*) FROM ticket"); n != 1 {
		t.Errorf("%d cases", n)
	}
}

func TestCallerWhoChoosesItIsTextedBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.SMS, s.TextBack = true, true })
		d.withMenus(t, func(p *route.Plan) {
			p.Menus[0].Routes[0] = route.Route{Keypress: "1", Way: route.Way{Action: route.ToTextBack}, OptionText: "Écrivez-nous ici."}
		})
		chooses := func(t *testing.T, from leg.Caller, then float64) *legtest.Party {
			t.Helper()
			p, over := d.call(t, from, front)
			d.hears(t, p, mainFR)
			p.Press('1')
			d.hears(t, p, then)
			if then != pitch(line.Goodbye) {
				p.HangUp(leg.HungUp)
			}
			done(t, over)
			return p
		}
		chooses(t, leg.Caller{Number: camille}, pitch(line.Voicemail)) // a landline leaves a message
		for _, table := range []string{"ivr_step", "comment", "ticket_event", "ticket_word", "track", "recording", "consent", "call_leg", "call", "ticket"} {
			d.exec(t, "DELETE FROM "+table)
		}
		chooses(t, leg.Caller{Number: texter}, pitch(line.Goodbye))
		if r := d.record(t); r.Reason != call.TextedBack {
			t.Errorf("call: %+v", r)
		}
		d.wantText(t, text.Back, "Écrivez-nous ici.")
	})
}

func TestMissedCallIsTexted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.SMS, s.TextBack, s.Voicemail = true, true, false })
		p, over := d.call(t, leg.Caller{Number: texter}, front)
		d.in(t, call.Queued)
		p.HangUp(leg.HungUp)
		done(t, over)
		d.wantText(t, text.Missed, "Nous n'avons pas pu prendre votre appel")
		for _, table := range []string{"text_message", "ivr_step", "comment", "ticket_event", "ticket_word", "track", "recording", "consent", "call_leg", "call", "ticket"} {
			d.exec(t, "DELETE FROM "+table)
		}
		w := d.hire(t, nil)
		p, over = d.call(t, leg.Caller{Number: texter}, front)
		w.answer(t)
		d.in(t, call.Connected)
		p.HangUp(leg.HungUp)
		done(t, over)
		check(t, d.agents.SetState(context.Background(), admin, w.id, agent.Offline))
		p, over = d.call(t, leg.Caller{Withheld: true}, front)
		d.in(t, call.Queued)
		p.HangUp(leg.HungUp)
		done(t, over)
		if n := d.count(t, "SELECT COUNT(*) FROM text_message"); n != 0 {
			t.Errorf("%d texts to one who was served and to nobody", n)
		}
	})
}
