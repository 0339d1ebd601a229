package sip

import (
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip/message"
	"sotto/leg/sip/sdp"
)

// session is the audio that both sides have agreed (RFC 3264). It belongs to
// the call's actor.
type session struct {
	id      uint64
	version uint64
	last    []byte       // the last description we sent
	policy  sdp.Policy   // what last says about encryption
	crypto  []sdp.Crypto // our keys, one for each suite
	stream  sdp.Stream
	agreed  bool
}

// local is our side of the next description. Its version goes up: whoever
// compares sees that something may have changed.
func (s *session) local(c *Call, p sdp.Policy) sdp.Local {
	if s.id == 0 {
		s.id = uint64(rand.Uint32()) + 1
	}
	s.version++
	l := s.terms(p)
	l.Addr, l.ID, l.Version = c.audioHere(), s.id, s.version
	return l
}

// terms are what we agree to. Our keys are the same for the whole call: a
// description that repeats them changes nothing.
func (s *session) terms(p sdp.Policy) sdp.Local {
	if p != sdp.Plain && s.crypto == nil {
		for _, suite := range []media.Suite{media.GCM128, media.CM128SHA80, media.CM128SHA32} {
			b := make([]byte, suite.KeyLen())
			crand.Read(b)
			s.crypto = append(s.crypto, sdp.Crypto{Suite: suite, Key: string(b)})
		}
	}
	return sdp.Local{Secure: p, Crypto: s.crypto}
}

// policy is whether the audio of a call is to be encrypted: never where the
// keys would travel in the clear, unless the trunk says so.
func (e *Endpoint) policy(o origin, peer hop) sdp.Policy {
	switch {
	case o.trunk != nil && o.trunk.SecureMedia, o.trunk == nil && e.cfg.SecurePhones:
		return sdp.Required
	case peer.tls:
		return sdp.Opportunistic
	}
	return sdp.Plain
}

// policy is the endpoint's for a call, or what Encrypt demands.
func (c *Call) policy() sdp.Policy {
	if c.guarded {
		return sdp.Required
	}
	return c.e.policy(c.origin, c.d.peer)
}

// canEncrypt reports whether the audio is encrypted or can be agreed to be,
// under keys that nobody on the way reads.
func (c *Call) canEncrypt() bool {
	switch {
	case !c.d.peer.tls:
		return false
	case c.sess.agreed:
		return c.encrypted.Load()
	case c.out || len(c.invite.req.Body()) == 0:
		return true // the offer is ours
	}
	o, err := sdp.Parse(c.invite.req.Body())
	return err == nil && sdp.CanAnswer(o, c.sess.terms(sdp.Required))
}

// audioHere is where our audio lives; the discard port without an engine.
func (c *Call) audioHere() netip.AddrPort {
	if c.port != nil {
		return c.port.Local()
	}
	return netip.AddrPortFrom(c.e.localHost(c.d.peer), 9)
}

// offered is how we offer our audio: encrypted if it may be. Who refuses that
// and need not take it is asked again.
func (c *Call) offered() sdp.Policy {
	p := c.policy()
	switch {
	case p != sdp.Opportunistic:
		return p
	case c.dial.plain:
		return sdp.Plain
	}
	return sdp.Required
}

// refusesKeys reports whether a final answer of this status may have been for
// the encryption we offered, which need not be, and makes a plain offer.
func (c *Call) refusesKeys(status int) bool {
	o := c.dial
	if status != 488 && status != 415 && status != 606 || o.plain || o.body == nil ||
		c.policy() != sdp.Opportunistic {
		return false
	}
	o.plain = true
	o.body = c.sess.offer(c, c.offered())
	return true
}

