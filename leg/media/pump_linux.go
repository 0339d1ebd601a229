//go:build linux && !portable

package media

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readers are the pumps of an engine; sockets are dealt out to them in turn.
type readers struct {
	pumps []*pump
	next  int // Engine.mu guards it
}

// openReaders starts the pumps.
func (e *Engine) openReaders() error {
	for range min(baseSockets, max(1, runtime.NumCPU())) {
		p, err := newPump(e)
		if err != nil {
			return errors.Join(err, e.closeReaders())
		}
		e.readers.pumps = append(e.readers.pumps, p)
		e.work.Go(p.run)
	}
	return nil
}

// closeReaders ends the pumps; Engine.work waits for them.
func (e *Engine) closeReaders() error {
	var err error
	for _, p := range e.readers.pumps {
		err = errors.Join(err, p.stop())
	}
	return err
}

// startReading gives s to the next pump.
func (e *Engine) startReading(s *socket) error {
	p := e.readers.pumps[e.readers.next%len(e.readers.pumps)]
	e.readers.next++
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[int32(s.conn.fd)] = s
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.conn.fd,
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.conn.fd)}))
}

// stopReading closes s. The system takes a closed socket out of its poll.
func (e *Engine) stopReading(s *socket) error {
	for _, p := range e.readers.pumps {
		p.mu.Lock()
		if p.sockets[int32(s.conn.fd)] == s {
			delete(p.sockets, int32(s.conn.fd))
		}
		p.mu.Unlock()
	}
	return s.conn.close()
}

// pump reads some of the engine's sockets and moves what comes.
type pump struct {
	w      worker
	epoll  int
	wake   int // an eventfd, to end the wait
	events [batch]unix.EpollEvent
	box    [batch]datagram
	msgs   [batch]message

	gather time.Duration // 0 or less is never
	since  time.Duration // when counting began
	count  int           // packets since then
	busy   bool

	mu      sync.Mutex
	sockets map[int32]*socket
	closed  bool
}

func newPump(e *Engine) (*pump, error) {
	p := &pump{w: worker{e: e, out: newOutbox(e), pushes: make([]push, 0, batch)},
		gather: e.cfg.Gather, sockets: map[int32]*socket{}}
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(p.epoll))
	}
	err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, p.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.wake)})
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("epoll_ctl", err), unix.Close(p.wake), unix.Close(p.epoll))
	}
	for i := range p.box {
		g := &p.box[i]
		g.iov.Base = &g.data[0]
		g.iov.SetLen(len(g.data))
		h := &p.msgs[i].hdr
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&g.peer.raw)), &g.iov
		h.SetIovlen(1)
	}
	return p, nil
}

// stop ends run.
func (p *pump) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	_, err := unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return os.NewSyscallError("write", err)
}

// run moves packets until stop.
func (p *pump) run() {
	defer func() {
		_ = unix.Close(p.wake) // nothing is to be lost here
		_ = unix.Close(p.epoll)
	}()
	for {
		n, err := unix.EpollWait(p.epoll, p.events[:], -1)
		if err != nil && err != unix.EINTR {
			p.w.e.log.Error("media: a reader cannot wait for packets and ends", "err", err)
			return
		}
		if p.ended() {
			return
		}
		p.count += p.drain(p.events[:max(n, 0)])
		p.rest()
	}
}

// restWindow is how often a pump decides whether it is busy, and worthRest
// how many packets must gather in a rest to be worth it: to fall asleep and
// wake costs as much as to move three.
const (
	restWindow = 4 * time.Millisecond
	worthRest  = 3
)

// rest lets packets gather when many come, so that one system call moves
// several. Who waits in the poll instead is woken for each.
func (p *pump) rest() {
	if now := p.w.e.now(); now-p.since >= restWindow {
		p.busy = time.Duration(p.count)*p.gather >= worthRest*(now-p.since)
		p.since, p.count = now, 0
		// A goroutine that only makes system calls looks like a hog to the
		// runtime after 10 ms, and its watchdog then wakes every 20 µs.
		runtime.Gosched()
	}
	if p.busy {
		t := unix.NsecToTimespec(int64(p.gather))
		_ = unix.Nanosleep(&t, nil) // a signal may end it early
	}
}

func (p *pump) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// drain reads the ready sockets, up to a batch from all together before it
// sends, and one batch from each at most: what is left is ready again at
// once. It returns how many packets there were.
func (p *pump) drain(ready []unix.EpollEvent) (moved int) {
	got := 0
	for i := range ready {
		p.mu.Lock()
		s := p.sockets[ready[i].Fd]
		p.mu.Unlock()
		if s == nil {
			continue
		}
		if got == batch {
			p.w.flush()
			got = 0
		}
		n := p.read(s, got)
		got += n
		moved += n
	}
	p.w.flush()
	p.w.e.counters.in.Add(uint64(moved))
	return moved
}

// read takes what s has into the free buffers, those after from.
func (p *pump) read(s *socket, from int) int {
	msgs, box := p.msgs[from:], p.box[from:]
	for i := range msgs {
		msgs[i].hdr.Namelen = unix.SizeofSockaddrInet6
	}
	n := s.conn.receive(msgs)
	if n == 0 {
		return 0
	}
	now := p.w.e.now()
	for i := range n {
		p.w.take(s, box[i].peer.addr(), box[i].data[:msgs[i].n], now)
	}
	return n
}

// receive fills msgs with what has come, without waiting.
func (c *conn) receive(msgs []message) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return 0
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&msgs[0])),
		uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}
