package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto/call"
	"sotto/insight"
	"sotto/recording"
	ways "sotto/route"
)

// Calls and legs since a time, for programs that copy them. next_page is never
// null: a program stops when nothing new comes. What is handed out holds ids
// of people and no number and no name of theirs.

// perMinuteIncremental is how often one person may ask in a minute.
const perMinuteIncremental = 10

type (
	callRecord struct {
		ID                 int64    `json:"id"`
		CreatedAt          *string  `json:"created_at"`
		UpdatedAt          *string  `json:"updated_at"`
		AgentID            *int64   `json:"agent_id"`
		Charge             *string  `json:"call_charge"`
		ConsultationTime   int64    `json:"consultation_time"`
		CompletionStatus   string   `json:"completion_status"`
		CustomerID         *int64   `json:"customer_id"`
		RequestedVoicemail bool     `json:"customer_requested_voicemail"`
		Direction          string   `json:"direction"`
		Duration           int64    `json:"duration"`
		ExceededWait       bool     `json:"exceeded_queue_wait_time"`
		HoldTime           int64    `json:"hold_time"`
		MinutesBilled      int64    `json:"minutes_billed"`
		OutsideHours       bool     `json:"outside_business_hours"`
		NumberID           *int64   `json:"phone_number_id"`
		Number             *string  `json:"phone_number"`
		TicketID           *int64   `json:"ticket_id"`
		TimeToAnswer       *int64   `json:"time_to_answer"`
		Voicemail          bool     `json:"voicemail"`
		WaitTime           int64    `json:"wait_time"`
		WrapUpTime         int64    `json:"wrap_up_time"`
		IVRTime            int64    `json:"ivr_time_spent"`
		IVRHops            int      `json:"ivr_hops"`
		IVRGroup           *string  `json:"ivr_destination_group_name"`
		TalkTime           int64    `json:"talk_time"`
		IVRRoutedTo        *string  `json:"ivr_routed_to"`
		Callback           bool     `json:"callback"`
		CallbackSource     *string  `json:"callback_source"`
		DefaultGroup       bool     `json:"default_group"`
		IVRAction          *string  `json:"ivr_action"`
		Line               *string  `json:"line"`
		LineID             *int64   `json:"line_id"`
		LineType           *string  `json:"line_type"`
		Overflowed         bool     `json:"overflowed"`
		OverflowedTo       *string  `json:"overflowed_to"`
		RecordingControls  int      `json:"recording_control_interactions"`
		RecordingTime      int64    `json:"recording_time"`
		NotRecordingTime   int64    `json:"not_recording_time"`
		Consent            *string  `json:"call_recording_consent"`
		ConsentAction      *string  `json:"call_recording_consent_action"`
		ConsentKey         *string  `json:"call_recording_consent_keypress"`
		GroupID            *int64   `json:"call_group_id"`
		Channel            string   `json:"call_channel"`
		QualityIssues      []string `json:"quality_issues"`
	}
	legRecord struct {
		ID               int64    `json:"id"`
		CallID           int64    `json:"call_id"`
		Type             string   `json:"type"`
		CreatedAt        *string  `json:"created_at"`
		UpdatedAt        *string  `json:"updated_at"`
		AgentID          *int64   `json:"agent_id"`
		UserID           *int64   `json:"user_id"`
		Duration         int64    `json:"duration"`
		HoldTime         int64    `json:"hold_time"`
		TalkTime         int64    `json:"talk_time"`
		WrapUpTime       int64    `json:"wrap_up_time"`
		AvailableVia     *string  `json:"available_via"`
		ForwardedTo      *string  `json:"forwarded_to"`
		ConsultationFrom *int64   `json:"consultation_from"`
		ConsultationTo   *int64   `json:"consultation_to"`
		ConsultationTime int64    `json:"consultation_time"`
		TransferredFrom  *int64   `json:"transferred_from"`
		TransferredTo    *int64   `json:"transferred_to"`
		ConferenceFrom   *int64   `json:"conference_from"`
		ConferenceTo     *int64   `json:"conference_to"`
		ConferenceTime   int64    `json:"conference_time"`
		MinutesBilled    int64    `json:"minutes_billed"`
		Charge           *string  `json:"call_charge"`
		CompletionStatus string   `json:"completion_status"`
		QualityIssues    []string `json:"quality_issues"`
	}
	incremental struct {
		Count   int    `json:"count"`
		EndTime int64  `json:"end_time"`
		Next    string `json:"next_page"`
	}
	callRecordsBody struct {
		Calls []callRecord `json:"calls"`
		incremental
	}
	legRecordsBody struct {
		Legs []legRecord `json:"legs"`
		incremental
	}
)

