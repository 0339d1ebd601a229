package api

import (
	"context"
	"net/http"
	"strconv"

	"sotto"
	"sotto/call"
	"sotto/ticket"
)

// ticketJSON is a ticket in Zendesk's shape.
type ticketJSON struct {
	ID                 int64    `json:"id"`
	URL                string   `json:"url"`
	ExternalID         *string  `json:"external_id"`
	Via                via      `json:"via"`
	CreatedAt          *string  `json:"created_at"`
	UpdatedAt          *string  `json:"updated_at"`
	GeneratedTimestamp int64    `json:"generated_timestamp"`
	Type               *string  `json:"type"`
	Subject            string   `json:"subject"`
	RawSubject         string   `json:"raw_subject"`
	Description        string   `json:"description"`
	Priority           string   `json:"priority"`
	Status             string   `json:"status"`
	Recipient          *string  `json:"recipient"`
	RequesterID        *int64   `json:"requester_id"`
	SubmitterID        *int64   `json:"submitter_id"`
	AssigneeID         *int64   `json:"assignee_id"`
	OrganizationID     *int64   `json:"organization_id"`
	GroupID            *int64   `json:"group_id"`
	CollaboratorIDs    []int64  `json:"collaborator_ids"`
	FollowerIDs        []int64  `json:"follower_ids"`
	EmailCCIDs         []int64  `json:"email_cc_ids"`
	ForumTopicID       *int64   `json:"forum_topic_id"`
	ProblemID          *int64   `json:"problem_id"`
	HasIncidents       bool     `json:"has_incidents"`
	IsPublic           bool     `json:"is_public"`
	DueAt              *string  `json:"due_at"`
	Tags               []string `json:"tags"`
	CustomFields       []string `json:"custom_fields"`
	Fields             []string `json:"fields"`
	SatisfactionRating *string  `json:"satisfaction_rating"`
	SharingAgreements  []int64  `json:"sharing_agreement_ids"`
	FollowupIDs        []int64  `json:"followup_ids"`
	BrandID            *int64   `json:"brand_id"`
	AllowChannelback   bool     `json:"allow_channelback"`
	AllowAttachments   bool     `json:"allow_attachments"`
	LineID             *int64   `json:"line_id"` // ours: the line it came in on
}

type via struct {
	Channel string    `json:"channel"`
	Source  viaSource `json:"source"`
}

// viaSource is empty: numbers are in the voice comment, which may be redacted.
type viaSource struct {
	From struct{} `json:"from"`
	To   struct{} `json:"to"`
	Rel  *string  `json:"rel"`
}

type (
	ticketBody struct {
		Ticket ticketJSON `json:"ticket"`
	}
	ticketsBody struct {
		Tickets []ticketJSON `json:"tickets"`
		paging
	}
)

// channel is Zendesk's word for how a case came in.
func channel(v ticket.Via) string {
	if v == ticket.ByVoicemail || v == ticket.ByOutbound {
		return string(ticket.ByVoice)
	}
	return string(v)
}

// rel says which kind of call it was.
func rel(v ticket.Via) *string {
	switch v {
	case ticket.ByVoice:
		return wordOrNull("inbound")
	case ticket.ByVoicemail, ticket.ByOutbound:
		return wordOrNull(string(v))
	}
	return nil
}

// ticket renders t with its first comment as description.
func (a *API) ticket(q *request, t ticket.Ticket) (ticketJSON, error) {
	out := ticketJSON{
		ID: int64(t.ID), URL: q.base + "/tickets/" + strconv.FormatInt(int64(t.ID), 10) + ".json", Via: via{channel(t.Via), viaSource{Rel: rel(t.Via)}},
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt), GeneratedTimestamp: t.UpdatedAt.Unix(),
		Subject: t.Subject, RawSubject: t.Subject, Priority: string(t.Priority), Status: string(t.Status),
		RequesterID: orNull(t.Requester), SubmitterID: orNull(t.Submitter), AssigneeID: orNull(t.Assignee), LineID: orNull(t.Line),
		CollaboratorIDs: []int64{}, FollowerIDs: []int64{}, EmailCCIDs: []int64{}, SharingAgreements: []int64{}, FollowupIDs: []int64{},
		Tags: []string{}, CustomFields: []string{}, Fields: []string{}, AllowAttachments: true,
	}
	calls, err := a.c.Calls.OfTicket(q.Context(), t.ID)
	if err != nil {
		return out, err
	}
	out.Tags = append(out.Tags, call.Tags(calls)...)
	first, _, err := a.c.Tickets.Comments(q.Context(), q.actor, t.ID, ticket.Page{Limit: 1})
	if err != nil || len(first) == 0 {
		return out, err
	}
	out.Description, out.IsPublic = first[0].Body, first[0].Public
	return out, nil
}

