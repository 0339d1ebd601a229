package api

import (
	"net/http"
	"strconv"
	"strings"

	"sotto"
	"sotto/person"
	"sotto/ticket"
)

// permanentlyDeleted is the name of whoever was erased.
const permanentlyDeleted = "Permanently Deleted User"

// user is a person in Zendesk's shape. Members that the desk has no words for
// are there with what they hold when they are not used.
type user struct {
	ID                   int64    `json:"id"`
	URL                  string   `json:"url"`
	Name                 string   `json:"name"`
	Email                *string  `json:"email"`
	CreatedAt            *string  `json:"created_at"`
	UpdatedAt            *string  `json:"updated_at"`
	TimeZone             string   `json:"time_zone"`
	IANATimeZone         string   `json:"iana_time_zone"`
	Phone                *string  `json:"phone"`
	SharedPhoneNumber    bool     `json:"shared_phone_number"`
	Photo                *string  `json:"photo"`
	LocaleID             int      `json:"locale_id"`
	Locale               string   `json:"locale"`
	OrganizationID       *int64   `json:"organization_id"`
	Role                 string   `json:"role"`
	TeamLead             bool     `json:"team_lead"` // ours: Zendesk's word for the role is agent
	Verified             bool     `json:"verified"`
	ExternalID           *string  `json:"external_id"`
	Tags                 []string `json:"tags"`
	Alias                *string  `json:"alias"`
	Active               bool     `json:"active"`
	Shared               bool     `json:"shared"`
	SharedAgent          bool     `json:"shared_agent"`
	LastLoginAt          *string  `json:"last_login_at"`
	TwoFactorAuthEnabled bool     `json:"two_factor_auth_enabled"`
	Signature            *string  `json:"signature"`
	Details              *string  `json:"details"`
	Notes                *string  `json:"notes"`
	RoleType             *int     `json:"role_type"`
	CustomRoleID         *int64   `json:"custom_role_id"`
	Moderator            bool     `json:"moderator"`
	TicketRestriction    *string  `json:"ticket_restriction"`
	OnlyPrivateComments  bool     `json:"only_private_comments"`
	RestrictedAgent      bool     `json:"restricted_agent"`
	Suspended            bool     `json:"suspended"`
	DefaultGroupID       *int64   `json:"default_group_id"`
	ReportCSV            bool     `json:"report_csv"`
	UserFields           struct{} `json:"user_fields"`
}

type (
	userBody struct {
		User user `json:"user"`
	}
	usersBody struct {
		Users []user `json:"users"`
		paging
	}
	countBody struct {
		Count countValue `json:"count"`
	}
	countValue struct {
		Value       int64   `json:"value"`
		RefreshedAt *string `json:"refreshed_at"`
	}
)

// locales are the languages of the desk by Zendesk's numbers.
func locales() map[int]string { return map[int]string{1: "en", 16: "fr"} }

func localeID(locale string) int {
	for id, l := range locales() {
		if l == locale {
			return id
		}
	}
	return 1
}

// user renders p. Of a person who was erased, or is being erased, only the
// number is left.
func (q *request) user(p person.Person) user {
	u := user{
		ID: int64(p.ID), URL: q.base + "/users/" + strconv.FormatInt(int64(p.ID), 10) + ".json",
		TimeZone: "Etc/UTC", IANATimeZone: "Etc/UTC", LocaleID: 1, Locale: "en", Role: string(sotto.EndUser), Tags: []string{},
	}
	if !p.CreatedAt.IsZero() {
		u.CreatedAt, u.UpdatedAt = stamp(p.CreatedAt), stamp(p.UpdatedAt)
	}
	if !p.FrozenAt.IsZero() {
		u.Name = permanentlyDeleted
		return u
	}
	u.Name, u.Email, u.Phone = nameOf(p), wordOrNull(p.Email()), wordOrNull(p.Phone())
	u.Role, u.Locale, u.LocaleID = string(p.Role), p.Locale, localeID(p.Locale)
	if u.TeamLead = p.Role == sotto.TeamLead; u.TeamLead {
		u.Role = string(sotto.Agent)
	}
	u.ExternalID, u.Details, u.Notes = wordOrNull(p.ExternalID), wordOrNull(p.Details), wordOrNull(p.Notes)
	u.Active, u.Suspended, u.RestrictedAgent = p.DeletedAt.IsZero(), !p.SuspendedAt.IsZero(), p.Role != sotto.Admin
	for _, a := range p.Addresses {
		u.Verified = u.Verified || !a.VerifiedAt.IsZero()
	}
	return u
}

// nameOf is what a person is shown as: a caller nobody has named yet is known
// by number.
func nameOf(p person.Person) string {
	if p.Name != "" {
		return p.Name
	}
	if n := p.Phone(); n != "" {
		return "Caller " + n
	}
	return ""
}

func (q *request) users(people []person.Person) []user {
	out := []user{}
	for _, p := range people {
		out = append(out, q.user(p))
	}
	return out
}

// person reads one person; one who is being erased reads as erased.
func (a *API) person(q *request, id sotto.PersonID) (person.Person, error) {
	p, err := a.c.People.Get(q.Context(), id)
	if err != nil && sotto.KindOf(err) == sotto.Gone {
		return p, nil
	}
	return p, err
}

