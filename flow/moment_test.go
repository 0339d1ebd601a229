package flow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/line"
)

// clerk is an agent's telephone that is answered after a while and hung up
// after another, or refuses.
func (d *desk) clerk(t *testing.T, rng func(n int) int) func(context.Context) (leg.Leg, error) {
	return func(ctx context.Context) (leg.Leg, error) {
		after := func(most int) <-chan time.Time { return time.After(time.Duration(rng(most)) * time.Millisecond) }
		select {
		case <-after(80):
		case <-ctx.Done():
			return nil, &leg.EndError{Cause: leg.Cancelled}
		}
		if rng(4) == 0 {
			return nil, &leg.EndError{Cause: leg.BusyHere}
		}
		p := legtest.Take(t, d.engine)
		p.Hum(1000)
		hangsUp := after(400)
		go func() {
			select {
			case <-hangsUp:
				p.HangUp([]leg.Cause{leg.HungUp, leg.PeerLost, leg.MediaLost}[rng(3)])
			case <-p.Ended():
			}
		}()
		return p, nil
	}
}

// TestHangUpAtEveryMoment lets callers hang up, one every few milliseconds of
// a call's life, in every way a leg can end, while agents come and go too.
// Every call must have one row, one reason, one end, and one ticket; and
// nothing may be left: no agent busy, no port open, no recording unfinished.
func TestHangUpAtEveryMoment(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.set(t, func(s *line.Settings) { s.Consent, s.Wait = line.OptOut, time.Second })
		var mu sync.Mutex
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		source := rand.New(rand.NewPCG(seed, 1))
		rng := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return source.IntN(n)
		}
		for range 4 {
			d.hire(t, d.clerk(t, rng))
		}
		ways := []leg.Cause{leg.HungUp, leg.HungUp, leg.Cancelled, leg.MediaLost, leg.PeerLost, leg.Protocol, leg.AckLost, leg.Fault}
		const calls = 120
		var all sync.WaitGroup
		for i := range calls {
			number := fmt.Sprintf("+3319900%04d", 6000+i/2) // two calls of each caller
			p, over := d.call(t, leg.Caller{Number: number}, front)
			p.Hum(440)
			all.Go(func() {
				select {
				case <-time.After(time.Duration(i*3000/calls) * time.Millisecond):
				case <-p.Ended():
				}
				if rng(3) == 0 {
					p.Press('3')
				}
				p.HangUp(ways[rng(len(ways))])
				done(t, over)
			})
		}
		all.Wait()
		d.flow.Wait()
		d.wantWhole(t, calls)
	})
}

