package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg/sip/message"
)

// udpLargest lets the library send any datagram: it would refuse those above
// 1300 bytes, where some trunks need more and have no TCP (RFC 3261 18.1.1
// allows it when TCP is not to be had).
const udpLargest = 65507 + 200

// errGone is what a transaction says that ended without an answer.
var errGone = errors.New("sip: no answer")

// quiet sets what the library keeps for the whole process. It would log whole
// messages, which hold names and numbers, so its log goes nowhere.
func quiet() {
	if sip.DefaultLogger().Enabled(context.Background(), slog.LevelError) {
		sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	}
	if sip.UDPMTUSize < udpLargest {
		sip.UDPMTUSize = udpLargest
	}
}

// listen binds the sockets and starts the library's transports and
// transactions on them.
func (e *Endpoint) listen() (err error) {
	if e.cfg.UDP == "" && e.cfg.TCP == "" && e.cfg.TLS == "" && e.cfg.WS == "" && e.cfg.WSS == "" {
		return sotto.FailField("sip", "Give an address to listen on for SIP, like 0.0.0.0:5060.")
	}
	quiet()
	none := slog.New(slog.DiscardHandler)
	e.tp = sip.NewTransportLayer(noNames(), sip.NewParser(), nil,
		sip.WithTransportLayerLogger(none),
		sip.WithTransportLayerReadFilter(e.filterUDP),
		sip.WithTransportLayerTransports(sip.TransportsConfig{
			TCP: &sip.TransportTCP{WriteTimeout: writeTimeout, DialerCreate: e.dialer},
			TLS: &sip.TransportTLS{TransportTCP: &sip.TransportTCP{WriteTimeout: writeTimeout, DialerCreate: noDialer}},
		}))
	e.txs = sip.NewTransactionLayer(e.tp,
		sip.WithTransactionLayerLogger(none),
		sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {}))
	e.txs.OnRequest(e.receive)
	if err := e.bind(); err != nil {
		e.unbind()
		return err
	}
	for _, d := range e.doors {
		e.readers.Go(d.open)
	}
	e.readers.Go(func() { e.tp.ServeTCP(e.clear) })
	e.readers.Go(func() { e.tp.ServeTLS(e.secure) })
	if e.udp != nil {
		// Whoever sends before the reader runs finds our socket too, and not a
		// new one of the library's.
		at := e.udp.LocalAddr().String()
		e.tp.Pool("UDP").Add(at, &sip.UDPConnection{PacketConn: e.udp, PacketAddr: at, Listener: true})
		e.readers.Go(func() { e.tp.ServeUDP(e.udp) })
	}
	return nil
}

// bind opens the sockets of the configuration.
func (e *Endpoint) bind() (err error) {
	nowhere := &net.TCPAddr{IP: net.IPv4zero}
	e.clear, e.secure = newPorch(nowhere), newPorch(nowhere)
	if e.cfg.UDP != "" {
		a, err := net.ResolveUDPAddr("udp", e.cfg.UDP)
		if err != nil {
			return sotto.FailCause(sotto.Invalid, "The UDP address for SIP is not host:port.", err)
		}
		if e.udp, err = net.ListenUDP("udp", a); err != nil {
			return sotto.FailCause(sotto.Busy, "The UDP address for SIP cannot be bound: it is in use or not ours.", err)
		}
		e.udp.SetReadBuffer(4 << 20) // a burst of calls waits here; the system may grant less
	}
	var closed *tls.Config
	if e.own != nil {
		closed = e.own.Server()
	} else if e.cfg.TLS != "" || e.cfg.WSS != "" {
		return sotto.FailField("sip.certificate", "To listen over TLS or WSS, name the files of a certificate and its key.")
	}
	for _, o := range []struct {
		name, at string
		tls      *tls.Config
		ws       bool
		l        *net.Listener
	}{
		{"TCP", e.cfg.TCP, nil, false, &e.tcp}, {"TLS", e.cfg.TLS, closed, false, &e.tls},
		{"WS", e.cfg.WS, nil, true, &e.ws}, {"WSS", e.cfg.WSS, closed, true, &e.wss},
	} {
		if o.at == "" {
			continue
		}
		if *o.l, err = net.Listen("tcp", o.at); err != nil {
			return sotto.FailCause(sotto.Busy, "The "+o.name+" address for SIP cannot be bound: it is in use or not ours.", err)
		}
		d := door{Listener: *o.l, e: e, tls: o.tls, ws: o.ws, into: e.clear}
		if o.tls != nil {
			d.into = e.secure
		}
		e.doors = append(e.doors, d)
	}
	return nil
}

