package media

import (
	"strings"
	"testing"
	"time"
)

// cryptPair is what a port has, and what its party has.
func cryptPair(t testing.TB, s Suite) (ours, theirs *Port) {
	t.Helper()
	k := Keys{Suite: s, In: strings.Repeat("i", s.KeyLen()), Out: strings.Repeat("o", s.KeyLen())}
	e := &Engine{}
	ours, theirs = &Port{e: e}, &Port{e: e}
	for p, k := range map[*Port]Keys{ours: k, theirs: {Suite: s, In: k.Out, Out: k.In}} {
		if err := p.secure(k, 0); err != nil {
			t.Fatal(err)
		}
	}
	return ours, theirs
}

func TestAMillionForgedPacketsCostNothingThatLasts(t *testing.T) {
	ours, theirs := cryptPair(t, CM128SHA80)
	c := ours.crypt.Load()
	b := make([]byte, maxDatagram+1)
	putHeader(b, false, 0, 1, 160, 7)
	n := theirs.seal(b, headerLen+160)
	forged := append([]byte(nil), b[:n]...)
	for i := range 1_000_000 {
		putHeader(forged, false, 0, uint16(i), uint32(i), uint32(i%5)+7)
		forged[20] = byte(i) ^ 0xFF
		if _, why := c.open(forged, time.Duration(i)); why != dropForged {
			t.Fatalf("forged packet %d: %d", i, why)
		}
	}
	if _, why := c.open(b[:n], 0); why != kept {
		t.Error("the party's own packet is refused after them")
	}
}

func TestEncryptionMakesNoGarbage(t *testing.T) {
	for _, s := range []Suite{CM128SHA80, CM128SHA32, GCM128} {
		ours, theirs := cryptPair(t, s)
		b := make([]byte, maxDatagram+1)
		seq := uint16(0)
		round := func() {
			seq++
			putHeader(b, false, 0, seq, uint32(seq)*160, 7)
			if _, why := ours.crypt.Load().open(b[:theirs.seal(b, headerLen+160)], 0); why != kept {
				t.Fatal(why)
			}
		}
		round()
		if n := testing.AllocsPerRun(1000, round); n > 0 && !raced {
			t.Errorf("%s: %.1f allocations for a packet out and in", s, n)
		}
	}
}

// BenchmarkCrypt is what encryption adds to a packet out and a packet in.
func BenchmarkCrypt(b *testing.B) {
	for _, s := range []Suite{CM128SHA80, CM128SHA32, GCM128} {
		b.Run(string(s), func(b *testing.B) {
			ours, theirs := cryptPair(b, s)
			data := make([]byte, maxDatagram+1)
			c := ours.crypt.Load()
			seq := uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				putHeader(data, false, 0, seq, uint32(seq)*160, 7)
				c.open(data[:theirs.seal(data, headerLen+160)], 0)
			}
		})
	}
}

func FuzzSealed(f *testing.F) {
	_, theirs := cryptPair(f, CM128SHA80)
	b := make([]byte, maxDatagram+1)
	putHeader(b, true, 0, 1, 160, 7)
	f.Add(append([]byte(nil), b[:theirs.seal(b, headerLen+160)]...))
	f.Add([]byte{0x9F, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xBE, 0xDE, 0xFF, 0xFF})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, _ := cryptPair(t, GCM128) // of another suite than the seed: nothing is right
		if _, why := ours.crypt.Load().open(b, 0); why == kept {
			t.Fatal("what nobody encrypted was decrypted")
		}
		cm, _ := cryptPair(t, CM128SHA80)
		if out, why := cm.crypt.Load().open(b, 0); why == kept && len(out) >= len(b) {
			t.Fatal("a packet did not get shorter")
		}
	})
}
