// Package message reads, checks and writes SIP messages (RFC 3261 7, 8.2, 25).
//
// It stands between the sockets and everything that acts on a call: bytes from
// outside become a Message only after each check that a status exists for, so
// nobody behind it meets a message without a Call-ID or with two of them. All
// functions are pure; there is no socket, clock or state here. Header values
// are kept as they came, so a response echoes them byte for byte.
package message

import (
	"strconv"
	"strings"
)

// Field is a header field name we act on. Others are Other.
type Field uint8

// The header fields, by RFC.
const (
	Other           Field = iota
	Via                   // RFC 3261 20.42
	From                  // RFC 3261 20.20
	To                    // RFC 3261 20.39
	CallID                // RFC 3261 20.8
	CSeq                  // RFC 3261 20.16
	Contact               // RFC 3261 20.10
	MaxForwards           // RFC 3261 20.22
	ContentLength         // RFC 3261 20.14
	ContentType           // RFC 3261 20.15
	ContentEncoding       // RFC 3261 20.12
	Require               // RFC 3261 20.32
	Accept                // RFC 3261 20.1
	Authorization         // RFC 3261 20.7
	Expires               // RFC 3261 20.19
	SessionExpires        // RFC 4028 4
	MinSE                 // RFC 4028 5

	fieldCount
)

// fieldOf knows long and compact names, in lower case.
func fieldOf(lower string) Field {
	switch lower {
	case "via", "v":
		return Via
	case "from", "f":
		return From
	case "to", "t":
		return To
	case "call-id", "i":
		return CallID
	case "cseq":
		return CSeq
	case "contact", "m":
		return Contact
	case "max-forwards":
		return MaxForwards
	case "content-length", "l":
		return ContentLength
	case "content-type", "c":
		return ContentType
	case "content-encoding", "e":
		return ContentEncoding
	case "require":
		return Require
	case "accept":
		return Accept
	case "authorization":
		return Authorization
	case "expires":
		return Expires
	case "session-expires", "x":
		return SessionExpires
	case "min-se":
		return MinSE
	}
	return Other
}

// Header is one header field: a line, unfolded, without space around it.
type Header struct {
	Field Field
	Value string
}

// Message is a request or a response that passed the checks.
type Message struct {
	Method string // of a request; "" for a response
	URI    string // of a request
	Status int    // of a response; 0 for a request
	Reason string // of a response

	Headers []Header
	Body    []byte

	// What every message has, read once.
	ID       string // Call-ID
	FromTag  string // "" from an RFC 2543 peer
	ToTag    string // "" outside a dialog
	Seq      uint32 // CSeq number
	SeqOf    string // CSeq method
	Branch   string // of the top Via
	SentBy   string // host[:port] of the top Via
	SentPort int    // port of SentBy, 0 when not said
	Rport    bool   // the top Via asks for RFC 3581
}

// IsRequest reports whether m is a request.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// Secure reports whether the request is for a sips: URI.
func (m *Message) Secure() bool {
	return len(m.URI) > 5 && strings.EqualFold(m.URI[:5], "sips:")
}

// Get returns the first value of f, or "".
func (m *Message) Get(f Field) string {
	for i := range m.Headers {
		if m.Headers[i].Field == f {
			return m.Headers[i].Value
		}
	}
	return ""
}

// Has reports whether f is there at all.
func (m *Message) Has(f Field) bool {
	for i := range m.Headers {
		if m.Headers[i].Field == f {
			return true
		}
	}
	return false
}

// List returns all values of f, one per element also where a line holds
// several (RFC 3261 7.3.1).
func (m *Message) List(f Field) []string {
	var l []string
	for i := range m.Headers {
		if m.Headers[i].Field == f {
			l = appendValues(l, m.Headers[i].Value)
		}
	}
	return l
}

// Seconds reads a header value as delta-seconds (RFC 3261 25.1), parameters
// ignored. A number too large is clamped; ok is false when there is none.
func Seconds(v string) (n int, ok bool) {
	if i := strings.IndexAny(v, "; \t("); i >= 0 {
		v = v[:i]
	}
	if v == "" || strings.Trim(v, "0123456789") != "" {
		return 0, false
	}
	u, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return 1<<31 - 1, true
	}
	return int(u), true
}

// Is reports whether m's body is of this media type, whatever its case and
// parameters.
func (m *Message) Is(mediaType string) bool {
	v, _, _ := strings.Cut(m.Get(ContentType), ";")
	return strings.EqualFold(strings.TrimSpace(v), mediaType)
}

// Values splits a header value into its elements.
func Values(v string) []string { return appendValues(nil, v) }

// appendValues splits a header value at the commas that are outside quotes and
// angle brackets.
func appendValues(l []string, v string) []string {
	quoted, angle, start := false, false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			l = append(l, strings.TrimSpace(v[start:i]))
			start = i + 1
		}
	}
	return append(l, strings.TrimSpace(v[start:]))
}
