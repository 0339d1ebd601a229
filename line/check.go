package line

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sotto"
	"sotto/locales"
	"sotto/person"
)

// check brings the settings into their normal form and refuses what cannot
// be meant. What other lines have to do with it, free sees to.
func (s *Settings) check(region string) error {
	number, err := normal(s.Number, region)
	if err != nil {
		return err
	}
	s.Number, s.Name, s.Brand = number, strings.TrimSpace(s.Name), strings.TrimSpace(s.Brand)
	for _, part := range []func() error{s.checkWords, s.checkKind, s.checkTimes, s.checkGroups} {
		if err := part(); err != nil {
			return err
		}
	}
	if err := s.checkNumbers(region); err != nil {
		return err
	}
	return s.Hours.check()
}

func (s *Settings) checkWords() error {
	switch {
	case s.Name == "" || !plain(s.Name):
		return sotto.FailField("name", "Give the line a name of at most 255 bytes.")
	case !plain(s.Brand):
		return sotto.FailField("brand", "The name of a brand is at most 255 bytes.")
	case !locales.Speaks(s.Locale):
		return sotto.FailField("locale", "The language of a line is en or fr.")
	case s.Consent != Always && s.Consent != OptIn && s.Consent != OptOut && s.Consent != Never:
		return sotto.FailField("consent", "The rule about recording is always, opt-in, opt-out or never.")
	}
	return nil
}