// unbind closes the sockets; nothing comes in any more.
func (e *Endpoint) unbind() {
	if e.udp != nil {
		e.udp.Close()
	}
	for _, d := range e.doors {
		d.Close()
	}
	e.clear.Close()
	e.secure.Close()
}

// noDialer makes no connection: those over TLS are made by reach, which knows
// whom to expect.
func noDialer(net.Addr) net.Dialer {
	return net.Dialer{Control: func(string, string, syscall.RawConn) error { return errGone }}
}

// noNames is a resolver that asks nobody: we give the library addresses, and
// a name that a peer wrote into Via is not to be looked up.
func noNames() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errGone
	}}
}

// dialer makes the library's TCP connections end with the endpoint.
func (e *Endpoint) dialer(local net.Addr) net.Dialer {
	if a, ok := local.(*net.TCPAddr); ok && a == nil {
		local = nil
	}
	//nolint:staticcheck // the library takes a Dialer and no context, so Cancel is what there is
	return net.Dialer{Timeout: writeTimeout, LocalAddr: local, Cancel: e.done} //nolint:staticcheck // the library takes a Dialer and no context
}

// receive is the library's entry for a request of a new transaction. It comes
// on a goroutine of its own.
func (e *Endpoint) receive(req *sip.Request, tx *sip.ServerTx) {
	if !e.enter() {
		tx.Terminate()
		return
	}
	defer e.work.Done()
	if !e.guard(func() { e.request(req, tx) }) {
		e.guard(func() { respond(req, tx, 500, newTag(), nil) })
	}
}

// request gives a request to its call, or to whoever begins something with it.
func (e *Endpoint) request(req *sip.Request, tx *sip.ServerTx) {
	if !e.checked(req, tx) {
		return
	}
	from, to := tags(req)
	c := e.findCall(get(req, "call-id"), to, from)
	switch {
	case req.Method == sip.ACK:
		tx.Terminate() // an ACK has no answer, and the library would keep it for ever
		if c != nil {  // judge did not see it: it came on a connection that the library opened
			seq, body := req.CSeq().SeqNo, req.Body()
			c.mail.post(func() { c.acked(seq, body) })
		}
	case req.Method == sip.CANCEL:
		e.lateCancel(req, tx)
	case c != nil:
		drop := func() { respond(req, tx, 481, c.tag, nil) }
		if !c.mail.offer(func() { c.request(req, tx) }, drop) {
			drop()
		}
	case req.Method == sip.REGISTER:
		e.withPassword(req, tx, e.reg.register)
	case req.Method == sip.INVITE && to == "":
		if t := e.trunkOf(source(req).addr.Addr()); t != nil {
			e.inbound(req, tx, origin{trunk: t})
			return
		}
		e.withPassword(req, tx, e.fromPhone)
	case req.Method == sip.MESSAGE && to == "":
		e.text(req, tx)
	default:
		respond(req, tx, 481, newTag(), nil)
	}
}

// lateCancel is for a CANCEL that overtook its INVITE in the library, or has
// none (RFC 3261 9.2).
func (e *Endpoint) lateCancel(req *sip.Request, tx *sip.ServerTx) {
	from, _ := tags(req)
	branch, _ := req.Via().Params.Get("branch")
	for range 5 {
		if c := e.invited(get(req, "call-id"), from, branch); c != nil {
			respond(req, tx, 200, c.tag, nil)
			c.mail.post(c.giveUpInvite)
			return
		}
		if e.wasMet(get(req, "call-id"), from, branch) {
			respond(req, tx, 200, newTag(), nil)
			return
		}
		select {
		case <-time.After(withdrawnWait):
		case <-e.ctx.Done():
		}
	}
	respond(req, tx, 481, newTag(), nil)
}

