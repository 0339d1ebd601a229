package media_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// press is what a telephone sends for one key: packets of a growing duration
// and three ends.
type press struct {
	key    byte
	noEnd  bool // all three ends are lost
	noHead bool // the first two packets are lost
	twice  bool // the network doubles each packet
	runs   bool // the telephone lets the timestamp run
	length int  // packets before the end; 5 if 0
}

const keyCodes = "0123456789*#ABCD"

// key sends a press as telephone events of payload type pt.
func (f *phone) key(pt uint8, p press) {
	f.t.Helper()
	var code byte
	for i := range keyCodes {
		if keyCodes[i] == p.key {
			code = byte(i)
		}
	}
	if p.length == 0 {
		p.length = 5
	}
	start := f.next.ts
	for i := range p.length + 3 {
		end := byte(0)
		duration := 160 * (i + 1)
		if i >= p.length {
			end, duration = 0x80, 160*(p.length+1)
		}
		g := rtp{marker: i == 0, pt: pt, seq: f.next.seq, ts: start, ssrc: f.next.ssrc,
			payload: []byte{code, end | 10, byte(duration >> 8), byte(duration)}}
		if p.runs {
			g.ts += uint32(160 * i)
		}
		f.next.seq++
		f.next.ts += 160
		if end != 0 && p.noEnd || i < 2 && p.noHead {
			continue
		}
		f.send(g.bytes())
		if p.twice {
			f.send(g.bytes())
		}
	}
}

// read returns the digits that came, until none has come for 100 ms.
func read(p *media.Port) string {
	got := ""
	for {
		select {
		case d, ok := <-p.Digits():
			if !ok {
				return got
			}
			got += string(rune(d))
		case <-time.After(100 * time.Millisecond):
			return got
		}
	}
}

func TestEachKeyIsReadOnce(t *testing.T) {
	long := press{key: '8', length: 20}
	for _, test := range []struct {
		name    string
		presses []press
		want    string
	}{
		{"all keys", []press{{key: '0'}, {key: '1'}, {key: '2'}, {key: '3'}, {key: '4'}, {key: '5'}, {key: '6'}, {key: '7'}, {key: '8'}, {key: '9'}, {key: '*'}, {key: '#'}, {key: 'A'}, {key: 'B'}, {key: 'C'}, {key: 'D'}}, keyCodes},
		{"same key again", []press{{key: '5'}, {key: '5'}, {key: '5'}}, "555"},
		{"doubled by the network", []press{{key: '1', twice: true}, {key: '1', twice: true}}, "11"},
		{"ends lost", []press{{key: '1', noEnd: true}, {key: '1', noEnd: true}, {key: '2', noEnd: true}}, "112"},
		{"beginnings lost", []press{{key: '4', noHead: true}, {key: '5', noHead: true}}, "45"},
		{"running timestamp", []press{{key: '7', runs: true}, {key: '7', runs: true}, {key: '9', runs: true}}, "779"},
		{"long", []press{long, {key: '9'}}, "89"},
	} {
		for _, pt := range []uint8{96, 101, 127} {
			t.Run(fmt.Sprintf("%s at %d", test.name, pt), func(t *testing.T) {
				e, f := open(t, media.Config{}), newPhone(t)
				r := mulaw(f)
				r.EventType = pt
				p := connect(t, e, f, r)
				var ear mediatest.Ear
				defer p.Tap(&ear)()
				f.say(frame(1))
				for _, k := range test.presses {
					f.key(pt, k)
					f.say(frame(1))
				}
				eventually(t, "all packets", func() bool { return e.Stats().In == uint64(f.sent) })
				p.Close()
				if got := read(p); got != test.want {
					t.Errorf("read %q, want %q", got, test.want)
				}
				for _, g := range ear.Frames() {
					if len(g.Payload) != 160 {
						t.Fatal("a telephone event reached a sink")
					}
				}
			})
		}
	}
}

func TestKeyHeldForTenSecondsIsOneKey(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	// RFC 4733 2.5.1.3: the second segment begins where the first is full.
	segments := []struct {
		ts       uint32
		marker   bool
		duration uint16
	}{{1000, true, 160}, {1000, false, 0xFFFF}, {1000 + 0xFFFF, false, 160}, {1000 + 0xFFFF, false, 14465}}
	for _, s := range segments {
		f.send(rtp{marker: s.marker, pt: 101, seq: f.next.seq, ts: s.ts, ssrc: 1,
			payload: []byte{3, 10, byte(s.duration >> 8), byte(s.duration)}}.bytes())
		f.next.seq++
	}
	if got := read(p); got != "3" {
		t.Errorf("read %q, want %q", got, "3")
	}
}

func TestKeysComeAtThePayloadTypeWeGave(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	r := mulaw(f)
	r.EventType, r.EventTypeIn = 101, 96
	p := connect(t, e, f, r)
	f.key(96, press{key: '1'})
	f.key(97, press{key: '2'})
	if got := read(p); got != "1" {
		t.Errorf("read %q, want %q", got, "1")
	}
}

func TestMalformedEventsAndForeignCodesAreNoKeys(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	for i, payload := range [][]byte{{1}, {1, 2, 3}, {16, 10, 0, 160}, {255, 10, 0, 160}} {
		f.send(rtp{pt: 101, seq: uint16(i), ts: uint32(1000 * i), ssrc: 1, payload: payload}.bytes())
	}
	if got := read(p); got != "" {
		t.Errorf("read %q, want nothing", got)
	}
	if n := e.Stats().Dropped[media.ReasonEvent]; n != 2 {
		t.Errorf("%d malformed events counted, want 2", n)
	}
}

