package webrtc

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// Leg is one call in a browser: a leg.Absent and, of a visitor, a leg.Visitor.
type Leg struct {
	e       *Endpoint
	id      int64
	port    *media.Port
	device  sotto.DeviceID // 0 for a visitor
	caller  leg.Caller
	dialled string
	told    leg.Told
	ctx     context.Context // of Config.Accept; ends with the leg
	cancel  context.CancelFunc

	peer  atomic.Pointer[peer] // the way to the browser; nil while there is none. Endpoint.mu guards changes
	away  chan bool
	taken chan struct{} // closed when the party or we have answered
	ended chan struct{}

	mu      sync.Mutex // guards what is below
	state   state
	cause   leg.Cause
	since   time.Time // when it was answered
	muted   bool
	held    bool
	session *session // who is told; nil while no page is open
}

// state is how far a leg has come.
type state uint8

const (
	ringing state = iota // of an agent; a visitor's call is not answered
	talking
	over
)

// newLeg makes a leg whose party is told through s. e.mu is held.
func (e *Endpoint) newLeg(s *session) (*Leg, error) {
	e.legs++
	l := &Leg{
		e: e, id: e.legs, session: s,
		away: make(chan bool, 1), taken: make(chan struct{}), ended: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	var err error
	if l.port, err = e.cfg.Media.NewPortOver(l); err != nil {
		l.cancel()
		return nil, err
	}
	return l, nil
}

// Send carries one packet to the browser: it is the port's media.Wire.
func (l *Leg) Send(packet []byte) error {
	p := l.peer.Load()
	if p == nil {
		return errNoWay
	}
	return p.ear.send(packet)
}

// Caller is whom an agent's page shows; of a visitor nothing is known but the
// name it may have given.
func (l *Leg) Caller() leg.Caller { return l.caller }

// Dialled is the number of the line that a visitor called; "" for an agent.
func (l *Leg) Dialled() string { return l.dialled }

// Told is what a visitor was shown about recording before the call, and its
// answer (leg.Visitor). ok is false for an agent.
func (l *Leg) Told() (t leg.Told, ok bool) { return l.told, l.device == 0 }

// Show tells a visitor's page how far the call has come (leg.Visitor).
func (l *Leg) Show(p leg.Progress) {
	if l.device == 0 {
		l.tell(Progress{Leg: l.id, State: p.State, Consent: p.Consent, Reason: p.Reason})
	}
}

// Media is the party's audio. A page that is reloaded takes it over.
func (l *Leg) Media() *media.Port { return l.port }

// Ended is closed when the leg is over.
func (l *Leg) Ended() <-chan struct{} { return l.ended }

// Away gets true when the browser has dropped out of the call and false when
// it is back (leg.Absent).
func (l *Leg) Away() <-chan bool { return l.away }

// Cause says why the leg ended; "" while it has not.
func (l *Leg) Cause() leg.Cause {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

// Encrypt implements leg.Guarded: a browser sends audio in no other way than DTLS-SRTP.
func (l *Leg) Encrypt(context.Context) error { return l.endErr() }

// Ring tells a visitor that it rings. On an agent's leg it does nothing.
func (l *Leg) Ring(context.Context) error {
	if l.device == 0 {
		l.tell(Ring{Leg: l.id})
	}
	return l.endErr()
}

// endErr returns a *leg.EndError when the leg has ended.
func (l *Leg) endErr() error {
	if c := l.Cause(); c != "" {
		return &leg.EndError{Cause: c}
	}
	return nil
}

// Answer takes a visitor's call: the audio flows when it returns. For an
// agent, and the second time, it waits until the call is answered.
func (l *Leg) Answer(ctx context.Context) error {
	if l.device == 0 {
		l.e.mu.Lock()
		l.begin(l.peer.Load())
		l.e.mu.Unlock()
	}
	select {
	case <-l.taken:
		return l.endErr()
	case <-l.ended:
		return l.endErr()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin lets the audio flow over p and reports whether the leg was waiting
// for that. e.mu is held.
func (l *Leg) begin(p *peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != ringing || p == nil || l.e.closed {
		return false
	}
	r, ok := p.remote()
	if !ok || l.port.Connect(r) != nil {
		return false
	}
	l.state, l.since = talking, time.Now()
	l.carry(p)
	close(l.taken)
	l.e.work.Go(func() { l.e.guard(l, l.watch) })
	if l.session != nil {
		l.session.send(Talking{Leg: l.id})
	}
	return true
}

// carry makes p the way of the audio and returns the one before. e.mu is held.
func (l *Leg) carry(p *peer) (old *peer) {
	if old = l.peer.Swap(p); old == p {
		return nil
	}
	if old != nil {
		old.leg.CompareAndSwap(l, nil)
	}
	if p != nil {
		p.leg.Store(l)
	}
	return old
}

// resume lets a reloaded page go on with the call over p. e.mu is held.
func (l *Leg) resume(p *peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != talking {
		return
	}
	if r, ok := p.remote(); ok {
		r.Receive = !l.muted
		_ = l.port.Connect(r) // it fails when the leg has just ended
	}
	if old := l.carry(p); old != nil {
		l.e.retire(old)
	}
}

// Hangup ends the leg for cause and tells the page.
func (l *Leg) Hangup(cause leg.Cause) { l.end(cause) }

// end ends the leg; only the first cause counts.
func (l *Leg) end(cause leg.Cause) {
	l.e.mu.Lock()
	l.mu.Lock()
	if l.state == over {
		l.mu.Unlock()
		l.e.mu.Unlock()
		return
	}
	l.state, l.cause = over, cause
	s := l.session
	l.session = nil
	l.mu.Unlock()
	if p := l.carry(nil); p != nil && p.left {
		l.e.retire(p)
	}
	if d := l.e.devices[l.device]; d != nil && d.leg == l {
		d.leg = nil
		l.e.prune(l.device)
	}
	if s != nil {
		s.send(Ended{Leg: l.id, Cause: cause})
		if s.visitor == l {
			s.visitor = nil
		}
	}
	l.e.forgetBack(l)
	l.e.mu.Unlock()
	close(l.ended)
	l.cancel() // after ended, so that whoever waits for both learns the cause
	l.port.Close()
	l.e.log.Info("webrtc: leg ended", "cause", string(cause))
}

// tell sends a message to the page, if one is open.
func (l *Leg) tell(m any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.send(m)
	}
}

// SetHeld tells the page whether the other party is on hold.
func (l *Leg) SetHeld(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = on
	if l.session != nil {
		l.session.send(Held{Leg: l.id, On: on})
	}
}

// mute lets the party be heard or not.
func (l *Leg) mute(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peer.Load()
	if l.state != talking || p == nil {
		return
	}
	r, ok := p.remote()
	r.Receive = !on
	if !ok || l.port.Connect(r) != nil {
		return
	}
	l.muted = on
	if l.session != nil {
		l.session.send(Muted{Leg: l.id, On: on})
	}
}

// describe is the call as a page that opens finds it. l.mu is held.
func (l *Leg) describe() *Ongoing {
	return &Ongoing{
		Ring:    Ring{Leg: l.id, Number: l.caller.Number, Name: l.caller.Name, Withheld: l.caller.Withheld},
		Talking: l.state == talking, Muted: l.muted, Held: l.held,
	}
}

// watch looks whether the party is there, from the answer to the end. It says
// so on Away, and ends the leg of one who does not come back.
func (l *Leg) watch() {
	t := l.e.cfg.Timers
	tick := time.NewTicker(t.Look)
	defer tick.Stop()
	patience := t.Return
	if l.device == 0 {
		patience = t.Visitor
	}
	var gone bool
	var since time.Time
	for {
		select {
		case <-l.ended:
			return
		case <-l.port.Done():
			l.end(leg.Fault) // our own fault: it is closed by nobody else before the end
			return
		case now := <-tick.C:
			l.mu.Lock()
			silent, closed := min(l.port.SilentFor(), now.Sub(l.since)), l.session == nil
			l.mu.Unlock()
			if quiet := silent >= t.Silent; quiet != gone {
				gone = quiet
				l.sayAway(gone)
			}
			switch {
			case !gone && !closed:
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) >= patience && closed:
				l.end(leg.PeerLost)
			case now.Sub(since) >= patience:
				l.end(leg.MediaLost)
			}
		}
	}
}

// sayAway replaces what nobody has read yet.
func (l *Leg) sayAway(on bool) {
	select {
	case <-l.away:
	default:
	}
	l.away <- on
}
