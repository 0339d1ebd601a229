package api

import (
	"net/http"
	"strconv"

	"sotto"
	"sotto/agent"
)

// group is a group of agents in Zendesk's shape.
type group struct {
	ID          int64   `json:"id"`
	URL         string  `json:"url"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Default     bool    `json:"default"`
	Deleted     bool    `json:"deleted"`
	Public      bool    `json:"is_public"`
	CreatedAt   *string `json:"created_at"`
	UpdatedAt   *string `json:"updated_at"`
}

// membership is one agent in one group.
type membership struct {
	ID        int64   `json:"id"`
	URL       string  `json:"url"`
	UserID    int64   `json:"user_id"`
	GroupID   int64   `json:"group_id"`
	Default   bool    `json:"default"`
	CreatedAt *string `json:"created_at"`
	UpdatedAt *string `json:"updated_at"`
}

type (
	groupBody struct {
		Group group `json:"group"`
	}
	groupsBody struct {
		Groups []group `json:"groups"`
		paging
	}
	membershipBody struct {
		Membership membership `json:"group_membership"`
	}
	membershipsBody struct {
		Memberships []membership `json:"group_memberships"`
		paging
	}
)

func (q *request) group(g agent.Group) group {
	return group{
		ID: int64(g.ID), URL: q.base + "/groups/" + strconv.FormatInt(int64(g.ID), 10) + ".json", Name: g.Name, Default: g.Default, Public: true,
		CreatedAt: stamp(g.CreatedAt), UpdatedAt: stamp(g.UpdatedAt),
	}
}

func (q *request) membership(m agent.Membership) membership {
	return membership{
		ID: m.ID, URL: q.base + "/group_memberships/" + strconv.FormatInt(m.ID, 10) + ".json", UserID: int64(m.Person), GroupID: int64(m.Group),
		Default: m.Default, CreatedAt: stamp(m.CreatedAt), UpdatedAt: stamp(m.CreatedAt),
	}
}

func (a *API) listGroups(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Agents.Groups(q.Context())
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, all, func(g agent.Group) int64 { return int64(g.ID) })
	if err != nil {
		return err
	}
	body := groupsBody{[]group{}, q.paging(p, out)}
	for _, g := range rows {
		body.Groups = append(body.Groups, q.group(g))
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) showGroup(w http.ResponseWriter, q *request) error {
	id, err := q.number("group")
	if err != nil {
		return err
	}
	g, err := a.c.Agents.Group(q.Context(), sotto.GroupID(id))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, groupBody{q.group(g)})
}

// groupInput is what a client may set on a group.
type groupInput struct {
	Name    *string `json:"name"`
	Default *bool   `json:"default"`
}

func (q *request) readGroup() (groupInput, error) { return readNamed[groupInput](q, "group") }

func (a *API) createGroup(w http.ResponseWriter, q *request) error {
	in, err := q.readGroup()
	if err != nil {
		return err
	}
	g, err := a.c.Agents.AddGroup(q.Context(), q.actor, value(in.Name))
	if err != nil {
		return err
	}
	out := q.group(g)
	w.Header().Set("Location", out.URL)
	return writeJSON(w, http.StatusCreated, groupBody{out})
}

func (a *API) updateGroup(w http.ResponseWriter, q *request) error {
	id, err := q.number("group")
	if err != nil {
		return err
	}
	in, err := q.readGroup()
	if err != nil {
		return err
	}
	g, err := a.c.Agents.UpdateGroup(q.Context(), q.actor, sotto.GroupID(id), in.Name, in.Default)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, groupBody{q.group(g)})
}

func (a *API) deleteGroup(w http.ResponseWriter, q *request) error {
	id, err := q.number("group")
	if err != nil {
		return err
	}
	if err := a.c.Agents.RemoveGroup(q.Context(), q.actor, sotto.GroupID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) listMemberships(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Agents.Memberships(q.Context())
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, all, func(m agent.Membership) int64 { return m.ID })
	if err != nil {
		return err
	}
	body := membershipsBody{[]membership{}, q.paging(p, out)}
	for _, m := range rows {
		body.Memberships = append(body.Memberships, q.membership(m))
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) createMembership(w http.ResponseWriter, q *request) error {
	in, err := readNamed[struct {
		UserID  number `json:"user_id"`
		GroupID number `json:"group_id"`
	}](q, "group_membership")
	if err != nil {
		return err
	}
	m, err := a.c.Agents.Enter(q.Context(), q.actor, sotto.PersonID(in.UserID), sotto.GroupID(in.GroupID))
	if err != nil {
		return err
	}
	out := q.membership(m)
	w.Header().Set("Location", out.URL)
	return writeJSON(w, http.StatusCreated, membershipBody{out})
}

func (a *API) deleteMembership(w http.ResponseWriter, q *request) error {
	id, err := q.number("membership")
	if err != nil {
		return err
	}
	if err := a.c.Agents.Quit(q.Context(), q.actor, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
