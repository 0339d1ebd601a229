package media

import (
	"net/netip"
	"time"
)

const (
	// quarantine is how long the address of a party that has gone is watched,
	// so that late packets of the old call never reach a new one.
	quarantine = 2 * time.Second
	// proof is how many packets in sequence a new source must send before it
	// is believed to be the party.
	proof = 3
)

// latch finds the real source of a party behind a NAT: one change, within a
// window after Connect, and only while the address in the SDP is silent.
// Port.mu guards it.
type latch struct {
	fixed    bool // never changes
	until    time.Duration
	heardSDP bool // the SDP's address has sent; it is the party
	moved    bool // the one change is spent

	// The source on trial.
	trial netip.AddrPort
	ssrc  uint32
	seq   uint16
	count int
}

// open reports whether the port may still find another source.
func (l *latch) open(now time.Duration) bool {
	return !l.fixed && !l.heardSDP && !l.moved && now < l.until
}

// try counts p towards the proof of src and reports whether it is complete.
func (l *latch) try(src netip.AddrPort, p *packet) bool {
	if src != l.trial || p.ssrc != l.ssrc || p.seq != l.seq+1 {
		l.trial, l.ssrc, l.count = src, p.ssrc, 0
	}
	l.seq = p.seq
	l.count++
	return l.count >= proof
}

// ban is what is left of a party that has gone.
type ban struct {
	by    *Port // whose address it was; for that port it is none
	until time.Duration
	known bool // ssrc is the old stream; else any stream is
	ssrc  uint32
}

// hits reports whether a packet is a late one of the old call.
func (b *ban) hits(ssrc uint32, now time.Duration) bool {
	return now < b.until && (!b.known || b.ssrc == ssrc)
}

// adopt looks for the one party that src can be: waiting on this socket,
// allowed to send from that host, and nobody else's address. It returns nil
// and why when there is none, or when more packets must prove it.
func (e *Engine) adopt(s *socket, src netip.AddrPort, b []byte, now time.Duration) (*Port, drop) {
	if s.waits.Load() == 0 {
		return nil, dropUnknownSource
	}
	pkt, why := parsePacket(b)
	if why != kept {
		return nil, dropUnknownSource
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var found *Port
	for _, p := range s.waiting {
		if !p.mayBe(src, &pkt, now) {
			continue
		}
		if found != nil { // it could be either: then it is neither
			return nil, dropUnknownSource
		}
		found = p
	}
	if found == nil || e.taken(src, now) {
		return nil, dropUnknownSource
	}
	sealed, ok := found.proves(b, now)
	switch {
	case !ok:
		return nil, dropForged
	case !found.move(src, &pkt, sealed, now):
		return nil, dropLatching
	}
	s.put(src, found)
	s.settle(now)
	if sealed {
		return nil, dropLatching // decrypted for the proof, and not to be again
	}
	return found, kept
}

// taken reports whether src is or just was another party's address on any
// socket. Engine.mu is held.
func (e *Engine) taken(src netip.AddrPort, now time.Duration) bool {
	for _, s := range e.sockets {
		if s.find(src) != nil {
			return true
		}
		if b, ok := s.gone[src]; ok && now < b.until {
			return true
		}
	}
	return false
}

// mayBe reports whether src can be p behind a NAT: it is on the host of the
// SDP or of the signalling and speaks what was negotiated.
func (p *Port) mayBe(src netip.AddrPort, pkt *packet, now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := src.Addr()
	return p.connected && p.latch.open(now) &&
		(host == p.remote.Addr.Addr() || host == p.remote.Signal.Unmap()) &&
		p.remote.kind(pkt.pt) != kindUnknown
}

// move makes src the party's source once it is proved, by its key or by
// numbers in sequence.
func (p *Port) move(src netip.AddrPort, pkt *packet, proved bool, now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.latch.open(now) || !proved && !p.latch.try(src, pkt) {
		return false
	}
	p.latch.moved = true
	p.setSource(src)
	return true
}

// accept reports whether a packet from an address of the port is the party's.
// The address in the SDP is the party from its first packet on, also after a
// change, until the window ends: then what holds, holds. Port.mu is held.
func (p *Port) accept(src netip.AddrPort, now time.Duration) bool {
	if src == p.remote.Addr {
		if p.latch.moved && !p.latch.heardSDP && now >= p.latch.until {
			return false
		}
		if !p.latch.heardSDP {
			p.latch.heardSDP = true
			p.setSource(src)
		}
	}
	return src == p.source
}
