// Package webrtc is parties in a browser: agents who answer there and
// visitors who call from a web page.
//
// A browser keeps one WebSocket and one peer connection for as long as its
// page is open, so that accepting a call moves no more than one message: the
// audio's way is there already. Signalling is ours (message.go lists every
// message); offer and answer have the shape of RFC 9725. Audio is G.711 in
// DTLS-SRTP over one UDP port, and each call's audio is a media.Port as a
// telephone's is. When the page is reloaded the call waits for it: the new
// peer connection takes over the port.
//
// It owns no table and writes no file. Package desk opens the endpoint, api
// hands out tickets, agent is told who is there, flow dials and is dialled.
// It logs no address, no name and no text of a session description.
package webrtc

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// Config says where browsers come in. Addr and Media are needed; the zero
// value of the others works.
type Config struct {
	// Addr is the UDP address for the audio of all browsers. It must be an
	// address of this machine; port 0 lets the system choose.
	Addr netip.AddrPort
	// Advertise is the address browsers are told; the zero value means Addr's.
	Advertise netip.Addr
	Media     *media.Engine
	// TCP is an address for the audio of browsers whose network lets no UDP
	// through (RFC 6544); the zero value takes none.
	TCP netip.AddrPort
	// Turn leads such browsers in through what looks like a web page.
	Turn Turn
	// Origins are web origins beside the desk's own whose pages may open a
	// WebSocket, as "https://www.example.com".
	Origins []string
	// Accept gets each visitor's call on a goroutine of its own. ctx ends with
	// the leg. nil takes no visitors.
	Accept func(ctx context.Context, l leg.Leg)
	// Present is told when an agent's browser can be rung and when it no
	// longer can. It must not call the endpoint.
	Present func(device sotto.DeviceID, here bool)
	// MaxBrowsers is how many may be connected at once; 0 is 2000.
	MaxBrowsers int
	// MaxVisitors is how many visitors may be connected at once; 0 is 200.
	MaxVisitors int

	Clock  sotto.Clock
	Log    *slog.Logger
	Timers Timers
}

// Timers are the times of a browser leg. A zero field has the given value.
type Timers struct {
	Ticket  time.Duration // a ticket is good for: 30 s
	Return  time.Duration // an agent who dropped out may come back within: 30 s
	Silent  time.Duration // without a packet the party is away: 700 ms
	Visitor time.Duration // a visitor without a packet is gone after: 8 s
	Ping    time.Duration // between two looks whether the page is there: 5 s
	Look    time.Duration // between two looks at a call's audio: 200 ms
}

func (t *Timers) fill() {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{
		{&t.Ticket, 30 * time.Second}, {&t.Return, 30 * time.Second}, {&t.Silent, 700 * time.Millisecond},
		{&t.Visitor, 8 * time.Second}, {&t.Ping, 5 * time.Second}, {&t.Look, 200 * time.Millisecond},
	} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
}

// Endpoint is where browsers come in. Its methods may be called from any
// goroutine.
type Endpoint struct {
	cfg  Config
	log  *slog.Logger
	wire *transport
	turn *relay // nil without
	work sync.WaitGroup
	ctx  context.Context // ends with Close
	stop context.CancelFunc

	mu       sync.Mutex // guards what is below; Leg.mu is taken under it
	closed   bool
	legs     int64 // the last leg's number
	sessions map[*session]struct{}
	devices  map[sotto.DeviceID]*device
	tickets  tickets
	visits   visits
	backs    map[[sha256.Size]byte]*session // visitors' pages by the word they come back with
	visitors int                            // visitors' pages that are open or about to be
}

// device is one agent's browser, whatever page it shows now.
type device struct {
	session *session // nil while no page is open
	leg     *Leg     // the call it has; nil when none
}

// Open binds the UDP port. It fails with sotto.Invalid when cfg cannot work
// and sotto.Busy when the port is taken.
func Open(cfg Config) (_ *Endpoint, err error) {
	defer sotto.Wrap(&err, "webrtc.Open")
	cfg.Timers.fill()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.MaxBrowsers == 0 {
		cfg.MaxBrowsers = 2000
	}
	if cfg.MaxVisitors == 0 {
		cfg.MaxVisitors = 200
	}
	if cfg.Present == nil {
		cfg.Present = func(sotto.DeviceID, bool) {}
	}
	wire, err := openTransport(cfg)
	if err != nil {
		return nil, err
	}
	var way *relay
	if cfg.Turn.Addr.IsValid() {
		if way, err = openRelay(cfg.Turn, target{wire.local, wire.real}, cfg.MaxBrowsers, quietly()); err != nil {
			return nil, errors.Join(err, wire.close())
		}
	}
	e := &Endpoint{
		cfg: cfg, log: cfg.Log, wire: wire, turn: way,
		sessions: map[*session]struct{}{}, devices: map[sotto.DeviceID]*device{}, tickets: tickets{}, visits: visits{},
		backs: map[[sha256.Size]byte]*session{},
	}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, nil
}

// Addr is the UDP address that browsers send audio to.
func (e *Endpoint) Addr() netip.AddrPort { return e.wire.local }

// Close ends the calls with leg.Shutdown, closes every page's connection and
// waits. The second call does nothing.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	var legs []*Leg
	for _, d := range e.devices {
		if d.leg != nil {
			legs = append(legs, d.leg)
		}
	}
	for s := range e.sessions {
		if s.visitor != nil {
			legs = append(legs, s.visitor)
		}
	}
	e.mu.Unlock()
	for _, l := range legs {
		l.end(leg.Shutdown)
	}
	e.stop()
	e.work.Wait()
	return errors.Join(e.turn.close(), e.wire.close())
}

// Forget closes the page of a device that may sign in no more. A call under
// way ends.
func (e *Endpoint) Forget(id sotto.DeviceID) {
	e.mu.Lock()
	d := e.devices[id]
	var l *Leg
	if d != nil {
		l = d.leg
		if d.session != nil {
			d.session.leaveWith(statusRefused)
		}
	}
	e.mu.Unlock()
	if l != nil {
		l.end(leg.Released)
	}
}

// deviceOf returns the device, new if it was not known. e.mu is held.
func (e *Endpoint) deviceOf(id sotto.DeviceID) *device {
	d := e.devices[id]
	if d == nil {
		d = &device{}
		e.devices[id] = d
	}
	return d
}

// prune forgets a device of which nothing is left. e.mu is held.
func (e *Endpoint) prune(id sotto.DeviceID) {
	if d := e.devices[id]; d != nil && d.session == nil && d.leg == nil {
		delete(e.devices, id)
	}
}