// respond answers an offer, or makes one when there was none (late is true:
// the answer comes with the ACK).
func (s *session) respond(c *Call, offer []byte) (body []byte, late bool, err error) {
	if len(offer) == 0 {
		return s.offer(c, c.policy()), true, nil
	}
	o, err := sdp.Parse(offer)
	if err != nil {
		return nil, false, err
	}
	body, st, err := sdp.Answer(o, s.local(c, c.policy()))
	if err != nil {
		return nil, false, err
	}
	if err := s.connect(c, st); err != nil {
		return nil, false, err
	}
	s.last, s.policy = body, sdp.Plain
	if st.Keys != (media.Keys{}) {
		s.policy = sdp.Required
	}
	return body, false, nil
}

// offer makes an offer of ours.
func (s *session) offer(c *Call, p sdp.Policy) []byte {
	s.last, s.policy = sdp.Offer(s.local(c, p)), p
	return s.last
}

// accepted takes the answer to an offer of ours.
func (s *session) accepted(c *Call, answer []byte) error {
	if len(answer) == 0 {
		return errors.New("sip: no answer to our offer")
	}
	a, err := sdp.Parse(answer)
	if err != nil {
		return err
	}
	p := s.policy
	if c.guarded {
		p = sdp.Required // whatever was offered before
	}
	st, err := sdp.Accept(a, s.terms(p))
	if err != nil {
		return err
	}
	return s.connect(c, st)
}

// connect points the port at what was agreed.
func (s *session) connect(c *Call, st sdp.Stream) error {
	was := s.agreed && s.stream.Direction.Receives()
	if st.Remote.Addr().IsUnspecified() { // held the old way: it has no address now
		st.Remote = s.stream.Remote
		if !s.agreed {
			st.Remote = netip.AddrPortFrom(c.d.peer.addr.Addr(), 9)
		}
	}
	if c.port != nil {
		r := media.Remote{
			Addr: st.Remote, Law: st.Law, PayloadType: st.Payload,
			Ptime: time.Duration(st.Ptime) * time.Millisecond, Signal: c.d.peer.addr.Addr(),
			Send: st.Direction.Sends(), Receive: st.Direction.Receives(), Keys: st.Keys,
			RTCPMux: st.RTCPMux,
		}
		if st.HasEvents {
			r.EventType = st.Events
		}
		if err := c.port.Connect(r); err != nil {
			return err
		}
	}
	s.stream, s.agreed = st, true
	c.encrypted.Store(st.Keys != (media.Keys{}))
	if !was {
		c.audible = time.Now()
	}
	return nil
}

// audioAddr is where the first audio stream of a description lives.
func audioAddr(s *sdp.Session) netip.AddrPort {
	for i := range s.Media {
		if m := &s.Media[i]; m.Kind == "audio" && m.Port != 0 && !m.Addr.IsUnspecified() {
			return netip.AddrPortFrom(m.Addr, m.Port)
		}
	}
	return netip.AddrPort{}
}

// reinvite changes the session: hold, another address, a refresh (RFC 3261 14.2).
func (c *Call) reinvite(req *sip.Request, tx *sip.ServerTx) {
	switch {
	case c.asking:
		respond(req, tx, 491, c.tag, nil) // both ask at once
		return
	case c.phase == early || c.confirm != nil:
		respond(req, tx, 500, c.tag, nil, "Retry-After: "+strconv.Itoa(rand.IntN(10)))
		return
	}
	if line := c.e.tooShort(req); line != "" {
		respond(req, tx, 422, c.tag, nil, line)
		return
	}
	body, late, err := c.sess.respond(c, req.Body())
	if err != nil {
		respond(req, tx, 488, c.tag, nil) // the session goes on as it was
		return
	}
	c.d.refresh(req)
	c.refreshed(req)
	c.accept(req, tx, body, late, false)
}

