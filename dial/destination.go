package dial

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Kind is what a number leads to.
type Kind string

// The kinds. Only Ordinary numbers are ever dialled, and Emergency ones.
const (
	Ordinary   Kind = "ordinary"
	Emergency  Kind = "emergency"
	Premium    Kind = "premium"
	SharedCost Kind = "shared-cost"
	Special    Kind = "special" // personal, pager and company-wide numbers, whose price nobody can tell
	Satellite  Kind = "satellite"
	ShortCode  Kind = "short-code"
	OwnNumber  Kind = "own-number"
	Malformed  Kind = "malformed" // no number, or one that no country has given out
)

// Destination is where a typed number leads.
type Destination struct {
	Kind   Kind
	Number string // E.164, or an emergency number as it is; "" when Malformed
	Region string // ISO 3166, as "FR"; "" for emergency numbers and where no country is
}

// refused is the reason why a kind is never dialled; "" when it may be.
func (k Kind) refused() Reason {
	switch k {
	case Ordinary, Emergency:
		return ""
	case Premium:
		return PremiumNumber
	case SharedCost:
		return SharedCostNumber
	case Special:
		return SpecialNumber
	case Satellite:
		return SatelliteNumber
	case ShortCode:
		return ShortNumber
	case OwnNumber:
		return DeskNumber
	}
	return NoNumber
}

// Classify reads a number as somebody in home (ISO 3166) would dial it. What
// it cannot read is Malformed: nothing is guessed that may cost money.
func Classify(typed, home string) Destination {
	digits, plus, ok := plain(typed)
	if !ok {
		return Destination{Kind: Malformed}
	}
	if !plus && isEmergency(digits, home) {
		return Destination{Kind: Emergency, Number: digits}
	}
	if !plus && len(digits) <= 6 {
		return Destination{Kind: ShortCode, Number: digits}
	}
	if plus {
		digits = "+" + digits
	}
	n, err := phonenumbers.Parse(digits, home)
	if err != nil {
		return Destination{Kind: Malformed}
	}
	to := Destination{Number: phonenumbers.Format(n, phonenumbers.E164), Region: phonenumbers.GetRegionCodeForNumber(n)}
	if noCountry(int(n.GetCountryCode())) {
		to.Kind, to.Region = Satellite, ""
		return to
	}
	if !phonenumbers.IsValidNumber(n) || to.Region == "" {
		return Destination{Kind: Malformed}
	}
	to.Kind = kindOf(phonenumbers.GetNumberType(n))
	return to
}

// plain takes out what people write between digits. Letters, keys behind the
// number (extensions, which a carrier could read as more digits) and a plus in
// the middle make it no number.
func plain(typed string) (digits string, plus, ok bool) {
	if len(typed) > 64 {
		return "", false, false
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(typed) {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && b.Len() == 0 && !plus:
			plus = true
		case strings.ContainsRune(" .-()/\u00a0\u202f", r):
		default:
			return "", false, false
		}
	}
	digits = b.String()
	return digits, plus, len(digits) >= 2 && len(digits) <= 18
}

// isEmergency reports whether digits call for help. 112 does so everywhere a
// trunk may be; the library knows each country's own.
func isEmergency(digits, home string) bool {
	if digits == "112" || phonenumbers.IsEmergencyNumber(digits, home) {
		return true
	}
	return slices.Contains(helpLines(home), digits)
}

// helpLines are emergency numbers of a country that the library leaves out.
func helpLines(home string) []string {
	switch home {
	case "FR":
		return []string{"114", "115", "119", "191", "196", "197"} // deaf callers, homeless, children, air and sea rescue, attacks
	case "BE":
		return []string{"116000"}
	case "US", "CA":
		return []string{"988"}
	case "GB", "IE":
		return []string{"999"}
	}
	return nil
}

// noCountry reports whether a calling code is no country's: satellites,
// networks without a place, numbers of a world-wide price.
func noCountry(code int) bool {
	return slices.Contains([]int{800, 808, 870, 878, 881, 882, 883, 888, 979}, code)
}

func kindOf(t phonenumbers.PhoneNumberType) Kind {
	switch t {
	case phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE, phonenumbers.TOLL_FREE, phonenumbers.VOIP:
		return Ordinary
	case phonenumbers.PREMIUM_RATE:
		return Premium
	case phonenumbers.SHARED_COST:
		return SharedCost
	case phonenumbers.PERSONAL_NUMBER, phonenumbers.PAGER, phonenumbers.UAN, phonenumbers.VOICEMAIL:
		return Special
	}
	return Malformed
}
