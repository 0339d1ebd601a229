package api

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/person"
	"sotto/ticket"
)

// ticketInput is what a client may set on a ticket. Everything else it sends
// is read-only and ignored.
type ticketInput struct {
	Subject     *string        `json:"subject"`
	RawSubject  *string        `json:"raw_subject"`
	Description *string        `json:"description"`
	Comment     *commentInput  `json:"comment"`
	Status      *string        `json:"status"`
	Priority    *string        `json:"priority"`
	RequesterID number         `json:"requester_id"`
	Requester   *userInput     `json:"requester"`
	AssigneeID  optionalNumber `json:"assignee_id"`
}

// commentInput is a comment a client writes. HTML is read as the text in it.
type commentInput struct {
	Body     *string  `json:"body"`
	HTMLBody *string  `json:"html_body"`
	Public   *bool    `json:"public"`
	AuthorID number   `json:"author_id"`
	Uploads  []string `json:"uploads"`
}

// optionalNumber tells null, which takes a value away, from silence.
type optionalNumber struct {
	given bool
	n     number
}

// UnmarshalJSON notes that the member was there.
func (o *optionalNumber) UnmarshalJSON(b []byte) error {
	o.given = true
	return o.n.UnmarshalJSON(bytes.TrimSpace(b))
}

func (q *request) readTicket() (ticketInput, error) { return readNamed[ticketInput](q, "ticket") }

func (in commentInput) draft() (ticket.CommentDraft, error) {
	d := ticket.CommentDraft{Author: sotto.PersonID(in.AuthorID), Public: in.Public == nil || *in.Public, Body: value(in.Body), Uploads: in.Uploads}
	if d.Body == "" && value(in.HTMLBody) != "" {
		m, err := ticket.ReadMarked(*in.HTMLBody)
		if err != nil {
			return d, err
		}
		d.Body = strings.TrimSpace(m.Text)
	}
	return d, nil
}

// draft is the new ticket that in describes.
func (in ticketInput) draft() (d ticket.Draft, err error) {
	d = ticket.Draft{
		Requester: sotto.PersonID(in.RequesterID), Via: ticket.ByAPI, Subject: value(in.Subject), Assignee: sotto.PersonID(in.AssigneeID.n),
		Status: ticket.Status(value(in.Status)), Priority: ticket.Priority(value(in.Priority)),
	}
	if d.Subject == "" {
		d.Subject = value(in.RawSubject)
	}
	if in.Comment == nil && value(in.Description) != "" {
		in.Comment = &commentInput{Body: in.Description}
	}
	if in.Comment == nil {
		return d, sotto.FailField("comment", "A ticket begins with a comment.")
	}
	d.Comment, err = in.Comment.draft()
	return d, err
}

func (a *API) createTicket(w http.ResponseWriter, q *request) error {
	in, err := q.readTicket()
	if err != nil {
		return err
	}
	d, err := in.draft()
	if err != nil {
		return err
	}
	if in.Requester != nil && d.Requester == 0 {
		if d.Requester, err = a.requester(q, *in.Requester); err != nil {
			return err
		}
	}
	t, err := a.c.Tickets.Open(q.Context(), q.actor, d)
	if err != nil {
		return err
	}
	w.Header().Set("Location", q.base+"/tickets/"+strconv.FormatInt(int64(t.ID), 10)+".json")
	return a.writeTicket(w, q, http.StatusCreated, t)
}

// requester finds who has the e-mail address or the number, or makes them.
func (a *API) requester(q *request, in userInput) (sotto.PersonID, error) {
	for _, query := range []string{value(in.Email), string(value(in.Phone))} {
		if query == "" {
			continue
		}
		some, err := a.c.People.Find(q.Context(), query)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(some, func(p person.Person) bool { return hasEmail(p, query) || hasPhone(p, query) })
		if i >= 0 {
			return some[i].ID, nil
		}
	}
	d, err := in.draft()
	if err != nil {
		return 0, err
	}
	return a.c.People.Create(q.Context(), q.actor, d)
}

// hasPhone reports whether number is one of p's, in national form too.
func hasPhone(p person.Person, number string) bool {
	want := strings.TrimLeft(digits(number), "0")
	return len(want) > 1 && slices.ContainsFunc(p.Addresses, func(a person.Address) bool {
		return a.Kind == person.Phone && strings.HasSuffix(digits(a.Value), want)
	})
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func (in ticketInput) change() (c ticket.Change, err error) {
	c = ticket.Change{Subject: in.Subject}
	if value(in.Status) != "" {
		c.Status = (*ticket.Status)(in.Status)
	}
	if value(in.Priority) != "" {
		c.Priority = (*ticket.Priority)(in.Priority)
	}
	if in.AssigneeID.given {
		id := sotto.PersonID(in.AssigneeID.n)
		c.Assignee = &id
	}
	if in.Comment == nil {
		return c, nil
	}
	d, err := in.Comment.draft()
	c.Comment = &d
	return c, err
}

func (a *API) updateTicket(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	in, err := q.readTicket()
	if err != nil {
		return err
	}
	if err := a.sameRequester(q, sotto.TicketID(id), in); err != nil {
		return err
	}
	c, err := in.change()
	if err != nil {
		return err
	}
	t, err := a.c.Tickets.Update(q.Context(), q.actor, sotto.TicketID(id), c)
	if err != nil {
		return err
	}
	return a.writeTicket(w, q, http.StatusOK, t)
}

// sameRequester refuses another requester: what is on a ticket is sealed under
// the key of whose case it is. Programs send back the one they were given.
func (a *API) sameRequester(q *request, id sotto.TicketID, in ticketInput) error {
	if in.RequesterID == 0 {
		return nil
	}
	t, err := a.c.Tickets.Get(q.Context(), q.actor, id)
	if err == nil && t.Requester != sotto.PersonID(in.RequesterID) {
		err = sotto.FailField("requester_id", "The requester of a ticket does not change. Open another ticket for the other person.")
	}
	return err
}
