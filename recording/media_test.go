package recording_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/recording"
)

// phone says tones over RTP, as a telephone does.
type phone struct {
	t    *testing.T
	conn *net.UDPConn
	port *media.Port
	law  media.Law
	hz   float64
	n    int // frames said
}

func newPhone(t *testing.T, e *media.Engine, law media.Law, hz float64) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	port, err := e.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Close)
	if err := port.Connect(media.Remote{
		Addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Law: law, PayloadType: uint8(law), Send: true, Receive: true,
	}); err != nil {
		t.Fatal(err)
	}
	return &phone{t: t, conn: conn, port: port, law: law, hz: hz}
}

// say sends the next 20 ms; or leaves them out.
func (f *phone) say(lost bool) {
	f.t.Helper()
	b := make([]byte, 12, 172)
	b[0], b[1] = 0x80, byte(f.law)
	binary.BigEndian.PutUint16(b[2:], uint16(f.n))
	binary.BigEndian.PutUint32(b[4:], uint32(f.n*160))
	binary.BigEndian.PutUint32(b[8:], 0xCAFE)
	b = append(b, frame(0, f.law, tone(f.hz, f.n*160, 160)).Payload...)
	f.n++
	if lost {
		return
	}
	if _, err := f.conn.WriteToUDPAddrPort(b, f.port.Local()); err != nil {
		f.t.Fatal(err)
	}
}

// TestACallOverRTPIsRecorded bridges two telephones of different laws on a
// real engine. The agent joins later, and loses a fifth of a second.
func TestACallOverRTPIsRecorded(t *testing.T) {
	e, err := media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	d := sqlite(t, recording.Config{})
	caller, agent := newPhone(t, e, media.Mulaw, 440), newPhone(t, e, media.Alaw, 1000)
	defer media.Bridge(caller.port, agent.port)()
	r := d.start()
	if err := r.Caller(caller.port); err != nil {
		t.Fatal(err)
	}
	var ears [2]mediatest.Ear // behind the recorder's taps: what they hear was recorded
	caller.port.Tap(&ears[0])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 130 {
		if i == 50 {
			if err := r.Agent(agent.port, d.agent, d.agentKey); err != nil {
				t.Fatal(err)
			}
			agent.port.Tap(&ears[1])
		}
		<-tick.C
		caller.say(false)
		if i >= 50 {
			agent.say(i >= 80 && i < 90)
		}
	}
	until(t, "the last packet", func() bool {
		return len(ears[0].Frames()) == 130 && len(ears[1].Frames()) == 70
	})
	caller.port.Close() // hangs up: the tap is gone, the track stays
	got := d.finish(r)
	if len(got.Tracks) != 2 || got.Tracks[0].Samples != 130*160 || got.Tracks[1].Samples != 80*160 {
		t.Fatalf("tracks are %s, %s", describe(got.Tracks[0]), describe(got.Tracks[1]))
	}
	if got.Tracks[0].Lost != 0 || got.Tracks[1].Lost != 10*160 {
		t.Errorf("lost: %s, %s", describe(got.Tracks[0]), describe(got.Tracks[1]))
	}
	if late := got.Tracks[1].Offset; late < 7000 || late > 9000 {
		t.Errorf("the agent begins at sample %d, want about 8000", late)
	}
	pcm := d.listen(r.ID())
	from := int(got.Tracks[1].Offset)
	wantTone(t, "caller", at(pcm.left(), 12_000), 440)
	wantTone(t, "agent", at(pcm.right(), from+1600), 1000)
	wantSilence(t, "the agent's gap", pcm.right()[from+30*160:from+40*160])
	wantTone(t, "agent behind the gap", at(pcm.right(), from+41*160), 1000)
	if mediatest.HasTone(pcm.left(), media.SampleRate, 1000) {
		t.Error("the agent is heard on the left")
	}
}
