package api

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"sotto"
	"sotto/person"
	"sotto/privacy"
)

// What a person may ask under privacy law. Zendesk has no words for most of
// it, so these operations and shapes are ours, below /sotto.

type (
	accessBody struct {
		Access accessReport `json:"access"`
	}
	accessReport struct {
		PersonID   int64             `json:"person_id"`
		At         *string           `json:"at"`
		Places     []accessPlace     `json:"places"`
		Files      []accessFiles     `json:"files"`
		Recipients []accessRecipient `json:"recipients"`
		Source     string            `json:"source"`
		Automated  string            `json:"automated_decisions"`
		Rights     string            `json:"rights"`
	}
	accessPlace struct {
		Place   string `json:"place"`
		Count   int64  `json:"count"`
		Why     string `json:"why"`
		Basis   string `json:"legal_basis"`
		Keep    string `json:"kept"`
		Role    string `json:"role"`
		Erasure string `json:"on_erasure"`
	}
	accessFiles struct {
		Class string `json:"class"`
		What  string `json:"what"`
		Count int64  `json:"count"`
	}
	accessRecipient struct {
		Name   string `json:"name"`
		To     string `json:"to"`
		Fields string `json:"fields"`
		Why    string `json:"why"`
	}
)

// subject reads the person of the path.
func (q *request) subject() (sotto.PersonID, error) {
	id, err := q.number("person")
	return sotto.PersonID(id), err
}

