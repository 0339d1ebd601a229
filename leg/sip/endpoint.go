// Package sip speaks SIP with trunks and telephones (RFC 3261) and gives each
// call to the desk as a leg.Leg.
//
// An Endpoint owns the SIP sockets, the transactions, the dialogs and the
// registrations of agents' telephones. Each call has one actor: a goroutine
// that does everything of that call in the order it came, so a call is never
// seen half way. A panic ends its call and nothing else.
//
// Sockets, parser and transactions are the library's (emiago/sipgo), and this
// package is its only importer. Bytes from outside pass, in this order: a
// budget for sources that are nobody, the checks of leg/sip/message, the
// library, the actor. Nothing is remembered of a sender before it is known.
// Trust is by address for trunks and by digest for telephones; what a header
// claims counts only then.
//
// It stores nothing: registrations are told to Phones. It logs no number,
// name, address or message; a call is a short hash of its Call-ID.
// Package flow receives the calls, package queue and package call dial.
package sip

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip/certificate"
	"sotto/leg/sip/digest"
	"sotto/obs"
)

// Config says where and for whom an Endpoint works. Addresses are host:port;
// port 0 lets the system choose. At least one is needed.
type Config struct {
	UDP string // where we listen over UDP, "" for not
	TCP string // where we listen over TCP, "" for not
	TLS string // where we listen over TLS, 1.2 or newer; "" for not
	WS  string // where softphones in browsers connect by WebSocket (RFC 7118), "" for not
	WSS string // the same over TLS
	// Certificate and Key are PEM files of ours for TLS and WSS. They are read
	// again when they change.
	Certificate string
	Key         string
	// Origins are the web pages whose scripts may connect over WS and WSS, like
	// https://desk.example.org. None means any: a telephone still needs its
	// password.
	Origins []string
	// SecurePhones refuses calls with telephones whose audio is not encrypted
	// (488). Else audio is encrypted when the signalling is and both can.
	SecurePhones bool
	// Advertise is the address that peers are told in Via and Contact. The
	// zero value means the one a packet to the peer leaves from.
	Advertise netip.Addr
	// Media moves the audio. Without it calls have no audio at all: Media() is
	// nil and the session descriptions name the discard port.
	Media *media.Engine
	// Trunks are the carriers we take calls from and place calls through.
	Trunks []Trunk
	// Phones knows the telephones that may register; nil means none may.
	Phones Phones
	// Realm is what telephones see when asked for a password. "" is "sotto".
	Realm string
	// MD5Only offers telephones no SHA-256. Some old ones give up when they
	// see an algorithm they do not know, even beside MD5 (baresip 1.0).
	MD5Only bool
	// Accept gets each new call from a trunk, on a goroutine of its own. ctx
	// ends when the leg or the endpoint does. A leg still open when Accept
	// returns is hung up. nil refuses all calls.
	Accept func(ctx context.Context, l leg.Leg)
	// AcceptPhone gets each call that a telephone places, in the same way. nil
	// refuses them.
	AcceptPhone func(ctx context.Context, l leg.Leg, device sotto.DeviceID)
	// Text gets each text from a trunk or a telephone, on a goroutine of its
	// own, and returns the status for its sender: 200 taken, 404 no such
	// number, 480 not now, 603 not wanted, 500 failed. nil takes none (405).
	Text func(ctx context.Context, m Message) (status int)
	// MaxCalls bounds the calls at one time; more are answered 503. 0 is 5000.
	MaxCalls int
	// Timers and Limits; the zero values are the ordinary ones.
	Timers  Timers
	Limits  Limits
	Clock   sotto.Clock  // nil is the system's
	Log     *slog.Logger // nil is silent
	Metrics obs.Metrics  // the zero value counts nothing
}

// Timers are durations of the protocol. A zero field has the given value. T1
// and T2 are for what calls repeat and wait for; transactions have the
// library's, which are the RFC's.
type Timers struct {
	T1           time.Duration // round trip (RFC 3261 17.1.1.1): 500 ms
	T2           time.Duration // longest retransmission interval: 4 s
	MediaTimeout time.Duration // no packet for so long: the peer is dead. 20 s; negative is never
	NoReply      time.Duration // a trunk that says nothing for so long: the next one is tried. 4 s
	Session      time.Duration // session interval we ask for (RFC 4028): 30 min
	MinSession   time.Duration // shortest we take: 90 s
	NonceLife    time.Duration // how long a challenge can be answered: 5 min
	MinExpires   time.Duration // shortest registration: 60 s
	MaxExpires   time.Duration // longest registration: 1 h
	Silent       time.Duration // a connection of nobody must say something in: 10 s
	Refusal      time.Duration // after which a wrong password is refused: longer than a look-up takes. 100 ms
	Close        time.Duration // how long Close waits for good-byes: 2 s
	Retry        time.Duration // first wait after a failed registration with a trunk, then doubled: 4 s
	MaxRetry     time.Duration // longest such wait: 10 min
}

