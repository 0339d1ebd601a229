package webrtc

import (
	"crypto/rand"
	"crypto/sha256"
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

// wordOf returns what opens the door among the subprotocols: a ticket, or the
// word of a page that comes back. "" when the page does not speak our
// protocol or brings none.
func wordOf(r *http.Request) (word string, back bool) {
	ours := false
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			p = strings.TrimSpace(p)
			ours = ours || p == Protocol
			if t, ok := strings.CutPrefix(p, ticketWord); ok {
				word, back = t, false
			}
			if t, ok := strings.CutPrefix(p, returnWord); ok {
				word, back = t, true
			}
		}
	}
	if !ours {
		return "", false
	}
	return word, back
}

// pass finds out who opens a page: with a ticket, or with the word of a
// visitor's page that lost its WebSocket in the middle of a call, as a change
// of network does. Each word is good once. e.mu is held.
func (e *Endpoint) pass(r *http.Request) (p Pass, old *session, ok bool) {
	word, back := wordOf(r)
	if !back {
		p, ok = e.redeem(word)
		return p, nil, ok
	}
	key := sha256.Sum256([]byte(word))
	old = e.backs[key]
	delete(e.backs, key)
	if old == nil || old.visitor == nil {
		return p, nil, false
	}
	return old.pass, old, true
}

// follows lets s go on with the call of the page it comes back for. e.mu is
// held.
func (s *session) follows(old *session) *Ongoing {
	l := old.visitor
	if l == nil { // it ended in this moment
		return nil
	}
	old.visitor, s.visitor = nil, l
	old.leaveWith(statusReplaced)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = s
	return l.describe()
}

// mayReturn gives a visitor's page the word it comes back with. e.mu is held.
func (s *session) mayReturn() string {
	if s.pass.Line == "" {
		return ""
	}
	word := rand.Text()
	s.back = sha256.Sum256([]byte(word))
	s.e.backs[s.back] = s
	return word
}

// forgetBack ends the words of a call that is over, whose page is gone. e.mu
// is held.
func (e *Endpoint) forgetBack(l *Leg) {
	if l.device != 0 {
		return
	}
	for key, s := range e.backs {
		if s.over && s.visitor == l {
			s.visitor = nil
			delete(e.backs, key)
		}
	}
}
