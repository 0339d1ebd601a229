package api

import (
	"net/http"
	"time"
)

// voiceSettings are the desk's in Zendesk's shape. Most became settings of the
// lines there and are so here: what is said of them is what the lines have.
// AutoAway is ours, and the one that is set here.
type voiceSettings struct {
	Confirmation bool  `json:"agent_confirmation_when_forwarding"`
	WrapUp       bool  `json:"agent_wrap_up_after_calls"`
	MaxQueue     int   `json:"maximum_queue_size"`
	MaxWait      int64 `json:"maximum_queue_wait_time"`
	OnlyHours    bool  `json:"only_during_business_hours"`
	AutoAway     int64 `json:"auto_away_after"`
}

type voiceSettingsBody struct {
	Settings voiceSettings `json:"settings"`
}

func (a *API) showVoiceSettings(w http.ResponseWriter, q *request) (err error) {
	out := voiceSettings{Confirmation: true}
	if out.AutoAway, err = a.c.Agents.AutoAway(q.Context()); err != nil {
		return err
	}
	lines, err := a.c.Lines.List(q.Context())
	if err != nil {
		return err
	}
	for _, l := range lines {
		out.WrapUp, out.OnlyHours = out.WrapUp || l.WrapUp, out.OnlyHours || len(l.Hours.Spans) > 0
		out.MaxQueue, out.MaxWait = max(out.MaxQueue, l.MaxQueue), max(out.MaxWait, int64(l.Wait/time.Minute))
	}
	return writeJSON(w, http.StatusOK, voiceSettingsBody{out})
}

func (a *API) updateVoiceSettings(w http.ResponseWriter, q *request) error {
	in, err := readNamed[struct {
		AutoAway *int64 `json:"auto_away_after"`
	}](q, "settings")
	if err != nil {
		return err
	}
	if in.AutoAway != nil {
		if err := a.c.Agents.SetAutoAway(q.Context(), q.actor, *in.AutoAway); err != nil {
			return err
		}
	}
	return a.showVoiceSettings(w, q)
}
