package media_test

import (
	"net/netip"
	"testing"
	"time"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// elsewhere is the socket of a party behind a NAT, or of a stranger: the
// telephone f is what the SDP says.
func elsewhere(t *testing.T, f *phone, addr ...string) *phone {
	t.Helper()
	g := newPhone(t, addr...)
	g.to = f.to
	return g
}

func TestPartyBehindNATIsFound(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	real := elsewhere(t, f)
	for range 5 {
		real.say(frame(9))
	}
	eventually(t, "the proved packets", func() bool { return len(ear.Frames()) == 3 })
	if n := e.Stats().Dropped[media.ReasonLatching]; n != 2 {
		t.Errorf("%d packets were spent on the proof, want 2", n)
	}
	playing(t, p, 440)
	eventually(t, "the tone", func() bool { return real.hears(440) })
	// The one change is spent: nobody else comes in, a re-INVITE changes nothing.
	if err := p.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	third := elsewhere(t, f)
	for range 10 {
		third.say(frame(8))
	}
	eventually(t, "10 refused", func() bool { return e.Stats().Dropped[media.ReasonUnknownSource] == 10 })
	if len(ear.Frames()) != 3 || len(third.heard()) != 0 {
		t.Error("a third address came in")
	}
	real.say(frame(9))
	eventually(t, "the party goes on", func() bool { return len(ear.Frames()) == 4 })
}

func TestSDPAddressWinsBackWithinTheWindow(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	stranger := elsewhere(t, f)
	for range 4 {
		stranger.say(frame(1))
	}
	eventually(t, "the stranger", func() bool { return len(ear.Frames()) == 2 })
	pause(70 * time.Millisecond) // another SSRC waits for silence
	f.say(frame(2))
	eventually(t, "the party", func() bool { return len(ear.Frames()) == 3 })
	ear.Forget()
	stranger.forget()
	for range 10 {
		stranger.say(frame(1))
	}
	playing(t, p, 440)
	eventually(t, "the tone", func() bool { return f.hears(440) })
	if len(ear.Frames()) != 0 || len(stranger.heard()) != 0 {
		t.Error("the stranger is still in the call")
	}
}

func TestNobodyInjectsOrBleeds(t *testing.T) {
	for _, test := range []struct {
		name  string
		setUp func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone)
	}{
		{"after the party has sent", func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone) {
			p := connect(t, e, f)
			f.say(frame(2))
			eventually(t, "the party", func() bool { return p.Quality().Received == 1 })
			return p, elsewhere(t, f)
		}},
		{"from another host while waiting", func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone) {
			return connect(t, e, f), elsewhere(t, f, "127.0.0.66:0")
		}},
		{"to a fixed party's port", func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone) {
			p, err := e.NewPortFor(media.Peer{Addr: f.addr(), Fixed: true})
			if err != nil {
				t.Fatal(err)
			}
			f.to = p.Local()
			if err := p.Connect(mulaw(f)); err != nil {
				t.Fatal(err)
			}
			return p, elsewhere(t, f)
		}},
		{"before Connect", func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone) {
			p, err := e.NewPort()
			if err != nil {
				t.Fatal(err)
			}
			f.to = p.Local()
			return p, elsewhere(t, f)
		}},
		{"from another party's address", func(t *testing.T, e *media.Engine, f *phone) (*media.Port, *phone) {
			other := newPhone(t)
			connect(t, e, other)
			p := connect(t, e, f)
			other.to = f.to
			return p, other
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, f, b := open(t, media.Config{}), newPhone(t), newPhone(t)
			p, sprayer := test.setUp(t, e, f)
			pb := connect(t, e, b)
			b.say(frame(3))
			eventually(t, "the other party", func() bool { return pb.Quality().Received == 1 })
			defer media.Bridge(p, pb)()
			var ear mediatest.Ear
			defer p.Tap(&ear)()
			sprayer.forget()
			before := e.Stats().Dropped[media.ReasonUnknownSource]
			// Every number and stream a forger might try.
			for i := range 200 {
				sprayer.next.seq += uint16(i % 3)
				sprayer.next.ssrc += uint32(i % 5)
				sprayer.say(frame(66))
				b.say(frame(3))
			}
			eventually(t, "200 refused", func() bool {
				return e.Stats().Dropped[media.ReasonUnknownSource]-before >= 200 && pb.Quality().Received == 201
			})
			for _, g := range ear.Frames() {
				if g.Payload[0] == 66 {
					t.Error("an injected packet reached the recorder")
				}
			}
			for _, g := range b.heard() {
				if g.payload[0] == 66 {
					t.Error("an injected packet reached the other party")
				}
			}
			for _, g := range sprayer.heard() {
				if g.payload[0] == 3 {
					t.Error("the sprayer hears the call")
				}
			}
		})
	}
}

