package sip

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/leg"
)

func TestFloodOfStrangersLeavesTheTrunkAlone(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for i := range 100 { // 100 hosts, 20 messages each, of every kind
		wg.Go(func() {
			c, err := net.ListenPacket("udp", fmt.Sprintf("127.9.%d.1:0", i))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			s := (&peer{t: t, c: c, desk: e.Addr()}).call(fmt.Sprint("flood", i))
			for j := range 20 {
				method := []string{"INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE"}[j%5]
				s.say(method, strings.Repeat("x", j*100), "Content-Type: text/plain")
			}
		})
	}
	for i := range 10 {
		s := p.call(fmt.Sprint("good", i))
		s.answered(plainSDP)
		<-legs
		p.answer(200, s.say("BYE", ""))
	}
	wg.Wait()
	until(t, "the flood was read", func() bool {
		s := e.Stats()
		return s.Dropped+s.Malformed+s.Refused > 1000
	})
	if s := e.Stats(); s.Calls != 10 || s.Panics != 0 {
		t.Errorf("Stats() = %+v", s)
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap has grown by %d MB", grown>>20)
	}
}

func TestOneStrangerHasABudgetAndATrunkHasNone(t *testing.T) {
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}},
		Limits: Limits{Rate: 1, Burst: 5},
	})
	for _, tt := range []struct {
		host string
		want int
	}{{"127.9.9.9", 5}, {peerAddr, 50}} {
		p := newPeer(t, tt.host, e.Addr())
		for i := range 50 {
			p.call(fmt.Sprint(i)).say("OPTIONS", "")
		}
		until(t, fmt.Sprintf("%d answers", tt.want), func() bool { return len(p.in) >= tt.want })
		if n := len(p.in); n > tt.want+1 {
			t.Errorf("%s: %d answers, want %d", tt.host, n, tt.want)
		}
	}
}

func TestBudgetForgetsWhoIsQuietAndBoundsTheRest(t *testing.T) {
	var l Limits
	l.fill()
	l.Sources, l.Burst, l.Rate = 100, 1, 1
	b := newBudget(l)
	took := 0
	for i := range 1000 {
		if b.take(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})) {
			took++
		}
	}
	if took != 100 || len(b.by) != 100 {
		t.Errorf("%d sources were served, %d are remembered; want 100", took, len(b.by))
	}
	b.start = b.start.Add(-time.Hour) // an hour passes
	if !b.take(netip.MustParseAddr("192.0.2.1")) {
		t.Error("a new source is refused although the others are quiet")
	}
	one, same := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if !b.take(one) || b.take(same) {
		t.Error("two addresses of one /64 have a budget each")
	}
}

func TestSilentConnectionsAreClosedAndLimited(t *testing.T) {
	timers := testTimers()
	timers.Silent = 50 * time.Millisecond
	e := open(t, Config{Phones: book{secrets: agents()}, Timers: timers, Limits: Limits{PerSource: 10, Connections: 30}})
	var conns []net.Conn
	for i := range 60 { // more than there is room for, from several hosts
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 8, 0, byte(i/20+1))}}
		c, err := d.Dial("tcp", e.AddrTCP().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	if n := len(e.liveStreams()); n > 30 {
		t.Errorf("%d connections are open, want 30 at most", n)
	}
	for i, c := range conns {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
			t.Errorf("connection %d: %v, want its end", i, err)
		}
	}
	p := openPhone(t, PhoneConfig{Server: e.AddrTCP().String(), TCP: true, Listen: phoneAddr + ":0", Username: "lea", Secret: "correct horse"})
	if err := p.Register(soon(t)); err != nil {
		t.Errorf("Register() after them = %v", err)
	}
}

func TestAMessageThatNeverEndsIsNotWaitedFor(t *testing.T) {
	timers := testTimers()
	timers.Silent = 60 * time.Millisecond
	e := open(t, Config{Timers: timers})
	c, err := net.Dial("tcp", e.AddrTCP().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 { // a byte now and then does not prolong it
		<-tick.C
		if _, err := c.Write([]byte("x")); err != nil {
			return
		}
	}
	t.Error("the connection is still open")
}

// lossy relays datagrams between a caller and a desk and drops those that
// drop says; the caller's first packet tells who it is.
func lossy(t *testing.T, desk netip.AddrPort, drop func(fromDesk bool, text string) bool) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(peerAddr+":0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var caller netip.AddrPort
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			to := caller
			if from != desk {
				caller, to = from, desk
			}
			if !drop(from == desk, string(buf[:n])) {
				c.WriteToUDPAddrPort(buf[:n], to)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestCallsSurviveALossyNetwork(t *testing.T) {
	e, legs := answering(t)
	lost := map[string]int{}
	at := lossy(t, e.Addr(), func(fromDesk bool, text string) bool {
		kind := fmt.Sprint(fromDesk, strings.SplitN(text, " ", 3)[:2])
		lost[kind]++
		return lost[kind] <= 2 // the first two of each kind
	})
	p := carrierPhone(t, at, false)
	for range 5 {
		out, err := p.Call(soon(t), "+33970000000")
		if err != nil {
			t.Fatalf("Call() = %v", err)
		}
		in := <-legs
		out.Hangup(leg.Released)
		ends(t, in, leg.HungUp)
	}
	until(t, "no call is left", func() bool { return len(e.liveCalls())+len(p.e.liveCalls()) == 0 })
}

func TestCallsGivenUpAtAnyMomentLeaveNothing(t *testing.T) {
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		if rand.IntN(2) == 0 {
			l.Ring(ctx)
		}
		select {
		case <-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond):
		case <-l.Ended():
			return
		}
		if l.Answer(ctx) == nil {
			<-l.Ended()
		}
	})
	p := carrierPhone(t, e.Addr(), false)
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			ctx, stop := context.WithTimeout(context.Background(), time.Duration(rand.IntN(4000))*time.Microsecond)
			defer stop()
			l, err := p.Call(ctx, "+33970000000")
			if err == nil {
				l.Hangup(leg.Released)
				<-l.Ended()
			}
		})
	}
	wg.Wait()
	until(t, "no call is left", func() bool { return len(e.liveCalls())+len(p.e.liveCalls()) == 0 })
	if n := e.Stats().Panics + p.e.Stats().Panics; n != 0 {
		t.Errorf("Panics = %d", n)
	}
}

func TestOpenRefusesSettingsThatCannotWork(t *testing.T) {
	taken := open(t, Config{})
	for _, tt := range []struct {
		name string
		cfg  Config
		want sotto.Kind
	}{
		{"no address", Config{}, sotto.Invalid},
		{"no port", Config{UDP: "127.0.0.1"}, sotto.Invalid},
		{"in use over UDP", Config{UDP: taken.Addr().String()}, sotto.Busy},
		{"in use over TCP", Config{UDP: "127.0.0.1:0", TCP: taken.AddrTCP().String()}, sotto.Busy},
		{"a trunk without a name", Config{UDP: "127.0.0.1:0", Trunks: []Trunk{{}}}, sotto.Invalid},
		{"a source that is no address", Config{UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "a", Sources: []string{"carrier.example.com"}}}}, sotto.Invalid},
		{"an address without a port", Config{UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "a", Address: "carrier.example.com"}}}, sotto.Invalid},
		{"a password file that is not there", Config{UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "a", PasswordFile: "/nowhere"}}}, sotto.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Open(tt.cfg)
			if err == nil {
				e.Close()
			}
			if sotto.KindOf(err) != tt.want || sotto.SayOf(err) == "" {
				t.Errorf("Open() = %v, want %v", err, tt.want)
			}
		})
	}
}
