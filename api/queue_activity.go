package api

import (
	"net/http"
	"strconv"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/queue"
)

// Figures of this moment and of today (UTC), in Zendesk's words. Times are
// whole seconds.

type (
	queueActivity struct {
		AgentsOnline        int   `json:"agents_online"`
		CallsWaiting        int   `json:"calls_waiting"`
		CallbacksWaiting    int   `json:"callbacks_waiting"`
		EmbeddableCallbacks int   `json:"embeddable_callbacks_waiting"`
		AverageWait         int64 `json:"average_wait_time"`
		LongestWait         int64 `json:"longest_wait_time"`
	}
	queueActivityBody struct {
		Activity queueActivity `json:"current_queue_activity"`
	}
	agentActivity struct {
		Name              string  `json:"name"`
		AgentID           int64   `json:"agent_id"`
		Via               string  `json:"via"`
		AvatarURL         *string `json:"avatar_url"`
		ForwardingNumber  *string `json:"forwarding_number"`
		AgentState        string  `json:"agent_state"`
		CallStatus        *string `json:"call_status"`
		CallsAccepted     int64   `json:"calls_accepted"`
		CallsDenied       int64   `json:"calls_denied"`
		CallsMissed       int64   `json:"calls_missed"`
		OnlineTime        int64   `json:"online_time"`
		AvailableTime     int64   `json:"available_time"`
		AwayTime          int64   `json:"away_time"`
		TransfersOnlyTime int64   `json:"transfers_only_time"`
		TotalTalk         int64   `json:"total_talk_time"`
		AverageTalk       int64   `json:"average_talk_time"`
		TotalWrapUp       int64   `json:"total_wrap_up_time"`
		AverageWrapUp     int64   `json:"average_wrap_up_time"`
		TotalCall         int64   `json:"total_call_duration"`
		AcceptedTransfers int64   `json:"accepted_transfers"`
		StartedTransfers  int64   `json:"started_transfers"`
		PutOnHold         int64   `json:"calls_put_on_hold"`
		TotalHold         int64   `json:"total_hold_time"`
		AverageHold       int64   `json:"average_hold_time"`
		StartedParties    int64   `json:"started_third_party_conferences"`
		AcceptedParties   int64   `json:"accepted_third_party_conferences"`
	}
	agentsActivityBody struct {
		Agents []agentActivity `json:"agents_activity"`
	}
)

