package sip

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// peer is a carrier that says exactly what a test tells it to, right or wrong.
type peer struct {
	t    *testing.T
	c    net.PacketConn
	desk netip.AddrPort
	in   chan gosip.Message
	n    atomic.Int32 // branches made
}

// newPeer listens at addr:0, or at a host of its own.
func newPeer(t *testing.T, addr string, desk netip.AddrPort) *peer {
	t.Helper()
	c, err := net.ListenPacket("udp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	return listening(t, c, desk)
}

// listening is a peer on a socket, or on what stands for one.
func listening(t *testing.T, c net.PacketConn, desk netip.AddrPort) *peer {
	t.Helper()
	p := &peer{t: t, c: c, desk: desk, in: make(chan gosip.Message, 4096)}
	p.n.Store(rand.Int32N(1 << 30)) // pages have the same name: their branches must differ
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if m, err := gosip.ParseMessage(buf[:n]); err == nil {
				p.in <- m
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return p
}

func (p *peer) addr() string { return p.c.LocalAddr().String() }

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := p.c.WriteTo([]byte(text), net.UDPAddrFromAddrPort(p.desk)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) branch() string { return fmt.Sprintf("z9hG4bKpeer%d", p.n.Add(1)) }

// next waits for a message that ok wants; others are dropped.
func next[M gosip.Message](p *peer, what string, ok func(M) bool) M {
	p.t.Helper()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	for {
		select {
		case m := <-p.in:
			if r, is := m.(M); is && ok(r) {
				return r
			}
		case <-timer.C:
			p.t.Fatalf("no %s in 10 s", what)
		}
	}
}

// answer waits for the response of this status to a request of this number.
func (p *peer) answer(status int, seq uint32) *gosip.Response {
	p.t.Helper()
	return next(p, fmt.Sprintf("%d to request %d", status, seq), func(r *gosip.Response) bool {
		if r.CSeq().SeqNo != seq || r.StatusCode < 200 && status >= 200 {
			return false
		}
		if r.StatusCode != status {
			p.t.Errorf("the answer to request %d is %d, want %d", seq, r.StatusCode, status)
		}
		return true
	})
}

// request waits for a request of the desk.
func (p *peer) request(method gosip.RequestMethod) *gosip.Request {
	p.t.Helper()
	return next(p, string(method), func(r *gosip.Request) bool { return r.Method == method })
}

// reply answers a request of the desk.
func (p *peer) reply(req *gosip.Request, status int, tag, body string, lines ...string) {
	p.t.Helper()
	res := gosip.NewResponseFromRequest(req, status, "Whatever", nil)
	if tag != "" && tagOf(get(req, "to")) == "" {
		res.To().Params.Add("tag", tag)
	}
	addLines(res, lines)
	if body != "" {
		res.AppendHeader(gosip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(body))
	}
	p.send(res.String())
}

// script is one call of the peer to the desk, message by message.
type script struct {
	p       *peer
	id, tag string
	to      string // To with the desk's tag once it is known
	target  string
	seq     uint32
}

func (p *peer) call(id string) *script {
	return &script{p: p, id: id, tag: "p" + id, to: "<sip:+33970000000@desk.example.com>",
		target: "sip:+33970000000@desk.example.com"}
}

// plainSDP is what a carrier offers.
const plainSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// text writes a request of the call.
func (s *script) text(method string, seq uint32, branch, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\n", method, s.target, s.p.addr(), branch)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: \"A. Caller\" <sip:+33142000001@carrier.example.com>;tag=%s\r\n", s.tag)
	fmt.Fprintf(&b, "To: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", s.to, s.id, seq, method)
	if !strings.Contains(strings.Join(lines, "\n"), "Contact:") {
		fmt.Fprintf(&b, "Contact: <sip:carrier@%s>\r\n", s.p.addr())
	}
	for _, l := range lines {
		if l != "No-Contact:" {
			b.WriteString(l + "\r\n")
		}
	}
	if body != "" && !strings.Contains(b.String(), "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// say sends the next request of the call and returns its number.
func (s *script) say(method, body string, lines ...string) uint32 {
	s.p.t.Helper()
	s.seq++
	s.p.send(s.text(method, s.seq, s.p.branch(), body, lines...))
	return s.seq
}

// ack confirms a 2xx.
func (s *script) ack(seq uint32, body string) {
	s.p.t.Helper()
	s.p.send(s.text("ACK", seq, s.p.branch(), body))
}

// learn takes the desk's tag and Contact from an answer.
func (s *script) learn(r *gosip.Response) *gosip.Response {
	s.to = get(r, "to")
	if c := r.Contact(); c != nil {
		s.target = c.Address.String()
	}
	return r
}

// answered says INVITE and ACK and returns the answer.
func (s *script) answered(body string, lines ...string) *gosip.Response {
	s.p.t.Helper()
	seq := s.say("INVITE", body, lines...)
	r := s.learn(s.p.answer(200, seq))
	s.ack(seq, "")
	return r
}

// none checks that nothing of the kind is there, now that something later was
// seen.
func none[M gosip.Message](p *peer, what string, is func(M) bool) {
	p.t.Helper()
	for {
		select {
		case m := <-p.in:
			if r, ok := m.(M); ok && is(r) {
				p.t.Errorf("there is %s", what)
			}
		default:
			return
		}
	}
}
