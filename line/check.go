package line

import (
	"strings"
	"time"

	"sotto"
	"sotto/locales"
	"sotto/person"
)

// maxKeepDays is the longest automatic deletion: ten years.
const maxKeepDays = 3650

// check brings the settings into their normal form and refuses what cannot
// be meant.
func (s *Settings) check(region string) error {
	number, err := normal(s.Number, region)
	if err != nil {
		return err
	}
	s.Number, s.Name = number, strings.TrimSpace(s.Name)
	seconds := func(d, least, most time.Duration) bool { return d%time.Second == 0 && d >= least && d <= most }
	switch {
	case s.Name == "" || len(s.Name) > 255 || strings.ContainsAny(s.Name, "\r\n\x00"):
		return sotto.FailField("name", "Give the line a name of at most 255 bytes.")
	case !locales.Speaks(s.Locale):
		return sotto.FailField("locale", "The language of a line is en or fr.")
	case s.Consent != Always && s.Consent != OptIn && s.Consent != OptOut && s.Consent != Never:
		return sotto.FailField("consent", "The rule about recording is always, opt-in, opt-out or never.")
	case !seconds(s.Ring, 5*time.Second, 2*time.Minute):
		return sotto.FailField("ring_seconds", "An agent is rung for 5 to 120 seconds.")
	case !seconds(s.Wait, 0, time.Hour):
		return sotto.FailField("wait_seconds", "A caller waits for 0 to 3600 seconds.")
	case s.KeepCallDays < 0 || s.KeepCallDays > maxKeepDays:
		return sotto.FailField("keep_call_days", "Recorded calls are deleted after 1 to 3650 days, or never.")
	case s.KeepVoicemailDays < 0 || s.KeepVoicemailDays > maxKeepDays:
		return sotto.FailField("keep_voicemail_days", "Voice messages are deleted after 1 to 3650 days, or never.")
	}
	return s.Hours.check()
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
