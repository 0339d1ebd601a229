package call

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzClean feeds what a network may say about a caller.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"+33199005678", "Camille Exemple", "", " \t ", "a\r\nb", "\x00\xff\xfe", strings.Repeat("é", 200), "\u202eevil", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got := clean(said)
		if !utf8.ValidString(got) || len(got) > 255 || strings.ContainsAny(got, "\r\n\x00\x7f\t") {
			t.Errorf("clean(%q) = %q", said, got)
		}
		if again := clean(got); again != got {
			t.Errorf("clean(%q) = %q, and that is %q", said, got, again)
		}
	})
}
