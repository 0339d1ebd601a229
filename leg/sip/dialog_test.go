package sip

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
)

func TestRequestsFollowTheRoute(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lr     string
		uri    string // of the BYE; %c is the caller, %p the first proxy
		routes []string
	}{
		{"loose", ";lr", "sip:carrier@%c", []string{"<sip:%p;lr>", "<sip:192.0.2.9;lr>"}},
		{"strict, as before RFC 3261", "", "sip:%p", []string{"<sip:192.0.2.9;lr>", "<sip:carrier@%c>"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, legs := answering(t)
			p := newPeer(t, peerAddr, e.Addr())
			proxy := newPeer(t, "127.0.0.12", e.Addr())
			fill := func(s string) string {
				return strings.NewReplacer("%c", p.addr(), "%p", proxy.addr()).Replace(s)
			}
			s := p.call("route")
			seq := s.say("INVITE", plainSDP, fill("Record-Route: <sip:%p"+tt.lr+">, <sip:192.0.2.9;lr>"))
			r := s.learn(p.answer(200, seq))
			if got := list(r, "record-route"); len(got) != 2 {
				t.Errorf("Record-Route of the answer = %v", got)
			}
			s.ack(seq, "")
			(<-legs).Hangup(leg.Released)
			bye := proxy.request(gosip.BYE)
			if got, want := bye.Recipient.String(), fill(tt.uri); got != want {
				t.Errorf("BYE for %s, want %s", got, want)
			}
			var want []string
			for _, x := range tt.routes {
				want = append(want, fill(x))
			}
			if got := list(bye, "route"); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("Route = %v, want %v", got, want)
			}
			proxy.reply(bye, 200, "", "")
		})
	}
}

func TestContactThatIsNoAddressIsNotLookedUp(t *testing.T) {
	for _, contact := range []string{"sip:carrier@host.example.com", "sip:0.0.0.0", "sip:224.0.0.1", "tel:+33142000001"} {
		e, legs := answering(t)
		p := newPeer(t, peerAddr, e.Addr())
		s := p.call("contact")
		s.answered(plainSDP, "Contact: <"+contact+">")
		(<-legs).Hangup(leg.Released)
		p.reply(p.request(gosip.BYE), 200, "", "") // it came to where the INVITE came from
	}
}

func TestSecondAnswerWaitsForTheSame(t *testing.T) {
	results := make(chan error, 3)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		if c := l.(*Call); c.Trunk() != "carrier" || c.Device() != 0 {
			t.Errorf("Trunk() = %q, Device() = %d", c.Trunk(), c.Device())
		}
		for range 3 {
			go func() { results <- l.Answer(ctx) }()
		}
		<-l.Ended()
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("twice")
	s.answered(plainSDP)
	for range 3 {
		if err := <-results; err != nil {
			t.Errorf("Answer() = %v", err)
		}
	}
	p.answer(200, s.say("BYE", ""))
}

func TestSessionIsRefreshedByReinvite(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("refresh")
	first := s.answered(plainSDP, "Session-Expires: 1800;refresher=uas", "Supported: timer")
	c := (<-legs).(*Call)
	contact := "Contact: <sip:carrier@" + p.addr() + ">"
	for range 2 { // its hour comes twice
		c.mail.post(c.refreshSession)
		ours := p.request(gosip.INVITE)
		if a, b := string(ours.Body()), string(first.Body()); a != b {
			t.Errorf("a refresh changes the description:\n%s\nwas\n%s", a, b)
		}
		p.reply(ours, 200, "", plainSDP, contact, "Session-Expires: 1800;refresher=uac")
		if ack := p.request(gosip.ACK); ack.CSeq().SeqNo != ours.CSeq().SeqNo {
			t.Errorf("ACK %d for INVITE %d", ack.CSeq().SeqNo, ours.CSeq().SeqNo)
		}
		p.reply(ours, 200, "", plainSDP, contact, "Session-Expires: 1800;refresher=uac")
		p.request(gosip.ACK) // each 2xx has its ACK
	}
	c.mail.post(c.refreshSession)
	p.reply(p.request(gosip.INVITE), 488, "", "") // it does not like it: the call goes on
	p.answer(200, s.say("OPTIONS", ""))
	p.answer(200, s.say("BYE", ""))
	ends(t, c, leg.HungUp)
}

func TestCancelRightBehindItsInvite(t *testing.T) {
	e := desk(t, func(ctx context.Context, l leg.Leg) { <-l.Ended() })
	p := newPeer(t, peerAddr, e.Addr())
	for i := range 50 {
		s := p.call("hasty" + string(rune('A'+i)))
		branch := p.branch()
		p.send(s.text("INVITE", 1, branch, plainSDP))
		p.send(s.text("CANCEL", 1, branch, ""))
		got := map[string]int{}
		for len(got) < 2 {
			r := next(p, "both answers", func(r *gosip.Response) bool {
				return r.CallID().Value() == s.id && r.StatusCode >= 200
			})
			got[string(r.CSeq().MethodName)] = r.StatusCode
			if r.StatusCode == 487 {
				s.to = get(r, "to")
				p.send(s.text("ACK", 1, branch, ""))
			}
		}
		if got["INVITE"] != 487 || got["CANCEL"] != 200 {
			t.Errorf("answers = %v", got)
		}
	}
	until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
}

func TestTelephonesAreRestoredAndForgotten(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	at := netip.MustParseAddrPort(p.addr())
	e.Restore(7, []Contact{
		{URI: "sip:lea@" + p.addr(), From: at, Expires: time.Now().Add(time.Hour)},
		{URI: "sip:gone@" + p.addr(), From: at, Expires: time.Now().Add(-time.Hour)},
		{URI: "sip:tcp@" + p.addr(), From: at, TCP: true, Expires: time.Now().Add(time.Hour)},
	})
	if n := len(e.Contacts(7)); n != 1 {
		t.Errorf("%d contacts, want 1", n)
	}
	call := dial(soon(t), e, Target{Device: 7})
	invite := p.request(gosip.INVITE)
	if got, want := invite.Recipient.String(), "sip:lea@"+p.addr(); got != want {
		t.Errorf("INVITE for %s, want %s", got, want)
	}
	p.reply(invite, 486, "x", "")
	if r := <-call; leg.CauseOf(r.err) != leg.BusyHere {
		t.Errorf("Dial() = %v", r.err)
	}
	e.Forget(7)
	if _, err := e.Dial(soon(t), Target{Device: 7}); leg.CauseOf(err) != leg.Unreachable {
		t.Errorf("Dial() after Forget = %v", err)
	}
	if e.whoIs(at.Addr()) != nobody {
		t.Error("its host is still known")
	}
	var none sotto.DeviceID
	e.Forget(none)
}

func TestTelephoneBehindARouterIsCalledWhereItRegistered(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	s := p.call("nat")
	if r := s.registerOnly("Contact: <sip:lea@10.1.2.3:5060>"); r.StatusCode != 200 {
		t.Fatalf("status = %d", r.StatusCode)
	}
	call := dial(soon(t), e, Target{Device: 7})
	invite := p.request(gosip.INVITE)
	if got, want := invite.Recipient.String(), "sip:lea@10.1.2.3:5060"; got != want {
		t.Errorf("INVITE for %s, want %s", got, want)
	}
	p.reply(invite, 200, "x", plainSDP, "Contact: <sip:lea@10.1.2.3:5060>")
	p.request(gosip.ACK) // it comes here too, and not to 10.1.2.3
	r := <-call
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.l.Hangup(leg.Released)
	p.reply(p.request(gosip.BYE), 200, "", "")
}
