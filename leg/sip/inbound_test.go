package sip

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// answering is a desk that answers every call and hands its legs over.
func answering(t *testing.T) (*Endpoint, <-chan leg.Leg) {
	t.Helper()
	legs := make(chan leg.Leg, 64)
	return desk(t, func(ctx context.Context, l leg.Leg) {
		if l.Answer(ctx) == nil {
			legs <- l
		}
		<-l.Ended()
	}), legs
}

func TestAnswerIsRepeatedUntilItsAckAndThenEnded(t *testing.T) {
	result := make(chan error, 1)
	legs := make(chan leg.Leg, 1)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		legs <- l
		result <- l.Answer(ctx)
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("lost-ack")
	seq := s.say("INVITE", plainSDP)
	first := time.Now()
	s.learn(p.answer(200, seq))
	// RFC 3261 13.3.1.4: T1, then doubled up to T2, for 64*T1 in all. A busy
	// machine may be late, never early.
	count, last, wait := 0, first, testT1
	for over := false; !over; {
		m := next(p, "200 or BYE", func(gosip.Message) bool { return true })
		switch r := m.(type) {
		case *gosip.Request:
			over = r.Method == gosip.BYE
		case *gosip.Response:
			if r.StatusCode != 200 {
				continue
			}
			count++
			now := time.Now()
			if got := now.Sub(last); got < wait/2 {
				t.Errorf("repetition %d came after %v, want %v", count, got, wait)
			}
			last, wait = now, min(2*wait, 8*testT1)
		}
	}
	if count < 4 || count > 10 {
		t.Errorf("the answer was repeated %d times, want 9", count)
	}
	if got := time.Since(first); got < 64*testT1-testT1 {
		t.Errorf("BYE after %v, want %v", got, 64*testT1)
	}
	l := <-legs
	ends(t, l, leg.AckLost)
	var end *leg.EndError
	if err := <-result; !errors.As(err, &end) || end.Cause != leg.AckLost {
		t.Errorf("Answer() = %v, want %s", err, leg.AckLost)
	}
}

func TestAnswerLostOnceComesAgain(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("lost-200")
	seq := s.say("INVITE", plainSDP)
	p.answer(200, seq) // as if it had been lost
	s.learn(p.answer(200, seq))
	s.ack(seq, "")
	<-legs
	s.ack(seq, "") // a repeated ACK means nothing
	p.answer(200, s.say("OPTIONS", ""))
	none(p, "one more 200", func(r *gosip.Response) bool { return r.CSeq().SeqNo == seq })
	p.answer(200, s.say("BYE", ""))
}

func TestCancelBeforeTheAnswer(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		l.Ring(ctx)
		legs <- l
		<-ctx.Done()
		if err := l.Answer(context.Background()); leg.CauseOf(err) != leg.Cancelled {
			t.Errorf("Answer() after the end = %v", err)
		}
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("cancel")
	s.seq = 1
	branch := p.branch()
	p.send(s.text("INVITE", 1, branch, plainSDP))
	ringing := next(p, "180", func(r *gosip.Response) bool { return r.StatusCode == 180 })
	p.send(s.text("CANCEL", 1, branch, ""))
	cancelled := next(p, "200 to CANCEL", func(r *gosip.Response) bool { return r.CSeq().MethodName == gosip.CANCEL })
	if cancelled.StatusCode != 200 {
		t.Errorf("the answer to CANCEL is %d", cancelled.StatusCode)
	}
	final := next(p, "487", func(r *gosip.Response) bool { return r.StatusCode == 487 })
	if a, b := tagOf(get(ringing, "to")), tagOf(get(final, "to")); a != b || a == "" {
		t.Errorf("180 has tag %q, 487 has %q", a, b)
	}
	s.to = get(final, "to")
	p.send(s.text("ACK", 1, branch, ""))
	ends(t, <-legs, leg.Cancelled)
}

func TestCancelOfNothingAndAfterTheAnswer(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("late-cancel")
	p.send(s.text("CANCEL", 9, p.branch(), ""))
	p.answer(481, 9)
	s.seq = 1
	branch := p.branch()
	p.send(s.text("INVITE", 1, branch, plainSDP))
	r := p.answer(200, 1)
	p.send(s.text("CANCEL", 1, branch, ""))
	next(p, "200 to CANCEL", func(r *gosip.Response) bool { return r.CSeq().MethodName == gosip.CANCEL })
	s.learn(r)
	s.ack(1, "")
	l := <-legs // the answer was first, so the call is there
	p.answer(200, s.say("BYE", ""))
	ends(t, l, leg.HungUp)
}

