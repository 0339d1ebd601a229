package text

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Wish is what a text that is nothing but one of a few words asks for.
type Wish uint8

// The wishes.
const (
	None  Wish = iota // an ordinary text
	Stop              // no more texts
	Start             // texts again
)

// stopWords and startWords are the words in their folded form, without spaces.
// 47 CFR 64.1200(a)(10) names the English ones, CNIL's guide to text messages
// STOP; the French ones are what people write.
func stopWords() []string {
	return []string{
		"stop", "stopall", "stopsms", "quit", "end", "revoke", "optout", "cancel", "unsubscribe",
		"arret", "arretsms", "arreter", "arretez", "desabonner", "desabonnement", "medesabonner", "sedesabonner",
		"desinscrire", "desinscription", "medesinscrire",
	}
}

func startWords() []string {
	return []string{"start", "unstop", "resume", "reprendre", "reprise", "reabonner", "mereabonner"}
}

// WishOf reads a text: it is a wish only when it is one of the words and
// nothing else, whatever its case, accents, spaces and punctuation. "Stop by
// tomorrow" is an ordinary text.
func WishOf(body string) Wish {
	if len(body) > 64 {
		return None
	}
	w := folded(body)
	switch {
	case slices.Contains(stopWords(), w):
		return Stop
	case slices.Contains(startWords(), w):
		return Start
	}
	return None
}

// folded is what is left of a text without accents, case, and whatever is no
// letter or digit. Digits stay: "stop 2" is not a word of ours.
func folded(body string) string {
	t := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	out, _, err := transform.String(t, body)
	if err != nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		if unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r // a picture says something
	}, out)
}
