package api

import (
	"net/http"

	"sotto"
	"sotto/leg/webrtc"
)

// phoneTicket opens the telephone of a page, once.
type phoneTicket struct {
	Ticket    string `json:"ticket"`
	Protocol  string `json:"protocol"`
	Path      string `json:"path"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// createPhoneTicket lets the agent who asks be rung in the page that asks.
// The token stays in the header of this request: the WebSocket gets a word
// that is worth nothing a moment later.
func (a *API) createPhoneTicket(w http.ResponseWriter, q *request) error {
	if a.c.Pages == nil {
		return sotto.Fail(sotto.Busy, "This desk takes no calls in browsers now.")
	}
	d, err := a.c.Agents.Browser(q.Context(), q.actor)
	if err != nil {
		return err
	}
	word, err := a.c.Pages.Ticket(webrtc.Pass{Device: d.ID})
	if err != nil {
		return err
	}
	return a.writePhoneTicket(w, word)
}

// writePhoneTicket tells a page how to come in.
func (a *API) writePhoneTicket(w http.ResponseWriter, word string) error {
	return writeJSON(w, http.StatusCreated, map[string]phoneTicket{"phone_ticket": {
		Ticket: word, Protocol: webrtc.Protocol, Path: webrtc.Path, ExpiresIn: int(a.c.Pages.TicketLife().Seconds()),
	}})
}