// plain reports whether a name can be shown on one line.
func plain(s string) bool {
	return len(s) <= 255 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (s *Settings) checkKind() error {
	switch {
	case s.Kind != Phone && s.Kind != SIPIn && s.Kind != Digital:
		return sotto.FailField("line_type", "A line is phone, sip-in or digital.")
	case s.Kind == Digital && !named(s.Number):
		return sotto.FailField("number", "A web line has no telephone number. Give it a name of letters, digits, dots and dashes.")
	case s.Kind == Digital && s.SMS:
		return sotto.FailField("sms_enabled", "A web line takes no texts. Turn texts off, or make it a phone line.")
	case s.TextBack && !s.SMS:
		return sotto.FailField("text_back_enabled", "This line takes no texts. Turn texts on before it answers calls with one.")
	case len(s.TextBackWords) > 1000 || !utf8.ValidString(s.TextBackWords):
		return sotto.FailField("text_back_text", "The text to callers has at most 1000 bytes.")
	case !s.Voice && !s.SMS:
		return sotto.FailField("voice_enabled", "A line takes calls, texts or both. Turn one of them on.")
	}
	return nil
}

func (s *Settings) checkTimes() error {
	seconds := func(d, least, most time.Duration) bool { return d%time.Second == 0 && d >= least && d <= most }
	switch {
	case !seconds(s.Ring, minRing, maxRing):
		return sotto.FailField("ring_seconds", "An agent is rung for 5 to 120 seconds.")
	case !seconds(s.Wait, 0, maxWait):
		return sotto.FailField("wait_seconds", "A caller waits for 0 to 3600 seconds.")
	case !seconds(s.RelaxSkills, 0, maxWait):
		return sotto.FailField("relax_skills_seconds", "Skills are asked for during 1 to 3600 seconds, or without end (0).")
	case s.MaxQueue < 0 || s.MaxQueue > MaxQueueLimit:
		return sotto.FailField("max_queue_size", "At most 0 to 1500 callers wait on a line.")
	case s.WrapUpLimit != 0 && !seconds(s.WrapUpLimit, minWrapUp, maxWrapUp):
		return sotto.FailField("wrap_up_seconds", "The time after a call is 10 to 1200 seconds, or has no limit (0).")
	case !s.WrapUp && s.WrapUpLimit != 0:
		return sotto.FailField("wrap_up_seconds", "Turn the time after a call on before you limit it.")
	case s.KeepCallDays < 0 || s.KeepCallDays > maxKeepDays:
		return sotto.FailField("keep_call_days", "Recorded calls are deleted after 1 to 3650 days, or never.")
	case s.KeepVoicemailDays < 0 || s.KeepVoicemailDays > maxKeepDays:
		return sotto.FailField("keep_voicemail_days", "Voice messages are deleted after 1 to 3650 days, or never.")
	}
	return nil
}

func (s *Settings) checkGroups() error {
	if len(s.Groups) > maxGroups {
		return sotto.FailField("group_ids", "A line rings at most 50 groups.")
	}
	if s.Turn == "" {
		s.Turn = LongestIdle
	}
	slices.Sort(s.Skills)
	s.Skills = slices.Compact(s.Skills)
	switch {
	case s.Turn != LongestIdle && s.Turn != RoundRobin:
		return sotto.FailField("turn", "Agents take their turn by longest-idle or round-robin.")
	case len(s.Skills) > maxSkills || len(s.Skills) > 0 && s.Skills[0] < 1:
		return sotto.FailField("skill_ids", "Name at most 20 skills, by their numbers.")
	}
	seen := map[sotto.GroupID]bool{}
	for _, g := range s.Groups {
		if g < 1 || seen[g] {
			return sotto.FailField("group_ids", "Name each group of a line once, by its number.")
		}
		seen[g] = true
	}
	switch {
	case s.Menu < 0:
		return sotto.FailField("ivr_id", "Name the menu by its number.")
	case s.Schedule < 0:
		return sotto.FailField("schedule_id", "Name the schedule by its number.")
	}
	return nil
}

// checkNumbers brings the numbers a line calls into E.164.
func (s *Settings) checkNumbers(region string) error {
	for _, f := range []struct {
		name   string
		number *string
	}{
		{"caller_id", &s.CallerID}, {"failover_number", &s.Failover},
		{"overflow_number", &s.Overflow}, {"overflow_number_outside_hours", &s.OverflowClosed},
	} {
		if *f.number = strings.TrimSpace(*f.number); *f.number == "" {
			continue
		}
		n, err := person.NormalNumber(*f.number, region)
		if err != nil || len(n) < 8 || len(n) > 16 || n[0] != '+' { // E.164: at most 15 digits
			return sotto.FailField(f.name, "This is not a telephone number. Write it with its country code, as +33 1 99 00 12 34.")
		}
		if *f.number = n; n == s.Number && f.name != "caller_id" {
			return sotto.FailField(f.name, "A line cannot forward to itself. Give a number outside the desk.")
		}
		if s.Voicemail && strings.HasPrefix(f.name, "overflow") {
			return sotto.FailField(f.name, "Turn voice messages off before you give an overflow number: a call goes to one or the other.")
		}
	}
	return nil
}

// normal is the form a line's number is kept in: E.164, or a SIP user name
// in lower case for a line that a telephone system sends calls to by name.
func normal(raw, region string) (string, error) {
	raw = strings.TrimSpace(raw)
	if named(raw) {
		return strings.ToLower(raw), nil
	}
	if strings.Trim(raw, "+0123456789 ()-./") != "" {
		return "", sotto.FailField("number", "The number of a line is a telephone number, as +33 1 99 00 12 34, or a name of letters, digits, dots and dashes.")
	}
	n, err := person.NormalNumber(raw, region)
	if err != nil {
		return "", sotto.FailField("number", "This is not a telephone number. Write it with its country code, as +33 1 99 00 12 34.")
	}
	return n, nil
}

// named reports whether a line is called by a name and not by a number.
func named(raw string) bool {
	letter := false
	for _, c := range []byte(raw) {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letter = true
		case c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.':
		default:
			return false
		}
	}
	return letter && len(raw) <= 64
}

// readings are the ways to read a dialled number, the likeliest first.
// Trunks send the same number with a plus, without it, or in national form.
func readings(dialled, region string) []string {
	n, err := normal(dialled, region)
	if err != nil {
		return nil
	}
	all := []string{n}
	digits := strings.TrimLeft(strings.TrimSpace(dialled), "+")
	if digits != "" && strings.Trim(digits, "0123456789") == "" {
		if e164 := "+" + digits; e164 != n {
			all = append(all, e164)
		}
		if digits != n {
			all = append(all, digits)
		}
	}
	return all
}
