package sip

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip/message"
	"sotto/leg/sip/sdp"
)

// inviteIn is the INVITE of a call to us, until its final answer.
type inviteIn struct {
	req  *sip.Request
	tx   *sip.ServerTx
	rang bool
}

// confirm is a 2xx of ours whose ACK has not come (RFC 3261 13.3.1.4).
type confirm struct {
	tx       *sip.ServerTx
	res      *sip.Response
	seq      uint32 // CSeq of the INVITE and of its ACK
	late     bool   // the INVITE had no offer: ours is in the 2xx, the answer comes with the ACK
	first    bool   // it answers the call itself, not a re-INVITE
	interval time.Duration
	again    *time.Timer
	end      *time.Timer
}

func (f *confirm) stop() {
	if f != nil {
		stopTimers(f.again, f.end)
	}
}

// origin is where a call comes from or goes to: a trunk or a telephone.
type origin struct {
	trunk  *trunk
	device sotto.DeviceID
}

// inbound begins a call to us. What makes it impossible is answered here;
// after that the call is an actor and Accept has its leg.
func (e *Endpoint) inbound(req *sip.Request, tx *sip.ServerTx, o origin) {
	if o.trunk == nil && e.cfg.SecurePhones && !source(req).tls {
		respond(req, tx, 488, newTag(), nil) // the keys would travel in the clear
		return
	}
	var offer *sdp.Session
	var sess session
	if len(req.Body()) > 0 {
		var err error
		terms := sess.terms(e.policy(o, source(req)))
		if offer, err = sdp.Parse(req.Body()); err != nil || !sdp.CanAnswer(offer, terms) {
			respond(req, tx, 488, newTag(), nil)
			return
		}
	}
	if line := e.tooShort(req); line != "" {
		respond(req, tx, 422, newTag(), nil, line)
		return
	}
	c := e.newCall(get(req, "call-id"), false)
	c.origin, c.sess = o, sess
	c.caller, c.dialled = callerOf(req, o.trunk), dialledOn(req, o.trunk)
	c.inviteSeq = req.CSeq().SeqNo
	c.invite = inviteIn{req: req, tx: tx} // a CANCEL may be acted on before begin
	c.branch, _ = req.Via().Params.Get("branch")
	c.d = uas(req, c.tag)
	c.d.fixed = o.trunk == nil
	c.inviter = c.d.peer.addr.Addr()
	c.peerTag.Store(&c.d.remoteTag)
	respond(req, tx, 100, "", nil)
	if !c.openPort(offer) || !c.start() {
		c.cancel()
		if c.port != nil {
			c.port.Close()
		}
		respond(req, tx, 503, c.tag, nil, "Retry-After: "+strconv.Itoa(2+rand.IntN(8)))
		return
	}
	c.mail.post(func() {
		c.begin()
		if c.withdrawn {
			c.giveUpInvite()
		}
	})
	if !tx.OnCancel(func(*sip.Request) { c.mail.post(c.cancelled) }) {
		c.mail.post(c.cancelled)
	}
}

// openPort gets the call's audio, when there is an engine to give it.
func (c *Call) openPort(offer *sdp.Session) bool {
	if c.e.cfg.Media == nil {
		return true
	}
	var p media.Peer
	if offer != nil {
		p.Addr = audioAddr(offer)
		p.Fixed = c.origin.trunk != nil && p.Addr.IsValid()
	}
	port, err := c.e.cfg.Media.NewPortFor(p)
	if err != nil {
		return false
	}
	c.port = port
	return true
}

// begin gives the call to Accept.
func (c *Call) begin() {
	req := c.invite.req
	c.updates = lists(req, "allow", "UPDATE")
	c.timer.read(req, c.e.cfg.Timers.MinSession)
	accept := func() {
		if c.origin.trunk != nil {
			c.e.cfg.Accept(c.ctx, c)
			return
		}
		c.e.cfg.AcceptPhone(c.ctx, c, c.origin.device)
	}
	c.e.spawn(func() {
		if !c.e.guard(accept) {
			c.Hangup(leg.Fault)
			return
		}
		c.Hangup(leg.Released)
	})
}

// cancelled ends a call that its caller gave up; the library has answered
// (RFC 3261 9.2).
func (c *Call) cancelled() {
	if c.phase != early {
		return // answered in the same moment: a BYE will come
	}
	c.end(leg.Cancelled)
	c.finish()
}

// giveUpInvite ends a call that its caller gave up, with an answer of ours: the
// library's has another tag than our 180 (RFC 3261 8.2.6.2).
func (c *Call) giveUpInvite() {
	if c.phase == early {
		respond(c.invite.req, c.invite.tx, 487, c.tag, nil)
		c.cancelled()
	}
}

