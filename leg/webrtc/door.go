package webrtc

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ours reports whether the request comes from a page of ours. A request
// without an origin comes from no page (RFC 6454 7.3) and is refused.
func (e *Endpoint) ours(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if slices.Contains(e.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// ticketOf returns the ticket among the subprotocols; "" when the page does
// not speak our protocol or brings none.
func ticketOf(r *http.Request) (word string) {
	ours := false
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			p = strings.TrimSpace(p)
			ours = ours || p == Protocol
			if t, ok := strings.CutPrefix(p, ticketWord); ok {
				word = t
			}
		}
	}
	if !ours {
		return ""
	}
	return word
}
