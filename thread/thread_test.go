package thread_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/person"
	"sotto/text"
	"sotto/thread"
	"sotto/ticket"
)

func TestTextsOfOnePersonGoOntoOneCase(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		first := d.from(t, camille, "Bonjour, où en est ma commande ?", "a")
		again := d.from(t, camille, "Bonjour, où en est ma commande ?", "a") // the carrier repeats it
		second := d.from(t, "00 1 201 555 0101", "Numéro 12", "b")
		other := d.from(t, jo, "Allô", "c")
		if first != again || first != second || first == other {
			t.Errorf("cases %d, %d, %d and %d", first, again, second, other)
		}
		if diff := cmp.Diff([]string{"Bonjour, où en est ma commande ?", "Numéro 12"}, d.bodies(t, first)); diff != "" {
			t.Error(diff)
		}
		c, err := d.tickets.Get(ctx, d.agent, first)
		must(t, err)
		if c.Via != ticket.ByText || c.Status != ticket.Fresh || c.Subject != "SMS de "+camille || c.Line != d.line.ID {
			t.Errorf("case = %+v", c)
		}
		if x := d.history(t)[2]; !x.Inbound() || x.State != text.Received || x.Number != camille || x.Person != c.Requester {
			t.Errorf("text = %+v", x)
		}
		solved := ticket.Solved
		_, err = d.tickets.Update(ctx, d.agent, first, ticket.Change{Status: &solved})
		must(t, err)
		if next := d.from(t, camille, "Une autre question", "d"); next == first {
			t.Error("a solved case went on")
		}
		if n := len(d.work(t)); n != 0 {
			t.Errorf("%d texts went out", n)
		}
	})
}

func TestTextThatCannotBeAnsweredIsNotTaken(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for name, tt := range map[string]struct {
			from leg.Caller
			to   string
			want sotto.Kind
		}{
			"no line's number":      {leg.Caller{Number: camille}, "+33199009999", sotto.NotFound},
			"a line without texts":  {leg.Caller{Number: camille}, silent, sotto.NotFound},
			"withheld":              {leg.Caller{Withheld: true}, front, sotto.Denied},
			"a name for a number":   {leg.Caller{Number: "SHOP"}, front, sotto.Denied},
			"too short to be one":   {leg.Caller{Number: "1"}, front, sotto.Denied},
			"nothing for a number":  {leg.Caller{}, front, sotto.Denied},
			"withheld, yet a digit": {leg.Caller{Number: camille, Withheld: true}, front, sotto.Denied},
		} {
			err := d.Receive(ctx, thread.Incoming{From: tt.from, To: tt.to, Body: "x", Name: name})
			if sotto.KindOf(err) != tt.want {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		if n, err := d.people.Count(ctx, person.Filter{Role: sotto.EndUser}); err != nil || n != 0 {
			t.Errorf("%d people were made, %v", n, err)
		}
	})
}

func TestWhatStaffWriteGoesOutAsAText(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		d.reply(t, id, "Elle part demain.")
		if x := d.last(t); x.State != text.Queued || x.Agent != d.agent.Person || x.Kind != text.Reply {
			t.Errorf("text = %+v", x)
		}
		if diff := cmp.Diff([]said{{camille, front, "Elle part demain."}}, d.work(t)); diff != "" {
			t.Error(diff)
		}
		if x := d.last(t); x.State != text.Delivered || x.Attempts != 1 || d.event(t, id) != "text-delivered " {
			t.Errorf("text = %+v, event %q", x, d.event(t, id))
		}
		d.answers(202) // the carrier has it, and nobody knows more
		d.reply(t, id, "Bonne journée")
		d.work(t)
		if x := d.last(t); x.State != text.Sent || d.event(t, id) != "text-sent " {
			t.Errorf("text = %+v", x)
		}
		_, err := d.tickets.Comment(ctx, d.agent, id, ticket.CommentDraft{Body: "a note"})
		must(t, err)
		me := sotto.Actor{Person: d.last(t).Person, Role: sotto.EndUser}
		_, err = d.tickets.Comment(ctx, me, id, ticket.CommentDraft{Body: "by the web"})
		must(t, err)
		if out := d.work(t); len(out) != 0 {
			t.Errorf("went out: %v", out)
		}
		_, err = d.tickets.Comment(ctx, d.agent, id, ticket.CommentDraft{Public: true, Body: strings.Repeat("x", sip.MaxText+1)})
		if sotto.FieldOf(err) != "body" {
			t.Errorf("a text that is too long: %v", err)
		}
		d.answers(404)
		d.reply(t, id, "Encore là ?")
		d.work(t)
		if x := d.last(t); x.State != text.Failed || x.Reason != text.NoNumber || d.event(t, id) != "text-failed no-number" {
			t.Errorf("text = %+v", x)
		}
	})
}

