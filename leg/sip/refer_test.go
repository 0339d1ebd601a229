package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// ourCall is a call of the desk's to a scripted telephone of device 7, and the
// telephone's side of it.
func ourCall(t *testing.T, e *Endpoint, p *peer, tag string) (*Call, *script) {
	t.Helper()
	e.Restore(7, []Contact{{URI: "sip:lea@" + p.addr(), From: netip.MustParseAddrPort(p.addr()), Expires: time.Now().Add(time.Hour)}})
	call := dial(soon(t), e, Target{Device: 7, Caller: leg.Caller{Number: "+33142000001"}})
	invite := p.request(gosip.INVITE)
	p.reply(invite, 200, tag, plainSDP, "Contact: <sip:lea@"+p.addr()+">")
	p.request(gosip.ACK)
	r := <-call
	if r.err != nil {
		t.Fatalf("Dial() = %v", r.err)
	}
	return r.l.(*Call), &script{
		p: p, id: get(invite, "call-id"), tag: tag, to: get(invite, "from"),
		target: invite.Contact().Address.String(),
	}
}

// news waits for a NOTIFY and takes it.
func (p *peer) news(want, state string) *gosip.Request {
	p.t.Helper()
	r := p.request(gosip.NOTIFY)
	p.reply(r, 200, "", "")
	if got := string(r.Body()); !strings.HasPrefix(got, "SIP/2.0 "+want+" ") || get(r, "content-type") != "message/sipfrag;version=2.0" {
		p.t.Errorf("NOTIFY says %q, want %s", got, want)
	}
	if got := get(r, "subscription-state"); !strings.HasPrefix(got, state) {
		p.t.Errorf("Subscription-State = %q, want %s", got, state)
	}
	return r
}

func TestTelephoneTransfersItsCall(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	c, s := ourCall(t, e, p, "a")
	p.answer(603, s.say("REFER", "", "Refer-To: <sip:+33142000002@desk.example.com>")) // nobody wants to know
	wishes := leg.Transferor(c).Transfers()
	if again := c.Transfers(); again != wishes {
		t.Error("Transfers() is another channel the second time")
	}
	p.answer(202, s.say("REFER", "", "Refer-To: <sip:+33142000002@elsewhere.example.com>"))
	w := <-wishes
	if w.Number != "+33142000002" || w.With != nil {
		t.Errorf("wish = %q, %v", w.Number, w.With)
	}
	p.news("100", "active")
	p.answer(491, s.say("REFER", "", "Refer-To: <sip:+33142000003@desk.example.com>")) // one at a time
	w.Ringing()
	p.news("180", "active")
	w.Failed(leg.BusyHere)
	p.news("486", "terminated")
	w.Done() // too late to be told
	seq := s.say("REFER", "", "Refer-To: <tel:+33-1-42-00-00-03>")
	p.answer(202, seq)
	w = <-wishes
	if w.Number != "+33142000003" {
		t.Errorf("wish = %q", w.Number)
	}
	if ev := get(p.news("100", "active"), "event"); !strings.HasPrefix(ev, "refer;id=") {
		t.Errorf("Event = %q, want an id", ev)
	}
	w.Done()
	p.news("200", "terminated")
	p.answer(200, s.say("BYE", ""))
	ends(t, c, leg.HungUp)
	none(p, "an INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE })
}

func TestTelephoneJoinsItsTwoCalls(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	one, s := ourCall(t, e, p, "a")
	two, _ := ourCall(t, e, p, "b")
	wishes := one.Transfers()
	refer := func(id, to, from string) uint32 {
		return s.say("REFER", "", "Refer-To: <sip:desk@desk.example.com?Replaces="+id+"%3Bto-tag%3D"+to+"%3Bfrom-tag%3D"+from+">")
	}
	p.answer(603, refer("nothing", two.tag, "b"))
	p.answer(603, refer(two.id, "guess", "b"))
	p.answer(603, refer(one.id, one.tag, "a")) // with itself
	for _, tags := range [][2]string{{two.tag, "b"}, {"b", two.tag}} {
		p.answer(202, refer(two.id, tags[0], tags[1]))
		w := <-wishes
		if w.With != leg.Leg(two) || w.Number != "" {
			t.Errorf("wish = %q, %v", w.Number, w.With)
		}
		p.news("100", "active")
		w.Done()
		p.news("200", "terminated")
	}
	for _, c := range []*Call{one, two} {
		c.Hangup(leg.Released)
		p.reply(p.request(gosip.BYE), 200, "", "")
	}
}

func TestReferIsRefused(t *testing.T) {
	t.Run("from a telephone that says it wrongly", func(t *testing.T) {
		e := phoneDesk(t, Config{})
		p := newPeer(t, phoneAddr, e.Addr())
		c, s := ourCall(t, e, p, "a")
		c.Transfers()
		for _, tt := range []struct {
			lines []string
			want  int
		}{
			{nil, 400}, {[]string{"Refer-To: <sip:1@x.example>", "Refer-To: <sip:2@x.example>"}, 400},
			{[]string{"Refer-To: <sip:1@x.example"}, 400}, {[]string{"Refer-To: <http://x.example/>"}, 416},
			{[]string{"Refer-To: <sip:1@x.example;method=BYE>"}, 603}, {[]string{"Refer-To: <sip:x.example>"}, 484},
			{[]string{"Refer-To: <sip:a%22%3e@x.example>"}, 484},
		} {
			p.answer(tt.want, s.say("REFER", "", tt.lines...))
		}
		p.answer(200, s.say("BYE", ""))
	})
	t.Run("from a carrier, in a call either way and outside", func(t *testing.T) {
		e, legs := answering(t)
		p := newPeer(t, peerAddr, e.Addr())
		s := p.call("refer")
		s.answered(plainSDP)
		(<-legs).(*Call).Transfers()
		p.answer(603, s.say("REFER", "", "Refer-To: <sip:+8821000@example.com>"))
		p.answer(603, p.call("outside").say("REFER", "", "Refer-To: <sip:+8821000@example.com>"))
		p.answer(200, s.say("BYE", ""))
		none(p, "an INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE })
	})
	t.Run("from a carrier that was called", func(t *testing.T) {
		e := trunkDesk(t, "")
		p := e.peer
		call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
		invite := p.request(gosip.INVITE)
		p.reply(invite, 200, "x", plainSDP, "Contact: <sip:carrier@"+p.addr()+">")
		p.request(gosip.ACK)
		c := (<-call).l.(*Call)
		c.Transfers()
		s := &script{p: p, id: c.id, tag: "x", to: get(invite, "from"), target: invite.Contact().Address.String()}
		p.answer(603, s.say("REFER", "", "Refer-To: <sip:+8821000@example.com>"))
		p.answer(200, s.say("BYE", ""))
	})
}
