package flow_test

import (
	"context"
	"testing"

	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/line"
)

// sealed is a party that nobody can listen to.
type sealed struct{ *legtest.Party }

func (s sealed) Encrypt(context.Context) error { return nil }

func TestLineForEncryptedCallsTakesAndMakesNoOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.SecureMedia = true })
	clear, over := d.call(t, leg.Caller{Number: camille}, front)
	if cause := clear.Gone(t); cause != leg.Insecure {
		t.Errorf("who can be overheard is let go for %q", cause)
	}
	done(t, over)
	if r := d.record(t); r.Reason != call.Insecure {
		t.Errorf("%+v", r)
	}
	select {
	case <-clear.Answered():
		t.Error("who can be overheard was answered")
	default:
	}

	out := d.outside(t)
	w := d.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.Unreachable} })
	_, err := d.agents.AddForward(context.Background(), admin, w.id, mobile)
	check(t, err)
	p := legtest.Call(t, d.engine, leg.Caller{Number: camille}, front)
	over = make(chan struct{})
	go func() {
		defer close(over)
		d.flow.Accept(context.Background(), sealed{p})
	}()
	far := <-out
	d.mu.Lock()
	if !d.guarded {
		t.Error("the trunk was not told that nobody may listen")
	}
	d.mu.Unlock()
	p.HangUp(leg.HungUp)
	done(t, over)
	far.Gone(t)
}
