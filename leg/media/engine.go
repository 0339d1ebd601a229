package media

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sotto"
)

// ErrClosed is returned by the methods of a Port or an Engine after Close.
var ErrClosed = errors.New("media: closed")

// ErrReplaced is returned by Play when another Play took the party's ear.
var ErrReplaced = errors.New("media: another prompt is played")

// Config says where audio comes in. The zero value of every field but Addr works.
type Config struct {
	// Addr is the address the media sockets are bound to. It must be one
	// address of this machine, or unspecified (0.0.0.0, ::) with Advertise set.
	Addr netip.Addr
	// PortMin and PortMax bound the UDP ports, both included. Even ones are
	// taken, in no order. 0 and 0 let the system choose.
	PortMin, PortMax uint16
	// Advertise is the address parties are told; the zero value means Addr.
	Advertise netip.Addr
	// LatchWindow is how long after Connect a party may turn out to send from
	// another port or from its signalling address (a NAT). 0 means 2 s; less
	// than 0 means never.
	LatchWindow time.Duration
	// Gather is how long packets may wait for one another when hundreds come
	// every 20 ms, so that one system call moves several. It is the price of
	// about half the processor time. 0 means 300 µs; less than 0 means never.
	Gather time.Duration
	// Log gets what an operator must know, never an address. nil is silent.
	Log *slog.Logger
}

const (
	defaultLatchWindow = 2 * time.Second
	defaultGather      = 300 * time.Microsecond
)

// Engine holds the media sockets and moves the packets of all ports. All
// methods may be called from any goroutine.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	epoch    time.Time
	table    *transcoder
	tones    *Tones
	counters counters
	schedule *schedule
	readers  readers // of this operating system
	work     sync.WaitGroup
	hands    hands
	ids      atomic.Uint64 // of ports, prompts and strings of digits

	// mu guards who sits where. It is taken before Port.mu and socket.mu, and
	// never on the way of a packet between two parties.
	mu      sync.Mutex
	closed  bool
	sockets []*socket
	open    map[*Port]struct{}
}

// Open binds the first sockets and starts to move audio. It fails with
// sotto.Invalid when cfg cannot work and sotto.Busy when no port is free.
func Open(cfg Config) (_ *Engine, err error) {
	defer sotto.Wrap(&err, "media.Open")
	if err := cfg.check(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, log: cfg.Log, epoch: time.Now(), table: newTranscoder(), tones: NewTones(), open: map[*Port]struct{}{}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if err := e.openReaders(); err != nil {
		e.work.Wait()
		return nil, err
	}
	e.schedule = newSchedule(e)
	e.work.Go(e.schedule.run)
	limit, err := e.bindBase()
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	if limit < 200 {
		e.log.Warn("media: the system grants small receive buffers; audio costs more than it need. Raise net.core.rmem_max to 4194304.", "ports_per_socket", limit)
	}
	return e, nil
}

// check refuses what cannot work and fills in what is left out.
func (c *Config) check() error {
	c.Addr, c.Advertise = c.Addr.Unmap(), c.Advertise.Unmap()
	switch {
	case !c.Addr.IsValid():
		return sotto.FailField("media.addr", "Give the address of this machine that audio comes in at.")
	case c.Addr.IsUnspecified() && !c.Advertise.IsValid():
		return sotto.FailField("media.advertise", "The audio address is any. Give the address that telephones can reach.")
	case c.Advertise.IsValid() && c.Advertise.IsUnspecified():
		return sotto.FailField("media.advertise", "Nobody can send audio to an unspecified address. Give the one that telephones can reach.")
	case (c.PortMin == 0) != (c.PortMax == 0), c.PortMin > c.PortMax:
		return sotto.FailField("media.ports", "The lowest audio port must not be above the highest. Give both or neither.")
	case c.PortMax != 0 && c.PortMax-c.PortMin < 2*baseSockets:
		return sotto.FailField("media.ports", "The range of audio ports is too small. Give at least 10 ports; 1000 is good.")
	}
	if !c.Advertise.IsValid() {
		c.Advertise = c.Addr
	}
	if c.LatchWindow == 0 {
		c.LatchWindow = defaultLatchWindow
	}
	if c.Gather == 0 {
		c.Gather = defaultGather
	}
	return nil
}

// Close closes every port and socket and waits for all goroutines of the
// engine. The second call does nothing. It must not be called from a Push.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	open := make([]*Port, 0, len(e.open))
	for p := range e.open {
		open = append(open, p)
	}
	e.mu.Unlock()
	for _, p := range open {
		p.Close()
	}
	e.schedule.stop()
	e.mu.Lock()
	sockets := e.sockets
	e.sockets = nil
	e.mu.Unlock()
	var err error
	for _, s := range sockets {
		err = errors.Join(err, e.stopReading(s))
	}
	err = errors.Join(err, e.closeReaders())
	e.work.Wait()
	return err
}

