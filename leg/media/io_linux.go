//go:build linux && !portable

package media

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"sotto"
)

// batch is how many packets one system call moves at most.
const batch = 64

// conn is one UDP socket. It is opened without the runtime's poller, which
// would wake a thread for every packet while we let packets gather.
type conn struct {
	mu sync.RWMutex // held for reading in every call, so that fd is not reused meanwhile
	fd int          // -1 when closed
}

// bindConn binds a UDP socket at a. It fails with sotto.Busy when the port is
// taken and sotto.Invalid when a is not an address of this machine.
func bindConn(a netip.AddrPort) (*conn, error) {
	family := unix.AF_INET
	if a.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &conn{fd: fd}
	if err := c.bind(family, a); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *conn) bind(family int, a netip.AddrPort) error {
	// Buffers beyond the system's limit need a privilege; the limit does else.
	if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readBuffer) != nil {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, readBuffer) != nil {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, readBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	const expedited = 0xB8 // RFC 3246; a wish, so a refusal does not matter
	var at unix.Sockaddr
	if family == unix.AF_INET6 {
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
		if a.Addr().IsUnspecified() {
			if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
				return os.NewSyscallError("setsockopt", err)
			}
		}
		at = &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	} else {
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		// Our packets are never to be fragmented, and then the system need not
		// number them, which is a twentieth of its work.
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		at = &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	switch err := unix.Bind(c.fd, at); {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return sotto.FailCause(sotto.Invalid, "The audio address is not an address of this machine.", err)
	case err != nil:
		return sotto.FailCause(sotto.Busy, "An audio port is in use by another program.", err)
	}
	return nil
}

// port is the local port.
func (c *conn) port() uint16 {
	switch a, _ := unix.Getsockname(c.fd); a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}

// readBuffer is the receive buffer the system granted.
func (c *conn) readBuffer() int {
	n, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n
}

func (c *conn) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd := c.fd
	c.fd = -1
	if fd < 0 {
		return nil
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// dest is an address in the system's form: a sockaddr_in or sockaddr_in6.
type dest struct {
	raw unix.RawSockaddrInet6
	len uint32
}

// makeDest puts a into the form that a socket of the family takes.
func makeDest(a netip.AddrPort, is6 bool) (d dest) {
	if !is6 {
		r := (*unix.RawSockaddrInet4)(unsafe.Pointer(&d.raw))
		r.Family, r.Addr = unix.AF_INET, a.Addr().As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&r.Port))[:], a.Port())
		d.len = unix.SizeofSockaddrInet4
		return d
	}
	d.raw.Family, d.raw.Addr = unix.AF_INET6, a.Addr().As16()
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&d.raw.Port))[:], a.Port())
	d.len = unix.SizeofSockaddrInet6
	return d
}

// addr is the address back from the system's form; the zero value when it is
// of another family.
func (d *dest) addr() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&d.raw.Port))[:])
	switch d.raw.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&d.raw)).Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(d.raw.Addr).Unmap(), port)
	}
	return netip.AddrPort{}
}

// send sends one datagram at once.
func (c *conn) send(d *dest, b []byte) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return ErrClosed
	}
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&d.raw)), uintptr(d.len))
	if errno != 0 {
		return os.NewSyscallError("sendto", errno)
	}
	return nil
}

// message is struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	n   uint32
}

// datagram is a buffer with the vectors that recvmmsg and sendmmsg want.
type datagram struct {
	s    *socket
	peer dest
	iov  unix.Iovec
	data [maxDatagram + 1]byte // one more than we take, to see what is too long
}

// outbox gathers datagrams and sends them in few system calls, one for each
// socket. One goroutine uses it.
type outbox struct {
	e     *Engine
	n     int
	box   [batch]datagram
	msgs  [batch]message
	wires parcels
}

func newOutbox(e *Engine) *outbox { return &outbox{e: e} }

// slot returns the buffer of the next datagram, from s to d. commit ends it.
func (o *outbox) slot(s *socket, d *dest) []byte {
	if s.wire != nil {
		return o.wires.slot(s.wire)
	}
	if o.n == batch {
		o.flush()
	}
	g := &o.box[o.n]
	g.s, g.peer = s, *d
	return g.data[:]
}

// commit says how long the datagram of the last slot is; 0 sends none.
func (o *outbox) commit(n int) {
	if o.wires.open {
		o.wires.commit(n)
		return
	}
	if n == 0 {
		return
	}
	g := &o.box[o.n]
	g.iov.Base = &g.data[0]
	g.iov.SetLen(n)
	o.n++
}

// flush sends everything gathered, in order for each socket.
func (o *outbox) flush() {
	o.wires.flush(&o.e.counters)
	for i := range o.n {
		s := o.box[i].s
		if s == nil {
			continue // went with an earlier one of its socket
		}
		k := 0
		for j := i; j < o.n; j++ {
			g := &o.box[j]
			if g.s != s {
				continue
			}
			g.s = nil
			h := &o.msgs[k].hdr
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&g.peer.raw)), g.peer.len
			h.Iov = &g.iov
			h.SetIovlen(1)
			k++
		}
		o.send(s.conn, o.msgs[:k])
	}
	o.n = 0
}

// send hands messages to the system. What it does not take is counted and
// left out: audio is of no use later.
func (o *outbox) send(c *conn, msgs []message) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	sent, failed := 0, 0
	for at := 0; at < len(msgs) && c.fd >= 0; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&msgs[at])),
			uintptr(len(msgs)-at), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == 0 && n > 0:
			sent += int(n)
			at += int(n)
		case errno == syscall.EINTR:
		default:
			failed++
			at++
		}
	}
	o.e.counters.out.Add(uint64(sent))
	if failed > 0 {
		o.e.counters.sendFailed.Add(uint64(failed))
	}
}
