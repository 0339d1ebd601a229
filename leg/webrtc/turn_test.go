package webrtc_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/turn/v5"

	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/webrtc"
	"sotto/leg/webrtc/webrtctest"
)

func withTurn(c *webrtc.Config) { c.Turn.Addr = netip.MustParseAddrPort("127.0.0.1:0") }

// TestBrowserWithoutUDPIsHeard connects a page that cannot send UDP to the
// desk: over the relay, and over TCP. Both hear each other.
func TestBrowserWithoutUDPIsHeard(t *testing.T) {
	for _, c := range []struct {
		name   string
		desk   func(*webrtc.Config)
		config webrtctest.Config
	}{
		{"OverTURN", withTurn, webrtctest.Config{Relayed: true}},
		{"OverTCP", func(c *webrtc.Config) { c.TCP = netip.MustParseAddrPort("127.0.0.1:0") }, webrtctest.Config{TCP: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, c.desk)
			c.config.URL, c.config.Ticket = d.web.URL, d.ticket(webrtc.Pass{Device: 1})
			page := webrtctest.Open(t, c.config)
			eventually(t, "the page can be rung", func() bool { return d.isHere(1) })
			page.Hum(700)
			rung := make(chan leg.Leg, 1)
			go func() {
				l, err := d.e.Dial(t.Context(), webrtc.Target{Device: 1})
				if err != nil {
					t.Error(err)
				}
				rung <- l
			}()
			page.Accept(page.Rung().Leg)
			l := <-rung
			phone, port := d.phone(440)
			media.Bridge(port, l.Media())
			eventually(t, "both hear each other", func() bool { return page.Hears(440) && phone.Hears(700) })
			l.Hangup(leg.Released)
		})
	}
}

// TestRelayLeadsToTheDeskAlone tries to use the relay as an open one: towards
// other ports of the desk's address, and other addresses.
func TestRelayLeadsToTheDeskAlone(t *testing.T) {
	d := open(t, withTurn)
	page := webrtctest.Open(t, webrtctest.Config{URL: d.web.URL, Ticket: d.ticket(webrtc.Pass{Device: 1}), NoAudio: true})
	var ready webrtc.Ready
	page.Wait("ready", &ready)
	if ready.Relay == nil {
		t.Fatal("the desk names no relay")
	}
	allocate := func(username, password string) (*turn.Client, net.PacketConn, error) {
		at := strings.TrimSuffix(strings.TrimPrefix(ready.Relay.URL, "turn:"), "?transport=tcp")
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: at, Username: username, Password: password, Realm: "sotto", Conn: turn.NewSTUNConn(conn), RTO: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(); _ = conn.Close() })
		if err := c.Listen(); err != nil {
			t.Fatal(err)
		}
		relayed, err := c.Allocate()
		if err == nil {
			t.Cleanup(func() { _ = relayed.Close() }) // the desk may have let go of it first
		}
		return c, relayed, err
	}
	if _, _, err := allocate(ready.Relay.Username, "guessed"); err == nil {
		t.Error("a guessed password opens the relay")
	}
	c, relayed, err := allocate(ready.Relay.Username, ready.Relay.Credential)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"192.0.2.1:9", "127.0.0.2:9"} {
		if err := c.CreatePermission(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at))); err == nil {
			t.Errorf("the relay may be led to %s", at)
		}
	}
	other, err := net.ListenPacket("udp4", "127.0.0.1:0") // the desk's address, not its port
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, _ = relayed.WriteTo([]byte("anybody?"), other.LocalAddr()) // dropped here or at the relay
	_, _ = other.WriteTo([]byte("you!"), relayed.LocalAddr())
	for name, p := range map[string]net.PacketConn{"out": other, "in": relayed} {
		if err := p.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, _, err := p.ReadFrom(make([]byte, 100)); err == nil {
			t.Errorf("the relay let %d bytes %s", n, name)
		}
	}
	for range 20 {
		if _, _, err = allocate(ready.Relay.Username, ready.Relay.Credential); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("one page may have any number of ways")
	}
	page.Close()
	eventually(t, "the credential ends with the page", func() bool {
		_, _, err := allocate(ready.Relay.Username, ready.Relay.Credential)
		return err != nil && !strings.Contains(err.Error(), "486")
	})
}