// Epoch is when the engine's timeline begins: the place 0 of Frame.At.
func (e *Engine) Epoch() time.Time { return e.epoch }

// Now is the present place on the engine's timeline, in samples: a frame that
// arrives now and starts a stream has this At.
func (e *Engine) Now() int64 { return samples(e.now()) }

// now is the time since the epoch. It does not jump with the wall clock.
func (e *Engine) now() time.Duration { return time.Since(e.epoch) }

// Peer is what is known of a party before its port is opened.
type Peer struct {
	// Addr is the address in the party's SDP, when the party has spoken first
	// (an incoming call). Give it when you know it: Connect cannot fail with
	// sotto.Conflict then.
	Addr netip.AddrPort
	// Fixed says that the party sends from the very address in its SDP, as
	// trunks do. Its port takes no other source and shares a socket freely.
	Fixed bool
}

// NewPort opens one party's audio. Until Connect it hears nobody and sends
// nothing. The party may send from another address than its SDP says (see
// Config.LatchWindow). It fails with sotto.Busy when no socket can take it.
func (e *Engine) NewPort() (*Port, error) { return e.NewPortFor(Peer{}) }

// NewPortFor is NewPort for a party of which something is known.
func (e *Engine) NewPortFor(peer Peer) (_ *Port, err error) {
	defer sotto.Wrap(&err, "media.NewPortFor")
	peer.Addr = unmap(peer.Addr)
	peer.Fixed = peer.Fixed || e.cfg.LatchWindow < 0
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	now := e.now()
	s, err := e.seat(peer, now)
	if err != nil {
		return nil, err
	}
	p := newPort(e, s, peer.Fixed, now)
	s.load++
	if !peer.Fixed {
		s.wait(p)
	}
	if peer.Addr.IsValid() {
		p.expect = peer.Addr
		s.put(peer.Addr, p)
	}
	e.open[p] = struct{}{}
	return p, nil
}

// tidy forgets quarantined addresses and closes the sockets that nobody needs.
func (e *Engine) tidy(now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sockets = slices.DeleteFunc(e.sockets, func(s *socket) bool {
		s.expire(now)
		s.settle(now)
		if s.base || s.load > 0 || len(s.gone) > 0 {
			return false
		}
		if err := e.stopReading(s); err != nil {
			e.log.Warn("media: a socket did not close", "err", err)
		}
		return true
	})
}

// unmap makes an IPv4 address in IPv6 form comparable with what the system
// reports.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Stats is what the engine has done since Open.
type Stats struct {
	In, Out    uint64            // packets received and sent
	Dropped    map[Reason]uint64 // packets not used, by reason; only those that occurred
	SendFailed uint64            // packets the system did not take
	Ports      int               // ports open now
	Sockets    int               // sockets bound now
	SinkPanics uint64            // taps taken down because Push panicked
	SlowPushes uint64            // calls of Push that took more than 20 ms
	Panics     uint64            // ports closed, or packets lost, because a packet made us panic
	LateFrames uint64            // prompt frames skipped after a stall
	LostDigits uint64            // digits nobody read in time
}

// counters are the engine's own, counted by any goroutine.
type counters struct {
	in, out, sendFailed, sinkPanics, slowPushes, panics, lateFrames, lostDigits atomic.Uint64

	dropped [dropCount]atomic.Uint64
}

func (c *counters) drop(d drop) {
	if d != kept {
		c.dropped[d].Add(1)
	}
}

// Stats returns the counters. They never go back.
func (e *Engine) Stats() Stats {
	c := &e.counters
	s := Stats{
		In: c.in.Load(), Out: c.out.Load(), SendFailed: c.sendFailed.Load(),
		SinkPanics: c.sinkPanics.Load(), SlowPushes: c.slowPushes.Load(), Panics: c.panics.Load(),
		LateFrames: c.lateFrames.Load(), LostDigits: c.lostDigits.Load(),
		Dropped: map[Reason]uint64{},
	}
	for d := range dropCount {
		if n := c.dropped[d].Load(); n > 0 {
			s.Dropped[d.reason()] = n
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Ports, s.Sockets = len(e.open), len(e.sockets)
	return s
}
