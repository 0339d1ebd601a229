package api

import (
	"net/http"
	"strconv"
	"strings"

	"sotto"
	"sotto/ticket"
)

// ticketAudit is one change to a ticket in Zendesk's shape: an audit with one
// event.
type ticketAudit struct {
	ID        int64         `json:"id"`
	TicketID  int64         `json:"ticket_id"`
	CreatedAt *string       `json:"created_at"`
	AuthorID  *int64        `json:"author_id"`
	Via       via           `json:"via"`
	Metadata  struct{}      `json:"metadata"`
	Events    []ticketEvent `json:"events"`
}

type ticketEvent struct {
	ID           int64   `json:"id"`
	Type         string  `json:"type"`
	FieldName    string  `json:"field_name,omitempty"`
	Value        *string `json:"value,omitempty"`
	Previous     *string `json:"previous_value,omitempty"`
	Public       *bool   `json:"public,omitempty"`
	CommentID    *int64  `json:"comment_id,omitempty"`
	AttachmentID *int64  `json:"attachment_id,omitempty"`
	RecordingID  *int64  `json:"recording_id,omitempty"`
	CallID       *int64  `json:"call_id,omitempty"`
	TextID       *int64  `json:"text_id,omitempty"`
}

type ticketAuditsBody struct {
	Audits []ticketAudit `json:"audits"`
	paging
}

// eventOf renders an event. RecordingDeleted, CallAttached and TextDelivery are ours: in
// Zendesk a ticket's events do not say that a recording was deleted.
func eventOf(e ticket.Event) ticketEvent {
	out := ticketEvent{ID: e.ID, Type: "Change", Value: wordOrNull(e.Becomes), Previous: wordOrNull(e.Was)}
	object := orNull(e.Object)
	private := e.Becomes == "public"
	switch e.Kind {
	case ticket.Created:
		out.Type, out.FieldName = "Create", "status"
	case ticket.StatusChanged, ticket.MovedToDeleted, ticket.Restored:
		out.FieldName = "status"
		if e.Kind == ticket.MovedToDeleted {
			out.Value = wordOrNull(string(ticket.Deleted))
		}
	case ticket.PriorityChanged:
		out.FieldName = "priority"
	case ticket.AssigneeChanged:
		out.FieldName = "assignee_id"
	case ticket.SubjectChanged, ticket.SubjectRedacted:
		out.FieldName = "subject"
	case ticket.Commented:
		out = ticketEvent{ID: e.ID, Type: "Comment", CommentID: object, Public: &private}
	case ticket.CommentMadePrivate:
		out = ticketEvent{ID: e.ID, Type: "CommentPrivacyChange", CommentID: object, Public: &private}
	case ticket.CommentRedacted:
		out = ticketEvent{ID: e.ID, Type: "CommentRedactionEvent", CommentID: object}
	case ticket.CommentCorrected:
		out = ticketEvent{ID: e.ID, Type: "CommentCorrected", CommentID: object}
	case ticket.Attached:
		out = ticketEvent{ID: e.ID, Type: "Attachment", AttachmentID: object}
	case ticket.AttachmentRenamed:
		out = ticketEvent{ID: e.ID, Type: "AttachmentRenamed", AttachmentID: object}
	case ticket.AttachmentRedacted:
		out = ticketEvent{ID: e.ID, Type: "AttachmentRedactionEvent", AttachmentID: object}
	case ticket.CallAttached:
		out = ticketEvent{ID: e.ID, Type: "CallAttached", CallID: object}
	case ticket.RecordingDeleted:
		out = ticketEvent{ID: e.ID, Type: "RecordingDeleted", RecordingID: object}
	case ticket.TextSent, ticket.TextDelivered, ticket.TextFailed:
		out.Type, out.FieldName, out.TextID = "TextDelivery", strings.TrimPrefix(string(e.Kind), "text-"), object
	}
	return out
}

func (a *API) listTicketAudits(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	p, err := q.page()
	if err != nil {
		return err
	}
	some, next, err := a.c.Tickets.Events(q.Context(), q.actor, sotto.TicketID(id), p.ofTickets())
	if err != nil {
		return err
	}
	out := ends(p, some, next, func(e ticket.Event) string { return strconv.FormatInt(e.ID, 10) })
	if !p.byCursor {
		if out.total, err = a.c.Tickets.CountEvents(q.Context(), q.actor, sotto.TicketID(id)); err != nil {
			return err
		}
	}
	body := ticketAuditsBody{[]ticketAudit{}, q.paging(p, out)}
	for _, e := range some {
		body.Audits = append(body.Audits, ticketAudit{
			ID: e.ID, TicketID: int64(e.Ticket), CreatedAt: stamp(e.At), AuthorID: orNull(e.Actor), Via: via{Channel: string(ticket.ByAPI)},
			Events: []ticketEvent{eventOf(e)},
		})
	}
	return writeJSON(w, http.StatusOK, body)
}