func TestStopEndsTextsAndStartBringsThemBack(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		if on := d.from(t, camille, "Arrêt.", "b"); on != id {
			t.Errorf("STOP opened case %d beside %d", on, id)
		}
		out := d.work(t)
		if len(out) != 1 || !strings.Contains(out[0].Words, "REPRENDRE") {
			t.Fatalf("confirmation = %v", out)
		}
		d.from(t, camille, "STOP", "c")
		if out := d.work(t); len(out) != 0 {
			t.Errorf("a second confirmation: %v", out)
		}
		d.reply(t, id, "Une dernière chose")
		if x := d.last(t); x.State != text.Failed || x.Reason != text.Stopped || d.event(t, id) != "text-failed stopped" {
			t.Errorf("text = %+v", x)
		}
		if out := d.work(t); len(out) != 0 {
			t.Errorf("went out after STOP: %v", out)
		}
		if on := d.from(t, camille, "J'ai encore une question", "d"); on != id { // may write all the same
			t.Errorf("case %d, want %d", on, id)
		}
		d.from(t, camille, "reprendre", "e")
		d.reply(t, id, "Dites-moi")
		if out := d.work(t); len(out) != 2 || !strings.Contains(out[0].Words, "STOP") || out[1].Words != "Dites-moi" {
			t.Errorf("after START: %v", out)
		}
	})
}

func TestStopBetweenWritingAndSendingHolds(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		d.reply(t, id, "Elle part demain.")
		d.from(t, camille, "STOP", "b")
		for _, x := range d.work(t) {
			if x.Words == "Elle part demain." {
				t.Error("a text went out after STOP")
			}
		}
		all := d.history(t)
		if i := slices.IndexFunc(all, func(x text.Text) bool { return x.Kind == text.Reply }); all[i].Reason != text.Stopped {
			t.Errorf("text = %+v", all[i])
		}
	})
}

func TestStopAloneIsNobodysWorkAndOutlivesTheCase(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "STOP", "a")
		c, err := d.tickets.Get(ctx, d.agent, id)
		must(t, err)
		if c.Status != ticket.Solved || len(d.bodies(t, id)) != 2 {
			t.Errorf("case = %+v", c)
		}
		x, err := d.Write(ctx, d.agent, thread.Note{Line: d.line.ID, Number: camille, Body: "Une offre"})
		must(t, err)
		if x.State != text.Failed || x.Reason != text.Stopped {
			t.Errorf("text = %+v", x)
		}
		// Machines that answer each other come to an end.
		for i := range 20 {
			d.from(t, jo, []string{"STOP", "START"}[i%2], string(rune('b'+i)))
		}
		n := 0
		for _, x := range d.history(t) {
			if x.Number == jo && x.Kind == text.Confirmation {
				n++
			}
		}
		if n != 6 {
			t.Errorf("%d confirmations in a day, want 6", n)
		}
	})
}

