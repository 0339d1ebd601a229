package api

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/line"
)

// phoneNumberInput is what a client may set on a line.
type phoneNumberInput struct {
	Number           *text          `json:"number"`
	Token            *string        `json:"token"`
	Name             *string        `json:"name"`
	Nickname         *string        `json:"nickname"`
	Consent          *string        `json:"call_recording_consent"`
	LineType         *string        `json:"line_type"`
	Voice            *bool          `json:"voice_enabled"`
	SMS              *bool          `json:"sms_enabled"`
	Outbound         *bool          `json:"outbound_enabled"`
	Priority         *int64         `json:"priority"`
	Groups           *[]number      `json:"group_ids"`
	Default          optionalNumber `json:"default_group_id"`
	IVR              optionalNumber `json:"ivr_id"`
	Schedule         optionalNumber `json:"schedule_id"`
	Failover         optionalWord   `json:"failover_number"`
	Brand            *string        `json:"brand"`
	Voicemail        *bool          `json:"voicemail"`
	TextBack         *bool          `json:"text_back_enabled"`
	TextBackText     optionalWord   `json:"text_back_text"`
	RingSeconds      *int64         `json:"ring_seconds"`
	WaitSeconds      *int64         `json:"max_wait_seconds"`
	MaxQueue         *int64         `json:"max_queue_size"`
	AnnounceWait     *bool          `json:"average_wait_announcement"`
	AnnouncePosition *bool          `json:"position_announcement"`
	Callback         *bool          `json:"callback_from_queue"`
	Turn             *string        `json:"turn"`
	SkillIDs         *[]number      `json:"skill_ids"`
	RelaxSeconds     *int64         `json:"relax_skills_seconds"`
	WrapUp           *bool          `json:"wrap_up_enabled"`
	WrapUpSeconds    optionalNumber `json:"wrap_up_seconds"`
	CallerID         optionalWord   `json:"caller_id"`
	SecureMedia      *bool          `json:"secure_media"`
	Overflow         optionalWord   `json:"overflow_number"`
	OverflowClosed   optionalWord   `json:"overflow_number_outside_hours"`
	Locale           *string        `json:"locale"`
	Deletion         *deletionSet   `json:"automatic_deletion"`
	TimeZone         *string        `json:"time_zone"`
	Hours            *[]openHours   `json:"business_hours"`
}

type deletionSet struct {
	Calls      optionalNumber `json:"calls_days"`
	Voicemails optionalNumber `json:"voicemails_days"`
}

func (q *request) readPhoneNumber() (phoneNumberInput, error) {
	return readNamed[phoneNumberInput](q, "phone_number")
}

// optionalWord tells a text that was not given from null, which is none.
type optionalWord struct {
	given bool
	word  text
}

// UnmarshalJSON notes that the member was there.
func (o *optionalWord) UnmarshalJSON(b []byte) error {
	o.given = true
	return o.word.UnmarshalJSON(bytes.TrimSpace(b))
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
	if in.Turn != nil {
		s.Turn = line.Turn(strings.ReplaceAll(*in.Turn, "_", "-"))
	}
	if in.SkillIDs != nil {
		s.Skills = nil
		for _, k := range *in.SkillIDs {
			s.Skills = append(s.Skills, sotto.SkillID(k))
		}
	}
	if in.LineType != nil {
		s.Kind = line.Kind(strings.ReplaceAll(*in.LineType, "_", "-"))
	}
	give(&s.Brand, in.Brand)
	give(&s.Locale, in.Locale)
	give(&s.Hours.Zone, in.TimeZone)
	for to, v := range map[*bool]*bool{
		&s.Voice: in.Voice, &s.SMS: in.SMS, &s.Outbound: in.Outbound, &s.Voicemail: in.Voicemail, &s.SecureMedia: in.SecureMedia,
		&s.AnnounceWait: in.AnnounceWait, &s.AnnouncePosition: in.AnnouncePosition, &s.Callback: in.Callback, &s.WrapUp: in.WrapUp, &s.TextBack: in.TextBack,
	} {
		give(to, v)
	}
	for to, v := range map[*time.Duration]*int64{&s.Ring: in.RingSeconds, &s.Wait: in.WaitSeconds, &s.RelaxSkills: in.RelaxSeconds} {
		if v != nil {
			*to = bounded(*v)
		}
	}
	if in.MaxQueue != nil {
		s.MaxQueue = int(min(max(*in.MaxQueue, -1), 1<<20))
	}
	if in.WrapUpSeconds.given {
		s.WrapUpLimit = bounded(int64(in.WrapUpSeconds.n))
	}
	for to, v := range map[*string]optionalWord{
		&s.CallerID: in.CallerID, &s.Failover: in.Failover, &s.Overflow: in.Overflow, &s.OverflowClosed: in.OverflowClosed, &s.TextBackWords: in.TextBackText,
	} {
		if v.given {
			*to = string(v.word)
		}
	}
	if in.Hours != nil {
		s.Hours.Spans = nil
		for _, h := range *in.Hours {
			s.Hours.Spans = append(s.Hours.Spans, line.Span{Day: time.Weekday(h.Day), Opens: h.Opens, Closes: h.Closes})
		}
	}
	if err := in.applyRouting(s); err != nil {
		return err
	}
	return in.applyDeletion(s)
}

func give[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

// bounded makes seconds of a number that may be anything; what is out of
// bounds stays so, and is refused.
func bounded(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, -1), 1<<20)) * time.Second
}

// applyRouting puts on what names other things: groups, menu, schedule.
func (in phoneNumberInput) applyRouting(s *line.Settings) error {
	if in.Priority != nil {
		if *in.Priority != 0 && *in.Priority != 1 {
			return sotto.FailField("priority", "The priority of a line is 1 (its callers go first) or 0.")
		}
		s.Priority = *in.Priority == 1
	}
	if in.Groups != nil {
		s.Groups = nil
		for _, g := range *in.Groups {
			s.Groups = append(s.Groups, sotto.GroupID(g))
		}
	}
	if id := sotto.GroupID(in.Default.n); id != 0 {
		rest := slices.DeleteFunc(slices.Clone(s.Groups), func(g sotto.GroupID) bool { return g == id })
		s.Groups = append([]sotto.GroupID{id}, rest...)
	}
	if in.IVR.given {
		s.Menu = sotto.MenuID(in.IVR.n)
	}
	if in.Schedule.given {
		s.Schedule = sotto.ScheduleID(in.Schedule.n)
	}
	return nil
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
