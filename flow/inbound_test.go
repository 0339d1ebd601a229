package flow_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/line"
	"sotto/recording"
	"sotto/ticket"
)

// TestCallGoesFromTheFirstRingToTheTicket is the whole journey, once.
func TestCallGoesFromTheFirstRingToTheTicket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent = line.Always })
		w := d.hire(t, nil)
		p, over := d.call(t, leg.Caller{Number: "01 99 00 56 78", Name: "Camille Exemple"}, "0199001234")
		p.Hum(440)
		a := w.answer(t)
		a.Hum(1000)
		eventually(t, "both hear each other", func() bool { return p.Hears(1000) && a.Hears(440) })
		d.in(t, call.Connected)
		eventually(t, "the recording is on the disk", func() bool { return d.bytesOnDisk(t) > 2*8000 })
		p.HangUp(leg.HungUp)
		done(t, over)
		if got := a.Gone(t); got != leg.Released {
			t.Errorf("the agent was let go for %q", got)
		}
		r := d.record(t)
		if r.Reason != call.CallerHungUp || r.Agent != w.id || r.Person == 0 || r.Number != "01 99 00 56 78" || !r.InHours ||
			r.AnsweredAt.IsZero() || r.ConnectedAt.IsZero() || r.EndedAt.IsZero() || r.Consent != "not-asked" || r.Voicemail {
			t.Errorf("call: %+v", r)
		}
		d.wantLegs(t, r.ID, w.id)
		d.wantRecording(t, r, 440, 1000)
		d.wantTicket(t, r, "Appel de 01 99 00 56 78", "L'appel a été enregistré.", "Accueil")
	})
}

func (d *desk) wantLegs(t *testing.T, id sotto.CallID, who sotto.PersonID) {
	t.Helper()
	legs, err := d.calls.Legs(context.Background(), id)
	check(t, err)
	if len(legs) != 2 || legs[0].Kind != call.AgentLeg || legs[0].Person != who || legs[1].Kind != call.CallerLeg {
		t.Fatalf("legs: %+v", legs)
	}
	for _, l := range legs {
		if l.AnsweredAt.IsZero() || l.EndedAt.IsZero() || l.Cause == "" || l.Quality.Received < 20 {
			t.Errorf("leg: %+v", l)
		}
	}
}

// wantRecording checks that the caller is on the left and the agent on the
// right, and nobody on both.
func (d *desk) wantRecording(t *testing.T, r call.Record, caller, agent float64) {
	t.Helper()
	all, err := d.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	if len(all) != 1 || all[0].State != recording.Durable || all[0].Reason != "" || all[0].Kind != recording.Call ||
		len(all[0].Tracks) != 2 || all[0].Ticket != r.Ticket || all[0].Line != d.line.ID {
		t.Fatalf("recordings: %+v", all)
	}
	c := d.sound(t, all[0].ID)
	if len(c) != 2 || !isTone(c[0], caller) || !isTone(c[1], agent) {
		t.Errorf("the voices are not on their tracks (%d channels)", len(c))
	}
	proof, err := d.recordings.Prove(context.Background(), all[0].ID)
	check(t, err)
	own, err := d.lines.Sound(context.Background(), d.line.ID, d.line.Consent.Notice(), "fr")
	check(t, err)
	if proof.NoticeHash != own.SHA256 || proof.Notice != own.Notice || proof.Locale != "fr" || proof.Mode != recording.Mode(d.line.Consent) {
		t.Errorf("proof of consent: %+v", proof)
	}
}

func (d *desk) wantTicket(t *testing.T, r call.Record, subject string, says ...string) ticket.Ticket {
	t.Helper()
	ctx := context.Background()
	if n := d.count(t, "SELECT COUNT(*) FROM ticket"); n != 1 || r.Ticket == 0 {
		t.Fatalf("%d tickets; the call's is %d", n, r.Ticket)
	}
	tk, err := d.tickets.Get(ctx, admin, r.Ticket)
	check(t, err)
	if tk.Subject != subject || tk.Requester != r.Person || tk.Line != d.line.ID || tk.Assignee != r.Agent {
		t.Errorf("ticket: %+v, want subject %q", tk, subject)
	}
	comments, _, err := d.tickets.Comments(ctx, admin, r.Ticket, ticket.Page{})
	check(t, err)
	if len(comments) != 1 || comments[0].Kind != ticket.Voice || comments[0].Call != r.ID || comments[0].Public {
		t.Fatalf("comments: %+v", comments)
	}
	for _, s := range says {
		if !strings.Contains(comments[0].Body, s) {
			t.Errorf("the comment does not say %q:\n%s", s, comments[0].Body)
		}
	}
	return tk
}

func TestAgentHangsUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		w := d.hire(t, nil)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		a := w.answer(t)
		d.in(t, call.Connected)
		a.HangUp(leg.HungUp)
		done(t, over)
		if got := p.Gone(t); got != leg.Released {
			t.Errorf("the caller was let go for %q", got)
		}
		r := d.record(t)
		if r.Reason != call.AgentHungUp {
			t.Errorf("reason %q", r.Reason)
		}
		d.wantTicket(t, r, "Appel de "+camille, "L'agent a raccroché")
		if n := d.bytesOnDisk(t) + d.count(t, "SELECT COUNT(*) FROM recording"); n != 0 {
			t.Errorf("a line that never records recorded %d", n)
		}
	})
}

func TestUnknownNumberMakesNoPersonAndNoTicket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		p, over := d.call(t, leg.Caller{Number: camille, Name: "Camille Exemple"}, "+33199009999")
		done(t, over)
		if got := p.Gone(t); got != leg.Unreachable {
			t.Errorf("refused for %q, want what leg/sip makes 404 of", got)
		}
		select {
		case <-p.Answered():
			t.Error("it was answered")
		default:
		}
		r := d.record(t)
		if r.Reason != call.UnknownNumber || r.Line != 0 || r.Number != "" || r.Ticket != 0 {
			t.Errorf("call: %+v", r)
		}
		if n := d.count(t, "SELECT (SELECT COUNT(*) FROM person) + (SELECT COUNT(*) FROM ticket)"); n != 0 {
			t.Errorf("%d people and tickets", n)
		}
	})
}

func TestWithheldCallerIsServedAndNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent = line.Always })
		w := d.hire(t, nil)
		p, over := d.call(t, leg.Caller{Withheld: true}, front)
		p.Hum(440)
		w.answer(t).Hum(1000)
		d.in(t, call.Connected)
		eventually(t, "the recording is on the disk", func() bool { return d.bytesOnDisk(t) > 2*8000 })
		p.HangUp(leg.HungUp)
		done(t, over)
		r := d.record(t)
		if r.Person != 0 || r.Number != "" || r.Key == 0 {
			t.Errorf("call: %+v", r)
		}
		tk := d.wantTicket(t, r, "Appel d'un numéro masqué")
		if tk.Key != r.Key {
			t.Errorf("the ticket's key is %d, the call's %d", tk.Key, r.Key)
		}
		d.wantRecording(t, r, 440, 1000)
	})
}

func TestClosedLineSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		yesterday := time.Now().UTC().AddDate(0, 0, -1).Weekday()
		d.set(t, func(s *line.Settings) {
			s.Voicemail = false
			s.Hours = line.Hours{Zone: "UTC", Spans: []line.Span{{Day: yesterday, Opens: 0, Closes: 1}}}
		})
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		eventually(t, "it says that it is closed", func() bool { return p.HeardTone(pitch(line.OutOfHours)) })
		eventually(t, "it says good-bye", func() bool { return p.HeardTone(pitch(line.Goodbye)) })
		done(t, over)
		r := d.record(t)
		if r.Reason != call.LineClosed || r.InHours || p.Gone(t) != leg.Released {
			t.Errorf("call: %+v, ended for %q", r, p.Gone(t))
		}
		d.wantTicket(t, r, "Appel manqué de "+camille, "La ligne était fermée.")
	})
}

func TestNextAgentIsRungAndTheRightOneTalks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		busy := d.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.BusyHere} })
		broken := d.hire(t, func(context.Context) (leg.Leg, error) { panic("a telephone on fire") })
		d.exec(t, "UPDATE line SET ring_seconds = 1")
		asleep := d.hire(t, silent)
		w := d.hire(t, nil)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		w.answer(t)
		p.HangUp(leg.HungUp)
		done(t, over)
		r := d.record(t)
		legs, err := d.calls.Legs(context.Background(), r.ID)
		check(t, err)
		var got []sotto.PersonID
		var causes []leg.Cause
		for _, l := range legs {
			got, causes = append(got, l.Person), append(causes, l.Cause)
		}
		want := []sotto.PersonID{busy.id, broken.id, asleep.id, w.id, 0}
		if len(got) != 5 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] || got[4] != 0 {
			t.Errorf("rung %v, want %v", got, want)
		}
		if causes[0] != leg.BusyHere || causes[2] != leg.NoAnswer || r.Agent != w.id || r.Reason != call.CallerHungUp {
			t.Errorf("causes %v, agent %d, reason %q", causes, r.Agent, r.Reason)
		}
		if n := d.count(t, "SELECT COUNT(*) FROM agent WHERE idle_since > changed_at"); n != 1 {
			t.Errorf("%d agents lost their turn, want the one who talked", n)
		}
	})
}

