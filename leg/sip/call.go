package sip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// Call is one SIP call: a leg.Leg. Its methods only put a request into the
// mailbox of the call's actor; everything that changes the call happens on
// the actor's goroutine.
type Call struct {
	e    *Endpoint
	id   string // Call-ID
	ref  string // short hash of id, for logs
	tag  string // ours
	mail mailbox
	gone chan struct{} // closed when the actor has ended

	// set before the actor starts
	out       bool // we called
	origin    origin
	caller    leg.Caller
	dialled   string
	port      *media.Port
	ctx       context.Context // of Accept; ends with the leg
	cancel    context.CancelFunc
	branch    string     // of the INVITE to us
	inviteSeq uint32     // its CSeq
	inviter   netip.Addr // the host that sent it

	peerTag     atomic.Pointer[string] // nil until the peer has one
	postDial    atomic.Int64           // nanoseconds; see PostDial
	encrypted   atomic.Bool            // the audio is, as agreed last
	unconfirmed atomic.Int64           // CSeq of the 2xx that waits for its ACK, or noSeq

	transfers atomic.Pointer[chan *leg.Transfer] // nil until somebody wants to know

	endMu sync.Mutex
	cause leg.Cause
	ended chan struct{}

	// the actor's own
	d         dialog
	phase     phase
	sess      session
	timer     sessionTimer
	confirm   *confirm      // a 2xx of ours that has no ACK yet
	waiters   []chan error  // callers of Answer
	invite    inviteIn      // a call to us: the INVITE we owe an answer
	news      *subscription // of the newest REFER
	rel       *reliable     // a provisional answer of ours to be confirmed
	dial      *dialOut      // a call of ours
	asking    bool          // our re-INVITE is not answered
	byeOwed   bool          // ended before the ACK: BYE when it comes
	audible   time.Time     // since when the peer should be heard
	watch     *time.Timer   // looks whether it is
	updates   bool          // the peer takes UPDATE
	withdrawn bool          // its CANCEL came before it
	guarded   bool          // its audio is encrypted or it ends
	held      []held        // requests that came too early
}

// noSeq is no CSeq number.
const noSeq = -1

// phase is how far a call has come.
type phase uint8

const (
	early    phase = iota // no final answer yet
	answered              // there is a 2xx
	over                  // the leg has ended; messages may still be owed
)

func (e *Endpoint) newCall(id string, out bool) *Call {
	sum := sha256.Sum256([]byte(id))
	c := &Call{
		e: e, id: id, ref: hex.EncodeToString(sum[:4]), tag: newTag(), out: out,
		gone: make(chan struct{}), ended: make(chan struct{}),
	}
	c.mail.wake = make(chan struct{}, 1)
	c.unconfirmed.Store(noSeq)
	c.ctx, c.cancel = context.WithCancel(e.ctx)
	return c
}

// start registers the call and runs its actor. It reports false when the
// endpoint takes no more.
func (c *Call) start() bool {
	e := c.e
	e.mu.Lock()
	full := len(e.calls) >= e.cfg.MaxCalls
	if !full {
		e.calls[c.tag] = c
		if !c.out {
			e.invites[c.id+"|"+c.d.remoteTag] = c
			c.withdrawn = e.meet(c)
		}
	}
	e.mu.Unlock()
	if full {
		return false
	}
	if e.isClosing() || !e.spawn(c.run) {
		c.forget()
		return false
	}
	e.begun.Add(1)
	return true
}

func (c *Call) forget() {
	e := c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.calls[c.tag] == c {
		delete(e.calls, c.tag)
	}
	if key := c.id + "|" + c.d.remoteTag; e.invites[key] == c {
		delete(e.invites, key)
	}
}

// run is the actor.
func (c *Call) run() {
	defer close(c.gone)
	defer c.forget()
	for {
		f, ok := c.mail.next()
		if !ok {
			c.end(leg.Shutdown) // only when killed before it ended
			c.leave()
			return
		}
		if !c.e.guard(f) {
			c.crash()
		}
	}
}

