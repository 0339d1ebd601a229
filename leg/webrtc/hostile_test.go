package webrtc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/webrtc"
	"sotto/leg/webrtc/webrtctest"
)

// clientHello is a DTLS 1.2 ClientHello that offers no encryption at all
// (TLS_NULL_WITH_NULL_NULL), the n-th of its sender.
func clientHello(n byte) []byte {
	body := append([]byte{0xfe, 0xfd}, make([]byte, 32)...) // version, random
	body = append(body, 0, 0, 0, 2, 0, 0, 1, 0)             // no session, no cookie, one cipher, one compression
	hs := append([]byte{1, 0, 0, byte(len(body)), 0, n, 0, 0, 0, 0, 0, byte(len(body))}, body...)
	return append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, n, 0, byte(len(hs))}, hs...)
}

var ufrag = regexp.MustCompile(`a=ice-ufrag:(\S+)`)

// TestForgedClientHellosDoNotKeepThePageOut sends 1,000 of them before the
// page's own, half of them after a check of the way with the right name and
// the wrong password (ES2023-01, -02, -03).
func TestForgedClientHellosDoNotKeepThePageOut(t *testing.T) {
	d := open(t, nil)
	var answered atomic.Int64
	flood := func(sdp string) {
		name := ufrag.FindStringSubmatch(sdp)[1]
		for i := range 10 {
			conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(d.e.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if i%2 == 0 {
				m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(name+":none"),
					stun.NewShortTermIntegrity("not the password of the desk"), stun.Fingerprint)
				if err != nil {
					t.Fatal(err)
				}
				send(t, conn, m.Raw)
			}
			go func() {
				b := make([]byte, 1500)
				for {
					if _, err := conn.Read(b); err != nil {
						return
					}
					answered.Add(1)
				}
			}()
			for n := range 100 {
				send(t, conn, clientHello(byte(n)))
			}
		}
	}
	began := time.Now()
	page := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Device: 1}), Answered: flood})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the page was connected after %v", took)
	}
	eventually(t, "the page can be rung", func() bool { return d.isHere(1) })
	d.talk(page, 1)
	if n := answered.Load(); n != 0 {
		t.Errorf("the forger got %d answers", n)
	}
}

func send(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
}

// TestForgedAudioIsNotHeard sends 2,000 bad SRTP packets and other rubbish
// from the page's own address and from another (ES2021-09, ES2025-01).
func TestForgedAudioIsNotHeard(t *testing.T) {
	d := open(t, nil)
	page := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Device: 1}), OnePort: true})
	eventually(t, "the page can be rung", func() bool { return d.isHere(1) })
	l, phone, _ := d.talk(page, 1)
	other, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.3:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // nothing is lost with it
	page.Off()
	eventually(t, "the page's last packets are in", func() bool { return l.Media().SilentFor() > 60*time.Millisecond })
	before := l.Media().Quality().Received
	to := net.UDPAddrFromAddrPort(d.e.Addr())
	for n := range 1000 {
		rtp := append([]byte{0x80, 0, byte(n >> 8), byte(n), 0, 0, 0, 1, 1, 2, 3, 4}, make([]byte, 170)...)
		for _, b := range [][]byte{rtp, {0x80, 200, 0, 1}, {22, 0xfe}, {0}, clientHello(byte(n))} {
			for _, conn := range []net.PacketConn{page.Wire(), other} {
				if _, err := conn.WriteTo(b, to); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	page.On()
	phone.Forget()
	page.Forget()
	eventually(t, "both hear each other on", func() bool { return page.Hears(440) && phone.Hears(1000) })
	if got := l.Media().Quality(); got.Received-before > 500 {
		t.Errorf("forged packets were heard: %d before, %d after", before, got.Received)
	}
	if l.Cause() != "" {
		t.Errorf("the call ended: %s", l.Cause())
	}
}

func TestPageThatBreaksTheProtocolIsLetGo(t *testing.T) {
	d := open(t, nil)
	for name, write := range map[string]func(*webrtctest.Page){
		"no JSON":        func(p *webrtctest.Page) { p.Write([]byte("hello")) },
		"unknown type":   func(p *webrtctest.Page) { p.Say("transfer", webrtc.Accept{Leg: 1}) },
		"unknown member": func(p *webrtctest.Page) { p.Say("accept", map[string]any{"leg": 1, "admin": true}) },
		"too long":       func(p *webrtctest.Page) { p.Say("offer", webrtc.Offer{SDP: strings.Repeat("a", 20<<10)}) },
		"many keys":      func(p *webrtctest.Page) { p.Say("digits", webrtc.Digits{Leg: 1, Digits: strings.Repeat("5", 33)}) },
		"too fast": func(p *webrtctest.Page) {
			p.Flood("hangup", webrtc.HangUp{Leg: 4}, 60)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Device: 1}), NoAudio: true})
			write(p)
			if got := p.Closed(); got != 4003 && got != 1009 {
				t.Errorf("closed with %d", got)
			}
		})
	}
}

