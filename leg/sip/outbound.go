package sip

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/digest"
	"sotto/leg/sip/message"
)

// Target is whom to call: a registered telephone, or a number through a trunk.
type Target struct {
	// Device rings every telephone registered for it; the first to answer has
	// the call.
	Device sotto.DeviceID
	// Trunk and Number place the call with a carrier. The caller of Dial has
	// asked whether this number may be dialled at all.
	Trunk  string
	Number string
	// Caller is what the party sees. The zero value is nobody in particular.
	Caller leg.Caller
	// Ringing is told once, on a goroutine of its own, when the party rings.
	// The leg may already carry what the network plays (early media).
	Ringing func(l leg.Leg)
}

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
	req      *sip.Request // the live INVITE
	tx       *sip.ClientTx
	seq      uint32 // its CSeq
	body     []byte
	rang     bool
	heard    bool            // a provisional answer came: a CANCEL may be sent
	stopping bool            // we gave up
	sent     bool            // the CANCEL
	tried    int             // passwords given
	interval bool            // a longer session interval was asked for once
	declined map[string]bool // answers too many, by tag
	giveUp   *time.Timer
}

// dialResult is how one branch came out.
type dialResult struct {
	call *Call
	err  error
	last bool // no other branch is to be waited for (6xx)
}

// Dial calls t and returns when the party has answered: the leg's audio may
// flow. When ctx ends first the call is given up: the error's cause is
// NoAnswer for a deadline and Cancelled otherwise. Every error has a cause
// (leg.CauseOf).
func (e *Endpoint) Dial(ctx context.Context, t Target) (_ leg.Leg, err error) {
	branches, trunk, err := e.branches(ctx, t)
	if err != nil {
		return nil, err
	}
	results := make(chan dialResult, 2*len(branches))
	var calls []*Call
	for _, b := range branches {
		c := e.newCall(newTag(), true)
		c.origin = origin{trunk: trunk, device: t.Device}
		c.dialled, c.caller = t.Number, t.Caller
		c.dial = &dialOut{target: t, branch: b, results: results}
		c.d = dialog{id: c.id, localTag: c.tag, target: b.uri, peer: b.to, fixed: b.fixed}
		if !c.openPort(nil) || !c.start() {
			c.cancel()
			if c.port != nil {
				c.port.Close()
			}
			continue
		}
		calls = append(calls, c)
		c.mail.post(func() { c.sendInvite(nil) })
	}
	if len(calls) == 0 {
		return nil, &leg.EndError{Cause: leg.Unreachable}
	}
	return first(ctx, calls, results)
}

// first waits for the first answer and gives up the other calls.
func first(ctx context.Context, calls []*Call, results <-chan dialResult) (leg.Leg, error) {
	best := leg.Unreachable
	for range calls {
		var r dialResult
		select {
		case r = <-results:
		case <-ctx.Done():
			cause := leg.Cancelled
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				cause = leg.NoAnswer
			}
			hangupAll(calls, nil, cause)
			return nil, &leg.EndError{Cause: cause}
		}
		if r.err == nil {
			hangupAll(calls, r.call, leg.Cancelled)
			return r.call, nil
		}
		best = better(best, leg.CauseOf(r.err))
		if r.last {
			best = leg.CauseOf(r.err)
			break
		}
	}
	hangupAll(calls, nil, leg.Cancelled)
	return nil, &leg.EndError{Cause: best}
}

func hangupAll(calls []*Call, but *Call, cause leg.Cause) {
	for _, c := range calls {
		if c != but {
			c.Hangup(cause)
		}
	}
}

// better is the cause that says more when several telephones refused.
func better(a, b leg.Cause) leg.Cause {
	for _, c := range []leg.Cause{leg.BusyHere, leg.Rejected, leg.NoAnswer} {
		if a == c || b == c {
			return c
		}
	}
	return b
}

