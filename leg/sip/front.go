package sip

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg/sip/digest"
	"sotto/leg/sip/message"
)

// Phones knows the telephones that may register and call.
type Phones interface {
	// Credentials returns what the telephone of this user name must know.
	// ok is false when there is none. It may be called from several goroutines
	// and should take as long for a name it knows as for one it does not.
	Credentials(ctx context.Context, username string) (c Credentials, ok bool)
	// Registered is told all contacts of a device whenever they change,
	// before the telephone is told; an error refuses the change. Store them
	// to give them to Endpoint.Restore after a restart.
	Registered(ctx context.Context, device sotto.DeviceID, contacts []Contact) error
}

// Credentials is the device behind a user name, and its password.
type Credentials struct {
	Device sotto.DeviceID
	Secret string
}

// hop is one step on the wire: where a message came from, or goes to.
type hop struct {
	addr netip.AddrPort
	tcp  bool // a connection: TCP, TLS, or WebSocket over one of them
	tls  bool // nobody on the way reads along
}

// network is the library's name for it; a WebSocket counts as what it is on.
func (h hop) network() string {
	switch {
	case h.tls:
		return "TLS"
	case h.tcp:
		return "TCP"
	}
	return "UDP"
}

// filterUDP is the library's read filter: it sees each datagram before
// anything is allocated for it. An empty return drops it.
func (e *Endpoint) filterUDP(p sip.TransportReadProps, b []byte) ([]byte, error) {
	if p.Transport != "UDP" {
		return b, nil // a stream is filtered in whole messages, by its connection
	}
	a, ok := p.RemoteAddr.(*net.UDPAddr)
	if !ok {
		return nil, nil
	}
	h := hop{addr: unmap(a.AddrPort())}
	pass := false
	e.guard(func() { pass = e.judge(b, h, nil) })
	if !pass {
		return nil, nil
	}
	return b, nil
}

// judge decides about one whole message before the library reads it: a budget
// for nobody, the checks that a status exists for, and who may do what. What
// it refuses is answered here and not remembered. s is the connection the
// message came on, nil for UDP.
func (e *Endpoint) judge(b []byte, h hop, s *stream) (pass bool) {
	select {
	case <-e.done:
		return false // closing: nothing more is begun
	default:
	}
	who := e.whoIs(h.addr.Addr())
	if who == nobody && !e.budget.take(h.addr.Addr()) {
		e.dropped.Add(1)
		return false
	}
	m, refusal := message.Parse(b)
	if refusal != nil {
		if m != nil && refusal.Status != 0 {
			e.malformed.Add(1)
			e.turnAway(m, h, s, refusal.Status, refusal.Extra...)
		}
		return false
	}
	if !m.IsRequest() {
		return e.ours(m.Branch)
	}
	if !h.tls && m.Secure() {
		e.turnAway(m, h, s, 416) // RFC 5630 5.3: it asks for TLS on every hop
		return false
	}
	switch m.Method {
	case "ACK":
		c := e.callOf(m)
		if c != nil && c.unconfirmed.Load() == int64(m.Seq) {
			// From here, in order: the library might hand over the request
			// that follows it first.
			seq, body := m.Seq, m.Body
			return !c.mail.post(func() { c.acked(seq, body) })
		}
		return who != nobody || c != nil
	case "CANCEL":
		return e.judgeCancel(m, h, s, who)
	}
	if m.ToTag != "" {
		if e.callOf(m) != nil {
			return true
		}
		if m.Method != "REGISTER" { // which is never part of a dialog
			e.turnAway(m, h, s, 481)
			return false
		}
	}
	return e.judgeNew(m, h, s, who)
}

// judgeCancel answers the CANCEL of a call that is there (RFC 3261 9.2). The
// library sees the others: its call may still be on the way to us.
func (e *Endpoint) judgeCancel(m *message.Message, h hop, s *stream, who rank) bool {
	if who == nobody {
		e.turnAway(m, h, s, 481)
		return false
	}
	c := e.invitedOrWithdrawn(m.ID, m.FromTag, m.Branch)
	if c == nil || c.inviter != h.addr.Addr() {
		return true
	}
	e.write(message.Response(m, 200, h.addr, c.tag, nil), m, h, s)
	c.mail.post(c.giveUpInvite) // not before: its 487 should come second
	return false
}

