package route_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/route"
)

// FuzzReadPlan: what is read is within the bounds, is read again as the same,
// and can be checked and walked.
func FuzzReadPlan(f *testing.F) {
	whole, err := house().JSON()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(whole), `{}`, `{"menus":null}`, `{"menus":[{"name":"a","routes":[{"keypress":"1","action":"menu","options":{"menu_id":1}}]}]}`, `{"menus":[{}]}`, `{"menus":[]} x`,
		`{"menus":[{"id":-1,"name":"a"}]}`, `{"menus":[{"name":"a","routes":[{"keypress":"none","action":"language","options":{"locale":"fr","menu_id":1}}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := route.ReadPlan(b)
		if err != nil {
			if sotto.KindOf(err) != sotto.Invalid {
				t.Fatalf("refused as %v", err)
			}
			return
		}
		out, err := p.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) <= 200<<10 {
			again, err := route.ReadPlan(out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, again); diff != "" {
				t.Fatalf("read again (-first +again):\n%s", diff)
			}
		}
		_ = p.Check(route.Known{})
		_ = walk(p, "12..--**##")
	})
}

func TestReadPlanRefuses(t *testing.T) {
	menu := func(s string) string { return `{"menus":[{"name":"a",` + s + `}]}` }
	for name, text := range map[string]string{
		"no JSON":               `menu`,
		"an undeclared member":  menu(`"colour":"red"`),
		"something after it":    `{"menus":[]}{}`,
		"a menu without a name": `{"menus":[{"name":" "}]}`,
		"a key there is not":    menu(`"routes":[{"keypress":"12","action":"repeat"}]`),
		"an action there isn't": menu(`"routes":[{"keypress":"1","action":"dance"}]`),
		"too many repeats":      menu(`"repeats":10`),
		"a day to press a key":  menu(`"key_seconds":86400`),
		"a language not spoken": menu(`"greetings":[{"locale":"de","greeting_id":1}]`),
		"a language twice":      menu(`"greetings":[{"locale":"en","greeting_id":1},{"locale":"en","greeting_id":2}]`),
		"an id twice":           `{"menus":[{"id":1,"name":"a"},{"id":1,"name":"b"}]}`,
		"a negative group":      menu(`"routes":[{"keypress":"1","action":"group","options":{"group_ids":[-1]}}]`),
		"too long a text":       menu(`"routes":[{"keypress":"1","action":"textback","option_text":"` + strings.Repeat("x", 1001) + `"}]`),
		"too large":             `{"menus":[],"x":"` + strings.Repeat("x", 300<<10) + `"}`,
		"too many menus":        `{"menus":[` + strings.Repeat(`{"name":"a"},`, 100) + `{"name":"a"}]}`,
		"too many keys":         menu(`"routes":[` + strings.Repeat(`{"keypress":"1","action":"repeat"},`, 20) + `{"keypress":"1","action":"repeat"}]`),
	} {
		if _, err := route.ReadPlan([]byte(text)); sotto.KindOf(err) != sotto.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadPlanGivesIDs(t *testing.T) {
	p, err := route.ReadPlan([]byte(`{"menus":[{"name":"a","routes":[{"keypress":"1","action":"repeat"},{"id":1,"keypress":"2","action":"repeat"}]},{"id":1,"name":"b"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Menus[0].ID != 2 || p.Menus[1].ID != 1 || p.Menus[0].Routes[0].ID != 2 || p.Menus[0].KeySeconds != 5 {
		t.Errorf("%+v", p)
	}
}

// TestPlanHasTheseMembers is the list of what is kept in the columns draft and
// plan: a new member is declared here, and in the catalogue if it is about
// anybody.
func TestPlanHasTheseMembers(t *testing.T) {
	p := house()
	p.Menus[0].Routes[2].Options.MenuID = 1
	b, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	members("", v, got)
	want := []string{
		"menus", "menus.default", "menus.greetings", "menus.greetings.greeting_id", "menus.greetings.locale", "menus.id", "menus.key_seconds",
		"menus.name", "menus.repeats", "menus.routes", "menus.routes.action", "menus.routes.id", "menus.routes.keypress", "menus.routes.option_text",
		"menus.routes.options", "menus.routes.options.agent_id", "menus.routes.options.group_ids", "menus.routes.options.locale",
		"menus.routes.options.menu_id", "menus.routes.options.number", "menus.routes.overflow_options", "menus.routes.overflow_options.action",
		"menus.routes.overflow_options.options", "menus.routes.overflow_options.options.number",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func members(at string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			name := strings.TrimPrefix(at+"."+k, ".")
			into[name] = true
			members(name, x, into)
		}
	case []any:
		for _, x := range v {
			members(at, x, into)
		}
	}
}