// branches are the places that t stands for.
func (e *Endpoint) branches(ctx context.Context, t Target) ([]branch, *trunk, error) {
	if t.Trunk == "" {
		l := e.reg.branches(t.Device)
		if len(l) == 0 {
			return nil, nil, &leg.EndError{Cause: leg.Unreachable}
		}
		return l, nil, nil
	}
	for _, k := range e.trunks {
		if k.Name != t.Trunk {
			continue
		}
		user, err := dialable(t.Number)
		if err != nil {
			return nil, nil, err
		}
		h, err := k.hop(ctx)
		if err != nil {
			return nil, nil, &leg.EndError{Cause: leg.Unreachable}
		}
		return []branch{{uri: "sip:" + user + "@" + k.domain(), to: h}}, k, nil
	}
	return nil, nil, sotto.Fail(sotto.NotFound, "There is no trunk of this name.")
}

// dialable is the user part for a number: digits, and what names of lines
// hold. Anything else could end the URI and begin another.
func dialable(number string) (string, error) {
	ok := number != "" && len(number) <= 64
	for _, c := range []byte(number) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("+*#-_.", c) < 0 {
			ok = false
		}
	}
	if !ok {
		return "", sotto.FailField("number", "Dial digits, or the name of a line without spaces.")
	}
	return strings.ReplaceAll(number, "#", "%23"), nil
}

