package sip

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"pgregory.net/rapid"

	"sotto/leg"
)

// model is what a carrier may expect of one call, in ten lines: which final
// status each request has, given what was said before.
type model struct {
	answered, confirmed, over bool
	last                      uint32 // highest CSeq that was taken
}

func (m *model) want(method string, seq uint32) int {
	switch {
	case m.over:
		return 481
	case seq <= m.last:
		return 500
	}
	m.last = seq
	switch method {
	case "BYE":
		m.over = true
		return 200
	case "INVITE":
		if !m.confirmed {
			return 500
		}
		m.confirmed = false
	}
	return 200
}

// TestCallsObeyTheirModel says random things in one call after the other, old
// numbers and missing ACKs among them.
func TestCallsObeyTheirModel(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	e := desk(t, func(ctx context.Context, l leg.Leg) {
		legs <- l
		if l.Answer(ctx) == nil {
			<-l.Ended()
		}
		<-l.Ended()
	})
	p := newPeer(t, peerAddr, e.Addr())
	var n atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		s := p.call(fmt.Sprint("model-", n.Add(1)))
		seq := s.say("INVITE", plainSDP)
		s.learn(p.answer(200, seq))
		l := <-legs
		m := model{answered: true, last: seq}
		invite := seq // whose ACK is missing
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			step := rapid.SampledFrom([]string{"ACK", "INFO", "OPTIONS", "UPDATE", "INVITE", "old", "BYE"}).Draw(rt, "step")
			switch step {
			case "ACK":
				s.ack(invite, "")
				m.confirmed = true
			case "old":
				old := rapid.Uint32Range(0, m.last).Draw(rt, "number")
				p.send(s.text("INFO", old, p.branch(), ""))
				check(rt, p, s.id, "INFO", old, m.want("INFO", old))
			default:
				body := ""
				if step == "INVITE" || step == "UPDATE" {
					body = plainSDP
				}
				seq := s.say(step, body)
				want := m.want(step, seq)
				check(rt, p, s.id, step, seq, want)
				if step == "INVITE" && want == 200 {
					invite = seq
				}
			}
		}
		if !m.over {
			check(rt, p, s.id, "BYE", s.say("BYE", ""), 200)
		}
		select {
		case <-l.Ended():
		case <-time.After(10 * time.Second):
			rt.Fatal("the leg has not ended")
		}
		if got := l.Cause(); got != leg.HungUp {
			rt.Fatalf("Cause() = %s, want %s", got, leg.HungUp)
		}
	})
	if got := e.Stats().Panics; got != 0 {
		t.Errorf("Panics = %d", got)
	}
}

// check waits for the final answer to one request of one call.
func check(t *rapid.T, p *peer, id, method string, seq uint32, want int) {
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	for {
		select {
		case m := <-p.in:
			r, ok := m.(*gosip.Response)
			if !ok || r.StatusCode < 200 || r.CallID().Value() != id || r.CSeq().SeqNo != seq || string(r.CSeq().MethodName) != method {
				continue
			}
			if r.StatusCode != want {
				t.Fatalf("%s %d: %d, want %d", method, seq, r.StatusCode, want)
			}
			return
		case <-timer.C:
			t.Fatalf("%s %d: no answer, want %d", method, seq, want)
		}
	}
}
