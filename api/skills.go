package api

import (
	"net/http"
	"slices"

	"sotto"
	"sotto/agent"
)

// Skills of agents, and the reasons the desk has for a state. Both are ours.

type (
	skill struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	skillBody struct {
		Skill skill `json:"skill"`
	}
	skillsBody struct {
		Skills []skill `json:"skills"`
		Count  int     `json:"count"`
	}
	stateReason struct {
		ID         int64  `json:"id"`
		Name       string `json:"name"`
		AgentState string `json:"agent_state"`
	}
	stateReasonBody struct {
		Reason stateReason `json:"reason"`
	}
	stateReasonsBody struct {
		Reasons []stateReason `json:"reasons"`
		Count   int           `json:"count"`
	}
)

func writeSkills(w http.ResponseWriter, all []agent.Skill) error {
	body := skillsBody{[]skill{}, len(all)}
	for _, k := range all {
		body.Skills = append(body.Skills, skill{int64(k.ID), k.Name})
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) listSkills(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Skills(q.Context())
	if err != nil {
		return err
	}
	return writeSkills(w, all)
}

func (a *API) createSkill(w http.ResponseWriter, q *request) error {
	in, err := readNamed[struct {
		Name string `json:"name"`
	}](q, "skill")
	if err != nil {
		return err
	}
	k, err := a.c.Agents.AddSkill(q.Context(), q.actor, in.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, skillBody{skill{int64(k.ID), k.Name}})
}

func (a *API) deleteSkill(w http.ResponseWriter, q *request) error {
	id, err := q.number("skill")
	if err != nil {
		return err
	}
	if err := a.c.Agents.RemoveSkill(q.Context(), q.actor, sotto.SkillID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listSkillsOf lists what an agent knows.
func (a *API) listSkillsOf(w http.ResponseWriter, q *request) error {
	id, err := q.number("agent")
	if err != nil {
		return err
	}
	if _, err := a.c.Agents.Get(q.Context(), sotto.PersonID(id)); err != nil {
		return err
	}
	all, err := a.c.Agents.SkillsOf(q.Context(), sotto.PersonID(id))
	if err != nil {
		return err
	}
	return writeSkills(w, all)
}

func (a *API) giveSkill(w http.ResponseWriter, q *request) error {
	who, what, err := q.agentAndSkill()
	if err != nil {
		return err
	}
	if err := a.c.Agents.GiveSkill(q.Context(), q.actor, who, what); err != nil {
		return err
	}
	return a.listSkillsOf(w, q)
}

func (a *API) takeSkill(w http.ResponseWriter, q *request) error {
	who, what, err := q.agentAndSkill()
	if err != nil {
		return err
	}
	mine, err := a.c.Agents.SkillsOf(q.Context(), who)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(mine, func(k agent.Skill) bool { return k.ID == what }) {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	if err := a.c.Agents.TakeSkill(q.Context(), q.actor, who, what); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (q *request) agentAndSkill() (who sotto.PersonID, what sotto.SkillID, err error) {
	id, err := q.number("agent")
	if err != nil {
		return 0, 0, err
	}
	of, err := q.number("skill")
	return sotto.PersonID(id), sotto.SkillID(of), err
}

func (a *API) listReasons(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Reasons(q.Context())
	if err != nil {
		return err
	}
	body := stateReasonsBody{[]stateReason{}, len(all)}
	for _, r := range all {
		body.Reasons = append(body.Reasons, stateReason{int64(r.ID), r.Name, string(r.State)})
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) createReason(w http.ResponseWriter, q *request) error {
	in, err := readNamed[struct {
		Name       string `json:"name"`
		AgentState string `json:"agent_state"`
	}](q, "reason")
	if err != nil {
		return err
	}
	r, err := a.c.Agents.AddReason(q.Context(), q.actor, in.Name, agent.State(in.AgentState))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, stateReasonBody{stateReason{int64(r.ID), r.Name, string(r.State)}})
}

func (a *API) deleteReason(w http.ResponseWriter, q *request) error {
	id, err := q.number("reason")
	if err != nil {
		return err
	}
	if err := a.c.Agents.RemoveReason(q.Context(), q.actor, sotto.ReasonID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
