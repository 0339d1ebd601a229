package sip

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto/leg/sip/digest"
)

// slowBook takes its time for a name that it knows, as a database does.
type slowBook struct {
	book
	asked atomic.Int64
}

func (b *slowBook) Credentials(ctx context.Context, username string) (Credentials, bool) {
	b.asked.Add(1)
	c, ok := b.book.Credentials(ctx, username)
	if ok {
		<-time.After(15 * time.Millisecond)
	}
	return c, ok
}

// TestRefusalTakesAsLongForKnownAndUnknownNames is what svwar measures.
func TestRefusalTakesAsLongForKnownAndUnknownNames(t *testing.T) {
	const refusal = 60 * time.Millisecond
	timers := testTimers()
	timers.Refusal = refusal
	e := phoneDesk(t, Config{Phones: &slowBook{book: book{secrets: agents()}}, Timers: timers, Limits: Limits{Rate: 1e6, Burst: 1e6}})
	p := newPeer(t, "127.0.0.30", e.Addr())
	fastest := map[string]time.Duration{"lea": time.Hour, "nobody": time.Hour}
	for try := range 20 {
		for name, best := range fastest {
			s := p.call(fmt.Sprint(name, try))
			s.target, s.to = "sip:desk.example.com", "<sip:"+name+"@desk.example.com>"
			c := answerTo(t, p.anyAnswer(s.say("REGISTER", "")), digest.SHA256)
			auth := "Authorization: " + c.Answer(name, "wrong", "REGISTER", s.target, "abc", 1).String()
			began := time.Now()
			if r := p.anyAnswer(s.say("REGISTER", "", auth)); r.StatusCode != 401 {
				t.Fatalf("a wrong password: %d", r.StatusCode)
			}
			fastest[name] = min(best, time.Since(began))
		}
	}
	if d := fastest["lea"] - fastest["nobody"]; d.Abs() > 8*time.Millisecond || fastest["nobody"] < refusal {
		t.Errorf("the fastest refusals: %v", fastest)
	}
}

// TestGuesserIsSlowAndHurtsNobody tries 2,000 passwords as svcrack does, the
// right one among the last. Few of them are looked at, and the telephone itself
// registers meanwhile.
func TestGuesserIsSlowAndHurtsNobody(t *testing.T) {
	b := &slowBook{book: book{secrets: agents()}}
	e := phoneDesk(t, Config{Phones: b})
	p := newPeer(t, "127.0.0.31", e.Addr())
	s := p.call("guess")
	s.target, s.to = "sip:desk.example.com", "<sip:lea@desk.example.com>"
	c := answerTo(t, p.anyAnswer(s.say("REGISTER", "")), digest.SHA256)
	began := time.Now()
	for n := range 2000 {
		word := fmt.Sprint("guess", n)
		if n == 1990 {
			word = "correct horse"
		}
		s.say("REGISTER", "", "Authorization: "+c.Answer("lea", word, "REGISTER", s.target, "abc", uint32(n+1)).String())
	}
	own := newPeer(t, phoneAddr, e.Addr()).call("own")
	if r := own.register("lea", "correct horse", digest.SHA256); r.StatusCode != 200 {
		t.Errorf("the telephone itself: %d", r.StatusCode)
	}
	until(t, "the guesses were read", func() bool { return e.Stats().Dropped > 1500 })
	most := int64(42 + 21*time.Since(began).Seconds()) // Limits.Burst and Rate
	if n := b.asked.Load(); n > most {
		t.Errorf("%d guesses were looked at, want %d at most", n, most)
	}
	if l := e.Contacts(7); len(l) != 1 || l[0].From.Addr().String() != phoneAddr {
		t.Errorf("Contacts() = %+v", l)
	}
}

// TestSweepIsNoAmplifier sends what friendly-scanner sends, the shortest
// messages that get an answer, as if from somebody else: who is named as the
// sender gets fewer bytes than were sent, and no message twice.
func TestSweepIsNoAmplifier(t *testing.T) {
	for _, method := range []string{"OPTIONS", "REGISTER", "INVITE", "CANCEL", "BYE", "SUBSCRIBE", "junk"} {
		t.Run(method, func(t *testing.T) {
			e := phoneDesk(t, Config{UDP: "127.0.0.1:0"})
			victim, err := net.ListenPacket("udp", "127.0.0.32:0")
			if err != nil {
				t.Fatal(err)
			}
			defer victim.Close()
			at := victim.LocalAddr().String()
			sent := 0
			for n := range 1000 {
				b := []byte(fmt.Sprintf("%s sip:1@%s SIP/2.0\r\nVia:SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nFrom:<sip:100@1.1.1.1>;tag=1\r\n"+
					"To:<sip:100@1.1.1.1>\r\nCall-ID:%d\r\nCSeq:1 %s\r\nMax-Forwards:70\r\nUser-Agent:friendly-scanner\r\n\r\n", method, e.Addr(), at, n, n, method))
				if method == "junk" {
					b = []byte(strings.Repeat("junk", 10))
				}
				if _, err := victim.WriteTo(b, net.UDPAddrFromAddrPort(e.Addr())); err != nil {
					t.Fatal(err)
				}
				sent += len(b)
			}
			until(t, "the sweep was read", func() bool { return e.Stats().Dropped > 800 })
			got, seen, buf := 0, map[string]int{}, make([]byte, 65536)
			for {
				victim.SetReadDeadline(time.Now().Add(150 * time.Millisecond)) // a repetition comes after T1, 20 ms
				n, _, err := victim.ReadFrom(buf)
				if err != nil {
					break
				}
				got += n
				seen[callID(string(buf[:n]))]++
			}
			if got > sent/4 {
				t.Errorf("%d bytes in, %d out", sent, got)
			}
			if twice := slices.Max(append([]int{0}, values(seen)...)); twice > 1 {
				t.Errorf("a message was answered %d times", twice)
			}
		})
	}
}

func values(m map[string]int) (l []int) {
	for _, n := range m {
		l = append(l, n)
	}
	return l
}
