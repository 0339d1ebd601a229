package sip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// setups places calls one after the other from several sockets: INVITE, 200,
// ACK, BYE, 200. The caller is as cheap as text can be, and the same for both.
func setups(b *testing.B, at netip.AddrPort) {
	b.ReportAllocs()
	var n atomic.Int64
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.ListenPacket("udp", peerAddr+":0")
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		desk := net.UDPAddrFromAddrPort(at)
		buf := make([]byte, 4096)
		final := func(seq string) string {
			for {
				k, _, err := c.ReadFrom(buf)
				if err != nil {
					b.Error(err)
					return ""
				}
				if bytes.HasPrefix(buf[:k], []byte("SIP/2.0 200")) && bytes.Contains(buf[:k], []byte("CSeq: "+seq)) {
					return string(buf[:k])
				}
			}
		}
		for pb.Next() {
			id := n.Add(1)
			say := func(method string, seq int, to, body string) {
				text := fmt.Sprintf("%s sip:+33970000000@desk.example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d%s;rport\r\n"+
					"Max-Forwards: 70\r\nFrom: <sip:+33142000001@carrier.example.com>;tag=%d\r\nTo: %s\r\nCall-ID: bench-%d\r\nCSeq: %d %s\r\n"+
					"Contact: <sip:carrier@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
					method, c.LocalAddr(), id, method, id, to, id, seq, method, c.LocalAddr(), len(body), body)
				c.WriteTo([]byte(text), desk)
			}
			to := "<sip:+33970000000@desk.example.com>"
			say("INVITE", 1, to, plainSDP)
			_, rest, _ := strings.Cut(final("1 INVITE"), "\r\nTo: ")
			to, _, _ = strings.Cut(rest, "\r\n")
			say("ACK", 1, to, "")
			say("BYE", 2, to, "")
			final("2 BYE")
		}
	})
}

func BenchmarkSetup(b *testing.B) {
	e, err := Open(Config{
		UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Timers: testTimers(),
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Answer(ctx) == nil {
				<-l.Ended()
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	setups(b, e.Addr())
}

// BenchmarkSetupBareLibrary answers with the library alone, without a dialog,
// a check or an actor.
func BenchmarkSetupBareLibrary(b *testing.B) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	tp := gosip.NewTransportLayer(noNames(), gosip.NewParser(), nil)
	txs := gosip.NewTransactionLayer(tp)
	txs.OnRequest(func(req *gosip.Request, tx *gosip.ServerTx) {
		switch req.Method {
		case gosip.ACK:
			tx.Terminate()
		case gosip.INVITE:
			tx.Respond(gosip.NewSDPResponseFromRequest(req, []byte(plainSDP)))
		default:
			tx.Respond(gosip.NewResponseFromRequest(req, 200, "OK", nil))
		}
	})
	done := make(chan struct{})
	go func() { tp.ServeUDP(c); close(done) }()
	defer func() { c.Close(); txs.Close(); tp.Close(); <-done }()
	setups(b, netip.MustParseAddrPort(c.LocalAddr().String()))
}