func TestByeBeforeTheAckAndBeforeTheAnswer(t *testing.T) {
	result := make(chan error, 1)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		l.Ring(ctx)
		if l.Dialled() == "nobody" {
			<-l.Ended()
			result <- &leg.EndError{Cause: l.Cause()}
			return
		}
		result <- l.Answer(ctx)
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("bye-before-ack")
	seq := s.say("INVITE", plainSDP)
	s.learn(p.answer(200, seq))
	p.answer(200, s.say("BYE", ""))
	if err := <-result; leg.CauseOf(err) != leg.HungUp {
		t.Errorf("Answer() = %v, want %s", err, leg.HungUp)
	}
	until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
	s = p.call("bye-before-answer")
	s.target = "sip:nobody@desk.example.com"
	seq = s.say("INVITE", plainSDP)
	s.learn(next(p, "180", func(r *gosip.Response) bool { return r.StatusCode == 180 }))
	bye := s.say("BYE", "")
	p.answer(200, bye)
	p.answer(487, seq)
	if err := <-result; leg.CauseOf(err) != leg.Cancelled {
		t.Errorf("cause = %v, want %s", err, leg.Cancelled)
	}
}

func TestRepeatedInviteIsOneCallAndMergedOneIsRefused(t *testing.T) {
	legs := make(chan leg.Leg, 8)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		l.Ring(ctx)
		legs <- l
		<-l.Ended()
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("again")
	invite := s.text("INVITE", 1, p.branch(), plainSDP)
	for range 3 {
		p.send(invite)
		next(p, "180", func(r *gosip.Response) bool { return r.StatusCode == 180 })
	}
	p.send(s.text("INVITE", 1, p.branch(), plainSDP)) // the same by another way
	p.answer(482, 1)
	(<-legs).Hangup(leg.BusyHere)
	p.answer(486, 1)
	if n := len(legs); n != 0 || e.Stats().Calls != 1 {
		t.Errorf("%d more legs, %d calls", n, e.Stats().Calls)
	}
}

func TestRequestsOfADialogAreInOrder(t *testing.T) {
	e, _ := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("order")
	s.answered(plainSDP)
	// Three came before the one they follow: all are acted on, in order.
	for _, seq := range []uint32{5, 3, 4, 2} {
		p.send(s.text("INFO", seq, p.branch(), ""))
	}
	for range 4 {
		r := next(p, "answer to INFO", func(r *gosip.Response) bool { return r.CSeq().MethodName == gosip.INFO })
		if r.StatusCode != 200 {
			t.Errorf("INFO %d: %d", r.CSeq().SeqNo, r.StatusCode)
		}
	}
	p.send(s.text("INFO", 3, p.branch(), "")) // RFC 3261 12.2.2
	p.answer(500, 3)
	p.send(s.text("INFO", 90, p.branch(), "")) // numbers may skip
	p.answer(200, 90)
	s.seq = 90
	p.answer(415, s.say("INFO", "x", "Content-Type: text/plain"))
	p.answer(200, s.say("OPTIONS", ""))
	p.answer(603, s.say("REFER", "", "Refer-To: <sip:+8821000@example.com>"))
	stranger := *s
	stranger.tag = "somebody-else"
	p.answer(481, stranger.say("BYE", ""))
	s.seq = stranger.seq
	p.answer(200, s.say("BYE", ""))
	p.answer(481, s.say("INFO", ""))
}

func TestCallerIsWhatTheTrunkSays(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  string
		lines []string
		want  leg.Caller
	}{
		{"From", `"A. Caller" <sip:+33142000001@c.example>`, nil, leg.Caller{Number: "+33142000001", Name: "A. Caller"}},
		{"tel: and separators", `<tel:+33-1-42-00-00-01>`, nil, leg.Caller{Number: "+33142000001"}},
		{"an escaped plus and parameters", `<sip:%2B33142000001;isub=1@c.example;user=phone>`, nil, leg.Caller{Number: "+33142000001"}},
		{"asserted identity", `"Fake" <sip:+1000@c.example>`,
			[]string{`P-Asserted-Identity: "Real" <sip:+33142000001@c.example>, <tel:+33142000002>`},
			leg.Caller{Number: "+33142000001", Name: "Real"}},
		{"privacy", `"A. Caller" <sip:+33142000001@c.example>`, []string{"Privacy: id"}, leg.Caller{Withheld: true}},
		{"privacy among others, asserted", `"A" <sip:+33142000001@c.example>`,
			[]string{"Privacy: header;id", "P-Asserted-Identity: <tel:+33142000001>"}, leg.Caller{Withheld: true}},
		{"privacy none", `<sip:+33142000001@c.example>`, []string{"Privacy: none"}, leg.Caller{Number: "+33142000001"}},
		{"anonymous", `"Anonymous" <sip:anonymous@anonymous.invalid>`, nil, leg.Caller{Withheld: true}},
		{"a host below invalid", `<sip:+33142000001@hidden.invalid>`, nil, leg.Caller{Withheld: true}},
		{"a name that turns the text around", "\"ab\u202ecd\" <sip:reception@c.example>", nil, leg.Caller{Number: "reception", Name: "abcd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			callers := make(chan leg.Caller, 1)
			e := desk(t, func(_ context.Context, l leg.Leg) { callers <- l.Caller() })
			p := newPeer(t, peerAddr, e.Addr())
			s := p.call("caller")
			text := s.text("INVITE", 1, p.branch(), plainSDP, tt.lines...)
			p.send(strings.Replace(text, `"A. Caller" <sip:+33142000001@carrier.example.com>`, tt.from, 1))
			p.answer(480, 1)
			if got := <-callers; got != tt.want {
				t.Errorf("Caller() = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestHangupBeforeTheAnswerSaysWhy(t *testing.T) {
	causes := make(chan leg.Cause, 1)
	e := desk(t, func(_ context.Context, l leg.Leg) { l.Hangup(<-causes) })
	p := newPeer(t, peerAddr, e.Addr())
	for cause, want := range map[leg.Cause]int{
		leg.BusyHere: 486, leg.Rejected: 603, leg.NoAnswer: 480, leg.Released: 480, leg.Unreachable: 404, leg.Shutdown: 503,
	} {
		causes <- cause
		s := p.call("why-" + string(cause))
		p.answer(want, s.say("INVITE", plainSDP))
	}
}

func TestSessionIsHeldResumedAndMoved(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("hold")
	s.answered(plainSDP)
	l := <-legs
	for _, step := range []struct {
		name, sdp, want string
	}{
		{"hold", plainSDP + "a=sendonly\r\n", "a=recvonly"},
		{"resume", plainSDP, "a=sendrecv"},
		{"hold both ways", plainSDP + "a=inactive\r\n", "a=inactive"},
		{"hold the old way", strings.Replace(plainSDP, "c=IN IP4 127.0.0.2", "c=IN IP4 0.0.0.0", 1), "a=recvonly"},
		{"another address", strings.Replace(plainSDP, "40000", "40002", 1), "a=sendrecv"},
	} {
		r := s.answered(step.sdp)
		if body := string(r.Body()); !strings.Contains(body, step.want+"\r\n") {
			t.Errorf("%s: want %s, got\n%s", step.name, step.want, body)
		}
	}
	// What we cannot do leaves the session as it was.
	seq := s.say("INVITE", strings.Replace(plainSDP, "0 8 101", "18", 1))
	p.answer(488, seq)
	s.ack(seq, "")
	p.answer(200, s.say("UPDATE", plainSDP))
	p.answer(200, s.say("UPDATE", ""))
	c, version := l.(*Call), make(chan uint64, 1)
	c.mail.post(func() { version <- c.sess.version })
	if got, want := <-version, uint64(8); got != want {
		t.Errorf("our description has version %d, want %d", got, want)
	}
	p.answer(200, s.say("BYE", ""))
	ends(t, l, leg.HungUp)
}

func TestLateOfferIsAnsweredInTheAck(t *testing.T) {
	result := make(chan error, 2)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		result <- l.Answer(ctx)
		<-l.Ended()
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("late")
	seq := s.say("INVITE", "")
	r := s.learn(p.answer(200, seq))
	if body := string(r.Body()); !strings.Contains(body, "RTP/AVP 0 8 101") {
		t.Errorf("no offer of ours in\n%s", body)
	}
	s.ack(seq, plainSDP)
	if err := <-result; err != nil {
		t.Errorf("Answer() = %v", err)
	}
	p.answer(200, s.say("BYE", ""))

	s = p.call("late-and-never") // an ACK without the answer ends the call
	seq = s.say("INVITE", "")
	s.learn(p.answer(200, seq))
	s.ack(seq, "")
	p.reply(p.request(gosip.BYE), 200, "", "")
	if err := <-result; leg.CauseOf(err) != leg.Protocol {
		t.Errorf("Answer() = %v, want %s", err, leg.Protocol)
	}
}

func TestReinviteWhileWeAskIsGlare(t *testing.T) {
	e, legs := answering(t)
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("glare")
	s.answered(plainSDP, "Session-Expires: 1800;refresher=uas", "Supported: timer")
	c := (<-legs).(*Call)
	c.mail.post(c.refreshSession) // its hour has come; the peer does no UPDATE
	ours := p.request(gosip.INVITE)
	p.answer(491, s.say("INVITE", plainSDP))
	p.reply(ours, 200, "", plainSDP, "Contact: <sip:carrier@"+p.addr()+">", "Session-Expires: 1800;refresher=uas")
	p.request(gosip.ACK)
	s.answered(plainSDP)
	p.answer(200, s.say("BYE", ""))
}

func TestSessionTimerEndsACallWhosePeerVanished(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	timers := testTimers()
	timers.MinSession = time.Second
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Timers: timers,
		Accept: func(ctx context.Context, l leg.Leg) {
			l.Answer(ctx)
			legs <- l
			<-l.Ended()
		},
	})
	p := newPeer(t, peerAddr, e.Addr())
	t.Run("too short", func(t *testing.T) {
		s := p.call("short")
		r := p.answer(422, s.say("INVITE", plainSDP, "Session-Expires: 0", "Supported: timer"))
		if got := get(r, "min-se"); got != "1" {
			t.Errorf("Min-SE = %q, want 1", got)
		}
	})
	t.Run("the peer refreshes and stops", func(t *testing.T) {
		s := p.call("vanish")
		r := s.answered(plainSDP, "Session-Expires: 3;refresher=uac", "Supported: timer")
		if got := get(r, "session-expires"); got != "3;refresher=uac" || !lists(r, "require", "timer") {
			t.Errorf("Session-Expires = %q, Require = %v", got, list(r, "require"))
		}
		l := <-legs
		p.answer(200, s.say("UPDATE", "", "Session-Expires: 1;refresher=uac", "Supported: timer"))
		p.request(gosip.BYE)
		ends(t, l, leg.PeerLost)
	})
	t.Run("we refresh until the peer knows no call", func(t *testing.T) {
		s := p.call("refresh")
		r := s.answered(plainSDP, "Session-Expires: 1;refresher=uas", "Supported: timer", "Allow: INVITE, UPDATE")
		if got := get(r, "session-expires"); got != "1;refresher=uas" {
			t.Errorf("Session-Expires = %q", got)
		}
		l := <-legs
		p.reply(p.request(gosip.UPDATE), 200, "", "", "Session-Expires: 1;refresher=uac")
		p.reply(p.request(gosip.UPDATE), 481, "", "")
		p.request(gosip.BYE)
		ends(t, l, leg.PeerLost)
	})
}

func TestPanicEndsItsCallOnly(t *testing.T) {
	legs := make(chan leg.Leg, 4)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		if l.Answer(ctx) != nil {
			return
		}
		legs <- l
		if l.Dialled() == "666" {
			panic("a bug of flow")
		}
		<-l.Ended()
	})
	p := newPeer(t, peerAddr, e.Addr())
	good := p.call("good")
	good.answered(plainSDP)
	other := <-legs

	bad := p.call("bad")
	bad.target = "sip:666@desk.example.com"
	bad.answered(plainSDP)
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, <-legs, leg.Fault)

	worse := p.call("worse")
	worse.answered(plainSDP)
	c := (<-legs).(*Call)
	c.mail.post(func() { panic("a bug of ours") })
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, c, leg.Fault)

	p.answer(200, good.say("OPTIONS", ""))
	p.answer(200, good.say("BYE", ""))
	ends(t, other, leg.HungUp)
	if got := e.Stats().Panics; got != 2 {
		t.Errorf("Panics = %d, want 2", got)
	}
}

func TestCloseEndsCallsWithShutdown(t *testing.T) {
	legs := make(chan leg.Leg, 2)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		if l.Dialled() != "ring" {
			l.Answer(ctx)
		}
		legs <- l
		<-ctx.Done()
	})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("talking")
	s.answered(plainSDP)
	ringing := p.call("ringing")
	ringing.target = "sip:ring@desk.example.com"
	seq := ringing.say("INVITE", plainSDP)
	a, b := <-legs, <-legs
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	p.answer(503, seq)
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, a, leg.Shutdown)
	ends(t, b, leg.Shutdown)
	if err := <-closed; err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func TestCallsBeyondTheLimitAreTurnedAway(t *testing.T) {
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, MaxCalls: 2,
		Accept: func(ctx context.Context, l leg.Leg) { <-l.Ended() },
	})
	p := newPeer(t, peerAddr, e.Addr())
	for i := range 2 {
		p.call("full-"+strconv.Itoa(i)).say("INVITE", plainSDP)
	}
	until(t, "two calls", func() bool { return len(e.liveCalls()) == 2 })
	r := p.answer(503, p.call("too-many").say("INVITE", plainSDP))
	_ = r
}
