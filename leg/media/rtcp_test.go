package media

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func FuzzParseReport(f *testing.F) {
	for _, b := range [][]byte{
		{}, {0x80, 200, 0, 0}, {0x81, 201, 0, 7, 0, 0, 0, 1},
		senderReport(7, 9, 25, 3<<16, 1<<15), append(senderReport(7, 9, 255, 0, 0), 0x81, 202, 0, 1, 0, 0, 0, 7),
		{0x80, 203, 0, 1, 0, 0, 0, 7}, {0x9f, 201, 0, 1, 0, 0, 0, 7}, {0x80, 200, 0xff, 0xff, 0, 0, 0, 7},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseReport(b, 9); !ok && r != (said{}) {
			t.Errorf("a broken report counts: %+v", r)
		}
	})
}

// senderReport is what a party of stream from reports of stream about.
func senderReport(from, about uint32, lost byte, last, since uint32) []byte {
	b := []byte{0x81, 200, 0, 12}
	for _, v := range []uint32{from, 0x1111_2222, 0x3333_4444, 5, 6, 7, about, uint32(lost) << 24, 8, 9, last, since} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func TestReportsAreReadOfOurStreamOnly(t *testing.T) {
	whole := senderReport(7, 9, 64, 3, 4)
	for _, test := range []struct {
		name string
		b    []byte
		want said
		ok   bool
	}{
		{"about us", whole, said{sender: true, sent: 0x2222_3333, about: true, lost: 64, last: 3, since: 4}, true},
		{"about another", senderReport(7, 8, 64, 3, 4), said{sender: true, sent: 0x2222_3333}, true},
		{"after a goodbye", append([]byte{0x80, 203, 0, 1, 0, 0, 0, 7}, whole...), said{sender: true, sent: 0x2222_3333, about: true, lost: 64, last: 3, since: 4}, true},
		{"cut off", whole[:40], said{}, false},
		{"more blocks than there is room", append([]byte{0x82}, whole[1:]...), said{}, false},
		{"a stump behind it", append(senderReport(7, 9, 64, 3, 4), 0x80, 203), said{}, false},
		{"nothing", nil, said{}, true},
	} {
		got, ok := parseReport(test.b, 9)
		if ok != test.ok {
			t.Errorf("%s: ok = %v, want %v", test.name, ok, test.ok)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// reporting is a port whose party is c, and what the party gets.
func reporting(t *testing.T, e *Engine, change func(*Remote)) (p *Port, get func() []byte, say func([]byte)) {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if p, err = e.NewPort(); err != nil {
		t.Fatal(err)
	}
	r := Remote{Addr: c.LocalAddr().(*net.UDPAddr).AddrPort(), Send: true, Receive: true, RTCPMux: true}
	if change != nil {
		change(&r)
	}
	if err := p.Connect(r); err != nil {
		t.Fatal(err)
	}
	get = func() []byte {
		b := make([]byte, 1500)
		for {
			_ = c.SetReadDeadline(time.Now().Add(time.Second)) // a socket has deadlines
			n, err := c.Read(b)
			if err != nil {
				return nil
			}
			if isRTCP(b[:n]) {
				return b[:n]
			}
		}
	}
	say = func(b []byte) {
		if _, err := c.WriteToUDPAddrPort(b, p.Local()); err != nil {
			t.Fatal(err)
		}
	}
	return p, get, say
}

func TestReportsTellWhatArrivedAndHowFarItIs(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p, get, say := reporting(t, e, nil)
	audio := func(seq uint16) {
		b := make([]byte, headerLen+160)
		putHeader(b, false, 0, seq, uint32(seq)*160, 77)
		say(b)
	}
	for _, seq := range []uint16{65534, 65535, 0, 3} { // two of six are lost
		audio(seq)
	}
	await(t, func() bool { return p.Quality().Received == 4 })
	e.keepAlive(e.now())                  // it makes the control
	e.keepAlive(e.now() + 20*time.Second) // a report is due by then
	b := get()
	if b == nil || b[1] != rtcpSender {
		t.Fatalf("no sender report came: %v", b)
	}
	four := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	if four(4) != p.out.ssrc || four(20) == 0 || four(28) != 77 || four(32) != 2*256/6<<24|2 || four(36) != 1<<16+3 {
		t.Errorf("the report says %x", b)
	}
	if len(b) != 80 || b[53] != rtcpSource {
		t.Errorf("the report has no name: %x", b)
	}
	middle := four(8)<<16 | four(12)>>16
	say(senderReport(77, p.out.ssrc, 64, 0, 0))
	// The party got our report 100 ms ago by what we pretend.
	say(senderReport(77, p.out.ssrc, 128, uint32(e.ntp(e.now())>>16)-1<<16, 1<<16-6554))
	await(t, func() bool { return p.Quality().Reports == 2 })
	q := p.Quality()
	if q.RemoteLost != 0.375 || q.RoundTrip < 90*time.Millisecond || q.RoundTrip > 500*time.Millisecond {
		t.Errorf("quality %+v, want 37.5 %% lost and 100 ms", q)
	}
	if middle == 0 {
		t.Error("the report has no time")
	}
	for range 5 {
		say([]byte{0x81, 200, 0, 12, 0, 0}) // harms nobody
	}
	audio(4)
	await(t, func() bool { return p.Quality().Received == 5 })
	if n := e.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

func TestWhoDidNotAgreeGetsNoReport(t *testing.T) {
	e, err := Open(Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, get, _ := reporting(t, e, func(r *Remote) { r.RTCPMux = false })
	e.keepAlive(e.now())
	e.keepAlive(e.now() + 20*time.Second)
	if b := get(); b != nil {
		t.Errorf("a report came: %x", b)
	}
}

func TestIssuesAreNamed(t *testing.T) {
	good := Quality{Received: 1000, Lost: 10, Jitter: 5 * time.Millisecond, RoundTrip: 80 * time.Millisecond}
	for _, test := range []struct {
		name   string
		change func(*Quality)
		want   []Issue
	}{
		{"good", func(*Quality) {}, []Issue{NoIssue}},
		{"jitter", func(q *Quality) { q.Jitter = 31 * time.Millisecond }, []Issue{HighJitter}},
		{"far away", func(q *Quality) { q.RoundTrip = 301 * time.Millisecond }, []Issue{HighLatency}},
		{"loss", func(q *Quality) { q.Lost = 60 }, []Issue{HighPacketLoss}},
		{"loss there, and jitter", func(q *Quality) { q.RemoteLost, q.Jitter = 0.06, time.Second }, []Issue{HighJitter, HighPacketLoss}},
		{"silence", func(q *Quality) { *q = Quality{Connected: 6 * time.Second} }, []Issue{Silence}},
		{"too short to tell", func(q *Quality) { *q = Quality{Connected: time.Second} }, []Issue{NoInformation}},
	} {
		q := good
		test.change(&q)
		if diff := cmp.Diff(test.want, q.Issues()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// await waits until ok, or fails after 5 s.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited 5 s in vain")
		}
	}
}
