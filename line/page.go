package line

import (
	"context"
	"crypto/sha256"

	"sotto"
	"sotto/locales"
)

// Words are what the page of a web line shows about recording, before a
// visitor calls.
type Words struct {
	Mode   Consent
	Locale string
	// Notice names the words: "page/fr/opt-in".
	Notice string
	// About says what happens. Box is what a visitor ticks; "" where there is
	// no choice. It is never ticked beforehand.
	About, Box string
	// SHA256 is of About and Box as they are shown, with a line feed between
	// them: what proves later what a visitor was told (GDPR 7(1)).
	SHA256 [sha256.Size]byte
}

// Words returns what a page shows for a rule about recording, in a language
// the desk speaks; another is shown the default.
func (ll *Lines) Words(c Consent, locale string) Words {
	locale = locales.Spoken(locale)
	w := Words{Mode: c, Locale: locale, Notice: "page/" + locale + "/" + string(c)}
	key := "visit.recording." + string(c)
	w.About = ll.words.Text(w.Locale, key)
	if ll.words.Has(w.Locale, key+".box") {
		w.Box = ll.words.Text(w.Locale, key+".box")
	}
	w.SHA256 = sha256.Sum256([]byte(w.About + "\n" + w.Box))
	return w
}

// Page returns the web line with a name, for the page that calls it. A line
// that is called in another way, or takes no calls, is NotFound.
func (ll *Lines) Page(ctx context.Context, name string) (l Line, err error) {
	defer sotto.Wrap(&err, "line.Page")
	if !named(name) {
		return l, errNone()
	}
	l, err = ll.ByNumber(ctx, name)
	if err == nil && (l.Kind != Digital || !l.Voice) {
		return Line{}, errNone()
	}
	return l, err
}
