package api

import (
	"net/http"
	"slices"
	"strconv"

	"sotto"
	"sotto/agent"
)

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
	membershipBody struct {
		Membership membership `json:"group_membership"`
	}
	membershipsBody struct {
		Memberships []membership `json:"group_memberships"`
		paging
	}
)

func (q *request) membership(m agent.Membership) membership {
	return membership{
		ID: m.ID, URL: q.base + "/group_memberships/" + strconv.FormatInt(m.ID, 10) + ".json", UserID: int64(m.Person), GroupID: int64(m.Group),
		Default: m.Default, CreatedAt: stamp(m.CreatedAt), UpdatedAt: stamp(m.CreatedAt),
	}
}

func (q *request) writeMemberships(w http.ResponseWriter, all []agent.Membership) error {
	p, err := q.page()
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

func (a *API) listMemberships(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Memberships(q.Context())
	if err != nil {
		return err
	}
	return q.writeMemberships(w, all)
}

// listMembers lists who is in one group.
func (a *API) listMembers(w http.ResponseWriter, q *request) error {
	id, err := q.number("group")
	if err != nil {
		return err
	}
	if _, err := a.c.Agents.Group(q.Context(), sotto.GroupID(id)); err != nil {
		return err
	}
	all, err := a.c.Agents.Memberships(q.Context())
	if err != nil {
		return err
	}
	return q.writeMemberships(w, slices.DeleteFunc(all, func(m agent.Membership) bool { return int64(m.Group) != id }))
}

// membershipsOf returns the groups the user of the path is in.
func (a *API) membershipsOf(q *request) ([]agent.Membership, error) {
	id, err := q.number("id")
	if err != nil {
		return nil, err
	}
	p, err := a.c.People.Get(q.Context(), sotto.PersonID(id))
	if err == nil && !p.ErasedAt.IsZero() {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	if err != nil {
		return nil, err
	}
	all, err := a.c.Agents.Memberships(q.Context())
	return slices.DeleteFunc(all, func(m agent.Membership) bool { return int64(m.Person) != id }), err
}

func (a *API) listMembershipsOf(w http.ResponseWriter, q *request) error {
	mine, err := a.membershipsOf(q)
	if err != nil {
		return err
	}
	return q.writeMemberships(w, mine)
}

// membershipOf finds the membership of the path among some.
func (q *request) membershipOf(some []agent.Membership) (agent.Membership, error) {
	id, err := q.number("membership")
	if err != nil {
		return agent.Membership{}, err
	}
	for _, m := range some {
		if m.ID == id {
			return m, nil
		}
	}
	return agent.Membership{}, sotto.Fail(sotto.NotFound, "Not found")
}

func (a *API) showMembership(w http.ResponseWriter, q *request) error {
	all, err := a.c.Agents.Memberships(q.Context())
	if err != nil {
		return err
	}
	m, err := q.membershipOf(all)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, membershipBody{q.membership(m)})
}

// makeMembershipDefault answers with all of the user's, as Zendesk does.
func (a *API) makeMembershipDefault(w http.ResponseWriter, q *request) error {
	mine, err := a.membershipsOf(q)
	if err != nil {
		return err
	}
	m, err := q.membershipOf(mine)
	if err != nil {
		return err
	}
	if err := a.c.Agents.MakeDefault(q.Context(), q.actor, m.ID); err != nil {
		return err
	}
	return a.listMembershipsOf(w, q)
}

// membershipInput is an agent and a group.
type membershipInput struct {
	UserID  number `json:"user_id"`
	GroupID number `json:"group_id"`
}

func (a *API) enter(q *request, in membershipInput) (agent.Membership, error) {
	return a.c.Agents.Enter(q.Context(), q.actor, sotto.PersonID(in.UserID), sotto.GroupID(in.GroupID))
}

func (a *API) createMembership(w http.ResponseWriter, q *request) error {
	in, err := readNamed[membershipInput](q, "group_membership")
	if err != nil {
		return err
	}
	m, err := a.enter(q, in)
	if err != nil {
		return err
	}
	out := q.membership(m)
	w.Header().Set("Location", out.URL)
	return writeJSON(w, http.StatusCreated, membershipBody{out})
}

// createManyMemberships puts up to 100 agents into groups.
func (a *API) createManyMemberships(w http.ResponseWriter, q *request) error {
	all, err := readNamed[[]membershipInput](q, "group_memberships")
	if err != nil {
		return err
	}
	if len(all) > maxIDs {
		return &refusal{status: http.StatusBadRequest, code: "TooManyValues", say: "Name at most 100 at a time.", most: maxIDs}
	}
	return a.bulkOf(w, q, jobResult{Action: "create", Status: "Created"}, len(all), func(i int) (int64, error) {
		m, err := a.enter(q, all[i])
		return m.ID, err
	})
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

func (a *API) destroyManyMemberships(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	return a.bulk(w, q, ids, func(id int64) error { return a.c.Agents.Quit(q.Context(), q.actor, id) })
}
