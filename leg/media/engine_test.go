package media_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	anywhere := netip.MustParseAddr("0.0.0.0")
	for _, test := range []struct {
		name  string
		cfg   media.Config
		kind  sotto.Kind
		field string
	}{
		{"no address", media.Config{}, sotto.Invalid, "media.addr"},
		{"any address and nothing to tell", media.Config{Addr: anywhere}, sotto.Invalid, "media.advertise"},
		{"any address told", media.Config{Addr: loopback, Advertise: anywhere}, sotto.Invalid, "media.advertise"},
		{"ports upside down", media.Config{Addr: loopback, PortMin: 300, PortMax: 200}, sotto.Invalid, "media.ports"},
		{"one end of the range", media.Config{Addr: loopback, PortMin: 300}, sotto.Invalid, "media.ports"},
		{"too few ports", media.Config{Addr: loopback, PortMin: 20000, PortMax: 20004}, sotto.Invalid, "media.ports"},
		{"not our address", media.Config{Addr: netip.MustParseAddr("192.0.2.77")}, sotto.Invalid, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := media.Open(test.cfg)
			if err == nil {
				t.Fatal("Open took it", e.Close())
			}
			if sotto.KindOf(err) != test.kind || sotto.FieldOf(err) != test.field {
				t.Errorf("Open = %v, want kind %v and field %q", err, test.kind, test.field)
			}
		})
	}
}

// freeRange is a range of n ports of which none was in use just now.
func freeRange(t *testing.T, n int) (uint16, uint16) {
	t.Helper()
	for range 100 {
		lo := 20000 + 2*rand.IntN(5000)
		free := true
		for p := lo; p < lo+n && free; p++ {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
			if free = err == nil; free {
				_ = c.Close() // it was only a question
			}
		}
		if free {
			return uint16(lo), uint16(lo + n - 1)
		}
	}
	t.Fatal("no free ports")
	return 0, 0
}

func TestPortsComeFromTheRangeAndRunOut(t *testing.T) {
	lo, hi := freeRange(t, 12)
	e := open(t, media.Config{PortMin: lo, PortMax: hi, Advertise: netip.MustParseAddr("198.51.100.7")})
	used := map[uint16]bool{}
	for range 6 {
		p, err := e.NewPort()
		if err != nil {
			t.Fatal(err)
		}
		l := p.Local()
		if l.Addr().String() != "198.51.100.7" || l.Port() < lo || l.Port() > hi || l.Port()%2 != 0 || used[l.Port()] {
			t.Errorf("Local() = port %d at %v, want another even one of %d to %d at the advertised address", l.Port(), l.Addr(), lo, hi)
		}
		used[l.Port()] = true
	}
	p, err := e.NewPort()
	if sotto.KindOf(err) != sotto.Busy {
		t.Fatalf("the seventh port: %v, %v; want busy", p, err)
	}
}

func TestSocketsBeyondTheFirstAreClosedWhenUnused(t *testing.T) {
	t.Parallel() // it takes 4 s
	e := open(t, media.Config{})
	var ports []*media.Port
	for range 10 {
		p, err := e.NewPort()
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
	}
	f := newPhone(t)
	if err := ports[9].Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	if n := e.Stats().Sockets; n != 10 {
		t.Errorf("%d sockets, want 10", n)
	}
	for _, p := range ports {
		p.Close()
	}
	eventually(t, "4 sockets again", func() bool { return e.Stats().Sockets == 4 })
}

func TestConnectRefusesWhatCannotWork(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*media.Remote)
	}{
		{"no address", func(r *media.Remote) { r.Addr = netip.AddrPort{} }},
		{"hold by 0.0.0.0", func(r *media.Remote) { r.Addr = netip.MustParseAddrPort("0.0.0.0:4000") }},
		{"port 0", func(r *media.Remote) { r.Addr = netip.AddrPortFrom(loopback, 0) }},
		{"multicast", func(r *media.Remote) { r.Addr = netip.MustParseAddrPort("224.0.0.1:4000") }},
		{"ipv6", func(r *media.Remote) { r.Addr = netip.MustParseAddrPort("[2001:db8::1]:4000") }},
		{"ourselves", func(r *media.Remote) { r.Addr = p.Local() }},
		{"another codec", func(r *media.Remote) { r.Law = 9 }},
		{"payload type", func(r *media.Remote) { r.PayloadType = 128 }},
		{"events as audio", func(r *media.Remote) { r.PayloadType = 101 }},
		{"events as A-law", func(r *media.Remote) { r.EventType = 8 }},
	} {
		r := mulaw(f)
		test.change(&r)
		if err := p.Connect(r); sotto.KindOf(err) != sotto.Invalid || sotto.SayOf(err) == "" {
			t.Errorf("%s: Connect = %v, want invalid", test.name, err)
		}
	}
}

func TestReconnectMovesTheParty(t *testing.T) {
	e, f, g := open(t, media.Config{}), newPhone(t), newPhone(t)
	p := connect(t, e, f)
	g.to = f.to
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	f.say(frame(1))
	eventually(t, "the first address", func() bool { return len(ear.Frames()) == 1 })
	eventually(t, "the opening silence", func() bool { return len(f.heard()) == 1 })
	if err := p.Connect(alaw(g)); err != nil {
		t.Fatal(err)
	}
	f.forget()
	f.say(frame(2))
	pause(70 * time.Millisecond)
	g.next.pt = 8
	g.say(frame(3))
	eventually(t, "the second address", func() bool { return len(ear.Frames()) == 2 })
	if got := ear.Frames()[1]; got.Payload[0] != 3 || got.Law != media.Alaw {
		t.Errorf("heard %d in law %d, want 3 in A-law", got.Payload[0], got.Law)
	}
	playing(t, p, 440)
	eventually(t, "440 Hz at the second address", func() bool { return g.hears(440) })
	if len(f.heard()) != 0 {
		t.Error("the first address still hears")
	}
	// And back again, at once: its own old address is not a stranger's.
	if err := p.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	pause(70 * time.Millisecond)
	f.say(frame(4))
	eventually(t, "the first address again", func() bool { return len(ear.Frames()) == 3 })
}