// showAccess says what is held about a person, where and why (GDPR 15).
func (a *API) showAccess(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	rep, err := a.c.Rights.Show(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	out := accessReport{
		PersonID: int64(rep.Person), At: stamp(rep.At), Source: rep.Source, Automated: rep.Automated, Rights: rep.Rights,
		Places: []accessPlace{}, Files: []accessFiles{}, Recipients: []accessRecipient{},
	}
	for _, p := range rep.Places {
		out.Places = append(out.Places, accessPlace{p.Name, p.Count, p.Why, string(p.Basis), string(p.Keep), string(p.Role), string(p.Erasure)})
	}
	for _, f := range rep.Files {
		out.Files = append(out.Files, accessFiles(f))
	}
	for _, r := range rep.Recipients {
		out.Recipients = append(out.Recipients, accessRecipient{r.Disclosure.String(), r.To, r.Fields, r.Why})
	}
	return writeJSON(w, http.StatusOK, accessBody{out})
}

type exportBody struct {
	Export struct {
		ID       int64  `json:"id"`
		PersonID int64  `json:"person_id"`
		State    string `json:"state"`
		URL      string `json:"url"`
	} `json:"export"`
}

// createExport orders an archive of everything about a person (GDPR 15(3),
// 20). It is made in the background.
func (a *API) createExport(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	if _, err := a.c.People.Get(q.Context(), id); err != nil {
		return err
	}
	no, err := a.c.Rights.RequestExport(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	var body exportBody
	body.Export.ID, body.Export.PersonID, body.Export.State = no, int64(id), "waiting"
	body.Export.URL = q.base + "/sotto/people/" + strconv.FormatInt(int64(id), 10) + "/exports/" + strconv.FormatInt(no, 10)
	w.Header().Set("Location", body.Export.URL)
	return writeJSON(w, http.StatusAccepted, body)
}

// downloadExport sends the archive; Conflict while it is being made.
func (a *API) downloadExport(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	no, err := q.number("export")
	if err != nil {
		return err
	}
	rd, archive, err := a.c.Rights.OpenExport(q.Context(), q.actor, no)
	if err != nil {
		return err
	}
	if archive.Person != id {
		return errors.Join(sotto.Fail(sotto.NotFound, "Not found"), rd.Close())
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", saveAs("export-"+strconv.FormatInt(no, 10)+".zip"))
	oneRange(q.Request)
	http.ServeContent(w, q.Request, "", time.Time{}, rd)
	return rd.Close()
}

type (
	correctionInput struct {
		Name        *string       `json:"name"`
		Notes       *string       `json:"notes"`
		Locale      *string       `json:"locale"`
		Phones      []replacement `json:"phones"`
		Emails      []replacement `json:"emails"`
		RecordingID number        `json:"recording_id"`
		Statement   string        `json:"statement"`
	}
	replacement struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	correctionBody struct {
		Correction struct {
			PersonID int64 `json:"person_id"`
			Tickets  int   `json:"tickets"`
			Receipt  int64 `json:"receipt"`
		} `json:"correction"`
	}
)

func pairs(some []replacement) map[string]string {
	out := map[string]string{}
	for _, r := range some {
		out[r.From] = r.To
	}
	return out
}

// correct sets a person's data right wherever it stands (GDPR 16).
func (a *API) correct(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	c, err := readNamed[correctionInput](q, "correction")
	if err != nil {
		return err
	}
	done, err := a.c.Rights.Correct(q.Context(), q.actor, id, privacy.Correction{
		Name: c.Name, Notes: c.Notes, Locale: c.Locale, Phones: pairs(c.Phones), Emails: pairs(c.Emails),
		Recording: sotto.RecordingID(c.RecordingID), Statement: c.Statement,
	})
	if err != nil {
		return err
	}
	var body correctionBody
	body.Correction.PersonID, body.Correction.Tickets, body.Correction.Receipt = int64(id), done.Tickets, int64(done.Receipt)
	return writeJSON(w, http.StatusOK, body)
}

type (
	previewBody struct {
		Preview preview `json:"preview"`
	}
	preview struct {
		PersonID int64          `json:"person_id"`
		OnCall   bool           `json:"on_call"`
		Places   []previewPlace `json:"places"`
		Mentions []int64        `json:"mentioned_in_tickets"`
	}
	previewPlace struct {
		Table   string `json:"table"`
		Rows    int64  `json:"rows"`
		Outcome string `json:"outcome"`
	}
	erasureBody struct {
		Erasure struct {
			ID         int64  `json:"id"`
			PersonID   int64  `json:"person_id"`
			Unreadable int64  `json:"unreadable_after_ms"`
			Nonce      string `json:"nonce"`
			Identity   string `json:"identity"`
		} `json:"erasure"`
	}
)

// previewErasure says what an erasure would remove, before anybody orders it.
func (a *API) previewErasure(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	p, err := a.c.Rights.PreviewErasure(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	out := preview{PersonID: int64(p.Person), OnCall: p.OnCall, Places: []previewPlace{}, Mentions: []int64{}}
	for _, pl := range p.Places {
		out.Places = append(out.Places, previewPlace(pl))
	}
	for _, t := range p.Mentions {
		out.Mentions = append(out.Mentions, int64(t))
	}
	return writeJSON(w, http.StatusOK, previewBody{out})
}

// erase forgets a person (GDPR 17). When it answers nothing can be read any
// more; the sweep and the receipt follow. Nonce and identity open the
// receipt's commitment: they are for the person, and shown this once.
func (a *API) erase(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	if id == q.actor.Person {
		return sotto.Fail(sotto.Denied, "You cannot erase yourself; another administrator can.")
	}
	out, err := a.c.Rights.EraseSoon(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	var body erasureBody
	body.Erasure.ID, body.Erasure.PersonID, body.Erasure.Unreadable = out.Erasure, int64(id), out.Unreadable.Milliseconds()
	body.Erasure.Nonce, body.Erasure.Identity = hex.EncodeToString(out.Nonce[:]), out.Identity
	return writeJSON(w, http.StatusAccepted, body)
}

type (
	rightsBody struct {
		Requests []rightsRequest `json:"requests"`
	}
	rightsRequest struct {
		ID       int64   `json:"id"`
		Kind     string  `json:"kind"`
		State    string  `json:"state"`
		OpenedAt *string `json:"opened_at"`
		DoneAt   *string `json:"done_at"`
		Receipt  *int64  `json:"receipt"`
	}
	objectionsBody struct {
		Objections []objectionJSON `json:"objections"`
	}
	objectionJSON struct {
		Purpose  string  `json:"purpose"`
		RaisedAt *string `json:"raised_at"`
	}
)

// listRequests says what a person has asked so far.
func (a *API) listRequests(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	if _, err := a.person(q, id); err != nil {
		return err
	}
	all, err := a.c.Rights.Requests(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	body := rightsBody{[]rightsRequest{}}
	for _, r := range all {
		one := rightsRequest{int64(r.ID), string(r.Kind), r.State, stamp(r.OpenedAt), stamp(r.DoneAt), nil}
		if r.Receipt >= 0 {
			no := int64(r.Receipt)
			one.Receipt = &no
		}
		body.Requests = append(body.Requests, one)
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) listObjections(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	p, err := a.c.People.Get(q.Context(), id)
	if err != nil {
		return err
	}
	body := objectionsBody{[]objectionJSON{}}
	for _, o := range p.Objections {
		body.Objections = append(body.Objections, objectionJSON{string(o.Purpose), stamp(o.RaisedAt)})
	}
	return writeJSON(w, http.StatusOK, body)
}

// object records an objection to one purpose (GDPR 21).
func (a *API) object(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	if err := a.c.Rights.Object(q.Context(), q.actor, id, person.Purpose(q.PathValue("purpose"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) withdrawObjection(w http.ResponseWriter, q *request) error {
	id, err := q.subject()
	if err != nil {
		return err
	}
	if err := a.c.Rights.WithdrawObjection(q.Context(), q.actor, id, person.Purpose(q.PathValue("purpose"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// showReceipt sends a receipt that anyone can check offline.
func (a *API) showReceipt(w http.ResponseWriter, q *request) error {
	no, err := strconv.ParseInt(q.PathValue("receipt"), 10, 64)
	if err != nil || no < 0 {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	r, err := a.c.Receipts.Receipt(sotto.ReceiptNo(no))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", saveAs("receipt-"+strconv.FormatInt(no, 10)+".txt"))
	_, _ = r.WriteTo(w) // a client that went away is no error of ours
	return nil
}