// refuseStream answers a message whose end cannot be found, before its
// connection is closed.
func (e *Endpoint) refuseStream(b []byte, h hop, s *stream) {
	if e.whoIs(h.addr.Addr()) == nobody && !e.budget.take(h.addr.Addr()) {
		return
	}
	m, refusal := message.Parse(b)
	e.malformed.Add(1)
	switch {
	case m == nil || !m.IsRequest():
	case refusal == nil:
		e.turnAway(m, h, s, 400)
	case refusal.Status != 0:
		e.turnAway(m, h, s, refusal.Status, refusal.Extra...)
	}
}

// judgeNew decides about a request outside of any dialog.
func (e *Endpoint) judgeNew(m *message.Message, h hop, s *stream, who rank) bool {
	switch m.Method {
	case "INVITE":
		if e.isMerged(m) {
			e.turnAway(m, h, s, 482)
			return false
		}
		if who != carrier {
			return e.asked(m, h, s)
		}
		if e.cfg.Accept == nil {
			e.turnAway(m, h, s, 480)
			return false
		}
		return true
	case "REGISTER":
		return e.asked(m, h, s)
	case "OPTIONS":
		if who == nobody {
			e.challenge(m, h, s, false)
			return false
		}
		e.turnAway(m, h, s, 200, message.AllowLine, "Accept: application/sdp", message.SupportedLine)
		return false
	case "MESSAGE":
		return e.judgeText(m, h, s, who)
	case "REFER":
		e.turnAway(m, h, s, 603) // we call nobody because somebody asks; see transfer
		return false
	}
	e.turnAway(m, h, s, 481) // BYE, INFO, UPDATE and PRACK belong to a call
	return false
}

// callOf finds the call of an in-dialog request (RFC 3261 12.2.2).
func (e *Endpoint) callOf(m *message.Message) *Call { return e.findCall(m.ID, m.ToTag, m.FromTag) }

func (e *Endpoint) findCall(id, ourTag, peerTag string) *Call {
	e.mu.Lock()
	c := e.calls[ourTag]
	e.mu.Unlock()
	if c == nil || c.id != id {
		return nil
	}
	if t := c.peerTag.Load(); t != nil && *t != peerTag {
		return nil
	}
	return c
}

// isMerged reports whether the same call has already come another way
// (RFC 3261 8.2.2.2).
func (e *Endpoint) isMerged(m *message.Message) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.invites[m.ID+"|"+m.FromTag]
	return c != nil && c.branch != m.Branch && c.inviteSeq == m.Seq // a new number is a new attempt
}

// invited finds the call that an INVITE of this branch began.
func (e *Endpoint) invited(id, tag, branch string) *Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.invites[id+"|"+tag]; c != nil && c.branch == branch {
		return c
	}
	return nil
}

// turnAway answers m without remembering it (RFC 3261 8.2.7): a repetition
// gets the same answer again.
func (e *Endpoint) turnAway(m *message.Message, h hop, s *stream, status int, lines ...string) {
	if m.Method == "ACK" {
		return
	}
	e.write(message.Response(m, status, h.addr, e.statelessTag(m), lines), m, h, s)
}

// write sends the answer to m.
func (e *Endpoint) write(b []byte, m *message.Message, h hop, s *stream) {
	if s != nil {
		s.Write(b)
		return
	}
	if e.udp != nil {
		e.udp.WriteToUDPAddrPort(b, answerAddr(m, h.addr))
	}
}

// answerAddr is where the answer to a datagram goes (RFC 3261 18.2.2, RFC 3581
// 4): to the source address, and to its port if it asked for that, else to the
// port in Via.
func answerAddr(m *message.Message, from netip.AddrPort) netip.AddrPort {
	switch {
	case m.Rport || m.SentBy == "":
		return from
	case m.SentPort != 0:
		return netip.AddrPortFrom(from.Addr(), uint16(m.SentPort))
	}
	return netip.AddrPortFrom(from.Addr(), 5060)
}

// statelessTag is the To tag of an answer we do not remember: the same for
// each repetition of the request.
func (e *Endpoint) statelessTag(m *message.Message) string {
	return e.proof(m.ID, m.FromTag, m.Branch, m.SeqOf)
}

// proof makes a value only we can make out of parts.
func (e *Endpoint) proof(parts ...string) string {
	x := hmac.New(sha256.New, e.secret[:])
	for _, s := range parts {
		x.Write([]byte(s))
		x.Write([]byte{0})
	}
	return hex.EncodeToString(x.Sum(nil)[:10])
}

