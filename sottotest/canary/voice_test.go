package canary

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"

	"sotto/leg/media"
	"sotto/sottotest"
)

// frameLength is 20 ms, as telephones send it.
const frameLength = 160

// mouth is a telephone that speaks RTP to one port after another.
type mouth struct {
	conn *net.UDPConn
	seq  uint16
	ts   uint32
	ssrc uint32
}

func newMouth() (*mouth, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	return &mouth{conn: conn}, nil
}

func (m *mouth) close() error { return m.conn.Close() }

// dial opens a port of the desk for the telephone.
func (m *mouth) dial(e *media.Engine) (*media.Port, error) {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(m.conn.LocalAddr().(*net.UDPAddr).Port))
	m.seq, m.ts, m.ssrc = uint16(rand.Uint32()), rand.Uint32(), rand.Uint32()
	port, err := e.NewPortFor(media.Peer{Addr: addr, Fixed: true})
	if err != nil {
		return nil, err
	}
	return port, port.Connect(media.Remote{Addr: addr, Receive: true})
}

// frame sends 20 ms of sound (RFC 3550 5.1).
func (m *mouth) frame(port *media.Port, sound []byte) error {
	b := make([]byte, 12, 12+len(sound))
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], m.seq)
	binary.BigEndian.PutUint32(b[4:], m.ts)
	binary.BigEndian.PutUint32(b[8:], m.ssrc)
	m.seq++
	m.ts += uint32(len(sound))
	to := port.Local()
	_, err := m.conn.WriteToUDPAddrPort(append(b, sound...), to)
	return err
}

// ear counts the frames that came. It is tapped behind the recorder, so what
// it has heard the recorder has, too.
type ear struct{ frames atomic.Int64 }

func (e *ear) Push(media.Frame) { e.frames.Add(1) }

// say speaks n frames of the person's voice into a port that is recorded, and
// returns when all were heard.
func (m *mouth) say(port *media.Port, p *Person, n int64) error {
	e := &ear{}
	untap := port.Tap(e)
	defer untap()
	sound := p.Sound(frameLength)
	for range n {
		if err := m.frame(port, sound); err != nil {
			return err
		}
	}
	tries := 0
	err := sottotest.Until(func() (bool, error) {
		if e.frames.Load() >= n {
			return true, nil
		}
		if tries++; tries%20 == 0 { // a datagram may be lost
			return false, m.frame(port, sound)
		}
		return false, nil
	})
	if err != nil {
		return errors.Join(errors.New("a voice was not heard"), err)
	}
	return nil
}
