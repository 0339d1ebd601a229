package media

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sotto"
)

// digitsKept is how many keys a port holds for its reader.
const digitsKept = 64

// Port is one party's audio. All methods may be called from any goroutine,
// also after Close.
type Port struct {
	e      *Engine
	s      *socket
	id     uint64
	expect netip.AddrPort // the address kept free on s for the party; Engine.mu guards it
	digits chan Digit
	done   chan struct{}
	hand   chan struct{}         // held by the one SendDigits at work
	heard  atomic.Int64          // when a packet last came, since the epoch
	crypt  atomic.Pointer[crypt] // nil when the audio is plain; changed under mu

	mu          sync.Mutex
	closed      bool
	connected   bool
	remote      Remote
	source      netip.AddrPort // where the party sends from, and is sent to
	dest        dest           // source, in the system's form
	latch       latch
	ban         ban
	in          receiver
	pace        pace
	keys        keyReader
	out         sender
	seat        seat
	control     *control      // nil before the first report
	connectedAt time.Duration // 0 before the first Connect
	guard       *guard        // nil unless the party's keys are private
	taps        []*tap        // replaced, never changed: the readers hold on to it
	prompt      *prompt
	typing      *typing
}

func newPort(e *Engine, s *socket, fixed bool, now time.Duration) *Port {
	p := &Port{
		e: e, s: s, id: e.ids.Add(1),
		digits: make(chan Digit, digitsKept), done: make(chan struct{}), hand: make(chan struct{}, 1),
		out: newSender(now), latch: latch{fixed: fixed},
	}
	p.heard.Store(int64(now))
	return p
}

// Local is the address to put into the SDP for the party. It never changes.
func (p *Port) Local() netip.AddrPort { return p.s.local }

// Connect says where the party is and what it speaks. It is called again
// after each re-INVITE or UPDATE. With the same Addr it changes the codec and
// the direction only; with another Addr packets of the old one are dropped
// from now on and the latch window starts again. It fails with sotto.Invalid
// when r cannot work, sotto.Conflict when another party of the same socket
// has the address, and ErrClosed.
func (p *Port) Connect(r Remote) (err error) {
	defer sotto.Wrap(&err, "media.Connect")
	r.Addr = unmap(r.Addr)
	if p.s.wire != nil {
		r.Addr = p.e.beyond()
	}
	if err := r.check(p.e.cfg.Addr); err != nil {
		return err
	}
	if r.Addr == p.s.local {
		return sotto.FailField("sdp.address", "The party's audio address is our own. Nobody can call from there.")
	}
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	now := p.e.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if q := p.s.find(r.Addr); q != nil && q != p {
		return sotto.Fail(sotto.Conflict, "Another call has audio with the same address. Hang up and call again.")
	}
	if err := p.secure(r.Keys, now); err != nil {
		return err
	}
	if p.connected && p.remote.Addr == r.Addr {
		if r.Receive && !p.remote.Receive {
			p.in.run++ // what was said on hold is not lost audio
		}
		p.remote = r
		return nil
	}
	p.leave(now)
	p.connected, p.remote = true, r
	if p.connectedAt == 0 {
		p.connectedAt = now
	}
	if p.ban = p.s.gone[r.Addr]; p.ban.by == p {
		p.ban = ban{} // it comes back to where it was
	}
	p.latch = latch{fixed: p.latch.fixed, until: now + p.e.cfg.LatchWindow}
	if !p.latch.fixed {
		p.s.wait(p)
	}
	p.setSource(r.Addr)
	p.s.put(r.Addr, p)
	if r.Send {
		p.sayNothing(now)
	}
	return nil
}

// leave gives the party's addresses back and keeps them from new parties for
// a while. Engine.mu and p.mu are held.
func (p *Port) leave(now time.Duration) {
	if !p.connected {
		p.s.remove(p.expect)
		return
	}
	for _, a := range []netip.AddrPort{p.remote.Addr, p.source} {
		if p.s.find(a) == p {
			p.s.remove(a)
			p.s.gone[a] = ban{by: p, until: now + quarantine, known: p.in.started, ssrc: p.in.ssrc}
		}
	}
}

// setSource says where the party is from now on. p.mu is held.
func (p *Port) setSource(a netip.AddrPort) {
	p.source = a
	p.dest = makeDest(a, p.e.cfg.Addr.Is6())
}

// settled reports whether p no longer looks for its source: it has found it,
// the window is over, or it is closed.
func (p *Port) settled(now time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || p.connected && !p.latch.open(now)
}

// sayNothing sends one frame of silence: it opens the way through a NAT or a
// session border controller, and keeps it open. p.mu is held.
func (p *Port) sayNothing(now time.Duration) {
	var b [headerLen + 480 + maxTag]byte
	n := p.remote.frame()
	src := source(p.e.ids.Add(1) << 32)
	seq, ts, first, _ := p.out.stamp(src, 0, 0, uint32(n), now)
	putHeader(b[:], first, p.remote.PayloadType, seq, ts, p.out.ssrc)
	for i := range n {
		b[headerLen+i] = p.remote.Law.Silence()
	}
	length := p.seal(b[:], headerLen+n)
	if length == 0 || p.s.send(&p.dest, b[:length]) != nil {
		p.e.counters.sendFailed.Add(1)
		return
	}
	p.e.counters.out.Add(1)
}

// Close ends the party's audio: Play returns, Digits is closed, taps hear no
// more, and a Mix or bridge loses this side. When it has returned no sink is pushed
// for this port. It must not be called from a Push. The second call does
// nothing.
func (p *Port) Close() {
	taps, ok := p.shut()
	if !ok {
		return
	}
	p.e.schedule.drop(p)
	for _, t := range taps {
		t.stop()
	}
}

// shut takes the port out of the engine and returns its taps; false when that
// was done before.
func (p *Port) shut() ([]*tap, bool) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	now := p.e.now()
	p.stand()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false
	}
	p.leave(now)
	p.closed = true
	taps := p.taps
	p.taps = nil
	close(p.done)
	close(p.digits)
	p.s.load--
	p.s.waiting = slices.DeleteFunc(p.s.waiting, func(q *Port) bool { return p == q })
	p.s.waits.Store(int32(len(p.s.waiting)))
	delete(p.e.open, p)
	return taps, true
}

// Done is closed when the port is closed, by Close or by the engine.
func (p *Port) Done() <-chan struct{} { return p.done }

// SilentFor is the time since a packet came from the party, or since the port
// was opened if none has. Packets count, not sound: a muted telephone is alive.
func (p *Port) SilentFor() time.Duration { return p.e.now() - time.Duration(p.heard.Load()) }

// Digits are the keys the party pressed, each once, as soon as it is pressed
// (RFC 4733, whatever payload type was negotiated, and InjectDigit). The
// channel holds 64; more are dropped and counted, so a reader who asks for
// digits late drains the old ones first. It is closed by Close.
func (p *Port) Digits() <-chan Digit { return p.digits }

// InjectDigit adds a key that came another way (SIP INFO). An invalid digit
// is ignored.
func (p *Port) InjectDigit(d Digit) {
	d, ok := ParseDigit(byte(d))
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.press(d)
}

// press hands a digit to the reader. p.mu is held.
func (p *Port) press(d Digit) {
	if p.closed {
		return
	}
	select {
	case p.digits <- d:
	default:
		p.e.counters.lostDigits.Add(1)
	}
}
