package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// engine moves the audio of one side on loopback.
func engine(t *testing.T, addr string) *media.Engine {
	t.Helper()
	m, err := media.Open(media.Config{Addr: netip.MustParseAddr(addr)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return m
}

// hears waits until a party says hz.
func hears(t *testing.T, p *media.Port, hz float64) {
	t.Helper()
	var ear mediatest.Ear
	untap := p.Tap(&ear)
	defer untap()
	until(t, fmt.Sprint("a tone of ", hz, " Hz"), func() bool { return ear.Hears(hz) })
}

func TestBothSidesHearEachOther(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "signalled over UDP", true: "signalled over TCP"}[tcp], func(t *testing.T) {
			legs := make(chan leg.Leg, 1)
			e := open(t, Config{
				Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Media: engine(t, "127.0.0.1"),
				Accept: func(ctx context.Context, l leg.Leg) {
					if err := l.Answer(ctx); err != nil {
						t.Errorf("Answer() = %v", err)
					}
					legs <- l
					<-l.Ended()
				},
			})
			at := e.Addr()
			if tcp {
				at = e.AddrTCP()
			}
			p := openPhone(t, PhoneConfig{
				Server: at.String(), TCP: tcp, Listen: peerAddr + ":0", Username: "+33142000001", Media: engine(t, peerAddr),
			})
			ctx := soon(t)
			out, err := p.Call(ctx, "+33970000000")
			if err != nil {
				t.Fatalf("Call() = %v", err)
			}
			in := <-legs
			playing, stop := context.WithCancel(ctx)
			go in.Media().Play(playing, media.Tone(440, time.Second), true)
			go out.Media().Play(playing, media.Tone(1000, time.Second), true)
			hears(t, in.Media(), 1000)
			hears(t, out.Media(), 440)
			stop()
			if err := out.Media().SendDigits(ctx, "5#"); err != nil {
				t.Errorf("SendDigits() = %v", err)
			}
			for _, want := range "5#" {
				if got := <-in.Media().Digits(); got != media.Digit(want) {
					t.Errorf("digit = %c, want %c", got, want)
				}
			}
			out.Hangup(leg.Released)
			ends(t, in, leg.HungUp)
			<-in.Media().Done() // the port ends with its leg
		})
	}
}

func TestDigitsThatComeAsMessagesAreDigits(t *testing.T) {
	e, legs := audible(t, Timers{})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("info")
	s.answered(plainSDP)
	l := <-legs
	for _, body := range []string{"Signal=7\r\nDuration=160\r\n", "Signal= *\r\n", "signal=11\r\n"} {
		p.answer(200, s.say("INFO", body, "Content-Type: application/dtmf-relay"))
	}
	p.answer(200, s.say("INFO", "4", "Content-Type: application/dtmf"))
	p.answer(200, s.say("INFO", "Signal=flash\r\n", "Content-Type: application/dtmf-relay"))
	for _, want := range "7*#4" {
		if got := <-l.Media().Digits(); got != media.Digit(want) {
			t.Errorf("digit = %c, want %c", got, want)
		}
	}
	p.answer(200, s.say("BYE", ""))
}

// audible is a desk with audio that answers every call.
func audible(t *testing.T, timers Timers) (*Endpoint, <-chan leg.Leg) {
	t.Helper()
	if timers == (Timers{}) {
		timers = testTimers()
	}
	legs := make(chan leg.Leg, 8)
	return open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Media: engine(t, "127.0.0.1"), Timers: timers,
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Answer(ctx) == nil {
				legs <- l
			}
			<-l.Ended()
		},
	}), legs
}

// ear is a socket where a scripted carrier wants its audio.
func ear(t *testing.T) (net.PacketConn, func(lines ...string) string) {
	t.Helper()
	c, err := net.ListenPacket("udp", peerAddr+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	port := c.LocalAddr().(*net.UDPAddr).Port
	return c, func(lines ...string) string {
		return strings.Replace(plainSDP, "40000", fmt.Sprint(port), 1) + strings.Join(lines, "\r\n") + "\r\n"
	}
}

// silent reports whether nothing comes for a while, after what is on its way.
func silent(c net.PacketConn) bool {
	buf := make([]byte, 2048)
	for range 20 {
		c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
		if _, _, err := c.ReadFrom(buf); err != nil {
			return true
		}
	}
	return false
}

func TestAudioFollowsHoldResumeAndMove(t *testing.T) {
	e, legs := audible(t, Timers{})
	p := newPeer(t, peerAddr, e.Addr())
	first, here := ear(t)
	second, there := ear(t)
	s := p.call("hold")
	s.answered(here())
	l := <-legs
	go l.Media().Play(soon(t), media.Tone(440, time.Second), true)
	for _, step := range []struct {
		name          string
		sdp           string
		first, second bool // who hears us
	}{
		{"answered", "", true, false},
		{"held", here("a=sendonly"), false, false},
		{"resumed", here("a=sendrecv"), true, false},
		{"held the old way", strings.Replace(here(), "c=IN IP4 127.0.0.2", "c=IN IP4 0.0.0.0", 1), false, false},
		{"moved", there(), false, true},
	} {
		if step.sdp != "" {
			s.answered(step.sdp)
		}
		if got := !silent(first); got != step.first {
			t.Errorf("%s: the first place hears us: %v, want %v", step.name, got, step.first)
		}
		if got := !silent(second); got != step.second {
			t.Errorf("%s: the second place hears us: %v, want %v", step.name, got, step.second)
		}
	}
	p.answer(200, s.say("BYE", ""))
	ends(t, l, leg.HungUp)
}

func TestCallWithoutAudioIsEnded(t *testing.T) {
	timers := testTimers()
	timers.MediaTimeout = 1200 * time.Millisecond
	e, legs := audible(t, timers)
	p := newPeer(t, peerAddr, e.Addr())
	voice, here := ear(t)
	s := p.call("dead")
	r := s.answered(here())
	l := <-legs
	// It speaks for longer than the limit, is held for longer, and dies.
	desk := mediaOf(t, r)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 90 {
		<-tick.C
		packet := append([]byte{0x80, 0, 0, byte(i), 0, 0, byte(i * 160 >> 8), byte(i * 160), 1, 2, 3, 4}, make([]byte, 160)...)
		voice.WriteTo(packet, net.UDPAddrFromAddrPort(desk))
	}
	if l.Cause() != "" {
		t.Fatalf("the call ended while its peer spoke: %s", l.Cause())
	}
	s.answered(here("a=inactive"))
	hold := time.NewTimer(1800 * time.Millisecond)
	select {
	case <-l.Ended():
		t.Fatalf("the call ended while it was held: %s", l.Cause())
	case <-hold.C:
	}
	s.answered(here("a=sendrecv"))
	back := time.Now()
	p.reply(p.request(gosip.BYE), 200, "", "")
	ends(t, l, leg.MediaLost)
	if waited := time.Since(back); waited < time.Second {
		t.Errorf("ended %v after it was resumed, want 1.2 s", waited)
	}
}

// mediaOf finds where the desk wants audio in an answer.
func mediaOf(t *testing.T, r *gosip.Response) netip.AddrPort {
	t.Helper()
	var port uint16
	for l := range strings.SplitSeq(string(r.Body()), "\r\n") {
		fmt.Sscanf(l, "m=audio %d ", &port)
	}
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}
