package message

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Limits of a message we read.
const (
	MaxHead    = 16 << 10 // start line and header fields
	MaxBody    = 32 << 10 // body
	maxLine    = 8 << 10  // one header field, unfolded
	maxHeaders = 200      // header fields
)

// Refusal says what to answer to a message that did not pass the checks.
// Status 0 means silence: a response, an ACK, or nothing an answer could be
// sent to.
type Refusal struct {
	Status int
	Extra  []string // header lines that belong to the status, like "Allow: INVITE"
}

// Error returns the reason phrase; a Refusal is an error for the log.
func (r *Refusal) Error() string { return "message: " + ReasonOf(r.Status) }

func refuse(status int, extra ...string) *Refusal { return &Refusal{status, extra} }

// Parse reads one datagram. With a refusal the message holds whatever could
// be read, for Response to echo; it is nil when there is nobody to answer.
func Parse(b []byte) (*Message, *Refusal) {
	b = bytes.TrimLeft(b, "\r\n")
	if len(b) == 0 {
		return nil, refuse(0)
	}
	headLen := bytes.Index(b, []byte("\r\n\r\n"))
	cut := headLen < 0 // the datagram ends inside the header fields
	if cut {
		headLen = len(b)
	}
	if headLen > MaxHead {
		b, headLen, cut = b[:MaxHead], MaxHead, true
	}
	// One copy: the values of the message are parts of it.
	head := string(b[:headLen])
	var body []byte
	if !cut && len(b) > headLen+4 {
		body = bytes.Clone(b[headLen+4:])
	}
	start, rest, _ := strings.Cut(head, "\r\n")
	m := &Message{Body: body, Headers: make([]Header, 0, 16)}
	broken := m.readHeaders(rest)
	if !m.Has(Via) {
		return nil, refuse(0)
	}
	m.readVia()
	m.readRest()
	if strings.HasPrefix(start, "SIP/") {
		return m.checkResponse(start, cut || broken)
	}
	return m.checkRequest(start, cut, broken)
}

// readHeaders splits and unfolds the header fields (RFC 3261 7.3.1). It
// reports whether one of them is broken; the others are kept for an answer.
func (m *Message) readHeaders(s string) (broken bool) {
	for s != "" {
		var line string
		line, s, _ = strings.Cut(s, "\r\n")
		for s != "" && (s[0] == ' ' || s[0] == '\t') {
			var more string
			more, s, _ = strings.Cut(s, "\r\n")
			line = strings.TrimRight(line, " \t") + " " + strings.TrimLeft(more, " \t")
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || !isToken(name) || len(line) > maxLine || len(m.Headers) == maxHeaders ||
			strings.ContainsAny(line, "\r\n") {
			broken = true
			if len(m.Headers) == maxHeaders {
				return true
			}
			continue
		}
		m.Headers = append(m.Headers, Header{field(name), strings.Trim(value, " \t")})
	}
	return broken
}

// field finds a header name without making garbage.
func field(name string) Field {
	var buf [24]byte
	if len(name) > len(buf) {
		return Other
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return fieldOf(string(buf[:len(name)]))
}

// readVia reads the top Via (RFC 3261 20.42). A Via that cannot be read
// leaves SentBy empty.
func (m *Message) readVia() {
	v := m.Get(Via)
	v = v[:firstValue(v)]
	hop, params, _ := strings.Cut(v, ";")
	// "SIP / 2.0 / UDP host : port", with any space
	proto, rest, ok1 := strings.Cut(hop, "/")
	version, rest, ok2 := strings.Cut(rest, "/")
	rest = strings.TrimLeft(rest, " \t")
	i := strings.IndexAny(rest, " \t")
	if !ok1 || !ok2 || i < 0 || !strings.EqualFold(strings.TrimSpace(proto), "SIP") ||
		strings.TrimSpace(version) != "2.0" || !isToken(rest[:i]) {
		return
	}
	if params != "" && checkParams(";"+params) != nil || strings.HasSuffix(v, ";") {
		return
	}
	by := strings.Join(strings.Fields(rest[i:]), "")
	host := by
	if j := strings.LastIndexByte(by, ':'); j >= 0 && !strings.HasSuffix(by, "]") {
		host = by[:j]
		n, err := strconv.ParseUint(by[j+1:], 10, 16)
		if err != nil {
			return
		}
		m.SentPort = int(n)
	}
	if host == "" || strings.ContainsAny(host, "<>\"@,/") {
		return
	}
	m.SentBy = by
	if params != "" {
		m.Branch, _ = param(params, "branch")
		val, asks := param(params, "rport")
		m.Rport = asks && val == ""
	}
}

// firstValue returns where the first of a comma separated list ends.
func firstValue(v string) int {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return i
		}
	}
	return len(v)
}

// readRest reads the other fields that every message has. What cannot be read
// stays zero and is found by the checks.
func (m *Message) readRest() {
	m.ID = m.Get(CallID)
	if a, err := ParseAddress(m.Get(From)); err == nil {
		m.FromTag, _ = a.Param("tag")
	}
	if a, err := ParseAddress(m.Get(To)); err == nil {
		m.ToTag, _ = a.Param("tag")
	}
	// One space, though the RFC allows more: the library would read the second
	// one as part of the method.
	v := m.Get(CSeq)
	if f := strings.Fields(v); len(f) == 2 && len(v) == len(f[0])+1+len(f[1]) {
		if n, err := strconv.ParseUint(f[0], 10, 31); err == nil && strings.Trim(f[0], "0123456789") == "" {
			m.Seq, m.SeqOf = uint32(n), f[1]
		}
	}
}

// Whole cuts b, which Parse has let pass, to one message with its length, as a
// stream must have it: on a WebSocket the frame says where a message ends
// (RFC 7118 5.3).
func Whole(b []byte) []byte {
	b = bytes.TrimLeft(b, "\r\n")
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return nil
	}
	head, body := b[:i+2], b[i+4:]
	if n, ok := contentLength(head); ok {
		return b[:i+4+min(n, len(body))]
	}
	out := append(make([]byte, 0, len(b)+32), head...)
	out = append(out, "Content-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	return append(append(out, "\r\n\r\n"...), body...)
}

// ErrFraming means that the next message on a stream cannot be found: answer
// what can be answered and close the connection.
var ErrFraming = errors.New("message: the stream has no message boundary")

// Frame finds the first message in a stream (RFC 3261 18.3). It returns how
// many bytes it takes, or 0 when more must be read. With ErrFraming the bytes
// still go to Parse, for the status to answer.
func Frame(b []byte) (int, error) {
	skip := len(b) - len(bytes.TrimLeft(b, "\r\n"))
	i := bytes.Index(b[skip:], []byte("\r\n\r\n"))
	if i < 0 {
		if len(b)-skip > MaxHead {
			return len(b), ErrFraming
		}
		return 0, nil
	}
	head := b[skip : skip+i+2]
	n, ok := contentLength(head)
	if !ok || n > MaxBody || i > MaxHead {
		return len(b), ErrFraming
	}
	total := skip + i + 4 + n
	if total > len(b) {
		return 0, nil
	}
	return total, nil
}

// contentLength finds the one Content-Length of a head; none or two differing
// ones are no boundary.
func contentLength(head []byte) (n int, ok bool) {
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		name, value, has := bytes.Cut(line, []byte(":"))
		if !has || len(name) > 24 || field(string(bytes.TrimRight(name, " \t"))) != ContentLength {
			continue
		}
		v, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
		if err != nil || ok && int(v) != n {
			return 0, false
		}
		n, ok = int(v), true
	}
	return n, ok
}