// leave answers the requests that came after the end.
func (c *Call) leave() {
	l := c.mail.rest()
	for _, h := range c.held {
		l = append(l, h.mail)
	}
	for _, one := range l {
		if one.drop != nil {
			c.e.guard(one.drop)
		}
	}
}

// crash ends a call in which our own code panicked: the peer is told, nothing
// else is tried.
func (c *Call) crash() {
	c.e.guard(func() {
		if c.invite.tx != nil && c.phase == early {
			respond(c.invite.req, c.invite.tx, 500, c.tag, nil)
		} else if c.phase == answered {
			c.byeIn(&c.d, func(*sip.Response, error) {})
		}
	})
	c.e.guard(func() { c.end(leg.Fault) })
	c.finish()
}

// end closes the leg for cause; only the first counts. What the peer is still
// owed goes on in the actor.
func (c *Call) end(cause leg.Cause) {
	c.endMu.Lock()
	first := c.cause == ""
	if first {
		c.cause = cause
	}
	c.endMu.Unlock()
	if !first {
		return
	}
	c.phase = over
	stopTimers(c.watch)
	c.timer.stop()
	close(c.ended)
	c.cancel() // after ended, so that whoever waits for both learns the cause
	c.tell(&leg.EndError{Cause: cause})
	if c.port != nil {
		c.port.Close()
	}
	c.e.log.Info("sip: leg ended", "call", c.ref, "cause", string(cause))
}

// tell gives every waiter of Answer its result.
func (c *Call) tell(err error) {
	for _, w := range c.waiters {
		w <- err
	}
	c.waiters = nil
}

// finish ends the actor: nothing is owed any more.
func (c *Call) finish() {
	c.confirm.stop()
	c.rel.stop()
	if c.dial != nil {
		stopTimers(c.dial.giveUp, c.dial.silence)
	}
	c.mail.close()
}

// kill ends the actor whatever is owed. It is for Close.
func (c *Call) kill() { c.mail.close() }

// Caller implements leg.Leg.
func (c *Call) Caller() leg.Caller { return c.caller }

// Dialled implements leg.Leg.
func (c *Call) Dialled() string { return c.dialled }

// Media implements leg.Leg. It is nil when the endpoint has no engine.
func (c *Call) Media() *media.Port { return c.port }

// Ended implements leg.Leg.
func (c *Call) Ended() <-chan struct{} { return c.ended }

// Cause implements leg.Leg.
func (c *Call) Cause() leg.Cause {
	c.endMu.Lock()
	defer c.endMu.Unlock()
	return c.cause
}

// Trunk is the name of the trunk that the call came by or went out by; ""
// for a telephone.
func (c *Call) Trunk() string {
	if c.origin.trunk == nil {
		return ""
	}
	return c.origin.trunk.Name
}

// Device is the telephone that placed or takes the call; 0 for a trunk.
func (c *Call) Device() sotto.DeviceID { return c.origin.device }

// Encrypted reports whether the call's audio is encrypted on its way (SRTP).
func (c *Call) Encrypted() bool { return c.encrypted.Load() }

// Encrypt implements leg.Guarded.
func (c *Call) Encrypt(ctx context.Context) error {
	return c.do(ctx, func(done chan error) {
		if c.guarded = true; c.canEncrypt() {
			done <- nil
			return
		}
		c.hangup(leg.Insecure)
		done <- &leg.EndError{Cause: leg.Insecure}
	})
}

// Ring implements leg.Leg.
func (c *Call) Ring(ctx context.Context) error {
	return c.do(ctx, func(done chan error) {
		c.ring()
		done <- nil
	})
}

// Answer implements leg.Leg.
func (c *Call) Answer(ctx context.Context) error { return c.do(ctx, c.answer) }