// since reads ?start_time=, seconds since 1970, and counts the request against
// the lower rate.
func (a *API) since(q *request) (time.Time, error) {
	now := a.c.Clock()
	if _, reset, ok := a.incremental.take(q.actor.Person, now); !ok {
		return now, tooMany(reset)
	}
	s := q.param("start_time")
	if s == "" {
		return now, badRequest("ParameterMissing", "Say from when on: start_time=1700000000, in seconds since 1970.")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > now.Unix() {
		return now, badRequest("InvalidValue", "start_time is a time in the past, in seconds since 1970.")
	}
	return time.Unix(n, 0), nil
}

// incrementally says where to go on: at the second in which the last one
// ended, and where nothing came, where one was.
func (q *request) incrementally(since time.Time, n int, last time.Time) incremental {
	if n == 0 {
		last = since
	}
	path := strings.TrimPrefix(strings.TrimSuffix(q.URL.Path, "/"), prefix)
	return incremental{n, last.Unix(), fmt.Sprintf("%s%s.json?start_time=%d", q.base, path, last.Unix())}
}

func (a *API) listCallsSince(w http.ResponseWriter, q *request) error {
	since, err := a.since(q)
	if err != nil {
		return err
	}
	all, err := a.c.Insight.Calls(q.Context(), since)
	if err != nil {
		return err
	}
	body, last := callRecordsBody{Calls: []callRecord{}}, since
	for _, c := range all {
		body.Calls, last = append(body.Calls, recordOf(c)), c.EndedAt
	}
	body.incremental = q.incrementally(since, len(all), last)
	return writeJSON(w, http.StatusOK, body)
}

func recordOf(c insight.Call) callRecord {
	out := callRecord{
		ID: int64(c.ID), CreatedAt: stamp(c.StartedAt), UpdatedAt: stamp(c.EndedAt), AgentID: orNull(c.Agent), ConsultationTime: whole(c.Consult),
		CompletionStatus: c.Completion(), CustomerID: orNull(c.Customer), RequestedVoicemail: c.WantedVoicemail, Direction: string(c.Direction),
		Duration: whole(c.Duration()), ExceededWait: c.Exceeded, HoldTime: whole(c.Hold), MinutesBilled: minutes(c.Duration()), OutsideHours: !c.InHours,
		NumberID: orNull(c.Line), Number: wordOrNull(c.LineNumber), TicketID: orNull(c.Ticket), Voicemail: c.Voicemail, WaitTime: whole(c.Waited), WrapUpTime: whole(c.WrapUp),
		IVRTime: whole(c.InMenus), IVRHops: c.Hops, TalkTime: whole(c.Talk), IVRAction: wordOrNull(string(c.Chosen)),
		DefaultGroup: c.Direction == call.Inbound && c.Chosen == "", Line: wordOrNull(c.LineName), LineID: orNull(c.Line), LineType: wordOrNull(underscored(c.LineKind)),
		Overflowed: c.Overflowed, RecordingControls: c.Pauses, RecordingTime: whole(c.Recorded), NotRecordingTime: whole(c.Paused),
		Callback: c.Callback != "", CallbackSource: wordOrNull(c.Callback), GroupID: orNull(c.Group),
		Consent: wordOrNull(underscored(c.Consent)), Channel: "phone", QualityIssues: []string{},
	}
	if c.Chosen == ways.ToGroup {
		out.IVRGroup = wordOrNull(c.GroupName)
	}
	if !c.ConnectedAt.IsZero() {
		n := whole(c.ToAnswer())
		out.TimeToAnswer = &n
	}
	if c.LineKind == "digital" {
		out.Channel = "web-widget"
	}
	out.ConsentAction, out.ConsentKey = decided(c)
	for _, is := range c.Issues() {
		out.QualityIssues = append(out.QualityIssues, string(is))
	}
	return out
}

// decided is what the caller did when asked about recording: a key was pressed
// where the rule said that silence means the other thing.
func decided(c insight.Call) (action, key *string) {
	switch {
	case c.Consent == string(recording.OptIn) && c.Decided == string(recording.Granted):
		return wordOrNull("caller_opted_in"), wordOrNull("3")
	case c.Consent == string(recording.OptOut) && (c.Decided == string(recording.Refused) || c.Decided == string(recording.Withdrawn)):
		return wordOrNull("caller_opted_out"), wordOrNull("3")
	}
	return nil, nil
}

// minutes are begun ones.
func minutes(d time.Duration) int64 { return int64((d + time.Minute - 1) / time.Minute) }

func (a *API) listLegsSince(w http.ResponseWriter, q *request) error {
	since, err := a.since(q)
	if err != nil {
		return err
	}
	all, err := a.c.Insight.Legs(q.Context(), since)
	if err != nil {
		return err
	}
	body, last := legRecordsBody{Legs: []legRecord{}}, since
	for _, l := range all {
		body.Legs, last = append(body.Legs, legOf(l)), l.CallEndedAt
	}
	body.incremental = q.incrementally(since, len(all), last)
	return writeJSON(w, http.StatusOK, body)
}

func legOf(l insight.Leg) legRecord {
	out := legRecord{
		ID: l.ID, CallID: int64(l.Call), Type: string(l.Kind), CreatedAt: stamp(l.StartedAt), UpdatedAt: stamp(l.CallEndedAt),
		Duration: whole(l.Duration()), HoldTime: whole(l.Hold), TalkTime: whole(l.Talk), WrapUpTime: whole(l.WrapUp), MinutesBilled: minutes(l.Duration()),
		CompletionStatus: string(l.Completion()), QualityIssues: []string{},
	}
	if l.Kind == call.CallerLeg {
		out.Type, out.UserID = "customer", orNull(l.Customer)
	}
	if l.Kind == call.AgentLeg || l.Kind == call.SupervisorLeg {
		out.AgentID, out.UserID = orNull(l.Person), orNull(l.Person)
	}
	brought := func(from, to **int64) { *from, *to = orNull(l.By), orNull(l.Person) }
	switch l.Part {
	case call.Consultation:
		brought(&out.ConsultationFrom, &out.ConsultationTo)
	case call.Transfer:
		brought(&out.TransferredFrom, &out.TransferredTo)
	case call.Conference:
		brought(&out.ConferenceFrom, &out.ConferenceTo)
		out.ConferenceTime = whole(l.Talk)
	}
	out.ConsultationTime = whole(l.Consult)
	for _, is := range l.Issues {
		out.QualityIssues = append(out.QualityIssues, string(is))
	}
	return out
}
