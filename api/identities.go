package api

import (
	"net/http"
	"slices"
	"strconv"

	"sotto"
	"sotto/person"
)

// identity is an address of a person in Zendesk's shape.
type identity struct {
	ID                 int64   `json:"id"`
	URL                string  `json:"url"`
	UserID             int64   `json:"user_id"`
	Type               string  `json:"type"`
	Value              string  `json:"value"`
	Verified           bool    `json:"verified"`
	Primary            bool    `json:"primary"`
	CreatedAt          *string `json:"created_at"`
	UpdatedAt          *string `json:"updated_at"`
	UndeliverableCount int     `json:"undeliverable_count"`
	DeliverableState   string  `json:"deliverable_state"`
}

type (
	identityBody struct {
		Identity identity `json:"identity"`
	}
	identitiesBody struct {
		Identities []identity `json:"identities"`
		paging
	}
	identityInput struct {
		Type    *string `json:"type"`
		Value   *string `json:"value"`
		Primary *bool   `json:"primary"`
	}
)

// The kinds of identity by Zendesk's names.
const (
	typeEmail = "email"
	typePhone = "phone_number"
)

func (in identityInput) kind() (person.Kind, error) {
	switch value(in.Type) {
	case typeEmail:
		return person.Email, nil
	case typePhone, "phone":
		return person.Phone, nil
	}
	return "", sotto.FailField("type", "The type of an identity is email or phone_number.")
}

func (q *request) identity(id sotto.PersonID, a person.Address) identity {
	kind := typeEmail
	if a.Kind == person.Phone {
		kind = typePhone
	}
	return identity{
		ID: a.ID, UserID: int64(id), Type: kind, Value: a.Value, Verified: !a.VerifiedAt.IsZero(), Primary: a.Primary,
		URL:       q.base + "/users/" + strconv.FormatInt(int64(id), 10) + "/identities/" + strconv.FormatInt(a.ID, 10) + ".json",
		CreatedAt: stamp(a.CreatedAt), UpdatedAt: stamp(a.CreatedAt), DeliverableState: "deliverable",
	}
}

// addresses reads the addresses of the person in the path. Who was erased has
// none and is not found: there is nothing to work on.
func (a *API) addresses(q *request) (sotto.PersonID, []person.Address, error) {
	id, err := q.number("id")
	if err != nil {
		return 0, nil, err
	}
	p, err := a.c.People.Get(q.Context(), sotto.PersonID(id))
	if err == nil && !p.ErasedAt.IsZero() {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	return p.ID, p.Addresses, err
}

func (a *API) listIdentities(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	id, all, err := a.addresses(q)
	if err != nil {
		return err
	}
	rows, found, err := cutShort(p, all, func(a person.Address) int64 { return a.ID })
	if err != nil {
		return err
	}
	out := identitiesBody{[]identity{}, q.paging(p, found)}
	for _, r := range rows {
		out.Identities = append(out.Identities, q.identity(id, r))
	}
	return writeJSON(w, http.StatusOK, out)
}

func (a *API) showIdentity(w http.ResponseWriter, q *request) error {
	row, err := q.number("identity")
	if err != nil {
		return err
	}
	return a.writeIdentity(w, q, http.StatusOK, row)
}

func (a *API) writeIdentity(w http.ResponseWriter, q *request, status int, row int64) error {
	id, all, err := a.addresses(q)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a person.Address) bool { return a.ID == row })
	if i < 0 {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	return writeJSON(w, status, identityBody{q.identity(id, all[i])})
}

func (q *request) readIdentity() (identityInput, error) {
	return readNamed[identityInput](q, "identity")
}

func (a *API) createIdentity(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	in, err := q.readIdentity()
	if err != nil {
		return err
	}
	kind, err := in.kind()
	if err != nil {
		return err
	}
	row, err := a.c.People.AddAddress(q.Context(), q.actor, sotto.PersonID(id), kind, value(in.Value))
	if err != nil {
		return err
	}
	if value(in.Primary) {
		if err := a.c.People.MakePrimary(q.Context(), q.actor, sotto.PersonID(id), row); err != nil {
			return err
		}
	}
	w.Header().Set("Location", q.base+"/users/"+strconv.FormatInt(id, 10)+"/identities/"+strconv.FormatInt(row, 10)+".json")
	return a.writeIdentity(w, q, http.StatusCreated, row)
}

// pair reads the person and the identity of the path.
func (q *request) pair() (sotto.PersonID, int64, error) {
	id, err := q.number("id")
	if err != nil {
		return 0, 0, err
	}
	row, err := q.number("identity")
	return sotto.PersonID(id), row, err
}

func (a *API) updateIdentity(w http.ResponseWriter, q *request) error {
	id, row, err := q.pair()
	if err != nil {
		return err
	}
	in, err := q.readIdentity()
	if err != nil {
		return err
	}
	if in.Value != nil {
		if err := a.c.People.SetAddress(q.Context(), q.actor, id, row, *in.Value); err != nil {
			return err
		}
	}
	return a.writeIdentity(w, q, http.StatusOK, row)
}

func (a *API) makeIdentityPrimary(w http.ResponseWriter, q *request) error {
	id, row, err := q.pair()
	if err != nil {
		return err
	}
	if err := a.c.People.MakePrimary(q.Context(), q.actor, id, row); err != nil {
		return err
	}
	return a.listIdentities(w, q)
}

func (a *API) deleteIdentity(w http.ResponseWriter, q *request) error {
	id, row, err := q.pair()
	if err != nil {
		return err
	}
	if err := a.c.People.RemoveAddress(q.Context(), q.actor, id, row); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
