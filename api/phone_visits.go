package api

import (
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"sotto"
	"sotto/leg"
	"sotto/leg/webrtc"
)

// maxVisitorName bounds the name a visitor gives, in characters.
const maxVisitorName = 80

// visitInput is what the page of a web line says before it calls.
type visitInput struct {
	Visit struct {
		Line   string `json:"line"`
		Locale string `json:"locale"`
		Notice string `json:"notice"` // SHA-256 of the words that were shown
		Ticked bool   `json:"ticked"`
		Name   string `json:"name"`
	} `json:"visit"`
}

// createVisit lets a visitor of a web line's page call that line, once. The
// words about recording that the page showed must be those in force: else
// nobody could say later what was agreed to.
func (a *API) createVisit(w http.ResponseWriter, q *request) error {
	if a.c.Pages == nil {
		return sotto.Fail(sotto.Busy, "This desk takes no calls in browsers now.")
	}
	if http.NewCrossOriginProtection().Check(q.Request) != nil {
		return sotto.Fail(sotto.Denied, "Only the desk's own page may call from a browser.")
	}
	var in visitInput
	if err := q.read(&in); err != nil {
		return err
	}
	v := in.Visit
	l, err := a.c.Lines.Page(q.Context(), v.Line)
	if err != nil {
		return err
	}
	words := a.c.Lines.Words(l.Consent, v.Locale)
	if v.Notice != hex.EncodeToString(words.SHA256[:]) {
		return sotto.Fail(sotto.Conflict, "What is said about recording has changed. Load the page again.")
	}
	name := strings.TrimSpace(v.Name)
	if utf8.RuneCountInString(name) > maxVisitorName || !utf8.ValidString(name) {
		return sotto.FailField("name", "A name has at most 80 characters.")
	}
	word, err := a.c.Pages.Ticket(webrtc.Pass{
		Line: l.Number, From: addressOf(q.RemoteAddr), Name: name,
		Told: leg.Told{
			Mode: string(words.Mode), Notice: words.Notice, Locale: words.Locale, SHA256: words.SHA256, Ticked: v.Ticked, At: a.c.Clock(),
		},
	})
	if err != nil {
		return err
	}
	return a.writePhoneTicket(w, word)
}

// addressOf reads the other side's address; a proxy gives none of its ports.
func addressOf(remote string) netip.Addr {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	addr, _ := netip.ParseAddr(remote) // those without one share their limit
	return addr
}
