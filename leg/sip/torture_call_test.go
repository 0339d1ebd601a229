package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/leg/sip/message"
	"sotto/leg/sip/sdp"
)

// road is a transport over which strangers and callers come.
type road struct {
	name string
	at   func(*Endpoint) netip.AddrPort
	tls  bool
	ws   bool
}

func roads() []road {
	return []road{
		{"UDP", (*Endpoint).Addr, false, false},
		{"TCP", (*Endpoint).AddrTCP, false, false},
		{"TLS", (*Endpoint).AddrTLS, true, false},
		{"WS", (*Endpoint).AddrWS, false, true},
		{"WSS", (*Endpoint).AddrWSS, true, true},
	}
}

// dial connects a host of this machine to the desk.
func (r road) dial(t *testing.T, e *Endpoint, host string) net.PacketConn {
	t.Helper()
	if r.name == "UDP" {
		c, err := net.ListenPacket("udp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
	own := &tls.Config{InsecureSkipVerify: true}
	if r.ws {
		scheme := map[bool]string{false: "ws://", true: "wss://"}[r.tls]
		tr := &http.Transport{DialContext: d.DialContext, TLSClientConfig: own}
		t.Cleanup(tr.CloseIdleConnections)
		c, _, err := websocket.Dial(soon(t), scheme+r.at(e).String(), &websocket.DialOptions{
			Subprotocols: []string{"sip"}, HTTPClient: &http.Client{Transport: tr},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.SetReadLimit(1 << 20)
		return &webSocket{c: c}
	}
	c, err := d.Dial("tcp", r.at(e).String())
	if err != nil {
		t.Fatal(err)
	}
	if r.tls {
		c = tls.Client(c, own)
	}
	return &framed{Conn: c, via: "SIP/2.0/" + r.name}
}

// framed is a stream in the place of a socket: each read is one message.
type framed struct {
	net.Conn
	via string // what requests of ours say instead of UDP
	in  []byte
}

func (f *framed) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := message.Frame(f.in)
		if err != nil {
			return 0, nil, err
		}
		if n > 0 {
			copy(b, f.in[:n])
			f.in = f.in[n:]
			return n, nil, nil
		}
		buf := make([]byte, 65536)
		if n, err = f.Read(buf); err != nil {
			return 0, nil, err
		}
		f.in = append(f.in, buf[:n]...)
	}
}

func (f *framed) WriteTo(b []byte, _ net.Addr) (int, error) {
	return f.Write(bytes.Replace(b, []byte("SIP/2.0/UDP"), []byte(f.via), 1))
}

// stage is where messages of RFC 4475 are sent and calls made after them: one
// desk over every transport, and the audio of its callers.
type stage struct {
	e    *Endpoint
	far  *media.Engine
	legs chan leg.Leg
	// torturer is a carrier of its own: without rport answers go to the port in
	// Via, which is 5060 nearly always.
	torturer, caller string
}

// newStage opens the n-th desk. Calls to its number are answered, all others
// are busy.
func newStage(t *testing.T, n int, id identity, near, far *media.Engine) *stage {
	t.Helper()
	s := &stage{far: far, legs: make(chan leg.Leg, 8), torturer: fmt.Sprintf("127.44.75.%d", n), caller: fmt.Sprintf("127.44.76.%d", n)}
	s.e = open(t, Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", WS: "127.0.0.1:0", WSS: "127.0.0.1:0",
		Certificate: id.cert, Key: id.key, Media: near, Phones: book{},
		Trunks: []Trunk{{Name: "torture", Sources: []string{s.torturer}}, {Name: "carrier", Sources: []string{s.caller}}},
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Dialled() != "+33970000000" {
				l.Hangup(leg.BusyHere)
				return
			}
			if l.Answer(ctx) == nil {
				s.legs <- l
				<-l.Ended()
			}
		},
	})
	return s
}

// exchange sends one message on a way of its own and waits for what it gets.
func (s *stage) exchange(t *testing.T, r road, b []byte, want int, why string) {
	t.Helper()
	got := make(chan heard, 64)
	if r.name == "UDP" {
		var out net.PacketConn
		for _, port := range []string{"5050", "5060"} {
			c, err := net.ListenPacket("udp", s.torturer+":"+port)
			if err != nil {
				t.Skipf("the port that RFC 4475 names is taken: %v", err)
			}
			defer c.Close()
			go readResponses(c, got)
			out = c
		}
		if _, err := out.WriteTo(b, net.UDPAddrFromAddrPort(s.e.Addr())); err != nil {
			t.Fatal(err)
		}
		expect(t, got, b, want, why)
		return
	}
	c := r.dial(t, s.e, s.torturer)
	done := make(chan struct{})
	go func() { defer close(done); readResponses(c, got) }()
	defer func() { c.Close(); <-done }()
	if err := raw(c, b); err != nil {
		t.Fatal(err)
	}
	expect(t, got, b, want, why)
}

