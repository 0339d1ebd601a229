package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/person"
)

// userInput is what a client may set on a user. Everything else it sends is
// read-only and ignored.
type userInput struct {
	Name       *string         `json:"name"`
	Email      *string         `json:"email"`
	Phone      *text           `json:"phone"`
	Role       *string         `json:"role"`
	TeamLead   *bool           `json:"team_lead"`
	ExternalID *text           `json:"external_id"`
	Notes      *string         `json:"notes"`
	Details    *string         `json:"details"`
	Locale     *string         `json:"locale"`
	LocaleID   *number         `json:"locale_id"`
	Verified   *bool           `json:"verified"`
	Suspended  *bool           `json:"suspended"`
	Identities []identityInput `json:"identities"`
}

func (q *request) readUser() (userInput, error) { return readNamed[userInput](q, "user") }

// locale returns the language that was asked for: fr, fr-CA or 16 are French.
func (in userInput) locale() *string {
	if in.Locale != nil && *in.Locale != "" {
		l := strings.ToLower(*in.Locale)
		if head, _, ok := strings.Cut(l, "-"); ok {
			l = head
		}
		return &l
	}
	if in.LocaleID != nil && *in.LocaleID != 0 {
		l, ok := locales()[int(*in.LocaleID)]
		if !ok {
			l = strconv.Itoa(int(*in.LocaleID)) // none of ours: person says which there are
		}
		return &l
	}
	return nil
}

// draft is the new person that in describes.
func (in userInput) draft() (person.Draft, error) {
	d := person.Draft{
		Name: strings.TrimSpace(value(in.Name)), Notes: value(in.Notes), Details: value(in.Details), ExternalID: string(value(in.ExternalID)),
		Role: value(in.role(sotto.EndUser)), Locale: value(in.locale()), Verified: value(in.Verified),
	}
	if d.Name == "" {
		return d, sotto.FailField("name", "Give the person a name.")
	}
	if v := value(in.Email); v != "" {
		d.Emails = append(d.Emails, v)
	}
	if v := string(value(in.Phone)); v != "" {
		d.Phones = append(d.Phones, v)
	}
	for _, i := range in.Identities {
		kind, err := i.kind()
		if err != nil {
			return d, err
		}
		if kind == person.Phone {
			d.Phones = append(d.Phones, value(i.Value))
		} else {
			d.Emails = append(d.Emails, value(i.Value))
		}
	}
	return d, nil
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// role is what the person of role now is to be; nil leaves it. Zendesk's word
// for a team lead is agent, so agent alone, sent back by a program that knows
// no more, leaves a team lead one.
func (in userInput) role(now sotto.Role) *sotto.Role {
	to := sotto.Role(value(in.Role))
	if in.Role == nil {
		to = now
	}
	isAgent := to == sotto.Agent || to == sotto.TeamLead
	switch {
	case in.TeamLead != nil && *in.TeamLead && (isAgent || in.Role == nil && to == sotto.EndUser):
		to = sotto.TeamLead
	case in.TeamLead != nil && isAgent:
		to = sotto.Agent
	case in.TeamLead == nil && to == sotto.Agent && now == sotto.TeamLead:
		to = now
	case in.Role == nil:
		return nil
	}
	return &to
}

// change is what in changes on a person. An empty e-mail address or number is
// as good as none: identities are taken away by their own operation.
func (in userInput) change(now sotto.Role) person.Change {
	c := person.Change{
		Name: in.Name, Notes: in.Notes, Details: in.Details, Locale: in.locale(), Suspended: in.Suspended,
		ExternalID: (*string)(in.ExternalID), Role: in.role(now),
	}
	if value(in.Email) != "" {
		c.Email = in.Email
	}
	if value(in.Phone) != "" {
		c.Phone = (*string)(in.Phone)
	}
	return c
}

func (a *API) createUser(w http.ResponseWriter, q *request) error {
	in, err := q.readUser()
	if err != nil {
		return err
	}
	return a.makeUser(w, q, in)
}

func (a *API) makeUser(w http.ResponseWriter, q *request, in userInput) error {
	d, err := in.draft()
	if err != nil {
		return err
	}
	id, err := a.c.People.Create(q.Context(), q.actor, d)
	if err != nil {
		return err
	}
	w.Header().Set("Location", q.base+"/users/"+strconv.FormatInt(int64(id), 10)+".json")
	return a.writeUser(w, q, http.StatusCreated, id)
}

func (a *API) updateUser(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	in, err := q.readUser()
	if err != nil {
		return err
	}
	return a.changeUser(w, q, sotto.PersonID(id), in)
}

func (a *API) changeUser(w http.ResponseWriter, q *request, id sotto.PersonID, in userInput) error {
	if id == q.actor.Person && value(in.Suspended) {
		return sotto.Fail(sotto.Denied, "You cannot suspend yourself.")
	}
	p, err := a.person(q, id)
	if err != nil {
		return err
	}
	if err := a.c.People.Update(q.Context(), q.actor, id, in.change(p.Role)); err != nil {
		return err
	}
	if value(in.Suspended) || value(in.Role) == string(sotto.EndUser) {
		if err := a.c.Agents.SignOut(q.Context(), id); err != nil {
			return err
		}
	}
	return a.writeUser(w, q, http.StatusOK, id)
}

// createOrUpdateUser updates who has the external id or the e-mail address,
// and makes a user when there is none.
func (a *API) createOrUpdateUser(w http.ResponseWriter, q *request) error {
	in, err := q.readUser()
	if err != nil {
		return err
	}
	for _, query := range []string{string(value(in.ExternalID)), value(in.Email)} {
		if query == "" {
			continue
		}
		some, err := a.c.People.Find(q.Context(), query)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(some, func(p person.Person) bool { return p.ExternalID == query || hasEmail(p, query) })
		if i >= 0 {
			return a.changeUser(w, q, some[i].ID, in)
		}
	}
	return a.makeUser(w, q, in)
}

func hasEmail(p person.Person, email string) bool {
	v, err := person.NormalEmail(email)
	return err == nil && slices.ContainsFunc(p.Addresses, func(a person.Address) bool { return a.Kind == person.Email && a.Value == v })
}

// deleteUser puts a user among the deleted. Unlike Zendesk it does so while
// the user has open tickets too: erasing goes through them by itself.
func (a *API) deleteUser(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	if err := a.softDelete(q, sotto.PersonID(id)); err != nil {
		return err
	}
	return a.writeUser(w, q, http.StatusOK, sotto.PersonID(id))
}

func (a *API) softDelete(q *request, id sotto.PersonID) error {
	if id == q.actor.Person {
		return sotto.Fail(sotto.Denied, "You cannot delete yourself.")
	}
	if err := a.c.People.SoftDelete(q.Context(), q.actor, id); err != nil {
		return err
	}
	return a.c.Agents.SignOut(q.Context(), id) // telephones of staff ring no more
}

func (a *API) destroyManyUsers(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	return a.bulk(w, q, ids, func(id int64) error { return a.softDelete(q, sotto.PersonID(id)) })
}
