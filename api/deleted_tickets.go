package api

import (
	"net/http"
	"strconv"

	"sotto"
	"sotto/ticket"
)

// deletedTicket is a line of the deleted tickets in Zendesk's shape.
type deletedTicket struct {
	ID            int64       `json:"id"`
	Subject       string      `json:"subject"`
	Actor         ticketActor `json:"actor"`
	DeletedAt     *string     `json:"deleted_at"`
	PreviousState string      `json:"previous_state"`
	PurgeAt       *string     `json:"purge_at"` // ours: when it goes for good
}

type ticketActor struct {
	ID   *int64 `json:"id"`
	Name string `json:"name"`
}

type deletedTicketsBody struct {
	Tickets []deletedTicket `json:"deleted_tickets"`
	paging
}

func (a *API) listDeletedTickets(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	some, next, err := a.c.Tickets.Deleted(q.Context(), q.actor, p.ofTickets())
	if err != nil {
		return err
	}
	out := ends(p, some, next, func(t ticket.DeletedTicket) string { return strconv.FormatInt(int64(t.ID), 10) })
	if !p.byCursor {
		if out.total, err = a.c.Tickets.CountDeleted(q.Context(), q.actor); err != nil {
			return err
		}
	}
	body := deletedTicketsBody{[]deletedTicket{}, q.paging(p, out)}
	for _, t := range some {
		body.Tickets = append(body.Tickets, deletedTicket{
			int64(t.ID), t.Subject, ticketActor{orNull(t.Actor), deleterName(t)}, stamp(t.DeletedAt), string(t.PreviousState), stamp(t.PurgeAt),
		})
	}
	return writeJSON(w, http.StatusOK, body)
}

func deleterName(t ticket.DeletedTicket) string {
	switch {
	case t.Actor == 0:
		return "Operator"
	case t.ActorName == "":
		return permanentlyDeleted
	}
	return t.ActorName
}

// eraseTicket deletes a deleted ticket for good, with its files and
// recordings.
func (a *API) eraseTicket(q *request, id int64) error {
	_, err := a.c.Eraser.Ticket(q.Context(), q.actor, sotto.TicketID(id), false)
	return err
}

func (a *API) destroyTicket(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	if err := a.eraseTicket(q, id); err != nil {
		return err
	}
	return a.bulk(w, q, []int64{id}, func(int64) error { return nil })
}

func (a *API) destroyManyTickets(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	return a.bulk(w, q, ids, func(id int64) error { return a.eraseTicket(q, id) })
}

func (a *API) restoreTicket(w http.ResponseWriter, q *request) error {
	id, err := q.number("ticket")
	if err != nil {
		return err
	}
	if err := a.c.Tickets.Restore(q.Context(), q.actor, sotto.TicketID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *API) restoreManyTickets(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := a.c.Tickets.Restore(q.Context(), q.actor, sotto.TicketID(id)); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
