package sip

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// flooded opens a desk over every road that answers its carrier's calls.
func flooded(t *testing.T, timers Timers) *stage {
	t.Helper()
	id := newIdentity(t, "127.0.0.1")
	s := &stage{far: engine(t, "127.0.0.1"), legs: make(chan leg.Leg, 8), caller: peerAddr}
	s.e = open(t, Config{
		UDP: "127.0.0.1:0", TCP: "127.0.0.1:0", TLS: "127.0.0.1:0", WS: "127.0.0.1:0", WSS: "127.0.0.1:0",
		Certificate: id.cert, Key: id.key, Media: engine(t, "127.0.0.1"), Phones: book{secrets: agents()}, Timers: timers,
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}},
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), // panics
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Answer(ctx) == nil {
				s.legs <- l
				<-l.Ended()
			}
		},
	})
	return s
}

// heap is how much memory is in use when nothing can be freed.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flood sends 1,500 requests a second over r from one host until stop is closed,
// and opens a connection again whenever it is closed. What it gets is not read.
func (s *stage) flood(t *testing.T, r road, host string, stop <-chan struct{}) {
	for n := 0; ; n++ {
		c := s.quietly(t, r, host)
		for c != nil {
			select {
			case <-stop:
				c.Close()
				return
			default:
			}
			if n++; n%15 == 0 {
				select {
				case <-stop:
				case <-time.After(10 * time.Millisecond):
				}
			}
			p := &peer{t: t, c: c, desk: r.at(s.e)}
			method := []string{"INVITE", "INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE"}[n%6]
			text := p.call(fmt.Sprint(host, "-", n)).text(method, 1, p.branch(), strings.Repeat("x", n%10*100), "Content-Type: text/plain")
			if _, err := c.WriteTo([]byte(text), net.UDPAddrFromAddrPort(p.desk)); err != nil {
				c.Close()
				break
			}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// quietly is dial for a stranger, who may be turned away: then it is nil.
func (s *stage) quietly(t *testing.T, r road, host string) net.PacketConn {
	if r.name == "UDP" {
		return r.dial(t, s.e, host)
	}
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}, Timeout: time.Second}
	c, err := d.Dial("tcp", r.at(s.e).String())
	if err != nil {
		return nil
	}
	if r.tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if r.ws { // the upgrade, and what comes after it in no frame
		c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte("GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")); err != nil {
			c.Close()
			return nil
		}
		return &masked{framed{Conn: c, via: "SIP/2.0/WS"}}
	}
	return &framed{Conn: c, via: "SIP/2.0/" + r.name}
}

// masked is a WebSocket of a client that writes without waiting for answers.
type masked struct{ framed }

func (m *masked) WriteTo(b []byte, _ net.Addr) (int, error) {
	head := []byte{0x81, 0x80 | 126, byte(len(b) >> 8), byte(len(b)), 0, 0, 0, 0} // masked with zeros
	m.SetWriteDeadline(time.Now().Add(time.Second))
	return m.Write(append(head, b...))
}

// TestFloodOverEveryRoadLeavesCallsAlone floods each transport from many hosts
// with requests of every kind, connections included, while the carrier calls
// over the same one: every call is answered and heard.
func TestFloodOverEveryRoadLeavesCallsAlone(t *testing.T) {
	for _, r := range roads() {
		t.Run(r.name, func(t *testing.T) {
			s := flooded(t, testTimers())
			before := heap()
			stop := make(chan struct{})
			var work sync.WaitGroup
			for i := range 6 {
				work.Go(func() { s.flood(t, r, fmt.Sprintf("127.9.%d.1", i), stop) })
			}
			for i := range 5 {
				if r.name == "UDP" {
					s.phoneTalk(t) // it sends again what was lost
					continue
				}
				s.talk(t, r, fmt.Sprint("good", i))
			}
			until(t, "the flood was read", func() bool {
				n := s.e.Stats()
				return n.Dropped+n.Refused+n.Malformed > 1000
			})
			close(stop)
			work.Wait()
			if n := s.e.Stats(); n.Calls != 5 || n.Panics != 0 {
				t.Errorf("Stats() = %+v", n)
			}
			s.talk(t, r, "after")
			if grown := heap() - before; grown > 32<<20 {
				t.Errorf("the heap has grown by %d MB", grown>>20)
			}
		})
	}
}

