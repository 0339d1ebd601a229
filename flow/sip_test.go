package flow_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/person"
)

// exchange is a desk with real signalling: a trunk at 127.0.0.2, agents'
// telephones at 127.0.0.3.
type exchange struct {
	*desk
	endpoint *sip.Endpoint
	far      *media.Engine // the audio of both telephones
}

func newExchange(t *testing.T, base *db.DB) *exchange {
	t.Helper()
	x := &exchange{desk: newDesk(t, base)}
	var err error
	x.far, err = media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")})
	check(t, err)
	x.flow.Dial = func(ctx context.Context, device sotto.DeviceID, who leg.Caller) (leg.Leg, error) {
		return x.endpoint.Dial(ctx, sip.Target{Device: device, Caller: who})
	}
	open := make(chan struct{})
	x.endpoint, err = sip.Open(sip.Config{
		UDP: "127.0.0.1:0", Media: x.engine, Phones: x.agents, Trunks: []sip.Trunk{{Name: "carrier", Sources: []string{"127.0.0.2"}}},
		Accept: func(ctx context.Context, l leg.Leg) {
			<-open // the endpoint is dialled through
			x.flow.Accept(ctx, l)
		},
		Timers: sip.Timers{Close: time.Second},
	})
	check(t, err)
	close(open)
	check(t, x.agents.Attach(context.Background(), x.endpoint))
	t.Cleanup(func() { check(t, x.endpoint.Close(), x.far.Close()) })
	return x
}

// telephone opens a telephone on a host of this machine.
func (x *exchange) telephone(t *testing.T, host, user, secret string) *sip.Phone {
	t.Helper()
	p, err := sip.NewPhone(sip.PhoneConfig{
		Server: x.endpoint.Addr().String(), Listen: host + ":0", Username: user, Secret: secret, Media: x.far, Timers: sip.Timers{Close: time.Second},
	})
	check(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

// hum plays a tone to the other end of l until the test or the call is over,
// and returns what comes from there.
func hum(t *testing.T, ctx context.Context, l leg.Leg, hz float64) *mediatest.Ear {
	t.Helper()
	ear, over := &mediatest.Ear{}, make(chan struct{})
	l.Media().Tap(ear)
	go func() {
		defer close(over)
		_ = l.Media().Play(ctx, media.Tone(hz, 10*time.Second), true) // ends with the call
	}()
	t.Cleanup(func() { <-over })
	return ear
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(stop)
	return ctx
}

// TestRealTelephonesTalkThroughTheDesk goes from a trunk's INVITE, by way of a
// telephone that registered with its password, to the ticket.
func TestRealTelephonesTalkThroughTheDesk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		x, ctx := newExchange(t, base), soon(t)
		x.set(t, func(s *line.Settings) { s.Consent = line.Always })
		id, err := x.people.Create(ctx, admin, person.Draft{Role: sotto.Agent, Name: "Sacha Exemple"})
		check(t, err)
		device, secret, err := x.agents.AddDevice(ctx, admin, id)
		check(t, err)
		desktop := x.telephone(t, "127.0.0.3", device.Username, secret)
		check(t, desktop.Register(ctx), x.agents.SetState(ctx, admin, id, agent.Online))
		if n, err := x.agents.Devices(ctx, id); err != nil || len(n) != 1 || n[0].Registered != 1 {
			t.Fatalf("devices: %+v, %v", n, err)
		}
		caller, err := x.telephone(t, "127.0.0.2", camille, "").Call(ctx, front)
		check(t, err)
		heard := hum(t, ctx, caller, 440)
		taken, err := desktop.Next(ctx)
		check(t, err)
		if got := taken.Caller().Number; got != camille {
			t.Errorf("the agent's telephone shows %q", got)
		}
		check(t, taken.Answer(ctx))
		said := hum(t, ctx, taken, 1000)
		eventually(t, "both hear each other", func() bool { return heard.Hears(1000) && said.Hears(440) })
		x.in(t, call.Connected)
		eventually(t, "it is recorded", func() bool { return x.bytesOnDisk(t) > 2*8000 })
		caller.Hangup(leg.Released)
		select {
		case <-taken.Ended():
		case <-ctx.Done():
			t.Fatal("the agent's telephone was not hung up")
		}
		x.flow.Wait()
		r := x.record(t)
		if r.Reason != call.CallerHungUp || r.Agent != id {
			t.Errorf("call: %+v", r)
		}
		x.wantLegs(t, r.ID, id)
		x.wantRecording(t, r, 440, 1000)
		x.wantTicket(t, r, "Appel de "+camille)
	})
}

// TestTrunkIsToldWhyACallIsNotTaken looks at what the caller's side learns.
func TestTrunkIsToldWhyACallIsNotTaken(t *testing.T) {
	t.Parallel()
	x, ctx := newExchange(t, dbtest.SQLite(t)), soon(t)
	trunk := x.telephone(t, "127.0.0.2", camille, "")
	_, err := trunk.Call(ctx, "+33199009999")
	if got := leg.CauseOf(err); err == nil || got != leg.Unreachable {
		t.Errorf("a number that is no line's: %v", err)
	}
	x.flow.Wait()
	if r := x.record(t); r.Reason != call.UnknownNumber {
		t.Errorf("reason %q", r.Reason)
	}
}

// TestEndpointThatClosesEndsItsCalls stops the desk in the order cmd does.
func TestEndpointThatClosesEndsItsCalls(t *testing.T) {
	t.Parallel()
	x, ctx := newExchange(t, dbtest.SQLite(t)), soon(t)
	caller, err := x.telephone(t, "127.0.0.2", camille, "").Call(ctx, front)
	check(t, err)
	x.in(t, call.Queued)
	check(t, x.endpoint.Close())
	x.flow.Wait()
	select {
	case <-caller.Ended():
	case <-ctx.Done():
		t.Fatal("the caller was not hung up")
	}
	if r := x.record(t); r.Reason != call.Shutdown || r.Ticket == 0 {
		t.Errorf("call: %+v", r)
	}
}
