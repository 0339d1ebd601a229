package api

import (
	"net/http"

	"sotto"
	"sotto/agent"
)

// availability is whether an agent takes calls, in both of Zendesk's shapes:
// the older members available and status, the newer agent_state.
type availability struct {
	AgentID    int64   `json:"agent_id"`
	Via        string  `json:"via"`
	Available  bool    `json:"available"`
	Status     string  `json:"status"`
	AgentState string  `json:"agent_state"`
	CallStatus *string `json:"call_status"`
	ChangedAt  *string `json:"changed_at"`

	// Ours: the reason chosen, and whether the desk set the state itself,
	// because offers rang out.
	ReasonID   *int64 `json:"reason_id"`
	Unanswered bool   `json:"unanswered"`
}

type (
	availabilityBody struct {
		Availability availability `json:"availability"`
	}
	availabilitiesBody struct {
		Availabilities []availability `json:"availabilities"`
		paging
	}
)

// listAvailabilities lists every agent's; it is ours.
func (a *API) listAvailabilities(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Agents.List(q.Context())
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, all, func(g agent.Agent) int64 { return int64(g.Person) })
	if err != nil {
		return err
	}
	body := availabilitiesBody{[]availability{}, q.paging(p, out)}
	for _, g := range rows {
		body.Availabilities = append(body.Availabilities, availabilityOf(g))
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) showAvailability(w http.ResponseWriter, q *request) error {
	id, err := q.number("agent")
	if err != nil {
		return err
	}
	return a.writeAvailability(w, q, sotto.PersonID(id))
}

func (a *API) writeAvailability(w http.ResponseWriter, q *request, id sotto.PersonID) error {
	g, err := a.c.Agents.Get(q.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, availabilityBody{availabilityOf(g)})
}

func availabilityOf(g agent.Agent) availability {
	out := availability{AgentID: int64(g.Person), Via: "phone", Status: "not_available", AgentState: string(g.State), ChangedAt: stamp(g.ChangedAt)}
	if out.Available = g.State == agent.Online; out.Available {
		out.Status = "available"
	}
	out.CallStatus, out.ReasonID = callStatus(g.Status), orNull(g.Reason.ID)
	if out.Unanswered = g.Reason.Unanswered; out.Unanswered {
		out.Status = "not_available"
	}
	return out
}

// availabilityInput is what a client may set.
type availabilityInput struct {
	AgentState *string `json:"agent_state"`
	Available  *bool   `json:"available"`
	ReasonID   *number `json:"reason_id"`
	WrapUp     *bool   `json:"wrap_up"`
}

func (a *API) updateAvailability(w http.ResponseWriter, q *request) error {
	id, err := q.number("agent")
	if err != nil {
		return err
	}
	in, err := readNamed[availabilityInput](q, "availability")
	if err != nil {
		return err
	}
	if in.WrapUp != nil && !*in.WrapUp || in.ReasonID != nil {
		return a.updateDuty(w, q, sotto.PersonID(id), in.ReasonID)
	}
	state := agent.State(value(in.AgentState))
	if state == "" && in.Available != nil {
		if state = agent.Offline; *in.Available {
			state = agent.Online
		}
	}
	if err := a.c.Agents.SetState(q.Context(), q.actor, sotto.PersonID(id), state); err != nil {
		return err
	}
	return a.writeAvailability(w, q, sotto.PersonID(id))
}

// updateDuty sets the state that goes with a reason, or ends the wrap-up.
func (a *API) updateDuty(w http.ResponseWriter, q *request, id sotto.PersonID, reason *number) (err error) {
	if reason != nil {
		err = a.c.Agents.SetReason(q.Context(), q.actor, id, sotto.ReasonID(*reason))
	} else {
		err = a.c.Agents.EndWrapUp(q.Context(), q.actor, id)
	}
	if err != nil {
		return err
	}
	return a.writeAvailability(w, q, id)
}
