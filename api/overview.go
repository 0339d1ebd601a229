package api

import (
	"net/http"
	"time"

	"sotto"
	"sotto/agent"
)

// Figures of today (UTC) in Zendesk's words. Times are whole seconds. What
// agents did after calls is known by agent, so ?phone_number_ids= leaves the
// wrap-up as it is.

type (
	accountOverview struct {
		AverageCall         int64 `json:"average_call_duration"`
		AverageCallbackWait int64 `json:"average_callback_wait_time"`
		AverageHold         int64 `json:"average_hold_time"`
		AverageWait         int64 `json:"average_queue_wait_time"`
		AverageAnswer       int64 `json:"average_time_to_answer"`
		AverageWrapUp       int64 `json:"average_wrap_up_time"`
		MaxWaiting          int64 `json:"max_calls_waiting"`
		MaxWait             int64 `json:"max_queue_wait_time"`
		TotalDuration       int64 `json:"total_call_duration"`
		TotalCallbacks      int64 `json:"total_callback_calls"`
		TotalCalls          int64 `json:"total_calls"`
		TotalAbandoned      int64 `json:"total_calls_abandoned_in_queue"`
		TotalOutsideHours   int64 `json:"total_calls_outside_business_hours"`
		TotalExceeded       int64 `json:"total_calls_with_exceeded_queue_wait_time"`
		TotalWanted         int64 `json:"total_calls_with_requested_voicemail"`
		TotalEmbeddable     int64 `json:"total_embeddable_callback_calls"`
		TotalHold           int64 `json:"total_hold_time"`
		TotalInbound        int64 `json:"total_inbound_calls"`
		TotalOutbound       int64 `json:"total_outbound_calls"`
		TotalTextBacks      int64 `json:"total_textback_requests"`
		TotalVoicemails     int64 `json:"total_voicemails"`
		TotalWrapUp         int64 `json:"total_wrap_up_time"`
	}
	accountOverviewBody struct {
		Overview accountOverview `json:"account_overview"`
	}
	agentsOverview struct {
		AverageAcceptedTransfers int64 `json:"average_accepted_transfers"`
		AverageAvailable         int64 `json:"average_available_time"`
		AverageAway              int64 `json:"average_away_time"`
		AverageAccepted          int64 `json:"average_calls_accepted"`
		AverageDenied            int64 `json:"average_calls_denied"`
		AverageMissed            int64 `json:"average_calls_missed"`
		AveragePutOnHold         int64 `json:"average_calls_put_on_hold"`
		AverageHold              int64 `json:"average_hold_time"`
		AverageOnline            int64 `json:"average_online_time"`
		AverageStartedTransfers  int64 `json:"average_started_transfers"`
		AverageTalk              int64 `json:"average_talk_time"`
		AverageTransfersOnly     int64 `json:"average_transfers_only_time"`
		AverageWrapUp            int64 `json:"average_wrap_up_time"`
		TotalAcceptedTransfers   int64 `json:"total_accepted_transfers"`
		TotalAccepted            int64 `json:"total_calls_accepted"`
		TotalDenied              int64 `json:"total_calls_denied"`
		TotalMissed              int64 `json:"total_calls_missed"`
		TotalPutOnHold           int64 `json:"total_calls_put_on_hold"`
		TotalHold                int64 `json:"total_hold_time"`
		TotalStartedTransfers    int64 `json:"total_started_transfers"`
		TotalTalk                int64 `json:"total_talk_time"`
		TotalWrapUp              int64 `json:"total_wrap_up_time"`
	}
	agentsOverviewBody struct {
		Overview agentsOverview `json:"agents_overview"`
	}
)

// today is the span of the day so far (UTC).
func (a *API) today() (from, to time.Time) {
	from = a.c.Clock().UTC().Truncate(24 * time.Hour)
	return from, from.Add(24 * time.Hour)
}

// linesAsked reads ?phone_number_ids=; none is all.
func (q *request) linesAsked() (lines []sotto.LineID, err error) {
	ids, err := q.some("phone_number_ids")
	for _, id := range ids {
		lines = append(lines, sotto.LineID(id))
	}
	return lines, err
}

func (a *API) showAccountOverview(w http.ResponseWriter, q *request) error {
	lines, err := q.linesAsked()
	if err != nil {
		return err
	}
	from, to := a.today()
	o, err := a.c.Insight.Overview(q.Context(), from, to, lines...)
	if err != nil {
		return err
	}
	agents, err := a.c.Agents.Today(q.Context())
	if err != nil {
		return err
	}
	t := sum(agents)
	return writeJSON(w, http.StatusOK, accountOverviewBody{accountOverview{
		AverageCall: mean(o.Duration, o.Answered), AverageHold: mean(o.Hold, o.Held), AverageWait: mean(o.Wait, o.Queued),
		AverageAnswer: mean(o.ToAnswer, o.Connected), AverageWrapUp: mean(t.WrapUp, t.WrapUps), MaxWaiting: o.MaxWaiting, MaxWait: whole(o.MaxWait),
		TotalDuration: whole(o.Duration), TotalCallbacks: o.Callbacks, TotalEmbeddable: o.CallbacksAsked, TotalCalls: o.Calls, TotalAbandoned: o.Abandoned, TotalOutsideHours: o.OutsideHours,
		TotalExceeded: o.Exceeded, TotalWanted: o.WantedVoicemail, TotalHold: whole(o.Hold), TotalInbound: o.Inbound, TotalOutbound: o.Outbound(),
		TotalTextBacks: o.TextBacks, TotalVoicemails: o.Voicemails, TotalWrapUp: whole(t.WrapUp),
	}})
}

// showAgentsOverview shares what agents did among those who were at work
// today; times of talking, holding and writing are by the call.
func (a *API) showAgentsOverview(w http.ResponseWriter, q *request) error {
	agents, err := a.c.Agents.Today(q.Context())
	if err != nil {
		return err
	}
	n := int64(0)
	for _, f := range agents {
		if f.Tally != (agent.Tally{}) {
			n++
		}
	}
	each := func(total int64) int64 {
		if n == 0 {
			return 0
		}
		return (total + n/2) / n
	}
	t := sum(agents)
	return writeJSON(w, http.StatusOK, agentsOverviewBody{agentsOverview{
		AverageAcceptedTransfers: each(t.TransfersAccepted), AverageAvailable: mean(t.Available, n), AverageAway: mean(t.Away, n),
		AverageAccepted: each(t.Accepted), AverageDenied: each(t.Denied), AverageMissed: each(t.Missed), AveragePutOnHold: each(t.Holds),
		AverageHold: mean(t.Hold, t.Holds), AverageOnline: mean(t.Online(), n), AverageStartedTransfers: each(t.TransfersStarted),
		AverageTalk: mean(t.Talk, t.Talks), AverageTransfersOnly: mean(t.TransfersOnly, n), AverageWrapUp: mean(t.WrapUp, t.WrapUps),
		TotalAcceptedTransfers: t.TransfersAccepted, TotalAccepted: t.Accepted, TotalDenied: t.Denied, TotalMissed: t.Missed,
		TotalPutOnHold: t.Holds, TotalHold: whole(t.Hold), TotalStartedTransfers: t.TransfersStarted, TotalTalk: whole(t.Talk), TotalWrapUp: whole(t.WrapUp),
	}})
}

// sum is what all agents did together.
func sum(all []agent.Figures) (t agent.Tally) {
	for _, f := range all {
		t = t.Plus(f.Tally)
	}
	return t
}
