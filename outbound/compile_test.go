package outbound_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUndeclaredDisclosureDoesNotCompile plants a package beside this one, for
// the compiler's eyes only, and has it built.
func TestUndeclaredDisclosureDoesNotCompile(t *testing.T) {
	tests := []struct{ name, disclosure, want string }{
		{"Declared", `catalogue.RecipientNotice`, ""},
		{"Unkeyed", `catalogue.Disclosure{"newsletter"}`, "implicit assignment to unexported field name"},
		{"Keyed", `catalogue.Disclosure{name: "newsletter"}`, "cannot refer to unexported field name"},
		{"NotInTheCatalogue", `catalogue.Newsletter`, "undefined: catalogue.Newsletter"},
		{"Word", `"recipient-notice"`, "cannot use \"recipient-notice\""},
		{"Converted", `catalogue.Disclosure(struct{ name string }{"newsletter"})`, "cannot convert"},
		{"ABlob", `catalogue.CallTrack`, "cannot use catalogue.CallTrack"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := buildPlanted(t, tt.disclosure)
			if tt.want == "" {
				if err != nil {
					t.Errorf("what is declared does not compile: %v\n%s", err, out)
				}
				return
			}
			if err == nil || !strings.Contains(out, tt.want) {
				t.Errorf("build: %v, want %q\n%s", err, tt.want, out)
			}
		})
	}
}

func buildPlanted(t *testing.T, disclosure string) (string, error) {
	t.Helper()
	source := fmt.Sprintf(`package planted

import (
	"context"
	"net/http"

	"sotto/catalogue"
	"sotto/outbound"
)

var _ = catalogue.RecipientNotice

func send(c *outbound.Client, req *http.Request) {
	_, _ = c.Do(context.Background(), %s, req)
}
`, disclosure)
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
