package flow_test

import (
	"context"
	"testing"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/dial"
	"sotto/flow"
	"sotto/leg"
	"sotto/line"
)

// TestOutsideHearsAndIsHeard leads callers to a number outside: where a menu
// says so, and when nobody took the call.
func TestOutsideHearsAndIsHeard(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.withMenus(t, nil)
	answers := make(chan struct{})
	called := d.reaches(t, answers)
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(otherHz)
	d.in(t, call.Menu)
	p.Press('4')
	eventually(t, "the caller hears it ring", func() bool { return p.HeardTone(ringing) })
	close(answers)
	out := at(called, t)
	eventually(t, "both hear each other", func() bool { return p.Hears(callerHz) && out.Hears(otherHz) })
	d.in(t, call.Connected)
	out.HangUp(leg.HungUp)
	done(t, over)
	r := d.record(t)
	if r.Reason != call.ExternalHungUp || r.Agent != 0 {
		t.Errorf("call: %+v", r)
	}
	d.wantTicket(t, r, "Appel de "+camille, "a été mis en relation")
	if n := d.bytesOnDisk(t); n != 0 {
		t.Errorf("%d bytes of sound", n)
	}
	legs, err := d.calls.Legs(context.Background(), r.ID)
	check(t, err)
	if len(legs) != 2 || legs[0].Kind != call.ExternalLeg || legs[0].Part != call.Overflow || legs[0].Talk == 0 {
		t.Errorf("legs: %+v", legs)
	}
	if n := d.count(t, "SELECT COUNT(*) FROM dial_attempt WHERE path = 'menu' AND ended_at IS NOT NULL"); n != 1 {
		t.Errorf("%d settled attempts", n)
	}
}

func TestCallThatNobodyTakesGoesOnOutside(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) {
		s.Consent, s.Voicemail, s.Overflow, s.Wait = line.Always, false, "+33199009876", time.Second
	})
	d.hire(t, silent)
	called := d.reaches(t, now())
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	p.Hum(otherHz)
	out := at(called, t)
	eventually(t, "both hear each other", func() bool { return p.Hears(callerHz) && out.Hears(otherHz) })
	d.in(t, call.Connected)
	eventually(t, "the caller is recorded", func() bool { return d.bytesOnDisk(t) > 8000 })
	p.HangUp(leg.HungUp)
	done(t, over)
	out.Gone(t)
	r := d.record(t)
	d.wantTicket(t, r, "Appel de "+camille, "numéro extérieur de la ligne")
	if !r.Overflowed || !r.Overdue || r.Wait < time.Second {
		t.Errorf("figures: %+v", r.Tally)
	}
	all, err := d.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	if len(all) != 1 || len(all[0].Tracks) != 1 {
		t.Fatalf("recordings: %+v", all)
	}
	for _, c := range d.sound(t, all[0].ID) {
		if isTone(c, callerHz) {
			t.Error("who answered outside was recorded")
		}
	}
}

// TestNumberOutsideThatIsNotReachedLeavesNobodyInSilence refuses and fails.
func TestNumberOutsideThatIsNotReachedLeavesNobodyInSilence(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"+33199009876", "+33899001234"} { // not answered; never dialled
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, dbtest.SQLite(t))
			d.set(t, func(s *line.Settings) { s.Voicemail, s.Overflow, s.Wait = false, number, time.Second })
			d.trunkIs(fails(leg.NoAnswer))
			p, over := d.call(t, leg.Caller{Number: camille}, front)
			done(t, over)
			for _, c := range []line.Category{line.Unavailable, line.Goodbye} {
				if !p.HeardTone(pitch(c)) {
					t.Errorf("the caller did not hear %s", c)
				}
			}
			r := d.record(t)
			if r.Reason != call.NoAgent || p.Gone(t) != leg.Released {
				t.Errorf("call: %+v", r)
			}
			d.wantTicket(t, r, "Appel manqué de "+camille)
		})
	}
}

// TestLongestTimeOfACallOutIsKept lets the day's minutes run out while both
// talk, and while who was called waits on.
func TestLongestTimeOfACallOutIsKept(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t, dbtest.SQLite(t)), context.Background()
	w := d.hire(t, nil)
	called := d.reaches(t, now())
	d.asks(t, w, flow.Outgoing{Number: camille})
	at(called, t).HangUp(leg.HungUp)
	w.answer(t).Gone(t)
	d.flow.Wait()
	check(t, d.gate.SetCaps(ctx, admin, map[string]int64{string(db.DialAgentMinutes): 1}))
	d.exec(t, "UPDATE dial_attempt SET seconds = 58")
	d.asks(t, w, flow.Outgoing{Number: camille})
	p, a := at(called, t), w.answer(t)
	d.in(t, call.Connected)
	began := time.Now()
	if got := p.Gone(t); got != leg.Released || time.Since(began) > 10*time.Second {
		t.Errorf("who was called was let go for %q after %v", got, time.Since(began))
	}
	a.Gone(t)
	d.flow.Wait()
	if n := d.count(t, "SELECT COUNT(*) FROM call WHERE reason = 'time-limit'"); n != 1 {
		t.Errorf("%d calls ended by the longest time", n)
	}
	if _, err := d.flow.Call(ctx, flow.Outgoing{By: sotto.Actor{Person: w.id, Role: sotto.Agent}, Number: camille}); dial.ReasonOf(err) != dial.AgentMinutes {
		t.Errorf("a call when the minutes are used up: %v", err)
	}
}

// TestLineShowsItsCallerID looks at what the other side is shown: the line's
// own number, or the one that was set, on every way out.
func TestLineShowsItsCallerID(t *testing.T) {
	t.Parallel()
	const shown = "+33199001299"
	d := newDesk(t, dbtest.SQLite(t))
	got := make(chan string, 8)
	d.flow.DialOut = func(_ context.Context, _ dial.Grant, who leg.Caller, _ bool) (leg.Leg, error) {
		got <- who.Number
		return nil, &leg.EndError{Cause: leg.NoAnswer}
	}
	w := d.hire(t, nil)
	want := func(number string) {
		t.Helper()
		d.flow.Wait()
		if n := <-got; n != number {
			t.Errorf("shown %q, want %q", n, number)
		}
	}
	d.asks(t, w, flow.Outgoing{Number: camille})
	want(front)
	d.set(t, func(s *line.Settings) {
		s.CallerID, s.Voicemail, s.Overflow, s.Wait = shown, false, "+33199009876", 0
	})
	d.asks(t, w, flow.Outgoing{Number: camille})
	want(shown)
	_, over := d.call(t, leg.Caller{Number: camille}, front)
	done(t, over)
	want(shown)
}
