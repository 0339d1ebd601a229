package media_test

import (
	"math"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// dial sends the tones of a key in the audio, some packets long; the tone
// begins shift samples into the first packet.
func (f *phone) dial(low, high float64, packets, shift int) {
	f.t.Helper()
	for n := range packets {
		b := frame(0xFF)
		for i := range b {
			if at := n*160 + i; at >= shift && at < packets*160-shift {
				x := 2 * math.Pi * float64(at) / 8000
				b[i] = media.EncodeMulaw(int16(6000*math.Sin(low*x) + 5000*math.Sin(high*x)))
			}
		}
		f.say(b)
	}
}

func TestPrivateKeysAreReadAndLeaveNoTrace(t *testing.T) {
	t.Parallel()
	e := open(t, media.Config{})
	a, b, c := newPhone(t), newPhone(t), newPhone(t)
	pa, pb, pc := connect(t, e, a), connect(t, e, b), connect(t, e, c)
	m := e.NewMix()
	m.Hears(pb, pa)
	m.Hears(pc, pa, pb)
	var ear mediatest.Ear
	defer pa.Tap(&ear)()
	pa.SetKeysPrivate(true)
	pa.SetKeysPrivate(true)
	voice := make([]byte, 2400) // 300 Hz, soft: its beginning and end are no tone of a key
	for i := range voice {
		voice[i] = media.EncodeMulaw(int16(2500 * math.Sin(2*math.Pi*300*float64(i)/8000)))
	}
	for i := range 5 {
		a.say(voice[160*i : 160*i+160])
	}
	for shift := 0; shift < 160; shift += 23 {
		a.key(101, press{key: '9'})
		a.dial(852, 1477, 4, shift)
		a.dial(941, 1633, 3, 40+shift/4)
		a.say(frame(0xFF))
	}
	for i := range 5 {
		a.say(voice[160*i+1600 : 160*i+1760])
	}
	eventually(t, "all packets", func() bool { return e.Stats().In == uint64(a.sent) })
	if got := read(pa); got != "9999999" {
		t.Errorf("read %q, want 9999999", got)
	}
	pause(100 * time.Millisecond) // the sum is later
	quiet := func(name string, samples []int16) {
		t.Helper()
		if len(samples) < 8000/2 {
			t.Errorf("%s got %d samples", name, len(samples))
		}
		for _, pair := range [][2]float64{{852, 1477}, {941, 1633}} {
			for i := 0; i+80 <= len(samples); i += 20 {
				s := samples[i : i+80]
				if low, high := mediatest.Goertzel(s, 8000, pair[0]), mediatest.Goertzel(s, 8000, pair[1]); min(low, high) > 300*300 {
					t.Fatalf("%s hears %v Hz at sample %d: %.0f, %.0f", name, pair, i, math.Sqrt(low), math.Sqrt(high))
				}
			}
		}
	}
	for name, f := range map[string]*phone{"one who hears the party alone": b, "one who hears a sum": c} {
		for _, p := range f.heard() {
			if p.pt == 101 {
				t.Fatalf("%s got an event", name)
			}
		}
	}
	quiet("one who hears the party alone", pcm(b.heard()))
	quiet("the tap", ear.Samples())
	if err := whole(b.heard()); err != nil {
		t.Error(err)
	}
	if !mediatest.HasTone(ear.Samples()[160:640], 8000, 300) {
		t.Error("the voice between the keys is not heard")
	}
	pa.SetKeysPrivate(false)
	a.key(101, press{key: '1'})
	eventually(t, "a key that is not private", func() bool {
		got := b.heard()
		return got[len(got)-1].pt == 101
	})
}

// TestKeyAsEventLeavesNoTraceInTaps compares what a tap gets of a party that
// presses keys with what it gets of one that does not.
func TestKeyAsEventLeavesNoTraceInTaps(t *testing.T) {
	t.Parallel()
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	said := 0
	for _, k := range []byte("0123456789*#ABCD") {
		f.say(frame(0xFF))
		f.key(101, press{key: k})
		said++
	}
	eventually(t, "all packets", func() bool { return e.Stats().In == uint64(f.sent) && len(ear.Frames()) == said })
	frames := ear.Frames()
	for i, g := range frames {
		if g.Law != media.Mulaw || string(g.Payload) != string(frame(0xFF)) {
			t.Fatalf("frame %d is not what was said", i)
		}
		if at := g.At - frames[0].At; at != int64(i)*9*160 {
			t.Errorf("frame %d is at %d: the keys moved it", i, at)
		}
	}
}
