package webrtc

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
	pion "github.com/pion/webrtc/v4"
	"golang.org/x/time/rate"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/obs"
)

// Why we close a page's WebSocket (RFC 6455 7.4.2: 4000 and above are ours).
const (
	statusReplaced websocket.StatusCode = 4001 // another page of this agent is open now
	statusRefused  websocket.StatusCode = 4002 // the agent may not sign in any more
	statusTooMuch  websocket.StatusCode = 4003 // messages come too fast, or are none of ours
)

const (
	// ticketWord begins the subprotocol that carries the ticket: a browser can
	// set no header on a WebSocket, and a ticket in the address would be logged.
	ticketWord = "ticket."
	// returnWord begins the one of a page that comes back (Ready.Return).
	returnWord = "return."
	// A page may send this many messages; dialling by hand is the fastest.
	messagesPerSecond = 10
	messageBurst      = 40
	// and this many offers, which cost a key exchange each
	offerEvery = 2 * time.Second
	offerBurst = 6
	// outbox is how many messages may wait for a page that does not read.
	outbox    = 64
	writeTime = 5 * time.Second
)

// session is one open page: its WebSocket and its peer connection.
type session struct {
	e      *Endpoint
	pass   Pass
	ws     *websocket.Conn
	out    chan []byte
	leave  chan websocket.StatusCode // gets one value: why we close
	limits *rate.Limiter
	offers *rate.Limiter

	// guarded by Endpoint.mu
	peer    *peer // the newest; nil before the first offer
	visitor *Leg  // a visitor's call
	accepts *Leg  // accepted, and begins when the audio has a way
	calls   bool  // a visitor's call begins then
	over    bool
	relay   *Relay            // nil where there is none
	back    [sha256.Size]byte // what a visitor comes back with
}

// ServeHTTP opens a page's WebSocket: a GET from a page of our own origin
// with the subprotocols sotto.phone.v1 and ticket.WORD. It returns when the
// page is gone.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.ours(r) {
		http.Error(w, "This page may not connect here.", http.StatusForbidden)
		return
	}
	e.mu.Lock()
	pass, old, ok := e.pass(r)
	full := e.closed || old == nil && len(e.sessions) >= e.cfg.MaxBrowsers || pass.Line != "" && !e.enter(pass, old != nil)
	if ok && !full {
		e.work.Add(1) // before Close can wait
	}
	e.mu.Unlock()
	switch {
	case !ok:
		http.Error(w, "The ticket is not good, or not any more. Ask for another one.", http.StatusUnauthorized)
		return
	case full:
		http.Error(w, "Too many browsers are connected. Try again in a minute.", http.StatusServiceUnavailable)
		return
	}
	defer e.work.Done()
	defer e.exit(pass)
	// The origin was looked at above, more strictly than the library does.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}, InsecureSkipVerify: true})
	if err != nil {
		return // the library has answered
	}
	defer func() { _ = ws.CloseNow() }() // it is closed by then, or broken
	ws.SetReadLimit(maxMessage)
	s := &session{
		e: e, pass: pass, ws: ws, out: make(chan []byte, outbox), leave: make(chan websocket.StatusCode, 1),
		limits: rate.NewLimiter(messagesPerSecond, messageBurst), offers: rate.NewLimiter(rate.Every(offerEvery), offerBurst),
	}
	s.run(old)
}

// enter counts a visitor's page. One that comes back has its place, which the
// page before may not have given up yet. e.mu is held.
func (e *Endpoint) enter(p Pass, again bool) bool {
	if e.cfg.Accept == nil || !again && e.visitors >= e.cfg.MaxVisitors || !e.visits.enter(p.From, e.cfg.Clock(), again) {
		return false
	}
	e.visitors++
	return true
}

// exit is the reverse of enter.
func (e *Endpoint) exit(p Pass) {
	if p.Line == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.visits.leave(p.From)
	e.visitors--
}

// run reads the page's messages until it is gone.
func (s *session) run(old *session) {
	ctx, cancel := context.WithCancel(context.Background()) // Close lets write say good-bye first
	defer cancel()
	if !s.begin(old) {
		return
	}
	written := make(chan struct{})
	s.e.work.Go(func() {
		defer close(written)
		s.write(ctx, cancel)
	})
	var err error
	for err == nil {
		err = s.read(ctx)
	}
	if errors.Is(err, errTooMuch) {
		<-written // it tells the page why
	}
	cancel()
	s.end(websocket.CloseStatus(err))
}

