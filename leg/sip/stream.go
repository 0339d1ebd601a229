package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sotto/leg/sip/message"
	"sotto/leg/sip/websocket"
)

// knownIdle is how long a connection of a trunk or a registered telephone may
// say nothing: longer than a registration lives.
const knownIdle = 2 * time.Hour

// writeTimeout is how long a peer may take to accept what we write.
const writeTimeout = 3 * time.Second

// door is one listener of ours. It limits who may be connected and hands
// connections that deliver judged messages only to a porch.
type door struct {
	net.Listener
	e    *Endpoint
	tls  *tls.Config // nil: in the clear
	ws   bool
	into *porch
}

// open takes connections until the listener is closed. It does nothing that a
// peer could hold up: handshakes are the connection's own affair.
func (d door) open() {
	for {
		c, err := d.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file handles, most likely: give others time to end
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-d.e.ctx.Done():
				return
			}
		}
		a, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok {
			c.Close()
			continue
		}
		s := d.e.newStream(c, unmap(a.AddrPort()))
		if d.tls != nil {
			s.Conn, s.hop.tls = tls.Server(c, d.tls), true
		}
		if d.ws {
			s.ws = websocket.Server(s.Conn, websocket.Config{
				Origins: d.e.cfg.Origins, MaxMessage: message.MaxHead + message.MaxBody, WriteTimeout: writeTimeout,
			})
		}
		s.known.Store(d.e.whoIs(s.hop.addr.Addr()) != nobody)
		if !d.e.admit(s) {
			c.Close()
			continue
		}
		s.deadline()
		d.into.take(s)
	}
}

// porch is the listener that the library reads for one of its transports: it
// gets the connections of several doors, and those we make ourselves.
type porch struct {
	at     net.Addr
	in     chan *stream
	closed chan struct{}
	once   sync.Once
}

func newPorch(at net.Addr) *porch {
	return &porch{at: at, in: make(chan *stream), closed: make(chan struct{})}
}

func (p *porch) take(s *stream) {
	select {
	case p.in <- s:
	case <-p.closed:
		s.Close()
	}
}

// Accept implements net.Listener.
func (p *porch) Accept() (net.Conn, error) {
	select {
	case s := <-p.in:
		return s, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the second call does nothing.
func (p *porch) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *porch) Addr() net.Addr { return p.at }

// stream is one connection to us, or of ours to a carrier. The library reads
// it; Read gives it whole messages that judge let pass.
type stream struct {
	net.Conn // what messages are read from: raw, or TLS on it
	raw      net.Conn
	ws       *websocket.Conn // frames on Conn; nil for none
	e        *Endpoint
	hop      hop
	since    time.Time
	known    atomic.Bool // a trunk's, or of somebody who gave a password
	closed   atomic.Bool
	read     chan struct{} // closed when the library reads, so that it can write
	once     sync.Once

	in   []byte // read and not judged yet; the reader's own
	out  []byte // judged and not delivered yet
	lost bool   // no message can be found in what comes now
}

func (e *Endpoint) newStream(c net.Conn, at netip.AddrPort) *stream {
	return &stream{Conn: c, raw: c, e: e, hop: hop{addr: at, tcp: true}, since: time.Now(), read: make(chan struct{})}
}

// transport is the stream's name in Via and Contact.
func (s *stream) transport() string {
	switch {
	case s.ws != nil && s.hop.tls:
		return "WSS"
	case s.ws != nil:
		return "WS"
	case s.hop.tls:
		return "TLS"
	}
	return "TCP"
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
		if o.hop.addr.Addr() == s.hop.addr.Addr() {
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
	e.byAddr[s.hop.addr] = s
	e.mu.Unlock()
	if full {
		oldest.Close()
	}
	return true
}

// Read implements net.Conn for the library's reader.
func (s *stream) Read(b []byte) (int, error) {
	s.once.Do(func() { close(s.read) })
	for len(s.out) == 0 {
		if s.ws != nil {
			one, err := s.ws.ReadMessage()
			if err != nil {
				s.Close()
				return 0, net.ErrClosed
			}
			s.frame(one)
			continue
		}
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

// frame judges what came as one WebSocket message (RFC 7118 5.3).
func (s *stream) frame(one []byte) {
	if len(bytes.Trim(one, "\r\n")) == 0 {
		if len(one) == 4 {
			s.Write([]byte("\r\n")) // RFC 5626 3.5.1
		}
		return
	}
	s.e.guard(func() {
		if s.e.judge(one, s.hop, s) {
			s.out = message.Whole(one)
		}
	})
	s.deadline()
}

// sort judges the whole messages in s.in and keeps the rest there. It reports
// false when the stream makes no sense any more.
func (s *stream) sort() (open bool) {
	left := s.in
	for len(left) > 0 {
		n, err := message.Frame(left)
		if err != nil {
			s.e.guard(func() { s.e.refuseStream(left, s.hop, s) })
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
			if s.e.judge(one, s.hop, s) {
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
	s.raw.SetReadDeadline(time.Now().Add(d))
}

// streamAt is the open connection with h, or nil.
func (e *Endpoint) streamAt(h hop) *stream {
	if !h.tcp {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.byAddr[h.addr]; s != nil && s.hop.tls == h.tls {
		return s
	}
	return nil
}

// trustStream marks the connection at h as somebody's: a password was given.
func (e *Endpoint) trustStream(h hop) {
	if s := e.streamAt(h); s != nil && !s.known.Swap(true) {
		s.deadline()
	}
}

// Write implements net.Conn. A peer that does not read is given up.
func (s *stream) Write(b []byte) (n int, err error) {
	if s.ws != nil {
		n, err = s.ws.Write(b)
	} else {
		s.raw.SetWriteDeadline(time.Now().Add(writeTimeout))
		n, err = s.Conn.Write(b)
	}
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
	if s.e.byAddr[s.hop.addr] == s {
		delete(s.e.byAddr, s.hop.addr)
	}
	s.e.mu.Unlock()
	return s.raw.Close() // without TLS's good-bye, which would wait for the peer
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

// reach opens a TLS connection to a carrier when there is none, so that the
// library finds it. Whom it must belong to is the trunk's to say; to others we
// open none. Without one the library fails to send.
func (e *Endpoint) reach(h hop) {
	if !h.tls || e.streamAt(h) != nil {
		return
	}
	t := e.trunkBehind(h.addr)
	if t == nil {
		return
	}
	t.dialing.Lock()
	defer t.dialing.Unlock()
	if e.streamAt(h) != nil || !e.enter() {
		return
	}
	defer e.work.Done()
	ctx, stop := context.WithTimeout(context.Background(), writeTimeout)
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-e.done:
			stop()
		case <-ctx.Done():
		}
	}()
	defer func() { stop(); <-watched }()
	d := net.Dialer{}
	if a := e.listenerFor(h).Addr(); a.IsValid() && !a.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: a.AsSlice()}
	}
	raw, err := d.DialContext(ctx, "tcp", h.addr.String())
	if err != nil {
		return
	}
	s := e.newStream(raw, h.addr)
	c := tls.Client(raw, t.client)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		e.log.Warn("sip: a trunk's TLS handshake failed: wrong certificate or none", "trunk", t.Name)
		return
	}
	s.Conn, s.hop.tls = c, true
	s.known.Store(true)
	if !e.admit(s) {
		raw.Close()
		return
	}
	s.deadline()
	e.secure.take(s)
	select {
	case <-s.read:
	case <-ctx.Done():
	}
}