// ring sends 180 once; a repetition of the INVITE repeats it.
func (c *Call) ring() {
	if c.out || c.phase != early || c.invite.rang {
		return
	}
	c.invite.rang = true
	if lists(c.invite.req, "require", "100rel") {
		c.progressReliably()
		return
	}
	respond(c.invite.req, c.invite.tx, 180, c.tag, nil, "Contact: "+c.e.contact(c.d.next()))
}

// refuse gives a call we did not answer its final status.
func (c *Call) refuse(cause leg.Cause) {
	if c.invite.tx == nil {
		return
	}
	status := refusalOf(cause)
	var lines []string
	if status == 503 {
		lines = append(lines, "Retry-After: "+strconv.Itoa(5+rand.IntN(10)))
	}
	respond(c.invite.req, c.invite.tx, status, c.tag, nil, lines...)
}

// refusalOf is the status by which a caller learns why it was not answered.
func refusalOf(cause leg.Cause) int {
	switch cause {
	case leg.BusyHere:
		return 486
	case leg.Rejected:
		return 603
	case leg.Unreachable:
		return 404
	case leg.Shutdown:
		return 503
	case leg.Fault:
		return 500
	case leg.Protocol:
		return 400
	case leg.Insecure:
		return 488
	}
	return 480
}

// answer sends the 2xx and keeps done until its ACK comes.
func (c *Call) answer(done chan error) {
	if c.out || c.phase == answered {
		if c.out || c.confirm == nil || !c.confirm.first {
			done <- nil
			return
		}
		c.waiters = append(c.waiters, done)
		return
	}
	req, tx := c.invite.req, c.invite.tx
	if c.rel != nil && c.rel.offer && !c.rel.done { // not before our offer has its answer (RFC 3262 3)
		c.rel.waiting = append(c.rel.waiting, done)
		return
	}
	var body []byte
	var late bool
	var err error
	if c.rel == nil || !c.rel.offer {
		body, late, err = c.sess.respond(c, req.Body())
	}
	if err != nil {
		respond(req, tx, 488, c.tag, nil)
		c.end(leg.Protocol)
		c.finish()
		return
	}
	if !c.accept(req, tx, body, late, true) {
		c.cancelled() // the CANCEL was first; its news is on the way to us
		return
	}
	c.phase = answered
	c.waiters = append(c.waiters, done)
}

// accept sends the 2xx of an INVITE or a re-INVITE and repeats it until its
// ACK: after T1, then at doubled intervals up to T2, for 64*T1 in all
// (RFC 3261 13.3.1.4). It does so over TCP too: a proxy may lose it later. It
// reports false when the INVITE was cancelled in the same moment.
func (c *Call) accept(req *sip.Request, tx *sip.ServerTx, body []byte, late, first bool) bool {
	lines := append([]string{
		"Contact: " + c.e.contact(c.d.next()), message.AllowLine, message.SupportedLine,
	}, c.timer.lines()...)
	c.unconfirmed.Store(int64(req.CSeq().SeqNo))
	res, err := respond(req, tx, 200, c.tag, body, lines...)
	if errors.Is(err, sip.ErrTransactionCanceled) {
		return false
	}
	t := &c.e.cfg.Timers
	f := &confirm{tx: tx, res: res, seq: req.CSeq().SeqNo, late: late, first: first, interval: t.T1}
	c.confirm = f
	f.again = c.later(f.interval, func() { c.repeat(f) })
	f.end = c.later(64*t.T1, func() { c.ackLost(f) })
	return true
}

// repeat sends a 2xx again whose ACK has not come.
func (c *Call) repeat(f *confirm) {
	if c.confirm != f {
		return
	}
	f.tx.Respond(f.res)
	f.interval = min(2*f.interval, c.e.cfg.Timers.T2)
	f.again = c.later(f.interval, func() { c.repeat(f) })
}

// ackLost ends a call whose 2xx was never confirmed (RFC 3261 13.3.1.4).
func (c *Call) ackLost(f *confirm) {
	if c.confirm != f {
		return
	}
	f.stop()
	c.confirm = nil
	c.unconfirmed.Store(noSeq)
	c.end(leg.AckLost)
	c.bye()
}

// acked handles the ACK of a 2xx. A repeated one finds nothing to do.
func (c *Call) acked(seq uint32, body []byte) {
	f := c.confirm
	if f == nil || f.seq != seq {
		return
	}
	f.stop()
	c.confirm = nil
	c.unconfirmed.Store(noSeq)
	if c.byeOwed {
		c.bye()
		return
	}
	if f.late {
		if err := c.sess.accepted(c, body); err != nil {
			c.hangup(leg.Protocol)
			return
		}
	}
	if f.first {
		c.established()
	}
	c.tell(nil)
}

