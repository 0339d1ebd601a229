package legtest

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// eventType is the payload type of key presses towards and from a Phone.
const eventType = 101

// eventKeys are the keys in the order of their codes (RFC 4733 3.2).
const eventKeys = "0123456789*#ABCD"

// frameTime is how much sound one packet holds.
const frameTime = 20 * time.Millisecond

// Phone is a telephone's audio on the wire (RTP, µ-law): it hums, presses
// keys, and keeps what it hears. Its methods may be called from any goroutine.
type Phone struct {
	t    testing.TB
	conn *net.UDPConn
	work sync.WaitGroup
	quit chan struct{}
	stop sync.Once

	mu    sync.Mutex
	to    netip.AddrPort
	tone  []byte // what is hummed, in a loop; nil is silence
	at    int    // next sample of tone
	once  []byte // what is said before the hum goes on
	keys  []byte // event codes to be pressed
	came  []byte // the keys that came as events
	keyTS uint32 // of the last of them
	dead  bool   // sends nothing at all
	seq   uint16
	ts    uint32
	heard []int16
}

// NewPhone opens a telephone on this machine; it ends with the test. It sends
// silence from Call on.
func NewPhone(t testing.TB) *Phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	p := &Phone{t: t, conn: conn, quit: make(chan struct{})}
	p.work.Go(p.listen)
	p.work.Go(p.speak)
	t.Cleanup(p.Close)
	return p
}

// Addr is where the telephone listens.
func (p *Phone) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Call says where to send.
func (p *Phone) Call(to netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// Hum sends a tone from now on.
func (p *Phone) Hum(hz float64) {
	tone := media.Tone(hz, time.Second).Mulaw
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tone, p.at = tone[80:len(tone)-80], 0 // without the fades
}

// Hush sends silence from now on.
func (p *Phone) Hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tone = nil
}

// Die sends nothing any more.
func (p *Phone) Die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

// Press presses a key.
func (p *Phone) Press(key byte) {
	i := strings.IndexByte(eventKeys, key)
	if i < 0 {
		p.t.Errorf("legtest: %q is no key", key)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, byte(i))
}

// Dial presses keys by their tones in the audio (ITU-T Q.23), as a telephone
// without events does: 80 ms each and 60 ms of silence behind it.
func (p *Phone) Dial(keys string) {
	var said []byte
	for _, k := range []byte(keys) {
		i := strings.IndexByte("123A456B789C*0#D", k)
		if i < 0 {
			p.t.Errorf("legtest: %q is no key", k)
			return
		}
		low, high := [4]float64{697, 770, 852, 941}[i/4], [4]float64{1209, 1336, 1477, 1633}[i%4]
		for n := range media.SampleRate * 14 / 100 {
			v := 0.0
			if x := 2 * math.Pi * float64(n) / media.SampleRate; n < media.SampleRate*8/100 {
				v = 5000*math.Sin(low*x) + 4500*math.Sin(high*x)
			}
			said = append(said, media.EncodeMulaw(int16(v)))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.once = append(p.once, said...)
}

// HeardKeys returns the keys that came as events.
func (p *Phone) HeardKeys() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.came)
}

// Said reports whether everything that Dial was asked for has been sent.
func (p *Phone) Said() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.once) == 0
}

// Heard returns what came so far.
func (p *Phone) Heard() []int16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int16(nil), p.heard...)
}

// Forget drops what came so far.
func (p *Phone) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

// Hears reports whether the last 200 ms are the tone hz.
func (p *Phone) Hears(hz float64) bool {
	const span = media.SampleRate / 5
	h := p.Heard()
	return len(h) >= span && mediatest.HasTone(h[len(h)-span:], media.SampleRate, hz)
}

// HeardTone reports whether the tone hz came at any time: 80 ms of it are
// enough, because a busy machine may skip parts of a prompt.
func (p *Phone) HeardTone(hz float64) bool {
	const span = media.SampleRate * 8 / 100
	h := p.Heard()
	for at := 0; at+span <= len(h); at += span / 4 {
		if mediatest.HasTone(h[at:at+span], media.SampleRate, hz) {
			return true
		}
	}
	return false
}

// Close hangs the telephone off the wire. The second call does nothing.
func (p *Phone) Close() {
	p.stop.Do(func() {
		close(p.quit)
		if err := p.conn.Close(); err != nil {
			p.t.Error(err)
		}
		p.work.Wait()
	})
}

func (p *Phone) listen() {
	b := make([]byte, 2048)
	for {
		n, err := p.conn.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 {
			continue
		}
		if b[1]&0x7F == eventType && n > 12 {
			p.heardKey(b[12], binary.BigEndian.Uint32(b[4:]))
		}
		if b[1]&0x7F != 0 {
			continue
		}
		pcm := mediatest.Decode(media.Mulaw, b[12:n])
		p.mu.Lock()
		p.heard = append(p.heard, pcm...)
		p.mu.Unlock()
	}
}

// heardKey notes a key once, however often its packets come.
func (p *Phone) heardKey(code byte, ts uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(code) < len(eventKeys) && (len(p.came) == 0 || ts != p.keyTS) {
		p.came, p.keyTS = append(p.came, eventKeys[code]), ts
	}
}

func (p *Phone) speak() {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		packets, to := p.next(), p.to
		p.mu.Unlock()
		for _, b := range packets {
			if _, err := p.conn.WriteToUDPAddrPort(b, to); err != nil && !errors.Is(err, net.ErrClosed) {
				p.t.Logf("legtest: send: %v", err)
			}
		}
	}
}

// next makes what the telephone sends now. mu is held.
func (p *Phone) next() (packets [][]byte) {
	if p.dead || !p.to.IsValid() {
		return nil
	}
	audio := make([]byte, media.SampleRate/50)
	for i := range audio {
		audio[i] = media.EncodeMulaw(0)
		if len(p.once) > 0 {
			audio[i], p.once = p.once[0], p.once[1:]
			continue
		}
		if len(p.tone) > 0 {
			audio[i] = p.tone[p.at]
			p.at = (p.at + 1) % len(p.tone)
		}
	}
	packets = append(packets, p.packet(0, audio))
	if len(p.keys) > 0 {
		// RFC 4733 2.5.1.4: the end of a key is sent three times.
		for range 3 {
			packets = append(packets, p.packet(eventType, []byte{p.keys[0], 0x80 | 10, 0x03, 0x20}))
		}
		p.keys = p.keys[1:]
	}
	p.ts += uint32(len(audio))
	return packets
}

// packet is one RTP packet (RFC 3550 5.1). mu is held.
func (p *Phone) packet(pt byte, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], p.ts)
	binary.BigEndian.PutUint32(b[8:], 0x50770000|uint32(p.Addr().Port()))
	p.seq++
	return append(b, payload...)
}
