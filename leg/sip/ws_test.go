package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gosip "github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/digest"
)

// webHost is what a softphone in a page says instead of an address: it has
// none, and nobody may look the name up (RFC 7118 5).
const webHost = "df7jal23ls0d.invalid"

// webSocket is a connection of a softphone in a page, in the place of a socket.
type webSocket struct {
	net.PacketConn // nil
	c              *websocket.Conn
}

// dialWeb opens one. The library is not the one the desk has.
func dialWeb(t *testing.T, at netip.AddrPort, origin string) (*webSocket, *http.Response, error) {
	t.Helper()
	head := http.Header{}
	if origin != "" {
		head.Set("Origin", origin)
	}
	c, res, err := websocket.Dial(soon(t), "ws://"+at.String()+"/sip", &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPHeader: head,
	})
	if err != nil {
		return nil, res, err
	}
	c.SetReadLimit(1 << 20)
	t.Cleanup(func() { c.CloseNow() })
	return &webSocket{c: c}, res, nil
}

func (w *webSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	_, one, err := w.c.Read(context.Background())
	return copy(b, one), nil, err
}

func (w *webSocket) WriteTo(b []byte, _ net.Addr) (int, error) {
	b = bytes.Replace(b, []byte("SIP/2.0/UDP"), []byte("SIP/2.0/WS"), 1)
	return len(b), w.c.Write(context.Background(), websocket.MessageText, b)
}

func (w *webSocket) Close() error { return w.c.CloseNow() }

func (w *webSocket) LocalAddr() net.Addr { return nowhere{} }

type nowhere struct{}

func (nowhere) Network() string { return "ws" }
func (nowhere) String() string  { return webHost }

// webPeer is a softphone in a page that says what a test tells it to.
func webPeer(t *testing.T, at netip.AddrPort) *peer {
	t.Helper()
	w, _, err := dialWeb(t, at, "")
	if err != nil {
		t.Fatal(err)
	}
	return listening(t, w, at)
}

func TestSoftphoneInAPageRegistersIsRungAndAnswers(t *testing.T) {
	e := phoneDesk(t, Config{WS: "127.0.0.1:0"})
	p := webPeer(t, e.AddrWS())
	s := p.call("web")
	contact := "Contact: <sip:lea@" + webHost + ";transport=ws>"
	if r := s.register("lea", "correct horse", digest.SHA256, contact, "Expires: 600"); r.StatusCode != 200 {
		t.Fatalf("REGISTER: %d", r.StatusCode)
	}
	type result struct {
		l   leg.Leg
		err error
	}
	answered := make(chan result, 1)
	go func() {
		l, err := e.Dial(soon(t), Target{Device: 7, Caller: leg.Caller{Number: "+33142000001"}})
		answered <- result{l, err}
	}()
	invite := p.request(gosip.INVITE)
	if via := get(invite, "via"); !strings.HasPrefix(via, "SIP/2.0/WS ") || !strings.Contains(get(invite, "contact"), "transport=ws") {
		t.Errorf("Via: %s, Contact: %s, want WS in both", via, get(invite, "contact"))
	}
	p.reply(invite, 180, "w1", "")
	p.reply(invite, 200, "w1", plainSDP, contact)
	ack := p.request(gosip.ACK)
	if ack.CSeq().SeqNo != invite.CSeq().SeqNo {
		t.Error("the ACK is of another INVITE")
	}
	r := <-answered
	if r.err != nil {
		t.Fatalf("Dial() = %v", r.err)
	}
	r.l.Hangup(leg.Released)
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, r.l, leg.Released)
	p.c.Close()
	until(t, "the connection has gone", func() bool { return len(e.liveStreams()) == 0 })
	began := time.Now()
	if _, err := e.Dial(soon(t), Target{Device: 7}); leg.CauseOf(err) != leg.Unreachable || time.Since(began) > time.Second {
		t.Errorf("Dial() without the connection = %v after %v", err, time.Since(began))
	}
}

func TestSoftphoneInAPageCalls(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	e := phoneDesk(t, Config{WS: "127.0.0.1:0", AcceptPhone: answerAll(legs)})
	p := webPeer(t, e.AddrWS())
	s := p.call("out")
	s.to, s.target = "<sip:+33970000000@desk.example.com>", "sip:+33970000000@desk.example.com"
	contact := "Contact: <sip:lea@" + webHost + ";transport=ws>"
	r := p.anyAnswer(s.say("INVITE", plainSDP, contact))
	s.ack(s.seq, "")
	auth := "Authorization: " + answerTo(t, r, digest.SHA256).Answer("lea", "correct horse", "INVITE", s.target, "abc", 1).String()
	s.learn(p.answer(200, s.say("INVITE", plainSDP, contact, auth)))
	s.ack(s.seq, "")
	l := <-legs
	l.Hangup(leg.Released)
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, l, leg.Released)
}