// errTooMuch ends a page that does not keep to the protocol.
var errTooMuch = errors.New("webrtc: too many messages")

// read takes one message. A panic in it ends this page alone.
func (s *session) read(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = obs.Recovered(p)
			s.e.log.Error("webrtc: a message made us panic; its page was let go", "err", err)
		}
	}()
	kind, b, err := s.ws.Read(ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageText || !s.limits.Allow() {
		s.leaveWith(statusTooMuch)
		return errTooMuch
	}
	m, err := decode(b)
	if err != nil {
		s.leaveWith(statusTooMuch)
		return errTooMuch
	}
	s.heed(m)
	return nil
}

// write sends what is to be sent, and looks every now and then whether the
// page is there. It closes the WebSocket when it ends.
func (s *session) write(ctx context.Context, cancel func()) {
	defer cancel()
	ping := time.NewTicker(s.e.cfg.Timers.Ping)
	defer ping.Stop()
	for {
		select {
		case b := <-s.out:
			if s.put(ctx, b) != nil {
				return
			}
		case <-ping.C:
			look, stop := context.WithTimeout(ctx, s.e.cfg.Timers.Ping)
			err := s.ws.Ping(look)
			stop()
			if err != nil {
				return
			}
		case why := <-s.leave:
			s.bye(why)
			return
		case <-s.e.ctx.Done():
			s.bye(websocket.StatusGoingAway)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) put(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return s.ws.Write(ctx, websocket.MessageText, b)
}

// bye sends what is left and closes the WebSocket.
func (s *session) bye(why websocket.StatusCode) {
	for {
		select {
		case b := <-s.out:
			if s.put(context.Background(), b) != nil {
				return
			}
			continue
		default:
		}
		_ = s.ws.Close(why, "") // the page may be gone already
		return
	}
}

// send gives the page a message. A page that does not read is let go: what it
// missed it learns when it comes back.
func (s *session) send(m any) {
	select {
	case s.out <- encode(m):
	default:
		s.leaveWith(statusTooMuch)
	}
}

// leaveWith closes the WebSocket for why, soon. Only the first counts.
func (s *session) leaveWith(why websocket.StatusCode) {
	select {
	case s.leave <- why:
	default:
	}
}

// begin makes this page the one of its device; an older one is told to stop.
// old is the page of a visitor that this one comes back for, or nil. It
// reports false when the endpoint is closed.
func (s *session) begin(old *session) bool {
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.sessions[s] = struct{}{}
	s.relay = e.turn.admit()
	ready := Ready{Relay: s.relay, Return: s.mayReturn()}
	if old != nil {
		ready.Call = s.follows(old)
	}
	if s.pass.Line == "" {
		d := e.deviceOf(s.pass.Device)
		if d.session != nil {
			d.session.leaveWith(statusReplaced)
			e.cfg.Present(s.pass.Device, false) // until this page's audio has a way
		}
		d.session = s
		if l := d.leg; l != nil {
			l.mu.Lock()
			l.session = s
			ready.Call = l.describe()
			l.mu.Unlock()
		}
	}
	s.send(ready)
	return true
}

// end lets go of what the page had. Its peer connection stays with a call
// until that ends or another page takes over.
func (s *session) end(why websocket.StatusCode) {
	e := s.e
	e.mu.Lock()
	delete(e.sessions, s)
	e.turn.dismiss(s.relay)
	s.over = true
	l := s.visitor
	if d := e.devices[s.pass.Device]; s.pass.Line == "" && d != nil {
		if d.session == s {
			d.session = nil
			e.cfg.Present(s.pass.Device, false)
		}
		l = d.leg
	}
	if l != nil {
		l.mu.Lock()
		if l.session == s {
			l.session = nil
		}
		l.mu.Unlock()
	}
	if p := s.peer; p != nil {
		p.left = true
		if p.leg.Load() == nil {
			e.retire(p)
		}
	}
	e.prune(s.pass.Device)
	visitor := s.visitor
	if visitor == nil {
		delete(e.backs, s.back)
	}
	e.mu.Unlock()
	leaves := why == websocket.StatusNormalClosure || why == websocket.StatusGoingAway
	if visitor != nil && (leaves || visitor.waits()) {
		visitor.end(leg.HungUp)
	}
}

// retire closes a peer connection that nothing needs. e.mu is held.
func (e *Endpoint) retire(p *peer) {
	e.work.Go(func() {
		if err := p.close(); err != nil {
			e.log.Warn("webrtc: a connection did not close in good order", "err", err)
		}
	})
}

// heed does what a message says.
func (s *session) heed(m any) {
	switch m := m.(type) {
	case Offer:
		s.offered(m)
	case Call:
		s.call()
	case Accept:
		if l := s.leg(m.Leg); l != nil {
			s.accept(l)
		}
	case Decline:
		if l := s.leg(m.Leg); l != nil && l.waits() {
			l.end(leg.Rejected)
		}
	case HangUp:
		if l := s.leg(m.Leg); l != nil {
			l.end(leg.HungUp)
		}
	case Mute:
		if l := s.leg(m.Leg); l != nil {
			l.mute(m.On)
		}
	case Digits:
		if l := s.leg(m.Leg); l != nil {
			for i := range len(m.Digits) {
				l.port.InjectDigit(media.Digit(m.Digits[i]))
			}
		}
	}
}

// leg returns the page's call with that number. Another call is none of the
// page's business: it is told that it is over.
func (s *session) leg(id int64) *Leg {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	l := s.visitor
	if d := s.e.devices[s.pass.Device]; s.pass.Line == "" && d != nil && d.session == s {
		l = d.leg
	}
	if l == nil || l.id != id {
		s.send(Problem{Code: "no-call"})
		return nil
	}
	return l
}

// accept lets the agent's audio flow.
func (s *session) accept(l *Leg) {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if s.peer != nil && !s.peer.up && !s.ready() {
		s.accepts = l // the page may know a moment before us that there is a way
		return
	}
	if !s.ready() || !l.begin(s.peer) {
		s.send(Problem{Code: "no-audio"})
	}
}

// ready reports whether the page's audio has a way. e.mu is held.
func (s *session) ready() bool {
	return s.peer != nil && s.peer.pc.ConnectionState() == pion.PeerConnectionStateConnected
}

// offered answers an offer.
func (s *session) offered(m Offer) {
	if !s.offers.Allow() {
		s.leaveWith(statusTooMuch)
		return
	}
	s.e.mu.Lock()
	p := s.peer
	s.e.mu.Unlock()
	if m.Restart {
		if p == nil {
			s.send(Problem{Code: "restart"})
			return
		}
		answer, err := p.answer(m.SDP)
		if err != nil {
			s.e.log.Info("webrtc: a way could not be looked for anew", "err", err)
			s.send(Problem{Code: "restart"})
			return
		}
		s.send(Answer{SDP: answer})
		return
	}
	p, answer, err := s.connect(m.SDP)
	if err != nil {
		if sotto.KindOf(err) != sotto.Invalid {
			s.e.log.Error("webrtc: a peer connection cannot be made", "err", err)
		}
		s.send(Problem{Code: "offer"})
		return
	}
	s.e.mu.Lock()
	old := s.peer
	s.peer = p
	if old != nil {
		old.left = true
		if old.leg.Load() == nil {
			s.e.retire(old)
		}
	}
	s.e.mu.Unlock()
	s.send(Answer{SDP: answer})
}

// connect makes a peer connection for an offer.
func (s *session) connect(offer string) (*peer, string, error) {
	p, err := s.e.wire.newPeer(s.changed)
	if err != nil {
		return nil, "", err
	}
	answer, err := p.answer(offer)
	if err == nil {
		if _, ok := p.remote(); !ok {
			err = sotto.Fail(sotto.Invalid, "The browser does not offer G.711.")
		}
	}
	if err != nil {
		return nil, "", errors.Join(err, p.close())
	}
	return p, answer, nil
}

// changed is told that the state of a peer connection has changed. Calls may
// overtake each other, so the state is read anew.
func (s *session) changed(p *peer, _ pion.PeerConnectionState) {
	e := s.e
	e.mu.Lock()
	defer e.mu.Unlock()
	up := p.pc.ConnectionState() == pion.PeerConnectionStateConnected
	if s.over || s.peer != p || p.up == up {
		return
	}
	p.up = up
	d := e.devices[s.pass.Device]
	if up && s.calls {
		s.calls = false
		s.begins()
	}
	if l := s.visitor; up && l != nil {
		l.resume(p) // it comes back
	}
	if s.pass.Line != "" || d == nil || d.session != s {
		return
	}
	e.cfg.Present(s.pass.Device, up)
	if l := d.leg; up && l != nil && !(l == s.accepts && l.begin(p)) {
		l.resume(p)
	}
	s.accepts = nil
}
