package media_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

// rtp is one packet as the wire has it.
type rtp struct {
	marker  bool
	pt      uint8
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte
	at      time.Time
}

func (r rtp) bytes() []byte {
	b := make([]byte, 12, 12+len(r.payload))
	b[0], b[1] = 0x80, r.pt
	if r.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], r.seq)
	binary.BigEndian.PutUint32(b[4:], r.ts)
	binary.BigEndian.PutUint32(b[8:], r.ssrc)
	return append(b, r.payload...)
}

// phone is a party on the wire: a UDP socket that keeps what it hears and
// says what the test tells it.
type phone struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
	next rtp // what say sends next
	sent int // packets so far
	done chan struct{}
	seal func(b []byte) []byte // encrypts what it sends; nil for plain

	mu     sync.Mutex
	unseal func(b []byte) []byte // decrypts what it hears; nil for plain
	got    []rtp
}

// newPhone opens a telephone at 127.0.0.1, or at addr.
func newPhone(t *testing.T, addr ...string) *phone {
	t.Helper()
	at := netip.AddrPortFrom(loopback, 0)
	if len(addr) > 0 {
		at = netip.MustParseAddrPort(addr[0])
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	f := &phone{t: t, conn: conn, done: make(chan struct{}), next: rtp{seq: 65500, ts: 0xFFFFF000, ssrc: 0x50770 + uint32(conn.LocalAddr().(*net.UDPAddr).Port)}}
	go f.listen()
	t.Cleanup(f.close)
	return f
}

func (f *phone) close() {
	_ = f.conn.Close() // it may be closed already
	<-f.done
}

func (f *phone) addr() netip.AddrPort { return f.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (f *phone) listen() {
	defer close(f.done)
	b := make([]byte, 2048)
	for {
		n, err := f.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 {
			continue
		}
		f.mu.Lock()
		b := b[:n]
		if f.unseal != nil {
			b = f.unseal(b)
		}
		f.got = append(f.got, rtp{
			marker: b[1]&0x80 != 0, pt: b[1] & 0x7F,
			seq: binary.BigEndian.Uint16(b[2:]), ts: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
			payload: append([]byte(nil), b[12:]...), at: time.Now(),
		})
		f.mu.Unlock()
	}
}

// heard returns the packets that came so far.
func (f *phone) heard() []rtp {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]rtp(nil), f.got...)
}

func (f *phone) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = nil
}

// send puts one packet on the wire as it is.
func (f *phone) send(b []byte) {
	f.t.Helper()
	if f.seal != nil {
		b = f.seal(b)
	}
	if _, err := f.conn.WriteToUDPAddrPort(b, f.to); err != nil {
		f.t.Fatal(err)
	}
	f.sent++
}

// say sends 20 ms of audio and moves on.
func (f *phone) say(payload []byte) {
	f.t.Helper()
	f.next.payload = payload
	f.send(f.next.bytes())
	f.next.seq++
	f.next.ts += uint32(len(payload))
}

// frame is 20 ms of a constant byte.
func frame(c byte) []byte {
	b := make([]byte, 160)
	for i := range b {
		b[i] = c
	}
	return b
}

// hum sends a tone in real time for d.
func (f *phone) hum(law media.Law, hz float64, d time.Duration) {
	f.t.Helper()
	clip := media.Tone(hz, d).Mulaw
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i+160 <= len(clip); i += 160 {
		b := make([]byte, 160)
		for j := range b {
			b[j] = law.Encode(media.DecodeMulaw(clip[i+j]))
		}
		f.say(b)
		<-tick.C
	}
}

// pcm is what the telephone heard, decoded.
func pcm(packets []rtp) []int16 {
	var out []int16
	for _, p := range packets {
		switch p.pt {
		case 0:
			out = append(out, mediatest.Decode(media.Mulaw, p.payload)...)
		case 8:
			out = append(out, mediatest.Decode(media.Alaw, p.payload)...)
		}
	}
	return out
}

// hears reports whether the last 200 ms the telephone heard are a tone.
func (f *phone) hears(hz float64) bool {
	s := pcm(f.heard())
	return len(s) >= 1600 && mediatest.HasTone(s[len(s)-1600:], 8000, hz)
}

// eventually waits until ok, or fails after 5 s.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited 5 s and still not: %s", what)
		}
	}
}

// pause lets d pass: real sockets know no virtual time.
func pause(d time.Duration) { <-time.After(d) }

func open(t *testing.T, cfg media.Config) *media.Engine {
	t.Helper()
	if !cfg.Addr.IsValid() {
		cfg.Addr = loopback
	}
	e, err := media.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// mulaw is how most telephones of these tests are connected.
func mulaw(f *phone) media.Remote {
	return media.Remote{Addr: f.addr(), Law: media.Mulaw, EventType: 101, Send: true, Receive: true}
}

func alaw(f *phone) media.Remote {
	r := mulaw(f)
	r.Law, r.PayloadType = media.Alaw, 8
	return r
}

// connect opens a port for f and connects it as r says, or as mulaw.
func connect(t *testing.T, e *media.Engine, f *phone, r ...media.Remote) *media.Port {
	t.Helper()
	p, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	f.to = p.Local()
	how := mulaw(f)
	if len(r) > 0 {
		how = r[0]
	}
	if err := p.Connect(how); err != nil {
		t.Fatal(err)
	}
	return p
}

// spin runs f in the background; the test's end waits for it.
func spin(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	t.Cleanup(func() { <-done })
}

// playing plays a tone until the test ends.
func playing(t *testing.T, p *media.Port, hz float64) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Play(ctx, media.Tone(hz, 5*time.Second), true) // it ends by cancel
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() { cancel(); <-done }
}

// undisturbed runs what needs real time; a machine that is busy with something
// else gets five chances.
func undisturbed(t *testing.T, scenario func() error) {
	t.Helper()
	for try := 1; ; try++ {
		err := scenario()
		if err == nil {
			return
		}
		if try == 5 {
			t.Fatal(err)
		}
		t.Logf("try %d: %v", try, err)
	}
}
