package sip

import (
	"errors"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/sip/message"
)

// errNoOffer is an answer without a description to a call without one.
var errNoOffer = errors.New("sip: neither side described its audio")

// branch is one place that a call of ours goes to.
type branch struct {
	uri   string
	to    hop
	fixed bool // requests in the dialog go to the same hop
}

// dialOut is a call of ours until it is answered.
type dialOut struct {
	target   Target
	branch   branch
	results  chan<- dialResult
	spare    bool // another trunk is waiting: silence is not waited for long
	began    time.Time
	silence  *time.Timer
	narrow   bool         // large requests go over UDP too
	early    bool         // what the network plays was told
	req      *sip.Request // the live INVITE
	tx       *sip.ClientTx
	seq      uint32 // its CSeq
	body     []byte
	rang     bool
	heard    bool              // a provisional answer came: a CANCEL may be sent
	stopping bool              // we gave up
	sent     bool              // the CANCEL
	tried    int               // passwords given
	identity []string          // who calls
	answer   []byte            // to the offer in the 2xx
	reliable map[string]uint32 // RSeq last acted on, by tag (RFC 3262)
	interval bool              // a longer session interval was asked for once
	plain    bool              // encrypted audio was refused once
	declined map[string]bool   // answers too many, by tag
	giveUp   *time.Timer
}

// sendInvite begins or repeats the INVITE; auth is the line that answers a
// challenge to the one before.
func (c *Call) sendInvite(auth []string) {
	o := c.dial
	if c.phase == over {
		c.finish()
		return
	}
	if c.d.local == "" {
		c.beginDial()
	}
	lines := append([]string{
		"Contact: " + c.e.contact(c.d.peer), message.AllowLine, message.SupportedLine,
		"Session-Expires: " + strconv.Itoa(int(c.timer.interval/time.Second)),
	}, o.identity...)
	if o.interval {
		lines = append(lines, "Min-SE: "+strconv.Itoa(int(c.timer.interval/time.Second))) // RFC 4028 7.3
	}
	req, err := c.d.request(sip.INVITE, append(lines, auth...), o.body)
	if err != nil {
		c.failed(dialResult{err: &leg.EndError{Cause: leg.Unreachable}})
		return
	}
	o.branch.to = c.e.sized(req, o.branch.to, c.origin.trunk, o.narrow)
	seq := req.CSeq().SeqNo
	o.req, o.seq, o.heard, o.sent = req, seq, false, false
	o.tx = c.e.send(req, o.branch.to, func(res *sip.Response, err error) {
		c.mail.post(func() { c.inviteAnswer(seq, res, err) })
	})
}

// beginDial makes what all INVITEs of one call of ours have in common.
func (c *Call) beginDial() {
	o, t := c.dial, &c.e.cfg.Timers
	from, lines := c.e.identity(c.caller, c.origin.trunk, c.d.peer)
	o.identity = lines
	c.d.local = from + ";tag=" + c.tag
	c.d.remote = "<" + c.d.target + ">"
	if c.origin.trunk == nil || !c.origin.trunk.LateOffer {
		o.body = c.sess.offer(c, c.offered())
	}
	c.timer.interval = t.Session
	o.began = time.Now()
	if o.spare {
		o.silence = c.later(t.NoReply, c.unheard)
	}
}

// unheard gives up a trunk that says nothing at all, not even 100, when
// another one is waiting.
func (c *Call) unheard() {
	if o := c.dial; !o.heard && !o.stopping && c.phase == early {
		o.results <- dialResult{call: c, err: &leg.EndError{Cause: leg.Unreachable}, next: true}
		c.hangup(leg.Unreachable)
	}
}

// inviteAnswer handles a response to an INVITE of ours.
func (c *Call) inviteAnswer(seq uint32, res *sip.Response, err error) {
	switch {
	case seq != c.dial.seq:
		return // of an INVITE before the challenge
	case err != nil && c.dial.branch.to.tcp && !c.dial.branch.to.tls && !c.dial.heard && !c.dial.narrow && c.origin.trunk != nil && !c.origin.trunk.TCP:
		c.dial.narrow, c.dial.branch.to.tcp = true, false // RFC 3261 18.1.1: no TCP there after all
		c.sendInvite(nil)
	case err != nil:
		c.failed(dialResult{err: &leg.EndError{Cause: leg.Unreachable}, next: !c.dial.rang})
	case res.StatusCode < 200:
		c.progress(res)
	case res.StatusCode < 300:
		c.connected(res)
	default:
		c.refused(res)
	}
}

// progress handles 1xx: it rings, perhaps with sound from the network.
func (c *Call) progress(res *sip.Response) {
	o := c.dial
	o.heard = true
	if o.stopping {
		c.sendCancel()
		return
	}
	if res.StatusCode == 100 || c.phase != early {
		return
	}
	if !c.reliably(res) {
		return
	}
	if _, to := tags(res); to != "" && len(o.body) > 0 && len(res.Body()) > 0 && bodyIs(res, "application/sdp") {
		// A description we cannot use will come again with the answer.
		_ = c.sess.accepted(c, res.Body())
	}
	c.delayed()
	if !o.rang && o.target.Ringing != nil {
		c.e.spawn(func() { o.target.Ringing(c) })
	}
	o.rang = true
	if c.sess.agreed && !o.early && o.target.Early != nil {
		o.early = true
		c.e.spawn(func() { o.target.Early(c) })
	}
}

// delayed takes the time until the party was first told of the call.
func (c *Call) delayed() {
	if c.postDial.CompareAndSwap(0, int64(max(1, time.Since(c.dial.began)))) && c.origin.trunk != nil {
		c.e.cfg.Metrics.PostDial.Observe(c.PostDial().Seconds(), c.origin.trunk.Name)
	}
}

