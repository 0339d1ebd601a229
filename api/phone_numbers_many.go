package api

import (
	"net/http"

	"sotto"
	"sotto/line"
)

type (
	lineChange struct {
		LineID int64  `json:"phone_number_id"`
		Field  string `json:"field"`
		From   string `json:"from"`
		To     string `json:"to"`
	}
	lineChangesBody struct {
		Preview bool          `json:"preview"`
		Changes []lineChange  `json:"changes"`
		Numbers []phoneNumber `json:"phone_numbers"`
	}
	linesBody struct {
		Lines []phoneNumber `json:"lines"`
		paging
	}
	digitalLinesBody struct {
		Lines []phoneNumber `json:"digital_lines"`
		paging
	}
)

// updatePhoneNumbers changes several lines: all or none. With preview=true it
// only says what would change.
func (a *API) updatePhoneNumbers(w http.ResponseWriter, q *request) error {
	ids, err := q.ids()
	if err != nil {
		return err
	}
	preview := q.param("preview")
	if preview != "" && preview != "true" && preview != "false" {
		return badRequest("InvalidValue", "preview is true or false.")
	}
	in, err := q.readPhoneNumber()
	if err != nil {
		return err
	}
	if err := a.hasMenus(q, in); err != nil {
		return err
	}
	lines := make([]sotto.LineID, len(ids))
	for i, id := range ids {
		lines[i] = sotto.LineID(id)
	}
	all, changed, err := a.c.Lines.UpdateMany(q.Context(), q.actor, lines, preview == "true", in.apply)
	if err != nil {
		return err
	}
	out := lineChangesBody{Preview: preview == "true", Changes: []lineChange{}, Numbers: []phoneNumber{}}
	for _, c := range changed {
		out.Changes = append(out.Changes, lineChange{int64(c.Line), c.Field, c.From, c.To})
	}
	for _, l := range all {
		out.Numbers = append(out.Numbers, q.phoneNumber(l))
	}
	return writeJSON(w, http.StatusOK, out)
}

// listDeletedPhoneNumbers lists the lines that can still be recovered.
func (a *API) listDeletedPhoneNumbers(w http.ResponseWriter, q *request) error {
	all, err := a.c.Lines.Deleted(q.Context())
	if err != nil {
		return err
	}
	rows, paging, err := q.lines(all)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, phoneNumbersBody{rows, paging})
}

func (a *API) recoverPhoneNumber(w http.ResponseWriter, q *request) error {
	id, err := q.number("line")
	if err != nil {
		return err
	}
	l, err := a.c.Lines.Recover(q.Context(), q.actor, sotto.LineID(id))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, phoneNumberBody{q.phoneNumber(l)})
}

// listLines lists telephone and web lines together.
func (a *API) listLines(w http.ResponseWriter, q *request) error {
	rows, paging, err := a.linesOf(q, func(line.Line) bool { return true })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, linesBody{rows, paging})
}

func (a *API) listDigitalLines(w http.ResponseWriter, q *request) error {
	rows, paging, err := a.linesOf(q, func(l line.Line) bool { return l.Kind == line.Digital })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, digitalLinesBody{rows, paging})
}

func (a *API) linesOf(q *request, want func(line.Line) bool) ([]phoneNumber, paging, error) {
	all, err := a.c.Lines.List(q.Context())
	if err != nil {
		return nil, paging{}, err
	}
	var some []line.Line
	for _, l := range all {
		if want(l) {
			some = append(some, l)
		}
	}
	return q.lines(some)
}

// lines cuts the page that was asked for out of lines.
func (q *request) lines(all []line.Line) ([]phoneNumber, paging, error) {
	p, err := q.page()
	if err != nil {
		return nil, paging{}, err
	}
	rows, found, err := cutShort(p, all, func(l line.Line) int64 { return int64(l.ID) })
	if err != nil {
		return nil, paging{}, err
	}
	out := []phoneNumber{}
	for _, l := range rows {
		out = append(out, q.phoneNumber(l))
	}
	return out, q.paging(p, found), nil
}
