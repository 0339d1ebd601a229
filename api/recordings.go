package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/recording"
)

// recordingJSON is a recording of a call. Zendesk has no such object; its
// members are named as in a voice comment.
type recordingJSON struct {
	ID        int64   `json:"id"`
	CallID    int64   `json:"call_id"`
	TicketID  *int64  `json:"ticket_id"`
	LineID    *int64  `json:"line_id"`
	Type      string  `json:"type"`
	State     string  `json:"state"`
	Reason    *string `json:"reason"`
	StartedAt *string `json:"started_at"`
	EndedAt   *string `json:"ended_at"`
	Duration  int64   `json:"duration"`
	URL       *string `json:"recording_url"`
	DeletedAt *string `json:"deleted_at"`
	DeletedBy *int64  `json:"deleted_by_id"`
	// Pauses are the stretches that were kept out of it.
	Pauses []pauseJSON `json:"pauses"`
}

type pauseJSON struct {
	UserID    *int64  `json:"user_id"`
	StartedAt *string `json:"started_at"`
	EndedAt   *string `json:"ended_at"`
}

type recordingsBody struct {
	Recordings []recordingJSON `json:"recordings"`
}

// recordingURL is where the sound is. Who asks is found out on every request.
func (q *request) recordingURL(r recording.Recording) *string {
	u := q.base + "/channels/voice/calls/" + strconv.FormatInt(int64(r.Call), 10) + "/recordings/" + strconv.FormatInt(int64(r.ID), 10) + ".wav"
	return &u
}

// ofCall reads the recordings of the call in the path. A call without any, and
// one that never was, are the same.
func (a *API) ofCall(q *request) ([]recording.Recording, error) {
	id, err := q.number("call")
	if err != nil {
		return nil, err
	}
	all, err := a.c.Recordings.ByCall(q.Context(), q.actor, sotto.CallID(id))
	if err == nil && len(all) == 0 {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	return all, err
}

func (a *API) listRecordings(w http.ResponseWriter, q *request) error {
	all, err := a.ofCall(q)
	if err != nil {
		return err
	}
	body := recordingsBody{[]recordingJSON{}}
	for _, r := range all {
		one := recordingJSON{
			ID: int64(r.ID), CallID: int64(r.Call), TicketID: orNull(r.Ticket), LineID: orNull(r.Line), Type: string(r.Kind),
			State: string(r.State), Reason: wordOrNull(string(r.Reason)), StartedAt: stamp(r.StartedAt), EndedAt: stamp(r.EndedAt),
			Duration: int64(r.Duration.Seconds()), DeletedAt: stamp(r.DeletedAt), DeletedBy: orNull(r.DeletedBy), Pauses: []pauseJSON{},
		}
		for _, p := range r.Pauses {
			one.Pauses = append(one.Pauses, pauseJSON{orNull(p.By), stamp(p.StartedAt), stamp(p.EndedAt)})
		}
		if r.State == recording.Durable {
			one.URL = q.recordingURL(r)
		}
		body.Recordings = append(body.Recordings, one)
	}
	return writeJSON(w, http.StatusOK, body)
}

// playRecording sends a recording as WAV, or the range that was asked for.
// Each request is authorised anew and nothing of it may be kept; there is no
// ETag, which would say whether the sound is the same as before.
func (a *API) playRecording(w http.ResponseWriter, q *request) error {
	n, isWAV := strings.CutSuffix(q.PathValue("recording"), ".wav")
	id, err := strconv.ParseInt(n, 10, 64)
	if !isWAV || err != nil {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	all, err := a.ofCall(q)
	if err != nil {
		return err
	}
	for _, r := range all {
		if int64(r.ID) != id {
			continue
		}
		wav, err := a.c.Recordings.WAV(q.Context(), q.actor, r.ID)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "audio/wav")
		oneRange(q.Request)
		http.ServeContent(w, q.Request, "", time.Time{}, wav)
		return wav.Close()
	}
	return sotto.Fail(sotto.NotFound, "Not found")
}

func (a *API) deleteRecordings(w http.ResponseWriter, q *request) error {
	return a.eraseRecordings(w, q, "")
}

func (a *API) deleteRecordingsOfType(w http.ResponseWriter, q *request) error {
	kind := recording.Kind(q.PathValue("recording"))
	if kind != recording.Call && kind != recording.Voicemail {
		return badRequest("InvalidValue", "The type of a recording is call or voicemail.")
	}
	return a.eraseRecordings(w, q, kind)
}

// eraseRecordings deletes the sounds of a call for good: at once, with an
// event on the ticket and an entry of its own in the audit log for each.
func (a *API) eraseRecordings(w http.ResponseWriter, q *request, only recording.Kind) error {
	all, err := a.ofCall(q)
	if err != nil {
		return err
	}
	done := 0
	for _, r := range all {
		if (only != "" && r.Kind != only) || r.State == recording.Deleted || r.State == recording.Erased {
			continue
		}
		if _, err := a.c.Eraser.Recording(q.Context(), q.actor, r.ID); err != nil {
			return err
		}
		done++
	}
	if done == 0 {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
