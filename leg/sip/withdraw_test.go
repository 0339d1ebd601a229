package sip

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sotto/leg"
)

// TestCancelInOneBreathWithItsInvite: both come in one segment, so the library
// may handle either first. The CANCEL is never lost, whichever it was, though
// the desk answers as soon as it could know.
func TestCancelInOneBreathWithItsInvite(t *testing.T) {
	const calls = 200
	results := make(chan error, calls)
	var e *Endpoint
	e = desk(t, func(ctx context.Context, l leg.Leg) {
		c := l.(*Call)
		until(t, "CANCEL", func() bool { return c.Cause() != "" || e.wasMet(c.id, *c.peerTag.Load(), c.branch) })
		results <- l.Answer(context.Background())
	})
	p := newPeer(t, peerAddr, e.Addr())
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(peerAddr + ":0"))}
	c, err := d.Dial("tcp", e.AddrTCP().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(c)
	for i := range calls {
		s := p.call(fmt.Sprint("breath-", i))
		branch := p.branch()
		both := s.text("INVITE", 1, branch, plainSDP) + s.text("CANCEL", 1, branch, "")
		if _, err := c.Write([]byte(strings.ReplaceAll(both, "SIP/2.0/UDP", "SIP/2.0/TCP"))); err != nil {
			t.Fatal(err)
		}
		readFinals(t, in, s.id)
	}
	for range calls {
		if err := <-results; leg.CauseOf(err) != leg.Cancelled {
			t.Fatalf("Answer() of a call that was withdrawn = %v", err)
		}
	}
}

// readFinals reads 200 to the CANCEL and 487 to the INVITE, in any order.
func readFinals(t *testing.T, in *bufio.Scanner, id string) {
	t.Helper()
	got := map[string]string{} // by method
	status, call := "", ""
	for len(got) < 2 && in.Scan() {
		name, value, _ := strings.Cut(in.Text(), ": ")
		switch {
		case strings.HasPrefix(name, "SIP/2.0 "):
			status = strings.Fields(name)[1]
		case name == "Call-ID":
			call = value
		case name == "CSeq" && call == id && status[0] != '1':
			got[strings.Fields(value)[1]] = status
		}
	}
	if got["INVITE"] != "487" || got["CANCEL"] != "200" {
		t.Fatalf("call %s: final answers %v, %v", id, got, in.Err())
	}
}