// phoneTalk is talk by a telephone of ours over UDP.
func (s *stage) phoneTalk(t *testing.T) {
	t.Helper()
	p := openPhone(t, PhoneConfig{Server: s.e.Addr().String(), Listen: s.caller + ":0", Username: "+33142000001", Media: s.far})
	out, err := p.Call(soon(t), "+33970000000")
	if err != nil {
		t.Fatalf("Call() = %v", err)
	}
	in := comes(t, s.legs)
	bothHear(t, in.Media(), out.Media())
	out.Hangup(leg.Released)
	ends(t, in, leg.HungUp)
}

// TestFiveThousandSilentConnectionsKeepNobodyOut opens them over every
// connected road: silent ones, half a handshake, half an upgrade, a message
// that comes byte by byte. Calls go on, and the connections are let go.
func TestFiveThousandSilentConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 16000 {
		t.Skip("this process may not open 16,000 files")
	}
	timers := testTimers()
	timers.Silent = 2 * time.Second
	s := flooded(t, timers)
	ways := roads()[1:]
	conns := make([]net.Conn, 0, 5000)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	began := time.Now()
	for i := range cap(conns) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 10, byte(i/30>>8), byte(i/30+1))}}
		c, err := d.Dial("tcp", ways[i%4].at(s.e).String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		part := [][]byte{nil, {22, 3, 1, 2, 0, 1, 0, 1}, []byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: web"), []byte("INVITE sip:")}[i/4%4]
		c.Write(part)
		if i%1000 == 999 {
			s.talk(t, ways[i/1000%4], fmt.Sprint("among ", i)[6:])
		}
	}
	t.Logf("%d connections in %v", len(conns), time.Since(began))
	if n := len(s.e.liveStreams()); n > 4096 {
		t.Errorf("%d connections are open, want 4096 at most", n)
	}
	for i, r := range roads() {
		s.talk(t, r, fmt.Sprint("full", i))
	}
	until(t, "the silent ones are let go", func() bool {
		for _, c := range conns[:10] { // some bytes now and then prolong nothing
			c.Write([]byte("x"))
		}
		return len(s.e.liveStreams()) == 0
	})
}

// TestCallsAbortedAtAnyMomentLeaveNoGoroutine is 1,000 calls that are given up
// by every means a caller has.
func TestCallsAbortedAtAnyMomentLeaveNoGoroutine(t *testing.T) {
	s := flooded(t, testTimers())
	p := newPeer(t, peerAddr, s.e.Addr())
	done := make(chan struct{})
	go func() { // nobody waits for the legs
		defer close(done)
		for range s.legs {
		}
	}()
	p.call("warm").aborted(2)
	until(t, "no call is left", func() bool { return len(s.e.liveCalls()) == 0 })
	goroutines, memory := runtime.NumGoroutine(), heap()
	for i := range 1000 {
		p.call(fmt.Sprint("aborted", i)).aborted([]int{0, 1, 2, 0, 1, 2, 0, 1, 2, 3}[i%10])
		if i%100 == 99 {
			until(t, "calls end", func() bool { return len(s.e.liveCalls()) < 100 })
		}
	}
	until(t, "no call is left", func() bool { return len(s.e.liveCalls()) == 0 })
	until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines+5 })
	if grown := heap() - memory; grown > 16<<20 {
		t.Errorf("the heap has grown by %d MB", grown>>20)
	}
	if n := s.e.Stats().Panics; n != 0 {
		t.Errorf("Panics = %d", n)
	}
	s.e.Close()
	close(s.legs)
	<-done
}

// aborted calls and gives up in one of four ways.
func (s *script) aborted(way int) {
	p, branch := s.p, s.p.branch()
	s.seq = 1
	p.send(s.text("INVITE", 1, branch, plainSDP))
	learn := func() {
		s.learn(next(p, "answer", func(r *gosip.Response) bool { return r.CallID().Value() == s.id && r.StatusCode == 200 }))
	}
	switch way {
	case 0:
		p.send(s.text("CANCEL", 1, branch, ""))
	case 1:
		learn()
		s.say("BYE", "") // instead of an ACK
	case 2:
		learn()
		s.ack(1, "")
		s.say("BYE", "")
	case 3: // never heard of again: the ACK does not come
	}
}
