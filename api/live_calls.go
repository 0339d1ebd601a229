package api

import (
	"net/http"

	"sotto"
	"sotto/call"
	"sotto/flow"
)

// liveCall is a call under way: what the live board shows. It holds no number
// and no name; the ticket and the person's own page have those.
type liveCall struct {
	ID        int64       `json:"id"`
	Direction string      `json:"direction"`
	LineID    *int64      `json:"phone_number_id"`
	TicketID  *int64      `json:"ticket_id"`
	AgentID   *int64      `json:"agent_id"`
	UserID    *int64      `json:"user_id"`
	State     string      `json:"state"`
	StartedAt *string     `json:"started_at"`
	Paused    bool        `json:"recording_paused"`
	Private   bool        `json:"private"`
	Parties   []liveParty `json:"parties"`
}

type liveParty struct {
	Kind   string  `json:"kind"`
	Part   string  `json:"part"`
	UserID *int64  `json:"user_id"`
	Place  string  `json:"place"`
	Muted  bool    `json:"muted"`
	Watch  *string `json:"watch"`
	Since  *string `json:"since"`
}

func (a *API) listLiveCalls(w http.ResponseWriter, q *request) error {
	body := struct {
		Calls []liveCall `json:"calls"`
		Count int        `json:"count"`
	}{Calls: []liveCall{}}
	for _, c := range a.c.Calls.Live() {
		body.Calls = append(body.Calls, a.liveCall(q, c))
	}
	body.Count = len(body.Calls)
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) liveCall(q *request, c *call.Call) liveCall {
	s := c.Summary()
	out := liveCall{
		ID: int64(c.ID), Direction: string(c.Direction), LineID: orNull(c.Line), TicketID: orNull(s.Ticket), AgentID: orNull(s.Agent), UserID: orNull(c.Person),
		State: string(s.State), StartedAt: stamp(s.StartedAt), Parties: []liveParty{},
	}
	if a.c.Flow == nil {
		return out
	}
	t, _ := a.c.Flow.Conversation(q.Context(), c.ID)
	out.Paused, out.Private = t.Paused, t.Private
	for _, p := range t.Parties {
		out.Parties = append(out.Parties, liveParty{
			string(p.Kind), string(p.Part), orNull(p.Person), p.Place, p.Muted, wordOrNull(string(p.Watch)), stamp(p.Since),
		})
	}
	return out
}

// orderCall does something in a call under way: the last part of the path is
// a word of flow.Orders.
func (a *API) orderCall(w http.ResponseWriter, q *request) error {
	id, err := q.number("call")
	if err != nil {
		return err
	}
	var in struct {
		AgentID number `json:"agent_id"`
		GroupID number `json:"group_id"`
		Number  text   `json:"number"`
	}
	if q.ContentLength != 0 {
		if err := q.read(&in); err != nil {
			return err
		}
	}
	if a.c.Flow == nil {
		return sotto.Fail(sotto.NotFound, "There is no such call under way.")
	}
	if err := a.c.Flow.Command(q.Context(), q.actor, sotto.CallID(id), flow.Command{
		Do: flow.Order(q.PathValue("order")), Agent: sotto.PersonID(in.AgentID), Group: sotto.GroupID(in.GroupID), Number: string(in.Number),
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
