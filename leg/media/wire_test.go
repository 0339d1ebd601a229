package media_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// cable is a Wire whose far end is the test: it keeps what it is given.
type cable struct {
	mu   sync.Mutex
	got  []rtp
	fail func() error // nil takes everything
}

func (c *cable) Send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail()
	}
	c.got = append(c.got, rtp{
		marker: b[1]&0x80 != 0, pt: b[1] & 0x7F,
		seq: binary.BigEndian.Uint16(b[2:]), ts: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
		payload: slices.Clone(b[12:]),
	})
	return nil
}

func (c *cable) heard() []rtp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func (c *cable) hears(hz float64) bool {
	s := pcm(c.heard())
	return len(s) >= 1600 && mediatest.HasTone(s[len(s)-1600:], 8000, hz)
}

// overWire opens a port on a cable and connects it without an address.
func overWire(t *testing.T, e *media.Engine) (*media.Port, *cable) {
	t.Helper()
	c := &cable{}
	p, err := e.NewPortOver(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Connect(media.Remote{Law: media.Mulaw, EventType: 110, Send: true, Receive: true}); err != nil {
		t.Fatal(err)
	}
	return p, c
}

// chirp gives a port a tone in real time, as a wire would.
func chirp(p *media.Port, hz float64, d time.Duration) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	next := rtp{seq: 100, ts: 5000, ssrc: 0xCAB1E}
	for clip := media.Tone(hz, d).Mulaw; len(clip) >= 160; clip = clip[160:] {
		next.payload = clip[:160]
		p.Take(next.bytes())
		next.seq++
		next.ts += 160
		<-tick.C
	}
}

func TestPartyOnAWireHearsAndIsHeard(t *testing.T) {
	e := open(t, media.Config{})
	f := newPhone(t)
	pf := connect(t, e, f)
	pw, c := overWire(t, e)
	var ear mediatest.Ear
	defer pw.Tap(&ear)()
	defer media.Bridge(pf, pw)()
	spin(t, func() { f.hum(media.Mulaw, 440, 600*time.Millisecond) })
	chirp(pw, 1000, 600*time.Millisecond)
	eventually(t, "both tones", func() bool { return c.hears(440) && f.hears(1000) })
	if !ear.Hears(1000) || pw.Quality().Received != 30 || pw.SilentFor() > 5*time.Second {
		t.Errorf("the tap hears %v, quality %+v, silent for %v", ear.Hears(1000), pw.Quality(), pw.SilentFor())
	}
	if pw.Local().IsValid() {
		t.Error("a port without a socket has an address")
	}
	six, err := media.Open(media.Config{Addr: netip.IPv6Loopback()})
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	defer func() { _ = six.Close() }() // a second engine; the first one's Close is checked
	if p, _ := overWire(t, six); p.Play(t.Context(), media.Tone(600, 20*time.Millisecond), false) != nil {
		t.Error("a wire does not play where audio comes in over IPv6")
	}
}

func TestPartyOnAWireHearsPromptsAndPressesKeys(t *testing.T) {
	e := open(t, media.Config{})
	p, c := overWire(t, e)
	if err := p.Play(t.Context(), media.Tone(600, 300*time.Millisecond), false); err != nil || !c.hears(600) {
		t.Errorf("Play: %v, heard %v", err, c.hears(600))
	}
	if err := p.SendDigits(t.Context(), "5"); err != nil {
		t.Error(err)
	}
	if got := c.heard(); got[len(got)-1].pt != 110 || got[len(got)-1].payload[0] != 5 {
		t.Errorf("the key went out as %+v", got[len(got)-1])
	}
	p.Take(rtp{marker: true, pt: 110, seq: 1, ts: 9, ssrc: 3, payload: []byte{7, 10, 0, 160}}.bytes())
	if d := <-p.Digits(); d != '7' {
		t.Error("another key arrived")
	}
	p.Close()
	p.Take(rtp{seq: 2, ts: 9, ssrc: 3, payload: frame(1)}.bytes())
	if err := p.Play(t.Context(), media.Tone(600, time.Second), false); !errors.Is(err, media.ErrClosed) {
		t.Errorf("Play after Close: %v", err)
	}
}

func TestWireThatFailsHurtsNobodyElse(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func() error
		in   func(media.Stats) uint64
	}{
		{"error", func() error { return errors.New("no way there") }, func(s media.Stats) uint64 { return s.SendFailed }},
		{"panic", func() error { panic("a wire of ours is broken") }, func(s media.Stats) uint64 { return s.Panics }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := open(t, media.Config{})
			p, c := overWire(t, e)
			c.mu.Lock()
			c.fail = test.fail
			c.mu.Unlock()
			f := newPhone(t)
			pf := connect(t, e, f)
			defer media.Bridge(pf, p)()
			f.say(frame(1))
			eventually(t, "the failure is counted", func() bool { return test.in(e.Stats()) > 0 })
			p.Take(rtp{seq: 1, ts: 1, ssrc: 1, payload: frame(9)}.bytes())
			eventually(t, "the other party hears on", func() bool {
				got := f.heard()
				return len(got) > 0 && got[len(got)-1].payload[0] == 9
			})
		})
	}
}

func TestOnlyAWireGivesPacketsByHand(t *testing.T) {
	e := open(t, media.Config{})
	f := newPhone(t)
	p := connect(t, e, f)
	p.Take(rtp{seq: 1, ts: 1, ssrc: 1, payload: frame(9)}.bytes())
	if q := p.Quality(); q.Received != 0 {
		t.Errorf("a port with a socket took a packet from nowhere: %+v", q)
	}
	w, _ := overWire(t, e)
	for _, b := range [][]byte{nil, {}, make([]byte, 11), make([]byte, 4000), []byte("\x80\xc9\x00\x01\x00\x00\x00\x01")} {
		w.Take(b)
	}
	if q := w.Quality(); q.Received != 0 {
		t.Errorf("what is no RTP was taken for it: %+v", q)
	}
}

func TestManyWiresAtOnceKeepTheirOwn(t *testing.T) {
	e := open(t, media.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var work sync.WaitGroup
	for i := range 20 {
		a, _ := overWire(t, e)
		b, heard := overWire(t, e)
		media.Bridge(a, b)
		work.Go(func() {
			for n := range 50 {
				a.Take(rtp{seq: uint16(n), ts: uint32(160 * n), ssrc: 1, payload: frame(byte(i))}.bytes())
			}
			for _, p := range heard.heard() {
				if p.payload[0] != byte(i) && p.payload[0] != media.Mulaw.Silence() {
					t.Errorf("pair %d heard %d", i, p.payload[0])
				}
			}
		})
	}
	work.Wait()
	if ctx.Err() != nil {
		t.Error("it took too long")
	}
}