func TestPtimeIsTheLengthOfOurPackets(t *testing.T) {
	for _, test := range []struct {
		ptime time.Duration
		want  int
	}{
		{0, 160}, {10 * time.Millisecond, 80}, {30 * time.Millisecond, 240}, {60 * time.Millisecond, 480},
		{25 * time.Millisecond, 160}, {200 * time.Millisecond, 160}, {-time.Second, 160},
	} {
		undisturbed(t, func() error {
			e, f := open(t, media.Config{}), newPhone(t)
			r := mulaw(f)
			r.Ptime = test.ptime
			p := connect(t, e, f, r)
			if err := p.Play(t.Context(), media.Tone(440, 300*time.Millisecond), false); err != nil {
				return err
			}
			pause(20 * time.Millisecond)
			for _, g := range f.heard() {
				if len(g.payload) != test.want {
					return fmt.Errorf("ptime %v: a packet of %d samples, want %d", test.ptime, len(g.payload), test.want)
				}
			}
			if !f.hears(440) {
				return fmt.Errorf("ptime %v: no tone", test.ptime)
			}
			return nil
		})
	}
}

func TestClosedEngineRefusesAndClosesTwice(t *testing.T) {
	e := open(t, media.Config{})
	f := newPhone(t)
	p := connect(t, e, f)
	done := make(chan error, 1)
	go func() { done <- p.Play(context.Background(), media.Tone(440, time.Minute), true) }()
	eventually(t, "sound", func() bool { return len(f.heard()) > 3 })
	for range 2 {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; !errors.Is(err, media.ErrClosed) {
		t.Errorf("Play = %v, want ErrClosed", err)
	}
	if _, err := e.NewPort(); !errors.Is(err, media.ErrClosed) {
		t.Errorf("NewPort = %v, want ErrClosed", err)
	}
	if err := p.Connect(mulaw(f)); !errors.Is(err, media.ErrClosed) {
		t.Errorf("Connect = %v, want ErrClosed", err)
	}
	if _, open := <-p.Digits(); open {
		t.Error("Digits is open")
	}
	p.Close()
	p.Tap(new(mediatest.Ear))()
	media.Bridge(p, p)()
}

// TestCallsComeAndGoWhilePacketsFly does everything at once and looks for
// what must never be: a panic of ours, a party who hears another call, a port
// that stays.
func TestCallsComeAndGoWhilePacketsFly(t *testing.T) {
	e := open(t, media.Config{})
	var work sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for call := range 8 {
		a, b := newPhone(t), newPhone(t)
		work.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(call)))
			for ctx.Err() == nil {
				if !oneCall(e, a, b, byte(10+call), random) {
					t.Error("a call could not be set up")
					return
				}
			}
		})
	}
	work.Wait()
	s := e.Stats()
	if s.Ports != 0 || s.Panics != 0 || s.SinkPanics != 0 {
		t.Errorf("at the end: %d ports, %d panics, %d sink panics", s.Ports, s.Panics, s.SinkPanics)
	}
	if s.Out < 1000 {
		t.Errorf("only %d packets went out", s.Out)
	}
}

// oneCall is a random short call whose parties say nothing but mark; it fails
// when a party hears another mark.
func oneCall(e *media.Engine, a, b *phone, mark byte, random *rand.Rand) bool {
	pa, errA := e.NewPortFor(media.Peer{Addr: a.addr(), Fixed: random.IntN(2) == 0})
	pb, errB := e.NewPort()
	if errA != nil || errB != nil || pa.Connect(mulaw(a)) != nil || pb.Connect(mulaw(b)) != nil {
		return false
	}
	a.to, b.to = pa.Local(), pb.Local()
	a.next.ssrc, b.next.ssrc = random.Uint32(), random.Uint32()
	var ear mediatest.Ear
	untap := pa.Tap(&ear)
	unbridge := media.Bridge(pa, pb)
	ctx, cancel := context.WithCancel(context.Background())
	played := make(chan error, 1)
	go func() { played <- pb.Play(ctx, media.Clip{Mulaw: frame(mark)}, true) }()
	for range random.IntN(40) {
		a.say(frame(mark))
		b.say(frame(mark))
		switch random.IntN(8) {
		case 0:
			unbridge()
			unbridge = media.Bridge(pb, pa)
		case 1:
			r := mulaw(a)
			r.Send = random.IntN(2) == 0
			_ = pa.Connect(r) // it is the same address
		case 2:
			untap()
			untap = pa.Tap(&ear)
		case 3:
			pa.InjectDigit('1')
			_, _ = pa.Quality(), pb.SilentFor()
		}
		pause(time.Duration(random.IntN(4)) * time.Millisecond)
	}
	cancel()
	pa.Close()
	<-played
	untap()
	pb.Close()
	for _, f := range ear.Frames() {
		if f.Payload[0] != mark {
			return false
		}
	}
	for _, f := range []*phone{a, b} {
		for _, g := range f.heard() {
			if len(g.payload) == 160 && g.payload[0] != mark && g.payload[0] != 0xFF {
				return false
			}
		}
		f.forget()
	}
	return true
}
