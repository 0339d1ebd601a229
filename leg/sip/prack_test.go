package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// ringingDesk rings, and answers when told to.
func ringingDesk(t *testing.T) (e *Endpoint, answer chan<- bool, legs <-chan *Call) {
	t.Helper()
	now, l := make(chan bool, 1), make(chan *Call, 1)
	return desk(t, func(ctx context.Context, one leg.Leg) {
		one.Ring(ctx)
		l <- one.(*Call)
		select {
		case <-now:
			one.Answer(ctx)
		case <-ctx.Done():
		}
		<-one.Ended()
	}), now, l
}

// rings waits for a 180.
func (p *peer) rings() *gosip.Response {
	p.t.Helper()
	return next(p, "180", func(r *gosip.Response) bool { return r.StatusCode == 180 })
}

func TestRingingIsRepeatedUntilItIsConfirmed(t *testing.T) {
	e, answer, legs := ringingDesk(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("prack")
	seq := s.say("INVITE", plainSDP, "Require: 100rel")
	r := s.learn(p.rings())
	rseq := get(r, "rseq")
	if !lists(r, "require", "100rel") || rseq == "" || len(r.Body()) != 0 {
		t.Fatalf("180 = %s", r)
	}
	if again := p.rings(); get(again, "rseq") != rseq {
		t.Error("the repetition has another number")
	}
	for _, wrong := range []string{"", "x", "0 1 INVITE", rseq + " 2 INVITE", rseq + " 1 BYE", "99999999999999999999 1 INVITE"} {
		p.answer(481, s.say("PRACK", "", "RAck: "+wrong))
	}
	ack := "RAck: " + rseq + fmt.Sprintf(" %d INVITE", seq)
	p.answer(200, s.say("PRACK", "", ack))
	p.answer(481, s.say("PRACK", "", ack)) // once
	p.answer(200, s.say("OPTIONS", ""))
	none(p, "one more 180", func(r *gosip.Response) bool { return r.StatusCode == 180 })
	answer <- true
	s.learn(p.answer(200, seq))
	s.ack(seq, "")
	p.answer(200, s.say("BYE", ""))
	ends(t, <-legs, leg.HungUp)
}

func TestOfferOfOursIsAnsweredInThePrack(t *testing.T) {
	e, answer, legs := ringingDesk(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("prack-late")
	seq := s.say("INVITE", "", "Require: 100rel")
	r := s.learn(p.rings())
	if !strings.Contains(string(r.Body()), "m=audio") {
		t.Fatalf("the first reliable answer has no offer: %s", r)
	}
	answer <- true // the answer waits for the PRACK (RFC 3262 3)
	c := <-legs
	p.answer(491, s.say("UPDATE", plainSDP))
	none(p, "200", func(r *gosip.Response) bool { return r.StatusCode == 200 && r.CSeq().MethodName == gosip.INVITE })
	p.answer(200, s.say("PRACK", plainSDP, "RAck: "+get(r, "rseq")+fmt.Sprintf(" %d INVITE", seq)))
	final := s.learn(p.answer(200, seq))
	if len(final.Body()) != 0 {
		t.Errorf("the 200 describes the session again:\n%s", final.Body())
	}
	s.ack(seq, "")
	p.answer(200, s.say("BYE", ""))
	ends(t, c, leg.HungUp)
}

func TestRingingThatIsNeverConfirmedEndsTheCall(t *testing.T) {
	t.Parallel()
	e, _, legs := ringingDesk(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("prack-lost")
	seq := s.say("INVITE", plainSDP, "Require: 100rel")
	p.answer(504, seq)
	ends(t, <-legs, leg.PeerLost)
}

func TestSessionBeforeTheAnswerIsUpdated(t *testing.T) {
	e, answer, legs := ringingDesk(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("early-update")
	seq := s.say("INVITE", "", "Require: 100rel")
	r := s.learn(p.rings())
	p.answer(200, s.say("PRACK", plainSDP, "RAck: "+get(r, "rseq")+fmt.Sprintf(" %d INVITE", seq)))
	held := strings.Replace(plainSDP, "m=audio", "a=sendonly\r\nm=audio", 1)
	u := p.answer(200, s.say("UPDATE", held)) // RFC 3311 5.2
	if !strings.Contains(string(u.Body()), "a=recvonly") {
		t.Errorf("answer to UPDATE:\n%s", u.Body())
	}
	p.answer(200, s.say("UPDATE", "")) // a refresh
	answer <- true
	s.learn(p.answer(200, seq))
	s.ack(seq, "")
	p.answer(200, s.say("BYE", ""))
	ends(t, <-legs, leg.HungUp)
	// Without an agreed session there is nothing to update yet.
	s = p.call("too-early")
	s.say("INVITE", plainSDP)
	s.learn(next(p, "180", func(r *gosip.Response) bool { return r.StatusCode == 180 && r.CallID().Value() == s.id }))
	p.answer(500, s.say("UPDATE", plainSDP))
}

func TestWeConfirmWhatTheCarrierWantsConfirmed(t *testing.T) {
	e := trunkDesk(t, "")
	p := e.peer
	rang := make(chan leg.Leg, 1)
	call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001", Ringing: func(l leg.Leg) { rang <- l }})
	invite := p.request(gosip.INVITE)
	if !lists(invite, "supported", "100rel") {
		t.Error("INVITE does not say 100rel")
	}
	contact := "Contact: <sip:carrier@" + p.addr() + ">"
	p.reply(invite, 180, "x", "", contact, "Require: 100rel", "RSeq: 4294967290")
	prack := p.request(gosip.PRACK)
	p.reply(prack, 200, "", "")
	if got, want := get(prack, "rack"), fmt.Sprintf("4294967290 %d INVITE", invite.CSeq().SeqNo); got != want {
		t.Errorf("RAck = %q, want %q", got, want)
	}
	if _, to := tags(prack); to != "x" || prack.CSeq().SeqNo <= invite.CSeq().SeqNo {
		t.Errorf("PRACK = %s", prack)
	}
	<-rang
	p.reply(invite, 180, "x", "", contact, "Require: 100rel", "RSeq: 4294967290")       // our PRACK was lost
	p.reply(invite, 183, "x", plainSDP, contact, "Require: 100rel", "RSeq: 4294967292") // one is missing
	p.reply(invite, 183, "x", plainSDP, contact, "Require: 100rel", "RSeq: 4294967291")
	second := p.request(gosip.PRACK)
	if got := get(second, "rack"); !strings.HasPrefix(got, "4294967291 ") || second.CSeq().SeqNo <= prack.CSeq().SeqNo {
		t.Errorf("RAck = %q", got)
	}
	p.reply(second, 200, "", "")
	p.reply(invite, 200, "x", "", contact) // the description came in 183
	ack := p.request(gosip.ACK)
	if ack.CSeq().SeqNo != invite.CSeq().SeqNo {
		t.Errorf("ACK %d for INVITE %d", ack.CSeq().SeqNo, invite.CSeq().SeqNo)
	}
	r := <-call
	if r.err != nil {
		t.Fatalf("Dial() = %v", r.err)
	}
	r.l.Hangup(leg.Released)
	bye := p.request(gosip.BYE)
	if bye.CSeq().SeqNo <= second.CSeq().SeqNo {
		t.Errorf("BYE %d after PRACK %d", bye.CSeq().SeqNo, second.CSeq().SeqNo)
	}
	p.reply(bye, 200, "", "")
}

func TestCarrierMakesTheOfferOfOurCall(t *testing.T) {
	for _, early := range []bool{false, true} {
		t.Run(map[bool]string{false: "in the answer", true: "before it"}[early], func(t *testing.T) {
			e, peers := carriers(t, Config{}, onlyOne(func(k *Trunk) { k.LateOffer = true }))
			p := peers[0]
			call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
			invite := p.request(gosip.INVITE)
			if len(invite.Body()) != 0 {
				t.Errorf("INVITE has an offer:\n%s", invite.Body())
			}
			contact, sdp := "Contact: <sip:one@"+p.addr()+">", plainSDP
			if early {
				p.reply(invite, 183, "x", sdp, contact, "Require: 100rel", "RSeq: 7")
				prack := p.request(gosip.PRACK)
				p.reply(prack, 200, "", "")
				if !strings.Contains(string(prack.Body()), "m=audio") {
					t.Errorf("PRACK has no answer: %s", prack)
				}
				sdp = ""
			}
			p.reply(invite, 200, "x", sdp, contact)
			ack := p.request(gosip.ACK)
			if has := strings.Contains(string(ack.Body()), "m=audio"); has == early {
				t.Errorf("answer in the ACK: %v", has)
			}
			p.reply(invite, 200, "x", sdp, contact) // the ACK was lost: the same comes again
			if again := p.request(gosip.ACK); string(again.Body()) != string(ack.Body()) {
				t.Error("the second ACK differs")
			}
			r := <-call
			if r.err != nil {
				t.Fatalf("Dial() = %v", r.err)
			}
			r.l.Hangup(leg.Released)
			p.reply(p.request(gosip.BYE), 200, "", "")
		})
	}
	t.Run("and makes none", func(t *testing.T) {
		e, peers := carriers(t, Config{}, onlyOne(func(k *Trunk) { k.LateOffer = true }))
		p := peers[0]
		call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
		p.reply(p.request(gosip.INVITE), 200, "x", "", "Contact: <sip:one@"+p.addr()+">")
		p.request(gosip.ACK)
		p.reply(p.request(gosip.BYE), 200, "", "")
		if r := <-call; leg.CauseOf(r.err) != leg.Protocol {
			t.Errorf("Dial() = %v", r.err)
		}
	})
}

func TestRefreshGivesThePeerTheIntervalItWants(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("refresh-422")
	s.answered(plainSDP, "Session-Expires: 1800;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE")
	c := (<-legs).(*Call)
	c.mail.post(c.refreshSession)
	p.reply(p.request(gosip.UPDATE), 422, "", "", "Min-SE: 2400")
	again := p.request(gosip.UPDATE)
	if get(again, "session-expires") != "2400;refresher=uac" || get(again, "min-se") != "2400" {
		t.Errorf("Session-Expires = %q, Min-SE = %q", get(again, "session-expires"), get(again, "min-se"))
	}
	p.reply(again, 200, "", "", "Session-Expires: 2400;refresher=uac")
	p.answer(200, s.say("BYE", ""))
	ends(t, c, leg.HungUp)
}
