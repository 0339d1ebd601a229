package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/line"
)

// lineFlags are the settings of a line; what is not given stays.
type lineFlags struct {
	Name             *string  `help:"What the desk calls the line."`
	Number           *string  `name:"as" placeholder:"NUMBER" help:"Another number for the line."`
	Kind             *string  `help:"phone, sip-in or digital (a web page)."`
	Brand            *string  `help:"In whose name it answers."`
	Locale           *string  `help:"The language it speaks: en or fr."`
	Calls            *bool    `negatable:"" help:"Take calls."`
	Texts            *bool    `negatable:"" help:"Take texts."`
	Secure           *bool    `negatable:"" help:"Refuse calls without TLS and SRTP."`
	Outbound         *bool    `negatable:"" help:"Let agents call from it."`
	CallerID         *string  `placeholder:"NUMBER" help:"Shown when it calls out or forwards; '' is its own number."`
	Consent          *string  `help:"How it asks about recording: always, opt-in, opt-out or never."`
	Priority         *bool    `negatable:"" help:"Put its callers before others."`
	Groups           *string  `placeholder:"ID,ID" help:"Who is rung, the primary group first; '' is everybody."`
	Turn             *string  `help:"Whose turn it is: longest-idle or round-robin."`
	Skills           *string  `placeholder:"ID,ID" help:"What is asked of an agent; '' is nothing."`
	RelaxSkills      *int     `placeholder:"SECONDS" help:"After how long skills do not count; 0 is never."`
	Menu             *int64   `placeholder:"ID" help:"The menu a caller hears; 0 is none."`
	Voicemail        *bool    `negatable:"" help:"Take messages when nobody answers."`
	Overflow         *string  `placeholder:"NUMBER" help:"An external number for calls that nobody takes, with --no-voicemail."`
	OverflowClosed   *string  `placeholder:"NUMBER" help:"The same while the line is closed."`
	Failover         *string  `placeholder:"NUMBER" help:"An external number for when the desk is down."`
	TextBack         *bool    `negatable:"" help:"Text callers nobody talked to; needs --texts."`
	TextBackWords    *string  `placeholder:"TEXT" help:"What they are texted; '' is the desk's own words."`
	Ring             *int     `placeholder:"SECONDS" help:"How long one agent is rung."`
	Wait             *int     `placeholder:"SECONDS" help:"How long a caller waits at most."`
	MaxQueue         *int     `placeholder:"CALLERS" help:"How many wait at most, 0 to 1500."`
	AnnounceWait     *bool    `negatable:"" help:"Tell waiting callers the average wait."`
	AnnouncePosition *bool    `negatable:"" help:"Tell waiting callers their place."`
	Callback         *bool    `negatable:"" help:"Let waiting callers ask to be called back."`
	WrapUp           *bool    `negatable:"" help:"Give agents time after a call."`
	WrapUpLimit      *int     `placeholder:"SECONDS" help:"How much at most; 0 is no limit."`
	Schedule         *int64   `placeholder:"ID" help:"Opening hours it goes by; 0 is always open."`
	TimeZone         *string  `help:"Where the hours count, as Europe/Paris."`
	Hours            []string `placeholder:"DAY=FROM-TO" help:"Hours of its own, as mon=09:00-17:30; repeated; 'always' clears."`
	KeepCalls        *int     `placeholder:"DAYS" help:"Automatic deletion of recorded calls; 0 is never."`
	KeepVoicemail    *int     `placeholder:"DAYS" help:"Automatic deletion of voice messages; 0 is never."`
}

func (f lineFlags) apply(s *line.Settings) error {
	put(&s.Name, f.Name)
	put(&s.Number, f.Number)
	put(&s.Brand, f.Brand)
	put(&s.Locale, f.Locale)
	put(&s.Voice, f.Calls)
	put(&s.SMS, f.Texts)
	put(&s.SecureMedia, f.Secure)
	put(&s.Outbound, f.Outbound)
	put(&s.CallerID, f.CallerID)
	put(&s.Priority, f.Priority)
	put(&s.Voicemail, f.Voicemail)
	put(&s.TextBack, f.TextBack)
	put(&s.TextBackWords, f.TextBackWords)
	put(&s.Overflow, f.Overflow)
	put(&s.OverflowClosed, f.OverflowClosed)
	put(&s.Failover, f.Failover)
	put(&s.MaxQueue, f.MaxQueue)
	put(&s.AnnounceWait, f.AnnounceWait)
	put(&s.AnnouncePosition, f.AnnouncePosition)
	put(&s.Callback, f.Callback)
	put(&s.WrapUp, f.WrapUp)
	put(&s.Hours.Zone, f.TimeZone)
	put(&s.KeepCallDays, f.KeepCalls)
	put(&s.KeepVoicemailDays, f.KeepVoicemail)
	if f.Consent != nil {
		s.Consent = line.Consent(*f.Consent)
	}
	if f.Turn != nil {
		s.Turn = line.Turn(*f.Turn)
	}
	if f.Kind != nil {
		s.Kind = line.Kind(*f.Kind)
	}
	if f.Menu != nil {
		s.Menu = sotto.MenuID(*f.Menu)
	}
	if f.Schedule != nil {
		s.Schedule = sotto.ScheduleID(*f.Schedule)
	}
	for to, from := range map[*time.Duration]*int{&s.Ring: f.Ring, &s.Wait: f.Wait, &s.WrapUpLimit: f.WrapUpLimit, &s.RelaxSkills: f.RelaxSkills} {
		if from != nil {
			*to = time.Duration(*from) * time.Second
		}
	}
	if err := f.applyGroups(s); err != nil || len(f.Hours) == 0 {
		return err
	}
	spans, err := readHours(f.Hours)
	s.Hours.Spans = spans
	return err
}

// applyGroups reads groups and skills.
func (f lineFlags) applyGroups(s *line.Settings) error {
	groups, skills := s.Groups, s.Skills
	err := errors.Join(readNumbers(&groups, f.Groups, "groups"), readNumbers(&skills, f.Skills, "skills"))
	s.Groups, s.Skills = groups, skills
	return err
}

// readNumbers reads 7,3,5 if it was given.
func readNumbers[ID ~int64](to *[]ID, in *string, field string) error {
	if in == nil {
		return nil
	}
	*to = nil
	for _, word := range strings.FieldsFunc(*in, func(r rune) bool { return r == ',' || r == ' ' }) {
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return sotto.FailField(field, "Write the numbers as 7,3,5.")
		}
		*to = append(*to, ID(id))
	}
	return nil
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// readHours reads mon=09:00-17:30.
func readHours(in []string) ([]line.Span, error) {
	days := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	var out []line.Span
	for _, h := range in {
		if h == "always" {
			continue
		}
		day, times, _ := strings.Cut(strings.ToLower(h), "=")
		from, to, _ := strings.Cut(times, "-")
		a, okA := minutes(from)
		b, okB := minutes(to)
		n := -1
		for i, d := range days {
			if d == day {
				n = i
			}
		}
		if n < 0 || !okA || !okB {
			return nil, sotto.FailField("hours", "Write opening hours as mon=09:00-17:30.")
		}
		out = append(out, line.Span{Day: time.Weekday(n), Opens: a, Closes: b})
	}
	return out, nil
}

func minutes(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	hours, errH := strconv.Atoi(h)
	mins, errM := strconv.Atoi(m)
	return hours*60 + mins, ok && errH == nil && errM == nil && mins < 60
}