func TestWebSocketIsOpenedToWhomItIsFor(t *testing.T) {
	e := open(t, Config{WS: "127.0.0.1:0", Origins: []string{"https://desk.example.org"}})
	for _, tt := range []struct {
		origin string
		ok     bool
	}{{"https://desk.example.org", true}, {"HTTPS://DESK.example.org", true}, {"", true}, {"https://evil.example.org", false}, {"null", false}} {
		_, res, err := dialWeb(t, e.AddrWS(), tt.origin)
		if (err == nil) != tt.ok {
			t.Errorf("origin %q: %v", tt.origin, err)
		}
		if !tt.ok && (res == nil || res.StatusCode != http.StatusForbidden) {
			t.Errorf("origin %q: the answer is %v, want 403", tt.origin, res)
		}
	}
	c, res, err := websocket.Dial(soon(t), "ws://"+e.AddrWS().String(), nil)
	if err == nil {
		c.CloseNow()
	}
	if err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("without the subprotocol: %v, want 400", err)
	}
}

func TestPingOfAWebSocketIsAnswered(t *testing.T) {
	e := open(t, Config{WS: "127.0.0.1:0"})
	w, _, err := dialWeb(t, e.AddrWS(), "")
	if err != nil {
		t.Fatal(err)
	}
	pong := make(chan string, 1)
	go func() {
		_, b, _ := w.c.Read(context.Background())
		pong <- string(b)
	}()
	if err := w.c.Ping(soon(t)); err != nil {
		t.Errorf("Ping() = %v", err)
	}
	if _, err := w.WriteTo([]byte("\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	if got := <-pong; got != "\r\n" {
		t.Errorf("the answer to a double line end is %q", got)
	}
}

func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	e := phoneDesk(t, Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", WS: "127.0.0.1:0", WSS: "127.0.0.1:0",
		Certificate: id.cert, Key: id.key, Limits: Limits{Connections: 300},
	})
	ways := []netip.AddrPort{e.AddrTCP(), e.AddrTLS(), e.AddrWS(), e.AddrWSS()}
	for i := range 600 { // twice what there is room for
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 8, 0, byte(i/30+1))}}
		c, err := d.Dial("tcp", ways[i%4].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		switch i % 12 {
		case 1, 3: // half a ClientHello
			c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1})
		case 2: // half an upgrade
			c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: web"))
		}
	}
	// One is over the limit for as long as it takes to put the oldest out.
	until(t, "300 connections at most are open", func() bool { return len(e.liveStreams()) <= 300 })
	for i, at := range ways {
		t.Run(fmt.Sprint("way ", i), func(t *testing.T) {
			var p *peer
			if i >= 2 {
				opts := &websocket.DialOptions{Subprotocols: []string{"sip"}}
				url := "ws://" + at.String()
				if i == 3 {
					url = "wss://" + at.String()
					tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
					defer tr.CloseIdleConnections()
					opts.HTTPClient = &http.Client{Transport: tr}
				}
				c, _, err := websocket.Dial(soon(t), url, opts)
				if err != nil {
					t.Fatal(err)
				}
				p = listening(t, &webSocket{c: c}, at)
			} else {
				var c net.Conn
				var err error
				if c, err = net.Dial("tcp", at.String()); err != nil {
					t.Fatal(err)
				}
				if i == 1 {
					c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
				}
				p = listening(t, &packets{Conn: c}, at)
			}
			if r := p.call(fmt.Sprint("legit", i)).register("lea", "correct horse", digest.SHA256, "Expires: 600"); r.StatusCode != 200 {
				t.Errorf("REGISTER: %d", r.StatusCode)
			}
		})
	}
}

// packets is a stream in the place of a socket; each read is one message here.
type packets struct{ net.Conn }

func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := p.Read(b)
	return n, nil, err
}

func (p *packets) WriteTo(b []byte, _ net.Addr) (int, error) { return p.Write(b) }

// answerAll answers every call of a telephone.
func answerAll(legs chan<- leg.Leg) func(context.Context, leg.Leg, sotto.DeviceID) {
	return func(ctx context.Context, l leg.Leg, _ sotto.DeviceID) {
		if l.Answer(ctx) == nil {
			legs <- l
			<-l.Ended()
		}
	}
}
