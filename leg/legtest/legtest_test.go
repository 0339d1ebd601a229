package legtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is a test that is expected to be accused.
type witness struct {
	testing.TB

	mu      sync.Mutex
	said    []string
	cleanup []func()
}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

func (w *witness) Error(args ...any) { w.Errorf("%s", fmt.Sprint(args...)) }
func (w *witness) Helper()           {}
func (w *witness) Cleanup(f func())  { w.cleanup = append(w.cleanup, f) }
func (w *witness) accused() (s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "; ")
}

func (w *witness) over() {
	for i := range w.cleanup {
		w.cleanup[len(w.cleanup)-1-i]()
	}
}

func engine(t *testing.T) *media.Engine {
	t.Helper()
	e, err := media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestPartyAccusesMisuse(t *testing.T) {
	e, ctx := engine(t), context.Background()
	for _, c := range []struct {
		name   string
		misuse func(p *legtest.Party) error
		want   string // "" is no accusation
	}{
		{"OK", func(p *legtest.Party) error {
			return errors.Join(p.Ring(ctx), p.Answer(ctx), hang(p, leg.Released))
		}, ""},
		{"left open", func(p *legtest.Party) error { return p.Answer(ctx) }, "left open"},
		{"answered twice", func(p *legtest.Party) error { return errors.Join(p.Answer(ctx), p.Answer(ctx), hang(p, leg.Released)) }, "is answered"},
		{"rings after the answer", func(p *legtest.Party) error { return errors.Join(p.Answer(ctx), p.Ring(ctx), hang(p, leg.Released)) }, "Ring after"},
		{"a cause that is the other side's", func(p *legtest.Party) error { return hang(p, leg.HungUp) }, "other side's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &witness{TB: t}
			p := legtest.Call(w, e, leg.Caller{}, "1000")
			if err := c.misuse(p); err != nil {
				t.Error(err)
			}
			w.over()
			if got := w.accused(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("accused of %q, want %q", got, c.want)
			}
		})
	}
}

func hang(p *legtest.Party, cause leg.Cause) error {
	p.Hangup(cause)
	<-p.Ended()
	return nil
}

func TestPartyThatHasGoneAnswersNothing(t *testing.T) {
	p := legtest.Call(t, engine(t), leg.Caller{}, "1000")
	p.HangUp(leg.Cancelled)
	err := p.Answer(context.Background())
	if got := leg.CauseOf(err); err == nil || got != leg.Cancelled {
		t.Errorf("Answer = %v", err)
	}
	p.Hangup(leg.Released)
	if got := p.Cause(); got != leg.Cancelled {
		t.Errorf("the cause became %q", got)
	}
}

func TestPhoneHumsHearsAndPressesKeys(t *testing.T) {
	e := engine(t)
	a, b := legtest.Take(t, e), legtest.Take(t, e)
	defer a.HangUp(leg.HungUp)
	defer b.HangUp(leg.HungUp)
	defer media.Bridge(a.Media(), b.Media())()
	a.Hum(440)
	for end := time.Now().Add(10 * time.Second); !b.Hears(440) || !b.HeardTone(440); {
		if time.Now().After(end) {
			t.Fatal("b does not hear a")
		}
		<-time.After(5 * time.Millisecond)
	}
	for _, key := range "3#0" {
		a.Press(byte(key))
		select {
		case d := <-a.Media().Digits():
			if rune(d) != key {
				t.Errorf("key %q came as %q", key, rune(d))
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("key %q did not come", key)
		}
	}
}
