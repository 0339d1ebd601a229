package fraud

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// message is a SIP message as far as these tests read it.
type message struct {
	start string
	lines []string
	body  string
}

func parse(b []byte) (m message) {
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	all := strings.Split(head, "\r\n")
	return message{all[0], all[1:], body}
}

// all returns the values of a header, in order.
func (m message) all(name string) (values []string) {
	for _, l := range m.lines {
		if n, v, ok := strings.Cut(l, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

func (m message) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m message) method() string { w, _, _ := strings.Cut(m.start, " "); return w }

// status is 0 for a request.
func (m message) status() int {
	if rest, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		n, _ := strconv.Atoi(rest[:3])
		return n
	}
	return 0
}

// user is the user part of a URI.
func user(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	name, _, _ := strings.Cut(rest, "@")
	return strings.ReplaceAll(name, "%23", "#")
}

// uriOf takes the URI out of a Contact, From or To.
func uriOf(value string) string {
	_, rest, ok := strings.Cut(value, "<")
	if !ok {
		return value
	}
	uri, _, _ := strings.Cut(rest, ">")
	return uri
}

// answer is what a peer says to an INVITE.
type answer struct {
	status int
	to     string // the number in Contact, for 302
}

// peer is a party that speaks SIP on a socket of its own: the carrier, or an
// agent's telephone. It keeps what it was asked to call.
type peer struct {
	t    testing.TB
	c    net.PacketConn
	desk net.Addr

	mu       sync.Mutex
	n        int
	says     answer            // to the next INVITEs
	answers  map[string]string // what was said, by Via: the same to what is sent again
	asked    []string          // numbers of INVITEs and MESSAGEs, each once
	calls    map[string]*dialog
	incoming chan *dialog
	replies  map[string]chan message // to our requests, by CSeq and Call-ID
	done     chan struct{}
}

// dialog is one call of a peer.
type dialog struct {
	p                *peer
	id, us, them, at string
	seq              int
	news             chan int // what NOTIFYs say of a transfer
	over             chan struct{}
	hungUp           sync.Once
}

func newPeer(t testing.TB, host string, desk string) *peer {
	t.Helper()
	c, err := net.ListenPacket("udp4", host+":0")
	check(t, err)
	to, err := net.ResolveUDPAddr("udp4", desk)
	if desk != "" {
		check(t, err)
	}
	p := &peer{
		t: t, c: c, desk: to, says: answer{status: 486}, answers: map[string]string{}, calls: map[string]*dialog{},
		incoming: make(chan *dialog, 64), replies: map[string]chan message{}, done: make(chan struct{}),
	}
	go p.listen()
	t.Cleanup(func() {
		check(t, c.Close())
		<-p.done
	})
	return p
}

func (p *peer) addr() string { return p.c.LocalAddr().String() }

func (p *peer) say(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.says = a
}

// numbers returns what the peer was asked to call or to write to so far.
func (p *peer) numbers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *peer) listen() {
	defer close(p.done)
	b := make([]byte, 65536)
	for {
		n, from, err := p.c.ReadFrom(b)
		if err != nil {
			return
		}
		if m := parse(b[:n]); m.status() != 0 {
			p.take(m)
		} else {
			p.obey(m, from)
		}
	}
}

// take hands an answer to whoever waits for it.
func (p *peer) take(m message) {
	if m.status() < 200 {
		return
	}
	p.mu.Lock()
	wait := p.replies[m.get("CSeq")+m.get("Call-ID")]
	p.mu.Unlock()
	select {
	case wait <- m:
	default: // sent again
	}
}

// obey answers a request, and again what is sent again.
func (p *peer) obey(m message, from net.Addr) {
	if m.method() == "ACK" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := m.get("Via") + m.method()
	if p.answers[key] == "" {
		p.answers[key] = p.respond(m)
	}
	p.write(p.answers[key], from)
}

// respond decides what to say to a request. mu is held.
func (p *peer) respond(m message) string {
	d := p.calls[m.get("Call-ID")]
	switch m.method() {
	case "INVITE":
		return p.invited(m)
	case "MESSAGE":
		p.asked = append(p.asked, user(strings.Fields(m.start)[1]))
	case "NOTIFY":
		if f := strings.Fields(m.body); d != nil && len(f) > 1 {
			n, _ := strconv.Atoi(f[1])
			d.news <- n
		}
	case "BYE":
		if d != nil {
			d.hungUp.Do(func() { close(d.over) })
		}
	}
	return p.reply(m, 200, "")
}

