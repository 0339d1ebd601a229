package media_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// packets sends frames by number: each number n is seq+n and ts+160n.
func (f *phone) packets(ns ...int) {
	f.t.Helper()
	for _, n := range ns {
		f.send(rtp{seq: f.next.seq + uint16(n), ts: f.next.ts + uint32(160*n), ssrc: f.next.ssrc, payload: frame(byte(n))}.bytes())
	}
}

// places are the frames' places relative to the first frame, in frames.
func places(e *mediatest.Ear) []int {
	var at []int
	frames := e.Frames()
	for _, f := range frames {
		at = append(at, int(f.At-frames[0].At)/160)
	}
	return at
}

func TestLossLeavesAGapAndReorderingDoesNotShuffle(t *testing.T) {
	for _, test := range []struct {
		name string
		sent []int
		want []int
	}{
		{"in order", []int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
		{"loss", []int{0, 1, 5, 6}, []int{0, 1, 5, 6}},
		{"reordering", []int{0, 2, 1, 4, 3}, []int{0, 2, 1, 4, 3}},
		{"double", []int{0, 1, 1, 2, 0, 3}, []int{0, 1, 2, 3}},
		{"very late", []int{0, 1, 140, 2, 141}, []int{0, 1, 140, 141}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, f := open(t, media.Config{}), newPhone(t)
			p := connect(t, e, f)
			var ear mediatest.Ear
			defer p.Tap(&ear)()
			f.packets(test.sent...) // over the wrap of both counters
			eventually(t, "all packets", func() bool { return e.Stats().In == uint64(len(test.sent)) && len(ear.Frames()) >= len(test.want) })
			if diff := cmp.Diff(test.want, places(&ear)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			for i, g := range ear.Frames() {
				if int(g.Payload[0]) != test.want[i] {
					t.Errorf("frame %d holds packet %d, want %d", i, g.Payload[0], test.want[i])
				}
			}
		})
	}
}

func TestQualityCountsLossAndDoubles(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	f.packets(0, 1, 1, 2, 5, 4, 9)
	eventually(t, "all packets", func() bool { return e.Stats().In == 7 })
	q := p.Quality()
	q.Jitter, q.Connected = 0, 0
	if diff := cmp.Diff(media.Quality{Received: 6, Lost: 4, Duplicate: 1}, q); diff != "" {
		t.Errorf("quality (-want +got):\n%s", diff)
	}
}

func TestTwoPartiesShareOneTimeline(t *testing.T) {
	e, a := open(t, media.Config{}), newPhone(t)
	pa := connect(t, e, a)
	pause(100 * time.Millisecond)
	b := newPhone(t)
	b.next.ts = 77
	pb := connect(t, e, b)
	var earA, earB mediatest.Ear
	defer pa.Tap(&earA)()
	defer pb.Tap(&earB)()
	before := e.Now()
	a.say(frame(1))
	b.say(frame(1))
	eventually(t, "both", func() bool { return len(earA.Frames()) == 1 && len(earB.Frames()) == 1 })
	after := e.Now()
	for name, ear := range map[string]*mediatest.Ear{"first": &earA, "second": &earB} {
		if at := ear.Frames()[0].At; at < before || at > after {
			t.Errorf("the %s party's frame is at %d, want %d to %d", name, at, before, after)
		}
	}
	if d := time.Since(e.Epoch()) - time.Duration(after)*time.Second/8000; d < 0 || d > 5*time.Second {
		t.Errorf("Epoch and Now differ by %v", d)
	}
}

func TestStrayTimestampAnchorsAgain(t *testing.T) {
	e := open(t, media.Config{})
	f, b := newPhone(t), newPhone(t)
	p, pb := connect(t, e, f), connect(t, e, b)
	defer media.Bridge(p, pb)()
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	f.say(frame(0))
	f.say(frame(1))
	f.next.ts += 1 << 30
	f.say(frame(2))
	f.say(frame(3))
	eventually(t, "4 frames", func() bool { return len(ear.Frames()) == 4 && len(b.heard()) == 5 })
	got := ear.Frames()
	if d := got[2].At - got[1].At; d < -160 || d > 8000 {
		t.Errorf("the jump of the timestamp moved the frame by %d samples", d)
	}
	if d := got[3].At - got[2].At; d != 160 {
		t.Errorf("the frame after the jump is %d samples on, want 160", d)
	}
	// The other party must not see the jump either.
	heard := b.heard()
	if d := int32(heard[3].ts - heard[2].ts); d < 160 || d > 8000 || !heard[3].marker {
		t.Errorf("the other party's timestamp jumped by %d", d)
	}
}

func TestSilentForCountsPackets(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	pause(60 * time.Millisecond)
	if d := p.SilentFor(); d < 50*time.Millisecond {
		t.Errorf("SilentFor() = %v before any packet", d)
	}
	f.say(frame(0xFF)) // silence is a packet too
	eventually(t, "the packet", func() bool { return p.SilentFor() < 50*time.Millisecond })
}

func TestMalformedPacketsAreCountedByReason(t *testing.T) {
	good := rtp{payload: frame(1)}.bytes()
	change := func(at int, c byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = c
		return b
	}
	padded := change(0, 0xA0)
	padded[len(padded)-1] = 200
	for _, test := range []struct {
		name string
		sent []byte
		want media.Reason
	}{
		{"short", good[:11], media.ReasonShort},
		{"empty datagram", nil, media.ReasonShort},
		{"version 1", change(0, 0x40), media.ReasonVersion},
		{"stun", change(0, 0x00), media.ReasonVersion},
		{"csrc overrun", change(0, 0x8F)[:20], media.ReasonOverrun},
		{"extension overrun", append(change(0, 0x90)[:12], 0, 0, 0xFF, 0xFF), media.ReasonOverrun},
		{"extension header overrun", change(0, 0x90)[:14], media.ReasonOverrun},
		{"padding overrun", padded, media.ReasonPadding},
		{"no payload", good[:12], media.ReasonEmpty},
		{"huge", append(good, make([]byte, 1400)...), media.ReasonHuge},
		{"rtcp", change(1, 200), media.ReasonRTCP},
		{"other codec", change(1, 18), media.ReasonPayloadType},
		{"comfort noise", change(1, 13), media.ReasonPayloadType},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, f := open(t, media.Config{}), newPhone(t)
			p := connect(t, e, f)
			f.send(test.sent)
			eventually(t, "the packet counted as "+string(test.want), func() bool { return e.Stats().Dropped[test.want] == 1 })
			if q := p.Quality(); test.want != media.ReasonPayloadType && q.Received != 0 {
				t.Error("a malformed packet counts as received")
			}
			f.send(good)
			eventually(t, "a good packet after it", func() bool { return p.Quality().Received > 0 })
		})
	}
}
