// Package legtest is a party on the line for tests: a leg.Leg whose other end
// the test holds. Its audio is real, a telephone on a socket of this machine;
// its signalling is a script.
//
// It accuses: a leg that is used in a way no real one allows, or left open
// when the test ends, fails the test.
package legtest

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"sotto/leg"
	"sotto/leg/media"
)

// Party is one leg and the person at its other end. The desk has the methods
// of leg.Leg, the test the others; all may be called from any goroutine.
type Party struct {
	*Phone

	t       testing.TB
	caller  leg.Caller
	dialled string
	out     bool // the desk called
	port    *media.Port

	mu      sync.Mutex
	answer  func(ctx context.Context) error // the test's say in Answer; nil is at once
	taken   bool
	rang    bool
	cause   leg.Cause
	ended   chan struct{}
	picked  chan struct{} // closed when the desk has answered
	pickOne sync.Once
}

// Call is a party that calls the desk.
func Call(t testing.TB, e *media.Engine, caller leg.Caller, dialled string) *Party {
	t.Helper()
	p := newParty(t, e)
	p.caller, p.dialled = caller, dialled
	return p
}

// Take is a party that the desk has called, and that has answered: what Dial
// returns.
func Take(t testing.TB, e *media.Engine) *Party {
	t.Helper()
	p := newParty(t, e)
	p.out, p.taken = true, true
	close(p.picked)
	return p
}

func newParty(t testing.TB, e *media.Engine) *Party {
	t.Helper()
	phone := NewPhone(t)
	port, err := e.NewPortFor(media.Peer{Addr: phone.Addr(), Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := port.Connect(media.Remote{Addr: phone.Addr(), EventType: eventType, Send: true, Receive: true}); err != nil {
		t.Fatal(err)
	}
	phone.Call(port.Local())
	p := &Party{Phone: phone, t: t, port: port, ended: make(chan struct{}), picked: make(chan struct{})}
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			t.Error("legtest: a leg was left open")
			p.end(leg.Released)
		}
	})
	return p
}

// Answers sets what happens when the desk answers: f returns when the party
// confirms it, or an *leg.EndError when it does not come to that. Without it
// the party confirms at once.
func (p *Party) Answers(f func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// HangUp ends the leg from the party's side.
func (p *Party) HangUp(cause leg.Cause) { p.end(cause) }

// Answered is closed when the desk has answered.
func (p *Party) Answered() <-chan struct{} { return p.picked }

func (p *Party) end(cause leg.Cause) {
	p.mu.Lock()
	first := p.cause == ""
	if first {
		p.cause = cause
	}
	p.mu.Unlock()
	if !first {
		return
	}
	p.port.Close()
	close(p.ended)
}

// accuse fails the test.
func (p *Party) accuse(what string) {
	p.t.Helper()
	p.t.Errorf("legtest: %s", what)
}

// Caller implements leg.Leg.
func (p *Party) Caller() leg.Caller { return p.caller }

// Dialled implements leg.Leg.
func (p *Party) Dialled() string { return p.dialled }

// Media implements leg.Leg.
func (p *Party) Media() *media.Port { return p.port }

// Ended implements leg.Leg.
func (p *Party) Ended() <-chan struct{} { return p.ended }

// Cause implements leg.Leg.
func (p *Party) Cause() leg.Cause {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

// Ring implements leg.Leg. Ringing after the answer is a misuse.
func (p *Party) Ring(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken {
		p.accuse("Ring after Answer")
	}
	p.rang = true
	return p.over()
}

// over returns the error of a leg that has ended. mu is held.
func (p *Party) over() error {
	if p.cause != "" {
		return &leg.EndError{Cause: p.cause}
	}
	return nil
}

// Answer implements leg.Leg. Answering twice, or a leg that the desk called,
// is a misuse here: nothing in the desk has a reason to.
func (p *Party) Answer(ctx context.Context) error {
	p.mu.Lock()
	if p.taken {
		p.accuse("Answer on a leg that is answered")
	}
	p.taken = true
	err, answer := p.over(), p.answer
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.pickOne.Do(func() { close(p.picked) })
	if answer != nil {
		err = answer(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		err = p.over()
	}
	return err
}

// Hangup implements leg.Leg. A cause that only the other side can bring about
// is a misuse.
func (p *Party) Hangup(cause leg.Cause) {
	ours := []leg.Cause{leg.Released, leg.Rejected, leg.BusyHere, leg.NoAnswer, leg.Unreachable, leg.Cancelled, leg.Protocol, leg.Fault, leg.Shutdown, leg.Insecure}
	if !slices.Contains(ours, cause) {
		p.accuse("Hangup for the other side's cause " + string(cause))
	}
	go p.end(cause) // like a real leg it does not wait
}

// Gone waits until the leg is over and returns why.
func (p *Party) Gone(t testing.TB) leg.Cause {
	t.Helper()
	select {
	case <-p.ended:
		return p.Cause()
	case <-time.After(20 * time.Second):
		t.Fatal("legtest: the leg did not end")
		return ""
	}
}

// loopback is where telephones of tests are.
func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }
