package locales_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto/locales"
)

func load(t *testing.T) *locales.Texts {
	t.Helper()
	w, err := locales.Load()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestEveryLanguageHasTheSameKeys(t *testing.T) {
	w := load(t)
	want := w.Keys(locales.Default)
	if len(want) == 0 {
		t.Fatal("the default language has no texts")
	}
	for _, l := range locales.Languages() {
		if diff := cmp.Diff(want, w.Keys(l)); diff != "" {
			t.Errorf("keys of %s differ from %s (-want +got):\n%s", l, locales.Default, diff)
		}
	}
}

func TestEveryTextHasTheSamePlacesInEveryLanguage(t *testing.T) {
	w := load(t)
	places := regexp.MustCompile(`\{[a-z_]+\}`)
	of := func(l, key string) []string {
		return slices.Compact(slices.Sorted(slices.Values(places.FindAllString(w.Text(l, key), -1))))
	}
	for _, l := range locales.Languages() {
		for _, key := range w.Keys(l) {
			if w.Text(l, key) == "" {
				t.Errorf("%s: %s is empty", l, key)
			}
			if diff := cmp.Diff(of(locales.Default, key), of(l, key)); diff != "" {
				t.Errorf("%s: places of %s (-want +got):\n%s", l, key, diff)
			}
		}
	}
}

func TestTextFillsPlacesAndFallsBack(t *testing.T) {
	w := load(t)
	for _, c := range []struct {
		name, locale, key, want string
		fill                    []string
	}{
		{"english", "en", "ticket.call.subject", "Call from +33199001234", []string{"caller", "+33199001234"}},
		{"french", "fr", "ticket.call.subject", "Appel de +33199001234", []string{"caller", "+33199001234"}},
		{"a value that looks like a place", "en", "ticket.call.subject", "Call from {caller}", []string{"caller", "{caller}"}},
		{"a language we do not speak", "xx", "ticket.call.subject", "Call from nobody", []string{"caller", "nobody"}},
		{"a key that is not there", "fr", "no.such.key", "no.such.key", nil},
		{"an odd number of words", "en", "ticket.call.subject", "Call from {caller}", []string{"caller"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := w.Text(c.locale, c.key, c.fill...); got != c.want {
				t.Errorf("Text(%q, %q) = %q, want %q", c.locale, c.key, got, c.want)
			}
		})
	}
	if !w.Has("fr", "ticket.call.subject") || w.Has("fr", "no.such.key") {
		t.Error("Has is wrong")
	}
	if !locales.Speaks("fr") || locales.Speaks("de") {
		t.Error("Speaks is wrong")
	}
}
