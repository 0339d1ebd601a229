package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"sotto/leg/sip/message"
)

// knownIdle is how long a connection of a trunk or a registered telephone may
// say nothing: longer than a registration lives.
const knownIdle = 2 * time.Hour

// writeTimeout is how long a peer may take to accept what we write.
const writeTimeout = 3 * time.Second

// doorman is the TCP listener that the library reads: it limits who may be
// connected, and hands out connections that deliver judged messages only.
type doorman struct {
	net.Listener
	e *Endpoint
}

// Accept returns the next connection that may stay.
func (d doorman) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil { // out of file handles, most likely: give others time to end
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-d.e.ctx.Done():
				return nil, err
			}
		}
		a, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok {
			c.Close()
			continue
		}
		s := &stream{Conn: c, e: d.e, addr: unmap(a.AddrPort()), since: time.Now()}
		s.known.Store(d.e.whoIs(s.addr.Addr()) != nobody)
		if !d.e.admit(s) {
			c.Close()
			continue
		}
		s.deadline()
		return s, nil
	}
}

// stream is one TCP connection to us. The library reads it; Read gives it
// whole messages that judge let pass.
type stream struct {
	net.Conn
	e      *Endpoint
	addr   netip.AddrPort
	since  time.Time
	known  atomic.Bool // a trunk's, or of somebody who gave a password
	closed atomic.Bool

	in   []byte // read and not judged yet; the reader's own
	out  []byte // judged and not delivered yet
	lost bool   // no message can be found in what comes now
}

// admit takes a connection into the table. When nobody's connections are too
// many, the one that has been there for longest makes room.
func (e *Endpoint) admit(s *stream) bool {
	e.mu.Lock()
	same, oldest := 0, (*stream)(nil)
	for o := range e.streams {
		if o.known.Load() {
			continue
		}
		if o.addr.Addr() == s.addr.Addr() {
			same++
		}
		if oldest == nil || o.since.Before(oldest.since) {
			oldest = o
		}
	}
	full := len(e.streams) >= e.cfg.Limits.Connections
	if !s.known.Load() && same >= e.cfg.Limits.PerSource || full && oldest == nil {
		e.mu.Unlock()
		return false
	}
	e.streams[s] = struct{}{}
	e.byAddr[s.addr] = s
	e.mu.Unlock()
	if full {
		oldest.Close()
	}
	return true
}

// Read implements net.Conn for the library's reader.
func (s *stream) Read(b []byte) (int, error) {
	for len(s.out) == 0 {
		if len(s.in) == cap(s.in) {
			s.in = append(make([]byte, 0, max(4096, 2*cap(s.in))), s.in...)
		}
		n, err := s.Conn.Read(s.in[len(s.in):cap(s.in)])
		s.in = s.in[:len(s.in)+n]
		if !s.lost {
			s.lost = !s.sort()
		}
		if (err != nil || s.lost) && len(s.out) == 0 {
			s.Close()
			return 0, net.ErrClosed // the library logs other errors
		}
	}
	n := copy(b, s.out)
	if s.out = s.out[n:]; len(s.out) == 0 {
		s.out = nil
	}
	return n, nil
}

// sort judges the whole messages in s.in and keeps the rest there. It reports
// false when the stream makes no sense any more.
func (s *stream) sort() (open bool) {
	left := s.in
	for len(left) > 0 {
		n, err := message.Frame(left)
		if err != nil {
			s.e.guard(func() { s.e.refuseStream(left, hop{s.addr, true}, s) })
			return false
		}
		if n == 0 {
			if bytes.HasPrefix(left, []byte("\r\n\r\n")) {
				s.Write([]byte("\r\n")) // RFC 5626 3.5.1
				left = left[4:]
				continue
			}
			break
		}
		one := left[:n]
		s.e.guard(func() {
			if s.e.judge(one, hop{s.addr, true}, s) {
				s.out = append(s.out, one...)
			}
		})
		left = left[n:]
		s.deadline()
	}
	s.in = s.in[:copy(s.in, left)]
	return true
}

// deadline gives the peer time for its next whole message. Bytes of a message
// that never ends do not prolong it.
func (s *stream) deadline() {
	d := s.e.cfg.Timers.Silent
	if s.known.Load() {
		d = knownIdle
	}
	s.SetReadDeadline(time.Now().Add(d))
}

// trustStream marks the connection at h as somebody's: a password was given.
func (e *Endpoint) trustStream(h hop) {
	if !h.tcp {
		return
	}
	e.mu.Lock()
	s := e.byAddr[h.addr]
	e.mu.Unlock()
	if s != nil && !s.known.Swap(true) {
		s.deadline()
	}
}

// Write implements net.Conn. A peer that does not read is given up.
func (s *stream) Write(b []byte) (int, error) {
	s.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := s.Conn.Write(b)
	if err != nil {
		s.Close() // half a message may have gone: the stream is lost
	}
	return n, err
}

// Close implements net.Conn; the second call does nothing.
func (s *stream) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.e.mu.Lock()
	delete(s.e.streams, s)
	if s.e.byAddr[s.addr] == s {
		delete(s.e.byAddr, s.addr)
	}
	s.e.mu.Unlock()
	return s.Conn.Close()
}

func (e *Endpoint) liveStreams() []*stream {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := make([]*stream, 0, len(e.streams))
	for s := range e.streams {
		l = append(l, s)
	}
	return l
}