// do runs f on the actor and waits until it, or the end of the leg, says
// something on done, which f may keep.
func (c *Call) do(ctx context.Context, f func(done chan error)) error {
	done := make(chan error, 1)
	posted := c.mail.post(func() {
		if c.phase == over {
			done <- &leg.EndError{Cause: c.Cause()}
			return
		}
		f(done)
	})
	if !posted {
		<-c.ended
		return &leg.EndError{Cause: c.Cause()}
	}
	select {
	case err := <-done:
		return err
	case <-c.ended:
		return &leg.EndError{Cause: c.Cause()}
	case <-ctx.Done():
	}
	select {
	case <-c.ended: // ctx may be Accept's, which ends with the leg
		return &leg.EndError{Cause: c.Cause()}
	default:
		return ctx.Err()
	}
}

// Hangup implements leg.Leg.
func (c *Call) Hangup(cause leg.Cause) { c.mail.post(func() { c.hangup(cause) }) }

// hangup says good-bye in the way the phase demands (RFC 3261 15).
func (c *Call) hangup(cause leg.Cause) {
	was := c.phase
	if was == over {
		return
	}
	switch {
	case was == early && c.out:
		c.end(cause)
		c.giveUp()
	case was == early:
		c.refuse(cause)
		c.end(cause)
		c.finish() // the transaction repeats the answer until its ACK
	case c.confirm != nil:
		c.end(cause)
		c.byeOwed = true // not before the ACK (RFC 3261 15.1.1)
	default:
		c.end(cause)
		c.bye()
	}
}

// bye sends BYE and ends the actor when it is answered or nobody answers.
func (c *Call) bye() { c.byeWith(nil) }

func (c *Call) byeWith(auth []string) {
	h := c.d.next()
	req, err := c.d.request(sip.BYE, auth, nil)
	if err != nil {
		c.finish()
		return
	}
	c.e.send(req, h, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		c.mail.post(func() {
			// The trunk may ask for its password first.
			if line := c.authorize(res, req, h); line != "" {
				c.byeWith([]string{line})
				return
			}
			c.finish()
		})
	})
}

// byeIn sends BYE in a dialog of this call that is not to be kept.
func (c *Call) byeIn(d *dialog, on func(*sip.Response, error)) {
	if req, err := d.request(sip.BYE, nil, nil); err == nil {
		c.e.send(req, d.next(), on)
	}
}

// later runs f on the actor when d has passed.
func (c *Call) later(d time.Duration, f func()) *time.Timer {
	return c.e.after(d, func() { c.mail.post(f) })
}

// mailbox is the queue of an actor. It is never full, so nobody who posts is
// held up by a slow call; what peers put in is bounded by offer.
type mailbox struct {
	mu     sync.Mutex
	queue  []mail
	closed bool
	wake   chan struct{}
}

// mail is something to do, and what to do instead when the actor is gone.
type mail struct{ run, drop func() }

// maxMail bounds the requests of a peer that wait in one call.
const maxMail = 128

// offer is post for what a peer sent: a peer faster than its call can act is
// turned away. drop, which may be nil, runs when the actor ends before run.
func (m *mailbox) offer(run, drop func()) bool {
	m.mu.Lock()
	full := len(m.queue) >= maxMail
	m.mu.Unlock()
	return !full && m.put(mail{run, drop})
}

// post adds f. It reports false when the actor takes no more.
func (m *mailbox) post(f func()) bool { return m.put(mail{run: f}) }

func (m *mailbox) put(one mail) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.queue = append(m.queue, one)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// next waits for something to do; ok is false when there is nothing any more.
func (m *mailbox) next() (f func(), ok bool) {
	for {
		m.mu.Lock()
		if m.closed {
			m.mu.Unlock()
			return nil, false
		}
		if len(m.queue) > 0 {
			f, m.queue[0] = m.queue[0].run, mail{}
			m.queue = m.queue[1:]
			m.mu.Unlock()
			return f, true
		}
		m.queue = nil
		m.mu.Unlock()
		<-m.wake
	}
}

// close ends the actor after what it does now.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// rest returns what will not be done.
func (m *mailbox) rest() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.queue
	m.queue = nil
	return l
}

func stopTimers(l ...*time.Timer) {
	for _, t := range l {
		if t != nil {
			t.Stop()
		}
	}
}
