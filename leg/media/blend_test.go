package media

import (
	"net/netip"
	"testing"
	"time"
)

// TestSumMakesNoGarbage steps the sums of a conference of three by hand.
func TestSumMakesNoGarbage(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var ports [3]*Port
	for i := range ports {
		if ports[i], err = e.NewPort(); err != nil {
			t.Fatal(err)
		}
		if err := ports[i].Connect(Remote{Addr: netip.AddrPortFrom(e.cfg.Addr, uint16(9+i)), Send: true, Receive: true}); err != nil {
			t.Fatal(err)
		}
	}
	m := e.NewMix()
	for i, p := range ports {
		m.hears(p, []*Port{ports[(i+1)%3], ports[(i+2)%3]}) // without the schedule
	}
	w := &worker{e: e, out: newOutbox(e)}
	b, now, seq := make([]byte, headerLen+160), e.now(), uint16(0)
	run := func() {
		for _, p := range ports {
			putHeader(b, false, 0, seq, uint32(seq)*160, uint32(p.id))
			w.take(p.s, p.remote.Addr, b, now)
		}
		seq++
		now += 20 * time.Millisecond
		for _, p := range ports {
			if over, err := p.seat.blend.step(w, now); over || err != nil {
				t.Fatal("the sum is over:", err)
			}
		}
		w.flush()
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations for a frame of three, want 0", n)
	}
	if s := e.Stats(); s.Out < 300 || s.Panics > 0 || s.Dropped[ReasonLate] > 0 {
		t.Errorf("%d packets out, dropped %v: the sum was not exercised", s.Out, s.Dropped)
	}
}

func TestLoudSumsAreClippedAndNotTurnedOver(t *testing.T) {
	l := new(linear)
	l.fill()
	sum, out := []int32{0, 100000, -100000, 32767, -32768, 1000}, make([]byte, 6)
	for _, law := range []Law{Mulaw, Alaw} {
		l.encode(out, law, sum)
		for i, s := range sum {
			want := law.Decode(law.Encode(int16(max(-32768, min(32767, s)))))
			if got := law.Decode(out[i]); got != want {
				t.Errorf("law %d: %d became %d, want %d", law, s, got, want)
			}
		}
	}
}