// checked is for what judge could not see: messages on TCP connections that
// the library opened.
func (e *Endpoint) checked(req *sip.Request, tx *sip.ServerTx) bool {
	h := source(req)
	if !h.tcp {
		return true
	}
	if e.streamAt(h) != nil {
		return true
	}
	_, refusal := message.Parse([]byte(req.String()))
	if refusal == nil {
		return true
	}
	if refusal.Status == 0 {
		tx.Terminate()
		return false
	}
	respond(req, tx, refusal.Status, newTag(), nil, refusal.Extra...)
	return false
}

// withPassword goes on with then if the sender gave a device's password. Few
// are looked up at one time.
func (e *Endpoint) withPassword(req *sip.Request, tx *sip.ServerTx, then func(*sip.Request, *sip.ServerTx, Credentials)) {
	if e.cfg.Phones == nil {
		respond(req, tx, 403, newTag(), nil)
		return
	}
	select {
	case e.workers <- struct{}{}:
	default:
		respond(req, tx, 503, newTag(), nil, "Retry-After: 5")
		return
	}
	defer func() { <-e.workers }()
	if c, ok := e.verify(req, tx); ok {
		then(req, tx, c)
	}
}

// fromPhone begins a call that a telephone places.
func (e *Endpoint) fromPhone(req *sip.Request, tx *sip.ServerTx, c Credentials) {
	if e.cfg.AcceptPhone == nil {
		respond(req, tx, 403, newTag(), nil)
		return
	}
	e.reg.vouch(source(req).addr.Addr())
	e.inbound(req, tx, origin{device: c.Device})
}

// send begins a transaction for req on h. on gets each response that counts,
// in order, or one error; it must not block. The library repeats what needs
// repeating and acknowledges refusals.
func (e *Endpoint) send(req *sip.Request, h hop, on func(*sip.Response, error)) *sip.ClientTx {
	return e.sendVia(req, h, e.via(h, e.newBranch()), on)
}

// largestDatagram is what a request may measure to go over UDP when there is
// another way (RFC 3261 18.1.1), less what the Via takes.
const largestDatagram = 1300 - 120

// sized is h, or the same place over TCP for a large request to a trunk that
// has both.
func (e *Endpoint) sized(req *sip.Request, h hop, t *trunk, narrow bool) hop {
	if t != nil && t.LargeTCP && !narrow && len(req.String()) > largestDatagram {
		h.tcp = true
	}
	return h
}

// sendVia is send for a Via that is written: a CANCEL has its INVITE's.
func (e *Endpoint) sendVia(req *sip.Request, h hop, via *sip.ViaHeader, on func(*sip.Response, error)) *sip.ClientTx {
	if !h.tcp && e.udp == nil {
		on(nil, errGone) // the library would open a socket of its own
		return nil
	}
	e.address(req, h, via)
	ctx, stop := context.WithTimeout(e.ctxForGoodbye(), 3*time.Second)
	defer stop()
	tx, err := e.txs.Request(ctx, req)
	if err != nil {
		on(nil, err)
		return nil
	}
	tx.OnRetransmission(func(res *sip.Response) { on(res, nil) })
	if !e.spawn(func() { listen(tx, on) }) {
		tx.Terminate()
		on(nil, errGone)
	}
	return tx
}

// ctxForGoodbye outlives the endpoint's context: a BYE is sent while closing.
func (e *Endpoint) ctxForGoodbye() context.Context { return context.WithoutCancel(e.ctx) }

// listen hands on the responses of a transaction until the final one.
func listen(tx *sip.ClientTx, on func(*sip.Response, error)) {
	for {
		select {
		case res := <-tx.Responses():
			on(res, nil)
			if res.StatusCode >= 200 {
				return
			}
		case <-tx.Done():
			on(nil, errGone)
			return
		}
	}
}