// raw writes b as it is.
func raw(c net.PacketConn, b []byte) error {
	if w, ok := c.(*webSocket); ok {
		return w.c.Write(context.Background(), websocket.MessageBinary, b)
	}
	_, err := c.(*framed).Write(b)
	return err
}

// talk makes a call over r: it is answered, heard at both ends, and ended by
// the caller. Over TLS its audio is encrypted.
func (s *stage) talk(t *testing.T, r road, id string) {
	t.Helper()
	port, err := s.far.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	l := sdp.Local{Addr: port.Local(), ID: 1, Version: 1}
	if r.tls {
		l = (&session{}).terms(sdp.Required)
		l.Addr, l.ID, l.Version = port.Local(), 1, 1
	}
	p := listening(t, r.dial(t, s.e, s.caller), r.at(s.e))
	defer p.c.Close()
	call := p.call(id)
	res := call.answered(string(sdp.Offer(l)))
	answer, err := sdp.Parse(res.Body())
	if err != nil {
		t.Fatal(err)
	}
	st, err := sdp.Accept(answer, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := port.Connect(media.Remote{
		Addr: st.Remote, Law: st.Law, PayloadType: st.Payload, Keys: st.Keys, Send: true, Receive: true,
	}); err != nil {
		t.Fatal(err)
	}
	in := comes(t, s.legs)
	if encrypted := in.(*Call).Encrypted(); encrypted != r.tls {
		t.Errorf("Encrypted() = %v over %s", encrypted, r.name)
	}
	bothHear(t, in.Media(), port)
	p.answer(200, call.say("BYE", ""))
	ends(t, in, leg.HungUp)
}

// bothHear plays a tone into each end of a call until both are heard.
func bothHear(t *testing.T, near, far *media.Port) {
	t.Helper()
	ctx, stop := context.WithCancel(soon(t))
	defer stop()
	var nearEar, farEar mediatest.Ear
	defer near.Tap(&nearEar)()
	defer far.Tap(&farEar)()
	go near.Play(ctx, media.Tone(440, time.Second), true)
	go far.Play(ctx, media.Tone(1000, time.Second), true)
	until(t, "both ends hear each other", func() bool { return nearEar.Hears(1000) && farEar.Hears(440) })
}

// tortureShare is how many desks share the messages of one transport.
const tortureShare = 5

// TestTortureAndTheNextCall sends each message of RFC 4475 over each
// transport. Each has the outcome that its section asks for, and after each
// one a call is answered, heard and ended. SOTTO_TORTURE=long also sends 200
// damaged copies of each.
func TestTortureAndTheNextCall(t *testing.T) {
	t.Parallel()
	files := tortureFiles(t)
	id, near, far := newIdentity(t, "127.0.0.1"), engine(t, "127.0.0.1"), engine(t, "127.0.0.1")
	damaged := 0
	if os.Getenv("SOTTO_TORTURE") == "long" {
		damaged = 200
	}
	for i, r := range roads() {
		for share := range tortureShare {
			t.Run(fmt.Sprintf("%s %d", r.name, share), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 1+i*tortureShare+share, id, near, far)
				for n, m := range tortures() {
					if n%tortureShare != share {
						continue
					}
					want := m.want
					if m.tcp != "" && !r.ws && r.name != "UDP" {
						want, _ = strconv.Atoi(m.tcp)
					}
					s.exchange(t, r, files[m.file], want, m.file+": "+m.why)
					s.talk(t, r, m.file)
					for k := range damaged {
						one := fmt.Sprint(m.file, "-", k)
						s.exchange(t, r, damage(files[m.file]), anything, one)
						s.exchange(t, r, ping(one), 200, "a normal OPTIONS after "+one)
					}
					if t.Failed() {
						t.Fatalf("message %s, or the call after it", m.file)
					}
				}
				if n := s.e.Stats().Panics; n != 0 {
					t.Errorf("Panics = %d", n)
				}
				until(t, "no call is left", func() bool { return len(s.e.liveCalls()) == 0 })
			})
		}
	}
}

// damage returns a copy of b with a few bytes changed, taken out or doubled.
func damage(b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rand.IntN(4) {
		if len(b) < 2 {
			return b
		}
		at := rand.IntN(len(b) - 1)
		to := at + 1 + rand.IntN(min(40, len(b)-at-1))
		switch rand.IntN(4) {
		case 0:
			b[at] = byte(rand.IntN(256))
		case 1:
			b = append(b[:at:at], b[to:]...)
		case 2:
			b = append(b[:to:to], b[at:]...)
		case 3:
			b = append(append(b[:at:at], strings.Repeat(string(b[at:to]), 50)...), b[to:]...)
		}
	}
	return b
}
