package api

import (
	"net/http"
	"slices"
	"time"

	"sotto"
	"sotto/db"
	"sotto/person"
)

// deletedUser is a deleted person in Zendesk's shape.
type deletedUser struct {
	ID                int64   `json:"id"`
	URL               string  `json:"url"`
	Name              string  `json:"name"`
	Email             *string `json:"email"`
	CreatedAt         *string `json:"created_at"`
	UpdatedAt         *string `json:"updated_at"`
	TimeZone          string  `json:"time_zone"`
	Phone             *string `json:"phone"`
	SharedPhoneNumber bool    `json:"shared_phone_number"`
	Photo             *string `json:"photo"`
	LocaleID          int     `json:"locale_id"`
	Locale            string  `json:"locale"`
	OrganizationID    *int64  `json:"organization_id"`
	Role              string  `json:"role"`
	Active            bool    `json:"active"`
	LastLoginAt       *string `json:"last_login_at"`
}

type (
	deletedUserBody struct {
		User deletedUser `json:"deleted_user"`
	}
	deletedUsersBody struct {
		Users []deletedUser `json:"deleted_users"`
		paging
	}
	deletionsBody struct {
		Statuses []deletionStatus `json:"compliance_deletion_statuses"`
	}
	// deletionStatus is one step of a person's erasure in one part of the desk.
	deletionStatus struct {
		Action      string  `json:"action"`
		Application string  `json:"application"`
		Subdomain   string  `json:"account_subdomain"`
		CreatedAt   *string `json:"created_at"`
		ExecuterID  *int64  `json:"executer_id"`
		UserID      int64   `json:"user_id"`
	}
)

func (q *request) deletedUser(p person.Person) deletedUser {
	u := q.user(p)
	return deletedUser{
		ID: u.ID, URL: u.URL, Name: u.Name, Email: u.Email, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, TimeZone: u.TimeZone,
		Phone: u.Phone, LocaleID: u.LocaleID, Locale: u.Locale, Role: u.Role, Active: false,
	}
}

func (a *API) listDeletedUsers(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	return a.listPeople(w, q, p, person.Filter{Deleted: true}, func(people []person.Person, more paging) any {
		out := deletedUsersBody{[]deletedUser{}, more}
		for _, p := range people {
			out.Users = append(out.Users, q.deletedUser(p))
		}
		return out
	})
}

func (a *API) countDeletedUsers(w http.ResponseWriter, q *request) error {
	return a.countPeople(w, q, person.Filter{Deleted: true})
}

// deletedPerson reads the deleted person of the path; a living one is not
// found.
func (a *API) deletedPerson(q *request) (person.Person, error) {
	id, err := q.number("id")
	if err != nil {
		return person.Person{}, err
	}
	p, err := a.person(q, sotto.PersonID(id))
	if err == nil && p.DeletedAt.IsZero() && p.FrozenAt.IsZero() {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	return p, err
}

func (a *API) showDeletedUser(w http.ResponseWriter, q *request) error {
	p, err := a.deletedPerson(q)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, deletedUserBody{q.deletedUser(p)})
}

// eraseDeletedUser forgets a person. When it answers nothing about the person
// can be read any more; the sweep and the receipt follow.
func (a *API) eraseDeletedUser(w http.ResponseWriter, q *request) error {
	p, err := a.deletedPerson(q)
	if err != nil {
		return err
	}
	if _, err := a.c.Rights.EraseSoon(q.Context(), q.actor, p.ID); err != nil {
		return err
	}
	if p, err = a.person(q, p.ID); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, deletedUserBody{q.deletedUser(p)})
}

// applications are the parts of the desk a deletion status speaks of.
func applications() []string { return []string{"all", "support", "talk"} }

// deletion is how far the forgetting of a person has come.
type deletion struct {
	opened, unreadable, done time.Time
	actor                    sotto.PersonID
}

func (a *API) showDeletionStatuses(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	if _, err := a.person(q, sotto.PersonID(id)); err != nil {
		return err
	}
	only := q.param("application")
	if only != "" && !slices.Contains(applications(), only) {
		return badRequest("InvalidValue", "application is all, support or talk.")
	}
	var steps []deletion
	err = a.c.DB.Read(q.Context(), func(tx *db.Tx) error {
		steps, err = db.All(tx, scanDeletion, a.q["Deletions"], id)
		return err
	})
	if err != nil {
		return err
	}
	body := deletionsBody{[]deletionStatus{}}
	for _, d := range steps {
		for _, app := range applications() {
			if only == "" || only == app {
				body.Statuses = append(body.Statuses, d.statuses(id, app)...)
			}
		}
	}
	return writeJSON(w, http.StatusOK, body)
}

func scanDeletion(s db.Scanner) (d deletion, err error) {
	var opened int64
	var unreadable, done *int64
	var actor *sotto.PersonID
	err = s.Scan(&opened, &unreadable, &done, &actor)
	return deletion{db.Time(opened), db.TimeOrZero(unreadable), db.TimeOrZero(done), db.Value(actor)}, err
}

// statuses returns the steps that were reached: ordered, unreadable, gone.
func (d deletion) statuses(id int64, app string) (out []deletionStatus) {
	for _, step := range []struct {
		action string
		at     time.Time
	}{{"request_deletion", d.opened}, {"started", d.unreadable}, {"complete", d.done}} {
		if !step.at.IsZero() {
			out = append(out, deletionStatus{step.action, app, "sotto", stamp(step.at), orNull(d.actor), id})
		}
	}
	return out
}
