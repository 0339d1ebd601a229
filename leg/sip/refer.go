package sip

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/sip/message"
)

// subscription is what a REFER that we took entitles its sender to: news of
// what came of it (RFC 3515 2.4.4). It belongs to the call's actor.
type subscription struct {
	event string // value of Event
	over  bool
}

// Transfers implements leg.Transferor. Only telephones that gave a password
// transfer; what a trunk asks for is refused with 603.
func (c *Call) Transfers() <-chan *leg.Transfer {
	if l := c.transfers.Load(); l != nil {
		return *l
	}
	l := make(chan *leg.Transfer, 1)
	c.transfers.CompareAndSwap(nil, &l)
	return *c.transfers.Load()
}

// refer takes a REFER in the dialog (RFC 3515 2.4.2). Nobody is called because
// of it: the wish is handed up, and whoever took the call decides. One from a
// trunk would let the called party choose whom we dial.
func (c *Call) refer(req *sip.Request, tx *sip.ServerTx) {
	listener := c.transfers.Load()
	if c.origin.device == 0 || c.phase != answered || listener == nil {
		respond(req, tx, 603, c.tag, nil)
		return
	}
	number, with, status := c.referTo(req)
	if status != 202 {
		respond(req, tx, status, c.tag, nil)
		return
	}
	if c.news != nil && !c.news.over {
		respond(req, tx, 491, c.tag, nil)
		return
	}
	sub := &subscription{event: "refer"}
	if c.news != nil { // from the second on it needs a name (RFC 3515 2.4.6)
		sub.event += ";id=" + strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)
	}
	// A nil *Call must not become a Leg that is not nil.
	var other leg.Leg
	if with != nil {
		other, number = with, ""
	}
	wish := leg.NewTransfer(number, other, func(ringing bool, failed leg.Cause) {
		c.mail.post(func() { c.tellTransfer(sub, ringing, failed) })
	})
	select {
	case *listener <- wish:
	default: // the one before was never taken
		respond(req, tx, 603, c.tag, nil)
		return
	}
	c.news = sub
	respond(req, tx, 202, c.tag, nil, "Contact: "+c.e.contact(c.d.next()))
	c.notify(sub, 100, false)
}

// referTo reads where the call should go: a number, or another call of the same
// telephone (RFC 3891 3). Status is 202, or why not.
func (c *Call) referTo(req *sip.Request) (number string, with *Call, status int) {
	values := list(req, "refer-to")
	if len(values) != 1 { // RFC 3515 2.4.2
		return "", nil, 400
	}
	a, err := message.ParseAddress(values[0])
	if err != nil {
		return "", nil, 400
	}
	uri, headers, _ := strings.Cut(a.URI, "?")
	u, err := message.ParseURI(uri)
	if err != nil {
		return "", nil, 416
	}
	if method, ok := u.Param("method"); ok && method != string(sip.INVITE) {
		return "", nil, 603
	}
	for h := range strings.SplitSeq(headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		if !strings.EqualFold(name, "replaces") {
			continue
		}
		if with = c.replaced(value); with == nil {
			return "", nil, 603
		}
		return "", with, 202
	}
	number = numberOf(uri)
	if _, err := dialable(number); err != nil {
		return "", nil, 484
	}
	return number, nil, 202
}

// replaced finds the other call of this telephone that a Replaces names; nil
// when there is none, or it is somebody else's.
func (c *Call) replaced(escaped string) *Call {
	value, err := url.PathUnescape(escaped)
	if err != nil {
		return nil
	}
	id, params, _ := strings.Cut(value, ";")
	a := message.Address{Params: ";" + params}
	ours, _ := a.Param("to-tag")
	theirs, _ := a.Param("from-tag")
	o := c.e.findCall(strings.TrimSpace(id), ours, theirs)
	if o == nil { // some telephones write the tags from their own side
		o = c.e.findCall(strings.TrimSpace(id), theirs, ours)
	}
	if o == nil || o == c || o.origin.device != c.origin.device {
		return nil
	}
	return o
}

// tellTransfer says what comes of a transfer, once for its end.
func (c *Call) tellTransfer(sub *subscription, ringing bool, failed leg.Cause) {
	switch {
	case sub.over || c.phase != answered: // who has hung up wants no news
	case ringing:
		c.notify(sub, 180, false)
	case failed == "":
		c.notify(sub, 200, true)
	default:
		c.notify(sub, refusalOf(failed), true)
	}
}

// notify sends one piece of news as the status line of an answer
// (RFC 3515 2.4.5, RFC 3420).
func (c *Call) notify(sub *subscription, status int, last bool) {
	state := "Subscription-State: active;expires=180"
	if sub.over = last; last {
		state = "Subscription-State: terminated;reason=noresource"
	}
	req, err := c.d.request(sip.NOTIFY, []string{
		"Contact: " + c.e.contact(c.d.next()), "Event: " + sub.event, state,
		"Content-Type: message/sipfrag;version=2.0",
	}, nil)
	if err != nil {
		return
	}
	req.SetBody([]byte("SIP/2.0 " + strconv.Itoa(status) + " " + message.ReasonOf(status) + "\r\n"))
	c.e.send(req, c.d.next(), func(*sip.Response, error) {})
}