func (t *Timers) fill() {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{
		{&t.T1, 500 * time.Millisecond}, {&t.T2, 4 * time.Second},
		{&t.MediaTimeout, 20 * time.Second}, {&t.NoReply, 4 * time.Second}, {&t.Session, 30 * time.Minute},
		{&t.MinSession, 90 * time.Second}, {&t.NonceLife, 5 * time.Minute},
		{&t.MinExpires, time.Minute}, {&t.MaxExpires, time.Hour},
		{&t.Silent, 10 * time.Second}, {&t.Close, 2 * time.Second}, {&t.Refusal, 100 * time.Millisecond},
		{&t.Retry, 4 * time.Second}, {&t.MaxRetry, 10 * time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
}

// Stats counts since Open. Values never go back.
type Stats struct {
	Panics    int64 // entries that panicked; each ended at most one call
	Dropped   int64 // packets over a source's budget, unread
	Malformed int64 // messages that did not pass the checks
	Refused   int64 // requests from nobody, answered 401 or 403
	Calls     int64 // calls that began, in and out
}

// Endpoint is one SIP user agent on its sockets.
type Endpoint struct {
	cfg    Config
	log    *slog.Logger
	trunks []*trunk
	nonces *digest.Nonces
	budget *budget
	reg    *registrar
	secret [32]byte // makes the tags of answers we do not remember

	udp *net.UDPConn
	tcp net.Listener
	tls net.Listener
	ws  net.Listener
	wss net.Listener
	own *certificate.Own // nil without TLS
	// doors are the four above; what comes in is read by the library in two.
	doors         []door
	clear, secure *porch
	tp            *sip.TransportLayer
	txs           *sip.TransactionLayer

	ctx  context.Context
	stop context.CancelFunc

	life    sync.Mutex    // guards stopped and work.Add
	closing bool          // no new calls
	dead    bool          // no new goroutines
	done    chan struct{} // closed when dead
	work    sync.WaitGroup
	keepers sync.WaitGroup // of the trunks: they say good-bye before the sockets close
	readers sync.WaitGroup // of the sockets; they end last

	mu        sync.Mutex
	calls     map[string]*Call           // by our tag
	invites   map[string]*Call           // calls to us, by Call-ID and the caller's tag
	withdrawn map[string]*withdrawal     // CANCELs that came before their call
	streams   map[*stream]struct{}       // connections to us
	byAddr    map[netip.AddrPort]*stream // the same by the peer's address
	locals    map[netip.Addr]netip.Addr  // our address towards a host

	workers chan struct{} // bounds look-ups of passwords at one time

	panics, dropped, malformed, refused, begun atomic.Int64
}

// Open binds the sockets and starts to receive. It fails with sotto.Invalid
// for a setting that cannot work and sotto.Busy for an address in use.
func Open(cfg Config) (_ *Endpoint, err error) {
	defer sotto.Wrap(&err, "sip.Open")
	cfg.Timers.fill()
	cfg.Limits.fill()
	if cfg.Realm == "" {
		cfg.Realm = "sotto"
	}
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = 5000
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{
		cfg: cfg, log: cfg.Log,
		nonces:    digest.NewNonces(cfg.Timers.NonceLife, cfg.Clock),
		budget:    newBudget(cfg.Limits),
		calls:     make(map[string]*Call),
		invites:   make(map[string]*Call),
		withdrawn: make(map[string]*withdrawal),
		streams:   make(map[*stream]struct{}),
		byAddr:    make(map[netip.AddrPort]*stream),
		locals:    make(map[netip.Addr]netip.Addr),
		workers:   make(chan struct{}, 32),
		done:      make(chan struct{}),
	}
	e.reg = newRegistrar(e)
	rand.Read(e.secret[:])
	e.ctx, e.stop = context.WithCancel(context.Background())
	if e.trunks, err = readTrunks(cfg.Trunks); err != nil {
		e.stop()
		return nil, err
	}
	if err := e.identify(); err != nil {
		e.stop()
		return nil, err
	}
	for _, t := range e.trunks {
		if t.TLS {
			continue
		}
		if t.Address != "" && ((t.TCP || t.LargeTCP) && cfg.TCP == "" || !t.TCP && cfg.UDP == "") {
			e.stop()
			return nil, sotto.FailField("trunk.tcp", "A trunk that is called over TCP or UDP needs an address of ours to listen on for the same.")
		}
	}
	if err := e.listen(); err != nil {
		e.stop()
		return nil, err
	}
	e.watchTrunks()
	return e, nil
}

// Addr is where the endpoint listens over UDP; the zero value when it does not.
func (e *Endpoint) Addr() netip.AddrPort {
	if e.udp == nil {
		return netip.AddrPort{}
	}
	return unmap(e.udp.LocalAddr().(*net.UDPAddr).AddrPort())
}

// AddrTCP is where the endpoint listens over TCP; the zero value when it does not.
func (e *Endpoint) AddrTCP() netip.AddrPort { return addrOf(e.tcp) }

// AddrTLS is where the endpoint listens over TLS; the zero value when it does not.
func (e *Endpoint) AddrTLS() netip.AddrPort { return addrOf(e.tls) }

// AddrWS is where the endpoint listens for WebSockets; the zero value when it
// does not.
func (e *Endpoint) AddrWS() netip.AddrPort { return addrOf(e.ws) }

// AddrWSS is AddrWS over TLS.
func (e *Endpoint) AddrWSS() netip.AddrPort { return addrOf(e.wss) }

func addrOf(l net.Listener) netip.AddrPort {
	if l == nil {
		return netip.AddrPort{}
	}
	return unmap(l.Addr().(*net.TCPAddr).AddrPort())
}

// identify reads the certificates: ours, and what each trunk's must be.
func (e *Endpoint) identify() (err error) {
	if e.cfg.Certificate != "" {
		if e.own, err = certificate.Load(e.cfg.Certificate, e.cfg.Key); err != nil {
			return err
		}
	}
	for _, t := range e.trunks {
		if err := t.identify(e.own); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns the counters.
func (e *Endpoint) Stats() Stats {
	return Stats{
		Panics: e.panics.Load(), Dropped: e.dropped.Load(), Malformed: e.malformed.Load(),
		Refused: e.refused.Load(), Calls: e.begun.Load(),
	}
}

// Close takes no more calls, ends those there are with leg.Shutdown, waits for
// the good-byes at most Timers.Close, closes the sockets and waits for every
// goroutine, Accept's too. The second call waits for the first.
func (e *Endpoint) Close() error {
	e.life.Lock()
	e.closing = true
	e.life.Unlock()
	deadline := time.NewTimer(e.cfg.Timers.Close)
	defer deadline.Stop()
	late := false
	for _, c := range e.liveCalls() {
		c.Hangup(leg.Shutdown)
	}
	e.stop() // ends the context of every Accept
	for _, c := range e.liveCalls() {
		if !late {
			select {
			case <-c.gone:
				continue
			case <-deadline.C:
				late = true
			}
		}
		c.kill()
	}
	e.keepers.Wait()
	e.life.Lock()
	if !e.dead {
		e.dead = true
		close(e.done)
	}
	e.life.Unlock()
	e.txs.Close()
	e.work.Wait()
	// The library hands messages over on goroutines that nobody counts, and
	// one that finds no socket opens one: give those that run a moment.
	<-time.After(10 * time.Millisecond)
	e.unbind()
	for _, s := range e.liveStreams() {
		s.Close()
	}
	e.readers.Wait()
	return e.tp.Close()
}

func (e *Endpoint) liveCalls() []*Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := make([]*Call, 0, len(e.calls))
	for _, c := range e.calls {
		l = append(l, c)
	}
	return l
}

func (e *Endpoint) isClosing() bool {
	e.life.Lock()
	defer e.life.Unlock()
	return e.closing
}

// enter counts the caller among the work that Close waits for. It reports
// false when it is too late to begin anything.
func (e *Endpoint) enter() bool {
	e.life.Lock()
	defer e.life.Unlock()
	if e.dead {
		return false
	}
	e.work.Add(1)
	return true
}

// spawn runs f on a goroutine that Close waits for.
func (e *Endpoint) spawn(f func()) bool {
	if !e.enter() {
		return false
	}
	go func() {
		defer e.work.Done()
		e.guard(f)
	}()
	return true
}

// after runs f when d has passed, unless the timer is stopped or the endpoint
// closed before.
func (e *Endpoint) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		if e.enter() {
			defer e.work.Done()
			e.guard(f)
		}
	})
}

// guard runs f and reports whether it came back: a panic is counted and
// logged with the places it passed, never with its value, which may hold what
// a log must not.
func (e *Endpoint) guard(f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			e.panics.Add(1)
			e.log.Error("sip: panic", "stack", obs.Recovered(p).Stack)
			ok = false
		}
	}()
	f()
	return true
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
