package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/sip/sdp"
)

var _ leg.Guarded = (*Call)(nil)

// guardedDesk takes every call that lets itself be encrypted, over every road.
func guardedDesk(t *testing.T) (*Endpoint, identity, <-chan leg.Leg) {
	t.Helper()
	id, legs := newIdentity(t, "127.0.0.1"), make(chan leg.Leg, 8)
	return open(t, Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", WS: "127.0.0.1:0", WSS: "127.0.0.1:0",
		Certificate: id.cert, Key: id.key, Media: engine(t, "127.0.0.1"),
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}, {Name: "believed", Sources: []string{phoneAddr}, SecureMedia: true}},
		Accept: func(ctx context.Context, l leg.Leg) {
			if err := l.(leg.Guarded).Encrypt(ctx); err != nil {
				if got := leg.CauseOf(err); ctx.Err() == nil && got != leg.Insecure || l.Cause() != leg.Insecure && l.Cause() != "" {
					t.Errorf("Encrypt() = %v, Cause() = %q", err, l.Cause())
				}
				return
			}
			if l.Answer(ctx) == nil {
				legs <- l
				<-l.Ended()
			}
		},
	}), id, legs
}

func TestCallThatMustBeEncryptedIsOrIsRefused(t *testing.T) {
	e, _, legs := guardedDesk(t)
	theirs := (&session{}).terms(sdp.Required)
	theirs.Addr, theirs.ID, theirs.Version = netip.MustParseAddrPort("127.0.0.2:40000"), 1, 1
	closed := string(sdp.Offer(theirs))
	theirs.Secure = sdp.Opportunistic
	either := string(sdp.Offer(theirs))
	for i, tt := range []struct {
		name, host string
		road       int
		offer      string
		want       int
	}{
		{"encrypted over TLS", peerAddr, 2, closed, 200},
		{"encrypted if we can, over TLS", peerAddr, 2, either, 200},
		{"encrypted over WSS", peerAddr, 4, closed, 200},
		{"our offer over TLS", peerAddr, 2, "", 200},
		{"plain over TLS", peerAddr, 2, plainSDP, 488},
		{"plain over UDP", peerAddr, 0, plainSDP, 488},
		{"keys in the clear, on a trunk that is believed", phoneAddr, 0, closed, 488},
		{"plain over TCP", peerAddr, 1, plainSDP, 488},
		{"our offer over UDP", peerAddr, 0, "", 488},
		{"if we can, over WS", peerAddr, 3, either, 488},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := roads()[tt.road]
			p := listening(t, r.dial(t, e, tt.host), r.at(e))
			s := p.call(fmt.Sprint("guarded", i))
			res := s.learn(p.answer(tt.want, s.say("INVITE", tt.offer)))
			if tt.want != 200 {
				return
			}
			if body := string(res.Body()); !strings.Contains(body, "RTP/SAVP ") && tt.offer != either || !strings.Contains(body, "a=crypto:") {
				t.Errorf("our description is\n%s", body)
			}
			answer := ""
			if tt.offer == "" {
				answer = closed
			}
			s.ack(s.seq, answer)
			l := comes(t, legs)
			if !l.(*Call).Encrypted() {
				t.Error("the audio is not encrypted")
			}
			p.answer(488, s.say("INVITE", plainSDP)) // to go on in the clear
			p.answer(200, s.say("INVITE", closed))   // the call lives
			s.ack(s.seq, "")
			p.answer(200, s.say("BYE", ""))
			ends(t, l, leg.HungUp)
		})
	}
}

func TestPlainAnswerToOurEncryptedOfferEndsTheCall(t *testing.T) {
	e, _, _ := guardedDesk(t)
	r := roads()[2]
	p := listening(t, r.dial(t, e, peerAddr), r.at(e))
	s := p.call("late")
	s.learn(p.answer(200, s.say("INVITE", "")))
	s.ack(s.seq, plainSDP)
	p.reply(p.request(gosip.BYE), 200, "", "")
	until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
}

func TestCallOutThatMustBeEncryptedGoesWhereItCanBe(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	carrier, own, legs := guardedDesk(t)
	clear := newPeer(t, "127.0.0.9", netip.AddrPort{})
	other := open(t, Config{
		TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key, Trunks: []Trunk{{Name: "desk", Sources: []string{peerAddr}}},
		Accept: func(ctx context.Context, l leg.Leg) {
			c := l.(*Call)
			if body := string(c.invite.req.Body()); !strings.Contains(body, "RTP/SAVP ") {
				t.Errorf("the offer is\n%s", body)
			}
			l.Hangup(leg.Insecure) // 488: it will not be asked again in plain
		},
	})
	e := open(t, Config{UDP: peerAddr + ":0", Media: engine(t, peerAddr), Trunks: []Trunk{
		{Name: "clear", Address: clear.addr()},
		{Name: "tls", TLS: true, Address: carrier.AddrTLS().String(), Fingerprint: own.fingerprint},
		{Name: "plain only", TLS: true, Address: other.AddrTLS().String(), Fingerprint: id.fingerprint},
	}})
	out, err := e.Dial(soon(t), Target{Trunks: []string{"clear", "tls"}, Number: "+33970000000", Secure: true})
	if err != nil {
		t.Fatalf("Dial() = %v", err)
	}
	if l := comes(t, legs); !l.(*Call).Encrypted() || !out.(*Call).Encrypted() || out.(*Call).Trunk() != "tls" {
		t.Error("the call can be overheard")
	}
	out.Hangup(leg.Released)
	for trunk, want := range map[string]leg.Cause{"clear": leg.Insecure, "plain only": leg.Rejected} {
		if _, err := e.Dial(soon(t), Target{Trunks: []string{trunk}, Number: "+33970000000", Secure: true}); leg.CauseOf(err) != want {
			t.Errorf("Dial() through %s = %v, want %s", trunk, err, want)
		}
	}
	if _, err := e.Dial(soon(t), Target{Device: 7, Secure: true}); leg.CauseOf(err) != leg.Unreachable {
		t.Errorf("Dial() of a telephone that is not there = %v", err)
	}
	none(clear, "a request in the clear", func(*gosip.Request) bool { return true })
	if n := other.Stats().Calls; n != 1 {
		t.Errorf("the trunk without encryption was asked %d times", n)
	}
}
