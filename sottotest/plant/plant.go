// Package plant compiles a package that is not there, for tests that show what
// does not compile.
package plant

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Case is one expression put in place of EXPR in a source, and what the
// compiler must say of it; "" when it must compile.
type Case struct{ Name, Expr, Want string }

// Run compiles source once for each case.
func Run(t *testing.T, source string, cases []Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			out, err := Build(t, strings.ReplaceAll(source, "EXPR", c.Expr))
			switch {
			case c.Want == "" && err != nil:
				t.Errorf("what is declared does not compile: %v\n%s", err, out)
			case c.Want != "" && (err == nil || !strings.Contains(out, c.Want)):
				t.Errorf("build: %v, want %q\n%s", err, c.Want, out)
			}
		})
	}
}

// Build compiles source as a package of this module, for the compiler's eyes
// only, and returns what the compiler said.
func Build(t *testing.T, source string) (string, error) {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	planted, overlay := filepath.Join(dir, "planted.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "planted", "planted.go"): planted}})
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string][]byte{planted: []byte(source), overlay: list} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "./planted").CombinedOutput()
	return string(out), err
}
