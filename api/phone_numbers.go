package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sotto"
	"sotto/line"
)

// phoneNumber is a line in Zendesk's shape. The members from Brand on are ours.
type phoneNumber struct {
	ID             int64    `json:"id"`
	URL            string   `json:"url"`
	CountryCode    *string  `json:"country_code"`
	CreatedAt      *string  `json:"created_at"`
	External       bool     `json:"external"`
	Number         string   `json:"number"`
	Name           string   `json:"name"`
	Nickname       string   `json:"nickname"`
	DisplayNumber  string   `json:"display_number"`
	Location       *string  `json:"location"`
	TollFree       bool     `json:"toll_free"`
	Transcription  bool     `json:"transcription"`
	Recorded       bool     `json:"recorded"`
	Consent        string   `json:"call_recording_consent"`
	GroupIDs       []int64  `json:"group_ids"`
	DefaultGroupID *int64   `json:"default_group_id"`
	GreetingIDs    []int64  `json:"greeting_ids"`
	DefaultIDs     []string `json:"default_greeting_ids"`
	SMSGroupID     *int64   `json:"sms_group_id"`

	// Categorised says which sound is played, by the number of its category, at
	// any hours and in the language of the line.
	Categorised map[string]json.RawMessage `json:"categorised_greetings"`

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

	Brand            string      `json:"brand"`
	Voicemail        bool        `json:"voicemail"`
	TextBack         bool        `json:"text_back_enabled"`
	TextBackText     *string     `json:"text_back_text"`
	RingSeconds      int64       `json:"ring_seconds"`
	WaitSeconds      int64       `json:"max_wait_seconds"`
	MaxQueue         int         `json:"max_queue_size"`
	AnnounceWait     bool        `json:"average_wait_announcement"`
	AnnouncePosition bool        `json:"position_announcement"`
	Callback         bool        `json:"callback_from_queue"`
	Turn             string      `json:"turn"`
	SkillIDs         []int64     `json:"skill_ids"`
	RelaxSeconds     int64       `json:"relax_skills_seconds"`
	WrapUp           bool        `json:"wrap_up_enabled"`
	WrapUpSeconds    *int64      `json:"wrap_up_seconds"`
	CallerID         *string     `json:"caller_id"`
	SecureMedia      bool        `json:"secure_media"`
	Overflow         *string     `json:"overflow_number"`
	OverflowClosed   *string     `json:"overflow_number_outside_hours"`
	Locale           string      `json:"locale"`
	Deletion         deletionIn  `json:"automatic_deletion"`
	TimeZone         string      `json:"time_zone"`
	Hours            []openHours `json:"business_hours"`
	DeletedAt        *string     `json:"deleted_at"`
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
		Consent: underscored(l.Consent), GroupIDs: []int64{}, GreetingIDs: []int64{}, DefaultIDs: []string{},
		Capabilities: lineCapabilities{Voice: l.Voice, SMS: l.SMS}, VoiceEnabled: l.Voice && l.DeletedAt.IsZero(), SMSEnabled: l.SMS, LineType: underscored(l.Kind),
		Outbound: l.Outbound, IVRID: orNull(l.Menu), ScheduleID: orNull(l.Schedule), FailoverNumber: wordOrNull(l.Failover),
		Brand: l.Brand, Voicemail: l.Voicemail, TextBack: l.TextBack, TextBackText: wordOrNull(l.TextBackWords), RingSeconds: int64(l.Ring.Seconds()), WaitSeconds: int64(l.Wait.Seconds()), MaxQueue: l.MaxQueue,
		AnnounceWait: l.AnnounceWait, AnnouncePosition: l.AnnouncePosition, Callback: l.Callback,
		Turn: underscored(l.Turn), SkillIDs: []int64{}, RelaxSeconds: int64(l.RelaxSkills.Seconds()),
		WrapUp: l.WrapUp, WrapUpSeconds: orNull(int64(l.WrapUpLimit.Seconds())), CallerID: wordOrNull(l.CallerID), SecureMedia: l.SecureMedia,
		Overflow: wordOrNull(l.Overflow), OverflowClosed: wordOrNull(l.OverflowClosed), Locale: l.Locale,
		Deletion: deletionIn{orNull(int64(l.KeepCallDays)), orNull(int64(l.KeepVoicemailDays))}, TimeZone: l.Hours.Zone, Hours: []openHours{},
		DeletedAt: stamp(l.DeletedAt),
	}
	if l.Priority {
		out.Priority = 1
	}
	out.greetings(l)
	for _, g := range l.Groups {
		out.GroupIDs = append(out.GroupIDs, int64(g))
	}
	for _, k := range l.Skills {
		out.SkillIDs = append(out.SkillIDs, int64(k))
	}
	if len(l.Groups) > 0 {
		out.DefaultGroupID = &out.GroupIDs[0]
		if l.SMS {
			out.SMSGroupID = out.DefaultGroupID
		}
	}
	for _, s := range l.Hours.Spans {
		out.Hours = append(out.Hours, openHours{int(s.Day), s.Opens, s.Closes})
	}
	return out
}

// greetings says which sounds a line plays: those of administrators, and the
// desk's own in the language of the line where there is none for any hours.
func (n *phoneNumber) greetings(l line.Line) {
	replaced := map[line.Category]bool{}
	n.Categorised = map[string]json.RawMessage{}
	for _, use := range l.Greetings {
		if !slices.Contains(n.GreetingIDs, use.Greeting) {
			n.GreetingIDs = append(n.GreetingIDs, use.Greeting)
		}
		if use.When == line.AnyTime && use.Locale == l.Locale {
			replaced[use.Category] = true
			n.Categorised[strconv.Itoa(use.Category.ID())] = json.RawMessage(strconv.FormatInt(use.Greeting, 10))
		}
	}
	for _, c := range line.Categories() {
		if !replaced[c] {
			id := line.DefaultID(c, l.Locale)
			n.DefaultIDs = append(n.DefaultIDs, id)
			n.Categorised[strconv.Itoa(c.ID())] = json.RawMessage(strconv.Quote(id))
		}
	}
}

// underscored writes a word of ours as Zendesk does: opt_in for opt-in.
func underscored[W ~string](w W) string { return strings.ReplaceAll(string(w), "-", "_") }

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
	if err := a.hasMenus(q, in); err != nil {
		return err
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
	if _, err := a.c.Lines.Get(q.Context(), sotto.LineID(id)); err != nil {
		return err
	}
	if err := a.hasMenus(q, in); err != nil {
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