// wantWhole checks that n calls ended as calls do.
func (d *desk) wantWhole(t *testing.T, n int) {
	t.Helper()
	ctx := context.Background()
	all, err := d.calls.List(ctx, call.Filter{Limit: 1000})
	check(t, err)
	if len(all) != n {
		t.Fatalf("%d calls are written, want %d", len(all), n)
	}
	reasons := map[call.Reason]int{}
	for _, r := range all {
		reasons[r.Reason]++
		if r.EndedAt.IsZero() || r.State != call.Ended || !slices.Contains(call.Reasons(), r.Reason) || r.Ticket == 0 || r.Person == 0 {
			t.Errorf("call %d: %+v", r.ID, r)
		}
	}
	t.Logf("reasons: %v", reasons)
	for what, query := range map[string]string{
		"tickets without a call":     "SELECT COUNT(*) FROM ticket WHERE id NOT IN (SELECT ticket_id FROM call)",
		"tickets without a comment":  "SELECT COUNT(*) FROM ticket WHERE id NOT IN (SELECT ticket_id FROM comment)",
		"recordings still written":   "SELECT COUNT(*) FROM recording WHERE state = 'writing'",
		"recordings without consent": "SELECT COUNT(*) FROM recording WHERE call_id NOT IN (SELECT call_id FROM consent)",
		"calls without a leg":        "SELECT COUNT(*) FROM call WHERE id NOT IN (SELECT call_id FROM call_leg)",
	} {
		if n := d.count(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	if got := d.count(t, "SELECT COUNT(*) FROM person WHERE role = 'end-user'"); got != int64(n/2) {
		t.Errorf("%d people for %d numbers", got, n/2)
	}
	for _, fault := range d.recordings.Check(ctx) {
		t.Error(fault)
	}
}

// TestEveryCauseHasItsReason ends the caller's leg in each state in each way.
func TestEveryCauseHasItsReason(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	for _, c := range []struct {
		at    call.State
		cause leg.Cause
		want  call.Reason
	}{
		{call.Ringing, leg.Cancelled, call.Cancelled}, {call.Ringing, leg.AckLost, call.Unconfirmed}, {call.Ringing, leg.Protocol, call.Protocol},
		{call.Greeting, leg.HungUp, call.AbandonedInGreeting}, {call.Greeting, leg.MediaLost, call.CallerLost},
		{call.Consenting, leg.HungUp, call.AbandonedInConsent}, {call.Consenting, leg.PeerLost, call.CallerLost},
		{call.Queued, leg.HungUp, call.AbandonedInQueue}, {call.Queued, leg.Fault, call.Failed},
		{call.Voicemail, leg.HungUp, call.AbandonedInVoicemail}, {call.Voicemail, leg.Unreachable, call.CallerLost},
	} {
		t.Run(string(c.at)+" "+string(c.cause), func(t *testing.T) {
			wait := 20
			if c.at == call.Voicemail {
				wait = 0
			}
			d.exec(t, "UPDATE line SET consent = 'opt-in', wait_seconds = $1", wait)
			p := legtest.Call(t, d.engine, leg.Caller{Number: camille}, front)
			if c.at == call.Ringing {
				p.Answers(func(ctx context.Context) error { <-p.Ended(); return &leg.EndError{Cause: p.Cause()} })
			}
			over := make(chan struct{})
			go func() { defer close(over); d.flow.Accept(context.Background(), p) }()
			id := d.in(t, c.at).ID
			p.HangUp(c.cause)
			done(t, over)
			r, err := d.calls.Get(context.Background(), id)
			check(t, err)
			if r.Reason != c.want || r.Ticket == 0 {
				t.Errorf("reason %q, ticket %d, want %q", r.Reason, r.Ticket, c.want)
			}
		})
	}
}

// bomb is a leg that panics where a real one has a bug.
type bomb struct {
	leg.Leg
	where string
}

func (b bomb) Answer(ctx context.Context) error {
	if b.where == "answer" {
		panic("answer")
	}
	return b.Leg.Answer(ctx)
}

func (b bomb) Media() *media.Port {
	if b.where == "media" {
		return nil // as an endpoint without an engine gives
	}
	return b.Leg.Media()
}

func (b bomb) Dialled() string {
	if b.where == "dialled" {
		panic("dialled")
	}
	return b.Leg.Dialled()
}

func TestPanicEndsItsCallAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	w := d.hire(t, nil)
	good, over := d.call(t, leg.Caller{Number: camille}, front)
	good.Hum(440)
	a := w.answer(t)
	other := d.in(t, call.Connected).ID
	for _, where := range []string{"dialled", "answer", "media"} {
		t.Run(where, func(t *testing.T) {
			p := legtest.Call(t, d.engine, leg.Caller{Number: "+33199007777"}, front)
			d.flow.Accept(context.Background(), bomb{p, where})
			if got := p.Gone(t); got != leg.Fault {
				t.Errorf("ended for %q", got)
			}
		})
	}
	all, err := d.calls.List(context.Background(), call.Filter{})
	check(t, err)
	for _, r := range all {
		if want := (map[bool]call.Reason{true: "", false: call.Failed})[r.ID == other]; r.Reason != want {
			t.Errorf("call %d: reason %q, want %q", r.ID, r.Reason, want)
		}
	}
	eventually(t, "the other call goes on", func() bool { return a.Hears(440) })
	good.HangUp(leg.HungUp)
	done(t, over)
}

// TestManyCallersShareFewAgents checks that everyone is served in the end,
// each agent by one caller at a time.
func TestManyCallersShareFewAgents(t *testing.T) {
	d := newDesk(t, dbtest.SQLite(t))
	var mu sync.Mutex
	talking := map[sotto.DeviceID]bool{}
	for range 3 {
		var w *worker
		w = d.hire(t, func(context.Context) (leg.Leg, error) {
			mu.Lock()
			if talking[w.device] {
				t.Error("an agent is rung while talking")
			}
			talking[w.device] = true
			mu.Unlock()
			p := legtest.Take(t, d.engine)
			talked := time.After(60 * time.Millisecond)
			go func() {
				<-talked
				mu.Lock()
				talking[w.device] = false
				mu.Unlock()
				p.HangUp(leg.HungUp)
			}()
			return p, nil
		})
	}
	const callers = 30
	var all sync.WaitGroup
	for i := range callers {
		_, over := d.call(t, leg.Caller{Number: fmt.Sprintf("+3319900%04d", 6000+i)}, front)
		all.Go(func() { done(t, over) })
	}
	all.Wait()
	if n := d.count(t, "SELECT COUNT(*) FROM call WHERE reason = 'agent-hung-up' AND ticket_id IS NOT NULL"); n != callers {
		t.Errorf("%d of %d callers were served", n, callers)
	}
}