// newBranch makes a branch (RFC 3261 8.1.1.7) that ours knows again, so that
// a response nobody asked for costs nothing.
func (e *Endpoint) newBranch() string {
	r := random(8)
	return sip.RFC3261BranchMagicCookie + r + e.proof("branch", r)
}

func (e *Endpoint) ours(branch string) bool {
	b, ok := strings.CutPrefix(branch, sip.RFC3261BranchMagicCookie)
	return ok && len(b) == 36 && hmac.Equal([]byte(b[16:]), []byte(e.proof("branch", b[:16])))
}

// newTag returns a tag or Call-ID nobody can guess (RFC 3261 19.3).
func newTag() string { return random(12) }

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// challenge asks for a password (RFC 3261 22.1, RFC 8760 2.3: one header for
// each algorithm, the best first). It is the one answer that nobody gets, for
// known and unknown names alike.
func (e *Endpoint) challenge(m *message.Message, h hop, s *stream, stale bool) {
	e.turnAway(m, h, s, 401, e.challengeLines(h.addr.Addr(), stale)...)
}

func (e *Endpoint) challengeLines(a netip.Addr, stale bool) []string {
	e.refused.Add(1)
	c := digest.Challenge{Realm: e.cfg.Realm, Nonce: e.nonces.Issue(a), Auth: true, Stale: stale}
	var lines []string
	offered := []digest.Algorithm{digest.SHA256, digest.MD5}
	if e.cfg.MD5Only {
		offered = offered[1:]
	}
	for _, alg := range offered {
		c.Algorithm = alg
		lines = append(lines, "WWW-Authenticate: "+c.String())
	}
	return lines
}

// asked reports whether m answers a fresh challenge that its sender was given:
// only then is the password looked up. Whoever has not is asked, and costs one
// answer and no memory.
func (e *Endpoint) asked(m *message.Message, h hop, s *stream) bool {
	var values []string
	for i := range m.Headers {
		if m.Headers[i].Field == message.Authorization {
			values = append(values, m.Headers[i].Value)
		}
	}
	cred, ok := e.credentials(values, m.URI)
	if !ok || e.cfg.Phones == nil {
		e.challenge(m, h, s, false)
		return false
	}
	// Whether the nonce is stale is told to anybody: it says nothing of a name.
	switch e.nonces.Judge(cred.Nonce, h.addr.Addr()) {
	case digest.Fresh:
		return true
	case digest.Stale:
		e.challenge(m, h, s, true)
	default:
		e.challenge(m, h, s, false)
	}
	return false
}

// credentials finds the answer to a challenge of ours among Authorization
// values; uri is what it must be for, "" for anything.
func (e *Endpoint) credentials(values []string, uri string) (digest.Credentials, bool) {
	for _, v := range values {
		c, err := digest.ParseCredentials(v)
		if err == nil && c.Realm == e.cfg.Realm && c.Qop != "" && (uri == "" || c.URI == uri) {
			return c, true
		}
	}
	return digest.Credentials{}, false
}

// verify checks the password behind a request that judge let through, and
// uses up the nonce's count. It answers 401 itself when it is wrong, always as
// long after it began: looking up a name that we have takes longer than one
// that we have not, and nobody shall learn which it was.
func (e *Endpoint) verify(req *sip.Request, tx *sip.ServerTx) (Credentials, bool) {
	began := time.Now()
	from := source(req).addr.Addr()
	var values []string
	for _, h := range req.GetHeaders("authorization") {
		values = append(values, h.Value())
	}
	cred, ok := e.credentials(values, "") // judge has compared the URI
	if !ok {
		respond(req, tx, 401, newTag(), nil, e.challengeLines(from, false)...)
		return Credentials{}, false
	}
	c, known := e.cfg.Phones.Credentials(e.ctx, cred.Username)
	if !known {
		c.Secret = hex.EncodeToString(e.secret[:]) // as much work as for a known name
	}
	if right := cred.Verify(string(req.Method), c.Secret); !right || !known || c.Secret == "" {
		e.after(time.Until(began.Add(e.cfg.Timers.Refusal)), func() {
			respond(req, tx, 401, newTag(), nil, e.challengeLines(from, false)...)
		})
		return Credentials{}, false
	}
	if e.nonces.Take(cred.Nonce, from, cred.NC) != digest.Fresh {
		respond(req, tx, 401, newTag(), nil, e.challengeLines(from, true)...)
		return Credentials{}, false
	}
	e.trustStream(source(req))
	return c, true
}
