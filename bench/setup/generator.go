//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// generator is many telephones on one socket: each calls, confirms the answer
// and hangs up at once.
type generator struct {
	conn   *net.UDPConn
	server *net.UDPAddr
	local  string
	reader sync.WaitGroup

	mu    sync.Mutex // guards what is below
	next  int
	calls map[string]*attempt
	done  result
}

// attempt is one call not yet answered.
type attempt struct {
	n       int
	began   time.Time
	repeats int
	timer   *time.Timer
}

type result struct {
	answered int
	repeats  int
	waits    []time.Duration
}

func (r result) quantile(q float64) time.Duration {
	if len(r.waits) == 0 {
		return 0
	}
	slices.Sort(r.waits)
	return r.waits[int(q*float64(len(r.waits)-1))]
}

func newGenerator(server string) (*generator, error) {
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		return nil, err
	}
	g := &generator{conn: conn, server: to, local: conn.LocalAddr().String(), calls: map[string]*attempt{}}
	g.reader.Go(g.read)
	return g, nil
}

func (g *generator) close() {
	_ = g.conn.Close()
	g.reader.Wait()
}

// run offers rate calls a second for d, then waits for the answers that are
// still to come, a second at most.
func (g *generator) run(ctx context.Context, rate int, d time.Duration) error {
	begin := time.Now()
	gap := time.Second / time.Duration(rate)
	for n := 0; ; n++ {
		due := begin.Add(time.Duration(n) * gap)
		if due.Sub(begin) >= d {
			break
		}
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		g.call()
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		g.mu.Lock()
		left := len(g.calls)
		g.mu.Unlock()
		if left == 0 {
			break
		}
	}
	return nil
}

func (g *generator) call() {
	g.mu.Lock()
	g.next++
	a := &attempt{n: g.next, began: time.Now()}
	id := callID(a.n)
	g.calls[id] = a
	a.timer = time.AfterFunc(500*time.Millisecond, func() { g.repeat(id, a) })
	g.mu.Unlock()
	g.send(g.invite(a.n))
}

func (g *generator) repeat(id string, a *attempt) {
	g.mu.Lock()
	live := g.calls[id] == a && a.repeats < 6
	if live {
		a.repeats++
		g.done.repeats++
		a.timer.Reset(500 * time.Millisecond << a.repeats)
	}
	g.mu.Unlock()
	if live {
		g.send(g.invite(a.n))
	}
}

func callID(n int) string { return "bench-" + strconv.Itoa(n) }

func (g *generator) send(b []byte) { _, _ = g.conn.WriteToUDP(b, g.server) } // loss is what is measured

// invite offers audio at an address of its own for each call: callers' audio
// comes from different places.
func (g *generator) invite(n int) []byte {
	host := fmt.Sprintf("127.1.%d.%d", n/20000%250, 2+n%200)
	sdp := fmt.Sprintf("v=0\r\no=- %d 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
		n, host, host, 20000+n/200%100*2)
	return fmt.Appendf(nil, "INVITE sip:+33199001000@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKi%[3]d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+3319900%04[4]d@%[2]s>;tag=f%[3]d\r\nTo: <sip:+33199001000@%[1]s>\r\nCall-ID: %[5]s\r\nCSeq: 1 INVITE\r\n"+
		"Contact: <sip:bench@%[2]s>\r\nContent-Type: application/sdp\r\nContent-Length: %[6]d\r\n\r\n%[7]s",
		g.server, g.local, n, n%10000, callID(n), len(sdp), sdp)
}

func (g *generator) inDialog(method string, n, cseq int, to string) []byte {
	return fmt.Appendf(nil, "%[1]s sip:+33199001000@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[1]s%[4]d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+3319900%04[5]d@%[3]s>;tag=f%[4]d\r\nTo: %[6]s\r\nCall-ID: %[7]s\r\nCSeq: %[8]d %[1]s\r\nContent-Length: 0\r\n\r\n",
		method, g.server, g.local, n, n%10000, to, callID(n), cseq)
}

// read takes answers: an answered call is confirmed and hung up.
func (g *generator) read() {
	buf := make([]byte, 64<<10)
	for {
		n, _, err := g.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		g.answer(buf[:n])
	}
}

func (g *generator) answer(b []byte) {
	if !bytes.HasPrefix(b, []byte("SIP/2.0 200")) || header(b, "CSeq") != "1 INVITE" {
		return
	}
	id, to := header(b, "Call-ID"), header(b, "To")
	g.mu.Lock()
	a := g.calls[id]
	delete(g.calls, id)
	if a != nil {
		a.timer.Stop()
		g.done.answered++
		g.done.waits = append(g.done.waits, time.Since(a.began))
	}
	g.mu.Unlock()
	num, err := strconv.Atoi(id[len("bench-"):])
	if err != nil {
		return
	}
	g.send(g.inDialog("ACK", num, 1, to))
	if a != nil {
		g.send(g.inDialog("BYE", num, 2, to))
	}
}

func header(b []byte, name string) string {
	_, rest, ok := bytes.Cut(b, []byte("\r\n"+name+": "))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

func (g *generator) result() result {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done
}

// forget starts the figures anew and returns how many were answered so far.
func (g *generator) forget() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.done.answered
	g.done = result{}
	return n
}
