package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/line"
)

// phoneNumber is a line in Zendesk's shape. The members from Voicemail on are
// ours.
type phoneNumber struct {
	ID             int64            `json:"id"`
	URL            string           `json:"url"`
	CountryCode    *string          `json:"country_code"`
	CreatedAt      *string          `json:"created_at"`
	External       bool             `json:"external"`
	Number         string           `json:"number"`
	Name           string           `json:"name"`
	Nickname       string           `json:"nickname"`
	DisplayNumber  string           `json:"display_number"`
	Location       *string          `json:"location"`
	TollFree       bool             `json:"toll_free"`
	Transcription  bool             `json:"transcription"`
	Recorded       bool             `json:"recorded"`
	Consent        string           `json:"call_recording_consent"`
	GroupIDs       []int64          `json:"group_ids"`
	DefaultGroupID *int64           `json:"default_group_id"`
	GreetingIDs    []string         `json:"greeting_ids"`
	Capabilities   lineCapabilities `json:"capabilities"`
	SMSEnabled     bool             `json:"sms_enabled"`
	VoiceEnabled   bool             `json:"voice_enabled"`
	Priority       int              `json:"priority"`
	Outbound       bool             `json:"outbound_enabled"`
	LineType       string           `json:"line_type"`
	IVRID          *int64           `json:"ivr_id"`
	ScheduleID     *int64           `json:"schedule_id"`
	FailoverNumber *string          `json:"failover_number"`
	Token          *string          `json:"token"`

	Voicemail   bool        `json:"voicemail"`
	RingSeconds int64       `json:"ring_seconds"`
	WaitSeconds int64       `json:"max_wait_seconds"`
	Locale      string      `json:"locale"`
	Deletion    deletionIn  `json:"automatic_deletion"`
	TimeZone    string      `json:"time_zone"`
	Hours       []openHours `json:"business_hours"`
}

type lineCapabilities struct {
	SMS       bool `json:"sms"`
	MMS       bool `json:"mms"`
	Voice     bool `json:"voice"`
	Emergency bool `json:"emergency_address"`
}

// deletionIn is after how many days a line's recordings are deleted by
// themselves; null is never.
type deletionIn struct {
	Calls      *int64 `json:"calls_days"`
	Voicemails *int64 `json:"voicemails_days"`
}

// openHours is one span of a weekday, 0 is Sunday, in minutes after midnight.
type openHours struct {
	Day    int `json:"day"`
	Opens  int `json:"opens"`
	Closes int `json:"closes"`
}

type (
	phoneNumberBody struct {
		Number phoneNumber `json:"phone_number"`
	}
	phoneNumbersBody struct {
		Numbers []phoneNumber `json:"phone_numbers"`
		paging
	}
)

func (q *request) phoneNumber(l line.Line) phoneNumber {
	out := phoneNumber{
		ID: int64(l.ID), URL: q.base + "/channels/voice/phone_numbers/" + strconv.FormatInt(int64(l.ID), 10) + ".json", CreatedAt: stamp(l.CreatedAt),
		Number: l.Number, DisplayNumber: l.Number, Name: l.Name, Nickname: l.Name, Recorded: l.Consent != line.Never,
		Consent: strings.ReplaceAll(string(l.Consent), "-", "_"), GroupIDs: []int64{}, GreetingIDs: []string{},
		Capabilities: lineCapabilities{Voice: true}, VoiceEnabled: l.DeletedAt.IsZero(), LineType: "phone",
		Voicemail: l.Voicemail, RingSeconds: int64(l.Ring.Seconds()), WaitSeconds: int64(l.Wait.Seconds()), Locale: l.Locale,
		Deletion: deletionIn{orNull(int64(l.KeepCallDays)), orNull(int64(l.KeepVoicemailDays))}, TimeZone: l.Hours.Zone, Hours: []openHours{},
	}
	for _, s := range l.Hours.Spans {
		out.Hours = append(out.Hours, openHours{int(s.Day), s.Opens, s.Closes})
	}
	return out
}

// phoneNumberInput is what a client may set on a line.
type phoneNumberInput struct {
	Number      *text        `json:"number"`
	Token       *string      `json:"token"`
	Name        *string      `json:"name"`
	Nickname    *string      `json:"nickname"`
	Consent     *string      `json:"call_recording_consent"`
	Voicemail   *bool        `json:"voicemail"`
	RingSeconds *int64       `json:"ring_seconds"`
	WaitSeconds *int64       `json:"max_wait_seconds"`
	Locale      *string      `json:"locale"`
	Deletion    *deletionSet `json:"automatic_deletion"`
	TimeZone    *string      `json:"time_zone"`
	Hours       *[]openHours `json:"business_hours"`
}