// PostDial is how long it took from the INVITE to the first sign that the
// party is being rung, or to its answer; 0 before, and for a call to us.
func (c *Call) PostDial() time.Duration { return time.Duration(c.postDial.Load()) }

// connected handles a 2xx: the first one is the answer, a repeated one needs
// its ACK again, one of another telephone behind the same INVITE is one too
// many (RFC 3261 13.2.2.4).
func (c *Call) connected(res *sip.Response) {
	o := c.dial
	if c.d.remoteTag != "" {
		if _, to := tags(res); to == c.d.remoteTag {
			c.ackFor(&c.d, o.seq, c.d.next(), o.answer)
			return
		}
		c.decline(res)
		return
	}
	if o.stopping {
		c.decline(res)
		return // its repetitions get their ACK until giveUp
	}
	c.d.established(res)
	c.peerTag.Store(&c.d.remoteTag)
	c.phase = answered
	c.delayed()
	err := c.agree(res)
	c.ackFor(&c.d, o.seq, c.d.next(), o.answer)
	if err != nil {
		o.results <- dialResult{call: c, err: &leg.EndError{Cause: leg.Protocol}}
		c.hangup(leg.Protocol)
		return
	}
	c.updates = lists(res, "allow", "UPDATE")
	c.timer.settled(res, c.e.cfg.Timers.MinSession)
	c.established()
	o.results <- dialResult{call: c}
}

// agree takes the session out of the answer: the answer to our offer, or the
// offer that our ACK answers (RFC 3261 13.2.2.4).
func (c *Call) agree(res *sip.Response) (err error) {
	if len(res.Body()) == 0 && c.sess.agreed { // some say it in 183 and never again
		return nil
	}
	if len(c.dial.body) > 0 || c.sess.agreed {
		return c.sess.accepted(c, res.Body())
	}
	if len(res.Body()) == 0 {
		return errNoOffer
	}
	c.dial.answer, _, err = c.sess.respond(c, res.Body())
	return err
}

// ackFor confirms a 2xx (RFC 3261 13.2.2.4). It is no transaction. body is the
// answer to an offer in the 2xx, nil for none.
func (c *Call) ackFor(d *dialog, seq uint32, h hop, body []byte) {
	ack, err := d.numbered(sip.ACK, seq, nil, body)
	if err != nil {
		return
	}
	c.e.address(ack, h, c.e.via(h, c.e.newBranch()))
	c.e.tp.WriteMsg(ack)
}

// decline confirms an answer that came too late or twice, and says good-bye
// to it.
func (c *Call) decline(res *sip.Response) {
	d := c.d
	d.established(res)
	c.ackFor(&d, c.dial.seq, d.next(), nil)
	if _, to := tags(res); !c.dial.declined[to] {
		if c.dial.declined == nil {
			c.dial.declined = make(map[string]bool)
		}
		c.dial.declined[to] = true
		c.byeIn(&d, func(*sip.Response, error) {})
	}
}

// refused handles a final answer of 300 or more; the transaction has sent its
// ACK.
func (c *Call) refused(res *sip.Response) {
	o := c.dial
	if o.stopping || c.phase != early {
		c.finish()
		return
	}
	if res.StatusCode == 422 && !o.interval {
		if n, ok := seconds(res, "min-se"); ok && n < 24*3600 {
			o.interval = true
			c.timer.interval = time.Duration(n) * time.Second
			c.sendInvite(nil)
			return
		}
	}
	if line := c.authorize(res, o.req, o.branch.to); line != "" {
		c.sendInvite([]string{line})
		return
	}
	if c.refusesKeys(res.StatusCode) {
		o.tried = 0 // it may ask for the password again
		c.sendInvite(nil)
		return
	}
	end := &leg.EndError{Cause: causeOf(res.StatusCode)}
	if res.StatusCode < 400 {
		end = movedTo(res)
	}
	c.failed(dialResult{
		err: end, last: res.StatusCode >= 600,
		next: !o.rang && isTrunks(res.StatusCode),
	})
}

// movedTo is the end of a call whose party is elsewhere (RFC 3261 21.3): its
// first Contact that is a number. Nobody is called there, which would let the
// called party choose whom we dial.
func movedTo(res *sip.Response) *leg.EndError {
	for _, v := range list(res, "contact") {
		a, err := message.ParseAddress(v)
		if err != nil {
			continue
		}
		if n := numberOf(a.URI); n != "" {
			if _, err := dialable(n); err == nil {
				return &leg.EndError{Cause: leg.Moved, To: n}
			}
		}
	}
	return &leg.EndError{Cause: leg.Unreachable}
}

// failed ends a call of ours that did not come about.
func (c *Call) failed(r dialResult) {
	r.call = c
	if !c.dial.stopping && c.phase == early {
		c.dial.results <- r
	}
	c.end(leg.CauseOf(r.err))
	c.finish()
}

// giveUp cancels an INVITE that has no final answer, as soon as the peer has
// been heard (RFC 3261 9.1). The actor stays until the answer that crossed it.
func (c *Call) giveUp() {
	o := c.dial
	o.stopping = true
	o.giveUp = c.later(64*c.e.cfg.Timers.T1, func() {
		if o.tx != nil {
			o.tx.Terminate()
		}
		c.finish()
	})
	if o.heard {
		c.sendCancel()
	}
}

func (c *Call) sendCancel() {
	if o := c.dial; !o.sent && o.tx != nil {
		o.sent = true
		req, via := cancelOf(o.req)
		c.e.sendVia(req, o.branch.to, via, func(*sip.Response, error) {})
	}
}