func TestOfferThatIsNoneOfOursIsRefused(t *testing.T) {
	d := open(t, nil)
	const head = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
	for name, sdp := range map[string]string{
		"empty": "", "rubbish": "hello", "no media": head,
		"video":        head + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
		"two streams":  head + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", 2),
		"no keys":      head + "m=audio 9 RTP/AVP 0\r\n",
		"Opus alone":   head + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AA:", 32), ":") + "\r\na=sendrecv\r\na=rtcp-mux\r\n",
		"huge numbers": head + "m=audio 4294967296 RTP/AVP 4294967296\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Device: 1}), NoAudio: true})
			p.Say("offer", webrtc.Offer{SDP: sdp})
			var why webrtc.Problem
			if p.Wait("problem", &why); why.Code != "offer" {
				t.Errorf("%+v", why)
			}
			p.Close()
		})
	}
}

func TestOnlyAPageOfOursWithAFreshTicketConnects(t *testing.T) {
	var ahead atomic.Int64
	d := open(t, func(c *webrtc.Config) {
		c.Origins = []string{"https://www.example.com"}
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	host := strings.TrimPrefix(d.web.URL, "http://")
	get := func(origin, protocols string) int {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, d.web.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin, "Sec-WebSocket-Protocol": protocols} {
			if v != "" {
				r.Header.Set(k, v)
			}
		}
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // only the status counts
		return resp.StatusCode
	}
	word := func() string { return "sotto.phone.v1, ticket." + d.ticket(webrtc.Pass{Device: 1}) }
	used := word()
	old := word()
	for _, test := range []struct {
		name, origin, protocols string
		want                    int
	}{
		{"OK", "http://" + host, used, http.StatusSwitchingProtocols},
		{"OK, another page of ours", "https://www.example.com", word(), http.StatusSwitchingProtocols},
		{"the ticket again", "http://" + host, used, http.StatusUnauthorized},
		{"no ticket", "http://" + host, "sotto.phone.v1", http.StatusUnauthorized},
		{"a guess", "http://" + host, "sotto.phone.v1, ticket.AAAA", http.StatusUnauthorized},
		{"another protocol", "http://" + host, strings.TrimPrefix(word(), "sotto.phone.v1, "), http.StatusUnauthorized},
		{"no origin", "", word(), http.StatusForbidden},
		{"another site", "https://evil.example", word(), http.StatusForbidden},
		{"a site with our name in it", "http://" + host + ".evil.example", word(), http.StatusForbidden},
		{"a file", "null", word(), http.StatusForbidden},
		{"another port", "http://127.0.0.1:1", word(), http.StatusForbidden},
	} {
		if got := get(test.origin, test.protocols); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	ahead.Store(int64(31 * time.Second))
	if got := get("http://"+host, old); got != http.StatusUnauthorized {
		t.Errorf("a ticket of half a minute ago: %d", got)
	}
}

func TestVisitorCallsItsLineAndNoOther(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	d := open(t, func(c *webrtc.Config) {
		c.Accept = func(ctx context.Context, l leg.Leg) { legs <- l; <-ctx.Done() }
	})
	from := netip.MustParseAddr("192.0.2.7")
	visit := func() *webrtctest.Page {
		return webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Line: "+33199000001", From: from, Name: "Camille Exemple", Told: leg.Told{Locale: "fr", Ticked: true}})})
	}
	page := visit()
	page.Say("accept", webrtc.Accept{Leg: 1})
	var p webrtc.Problem
	if page.Wait("problem", &p); p.Code != "no-call" {
		t.Errorf("a visitor accepts a call: %+v", p)
	}
	page.Hum(700)
	page.Say("call", webrtc.Call{})
	l := <-legs
	if c := l.Caller(); c.Number != "" || c.Name != "Camille Exemple" || l.Dialled() != "+33199000001" {
		t.Errorf("the visitor is %+v and called %q", c, l.Dialled())
	}
	if told, ok := l.(leg.Visitor).Told(); !ok || !told.Ticked || told.Locale != "fr" {
		t.Errorf("what the visitor was shown and ticked was lost: %+v", told)
	}
	l.(leg.Visitor).Show(leg.Progress{State: "queued", Consent: "granted"})
	var shown webrtc.Progress
	if page.Wait("progress", &shown); shown.State != "queued" || shown.Consent != "granted" {
		t.Errorf("the page shows %+v", shown)
	}
	if err := l.Ring(t.Context()); err != nil {
		t.Error(err)
	}
	page.Rung()
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	phone, port := d.phone(440)
	media.Bridge(port, l.Media())
	eventually(t, "both hear each other", func() bool { return page.Hears(440) && phone.Hears(700) })
	page.Say("call", webrtc.Call{})
	if page.Wait("problem", &p); p.Code != "busy" {
		t.Errorf("a second call: %+v", p)
	}
	page.Close()
	ended(t, l, leg.HungUp)

	page = visit() // and one whose machine is switched off
	page.Say("call", webrtc.Call{})
	l = <-legs
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	page.Vanish()
	ended(t, l, leg.PeerLost)
}