func TestLatchWindowEnds(t *testing.T) {
	e, f := open(t, media.Config{LatchWindow: 100 * time.Millisecond}), newPhone(t)
	p := connect(t, e, f)
	pause(120 * time.Millisecond)
	late := elsewhere(t, f)
	for range 5 {
		late.say(frame(1))
	}
	eventually(t, "5 refused", func() bool { return e.Stats().Dropped[media.ReasonUnknownSource] == 5 })
	f.say(frame(2))
	eventually(t, "the SDP's address", func() bool { return p.Quality().Received == 1 })
}

func TestPartyMaySendFromItsSignallingHost(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t, "127.0.0.5:0")
	r := mulaw(f)
	r.Signal = netip.MustParseAddr("127.0.0.9")
	p := connect(t, e, f, r)
	real := elsewhere(t, f, "127.0.0.9:0")
	for range 3 {
		real.say(frame(1))
	}
	eventually(t, "the party", func() bool { return p.Quality().Received == 1 })
}

func TestPortsShareSocketsWhenTheyMay(t *testing.T) {
	e := open(t, media.Config{})
	if n := e.Stats().Sockets; n != 4 {
		t.Fatalf("%d sockets at first, want 4", n)
	}
	// A party that says where it is and sends from there shares.
	locals := map[netip.AddrPort]int{}
	for range 20 {
		f := newPhone(t)
		p, err := e.NewPortFor(media.Peer{Addr: f.addr(), Fixed: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Connect(mulaw(f)); err != nil {
			t.Fatal(err)
		}
		locals[p.Local()]++
	}
	if len(locals) != 1 {
		t.Errorf("20 fixed parties sit on %d sockets, want 1", len(locals))
	}
	// Those who may move do not share until they are found.
	waiting := map[netip.AddrPort]int{}
	var first *media.Port
	var last *phone
	for range 8 {
		last = newPhone(t)
		first = connect(t, e, last)
		waiting[first.Local()]++
	}
	if len(waiting) != 8 {
		t.Errorf("8 waiting parties sit on %d sockets, want 8", len(waiting))
	}
	last.say(frame(1))
	eventually(t, "the party", func() bool { return first.Quality().Received == 1 })
	again, err := e.NewPortFor(media.Peer{Addr: newPhone(t).addr()})
	if err != nil {
		t.Fatal(err)
	}
	if waiting[again.Local()] == 0 && locals[again.Local()] == 0 {
		t.Error("a new socket was bound although one had a seat")
	}
}

func TestSameRemoteAddressTakesAnotherSocket(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	one := connect(t, e, f)
	two, err := e.NewPortFor(media.Peer{Addr: f.addr()})
	if err != nil {
		t.Fatal(err)
	}
	three, err := e.NewPortFor(media.Peer{Addr: f.addr()}) // before the second is connected
	if err != nil {
		t.Fatal(err)
	}
	if one.Local() == two.Local() || one.Local() == three.Local() || two.Local() == three.Local() {
		t.Fatal("two ports sit on one socket")
	}
	if err := three.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	if err := two.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	// A party whose address is known too late cannot have another's.
	g := newPhone(t)
	fixed, err := e.NewPortFor(media.Peer{Addr: g.addr(), Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fixed.Connect(mulaw(g)); err != nil {
		t.Fatal(err)
	}
	other, err := e.NewPortFor(media.Peer{Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if other.Local() != fixed.Local() {
		t.Fatal("the ports do not share a socket; the test tests nothing")
	}
	if err := other.Connect(mulaw(g)); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("Connect = %v, want a conflict", err)
	}
}

func TestLatePacketsOfAnOldCallReachNoNewOne(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	fixed := media.Peer{Fixed: true} // these share the first socket
	old, err := e.NewPortFor(fixed)
	if err != nil {
		t.Fatal(err)
	}
	f.to = old.Local()
	if err := old.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	f.say(frame(1))
	eventually(t, "the old call", func() bool { return old.Quality().Received == 1 })
	old.Close()
	p, err := e.NewPortFor(fixed)
	if err != nil {
		t.Fatal(err)
	}
	if p.Local() != f.to {
		t.Fatal("the new call has another socket; the test tests nothing")
	}
	if err := p.Connect(mulaw(f)); err != nil {
		t.Fatal(err)
	}
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	f.say(frame(1))
	f.say(frame(1))
	eventually(t, "2 refused", func() bool { return e.Stats().Dropped[media.ReasonOldCall] == 2 })
	f.next.ssrc++
	f.say(frame(2))
	eventually(t, "the new call", func() bool { return len(ear.Frames()) == 1 })
	if c := ear.Frames()[0].Payload[0]; c != 2 {
		t.Errorf("the new call heard %d, want 2", c)
	}
	// Who knows the address beforehand gets another socket.
	p.Close()
	q, err := e.NewPortFor(media.Peer{Addr: f.addr(), Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	if q.Local() == f.to {
		t.Error("the new call sits where the old one's packets arrive")
	}
}

func TestFloodIsCutToTheRateOfTheCodec(t *testing.T) {
	e := open(t, media.Config{})
	f, b := newPhone(t), newPhone(t)
	p, pb := connect(t, e, f), connect(t, e, b)
	defer media.Bridge(p, pb)()
	var ear mediatest.Ear
	defer p.Tap(&ear)()
	began := time.Now()
	for range 2000 { // 40 s of audio
		f.say(frame(1))
	}
	eventually(t, "the flood", func() bool { return e.Stats().In == 2000 })
	took := time.Since(began)
	// 5 s at once, and then 1.1 times what time has gone by.
	most := int(250 + 55*took.Seconds() + 1)
	if n := len(ear.Frames()); n < 250 || n > most {
		t.Errorf("%d frames recorded in %v, want 250 to %d", n, took, most)
	}
	if n := e.Stats().Dropped[media.ReasonFlood]; n < 1000 {
		t.Errorf("%d packets counted as flood", n)
	}
}

// TestTwoPortsThatFeedEachOtherDoNotSpin connects two bridged ports to each
// other's sockets: without a limit one packet would go round for ever.
func TestTwoPortsThatFeedEachOtherDoNotSpin(t *testing.T) {
	e := open(t, media.Config{})
	a, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	media.Bridge(a, b)
	for _, side := range []struct {
		p  *media.Port
		at netip.AddrPort
	}{{a, b.Local()}, {b, a.Local()}} {
		if err := side.p.Connect(media.Remote{Addr: side.at, Send: true, Receive: true}); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Play(t.Context(), media.Tone(440, 100*time.Millisecond), false) // it starts the loop
	pause(300 * time.Millisecond)
	before := e.Stats().In
	pause(time.Second)
	if n := e.Stats().In - before; n > 1000 {
		t.Errorf("%d packets went round in a second", n)
	}
}
