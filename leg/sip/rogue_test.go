package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

func showsPassword(r *gosip.Request) bool {
	return r.GetHeader("authorization") != nil || r.GetHeader("proxy-authorization") != nil
}

// A rogue asks for the password wherever it can: for another realm at the
// trunk's place, for the right realm at another place, in the dialog, after a
// redirection. It sees none (reliability.md 2.2, digest leak).
func TestRogueThatChallengesEverythingSeesNoPassword(t *testing.T) {
	t.Parallel()
	ask := func(status int, realm string) []string {
		name := map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[status]
		var l []string
		for _, alg := range []string{"SHA-256", "MD5"} {
			l = append(l, fmt.Sprintf(`%s: Digest realm=%q, nonce="n", algorithm=%s, qop="auth"`, name, realm, alg))
		}
		return l
	}
	for _, status := range []int{401, 407} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			e, peers := carriers(t, Config{}, onlyOne(func(k *Trunk) {
				withPassword(t, k, "trunk secret")
				k.KeepAlive, k.Register = testT1, true
			}))
			one, rogue := peers[0], newPeer(t, "127.0.0.99", e.Addr())
			seen := 0
			serve := func(ctx context.Context, p *peer, realm string) {
				for {
					select {
					case m := <-p.in:
						r, ok := m.(*gosip.Request)
						if !ok {
							continue
						}
						if showsPassword(r) {
							t.Errorf("%s shows the password", r.Method)
						}
						if seen++; r.Method != gosip.ACK {
							p.reply(r, status, "x", "", ask(status, realm)...)
						}
					case <-ctx.Done():
						return
					}
				}
			}
			// The trunk's own place with another realm: OPTIONS, REGISTER, INVITE, MESSAGE.
			ctx, stop := context.WithCancel(soon(t))
			done := make(chan struct{})
			go func() { defer close(done); serve(ctx, one, "elsewhere") }()
			if _, err := e.Dial(soon(t), Target{Trunks: []string{"one"}, Number: "+33142000001"}); leg.CauseOf(err) != leg.Rejected {
				t.Errorf("Dial() = %v", err)
			}
			if r, err := e.SendText(soon(t), Text{Trunks: []string{"one"}, Number: "+33142000001", Text: "x"}); err != nil || r.Status != status {
				t.Errorf("SendText() = %+v, %v", r, err)
			}
			stop()
			<-done
			if seen < 3 {
				t.Errorf("the rogue saw %d requests", seen)
			}
			// The right realm at another place: after a redirection, and by Contact.
			call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
			one.reply(one.request(gosip.INVITE), 302, "x", "", "Contact: <sip:rogue@"+rogue.addr()+">")
			<-call
			call = dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
			one.reply(one.request(gosip.INVITE), 200, "y", plainSDP, "Contact: <sip:rogue@"+rogue.addr()+">", "Allow: UPDATE",
				"Supported: timer", "Session-Expires: 1800;refresher=uac")
			rogue.request(gosip.ACK)
			c := (<-call).l.(*Call)
			c.mail.post(c.refreshSession)
			rogue.reply(rogue.request(gosip.UPDATE), status, "", "", ask(status, "carrier")...)
			until(t, "the refresh is over", func() bool {
				open := make(chan bool, 1)
				return c.mail.post(func() { open <- c.asking }) && !<-open
			})
			c.Hangup(leg.Released)
			rogue.reply(rogue.request(gosip.BYE), status, "", "", ask(status, "carrier")...)
			until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
			none(rogue, "a password", showsPassword)
			none(one, "a password", showsPassword)
		})
	}
}