func TestNobodyAnswersAndNoMessagesAreTaken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Voicemail, s.Wait = false, time.Second })
		d.hire(t, silent)
		p, over := d.call(t, leg.Caller{Number: camille}, front)
		eventually(t, "the words for waiting", func() bool { return p.HeardTone(pitch(line.Wait)) })
		eventually(t, "that nobody is free", func() bool { return p.HeardTone(pitch(line.Unavailable)) })
		done(t, over)
		r := d.record(t)
		if r.Reason != call.NoAgent || !r.Overdue || r.Wait < time.Second || r.Queued.Before(r.StartedAt) {
			t.Errorf("reason %q, waited %v from %v, overdue %v", r.Reason, r.Wait, r.Queued, r.Overdue)
		}
		d.wantTicket(t, r, "Appel manqué de "+camille, "Personne n'a pris l'appel à temps.")
	})
}

func TestRecoverMakesTicketsOfCallsThatWereCutOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		begun, err := d.calls.Begin(ctx, call.Arrival{Caller: leg.Caller{Number: camille}, Line: d.line.ID, Locale: "fr"})
		check(t, err)
		_, err = d.calls.Begin(ctx, call.Arrival{Caller: leg.Caller{Number: camille}})
		check(t, err)
		// What is in memory is gone with the process.
		after := call.New(call.Config{DB: d.db, Ring: d.ring, People: d.people})
		d.flow.Calls = after
		check(t, d.flow.Recover(ctx), d.flow.Recover(ctx))
		r, err := after.Get(ctx, begun.ID)
		check(t, err)
		if r.Reason != call.Crashed {
			t.Errorf("reason %q", r.Reason)
		}
		d.wantTicket(t, r, "Appel manqué de "+camille, "L'appel a été coupé")
	})
}

func TestDeskThatIsStoppedEndsItsCalls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *desk) {
		for _, s := range []call.State{call.Greeting, call.Queued, call.Connected, call.Voicemail} {
			t.Run(string(s), func(t *testing.T) {
				wait := 20
				if s == call.Voicemail {
					wait = 0
				}
				d.exec(t, "UPDATE line SET wait_seconds = $1", wait)
				var w *worker
				if s == call.Connected {
					w = d.hire(t, nil)
				}
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				p, over := d.callIn(t, ctx, leg.Caller{Number: camille}, front)
				id := d.in(t, s).ID
				stop()
				done(t, over)
				if got := p.Gone(t); got != leg.Shutdown {
					t.Errorf("ended for %q", got)
				}
				if w != nil {
					if got := w.answer(t).Gone(t); got != leg.Shutdown {
						t.Errorf("the agent was let go for %q", got)
					}
				}
				r, err := d.calls.Get(context.Background(), id)
				check(t, err)
				if r.Reason != call.Shutdown || r.Ticket == 0 {
					t.Errorf("reason %q, ticket %d", r.Reason, r.Ticket)
				}
			})
		}
	})
}

func TestDatabaseThatStopsDoesNotHoldACall(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	w := d.hire(t, nil)
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(440)
	a := w.answer(t)
	d.in(t, call.Connected)
	check(t, d.db.Close())
	eventually(t, "they go on talking", func() bool { return a.Hears(440) })
	p.HangUp(leg.HungUp)
	done(t, over)
	a.Gone(t)
	if d.calls.Owed() != 1 {
		t.Errorf("%d ends are owed, want 1", d.calls.Owed())
	}
}

func TestBrokenSoundIsReplacedByTheDesksOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Wait = 0 })
	d.exec(t, "UPDATE greeting SET sha256 = $1", []byte("not the file's"))
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	d.in(t, call.Greeting)
	own := d.lines.Own(line.Greeting, "fr").Clip
	eventually(t, "the greeting is heard", func() bool { return len(p.Heard()) > len(own.Mulaw)/4 })
	p.HangUp(leg.HungUp)
	done(t, over)
	if r := d.record(t); r.Reason != call.AbandonedInGreeting {
		t.Errorf("reason %q", r.Reason)
	}
}