func whole(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

// mean is a total shared among n; 0 of nothing.
func mean(total time.Duration, n int64) int64 {
	if n == 0 {
		return 0
	}
	return whole(total / time.Duration(n))
}

// some reads "name=1,2,3"; without it, or with nothing in it, none.
func (q *request) some(name string) (out []int64, err error) {
	if q.param(name) == "" {
		return nil, nil
	}
	all, err := q.list(name)
	for _, s := range all {
		n, bad := strconv.ParseInt(s, 10, 64)
		if bad != nil || n < 1 {
			return nil, badRequest("InvalidValue", name+" must be numbers with commas between them.")
		}
		out = append(out, n)
	}
	return out, err
}

func (a *API) showQueueActivity(w http.ResponseWriter, q *request) error {
	lines, err := q.linesAsked()
	if err != nil {
		return err
	}
	there, err := a.c.Agents.Roster(q.Context())
	if err != nil {
		return err
	}
	now := a.c.Queue.Activity(lines...)
	return writeJSON(w, http.StatusOK, queueActivityBody{queueActivity{
		AgentsOnline: len(there.Agents), CallsWaiting: now.Waiting, CallbacksWaiting: now.Callbacks - now.RequestedCallbacks,
		EmbeddableCallbacks: now.RequestedCallbacks, AverageWait: whole(now.Average), LongestWait: whole(now.Longest),
	}})
}

func (a *API) showAgentsActivity(w http.ResponseWriter, q *request) error {
	groups, err := q.some("group_ids")
	if err != nil {
		return err
	}
	all, err := a.c.Agents.Today(q.Context())
	if err != nil {
		return err
	}
	from, to := a.today()
	calls, err := a.c.Insight.Agents(q.Context(), from, to)
	if err != nil {
		return err
	}
	in, err := a.inGroups(q, groups)
	if err != nil {
		return err
	}
	body := agentsActivityBody{[]agentActivity{}}
	for _, f := range all {
		if len(groups) > 0 && !in[f.Person] {
			continue
		}
		p, err := a.c.People.Get(q.Context(), f.Person)
		if err != nil || !p.ErasedAt.IsZero() {
			continue // was erased meanwhile
		}
		out := activityOf(f)
		did := calls[f.Person]
		out.Name, out.TotalCall, out.StartedParties, out.AcceptedParties = p.Name, whole(did.Duration), did.ConferencesStarted, did.ConferencesAccepted
		body.Agents = append(body.Agents, out)
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) inGroups(q *request, groups []int64) (map[sotto.PersonID]bool, error) {
	in := map[sotto.PersonID]bool{}
	all, err := a.c.Agents.Memberships(q.Context())
	for _, m := range all {
		for _, g := range groups {
			in[m.Person] = in[m.Person] || int64(m.Group) == g
		}
	}
	return in, err
}

func activityOf(f agent.Figures) agentActivity {
	t := f.Tally
	return agentActivity{
		AgentID: int64(f.Person), Via: "phone", AgentState: string(f.State), CallStatus: callStatus(f.Status),
		CallsAccepted: t.Accepted, CallsDenied: t.Denied, CallsMissed: t.Missed,
		OnlineTime: whole(t.Online()), AvailableTime: whole(t.Available), AwayTime: whole(t.Away), TransfersOnlyTime: whole(t.TransfersOnly),
		TotalTalk: whole(t.Talk), AverageTalk: mean(t.Talk, t.Talks), TotalWrapUp: whole(t.WrapUp), AverageWrapUp: mean(t.WrapUp, t.WrapUps),
		AcceptedTransfers: t.TransfersAccepted, StartedTransfers: t.TransfersStarted,
		PutOnHold: t.Holds, TotalHold: whole(t.Hold), AverageHold: mean(t.Hold, t.Holds),
	}
}

// callStatus is a status in Zendesk's words; it has none for being rung.
func callStatus(s agent.CallStatus) *string {
	if s != agent.OnCall && s != agent.WrapUp {
		return nil
	}
	out := string(s)
	return &out
}

type callbackBody struct {
	Request struct {
		ID     int64   `json:"id"`
		LineID int64   `json:"phone_number_id"`
		Groups []int64 `json:"group_ids"`
	} `json:"callback_request"`
}

// callbacksAtOnce is how many promises one person may make in ten minutes.
const callbacksAtOnce = 30

// createCallback promises to call a number back when its turn has come.
func (a *API) createCallback(w http.ResponseWriter, q *request) error {
	in, err := readNamed[struct {
		LineID number   `json:"phone_number_id"`
		Number text     `json:"requester_phone_number"`
		Groups []number `json:"group_ids"`
	}](q, "callback_request")
	if err != nil {
		return err
	}
	l, err := a.c.Lines.Get(q.Context(), sotto.LineID(in.LineID))
	if err != nil {
		return err
	}
	if _, reset, ok := a.callbacks.take(q.actor.Person, a.c.Clock()); !ok {
		return tooMany(reset)
	}
	d := queue.DemandOf(l, 0)
	var body callbackBody
	if len(in.Groups) > 0 {
		d.Groups = nil
	}
	for _, g := range in.Groups {
		if _, err := a.c.Agents.Group(q.Context(), sotto.GroupID(g)); err != nil {
			return err
		}
		d.Groups = append(d.Groups, sotto.GroupID(g))
	}
	id, err := a.c.Queue.Request(q.Context(), q.actor, d, string(in.Number))
	if err != nil {
		return err
	}
	body.Request.ID, body.Request.LineID, body.Request.Groups = int64(id), int64(l.ID), []int64{}
	for _, g := range d.Groups {
		body.Request.Groups = append(body.Request.Groups, int64(g))
	}
	return writeJSON(w, http.StatusCreated, body)
}
