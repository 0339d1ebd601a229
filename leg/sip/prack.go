package sip

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto/leg"
)

// reliable is a provisional answer of ours that is repeated until the caller
// has confirmed it with a PRACK (RFC 3262 3). It belongs to the call's actor.
type reliable struct {
	seq      uint32
	res      *sip.Response
	offer    bool // it holds our offer: the PRACK brings the answer
	done     bool // the PRACK came
	interval time.Duration
	again    *time.Timer
	end      *time.Timer
	waiting  []chan error // callers of Answer that wait for the PRACK
}

func (r *reliable) stop() {
	if r != nil {
		stopTimers(r.again, r.end)
	}
}

// progressReliably sends 180 to a caller that requires to confirm it. Without an
// offer in the INVITE it holds ours (RFC 3262 5).
func (c *Call) progressReliably() {
	req, tx := c.invite.req, c.invite.tx
	r := &reliable{seq: 1 + rand.Uint32N(1<<31-1), interval: c.e.cfg.Timers.T1}
	var body []byte
	if len(req.Body()) == 0 {
		body, r.offer = c.sess.offer(c, c.policy()), true
	}
	c.rel = r
	r.res, _ = respond(req, tx, 180, c.tag, body, "Contact: "+c.e.contact(c.d.next()), "Require: 100rel",
		"RSeq: "+strconv.FormatUint(uint64(r.seq), 10))
	r.again = c.later(r.interval, func() { c.repeatProgress(r) })
	r.end = c.later(64*c.e.cfg.Timers.T1, func() {
		if c.phase == early && !r.done {
			respond(req, tx, 504, c.tag, nil) // RFC 3262 3
			c.end(leg.PeerLost)
			c.finish()
		}
	})
}

func (c *Call) repeatProgress(r *reliable) {
	if r.done || c.phase != early {
		return
	}
	c.invite.tx.Respond(r.res)
	r.interval *= 2
	r.again = c.later(r.interval, func() { c.repeatProgress(r) })
}

// prack handles the caller's confirmation (RFC 3262 3): it is for the
// provisional answer that its RAck names, once.
func (c *Call) prack(req *sip.Request, tx *sip.ServerTx) {
	r := c.rel
	if r == nil || r.done || !acknowledges(get(req, "rack"), r.seq, c.invite.req.CSeq().SeqNo) {
		respond(req, tx, 481, c.tag, nil)
		return
	}
	var body []byte
	switch {
	case r.offer:
		if c.sess.accepted(c, req.Body()) != nil {
			respond(req, tx, 488, c.tag, nil)
			c.hangup(leg.Protocol)
			return
		}
	case len(req.Body()) > 0 && !c.sess.agreed:
		respond(req, tx, 488, c.tag, nil) // its first offer has no answer yet (RFC 3264 4)
		return
	case len(req.Body()) > 0:
		var err error
		if body, _, err = c.sess.respond(c, req.Body()); err != nil {
			respond(req, tx, 488, c.tag, nil)
			return
		}
	}
	r.done = true
	r.stop()
	respond(req, tx, 200, c.tag, body)
	for _, w := range r.waiting {
		c.answer(w)
	}
	r.waiting = nil
}

// acknowledges reads "RSeq CSeq INVITE" (RFC 3262 7.2).
func acknowledges(rack string, rseq, cseq uint32) bool {
	f := strings.Fields(rack)
	if len(f) != 3 || !strings.EqualFold(f[2], "INVITE") {
		return false
	}
	a, err1 := strconv.ParseUint(f[0], 10, 32)
	b, err2 := strconv.ParseUint(f[1], 10, 32)
	return err1 == nil && err2 == nil && uint32(a) == rseq && uint32(b) == cseq
}

// reliably confirms a provisional answer to our INVITE that wants it
// (RFC 3262 4). It reports false for one that is to be ignored: it came before,
// or one before it is still missing.
func (c *Call) reliably(res *sip.Response) bool {
	if !lists(res, "require", "100rel") {
		return true
	}
	_, tag := tags(res)
	n, err := strconv.ParseUint(get(res, "rseq"), 10, 32)
	if err != nil || n == 0 || tag == "" {
		return true
	}
	o := c.dial
	last, known := o.reliable[tag]
	if known && uint32(n) != last+1 || len(o.reliable) > 64 {
		return false
	}
	if o.reliable == nil {
		o.reliable = make(map[string]uint32)
	}
	o.reliable[tag] = uint32(n)
	d := c.d
	d.established(res)
	// The network's offer, when we made none, has its answer here (RFC 3262 5).
	var body []byte
	if len(o.body) == 0 && len(res.Body()) > 0 && !c.sess.agreed {
		body, _, _ = c.sess.respond(c, res.Body())
	}
	rack := get(res, "rseq") + " " + strconv.FormatUint(uint64(o.seq), 10) + " INVITE"
	c.sendPrack(&d, rack, body, nil)
	return true
}

func (c *Call) sendPrack(d *dialog, rack string, body []byte, auth []string) {
	c.d.seq++ // one series of numbers for all that the INVITE leads to
	req, err := d.numbered(sip.PRACK, c.d.seq, append([]string{"RAck: " + rack}, auth...), body)
	if err != nil {
		return
	}
	h := d.next()
	c.e.send(req, h, func(res *sip.Response, err error) {
		if err != nil || res.StatusCode < 200 {
			return
		}
		c.mail.post(func() {
			if line := c.authorize(res, req, h); line != "" {
				c.sendPrack(d, rack, body, []string{line})
			}
		})
	})
}