// established begins the watches of a call in which both sides may speak.
func (c *Call) established() {
	c.audible = time.Now()
	c.watchMedia()
	c.armTimer()
}

// held is a request that came before the one it follows.
type held struct {
	seq uint32
	mail
}

// holdFor is how long a request waits for one that it may have overtaken: the
// library hands each message over on a goroutine of its own.
const holdFor = 50 * time.Millisecond

// request handles a request in the dialog. The number says whether another
// should come first; it is waited for a moment, because numbers may skip
// (RFC 3261 12.2.2).
func (c *Call) request(req *sip.Request, tx *sip.ServerTx) {
	seq := req.CSeq().SeqNo
	if c.d.heard && seq > c.d.remoteSeq+1 && len(c.held) < 8 {
		c.held = append(c.held, held{seq, mail{
			func() { c.act(req, tx) }, func() { respond(req, tx, 481, c.tag, nil) },
		}})
		c.later(holdFor, func() { c.release(seq) })
		return
	}
	c.act(req, tx)
	c.release(c.d.remoteSeq + 1)
}

// release acts on the requests held up to seq, in their order, and on those
// that follow them without a gap.
func (c *Call) release(seq uint32) {
	slices.SortFunc(c.held, func(a, b held) int { return cmp.Compare(a.seq, b.seq) })
	for len(c.held) > 0 && (c.held[0].seq <= seq || c.held[0].seq <= c.d.remoteSeq+1) {
		one := c.held[0]
		c.held = c.held[1:]
		one.run()
	}
}

// act does what a request asks.
func (c *Call) act(req *sip.Request, tx *sip.ServerTx) {
	if c.d.inOrder(req.CSeq().SeqNo) != nil {
		respond(req, tx, 500, c.tag, nil) // RFC 3261 12.2.2
		return
	}
	if c.phase == over && req.Method != sip.BYE {
		respond(req, tx, 481, c.tag, nil)
		return
	}
	switch req.Method {
	case sip.BYE:
		c.byed(req, tx)
	case sip.INVITE:
		c.reinvite(req, tx)
	case sip.UPDATE:
		c.update(req, tx)
	case sip.PRACK:
		c.prack(req, tx)
	case sip.REFER:
		c.refer(req, tx)
	case sip.INFO:
		c.info(req, tx)
	case sip.OPTIONS:
		respond(req, tx, 200, c.tag, nil, message.AllowLine, "Accept: application/sdp", message.SupportedLine)
	default:
		respond(req, tx, 405, c.tag, nil, message.AllowLine)
	}
}

// byed ends the call because the peer says so, also before the ACK or, by a
// caller, before the answer (RFC 3261 15.1.2).
func (c *Call) byed(req *sip.Request, tx *sip.ServerTx) {
	respond(req, tx, 200, c.tag, nil)
	switch {
	case c.phase == early && c.out:
		return // a callee cannot yet (RFC 3261 15); its final answer will come
	case c.phase == early:
		respond(c.invite.req, c.invite.tx, 487, c.tag, nil)
		c.end(leg.Cancelled)
	default:
		c.end(leg.HungUp)
	}
	c.finish()
}

// info takes digits that a telephone sends as messages.
func (c *Call) info(req *sip.Request, tx *sip.ServerTx) {
	switch {
	case len(req.Body()) == 0:
	case bodyIs(req, "application/dtmf-relay"), bodyIs(req, "application/dtmf"):
		if d, ok := relayDigit(req.Body()); ok && c.port != nil {
			c.port.InjectDigit(d)
		}
	default:
		respond(req, tx, 415, c.tag, nil, "Accept: application/dtmf-relay, application/dtmf")
		return
	}
	respond(req, tx, 200, c.tag, nil)
}

// relayDigit reads "Signal=5" out of a dtmf-relay body, or a bare "5".
func relayDigit(body []byte) (media.Digit, bool) {
	for line := range bytes.Lines(body) {
		s := strings.TrimSpace(string(line))
		name, val, ok := strings.Cut(s, "=")
		switch {
		case !ok:
			val = name
		case !strings.EqualFold(strings.TrimSpace(name), "Signal"):
			continue
		}
		switch val = strings.TrimSpace(val); val {
		case "10":
			val = "*" // RFC 2833 numbers, as some telephones write
		case "11":
			val = "#"
		}
		if len(val) == 1 {
			return media.ParseDigit(val[0])
		}
	}
	return 0, false
}
