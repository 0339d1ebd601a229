package sip

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"sotto/leg/sip/message"
)

// dialog is what both ends of a call remember of each other (RFC 3261 12). It
// belongs to the call's actor.
type dialog struct {
	id        string // Call-ID
	localTag  string
	remoteTag string
	local     string // our From in requests, with its tag
	remote    string // our To in requests, with its tag once there is one
	seq       uint32 // of our last request
	remoteSeq uint32 // of the peer's last request
	heard     bool   // remoteSeq is set
	target    string // the peer's Contact URI
	routes    []string
	peer      hop  // where the peer's first message came from
	fixed     bool // requests go to peer, whatever Contact says: a telephone behind a NAT
}

var errOldSeq = errors.New("sip: CSeq went back")

// uas begins the dialog of a call to us (RFC 3261 12.1.1).
func uas(req *sip.Request, tag string) dialog {
	from, _ := tags(req)
	d := dialog{
		id: get(req, "call-id"), localTag: tag, remoteTag: from,
		local: get(req, "to") + ";tag=" + tag, remote: get(req, "from"),
		remoteSeq: req.CSeq().SeqNo, heard: true, peer: source(req),
		routes: list(req, "record-route"),
	}
	d.refresh(req)
	return d
}

// established takes what the first answer to our INVITE says (RFC 3261
// 12.1.2): the peer's tag, its Contact, and the route back to front.
func (d *dialog) established(res *sip.Response) {
	_, d.remoteTag = tags(res)
	d.remote = get(res, "to")
	rr := list(res, "record-route")
	d.routes = make([]string, 0, len(rr))
	for i := len(rr) - 1; i >= 0; i-- {
		d.routes = append(d.routes, rr[i])
	}
	d.refresh(res)
}

// refresh takes the peer's Contact from an INVITE, an UPDATE or a 2xx to one
// (RFC 3261 12.2). A Contact that cannot be read changes nothing.
func (d *dialog) refresh(m sip.Message) {
	if l := list(m, "contact"); len(l) > 0 {
		if a, err := message.ParseAddress(l[0]); err == nil {
			if u, err := message.ParseURI(a.URI); err == nil && (u.Scheme == "sip" || u.Scheme == "sips") {
				d.target = a.URI
			}
		}
	}
	if d.target == "" { // RFC 2543 peers may have no Contact
		if a, err := message.ParseAddress(d.remote); err == nil {
			d.target = a.URI
		}
	}
}

// inOrder checks the number of a request of the peer (RFC 3261 12.2.2). ACK
// and CANCEL have the number of their INVITE and are not for this.
func (d *dialog) inOrder(seq uint32) error {
	if d.heard && seq <= d.remoteSeq {
		return errOldSeq
	}
	d.remoteSeq, d.heard = seq, true
	return nil
}

// request makes the next request in the dialog (RFC 3261 12.2.1.1). lines and
// body may be nil.
func (d *dialog) request(method sip.RequestMethod, lines []string, body []byte) (*sip.Request, error) {
	d.seq++
	return d.numbered(method, d.seq, lines, body)
}

// numbered is request with a number of its own: an ACK has its INVITE's.
func (d *dialog) numbered(method sip.RequestMethod, seq uint32, lines []string, body []byte) (*sip.Request, error) {
	target, routes := d.target, d.routes
	if len(routes) > 0 {
		first, err := message.ParseAddress(routes[0])
		if u, err2 := message.ParseURI(first.URI); err == nil && err2 == nil {
			if _, loose := u.Param("lr"); !loose { // RFC 2543 strict router
				target = first.URI
				routes = append(append([]string{}, routes[1:]...), "<"+d.target+">")
			}
		}
	}
	var uri sip.Uri
	if err := sip.ParseUri(target, &uri); err != nil {
		return nil, err
	}
	req := sip.NewRequest(method, uri)
	for _, r := range routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	req.AppendHeader(sip.NewHeader("From", d.local))
	req.AppendHeader(sip.NewHeader("To", d.remote))
	req.AppendHeader(sip.NewHeader("Call-ID", d.id))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	finish(req, lines, body)
	return req, nil
}

// next is where requests in the dialog go: the first route or the peer's
// Contact if it names an address, else where its messages come from. Names
// are not looked up, so a peer cannot make us wait or ask about a host.
func (d *dialog) next() hop {
	if d.fixed {
		return d.peer
	}
	uri := d.target
	if len(d.routes) > 0 {
		if a, err := message.ParseAddress(d.routes[0]); err == nil {
			uri = a.URI
		}
	}
	u, err := message.ParseURI(uri)
	if err != nil {
		return d.peer
	}
	a, err := netip.ParseAddr(u.Host)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return d.peer
	}
	transport, _ := u.Param("transport")
	h := hop{tls: u.Scheme == "sips" || strings.EqualFold(transport, "tls")}
	h.tcp = h.tls || strings.EqualFold(transport, "tcp")
	port := uint16(u.Port)
	switch {
	case port == 0 && h.tls:
		port = 5061
	case port == 0:
		port = 5060
	}
	h.addr = netip.AddrPortFrom(a.Unmap(), port)
	switch {
	case d.peer.tcp && h.addr.Addr() == d.peer.addr.Addr():
		return d.peer // the Contact is where it listens; this connection is open
	case d.peer.tls && !h.tls, strings.EqualFold(transport, "ws"), strings.EqualFold(transport, "wss"):
		return d.peer // what came encrypted goes back so; nobody listens for WebSockets (RFC 7118 5)
	}
	return h
}
