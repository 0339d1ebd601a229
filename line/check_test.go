package line

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReadings feeds what a trunk may call a line by: whatever it is, it reads
// as few short words that read as themselves.
func FuzzReadings(f *testing.F) {
	for _, s := range []string{
		"+33199001234", "33199001234", "0033199001234", "01 99 00 12 34", "1000", "Support-2", "", "+", "+++", "anonymous", "sip:a@b",
		"1;x=1", "٣٣١٩٩", "\x00\xff", strings.Repeat("9", 500), strings.Repeat("a", 500), "+33 (0)1-99.00/12 34",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dialled string) {
		all := readings(dialled, "FR")
		if len(all) > 3 {
			t.Fatalf("%d readings of %q", len(all), dialled)
		}
		for _, n := range all {
			if n == "" || len(n) > 80 || !utf8.ValidString(n) || strings.ContainsAny(n, " \r\n\x00'\"") {
				t.Errorf("%q reads as %q", dialled, n)
			}
		}
		if n, err := normal(dialled, "FR"); err == nil {
			if again, err := normal(n, "FR"); err != nil || again != n {
				t.Errorf("%q is %q, and that is %q, %v", dialled, n, again, err)
			}
		}
	})
}
