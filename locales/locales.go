// Package locales holds the desk's words in every language it speaks: one
// flat JSON file for each, from a key to a text.
//
// It imports the standard library alone, so that every package may use it.
// The same files are read by the staff app. A text may hold {places} that are
// filled in; it never holds a person's words itself.
package locales

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed en.json fr.json
var files embed.FS

// Default is the language of a text that is missing in another.
const Default = "en"

// Languages returns the languages the desk speaks, in the order of their
// codes.
func Languages() []string { return []string{"en", "fr"} }

// Speaks reports whether the desk speaks locale.
func Speaks(locale string) bool { return slices.Contains(Languages(), locale) }

// Spoken returns locale if the desk speaks it, and the default otherwise.
func Spoken(locale string) string {
	if Speaks(locale) {
		return locale
	}
	return Default
}

// Texts are the words in every language. They never change, so all methods
// may be called from any goroutine.
type Texts struct{ by map[string]map[string]string }

// Load reads the embedded files. It fails only when the binary was built from
// a broken file.
func Load() (*Texts, error) {
	t := &Texts{by: map[string]map[string]string{}}
	for _, l := range Languages() {
		b, err := files.ReadFile(l + ".json")
		if err != nil {
			return nil, fmt.Errorf("locales: %w", err)
		}
		words := map[string]string{}
		if err := json.Unmarshal(b, &words); err != nil {
			return nil, fmt.Errorf("locales: %s.json: %w", l, err)
		}
		t.by[l] = words
	}
	return t, nil
}

// Text returns the text of key in locale, with each {name} replaced by its
// value: fill is name, value, name, value. Without the locale or the key in
// it the default language is used, and without any text the key itself.
func (t *Texts) Text(locale, key string, fill ...string) string {
	s, ok := t.by[locale][key]
	if !ok {
		s, ok = t.by[Default][key]
	}
	if !ok {
		return key
	}
	pairs := make([]string, 0, len(fill))
	for i := 0; i+1 < len(fill); i += 2 {
		pairs = append(pairs, "{"+fill[i]+"}", fill[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Has reports whether locale has a text of its own for key.
func (t *Texts) Has(locale, key string) bool {
	_, ok := t.by[locale][key]
	return ok
}

// Keys returns the keys of locale in order.
func (t *Texts) Keys(locale string) []string { return slices.Sorted(maps.Keys(t.by[locale])) }
