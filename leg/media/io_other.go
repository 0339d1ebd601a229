//go:build !linux || portable

package media

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"sotto"
)

// batch is how many packets a worker gathers at most.
const batch = 64

// conn is one UDP socket.
type conn struct {
	udp     *net.UDPConn
	granted int
}

// bindConn binds a UDP socket at a. It fails with sotto.Busy when the port is
// taken and sotto.Invalid when a is not an address of this machine.
func bindConn(a netip.AddrPort) (*conn, error) {
	network := "udp4"
	if a.Addr().Is6() {
		network = "udp6"
		if a.Addr().IsUnspecified() {
			network = "udp"
		}
	}
	u, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(a))
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, sotto.FailCause(sotto.Invalid, "The audio address is not an address of this machine.", err)
	case err != nil:
		return nil, sotto.FailCause(sotto.Busy, "An audio port is in use by another program.", err)
	}
	c := &conn{udp: u}
	for size := readBuffer; size >= 1<<16; size /= 2 {
		if u.SetReadBuffer(size) == nil {
			c.granted = size
			break
		}
	}
	return c, nil
}

func (c *conn) port() uint16 { return c.udp.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

// readBuffer is the receive buffer we asked for and were not refused.
func (c *conn) readBuffer() int { return c.granted }

func (c *conn) close() error { return c.udp.Close() }

// dest is an address in the system's form.
type dest struct{ to netip.AddrPort }

func makeDest(a netip.AddrPort, _ bool) dest { return dest{a} }

// send sends one datagram at once.
func (c *conn) send(d *dest, b []byte) error {
	_, err := c.udp.WriteToUDPAddrPort(b, d.to)
	return err
}

// outbox sends one datagram at a time. One goroutine uses it.
type outbox struct {
	e     *Engine
	s     *socket
	to    dest
	data  [maxDatagram + 1]byte
	wires parcels
}

func newOutbox(e *Engine) *outbox { return &outbox{e: e} }

// slot returns the buffer of the next datagram, from s to d. commit sends it.
func (o *outbox) slot(s *socket, d *dest) []byte {
	if s.wire != nil {
		return o.wires.slot(s.wire)
	}
	o.s, o.to = s, *d
	return o.data[:]
}

func (o *outbox) commit(n int) {
	if o.wires.open {
		o.wires.commit(n)
		return
	}
	if n == 0 {
		return
	}
	if o.s.conn.send(&o.to, o.data[:n]) != nil {
		o.e.counters.sendFailed.Add(1)
		return
	}
	o.e.counters.out.Add(1)
}

func (o *outbox) flush() { o.wires.flush(&o.e.counters) }

// readers has one goroutine for each socket.
type readers struct{ work sync.WaitGroup }

func (e *Engine) openReaders() error { return nil }

// closeReaders waits until every socket's goroutine has ended.
func (e *Engine) closeReaders() error {
	e.readers.work.Wait()
	return nil
}

// startReading reads s until it is closed.
func (e *Engine) startReading(s *socket) error {
	e.readers.work.Go(func() {
		w := &worker{e: e, out: newOutbox(e), pushes: make([]push, 0, batch)}
		var b [maxDatagram + 1]byte
		for {
			n, src, err := s.conn.udp.ReadFromUDPAddrPort(b[:])
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue // an earlier packet of ours was refused; the socket goes on
			}
			w.take(s, unmap(src), b[:n], e.now())
			w.flush()
			e.counters.in.Add(1)
		}
	})
	return nil
}

func (e *Engine) stopReading(s *socket) error { return s.conn.close() }
