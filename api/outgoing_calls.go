package api

import (
	"net/http"

	"sotto"
	"sotto/dial"
	"sotto/flow"
)

// createCall lets the desk make a call. It answers when the agent's telephones
// are about to ring.
func (a *API) createCall(w http.ResponseWriter, q *request) error {
	var in struct {
		Call *struct {
			Number  text   `json:"number"`
			Line    number `json:"phone_number_id"`
			Ticket  number `json:"ticket_id"`
			Agent   number `json:"agent_id"`
			Purpose text   `json:"purpose"`
		} `json:"call"`
	}
	if err := q.read(&in); err != nil {
		return err
	}
	if in.Call == nil {
		return missing("call")
	}
	o := flow.Outgoing{
		By: q.actor, Agent: sotto.PersonID(in.Call.Agent), Line: sotto.LineID(in.Call.Line), Ticket: sotto.TicketID(in.Call.Ticket),
		Number: string(in.Call.Number), Purpose: dial.Purpose(in.Call.Purpose),
	}
	if p := o.Purpose; p != "" && p != dial.Support && p != dial.Marketing {
		return sotto.FailField("purpose", "The purpose of a call is support or marketing.")
	}
	if a.c.Flow == nil {
		return sotto.Fail(sotto.Busy, "This desk makes no calls now.")
	}
	id, err := a.c.Flow.Call(q.Context(), o)
	if err != nil {
		return err
	}
	body := struct {
		Call liveCall `json:"call"`
	}{liveCall{ID: int64(id), Direction: "outbound", State: "ended", Parties: []liveParty{}}}
	for _, c := range a.c.Calls.Live() {
		if c.ID == id {
			body.Call = a.liveCall(q, c)
		}
	}
	return writeJSON(w, http.StatusCreated, body)
}
