package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// ReasonOf returns the phrase beside a status (RFC 3261 21, RFC 4028 6).
func ReasonOf(status int) string {
	switch status {
	case 0:
		return "no answer"
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 408:
		return "Request Timeout"
	case 413:
		return "Request Entity Too Large"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Unsupported URI Scheme"
	case 420:
		return "Bad Extension"
	case 422:
		return "Session Interval Too Small"
	case 423:
		return "Interval Too Brief"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	case 484:
		return "Address Incomplete"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 491:
		return "Request Pending"
	case 500:
		return "Server Internal Error"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Server Time-out"
	case 505:
		return "Version Not Supported"
	case 603:
		return "Decline"
	}
	return "Status " + strconv.Itoa(status)
}

// Response writes an answer to m (RFC 3261 8.2.6): the fields that must be
// echoed as they came, and the given lines. from is where m came from; tag is
// our To tag, "" for none.
func Response(m *Message, status int, from netip.AddrPort, tag string, lines []string) []byte {
	b := make([]byte, 0, 1024)
	b = append(b, "SIP/2.0 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, ReasonOf(status)...)
	b = append(b, "\r\n"...)
	top := true
	for i := range m.Headers {
		h := &m.Headers[i]
		switch h.Field {
		case Via:
			b = append(b, "Via: "...)
			if top && m.SentBy != "" {
				b = appendReceived(b, m, h.Value, from)
			} else {
				b = append(b, h.Value...)
			}
			top = false
		case From:
			b = append(append(b, "From: "...), h.Value...)
		case To:
			b = append(append(b, "To: "...), h.Value...)
			if m.ToTag == "" && tag != "" && status > 100 {
				b = append(append(b, ";tag="...), tag...)
			}
		case CallID:
			b = append(append(b, "Call-ID: "...), h.Value...)
		case CSeq:
			b = append(append(b, "CSeq: "...), h.Value...)
		default:
			continue
		}
		b = append(b, "\r\n"...)
	}
	for _, l := range lines {
		b = append(append(b, l...), "\r\n"...)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// appendReceived writes the top Via with where the request really came from
// (RFC 3261 18.2.1, RFC 3581 4).
func appendReceived(b []byte, m *Message, v string, from netip.AddrPort) []byte {
	end := firstValue(v)
	first := v[:end]
	if m.Rport {
		first = fillRport(first, from.Port())
	}
	b = append(b, first...)
	if !strings.Contains(strings.ToLower(first), "received") {
		b = append(b, ";received="...)
		b = from.Addr().AppendTo(b)
	}
	return append(b, v[end:]...)
}

// fillRport gives the rport parameter of a Via value its port.
func fillRport(v string, port uint16) string {
	const name = "rport"
	for i := 0; i+len(name) <= len(v); i++ {
		if !strings.EqualFold(v[i:i+len(name)], name) {
			continue
		}
		before, after := strings.TrimRight(v[:i], " \t"), strings.TrimLeft(v[i+len(name):], " \t")
		if strings.HasSuffix(before, ";") && (after == "" || after[0] == ';') {
			at := i + len(name)
			return v[:at] + "=" + strconv.Itoa(int(port)) + v[at:]
		}
	}
	return v
}