// update does the same without an ACK (RFC 3311 5.2).
func (c *Call) update(req *sip.Request, tx *sip.ServerTx) {
	var body []byte
	if len(req.Body()) > 0 {
		switch {
		case c.asking || c.confirm != nil && c.confirm.late || c.phase == early && c.offering():
			respond(req, tx, 491, c.tag, nil)
			return
		case c.phase == early && !c.sess.agreed:
			respond(req, tx, 500, c.tag, nil, "Retry-After: "+strconv.Itoa(rand.IntN(10)))
			return
		}
		var err error
		if body, _, err = c.sess.respond(c, req.Body()); err != nil {
			respond(req, tx, 488, c.tag, nil)
			return
		}
	}
	if line := c.e.tooShort(req); line != "" {
		respond(req, tx, 422, c.tag, nil, line)
		return
	}
	c.d.refresh(req)
	c.refreshed(req)
	lines := append([]string{"Contact: " + c.e.contact(c.d.next())}, c.timer.lines()...)
	respond(req, tx, 200, c.tag, body, lines...)
}

// offering reports whether an offer of ours has no answer, before the call is
// answered (RFC 3311 5.2).
func (c *Call) offering() bool {
	if c.out {
		return len(c.dial.body) > 0 && !c.sess.agreed
	}
	return c.rel != nil && c.rel.offer && !c.rel.done
}

// watchMedia ends the call when the peer should be heard and is not: a
// telephone whose battery is empty says no good-bye.
func (c *Call) watchMedia() {
	limit := c.e.cfg.Timers.MediaTimeout
	if c.port == nil || limit <= 0 || c.phase != answered {
		return
	}
	wait := limit
	if c.sess.stream.Direction.Receives() {
		silent := min(c.port.SilentFor(), time.Since(c.audible))
		if silent >= limit {
			c.hangup(leg.MediaLost)
			return
		}
		wait = limit - silent
	}
	c.watch = c.later(max(wait, 10*time.Millisecond), c.watchMedia)
}

// sessionTimer ends a call whose peer has vanished without a word (RFC 4028).
// It belongs to the call's actor.
type sessionTimer struct {
	interval time.Duration // 0: there is none
	ours     bool          // we refresh
	theirs   bool          // the peer does session timers itself
	least    time.Duration // what the peer has said is the shortest, 0 when it has not
	refresh  *time.Timer
	expiry   *time.Timer
}

func (t *sessionTimer) stop() { stopTimers(t.refresh, t.expiry) }

// tooShort returns the Min-SE line of a 422, or "" when the interval that m
// asks for will do (RFC 4028 9). Who does not do session timers is not told.
func (e *Endpoint) tooShort(m sip.Message) string {
	n, ok := seconds(m, "session-expires")
	least := int(e.cfg.Timers.MinSession / time.Second)
	if !ok || n >= least || !doesTimers(m) {
		return ""
	}
	return "Min-SE: " + strconv.Itoa(least)
}

// read takes what an INVITE or UPDATE of the peer asks for (RFC 4028 9), at
// least least. The peer refreshes if it can and does not ask us to.
func (t *sessionTimer) read(m sip.Message, least time.Duration) {
	t.theirs = doesTimers(m)
	n, ok := seconds(m, "session-expires")
	if !ok {
		if !t.theirs {
			t.interval = 0
		}
		return
	}
	t.interval = max(time.Duration(n)*time.Second, least)
	t.ours = !t.theirs || strings.EqualFold(refresher(m), "uas")
}

// settled takes what the answer to a request of ours says (RFC 4028 7.2).
func (t *sessionTimer) settled(m sip.Message, least time.Duration) {
	n, ok := seconds(m, "session-expires")
	if !ok {
		t.interval = 0 // the peer does none, and we do not insist
		return
	}
	t.interval = max(time.Duration(n)*time.Second, least)
	t.ours = !strings.EqualFold(refresher(m), "uas")
}

func doesTimers(m sip.Message) bool {
	return lists(m, "supported", "timer") || lists(m, "require", "timer")
}

func refresher(m sip.Message) string {
	_, params, _ := strings.Cut(get(m, "session-expires"), ";")
	a := message.Address{Params: params}
	who, _ := a.Param("refresher")
	return who
}

// lines are the header lines of our 2xx (RFC 4028 9).
func (t *sessionTimer) lines() []string {
	if t.interval == 0 {
		return nil
	}
	who := "uac"
	if t.ours {
		who = "uas"
	}
	l := []string{"Session-Expires: " + strconv.Itoa(int(t.interval/time.Second)) + ";refresher=" + who}
	if !t.ours || t.theirs {
		l = append(l, "Require: timer")
	}
	return l
}

