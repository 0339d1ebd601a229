package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"sotto/leg"
)

// Timers of the tests: a lost packet costs 20 ms and a lost peer 1.3 s.
const testT1 = 20 * time.Millisecond

func TestMain(m *testing.M) {
	gosip.SetTimers(testT1, 8*testT1, 10*testT1)
	quiet()
	goleak.VerifyTestMain(m)
}

func testTimers() Timers {
	return Timers{T1: testT1, T2: 8 * testT1, Close: time.Second}
}

// open starts an endpoint on loopback and closes it with the test.
func open(t *testing.T, cfg Config) *Endpoint {
	t.Helper()
	if cfg.UDP == "" && cfg.TCP == "" {
		cfg.UDP, cfg.TCP = "127.0.0.1:0", "127.0.0.1:0"
	}
	if cfg.Timers == (Timers{}) {
		cfg.Timers = testTimers()
	}
	e, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return e
}

// peerAddr is where the tests' carrier lives; desks trust it as a trunk.
const peerAddr = "127.0.0.2"

// desk opens an endpoint that trusts the carrier and gives its calls to accept.
func desk(t *testing.T, accept func(ctx context.Context, l leg.Leg)) *Endpoint {
	t.Helper()
	return open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}, TrustIdentity: true}},
		Accept: accept,
	})
}

// carrierPhone is a telephone at the carrier's address that calls the desk.
func carrierPhone(t *testing.T, at netip.AddrPort, tcp bool) *Phone {
	t.Helper()
	return openPhone(t, PhoneConfig{
		Server: at.String(), TCP: tcp, Listen: peerAddr + ":0", Username: "+33142000001",
	})
}

func openPhone(t *testing.T, cfg PhoneConfig) *Phone {
	t.Helper()
	if cfg.Timers == (Timers{}) {
		cfg.Timers = testTimers()
	}
	p, err := NewPhone(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return p
}

// soon is the context of everything that must happen within a test.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(stop)
	return ctx
}

// ends waits for the end of a leg and checks why.
func ends(t *testing.T, l leg.Leg, want leg.Cause) {
	t.Helper()
	select {
	case <-l.Ended():
		if got := l.Cause(); got != want {
			t.Errorf("Cause() = %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("the leg has not ended, want %q", want)
	}
}

// comes waits for a leg that was answered.
func comes(t *testing.T, legs <-chan leg.Leg) leg.Leg {
	t.Helper()
	select {
	case l := <-legs:
		return l
	case <-time.After(10 * time.Second):
		t.Fatal("no call was answered in 10 s")
		return nil
	}
}

// until polls for what has no channel of its own.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}

func TestTrunkCallIsAnsweredAndHungUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		tcp  bool
	}{{"UDP", false}, {"TCP", true}} {
		t.Run(tt.name, func(t *testing.T) {
			legs := make(chan leg.Leg, 1)
			e := desk(t, func(ctx context.Context, l leg.Leg) {
				if err := l.Ring(ctx); err != nil {
					t.Errorf("Ring() = %v", err)
				}
				if err := l.Answer(ctx); err != nil {
					t.Errorf("Answer() = %v", err)
				}
				legs <- l
				<-l.Ended()
			})
			at := e.Addr()
			if tt.tcp {
				at = e.AddrTCP()
			}
			p := carrierPhone(t, at, tt.tcp)
			out, err := p.Call(soon(t), "+33970000000")
			if err != nil {
				t.Fatalf("Call() = %v", err)
			}
			in := <-legs
			if got, want := in.Caller(), (leg.Caller{Number: "+33142000001"}); got != want {
				t.Errorf("Caller() = %+v, want %+v", got, want)
			}
			if got, want := in.Dialled(), "+33970000000"; got != want {
				t.Errorf("Dialled() = %q, want %q", got, want)
			}
			out.Hangup(leg.Released)
			ends(t, in, leg.HungUp)
			ends(t, out, leg.Released)
			until(t, "no call is left", func() bool { return len(e.liveCalls())+len(p.e.liveCalls()) == 0 })
			if s := e.Stats(); s.Panics != 0 || s.Calls != 1 {
				t.Errorf("Stats() = %+v", s)
			}
		})
	}
}