func (p *peer) invited(m message) string {
	p.asked = append(p.asked, user(strings.Fields(m.start)[1]))
	switch p.says.status {
	case 302:
		return p.reply(m, 302, "", "Contact: <sip:"+p.says.to+"@elsewhere.example>")
	case 200:
		d := &dialog{
			p: p, id: m.get("Call-ID"), us: m.get("To") + ";tag=" + p.tag(), them: m.get("From"), at: uriOf(m.get("Contact")),
			news: make(chan int, 16), over: make(chan struct{}),
		}
		p.calls[d.id] = d
		p.incoming <- d
		return p.reply(m, 200, p.sound(), "Contact: <sip:p@"+p.addr()+">", "Content-Type: application/sdp")
	}
	return p.reply(m, p.says.status, "")
}

func (p *peer) tag() string { return "p" + strings.ReplaceAll(p.addr(), ":", "-") }

// sound describes audio that nobody listens to.
func (p *peer) sound() string {
	host, _, _ := net.SplitHostPort(p.addr())
	return "v=0\r\no=- 1 1 IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " + host + "\r\nt=0 0\r\n" +
		"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
}

// reply writes an answer (RFC 3261 8.2.6).
func (p *peer) reply(m message, status int, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d As told\r\n", status)
	for _, v := range m.all("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := m.get("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=" + p.tag()
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", m.get("From"), to, m.get("Call-ID"), m.get("CSeq"))
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (p *peer) write(text string, to net.Addr) {
	if _, err := p.c.WriteTo([]byte(text), to); err != nil {
		p.t.Logf("peer: %v", err)
	}
}

// call is callAs of somebody.
func (p *peer) call(number string) (*dialog, int) { return p.callAs("+33199004321", number) }

// callAs begins a call to the desk from a number and returns it when it was
// answered, or the status it was refused with.
func (p *peer) callAs(from, number string) (*dialog, int) {
	p.mu.Lock()
	p.n++
	id := fmt.Sprintf("call-%d-%s", p.n, p.tag())
	d := &dialog{
		p: p, id: id, us: "<sip:" + from + "@carrier.example>;tag=" + p.tag(), them: "<sip:" + number + "@desk.example>",
		at: "sip:" + number + "@" + p.desk.String(), news: make(chan int, 16), over: make(chan struct{}),
	}
	p.calls[id] = d
	p.mu.Unlock()
	m := d.send("INVITE", p.sound(), "Content-Type: application/sdp")
	if m.status() != 200 {
		return nil, m.status()
	}
	d.them, d.at = m.get("To"), uriOf(m.get("Contact"))
	p.write(d.text("ACK", d.seq, ""), p.desk)
	return d, 200
}

// text writes a request of the dialog.
func (d *dialog) text(method string, seq int, body string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d%s;rport\r\n", method, d.at, d.p.addr(), method, seq, d.id)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:p@%s>\r\n",
		d.us, d.them, d.id, seq, method, d.p.addr())
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// send sends a request until it is answered (RFC 3261 17.1).
func (d *dialog) send(method, body string, lines ...string) message {
	d.seq++
	text, wait := d.text(method, d.seq, body, lines...), make(chan message, 1)
	d.p.mu.Lock()
	d.p.replies[fmt.Sprintf("%d %s%s", d.seq, method, d.id)] = wait
	d.p.mu.Unlock()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range 40 {
		d.p.write(text, d.p.desk)
		select {
		case m := <-wait:
			return m
		case <-tick.C:
		}
	}
	d.p.t.Fatalf("no answer to %s", method)
	return message{}
}

// refer asks for a transfer and returns what came of it: the last status that
// was told, or the one it was refused with at once (RFC 3515).
func (d *dialog) refer(number string) int {
	m := d.send("REFER", "", "Refer-To: <sip:"+number+"@desk.example>")
	if m.status() != 202 {
		return m.status()
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case n := <-d.news:
			if n >= 200 {
				return n
			}
		case <-d.over: // the desk has taken the call away: it is given
			return 200
		case <-late.C:
			d.p.t.Fatal("the telephone is never told what came of its transfer")
		}
	}
}

// bye ends the call.
func (d *dialog) bye() { d.send("BYE", "") }
