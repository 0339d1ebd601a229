package api

import (
	"net/http"
	"slices"
	"strconv"

	"sotto"
	"sotto/audit"
)

// auditLog is an entry of the audit log in Zendesk's shape. Names of actors
// are read when it is shown, so that an erased one shows no more.
type auditLog struct {
	ID          int64   `json:"id"`
	URL         string  `json:"url"`
	Action      string  `json:"action"`
	ActionLabel string  `json:"action_label"`
	ActorID     *int64  `json:"actor_id"`
	ActorName   string  `json:"actor_name"`
	SourceType  string  `json:"source_type"`
	SourceID    int64   `json:"source_id"`
	SourceLabel string  `json:"source_label"`
	Description string  `json:"change_description"`
	IPAddress   *string `json:"ip_address"`
	CreatedAt   *string `json:"created_at"`
}

type (
	auditLogBody struct {
		Log auditLog `json:"audit_log"`
	}
	auditLogsBody struct {
		Logs []auditLog `json:"audit_logs"`
		paging
	}
)

// sourceType is what a source is called: people are users to the outside.
func sourceType(s audit.Source) string {
	if s == audit.Person {
		return "user"
	}
	return string(s)
}

// actionOf is Zendesk's word for an action where it has one.
func actionOf(a audit.Action) string {
	if a == audit.Export {
		return "exported"
	}
	return string(a)
}

// label is the past tense people read.
func label(a audit.Action) string {
	labels := map[audit.Action]string{
		audit.Create: "Created", audit.Update: "Updated", audit.Destroy: "Deleted", audit.Restore: "Restored", audit.Read: "Read",
		audit.Listen: "Listened", audit.Download: "Downloaded", audit.Export: "Exported", audit.Redact: "Redacted", audit.Merge: "Merged",
		audit.Verify: "Verified", audit.Restrict: "Restricted", audit.Release: "Released", audit.Pause: "Paused", audit.Resume: "Resumed",
		audit.Login: "Signed in", audit.Logout: "Signed out", audit.Refuse: "Refused",
	}
	return labels[a]
}

// auditLog renders one record. names remembers the actors of one answer.
func (a *API) auditLog(q *request, r audit.Record, names map[sotto.PersonID]string) (auditLog, error) {
	out := auditLog{
		ID: r.ID, URL: q.base + "/audit_logs/" + strconv.FormatInt(r.ID, 10) + ".json", Action: actionOf(r.Action), ActionLabel: label(r.Action),
		ActorID: orNull(r.Actor), SourceType: sourceType(r.Source), SourceID: r.SourceID, CreatedAt: stamp(r.At),
	}
	out.SourceLabel = sourceType(r.Source)
	if r.SourceID != 0 {
		out.SourceLabel += " " + strconv.FormatInt(r.SourceID, 10)
	}
	out.Description = out.ActionLabel + ": " + out.SourceLabel
	if r.Ticket != 0 && r.Source != audit.Ticket {
		out.Description += " on ticket #" + strconv.FormatInt(int64(r.Ticket), 10)
	}
	var err error
	out.ActorName, err = a.actorName(q, r, names)
	return out, err
}

func (a *API) actorName(q *request, r audit.Record, names map[sotto.PersonID]string) (string, error) {
	switch {
	case r.ActorKind == audit.ByDesk:
		return "Sotto", nil
	case r.Actor == 0:
		return "Operator", nil
	}
	if name, ok := names[r.Actor]; ok {
		return name, nil
	}
	p, err := a.person(q, r.Actor)
	if err != nil && sotto.KindOf(err) != sotto.NotFound {
		return "", err
	}
	names[r.Actor] = q.user(p).Name
	return names[r.Actor], nil
}

// auditFilter reads the filters. A word that is no source or action finds
// nothing that exists, so it is refused.
func (q *request) auditFilter() (f audit.Filter, err error) {
	v := q.URL.Query()
	f.Source = audit.Source(v.Get("filter[source_type]"))
	if f.Source == "user" {
		f.Source = audit.Person
	}
	if f.Source != "" && !slices.Contains(audit.Sources(), f.Source) {
		return f, badRequest("InvalidValue", "filter[source_type] is not a kind of thing the log speaks of.")
	}
	if f.SourceID, err = q.paramNumber("filter[source_id]"); err != nil {
		return f, err
	}
	actor, err := q.paramNumber("filter[actor_id]")
	if err != nil {
		return f, err
	}
	ticket, err := q.paramNumber("filter[ticket_id]")
	if err != nil {
		return f, err
	}
	f.Actor, f.Ticket = sotto.PersonID(actor), sotto.TicketID(ticket)
	for _, word := range append(v["filter[action]"], v["filter[action][]"]...) {
		action := audit.Action(word)
		if word == "exported" {
			action = audit.Export
		}
		if !slices.Contains(audit.Actions(), action) {
			return f, badRequest("InvalidValue", "filter[action] is not an action the log speaks of.")
		}
		f.Actions = append(f.Actions, action)
	}
	times := append(v["filter[created_at]"], v["filter[created_at][]"]...)
	if len(times) == 1 || len(times) > 2 {
		return f, badRequest("InvalidValue", "filter[created_at] is given twice: from, and up to.")
	}
	if len(times) == 2 {
		if f.From, err = createdTime(times[0]); err != nil {
			return f, err
		}
		f.To, err = createdTime(times[1])
	}
	return f, err
}

// listAuditLogs answers newest first. Pages go by cursor; page numbers start
// at the newest entry too.
func (a *API) listAuditLogs(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	f, err := q.auditFilter()
	if err != nil {
		return err
	}
	records, found, err := a.auditPage(q, p, f)
	if err != nil {
		return err
	}
	body, names := auditLogsBody{[]auditLog{}, q.paging(p, found)}, map[sotto.PersonID]string{}
	for _, r := range records {
		one, err := a.auditLog(q, r, names)
		if err != nil {
			return err
		}
		body.Logs = append(body.Logs, one)
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) showAuditLog(w http.ResponseWriter, q *request) error {
	id, err := q.number("id")
	if err != nil {
		return err
	}
	records, _, err := a.c.Audit.List(q.Context(), q.actor, audit.Filter{After: id + 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(records) == 0 || records[0].ID != id {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	one, err := a.auditLog(q, records[0], map[sotto.PersonID]string{})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, auditLogBody{one})
}

// auditPage reads one page and what lies around it.
func (a *API) auditPage(q *request, p page, f audit.Filter) (records []audit.Record, out found, err error) {
	if f.After, err = cursorID(p.after); err != nil {
		return nil, out, err
	}
	if f.Before, err = cursorID(p.before); err != nil {
		return nil, out, err
	}
	f.Skip, f.Limit = p.skip(), p.size+1
	if records, _, err = a.c.Audit.List(q.Context(), q.actor, f); err != nil {
		return nil, out, err
	}
	records, out = cut(p, records, func(r audit.Record) string { return strconv.FormatInt(r.ID, 10) })
	if !p.byCursor {
		out.total, err = a.c.Audit.Count(q.Context(), q.actor, f)
	}
	return records, out, err
}