// spellings are ways to write a header field that some reader might take for
// name, and others for nothing.
func spellings(name, value string) []string {
	short := map[string]string{"Diversion": "Divers", "P-Asserted-Identity": "P-Asserted"}[name]
	names := []string{
		name, strings.ToLower(name), strings.ToUpper(name), name + " ", name + "\t", name + "  \t ", " " + name,
		"\t" + name, strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ""), "X-" + name, name + "\x00",
		"\x00" + name, name + "\x0b", name + "\x0c", name + "\xa0", name + "\u00a0", name[:1] + "\x00" + name[1:],
		name + "\r", short, name + ";", name + "%3A", `"` + name + `"`, strings.Replace(name, "i", "ı", 1), name + "\x7f",
	}
	values := []string{
		value, " " + value, "\t" + value, "\r\n " + value, "\r\n\t" + value, "\x00" + value, value + "\x00",
		value + ",", "," + value, "x, " + value, value + ";a=b", "\x0b" + value,
	}
	var l []string
	for _, n := range names {
		for _, v := range values {
			l = append(l, n+":"+v)
		}
	}
	return l
}

func TestIdentityHeadersOfTheUntrustedAreNotBelieved(t *testing.T) {
	legs := make(chan leg.Caller, 1)
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}},
		Accept: func(_ context.Context, l leg.Leg) { legs <- l.Caller() },
	})
	p := newPeer(t, peerAddr, e.Addr())
	want := leg.Caller{Number: "+33142000001", Name: "A. Caller"}
	tried, taken := 0, 0
	for _, h := range []struct{ name, value string }{
		{"P-Asserted-Identity", "<sip:+8821000@c.example>"}, {"Diversion", "<sip:+8821000@c.example>"},
		{"Remote-Party-ID", "<sip:+8821000@c.example>"}, {"History-Info", "<sip:+8821000@c.example>;index=1, <sip:+1@c.example>;index=1.1"},
		{"P-Preferred-Identity", "<sip:+8821000@c.example>"},
	} {
		for _, line := range spellings(h.name, h.value) {
			tried++
			s := p.call(fmt.Sprintf("spell%d", tried))
			s.say("INVITE", plainSDP, line)
			r := next(p, "a final answer", func(r *gosip.Response) bool { return r.StatusCode >= 200 && r.CallID().Value() == s.id })
			s.to = get(r, "to")
			if r.StatusCode != 480 {
				continue // refused as malformed
			}
			taken++
			if got := <-legs; got != want {
				t.Errorf("%q: Caller() = %+v", line, got)
			}
		}
	}
	if tried < 300 || taken < 100 {
		t.Errorf("%d spellings, %d of them readable calls; want 300 and 100", tried, taken)
	}
}

