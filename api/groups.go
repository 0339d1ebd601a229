package api

import (
	"net/http"
	"slices"
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

type (
	groupBody struct {
		Group group `json:"group"`
	}
	groupsBody struct {
		Groups []group `json:"groups"`
		paging
	}
)

func (q *request) group(g agent.Group) group {
	return group{
		ID: int64(g.ID), URL: q.base + "/groups/" + strconv.FormatInt(int64(g.ID), 10) + ".json", Name: g.Name, Default: g.Default, Public: true,
		CreatedAt: stamp(g.CreatedAt), UpdatedAt: stamp(g.UpdatedAt),
	}
}

func (a *API) listGroups(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Groups(q.Context())
	if err != nil {
		return err
	}
	return q.writeGroups(w, all)
}

// listGroupsOf lists the groups that a user is in.
func (a *API) listGroupsOf(w http.ResponseWriter, q *request) error {
	mine, err := a.membershipsOf(q)
	if err != nil {
		return err
	}
	all, err := a.c.Agents.Groups(q.Context())
	if err != nil {
		return err
	}
	return q.writeGroups(w, slices.DeleteFunc(all, func(g agent.Group) bool {
		return !slices.ContainsFunc(mine, func(m agent.Membership) bool { return m.Group == g.ID })
	}))
}

func (a *API) countGroups(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Groups(q.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, countBody{countValue{int64(len(all)), stamp(a.c.Clock())}})
}

func (q *request) writeGroups(w http.ResponseWriter, all []agent.Group) error {
	p, err := q.page()
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