// TestVisitorComesBackAfterAChangeOfNetwork cuts the WebSocket and the audio of
// a visitor's page in the middle of a call: with its word it goes on with the
// same call, once, and nobody else does.
func TestVisitorComesBackAfterAChangeOfNetwork(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	d := open(t, func(c *webrtc.Config) {
		c.Accept = func(ctx context.Context, l leg.Leg) { legs <- l; <-ctx.Done() }
		c.Timers.Visitor = 5 * time.Second
	})
	pass := webrtc.Pass{Line: "boutique", From: netip.MustParseAddr("192.0.2.7")}
	page := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(pass), NoAudio: true})
	var ready webrtc.Ready
	page.Wait("ready", &ready)
	if _, status, err := webrtctest.Try(t, webrtctest.Config{URL: d.web.URL, Return: ready.Return}); err == nil || status != http.StatusUnauthorized {
		t.Errorf("a page without a call may be taken over: %d", status)
	}
	page.Close()

	page = webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(pass), NoAudio: true})
	page.Wait("ready", &ready)
	page.Connect()
	page.Hum(700)
	page.Say("call", webrtc.Call{})
	l := <-legs
	if err := l.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	phone, port := d.phone(440)
	media.Bridge(port, l.Media())
	eventually(t, "both hear each other", func() bool { return page.Hears(440) && phone.Hears(700) })
	page.Vanish()
	if _, status, err := webrtctest.Try(t, webrtctest.Config{URL: d.web.URL, Return: "guessed"}); err == nil || status != http.StatusUnauthorized {
		t.Errorf("a guessed word takes over a call: %d", status)
	}
	back := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Return: ready.Return, NoAudio: true})
	var again webrtc.Ready
	if back.Wait("ready", &again); again.Call == nil || !again.Call.Talking {
		t.Fatalf("it comes back to %+v", again)
	}
	back.Connect()
	back.Hum(900)
	eventually(t, "both hear each other again", func() bool { return back.Hears(440) && phone.Hears(900) })
	if _, status, err := webrtctest.Try(t, webrtctest.Config{URL: d.web.URL, Return: ready.Return}); err == nil || status != http.StatusUnauthorized {
		t.Errorf("the word is good twice: %d", status)
	}
	back.Vanish()
	l.Hangup(leg.Released)
	ended(t, l, leg.Released)
	if _, status, err := webrtctest.Try(t, webrtctest.Config{URL: d.web.URL, Return: again.Return}); err == nil || status != http.StatusUnauthorized {
		t.Errorf("a call that is over goes on: %d", status)
	}
}

