package api

import (
	"net/http"
	"strings"

	"sotto"
	"sotto/person"
	"sotto/ticket"
)

// searchBody is what a search found: tickets first, then users.
type searchBody struct {
	Results []any   `json:"results"`
	Facets  *string `json:"facets"`
	paging
}

// The results carry what they are.
type (
	ticketResult struct {
		ticketJSON
		Type string `json:"result_type"`
	}
	userResult struct {
		user
		Type string `json:"result_type"`
	}
)

// search finds tickets and users. It answers with the first 100 of each: a
// link to the next ones would have to repeat what was searched for.
func (a *API) search(w http.ResponseWriter, q *request) error {
	tickets, people, err := a.find(q)
	if err != nil {
		return err
	}
	rows, err := a.tickets(q, tickets)
	if err != nil {
		return err
	}
	body := searchBody{Results: []any{}}
	for _, t := range rows {
		body.Results = append(body.Results, ticketResult{t, "ticket"})
	}
	for _, p := range people[:min(len(people), maxPage)] {
		body.Results = append(body.Results, userResult{q.user(p), "user"})
	}
	body.paging = paging{numberPaging: &numberPaging{Count: int64(len(body.Results))}}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) searchCount(w http.ResponseWriter, q *request) error {
	tickets, people, err := a.find(q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Count int `json:"count"`
	}{len(tickets) + len(people)})
}

// find reads type:ticket and type:user out of the query and looks for both
// when it says neither.
func (a *API) find(q *request) (tickets []ticket.Ticket, people []person.Person, err error) {
	var words []string
	kind := ""
	for _, word := range strings.Fields(q.param("query")) {
		if v, ok := strings.CutPrefix(strings.ToLower(word), "type:"); ok {
			kind = v
			continue
		}
		words = append(words, word)
	}
	query := strings.Join(words, " ")
	switch {
	case kind != "" && kind != "ticket" && kind != "user":
		return nil, nil, badRequest("InvalidValue", "type: is ticket or user.")
	case query == "":
		return nil, nil, badRequest("ParameterMissing", "Say what to look for: ?query=.")
	}
	if kind != "user" {
		if tickets, _, err = a.c.Tickets.Search(q.Context(), q.actor, query, ticket.Page{}); err != nil {
			return nil, nil, err
		}
	}
	if words := searchWords(query); kind != "ticket" && words != "" {
		people, err = a.c.People.Find(q.Context(), words)
	}
	if err != nil && sotto.KindOf(err) == sotto.Gone {
		err = nil // erased since it was found
	}
	return tickets, people, err
}
