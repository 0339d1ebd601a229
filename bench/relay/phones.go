//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	interval   = 20 * time.Millisecond // of each voice
	payloadLen = 160
	packetLen  = 12 + payloadLen
	batch      = 64
	magic      = 0x534F5454
	finest     = 10 * time.Microsecond // of the delay histogram
	buckets    = 200_000               // 2 s
)

// phones are all telephones of the benchmark: call i has one at
// 127.1.x.y and one at 127.2.x.y, all on two sockets that borrow the source
// address of each packet, so that few system calls make many telephones.
type phones struct {
	calls int
	tick  time.Duration
	side  [2]side
	voice []voice // 2*call + side
	order [][]int // voices due in each tick of an interval

	from, to       int64 // the window of send times that counts, in ns
	sent, received int
	spoken         int // packets sent since the last count, in the window or not
	delays         [buckets]uint32
}

// side is one socket: all callers, or all called.
type side struct {
	fd   int
	port uint16
	out  [batch]outgoing
	in   [batch]incoming
	msgs [batch]message
	got  [batch]message
}

// voice is one direction of one call.
type voice struct {
	to  unix.RawSockaddrInet4
	seq uint32
}

type message struct {
	hdr unix.Msghdr
	n   uint32
}

type outgoing struct {
	data    [packetLen]byte
	iov     unix.Iovec
	control [24]byte // cmsghdr and in_pktinfo
	to      unix.RawSockaddrInet4
}

type incoming struct {
	data    [2048]byte
	iov     unix.Iovec
	control [64]byte
}

func newPhones(calls int, tick time.Duration) (*phones, error) {
	p := &phones{calls: calls, tick: tick, voice: make([]voice, 2*calls)}
	for i := range p.side {
		if err := p.side[i].open(); err != nil {
			return nil, err
		}
	}
	slots := int(interval / tick)
	p.order = make([][]int, slots)
	for v := range p.voice {
		// The two voices of a call speak half an interval apart.
		slot := (v/2*slots/calls + v%2*slots/2) % slots
		p.order[slot] = append(p.order[slot], v)
	}
	return p, nil
}

func (s *side) open() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	s.fd = fd
	for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 16<<20) // as much as we may
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("timestamps: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	s.port = uint16(name.(*unix.SockaddrInet4).Port)
	for i := range s.out {
		o, m, r, g := &s.out[i], &s.msgs[i].hdr, &s.in[i], &s.got[i].hdr
		o.iov.Base, m.Name, m.Namelen = &o.data[0], (*byte)(unsafe.Pointer(&o.to)), unix.SizeofSockaddrInet4
		o.iov.SetLen(packetLen)
		m.Iov, m.Control = &o.iov, &o.control[0]
		m.SetIovlen(1)
		m.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&o.control[0]))
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		r.iov.Base = &r.data[0]
		r.iov.SetLen(len(r.data))
		g.Iov, g.Control = &r.iov, &r.control[0]
		g.SetIovlen(1)
	}
	return nil
}

func (p *phones) close() {
	for i := range p.side {
		_ = unix.Close(p.side[i].fd) // nothing is to be lost here
	}
}

// addr is the telephone of a call on a side.
func (p *phones) addr(call, side int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(hostOf(call, side)), p.side[side].port)
}

func hostOf(call, side int) [4]byte {
	return [4]byte{127, byte(1 + side), byte(call >> 8), byte(call)}
}

// dial says where the telephone of a call on a side sends to.
func (p *phones) dial(call, side int, to netip.AddrPort) {
	v := &p.voice[2*call+side]
	v.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&v.to.Port))[:], to.Port())
}

// count forgets what was measured and counts packets sent from now on.
func (p *phones) count(from, to time.Time) {
	p.from, p.to = from.UnixNano(), to.UnixNano()
	p.sent, p.received, p.spoken = 0, 0, 0
	p.delays = [buckets]uint32{}
}

// talk lets all telephones speak for d, on an absolute schedule, and listens.
func (p *phones) talk(d time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var next unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &next) // it cannot fail
	at := next.Nano()
	for slot, end := 0, at+int64(d); at < end; slot++ {
		for s := range p.side {
			p.speak(s, p.order[slot%len(p.order)])
		}
		for s := range p.side {
			p.listen(s)
		}
		at += int64(p.tick)
		until := unix.NsecToTimespec(at)
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil) // early is as good
	}
}

// speak sends the due packets of one side.
func (p *phones) speak(side int, due []int) {
	s := &p.side[side]
	n := 0
	for _, v := range due {
		if v%2 != side {
			continue
		}
		p.fill(&s.out[n], v)
		if n++; n == 16 { // few at a time, so that the send times are true
			p.flush(s, n)
			n = 0
		}
	}
	p.flush(s, n)
}

func (p *phones) fill(o *outgoing, v int) {
	w := &p.voice[v]
	now := time.Now().UnixNano()
	b := o.data[:]
	b[0], b[1] = 0x80, 0
	binary.BigEndian.PutUint16(b[2:], uint16(w.seq))
	binary.BigEndian.PutUint32(b[4:], w.seq*payloadLen)
	binary.BigEndian.PutUint32(b[8:], uint32(v+1))
	binary.BigEndian.PutUint32(b[12:], magic)
	binary.BigEndian.PutUint32(b[16:], uint32(v))
	binary.BigEndian.PutUint32(b[20:], w.seq)
	binary.BigEndian.PutUint64(b[24:], uint64(now))
	w.seq++
	p.spoken++
	o.to = w.to
	host := hostOf(v/2, v%2)
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&o.control[unix.CmsgLen(0)]))
	info.Spec_dst = host
	if now >= p.from && now < p.to {
		p.sent++
	}
}

func (p *phones) flush(s *side, n int) {
	for at := 0; at < n; {
		k, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs[at])), uintptr(n-at), 0, 0, 0)
		if errno != 0 {
			at++ // it counts as lost
			continue
		}
		at += int(k)
	}
}

// listen takes what has come to one side. The kernel says when it came, so
// that our own slowness is not counted.
func (p *phones) listen(side int) {
	s := &p.side[side]
	for {
		for i := range s.got {
			s.got[i].hdr.SetControllen(len(s.in[i].control))
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.got[0])), batch, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return
		}
		for i := range int(n) {
			p.take(&s.in[i], int(s.got[i].n), side)
		}
		if n < batch {
			return
		}
	}
}

func (p *phones) take(r *incoming, n, side int) {
	if n != packetLen || binary.BigEndian.Uint32(r.data[12:]) != magic {
		return
	}
	v := int(binary.BigEndian.Uint32(r.data[16:]))
	sent := int64(binary.BigEndian.Uint64(r.data[24:]))
	if v%2 == side || sent < p.from || sent >= p.to {
		return
	}
	at := *(*unix.Timespec)(unsafe.Pointer(&r.control[unix.CmsgLen(0)]))
	p.received++
	p.delays[min(max((at.Nano()-sent)/int64(finest), 0), buckets-1)]++
}

// delay is the delay that a part of the received packets did not exceed.
func (p *phones) delay(part float64) time.Duration {
	want := int(float64(p.received) * part)
	for i, n := range p.delays {
		if want -= int(n); want < 0 {
			return time.Duration(i) * finest
		}
	}
	return buckets * finest
}

// loss is the part of the counted packets that did not come.
func (p *phones) loss() float64 {
	if p.sent == 0 {
		return 0
	}
	return 1 - float64(p.received)/float64(p.sent)
}

// median of some figures.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