// refreshed takes a refresh by the peer.
func (c *Call) refreshed(m sip.Message) {
	c.timer.read(m, c.e.cfg.Timers.MinSession)
	c.armTimer()
}

// armTimer begins the interval again: half way the refresher refreshes, near
// its end the other side gives up (RFC 4028 10).
func (c *Call) armTimer() {
	t := &c.timer
	t.stop()
	if t.interval == 0 || c.phase != answered {
		return
	}
	if t.ours {
		t.refresh = c.later(t.interval/2, c.refreshSession)
	}
	t.expiry = c.later(t.interval-min(32*time.Second, t.interval/3), func() {
		if c.phase == answered {
			c.hangup(leg.PeerLost)
		}
	})
}

// refreshSession sends an UPDATE without a description, or a re-INVITE with
// the one there is.
func (c *Call) refreshSession() {
	if c.phase != answered {
		return
	}
	if c.asking || c.confirm != nil {
		c.timer.refresh = c.later(c.e.cfg.Timers.T1, c.refreshSession)
		return
	}
	se := "Session-Expires: " + strconv.Itoa(int(c.timer.interval/time.Second)) + ";refresher=uac"
	lines := []string{"Contact: " + c.e.contact(c.d.next()), message.SupportedLine, se}
	if c.timer.least > 0 {
		lines = append(lines, "Min-SE: "+strconv.Itoa(int(c.timer.least/time.Second))) // RFC 4028 7.3
	}
	method, body := sip.UPDATE, []byte(nil)
	if !c.updates {
		method, body = sip.INVITE, c.sess.last
		lines = append(lines, message.AllowLine)
	}
	c.askIn(method, lines, body, nil)
}

// askIn sends a request in the dialog and waits for its answer; auth answers
// the challenge to one before.
func (c *Call) askIn(method sip.RequestMethod, lines []string, body []byte, auth []string) {
	h := c.d.next()
	req, err := c.d.request(method, append(slices.Clip(lines), auth...), body)
	if err != nil {
		c.hangup(leg.Protocol)
		return
	}
	c.asking = true
	seq, open := req.CSeq().SeqNo, true
	c.e.send(req, h, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		c.mail.post(func() {
			if err == nil && method == sip.INVITE && res.IsSuccess() {
				c.ackFor(&c.d, seq, h, nil) // each 2xx, a repeated one too
			}
			if !open {
				return
			}
			open, c.asking = false, false
			if line := c.authorize(res, req, h); line != "" && c.phase == answered {
				c.askIn(method, lines, body, []string{line})
				return
			}
			c.asked(res, err)
		})
	})
}

// asked handles the final answer to a request of ours in the dialog.
func (c *Call) asked(res *sip.Response, err error) {
	if c.phase != answered {
		return
	}
	switch {
	case err != nil || res.StatusCode == 481 || res.StatusCode == 408:
		c.hangup(leg.PeerLost) // RFC 3261 12.2.1.2
	case res.IsSuccess():
		if len(res.Body()) > 0 && c.sess.accepted(c, res.Body()) != nil {
			c.hangup(leg.Protocol)
			return
		}
		c.d.refresh(res)
		c.timer.settled(res, c.e.cfg.Timers.MinSession)
		c.armTimer()
	case res.StatusCode == 422 && c.timer.least == 0: // RFC 4028 7.3
		if n, ok := seconds(res, "min-se"); ok && n < 24*3600 {
			c.timer.least = time.Duration(n) * time.Second
			c.timer.interval = max(c.timer.interval, c.timer.least)
			c.refreshSession()
		}
	case res.StatusCode == 491:
		wait := time.Duration(rand.IntN(200)) * 10 * time.Millisecond // RFC 3261 14.1
		if c.out {
			wait += 2100 * time.Millisecond
		}
		c.timer.refresh = c.later(wait, c.refreshSession)
	}
}
