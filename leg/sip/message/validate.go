package message

import (
	"strconv"
	"strings"
)

// AllowLine lists the methods we act on (RFC 3261 20.5).
const AllowLine = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, MESSAGE, REGISTER"

// SupportedLine lists the extensions we act on (RFC 3261 20.37).
const SupportedLine = "Supported: timer, 100rel"

func allowed(method string) bool {
	switch method {
	case "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "MESSAGE", "REGISTER":
		return true
	}
	return false
}

// checkRequest is the validation layer for requests (RFC 3261 8.2, with the
// statuses that RFC 4475 names for broken messages).
func (m *Message) checkRequest(start string, cut, broken bool) (*Message, *Refusal) {
	r := m.requestLine(start)
	if r == nil {
		r = m.checkSyntax(cut || broken)
	}
	if r == nil {
		r = m.checkMeaning()
	}
	if r != nil && m.Method == "ACK" {
		r = refuse(0) // an ACK is never answered
	}
	return m, r
}

// requestLine reads "INVITE sip:user@host SIP/2.0": two single spaces, and no
// more (RFC 3261 7.1).
func (m *Message) requestLine(start string) *Refusal {
	f := strings.Split(start, " ")
	if isToken(f[0]) {
		m.Method = f[0] // even of a broken line: an ACK is not answered
	}
	if len(f) != 3 || m.Method == "" {
		return refuse(400)
	}
	m.URI = f[1]
	if version, ok := strings.CutPrefix(strings.ToUpper(f[2]), "SIP/"); !ok {
		return refuse(400)
	} else if version != "2.0" {
		return refuse(505)
	}
	if !plausibleURI(m.URI) {
		return refuse(400)
	}
	return nil
}

// checkSyntax finds what makes a request unreadable: 400.
func (m *Message) checkSyntax(broken bool) *Refusal {
	if broken || m.SentBy == "" || m.SeqOf == "" || m.SeqOf != m.Method || !m.single() || !plainID(m.ID) {
		return refuse(400)
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		ok := true
		switch h.Field {
		case From, To:
			_, err := ParseAddress(h.Value)
			ok = err == nil
		case Contact:
			ok = m.checkContacts(h.Value)
		case MaxForwards:
			n, err := strconv.ParseUint(h.Value, 10, 31)
			ok = err == nil && n <= 255
		case ContentLength:
			ok = m.checkLength(h.Value)
		case Via:
			ok = !strings.HasSuffix(h.Value, ",")
		}
		if !ok {
			return refuse(400)
		}
	}
	return nil
}

// single reports whether the fields that must come exactly once do so, and
// those that may come once do not come twice (RFC 3261 7.3.1).
func (m *Message) single() bool {
	var n [fieldCount]int
	for i := range m.Headers {
		n[m.Headers[i].Field]++
	}
	for _, f := range [...]Field{From, To, CallID, CSeq} {
		if n[f] != 1 {
			return false
		}
	}
	for _, f := range [...]Field{MaxForwards, ContentLength, ContentType, Expires, SessionExpires, MinSE} {
		if n[f] > 1 {
			return false
		}
	}
	return true
}

// plainID reports whether a Call-ID is one word without control characters.
func plainID(id string) bool {
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] == 0x7f {
			return false
		}
	}
	return id != "" && len(id) <= 512
}

func (m *Message) checkContacts(v string) bool {
	if v == "*" {
		return m.Method == "REGISTER"
	}
	for _, one := range appendValues(nil, v) {
		if _, err := ParseAddress(one); err != nil {
			return false
		}
	}
	return true
}

// checkLength compares Content-Length with the body: longer than the packet
// is an error, what is left over is dropped (RFC 3261 18.3).
func (m *Message) checkLength(v string) bool {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil || int(n) > len(m.Body) {
		return false
	}
	m.Body = m.Body[:n]
	return true
}

// checkMeaning finds what we read but do not do.
func (m *Message) checkMeaning() *Refusal {
	if !allowed(m.Method) {
		return refuse(405, AllowLine)
	}
	scheme, rest, _ := strings.Cut(m.URI, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips":
		if strings.Contains(rest[strings.LastIndexByte(rest, '@')+1:], "?") {
			return refuse(400) // header fields are not allowed here (RFC 3261 19.1.1)
		}
		if _, err := ParseURI(m.URI); err != nil {
			return refuse(400)
		}
	case "tel":
	default:
		return refuse(416)
	}
	if len(m.Body) > MaxBody {
		return refuse(413)
	}
	if m.Method != "CANCEL" && m.Method != "ACK" {
		if unknown := m.unknownExtensions(); len(unknown) > 0 {
			return refuse(420, "Unsupported: "+strings.Join(unknown, ", "))
		}
	}
	if m.Method == "INVITE" && m.Has(MaxForwards) && strings.Trim(m.Get(MaxForwards), "0") == "" {
		return refuse(483) // RFC 7332: what takes calls on to others counts hops
	}
	return m.checkBody()
}

// unknownExtensions lists what the request requires and we do not do
// (RFC 3261 8.2.2.3).
func (m *Message) unknownExtensions() []string {
	var l []string
	for _, tag := range m.List(Require) {
		if !strings.EqualFold(tag, "timer") && !strings.EqualFold(tag, "100rel") && isToken(tag) {
			l = append(l, tag)
		}
	}
	return l
}

// checkBody checks that a session description is one (RFC 3261 8.2.3).
func (m *Message) checkBody() *Refusal {
	const accept = "Accept: application/sdp"
	switch m.Method {
	case "INVITE", "UPDATE", "ACK", "PRACK":
	default:
		return nil // INFO reads its own kinds; the others ignore a body
	}
	if len(m.Body) > 0 {
		if e := m.Get(ContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
			return refuse(415, "Accept-Encoding: identity")
		}
		if !m.Is("application/sdp") {
			return refuse(415, accept)
		}
	}
	if m.Method == "INVITE" && m.Has(Accept) && !m.takesSDP() {
		return refuse(406, accept)
	}
	return nil
}

// takesSDP reports whether the answer to an INVITE may hold what it will hold
// (RFC 3261 20.1). An empty Accept takes nothing.
func (m *Message) takesSDP() bool {
	for _, v := range m.List(Accept) {
		v, _, _ = strings.Cut(v, ";")
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "application/sdp", "application/*", "*/*":
			return true
		}
	}
	return false
}

// checkResponse reads "SIP/2.0 200 OK". A response that is wrong is dropped in
// silence (RFC 3261 8.1.3, 18.1.2).
func (m *Message) checkResponse(start string, broken bool) (*Message, *Refusal) {
	version, rest, _ := strings.Cut(start, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(code, 10, 16)
	if version != "SIP/2.0" || err != nil || len(code) != 3 || n < 100 || n > 699 {
		return nil, refuse(0)
	}
	m.Status, m.Reason = int(n), reason
	if broken || m.SentBy == "" || m.SeqOf == "" || !m.single() || !plainID(m.ID) || len(m.List(Via)) != 1 {
		return nil, refuse(0)
	}
	if v := m.Get(ContentLength); v != "" && !m.checkLength(v) || len(m.Body) > MaxBody {
		return nil, refuse(0)
	}
	return m, nil
}