type deletionSet struct {
	Calls      optionalNumber `json:"calls_days"`
	Voicemails optionalNumber `json:"voicemails_days"`
}

func (q *request) readPhoneNumber() (phoneNumberInput, error) {
	var body struct {
		Number *phoneNumberInput `json:"phone_number"`
	}
	if err := q.read(&body); err != nil {
		return phoneNumberInput{}, err
	}
	if body.Number == nil {
		return phoneNumberInput{}, missing("phone_number")
	}
	return *body.Number, nil
}

// apply puts what was given on the settings; line checks them.
func (in phoneNumberInput) apply(s *line.Settings) error {
	if in.Number != nil {
		s.Number = string(*in.Number)
	}
	for _, name := range []*string{in.Name, in.Nickname} {
		if name != nil {
			s.Name = *name
		}
	}
	if in.Consent != nil {
		s.Consent = line.Consent(strings.ReplaceAll(*in.Consent, "_", "-"))
	}
	if in.Voicemail != nil {
		s.Voicemail = *in.Voicemail
	}
	if in.Locale != nil {
		s.Locale = *in.Locale
	}
	for to, v := range map[*time.Duration]*int64{&s.Ring: in.RingSeconds, &s.Wait: in.WaitSeconds} {
		if v != nil {
			*to = time.Duration(min(max(*v, -1), 1<<20)) * time.Second
		}
	}
	if in.TimeZone != nil {
		s.Hours.Zone = *in.TimeZone
	}
	if in.Hours != nil {
		s.Hours.Spans = nil
		for _, h := range *in.Hours {
			s.Hours.Spans = append(s.Hours.Spans, line.Span{Day: time.Weekday(h.Day), Opens: h.Opens, Closes: h.Closes})
		}
	}
	return in.applyDeletion(s)
}

func (in phoneNumberInput) applyDeletion(s *line.Settings) error {
	if in.Deletion == nil {
		return nil
	}
	for _, f := range []struct {
		to *int
		in optionalNumber
	}{{&s.KeepCallDays, in.Deletion.Calls}, {&s.KeepVoicemailDays, in.Deletion.Voicemails}} {
		if !f.in.given {
			continue
		}
		if f.in.n > 1<<20 {
			return sotto.FailField("automatic_deletion", "Recordings are deleted after 1 to 3650 days, or never (null).")
		}
		*f.to = int(f.in.n)
	}
	return nil
}

func (a *API) listPhoneNumbers(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Lines.List(q.Context())
	if err != nil {
		return err
	}
	rows, out, err := cutShort(p, all, func(l line.Line) int64 { return int64(l.ID) })
	if err != nil {
		return err
	}
	body := phoneNumbersBody{[]phoneNumber{}, q.paging(p, out)}
	for _, l := range rows {
		body.Numbers = append(body.Numbers, q.phoneNumber(l))
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) showPhoneNumber(w http.ResponseWriter, q *request) error {
	id, err := q.number("line")
	if err != nil {
		return err
	}
	l, err := a.c.Lines.Get(q.Context(), sotto.LineID(id))
	if err == nil && !l.DeletedAt.IsZero() {
		err = sotto.Fail(sotto.NotFound, "Not found")
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, phoneNumberBody{q.phoneNumber(l)})
}

// createPhoneNumber adds a line. Numbers are the carrier's: there is nothing
// to buy here, so a token of a number search is refused.
func (a *API) createPhoneNumber(w http.ResponseWriter, q *request) error {
	in, err := q.readPhoneNumber()
	if err != nil {
		return err
	}
	if in.Number == nil {
		return sotto.FailField("number", "Give the number your carrier sends to this desk; numbers are not bought here.")
	}
	s := line.Defaults()
	s.Name = string(*in.Number)
	if err := in.apply(&s); err != nil {
		return err
	}
	l, err := a.c.Lines.Create(q.Context(), q.actor, s)
	if err != nil {
		return err
	}
	out := q.phoneNumber(l)
	w.Header().Set("Location", out.URL)
	return writeJSON(w, http.StatusCreated, phoneNumberBody{out})
}

func (a *API) updatePhoneNumber(w http.ResponseWriter, q *request) error {
	id, err := q.number("line")
	if err != nil {
		return err
	}
	in, err := q.readPhoneNumber()
	if err != nil {
		return err
	}
	l, err := a.c.Lines.Update(q.Context(), q.actor, sotto.LineID(id), in.apply)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, phoneNumberBody{q.phoneNumber(l)})
}

func (a *API) deletePhoneNumber(w http.ResponseWriter, q *request) error {
	id, err := q.number("line")
	if err != nil {
		return err
	}
	if err := a.c.Lines.Delete(q.Context(), q.actor, sotto.LineID(id)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