func TestInjectedDigitsAreRead(t *testing.T) {
	e := open(t, media.Config{})
	p, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []byte("4a#x") {
		p.InjectDigit(media.Digit(c))
	}
	if got := read(p); got != "4A#" {
		t.Errorf("read %q, want %q", got, "4A#")
	}
	for range 70 {
		p.InjectDigit('1')
	}
	if n := e.Stats().LostDigits; n != 6 {
		t.Errorf("%d digits lost, want 6", n)
	}
	p.Close()
	p.InjectDigit('1')
	if got := read(p); len(got) != 64 {
		t.Errorf("read %d digits, want 64 and the end", len(got))
	}
}

func TestSentDigitsHaveThreeEndsAndOneTimestampEach(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	if err := p.SendDigits(t.Context(), "1#"); err != nil {
		t.Fatal(err)
	}
	type sent struct {
		Code, Ends, Packets int
		Marker              bool
	}
	var got []sent
	last := uint32(0)
	for _, g := range f.heard() {
		if g.pt != 101 {
			continue
		}
		if len(got) == 0 || g.ts != last {
			got = append(got, sent{Code: int(g.payload[0]), Marker: g.marker})
			last = g.ts
		}
		k := &got[len(got)-1]
		k.Packets++
		if g.payload[1]&0x80 != 0 {
			k.Ends++
			if d := int(g.payload[2])<<8 | int(g.payload[3]); d != 800 {
				t.Errorf("the key ends after %d samples, want 800", d)
			}
		}
	}
	want := []sent{{1, 3, 7, true}, {11, 3, 7, true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestSendDigitsRefusesWhatCannotBePressed(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	r := mulaw(f)
	r.EventType = 0
	p := connect(t, e, f, r)
	if err := p.SendDigits(t.Context(), "12x"); sotto.KindOf(err) != sotto.Invalid {
		t.Errorf("SendDigits(12x) = %v, want an invalid field", err)
	}
	if err := p.SendDigits(t.Context(), "12"); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("SendDigits to a party without events = %v, want a conflict", err)
	}
	if err := p.SendDigits(t.Context(), ""); err != nil {
		t.Errorf("SendDigits of nothing = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := connect(t, e, newPhone(t)).SendDigits(ctx, "123456"); !errors.Is(err, context.Canceled) {
		t.Errorf("SendDigits = %v, want the context's error", err)
	}
	p.Close()
	if err := p.SendDigits(t.Context(), "1"); !errors.Is(err, media.ErrClosed) {
		t.Errorf("SendDigits after Close = %v, want ErrClosed", err)
	}
}

func TestDigitsTravelFromEngineToEngine(t *testing.T) {
	one, two := open(t, media.Config{}), open(t, media.Config{})
	a, err := one.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	b, err := two.NewPortFor(media.Peer{Addr: a.Local(), Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	r := media.Remote{EventType: 96, Send: true, Receive: true}
	r.Addr = b.Local()
	if err := a.Connect(r); err != nil {
		t.Fatal(err)
	}
	r.Addr = a.Local()
	if err := b.Connect(r); err != nil {
		t.Fatal(err)
	}
	if err := a.SendDigits(t.Context(), "0159*#"); err != nil {
		t.Fatal(err)
	}
	if got := read(b); got != "0159*#" {
		t.Errorf("read %q", got)
	}
}

func TestEventsAreRelayedAtTheOtherPartysPayloadType(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	r := mulaw(b)
	r.EventType = 96
	if err := pb.Connect(r); err != nil {
		t.Fatal(err)
	}
	defer media.Bridge(pa, pb)()
	a.say(frame(1))
	a.key(101, press{key: '6'})
	a.say(frame(2))
	eventually(t, "all packets", func() bool { return len(b.heard()) == 11 })
	got := b.heard()[1:]
	for i, g := range got {
		want := uint8(96)
		if i == 0 || i == 9 {
			want = 0
		}
		if g.pt != want || g.seq != got[0].seq+uint16(i) {
			t.Errorf("packet %d has type %d and number +%d, want %d", i, g.pt, g.seq-got[0].seq, want)
		}
		if g.pt == 96 && (g.ts != got[1].ts || g.payload[0] != 6) {
			t.Errorf("event packet %d has another timestamp or code", i)
		}
	}
	if got := read(pa); got != "6" {
		t.Errorf("read %q, want %q", got, "6")
	}
}

func TestPartyWithoutEventsSeesNoGapWhereTheyWere(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	r := mulaw(b)
	r.EventType = 0
	if err := pb.Connect(r); err != nil {
		t.Fatal(err)
	}
	defer media.Bridge(pa, pb)()
	a.say(frame(1))
	a.key(101, press{key: '6'})
	a.say(frame(2))
	eventually(t, "both frames", func() bool { return len(b.heard()) == 3 })
	got := b.heard()[1:]
	if got[1].seq != got[0].seq+1 || got[1].ts-got[0].ts != 9*160 {
		t.Errorf("number +%d, timestamp +%d; want +1, +1440", got[1].seq-got[0].seq, got[1].ts-got[0].ts)
	}
}
