package media

import (
	"net/netip"
	"sync"

	"sotto"
)

// Wire carries one party's audio where no UDP socket of ours does: a browser
// behind DTLS-SRTP. Send takes one RTP packet (RFC 3550 5.1), which is valid
// until it returns. It is called by any goroutine of the engine; it must not
// wait for the party and must not call the port.
type Wire interface {
	Send(packet []byte) error
}

// NewPortOver opens the audio of a party that w reaches. What the party sends
// is given to Port.Take. Remote.Addr and Remote.Signal are not looked at, and
// Port.Local is the zero value: who is the party is for the wire to prove. In
// all else it is a port as others are. It fails with ErrClosed.
func (e *Engine) NewPortOver(w Wire) (_ *Port, err error) {
	defer sotto.Wrap(&err, "media.NewPortOver")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	s := &socket{wire: w, limit: 1, load: 1, ports: map[netip.AddrPort]*Port{}, gone: map[netip.AddrPort]ban{}}
	p := newPort(e, s, true, e.now())
	e.open[p] = struct{}{}
	return p, nil
}

// Take is what came from the party of a port made by NewPortOver: one RTP or
// RTCP packet, in the clear. b may be changed, and is the caller's again when it returns; it does
// not wait for the party. Packets of one party come from one goroutine, so
// that they keep their order. On other ports it does nothing: their audio
// comes from their socket alone.
func (p *Port) Take(b []byte) {
	if p.s.wire == nil {
		return
	}
	w := p.e.hands.take(p.e)
	defer p.e.hands.put(w)
	w.take(p.s, p.e.beyond(), b, p.e.now())
	w.flush()
	p.e.counters.in.Add(1)
}

// beyond stands for the address of a party on a wire: one that nobody has
// (RFC 5737 3, RFC 3849), of the family our sockets are of.
func (e *Engine) beyond() netip.AddrPort {
	if e.cfg.Addr.Is6() {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}), 9)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 9)
}

// hands are the workers that move what comes over wires: as many as packets
// come at once, however many ports there are.
type hands struct{ idle sync.Pool }

func (h *hands) take(e *Engine) *worker {
	if w, ok := h.idle.Get().(*worker); ok {
		return w
	}
	return &worker{e: e, out: newOutbox(e), pushes: make([]push, 0, 1)}
}

func (h *hands) put(w *worker) { h.idle.Put(w) }

// send sends one datagram at once.
func (s *socket) send(d *dest, b []byte) error {
	if s.wire != nil {
		return s.wire.Send(b)
	}
	return s.conn.send(d, b)
}

// parcels are the packets that an outbox has gathered for wires. They leave
// when no lock is held, since a wire enciphers.
type parcels struct {
	open bool // the last slot was one of ours
	data []byte
	list []parcel
}

type parcel struct {
	wire       Wire
	start, end int
}

// slot returns the buffer of the next packet for w. commit ends it.
func (q *parcels) slot(w Wire) []byte {
	start := len(q.data)
	if cap(q.data)-start <= maxDatagram {
		q.data = append(make([]byte, 0, 2*cap(q.data)+4*maxDatagram), q.data...)
	}
	q.open = true
	q.list = append(q.list, parcel{w, start, start})
	return q.data[start : start+maxDatagram+1]
}

// commit says how long the packet of the last slot is.
func (q *parcels) commit(n int) {
	last := &q.list[len(q.list)-1]
	last.end = last.start + n
	q.data = q.data[:last.end]
	q.open = false
}

// flush sends what was gathered, in order.
func (q *parcels) flush(c *counters) {
	for i := range q.list {
		p := &q.list[i]
		hand(p.wire, q.data[p.start:p.end], c)
		p.wire = nil
	}
	q.list, q.data = q.list[:0], q.data[:0]
}

// hand gives one packet to its wire. A wire that panics loses the packet and
// takes nobody else's with it.
func hand(w Wire, packet []byte, c *counters) {
	defer func() {
		if recover() != nil {
			c.panics.Add(1)
		}
	}()
	if w.Send(packet) != nil {
		c.sendFailed.Add(1)
		return
	}
	c.out.Add(1)
}
