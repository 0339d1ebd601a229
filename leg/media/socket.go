package media

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sotto"
)

const (
	// baseSockets is how many sockets are bound at Open and kept.
	baseSockets = 4
	// readBuffer is the receive buffer we ask the system for.
	readBuffer = 4 << 20
	// packetCost is what a packet of 20 ms takes of a receive buffer on Linux:
	// 832 bytes on loopback, more with some network cards.
	packetCost = 1024
	// stallCover is the stall that a full socket's receive buffer must outlive:
	// the fewer ports, the longer it does.
	stallCover = 500 * time.Millisecond
)

// socket is one UDP socket shared by ports, told apart by the address of
// their party.
type socket struct {
	conn  *conn
	wire  Wire // instead of conn, for the one port of a party without a socket
	local netip.AddrPort
	base  bool
	limit int // ports it takes

	mu    sync.RWMutex
	ports map[netip.AddrPort]*Port

	// Engine.mu guards these.
	load    int // open ports, connected or not
	waiting []*Port
	gone    map[netip.AddrPort]ban

	waits atomic.Int32 // len(waiting), to refuse strangers without a lock
}

func (s *socket) find(a netip.AddrPort) *Port {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ports[a]
}

func (s *socket) put(a netip.AddrPort, p *Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports[a] = p
}

func (s *socket) remove(a netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ports, a)
}

// settle forgets the ports that no longer look for their source. Engine.mu
// is held.
func (s *socket) settle(now time.Duration) {
	s.waiting = slices.DeleteFunc(s.waiting, func(p *Port) bool { return p.settled(now) })
	s.waits.Store(int32(len(s.waiting)))
}

// wait lists p among those that look for their source. Engine.mu is held.
func (s *socket) wait(p *Port) {
	if !slices.Contains(s.waiting, p) {
		s.waiting = append(s.waiting, p)
	}
	s.waits.Store(int32(len(s.waiting)))
}

// expire forgets the addresses whose time is up. Engine.mu is held.
func (s *socket) expire(now time.Duration) {
	for a, b := range s.gone {
		if now >= b.until {
			delete(s.gone, a)
		}
	}
}

// fits reports whether a port for peer may share the socket: there is room,
// its address is free and was, and no second port looks for its source.
// Engine.mu is held.
func (s *socket) fits(peer Peer, now time.Duration) bool {
	if s.load >= s.limit {
		return false
	}
	if peer.Addr.IsValid() {
		if s.find(peer.Addr) != nil {
			return false
		}
		if b, ok := s.gone[peer.Addr]; ok && now < b.until {
			return false
		}
	}
	if !peer.Fixed {
		s.settle(now)
		return len(s.waiting) == 0
	}
	return true
}

// seat finds the fullest socket that peer fits, so that packets come and go
// in large batches, or binds another one. Engine.mu is held.
func (e *Engine) seat(peer Peer, now time.Duration) (*socket, error) {
	var best *socket
	for _, s := range e.sockets {
		if (best == nil || s.load > best.load) && s.fits(peer, now) {
			best = s
		}
	}
	if best != nil {
		return best, nil
	}
	return e.bind(false)
}

// bindBase opens the sockets that stay until Close and returns how many ports
// one of them serves. The schedule runs already and looks at the sockets.
func (e *Engine) bindBase() (limit int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range baseSockets {
		s, err := e.bind(true)
		if err != nil {
			return 0, err
		}
		limit = s.limit
	}
	return limit, nil
}

// bind opens one more socket on a free port. Engine.mu is held.
func (e *Engine) bind(base bool) (*socket, error) {
	c, err := e.openConn()
	if err != nil {
		return nil, err
	}
	s := &socket{
		conn: c, base: base, limit: ports(c.readBuffer()),
		local: netip.AddrPortFrom(e.cfg.Advertise, c.port()),
		ports: map[netip.AddrPort]*Port{}, gone: map[netip.AddrPort]ban{},
	}
	if err := e.startReading(s); err != nil {
		_ = c.close() // it was never used
		return nil, err
	}
	e.sockets = append(e.sockets, s)
	return s, nil
}

// ports is how many ports a receive buffer of size serves through a stall.
func ports(size int) int {
	perPort := packetCost * int(stallCover/(20*time.Millisecond))
	return max(size/perPort, 8)
}

// openConn binds a socket on a port of the configured range.
func (e *Engine) openConn() (*conn, error) {
	lo, hi := int(e.cfg.PortMin), int(e.cfg.PortMax)
	if lo == 0 && hi == 0 {
		return bindConn(netip.AddrPortFrom(e.cfg.Addr, 0))
	}
	lo += lo & 1
	n := (hi-lo)/2 + 1
	var last error
	for i, start := 0, rand.IntN(n); i < n; i++ {
		port := uint16(lo + 2*((start+i)%n))
		if slices.ContainsFunc(e.sockets, func(s *socket) bool { return s.local.Port() == port }) {
			continue
		}
		c, err := bindConn(netip.AddrPortFrom(e.cfg.Addr, port))
		if err == nil {
			return c, nil
		}
		last = err
	}
	return nil, sotto.FailCause(sotto.Busy,
		"Every audio port of the configured range is in use. Widen the range, or end what else uses it.", last)
}