func TestTextIsTriedAgainUntilItIsClear(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		d.reply(t, id, "Elle part demain.")
		d.answers(503)
		for i, rest := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour} {
			if out := d.work(t); len(out) != 1 || d.last(t).State != text.Queued || d.last(t).Attempts != i+1 {
				t.Fatalf("attempt %d: %v, %+v", i+1, out, d.last(t))
			}
			d.pass(rest - time.Second)
			if out := d.work(t); len(out) != 0 {
				t.Fatalf("attempt %d came too soon", i+2)
			}
			d.pass(time.Second)
		}
		d.work(t)
		if x := d.last(t); x.State != text.Failed || x.Reason != text.Unreachable || d.event(t, id) != "text-failed unreachable" {
			t.Errorf("text = %+v", x)
		}
		d.reply(t, id, "Vous êtes là ?")
		d.answers(0)
		d.work(t)
		d.answers(200)
		d.pass(10 * time.Second)
		d.work(t)
		if x := d.last(t); x.State != text.Delivered || x.Attempts != 2 {
			t.Errorf("text = %+v", x)
		}
	})
}

func TestTextOfUncertainFateIsNotSentTwice(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		uncertain := func(t *testing.T) {
			t.Helper()
			if x := d.last(t); x.State != text.Failed || x.Reason != text.Uncertain {
				t.Errorf("text = %+v", x)
			}
			d.pass(time.Hour)
			if out := d.work(t); len(out) != 0 {
				t.Errorf("sent again: %v", out)
			}
		}
		d.reply(t, id, "Un")
		d.answers(-1)
		d.work(t)
		uncertain(t)
		d.reply(t, id, "Deux")
		d.carrier = func() (sip.TextResult, error) { return sip.TextResult{}, context.Canceled } // the desk stops
		d.work(t)
		uncertain(t)
		d.reply(t, id, "Trois") // the desk is killed while it sends
		_, err := d.texts.Claim(ctx, d.last(t))
		must(t, err)
		d.answers(200)
		d.work(t)
		uncertain(t)
	})
}

func TestTextsToOnePersonGoInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		d.reply(t, id, "Un")
		d.answers(503)
		d.work(t)
		d.answers(200)
		d.reply(t, id, "Deux")
		if out := d.work(t); len(out) != 0 {
			t.Errorf("went before its turn: %v", out)
		}
		d.pass(10 * time.Second)
		out := d.work(t)
		d.pass(time.Second)
		out = append(out, d.work(t)...)
		if len(out) != 2 || out[0].Words != "Un" || out[1].Words != "Deux" {
			t.Errorf("order: %v", out)
		}
	})
}

func TestTextGoesOnlyWhereTheDeskMayDial(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		x, err := d.Write(ctx, d.agent, thread.Note{Line: d.line.ID, Number: "+4915123456789", Body: "Hallo"})
		must(t, err)
		if out := d.work(t); len(out) != 0 || d.last(t).Reason != text.NotAllowed || d.last(t).ID != x.ID {
			t.Errorf("out %v, text %+v", out, d.last(t))
		}
		d.carrier = func() (sip.TextResult, error) { return sip.TextResult{}, sotto.Fail(sotto.Conflict, "No trunk.") }
		_, err = d.Write(ctx, d.agent, thread.Note{Line: d.line.ID, Number: camille, Body: "Bonjour"})
		must(t, err)
		if d.work(t); d.last(t).Reason != text.NoTrunk {
			t.Errorf("text %+v", d.last(t))
		}
	})
}