func (a *API) tickets(q *request, some []ticket.Ticket) ([]ticketJSON, error) {
	out := []ticketJSON{}
	for _, t := range some {
		one, err := a.ticket(q, t)
		if kind := sotto.KindOf(err); err != nil && (kind == sotto.NotFound || kind == sotto.Gone) {
			continue // deleted or erased since the list was read
		}
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (a *API) listTickets(w http.ResponseWriter, q *request) error {
	return a.writeTickets(w, q, ticket.Filter{})
}

func (a *API) listRequested(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	return a.ticketsOf(w, q, sotto.PersonID(id), ticket.Filter{Requester: sotto.PersonID(id)})
}

func (a *API) listAssigned(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	return a.ticketsOf(w, q, sotto.PersonID(id), ticket.Filter{Assignee: sotto.PersonID(id)})
}

func (a *API) ticketsOf(w http.ResponseWriter, q *request, who sotto.PersonID, f ticket.Filter) error {
	if _, err := a.person(q, who); err != nil {
		return err
	}
	return a.writeTickets(w, q, f)
}

// writeTickets answers with one page, oldest first unless the client sorts by
// the last change.
func (a *API) writeTickets(w http.ResponseWriter, q *request, f ticket.Filter) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	f.Order = ticket.ByID
	if q.param("sort") == "-updated_at" || (q.param("sort_by") == "updated_at" && q.param("sort_order") == "desc") {
		f.Order = ticket.ByUpdated
	}
	some, next, err := a.c.Tickets.List(q.Context(), q.actor, f, p.ofTickets())
	if err != nil {
		return err
	}
	out := ends(p, some, next, ticket.Ticket.Cursor)
	if !p.byCursor {
		if out.total, err = a.c.Tickets.Count(q.Context(), q.actor, f); err != nil {
			return err
		}
	}
	rows, err := a.tickets(q, some)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ticketsBody{rows, q.paging(p, out)})
}

// ofTickets is p as package ticket reads it.
func (p page) ofTickets() ticket.Page {
	return ticket.Page{After: p.after, Before: p.before, Skip: p.skip(), Limit: p.size}
}

// ends says what was found by a package that returns the cursor of the next
// page.
func ends[T any](p page, rows []T, next string, cursor func(T) string) found {
	out := found{more: next != "", earlier: p.after != "" || (p.before != "" && len(rows) == p.size)}
	if len(rows) > 0 {
		out.first, out.last = cursor(rows[0]), cursor(rows[len(rows)-1])
	}
	if next != "" {
		out.last = next // rows that are being erased are left out of a page
	}
	return out
}

func (a *API) countTickets(w http.ResponseWriter, q *request) error {
	n, err := a.c.Tickets.Count(q.Context(), q.actor, ticket.Filter{})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, countBody{countValue{n, stamp(a.c.Clock())}})
}

func (a *API) showTicket(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	t, err := a.c.Tickets.Get(q.Context(), q.actor, sotto.TicketID(id))
	if err != nil {
		return err
	}
	return a.writeTicket(w, q, http.StatusOK, t)
}

func (a *API) writeTicket(w http.ResponseWriter, q *request, status int, t ticket.Ticket) error {
	one, err := a.ticket(q, t)
	if err != nil {
		return err
	}
	return writeJSON(w, status, ticketBody{one})
}

func (a *API) showManyTickets(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	some, err := a.someTickets(q.Context(), q.actor, ids)
	if err != nil {
		return err
	}
	rows, err := a.tickets(q, some)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ticketsBody{rows, paging{numberPaging: &numberPaging{Count: int64(len(rows))}}})
}

// someTickets reads tickets one by one; those that are not there are left out.
func (a *API) someTickets(ctx context.Context, actor sotto.Actor, ids []int64) (some []ticket.Ticket, err error) {
	for _, id := range ids {
		t, err := a.c.Tickets.Get(ctx, actor, sotto.TicketID(id))
		if kind := sotto.KindOf(err); err != nil && (kind == sotto.NotFound || kind == sotto.Gone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		some = append(some, t)
	}
	return some, nil
}

func (a *API) deleteTicket(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	if err := a.c.Tickets.Delete(q.Context(), q.actor, sotto.TicketID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) deleteManyTickets(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	return a.bulk(w, q, ids, func(id int64) error { return a.c.Tickets.Delete(q.Context(), q.actor, sotto.TicketID(id)) })
}
