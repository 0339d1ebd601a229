package sip

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"

	"sotto/leg/sip/message"
)

// get returns the first value of a header field, or "". The library keeps a
// compact name as it came, so those we act on are looked up by both.
func get(m sip.Message, name string) string {
	short := compact(name)
	for _, h := range fields(m) {
		if is(h, name, short) {
			return h.Value()
		}
	}
	return ""
}

// list returns all values of a header field, one per element also where a
// line holds several (RFC 3261 7.3.1).
func list(m sip.Message, name string) []string {
	var l []string
	short := compact(name)
	for _, h := range fields(m) {
		if is(h, name, short) {
			l = append(l, message.Values(h.Value())...)
		}
	}
	return l
}

func is(h sip.Header, name, short string) bool {
	n := h.Name()
	return len(n) == len(name) && strings.EqualFold(n, name) ||
		short != "" && len(n) == 1 && strings.EqualFold(n, short)
}

// fields are the header fields of m in their order.
func fields(m sip.Message) []sip.Header {
	switch m := m.(type) {
	case *sip.Request:
		return m.Headers()
	case *sip.Response:
		return m.Headers()
	}
	return nil
}

func compact(name string) string {
	switch name {
	case "supported":
		return "k"
	case "session-expires":
		return "x"
	case "contact":
		return "m"
	case "content-type":
		return "c"
	}
	return ""
}

// lists reports whether token is one of a field's values, whatever its case.
func lists(m sip.Message, name, token string) bool {
	for _, v := range list(m, name) {
		if strings.EqualFold(v, token) {
			return true
		}
	}
	return false
}

// seconds reads a field as delta-seconds, parameters ignored.
func seconds(m sip.Message, name string) (int, bool) { return message.Seconds(get(m, name)) }

// bodyIs reports whether m's body is of this media type.
func bodyIs(m sip.Message, mediaType string) bool {
	v, _, _ := strings.Cut(get(m, "content-type"), ";")
	return strings.EqualFold(strings.TrimSpace(v), mediaType)
}

// tags returns the tags of From and To; "" where there is none.
func tags(m sip.Message) (from, to string) {
	if h := m.From(); h != nil {
		from, _ = h.Params.Get("tag")
	}
	if h := m.To(); h != nil {
		to, _ = h.Params.Get("tag")
	}
	if from == "" { // the library keeps space around a name
		from = tagOf(get(m, "from"))
	}
	if to == "" {
		to = tagOf(get(m, "to"))
	}
	return from, to
}

func tagOf(v string) string {
	a, err := message.ParseAddress(v)
	if err != nil {
		return ""
	}
	tag, _ := a.Param("tag")
	return tag
}

// source is where a message came from.
func source(m sip.Message) hop {
	a, _ := netip.ParseAddrPort(m.Source())
	tls := strings.EqualFold(m.Transport(), "TLS")
	return hop{addr: unmap(a), tcp: tls || strings.EqualFold(m.Transport(), "TCP"), tls: tls}
}

// respond answers req in its transaction. lines are more header fields,
// "Name: value".
func respond(req *sip.Request, tx *sip.ServerTx, status int, tag string, body []byte, lines ...string) (*sip.Response, error) {
	res := response(req, status, tag, body, lines)
	return res, tx.Respond(res)
}

func response(req *sip.Request, status int, tag string, body []byte, lines []string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, message.ReasonOf(status), nil)
	if to := res.To(); to != nil && tag != "" && status > 100 && !req.To().Params.Has("tag") {
		to.Params.Add("tag", tag)
	}
	addLines(res, lines)
	if len(body) > 0 {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		res.SetBody(body)
	}
	return res
}

func addLines(m sip.Message, lines []string) {
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		m.AppendHeader(sip.NewHeader(name, value))
	}
}