func TestStaffWriteFirst(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		x, err := d.Write(ctx, d.agent, thread.Note{Line: d.line.ID, Number: "00 1 201 555 0101", Body: "Votre colis est là."})
		must(t, err)
		if out := d.work(t); len(out) != 1 || out[0].To != camille {
			t.Fatalf("out = %v", out)
		}
		if on := d.from(t, camille, "Merci", "a"); on != x.Ticket {
			t.Errorf("the answer stands on case %d, want %d", on, x.Ticket)
		}
		y, err := d.Write(ctx, d.agent, thread.Note{Ticket: x.Ticket, Body: "Avec plaisir"})
		must(t, err)
		if out := d.work(t); len(out) != 1 || y.Ticket != x.Ticket {
			t.Errorf("out = %v", out)
		}
		// On the case of a call, to who called.
		call, err := d.tickets.Open(ctx, d.agent, ticket.Draft{Requester: x.Person, Line: d.line.ID, Via: ticket.ByVoice, Subject: "Appel"})
		must(t, err)
		_, err = d.Write(ctx, d.agent, thread.Note{Ticket: call.ID, Body: "Comme promis"})
		must(t, err)
		if out := d.work(t); len(out) != 1 || out[0].To != camille {
			t.Errorf("out = %v", out)
		}
		silentLine, err := d.lines.ByNumber(ctx, silent)
		must(t, err)
		for name, tt := range map[string]struct {
			by   sotto.Actor
			n    thread.Note
			want sotto.Kind
		}{
			"an end user":          {sotto.Actor{Person: x.Person, Role: sotto.EndUser}, thread.Note{Ticket: x.Ticket, Body: "x"}, sotto.Denied},
			"a line without texts": {d.agent, thread.Note{Line: silentLine.ID, Number: jo, Body: "x"}, sotto.Invalid},
			"no line":              {d.agent, thread.Note{Number: jo, Body: "x"}, sotto.Invalid},
			"no words":             {d.agent, thread.Note{Ticket: x.Ticket, Body: " "}, sotto.Invalid},
			"no number":            {d.agent, thread.Note{Line: d.line.ID, Number: "Jo", Body: "x"}, sotto.Invalid},
			"no case":              {d.agent, thread.Note{Ticket: 4711, Body: "x"}, sotto.NotFound},
		} {
			if _, err := d.Write(ctx, tt.by, tt.n); sotto.KindOf(err) != tt.want {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
	})
}

func TestCallIsAnsweredByOneText(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		back := func(c thread.Call) (id sotto.TicketID) {
			t.Helper()
			c.Line = d.line
			must(t, d.db.Write(ctx, func(tx *db.Tx) (err error) {
				if c.Number != "" {
					if c.Person, _, err = d.people.Identify(tx, c.Number, "", "fr"); err != nil {
						return err
					}
				}
				id, err = d.Back(tx, c)
				return err
			}))
			return id
		}
		id := back(thread.Call{ID: 1, Number: camille, Kind: text.Back, Words: "Écrivez-nous ici."})
		if id == 0 || back(thread.Call{ID: 1, Number: camille, Kind: text.Missed}) != 0 {
			t.Error("not one text for one call")
		}
		if on := back(thread.Call{ID: 2, Number: camille, Kind: text.Missed, Locale: "en"}); on != id {
			t.Errorf("case %d, want %d", on, id)
		}
		out := d.work(t)
		d.pass(time.Second)
		out = append(out, d.work(t)...)
		if len(out) != 2 || out[0].Words != "Écrivez-nous ici." || !strings.HasPrefix(out[1].Words, "Hello, this is Accueil.") {
			t.Errorf("out = %v", out)
		}
		if back(thread.Call{ID: 3, Number: house, Kind: text.Missed}) != 0 || back(thread.Call{ID: 4, Kind: text.Missed}) != 0 {
			t.Error("a landline or nobody was texted")
		}
		d.from(t, camille, "STOP", "a")
		if back(thread.Call{ID: 5, Number: camille, Kind: text.Missed}) != 0 {
			t.Error("texted after STOP")
		}
	})
}

func TestNobodyWritesToWhoIsBeingErased(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := d.from(t, camille, "Bonjour", "a")
		d.reply(t, id, "Elle part demain.")
		who := d.last(t).Person
		must(t, d.db.Write(ctx, func(tx *db.Tx) error {
			_, err := d.people.Freeze(tx, who)
			return err
		}))
		if out := d.work(t); len(out) != 0 {
			t.Errorf("went out: %v", out)
		}
		err := d.Receive(ctx, thread.Incoming{From: leg.Caller{Number: camille}, To: front, Body: "x", Name: "b"})
		if kind := sotto.KindOf(err); kind != sotto.Gone && kind != sotto.Conflict {
			t.Errorf("a text of theirs: %v", err)
		}
		if n := len(d.history(t)); n != 0 {
			t.Errorf("%d texts are shown", n)
		}
	})
}
