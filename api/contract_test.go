package api

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// contracts is a folder with Zendesk's own descriptions, which are not part of
// the project: what SOTTO_CONTRACTS names, or shared/contracts beside the
// checkout. Without one the test is skipped.
func contracts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SOTTO_CONTRACTS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "contracts")
	}
	if _, err := os.Stat(filepath.Join(dir, "zendesk")); err != nil {
		t.Skip("there are no descriptions of Zendesk's: SOTTO_CONTRACTS can name their folder")
	}
	return dir
}

// TestOurShapesHaveWhatZendesksHave compares members by their names.
func TestOurShapesHaveWhatZendesksHave(t *testing.T) {
	dir := contracts(t)
	ours := readSpec(t)
	for _, c := range []struct {
		file, theirs, list string // list: the member whose items are meant
		ours               string
	}{
		{"zendesk-voice-openapi.yaml", "PhoneNumbers", "phone_numbers", "PhoneNumber"},
		{"zendesk-voice-openapi.yaml", "Greetings", "greetings", "Greeting"},
		{"zendesk-voice-openapi.yaml", "GreetingCategories", "greeting_categories", "GreetingCategory"},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, "zendesk", c.file))
		must(t, err)
		their := &spec{}
		must(t, yaml.Unmarshal(raw, their))
		shape := their.Components.Schemas[c.theirs]
		if shape != nil {
			shape = shape.Properties[c.list].Items
		}
		own := ours.Components.Schemas[c.ours]
		if shape == nil || len(shape.Properties) == 0 || own == nil {
			t.Errorf("%s: no %s, or no %s here", c.file, c.theirs, c.ours)
			continue
		}
		for name := range shape.Properties {
			if own.Properties[name] == nil {
				t.Errorf("%s has no %s", c.ours, name)
			}
		}
	}
}

// TestOurPathsAreZendesks looks for each operation of the descriptions that we
// mean to have whole.
func TestOurPathsAreZendesks(t *testing.T) {
	dir := contracts(t)
	a := sqlite(t).api
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	for file, without := range map[string][]string{
		"zendesk-groups-api-openapi.yml":            nil,
		"zendesk-group-memberships-api-openapi.yml": nil,
		"zendesk-voice-openapi.yaml":                {"GET /api/v2/channels/voice/phone_numbers/search.json"}, // numbers are the carrier's
	} {
		raw, err := os.ReadFile(filepath.Join(dir, "zendesk", file))
		must(t, err)
		their := &spec{}
		must(t, yaml.Unmarshal(raw, their))
		for path, methods := range their.Paths {
			for method := range methods {
				name := strings.ToUpper(method) + " " + path
				if method == "parameters" || slices.Contains(without, name) {
					continue
				}
				r := httptest.NewRequest(strings.ToUpper(method), "http://desk.example"+parameter.ReplaceAllString(path, "1"), nil)
				if _, pattern := a.mux.Handler(a.normal(r)); pattern == "" {
					t.Errorf("%s: there is no %s", file, name)
				}
			}
		}
	}
}