// address says where req goes.
func (e *Endpoint) address(req *sip.Request, h hop, via *sip.ViaHeader) {
	req.PrependHeader(via)
	req.SetTransport(h.network())
	req.SetDestination(h.addr.String())
	e.reach(h)
	if !h.tcp && e.udp != nil {
		a := e.udp.LocalAddr().(*net.UDPAddr)
		req.Laddr = sip.Addr{IP: a.IP, Port: a.Port, Zone: a.Zone} // our one socket
	}
	if a := e.AddrTCP().Addr(); h.tcp && a.IsValid() && !a.IsUnspecified() {
		req.Laddr = sip.Addr{IP: a.AsSlice()} // peers know us by this address
	}
}

// cancelOf makes the CANCEL of an INVITE (RFC 3261 9.1).
func cancelOf(invite *sip.Request) (*sip.Request, *sip.ViaHeader) {
	c := sip.NewRequest(sip.CANCEL, invite.Recipient)
	for _, name := range []string{"Route", "From", "To", "Call-ID"} {
		for _, v := range invite.GetHeaders(name) {
			c.AppendHeader(sip.NewHeader(name, v.Value()))
		}
	}
	c.AppendHeader(&sip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sip.CANCEL})
	finish(c, nil, nil)
	return c, invite.Via().Clone()
}

// finish adds what every request of ours ends with.
func finish(req *sip.Request, lines []string, body []byte) {
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	addLines(req, lines)
	if len(body) > 0 {
		req.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	req.SetBody(body)
}

// via makes the Via of a request that leaves on h.
func (e *Endpoint) via(h hop, branch string) *sip.ViaHeader {
	v := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: e.transport(h),
		Host: e.localHost(h).String(), Port: int(e.localPort(h)),
	}
	v.Params.Add("branch", branch)
	if !h.tcp {
		v.Params.Add("rport", "")
	}
	return v
}

// contact is how peers on h reach us in a dialog.
func (e *Endpoint) contact(h hop) string {
	s := "<sip:" + net.JoinHostPort(e.localHost(h).String(), strconv.Itoa(int(e.localPort(h))))
	if h.tcp {
		s += ";transport=" + strings.ToLower(e.transport(h))
	}
	return s + ">"
}

// transport is the name of the way to h in Via.
func (e *Endpoint) transport(h hop) string {
	if s := e.streamAt(h); s != nil {
		return s.transport()
	}
	return h.network()
}

// listenerFor is our own end of the way to h.
func (e *Endpoint) listenerFor(h hop) netip.AddrPort {
	bound := e.Addr()
	if h.tcp || !bound.IsValid() {
		bound = e.AddrTCP()
	}
	switch e.transport(h) {
	case "TLS":
		bound = e.AddrTLS()
	case "WS":
		bound = e.AddrWS()
	case "WSS":
		bound = e.AddrWSS()
	}
	if bound.IsValid() {
		return bound
	}
	if s := e.streamAt(h); s != nil { // we called and take no calls that way
		if a, ok := s.LocalAddr().(*net.TCPAddr); ok {
			return unmap(a.AddrPort())
		}
	}
	return e.Addr()
}

// localHost is our address as a peer at h should see it.
func (e *Endpoint) localHost(h hop) netip.Addr {
	if e.cfg.Advertise.IsValid() {
		return e.cfg.Advertise
	}
	if a := e.listenerFor(h).Addr(); a.IsValid() && !a.IsUnspecified() {
		return a
	}
	return e.route(h.addr.Addr())
}

// localPort is the port on which peers reach us.
func (e *Endpoint) localPort(h hop) uint16 {
	return e.listenerFor(h).Port()
}

// route asks the system from which of our addresses packets to a leave.
func (e *Endpoint) route(a netip.Addr) netip.Addr {
	e.mu.Lock()
	local, known := e.locals[a]
	e.mu.Unlock()
	if known {
		return local
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 5060)))
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer c.Close()
	local = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	e.mu.Lock()
	if len(e.locals) > 1024 {
		clear(e.locals)
	}
	e.locals[a] = local
	e.mu.Unlock()
	return local
}

// hostPart writes an address as the host of a URI.
func hostPart(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