func TestTrustedTrunkSaysWhoCallsAndWhoSentTheCallOn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  string
		lines []string
		want  leg.Caller
	}{
		{"the newest diversion", "", []string{"Diversion: <sip:+33142000005@c.example>;reason=user-busy, <sip:+33142000006@c.example>"},
			leg.Caller{Number: "+33142000001", Name: "A. Caller", Diverted: "+33142000005"}},
		{"history", "", []string{"History-Info: <sip:+33142000007@c.example?Reason=SIP%3Bcause%3D302>;index=1, <sip:+33970000000@c.example>;index=1.1"},
			leg.Caller{Number: "+33142000001", Name: "A. Caller", Diverted: "+33142000007"}},
		{"history of one call", "", []string{"History-Info: <sip:+33970000000@c.example>;index=1"}, leg.Caller{Number: "+33142000001", Name: "A. Caller"}},
		{"a private diversion", "", []string{"Diversion: <sip:+33142000005@c.example>;privacy=full"}, leg.Caller{Number: "+33142000001", Name: "A. Caller"}},
		{"no user", "<sip:c.example>", nil, leg.Caller{Withheld: true}},
		{"no user, asserted", "<sip:c.example>", []string{"P-Asserted-Identity: <tel:+33142000008>"}, leg.Caller{Number: "+33142000008"}},
		{"a word for nobody", "<sip:unavailable@c.example>", nil, leg.Caller{Withheld: true}},
		{"Anonymous in any case", "<sip:ANONYMOUS@c.example>", []string{"P-Asserted-Identity: <tel:+33142000008>"}, leg.Caller{Withheld: true}},
		{"a national number", "<sip:0142000001@c.example>", nil, leg.Caller{Number: "+33142000001"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			callers := make(chan leg.Caller, 1)
			e := open(t, Config{
				Trunks: []Trunk{{
					Name: "carrier", Sources: []string{peerAddr}, TrustIdentity: true, TrustDiversion: true,
					Numbers: NumbersNational, Country: "33",
				}},
				Accept: func(_ context.Context, l leg.Leg) { callers <- l.Caller() },
			})
			p := newPeer(t, peerAddr, e.Addr())
			s := p.call("caller")
			text := s.text("INVITE", 1, p.branch(), plainSDP, tt.lines...)
			if tt.from != "" {
				text = strings.Replace(text, `"A. Caller" <sip:+33142000001@carrier.example.com>`, tt.from, 1)
			}
			p.send(text)
			p.answer(480, 1)
			if got := <-callers; got != tt.want {
				t.Errorf("Caller() = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCallToOurAccountIsForTheNumberInTo(t *testing.T) {
	for _, tt := range []struct {
		name, user string
		register   bool
		want       string
	}{
		{"registered, our account", "acc7", true, "+33970000000"}, {"registered, another number", "+33970000001", true, "+33970000001"},
		{"not registered", "acc7", false, "acc7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dialled := make(chan string, 1)
			cfg := Config{Accept: func(_ context.Context, l leg.Leg) { dialled <- l.Dialled() }}
			e, peers := carriers(t, cfg, onlyOne(func(k *Trunk) { k.Username, k.Register = "acc7", tt.register }))
			s := peers[0].call("account")
			s.target = "sip:" + tt.user + "@" + e.Addr().String()
			s.say("INVITE", plainSDP)
			if got := <-dialled; got != tt.want {
				t.Errorf("Dialled() = %q, want %q", got, tt.want)
			}
		})
	}
}

// What outsiders write into header fields and texts comes out as plain text,
// or not at all.
func FuzzReadersOfRequests(f *testing.F) {
	f.Add("<sip:+33142000001@c.example>", "<sip:+33142000005@c.example>;reason=user-busy", "1 1 INVITE", plainText[len("Content-Type: "):], "Bonjour\r\n")
	f.Add(`"A" <sip:anonymous@anonymous.invalid>;tag=1`, "<sip:1@x?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>", "4294967295 0 INVITE", "text/plain;charset=\"utf-8\"", "\x00\u202e")
	f.Add("", "", "", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
	f.Add("", "", "", "application/dtmf", "Signal= 11 =\n12")
	f.Add("<tel:+33-1-42>", "sip:%00@x", "", ";;;", "\xff")
	trusted := &trunk{Trunk: Trunk{TrustIdentity: true, TrustDiversion: true, Numbers: NumbersNational, Country: "33"}}
	e := &Endpoint{calls: map[string]*Call{}}
	f.Fuzz(func(t *testing.T, who, where, rack, kind, body string) {
		req := gosip.NewRequest(gosip.INVITE, gosip.Uri{Scheme: "sip", User: "1", Host: "desk.example.com"})
		for name, v := range map[string]string{
			"From": who, "To": where, "P-Asserted-Identity": who, "Diversion": where, "History-Info": where, "Refer-To": where, "Content-Type": kind,
		} {
			req.AppendHeader(gosip.NewHeader(name, v))
		}
		req.SetBody([]byte(body))
		plain := func(what, s string) {
			if strings.ContainsAny(s, "\x00\r\x1b\x7f\u202e") || !utf8.ValidString(s) {
				t.Errorf("%s = %q", what, s)
			}
		}
		c := callerOf(req, trusted)
		plain("Number", c.Number)
		plain("Name", c.Name)
		plain("Diverted", c.Diverted)
		if c.Withheld && c.Number+c.Name != "" {
			t.Errorf("a withheld caller has a number or a name: %+v", c)
		}
		plain("dialled", dialledOn(req, trusted))
		if text, status := readText(req); status == 200 {
			plain("text", text)
		}
		acknowledges(rack, 1, 1)
		if d, ok := relayDigit([]byte(body)); ok && !strings.ContainsRune("0123456789*#ABCD", rune(d)) {
			t.Errorf("relayDigit(%q) = %q", body, rune(d))
		}
		call := &Call{e: e}
		if n, with, status := call.referTo(req); status == 202 && with == nil {
			if _, err := dialable(n); err != nil {
				t.Errorf("referTo() = %q", n)
			}
		}
	})
}
