package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const few = "RFC 3261\tSIP\t30\nITU-T G.711\tPCM\t-\nGDPR 17\tRight to erasure\t3\n"

func planted(code string) fstest.MapFS {
	return fstest.MapFS{"a/a.go": {Data: []byte(code)}}
}

func TestCitationsAreFound(t *testing.T) {
	files := planted(`// Package a obeys RFC 3261
// 17.2.1.
package a

// Both are kept (GDPR 17(3)(e)). RFC 3261 has more.
const (
	First  = 1
	Second = 2 // RFC 3261 A.1
)

func law() string { return "a duty, GDPR 17(3)(b)" }

func sound() {
	// ITU-T G.711 tables. RFC 3261 20.10
	_ = "RFC 32"
}
`)
	files["a/a_test.go"] = &fstest.MapFile{Data: []byte("package a\n\n// RFC 3261 17.2.1\nfunc TestOne() {}\n")}
	files["a/a.sql"] = &fstest.MapFile{Data: []byte("-- name: X\n-- GDPR 17\nSELECT 1;\n")}
	files["docs/cites/x.go"] = &fstest.MapFile{Data: []byte("package main // RFC 9999")}
	docs, err := documents(files, few+"RFC 32\tSome\t-\n")
	if err != nil {
		t.Fatal(err)
	}
	const head = "\n| where it says so | code | tests |\n| --- | --- | --- |\n"
	law := "## GDPR 17: Right to erasure\n" + head + "| 17 | a/a.sql |  |\n| 17(3)(b) | a/a.go: law |  |\n| 17(3)(e) | a/a.go: First |  |\n"
	rfc := "## RFC 3261: SIP\n" + head + "| RFC 3261 | a/a.go: First |  |\n| 17.2.1 | a/a.go | a/a_test.go: TestOne |\n| 20.10 | a/a.go: sound |  |\n| A.1 | a/a.go: Second |  |\n" +
		"\n## ITU-T G.711: PCM\n" + head + "| ITU-T G.711 | a/a.go: sound |  |\n" +
		"\n## RFC 32: Some\n" + head + "| RFC 32 | a/a.go: sound |  |\n"
	for name, want := range map[string]string{"docs/law.md": law, "docs/rfc.md": rfc} {
		_, got, _ := strings.Cut(string(docs[name]), "`.\n\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
}

func TestUnknownCitationsAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, code, want string }{
		{"Text", "package a\n// RFC 3216 1\n", "a/a.go:2: RFC 3216 is not in docs/cites/known.txt: look it up, then add it"},
		{"Section", "package a\n// RFC 3261 171.2\n", "a/a.go:2: RFC 3261 has no 171.2"},
		{"Article", "package a\n// GDPR 117\n", "a/a.go:2: GDPR 117 is not in docs/cites/known.txt: look it up, then add it"},
		{"Paragraph", "package a\n// GDPR 17(4)\n", "a/a.go:2: GDPR 17 has no (4)"},
		{"String", "package a\nconst why = `GDPR 18`\n", "a/a.go:2: GDPR 18 is not in docs/cites/known.txt: look it up, then add it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := documents(planted(tt.code), few)
			if err == nil || err.Error() != tt.want {
				t.Errorf("documents = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestKnownRefusesWhatIsNoLine(t *testing.T) {
	for _, line := range []string{"RFC 3261 SIP 30", "RFC 3261\tSIP\tthirty"} {
		if _, err := parseKnown(line); err == nil {
			t.Errorf("parseKnown(%q) = nil, want an error", line)
		}
	}
}

func TestOldDocumentsAreRefused(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"a.go": "package a\n// RFC 3261 17\n", "docs/.keep": ""} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if got := run([]string{"-check"}, root, &out, &out); got != 1 {
		t.Errorf("check before writing = %d, want 1: %s", got, &out)
	}
	if got := run(nil, root, &out, &out); got != 0 {
		t.Errorf("write = %d, want 0: %s", got, &out)
	}
	if got := run([]string{"-check"}, root, &out, &out); got != 0 {
		t.Errorf("check after writing = %d, want 0: %s", got, &out)
	}
	if got := run([]string{"nonsense"}, root, &out, &out); got != 2 {
		t.Errorf("a stray argument = %d, want 2", got)
	}
}

// TestCitationsAreKnown holds docs/law.md and docs/rfc.md to the code.
func TestCitationsAreKnown(t *testing.T) {
	files := os.DirFS("../..")
	docs, err := documents(files, known)
	if err != nil {
		t.Fatal(err)
	}
	if err := current(files, docs); err != nil {
		t.Error(err)
	}
}