func (a *API) listUsers(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	role := sotto.Role(q.param("role"))
	if role == "" {
		role = sotto.Role(q.param("role[]"))
	}
	return a.listPeople(w, q, p, person.Filter{Role: role}, func(people []person.Person, more paging) any {
		return usersBody{q.users(people), more}
	})
}

// listPeople answers with one page of people in the body that render makes.
func (a *API) listPeople(w http.ResponseWriter, q *request, p page, f person.Filter, render func([]person.Person, paging) any) error {
	after, err := cursorID(p.after)
	if err != nil {
		return err
	}
	before, err := cursorID(p.before)
	if err != nil {
		return err
	}
	f.After, f.Before, f.Skip, f.Limit = sotto.PersonID(after), sotto.PersonID(before), p.skip(), p.size+1
	rows, err := a.c.People.List(q.Context(), f)
	if err != nil {
		return err
	}
	rows, found := cut(p, rows, func(p person.Person) string { return strconv.FormatInt(int64(p.ID), 10) })
	if !p.byCursor {
		if found.total, err = a.c.People.Count(q.Context(), f); err != nil {
			return err
		}
	}
	return writeJSON(w, http.StatusOK, render(rows, q.paging(p, found)))
}

func (a *API) countUsers(w http.ResponseWriter, q *request) error {
	return a.countPeople(w, q, person.Filter{Role: sotto.Role(q.param("role"))})
}

func (a *API) countPeople(w http.ResponseWriter, q *request, f person.Filter) error {
	n, err := a.c.People.Count(q.Context(), f)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, countBody{countValue{n, stamp(a.c.Clock())}})
}

func (a *API) showUser(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	return a.writeUser(w, q, http.StatusOK, sotto.PersonID(id))
}

func (a *API) showMe(w http.ResponseWriter, q *request) error {
	return a.writeUser(w, q, http.StatusOK, q.actor.Person)
}

// writeUser answers with a person as it is now.
func (a *API) writeUser(w http.ResponseWriter, q *request, status int, id sotto.PersonID) error {
	p, err := a.person(q, id)
	if err != nil {
		return err
	}
	return writeJSON(w, status, userBody{q.user(p)})
}

func (a *API) showManyUsers(w http.ResponseWriter, q *request) error {
	if q.param("external_ids") != "" {
		externals, err := q.list("external_ids")
		if err != nil {
			return err
		}
		return a.findUsers(w, q, externals)
	}
	ids, err := q.ids()
	if err != nil {
		return err
	}
	var people []person.Person
	for _, id := range ids {
		p, err := a.person(q, sotto.PersonID(id))
		if err != nil && sotto.KindOf(err) == sotto.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		people = append(people, p)
	}
	return writeUsers(w, q, people)
}

func writeUsers(w http.ResponseWriter, q *request, people []person.Person) error {
	more := paging{numberPaging: &numberPaging{Count: int64(len(people))}}
	return writeJSON(w, http.StatusOK, usersBody{q.users(people[:min(len(people), maxPage)]), more})
}

// searchUsers finds people by a number, an e-mail address, an external id or
// the words of a name. It answers with the first 100: a link to the next ones
// would have to repeat what was searched for.
func (a *API) searchUsers(w http.ResponseWriter, q *request) error {
	query := q.param("external_id")
	for _, name := range []string{"query", "name", "phone"} {
		if query == "" {
			query = searchWords(q.param(name))
		}
	}
	return a.findUsers(w, q, []string{query})
}

// searchWords takes the names of fields out of a query: "email:a@b.example
// type:user" asks for a@b.example.
func searchWords(query string) string {
	var out []string
	for _, word := range strings.Fields(query) {
		name, value, has := strings.Cut(word, ":")
		switch strings.ToLower(name) {
		case "type", "role":
			if has {
				continue
			}
		case "email", "phone", "name", "external_id", "user":
			if has {
				word = value
			}
		}
		out = append(out, strings.Trim(word, `"'*`))
	}
	return strings.TrimSpace(strings.Join(out, " "))
}

func (a *API) findUsers(w http.ResponseWriter, q *request, queries []string) error {
	var people []person.Person
	for _, query := range queries {
		some, err := a.c.People.Find(q.Context(), query)
		if err != nil {
			return err
		}
		people = append(people, some...)
	}
	return writeUsers(w, q, people)
}

// relatedBody counts what leads to a user.
type relatedBody struct {
	Related struct {
		Requested     int64 `json:"requested_tickets"`
		Assigned      int64 `json:"assigned_tickets"`
		CCD           int64 `json:"ccd_tickets"`
		Followed      int64 `json:"followed_tickets"`
		Subscriptions int64 `json:"organization_subscriptions"`
	} `json:"user_related"`
}

func (a *API) showRelated(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	p, err := a.person(q, sotto.PersonID(id))
	if err != nil {
		return err
	}
	var body relatedBody
	if body.Related.Requested, err = a.c.Tickets.Count(q.Context(), q.actor, ticket.Filter{Requester: p.ID}); err != nil {
		return err
	}
	if body.Related.Assigned, err = a.c.Tickets.Count(q.Context(), q.actor, ticket.Filter{Assignee: p.ID}); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}
