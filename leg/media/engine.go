package media

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// ErrClosed is returned by every method of a Port or an Engine after its Close.
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
	// Log gets what an operator must know, never an address. nil is silent.
	Log *slog.Logger
}

// Engine holds the media sockets and moves the packets of all ports. All
// methods may be called from any goroutine.
type Engine struct {
}

// Open binds the first sockets and starts to move audio. It fails with
// sotto.Invalid when cfg cannot work and sotto.Busy when no port is free.
func Open(cfg Config) (*Engine, error) {
	return nil, errors.New("media: not built yet")
}

// Close closes every port and socket and waits for all goroutines of the
// engine. The second call does nothing.
func (e *Engine) Close() error { return nil }

// Epoch is when the engine's timeline begins: the place 0 of Frame.At.
func (e *Engine) Epoch() time.Time { return time.Time{} }

// Now is the present place on the engine's timeline, in samples: a frame that
// arrives now and starts a stream has this At.
func (e *Engine) Now() int64 { return 0 }

// NewPort opens one party's audio. Until Connect it hears nobody and sends
// nothing. The party may send from another address than its SDP says (see
// Config.LatchWindow). It fails with sotto.Busy when no socket can take it.
func (e *Engine) NewPort() (*Port, error) { return e.NewPortFor(Peer{}) }

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

// NewPortFor is NewPort for a party of which something is known.
func (e *Engine) NewPortFor(p Peer) (*Port, error) { return nil, errors.New("media: not built yet") }

// Stats is what the engine has done since Open.
type Stats struct {
	In, Out    uint64            // packets received and sent
	Dropped    map[Reason]uint64 // packets not used, by reason
	SendFailed uint64            // packets the system did not take
	Ports      int               // ports open now
	Sockets    int               // sockets bound now
	SinkPanics uint64            // taps taken down because Push panicked
	SlowPushes uint64            // calls of Push that took more than 20 ms
	Panics     uint64            // ports closed because their packet made us panic
	LateFrames uint64            // prompt frames skipped after a stall
	LostDigits uint64            // digits nobody read in time
}

// Stats returns the counters. They never go back.
func (e *Engine) Stats() Stats { return Stats{} }

// Reason is why a packet was not used. It is one lower-case word or two, fit
// for a metric's label.
type Reason string