// from is the From of a call of ours (RFC 3323 4.1.1.3 when withheld).
func (c *Call) from() string {
	who := c.caller
	if who.Withheld {
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	host := hostPart(c.e.localHost(c.d.peer))
	if c.origin.trunk != nil {
		host = c.origin.trunk.domain()
	}
	user, err := dialable(who.Number)
	if err != nil {
		user = "sotto"
	}
	s := "<sip:" + user + "@" + host + ">"
	if who.Name != "" {
		s = `"` + strings.NewReplacer(`\`, ``, `"`, `'`).Replace(displayName(who.Name)) + `" ` + s
	}
	return s
}

// sendInvite begins or repeats the INVITE; auth is the line that answers a
// challenge to the one before.
func (c *Call) sendInvite(auth []string) {
	o := c.dial
	if c.phase == over {
		c.finish()
		return
	}
	t := &c.e.cfg.Timers
	if c.d.local == "" {
		c.d.local = c.from() + ";tag=" + c.tag
		c.d.remote = "<" + c.d.target + ">"
		o.body = c.sess.offer(c)
		c.timer.interval = t.Session
	}
	lines := []string{
		"Contact: " + c.e.contact(c.d.peer), message.AllowLine, message.SupportedLine,
		"Session-Expires: " + strconv.Itoa(int(c.timer.interval/time.Second)),
	}
	if c.caller.Withheld {
		lines = append(lines, "Privacy: id")
	}
	req, err := c.d.request(sip.INVITE, append(lines, auth...), o.body)
	if err != nil {
		c.failed(leg.Unreachable, false)
		return
	}
	seq := req.CSeq().SeqNo
	o.req, o.seq, o.heard, o.sent = req, seq, false, false
	o.tx = c.e.send(req, o.branch.to, func(res *sip.Response, err error) {
		c.mail.post(func() { c.inviteAnswer(seq, res, err) })
	})
}

// inviteAnswer handles a response to an INVITE of ours.
func (c *Call) inviteAnswer(seq uint32, res *sip.Response, err error) {
	switch {
	case seq != c.dial.seq:
		return // of an INVITE before the challenge
	case err != nil:
		c.failed(leg.Unreachable, false)
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
	if _, to := tags(res); to != "" && len(res.Body()) > 0 && bodyIs(res, "application/sdp") {
		// A description we cannot use will come again with the answer.
		_ = c.sess.accepted(c, res.Body())
	}
	if !o.rang && o.target.Ringing != nil {
		c.e.spawn(func() { o.target.Ringing(c) })
	}
	o.rang = true
}

// connected handles a 2xx: the first one is the answer, a repeated one needs
// its ACK again, one of another telephone behind the same INVITE is one too
// many (RFC 3261 13.2.2.4).
func (c *Call) connected(res *sip.Response) {
	o := c.dial
	if c.d.remoteTag != "" {
		if _, to := tags(res); to == c.d.remoteTag {
			c.ackFor(&c.d, o.seq, c.d.next())
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
	c.ackFor(&c.d, o.seq, c.d.next())
	early := c.sess.agreed && len(res.Body()) == 0 // some say it in 183 and never again
	if err := c.sess.accepted(c, res.Body()); err != nil && !early {
		o.results <- dialResult{call: c, err: &leg.EndError{Cause: leg.Protocol}}
		c.hangup(leg.Protocol)
		return
	}
	c.updates = lists(res, "allow", "UPDATE")
	c.timer.settled(res, c.e.cfg.Timers.MinSession)
	c.established()
	o.results <- dialResult{call: c}
}

// ackFor confirms a 2xx (RFC 3261 13.2.2.4). It is no transaction.
func (c *Call) ackFor(d *dialog, seq uint32, h hop) {
	ack, err := d.numbered(sip.ACK, seq, nil, nil)
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
	c.ackFor(&d, c.dial.seq, d.next())
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
	c.failed(causeOf(res.StatusCode), res.StatusCode >= 600)
}

// failed ends a call of ours that did not come about.
func (c *Call) failed(cause leg.Cause, last bool) {
	if !c.dial.stopping && c.phase == early {
		c.dial.results <- dialResult{call: c, err: &leg.EndError{Cause: cause}, last: last}
	}
	c.end(cause)
	c.finish()
}

// causeOf is what a final status says about a call of ours. A redirection is
// not followed: it would let the called party choose whom we dial.
func causeOf(status int) leg.Cause {
	switch status {
	case 486, 600:
		return leg.BusyHere
	case 408, 480, 487:
		return leg.NoAnswer
	case 404, 410, 484, 485, 604:
		return leg.Unreachable
	}
	if status < 400 || status >= 500 && status < 600 {
		return leg.Unreachable
	}
	return leg.Rejected
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

// authorize returns the header line that answers the challenge res to req, or
// "". It answers for one trunk's password only: to the address that password
// is for, where the request itself was sent, for the pinned realm. Whoever
// else asks, in whatever dialog, gets nothing.
func (c *Call) authorize(res *sip.Response, req *sip.Request, sent hop) string {
	t := c.origin.trunk
	if res == nil || t == nil || t.secret == "" || c.dial == nil {
		return ""
	}
	if pinned := c.dial.branch.to; source(res) != pinned || sent != pinned {
		return ""
	}
	line := t.authorization(res, req)
	if line == "" {
		return ""
	}
	if req.Method == sip.INVITE {
		if c.dial.tried++; c.dial.tried > 2 { // once, and once more if stale
			return ""
		}
	} else if len(req.GetHeaders("authorization"))+len(req.GetHeaders("proxy-authorization")) > 0 {
		return ""
	}
	return line
}

// authorization answers the best challenge in res that is for the trunk's realm.
func (t *trunk) authorization(res *sip.Response, req *sip.Request) string {
	field, name := "www-authenticate", "Authorization: "
	switch res.StatusCode {
	case 401:
	case 407:
		field, name = "proxy-authenticate", "Proxy-Authorization: "
	default:
		return ""
	}
	var best digest.Challenge
	for _, h := range res.GetHeaders(field) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || c.Realm != t.Realm {
			continue
		}
		if best.Nonce == "" || c.Algorithm == digest.SHA256 {
			best = c
		}
	}
	if best.Nonce == "" {
		return ""
	}
	return name + best.Answer(t.Username, t.secret, string(req.Method), req.Recipient.String(), random(8), 1).String()
}
