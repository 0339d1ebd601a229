package api

import (
	"net/http"
	"time"

	"sotto"
	"sotto/db"
	"sotto/recording"
)

// dueBody says how many recordings of a line would be deleted at once under
// a rule, before anybody saves it.
type dueBody struct {
	Deletion struct {
		LineID     int64   `json:"line_id"`
		Calls      *int64  `json:"calls_days"`
		Voicemails *int64  `json:"voicemails_days"`
		CallsDue   int64   `json:"calls_due"`
		VoiceDue   int64   `json:"voicemails_due"`
		At         *string `json:"at"`
	} `json:"automatic_deletion"`
}

// previewDeletion counts what becomes due with the days that were given; a
// number of days that is not there is never.
func (a *API) previewDeletion(w http.ResponseWriter, q *request) error {
	id, err := q.number("line")
	if err != nil {
		return err
	}
	calls, err := q.days("calls_days")
	if err != nil {
		return err
	}
	voicemails, err := q.days("voicemails_days")
	if err != nil {
		return err
	}
	if _, err := a.c.Lines.Get(q.Context(), sotto.LineID(id)); err != nil {
		return err
	}
	var body dueBody
	out := &body.Deletion
	out.LineID, out.Calls, out.Voicemails = id, orNull(calls), orNull(voicemails)
	err = a.c.DB.Read(q.Context(), func(tx *db.Tx) error {
		out.At = stamp(tx.Now)
		if out.CallsDue, err = a.wouldBeDue(tx, id, recording.Call, calls); err != nil {
			return err
		}
		out.VoiceDue, err = a.wouldBeDue(tx, id, recording.Voicemail, voicemails)
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}

// days reads a number of days of the query; 0 when it is not there.
func (q *request) days(name string) (int64, error) {
	n, err := q.paramNumber(name)
	if err == nil && n > 3650 {
		err = badRequest("InvalidValue", name+" is 1 to 3650, or left out for never.")
	}
	return n, err
}

func (a *API) wouldBeDue(tx *db.Tx, line int64, kind recording.Kind, days int64) (int64, error) {
	if days == 0 {
		return 0, nil
	}
	before := tx.Now.Add(-time.Duration(days) * 24 * time.Hour)
	return db.One(tx, db.Int, a.q["WouldBeDue"], line, string(kind), db.Millis(before))
}