func TestVisitorsAreFew(t *testing.T) {
	var ahead atomic.Int64
	d := open(t, func(c *webrtc.Config) {
		c.Accept = func(ctx context.Context, _ leg.Leg) { <-ctx.Done() }
		c.MaxVisitors = 4
		c.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	ask := func(from string) (string, error) {
		return d.e.Ticket(webrtc.Pass{Line: "+33199000001", From: netip.MustParseAddr(from)})
	}
	for i := range 5 {
		if _, err := ask(fmt.Sprintf("2001:db8::%d", i+1)); err != nil {
			t.Fatalf("ticket %d: %v", i+1, err)
		}
	}
	if _, err := ask("2001:db8::99"); sotto.KindOf(err) != sotto.Busy {
		t.Errorf("the sixth ticket of one network: %v", err)
	}
	if _, err := ask("2001:db8:0:1::1"); err != nil {
		t.Errorf("another network: %v", err)
	}
	ahead.Store(int64(21 * time.Second))
	if _, err := ask("2001:db8::7"); err != nil {
		t.Errorf("a while later: %v", err)
	}
	status := func(from string) int {
		word, err := ask(from)
		if err != nil {
			return http.StatusTooManyRequests
		}
		_, got, _ := webrtctest.Try(t, webrtctest.Config{URL: d.web.URL, Ticket: word, NoAudio: true})
		return got
	}
	var got []int
	for _, from := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		got = append(got, status(from))
	}
	if want := "[101 101 101 429 101 503]"; fmt.Sprint(got) != want {
		t.Errorf("pages opened: %v, want %v", got, want)
	}
}

func TestForgottenDeviceIsShutOut(t *testing.T) {
	d := open(t, nil)
	page := d.page(1)
	l, _, _ := d.talk(page, 1)
	d.e.Forget(1)
	d.e.Forget(2)
	ended(t, l, leg.Released)
	if got := page.Closed(); got != 4002 {
		t.Errorf("closed with %d", got)
	}
	eventually(t, "the page cannot be rung", func() bool { return !d.isHere(1) })
}

// FuzzMessage holds that whatever a page sends is a message of the list or an
// error, and never a panic.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"type":"accept","body":{"leg":1}}`, `{"type":"offer","body":{"sdp":"v=0","restart":true}}`,
		`{"type":"digits","body":{"leg":1,"digits":"1*#"}}`, `{"type":"call","body":{"consent":true}}`,
		`{"type":"mute","body":{"leg":9223372036854775808}}`, `{"type":"x"}`, `[]`, `{"type":"accept"}{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := webrtc.Decode(b)
		if (m == nil) == (err == nil) {
			t.Errorf("%v, %v", m, err)
		}
		if err == nil {
			if _, err := json.Marshal(m); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzOffer holds that no claimed address outlives the cleaning of an offer.
func FuzzOffer(f *testing.F) {
	f.Add("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n")
	f.Add("v=0\r\nm=audio 9 RTP/AVP 0 fmtp\x00\r\n")
	f.Fuzz(func(t *testing.T, sdp string) {
		got, err := webrtc.Clean(sdp)
		if err == nil && strings.Contains(got, "\na=candidate:") {
			t.Errorf("an address was kept in %q", got)
		}
	})
}
