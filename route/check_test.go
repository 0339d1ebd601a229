package route_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/line"
	"sotto/locales"
	"sotto/route"
)

func codes(all []route.Finding) (out []string) {
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s menu %d key %s", f.Level, f.Code, f.Menu, f.Key))
	}
	return out
}

func TestCheck(t *testing.T) {
	known := route.Known{Groups: map[sotto.GroupID]bool{3: true, 4: true}, Agents: map[sotto.PersonID]bool{9: true}, Greetings: map[int64]bool{11: true, 12: true, 21: true, 22: true}}
	whole := func() route.Plan {
		p := house()
		p.Menus[1].Greetings = append(p.Menus[1].Greetings, route.Spoken{Locale: "fr", GreetingID: 22})
		p.Menus[1].Routes = append(p.Menus[1].Routes, route.Route{ID: 10, Keypress: route.Invalid, Way: route.Way{Action: route.ToVoicemail}})
		return p
	}
	to := func(id int64) route.Way {
		return route.Way{Action: route.ToMenu, Options: route.Options{MenuID: id}}
	}
	for _, c := range []struct {
		name string
		edit func(p *route.Plan)
		want []string
	}{
		{"nothing wrong", func(*route.Plan) {}, nil},
		{"no first menu", func(p *route.Plan) { p.Menus[0].Default = false }, []string{"error no-first menu 0 key "}},
		{"two first menus", func(p *route.Plan) { p.Menus[1].Default = true }, []string{"error two-first menu 2 key "}},
		{"no menus at all", func(p *route.Plan) { p.Menus = nil }, []string{"error no-first menu 0 key "}},
		{"a key twice", func(p *route.Plan) { p.Menus[0].Routes[1].Keypress = "1" }, []string{"error key-twice menu 1 key 1"}},
		{"no greeting", func(p *route.Plan) { p.Menus[1].Greetings = nil }, []string{"error no-greeting menu 2 key "}},
		{"no greeting in French", func(p *route.Plan) { p.Menus[1].Greetings = p.Menus[1].Greetings[:1] }, []string{"warning no-greeting-in menu 2 key "}},
		{"a greeting that is not there", func(p *route.Plan) { p.Menus[0].Greetings[0].GreetingID = 99 }, []string{"error unknown-greeting menu 1 key "}},
		{"a group that is not there", func(p *route.Plan) { p.Menus[0].Routes[0].Options.GroupIDs[1] = 99 }, []string{"error unknown-group menu 1 key 1"}},
		{"no group", func(p *route.Plan) { p.Menus[0].Routes[0].Options.GroupIDs = nil }, []string{"error no-group menu 1 key 1"}},
		{"an agent who is not there", func(p *route.Plan) { p.Menus[1].Routes[2].Options.AgentID = 8 }, []string{"error unknown-agent menu 2 key 3"}},
		{"a national number", func(p *route.Plan) { p.Menus[1].Routes[0].Options.Number = "0199001234" }, []string{"error not-e164 menu 2 key 1"}},
		{"an overflow that cannot be dialled", func(p *route.Plan) { p.Menus[0].Routes[0].Overflow[0].Options.Number = "112" }, []string{"error not-e164 menu 1 key 1"}},
		{"an overflow to a menu", func(p *route.Plan) { p.Menus[0].Routes[0].Overflow[0] = to(2) }, []string{"error overflow menu 1 key 1"}},
		{"an empty text", func(p *route.Plan) { p.Menus[1].Routes[1].OptionText = "" }, []string{"error no-text menu 2 key 2"}},
		{"a language nobody speaks", func(p *route.Plan) { p.Menus[0].Routes[2].Options.Locale = "de" }, []string{"error unknown-language menu 1 key 3"}},
		{"a menu that is not there", func(p *route.Plan) { p.Menus[1].Routes[3].Options.MenuID = 7 }, []string{"error unknown-menu menu 2 key #"}},
		{"a menu nobody gets to", func(p *route.Plan) { p.Menus[0].Routes[1].Way = route.Way{Action: route.ToVoicemail} }, []string{"warning unreachable menu 2 key "}},
		{"no way for silence", func(p *route.Plan) { p.Menus[1].Routes = p.Menus[1].Routes[:4] }, []string{"warning no-fallback menu 2 key "}},
		{"a dead end", func(p *route.Plan) { p.Menus[1].Routes = p.Menus[1].Routes[4:] }, []string{"error dead-end menu 2 key "}},
		{"silence goes in circles", func(p *route.Plan) { p.Menus[1].Routes[4].Way, p.Menus[0].Routes[4].Way = to(1), to(2) },
			[]string{"error circles menu 1 key none", "error circles menu 2 key invalid"}},
		{"two menus without a way out", func(p *route.Plan) {
			p.Menus[0].Routes = []route.Route{{ID: 1, Keypress: "1", Way: to(2)}, {ID: 2, Keypress: "*", Way: route.Way{Action: route.Repeat}}}
			p.Menus[1].Routes = []route.Route{{ID: 3, Keypress: "1", Way: to(1)}}
		}, []string{"error loop menu 1 key ", "error loop menu 2 key ", "warning no-fallback menu 1 key ", "warning no-fallback menu 2 key "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := whole()
			c.edit(&p)
			found := p.Check(known)
			if diff := cmp.Diff(c.want, codes(found)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			hasError := slices.ContainsFunc(c.want, func(w string) bool { return strings.HasPrefix(w, "error") })
			if route.OK(found) == hasError {
				t.Errorf("OK = %v", route.OK(found))
			}
		})
	}
	t.Run("what is not known is not asked", func(t *testing.T) {
		if found := whole().Check(route.Known{}); len(found) != 0 {
			t.Errorf("%v", codes(found))
		}
	})
}

// TestEveryFindingHasWords looks in the code for the findings there are.
func TestEveryFindingHasWords(t *testing.T) {
	words, err := locales.Load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("check.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`c\.add\((?:Error|Warning), "([a-z0-9-]+)"`).FindAllStringSubmatch(string(text), -1)
	if len(found) < 15 {
		t.Fatalf("only %d findings", len(found))
	}
	for _, l := range locales.Languages() {
		for _, m := range found {
			f := route.Finding{Code: m[1], Name: "Accueil", Key: route.NoKey, Of: "4"}
			if say := f.Say(words, l); strings.Contains(say, "menu.check") || strings.Contains(say, "{") || !words.Has(l, "menu.check."+m[1]) {
				t.Errorf("%s: %q", l, say)
			}
		}
	}
}

func TestThrough(t *testing.T) {
	l := line.Line{Settings: line.Settings{Ring: 20e9, Wait: 60e9}}
	base := route.Destination{Kind: route.Agents, First: line.Greeting, Overflow: route.Voicemail, Ring: 20e9, Wait: 60e9, InHours: true}
	all := map[string]route.Route{}
	for _, m := range house().Menus {
		for _, r := range m.Routes {
			all[fmt.Sprint(m.ID, "/", r.Keypress)] = r
		}
	}
	with := func(edit func(*route.Destination)) route.Destination {
		d := route.Destination{First: line.Greeting, Overflow: route.Voicemail, InHours: true, Chosen: true}
		edit(&d)
		return d
	}
	for key, want := range map[string]route.Destination{
		"1/1": with(func(d *route.Destination) {
			d.Kind, d.Groups, d.Ring, d.Wait, d.Overflow, d.Beyond = route.Agents, []sotto.GroupID{3, 4}, 20e9, 60e9, route.External, "+33199001234"
		}),
		"1/none": with(func(d *route.Destination) { d.Kind, d.Overflow = route.Voicemail, "" }),
		"2/1":    with(func(d *route.Destination) { d.Kind, d.External = route.External, "+33199005678" }),
		"2/2":    with(func(d *route.Destination) { d.Kind, d.Text = route.TextBack, "See our page." }),
		"2/3":    with(func(d *route.Destination) { d.Kind, d.Agent, d.Ring, d.Wait = route.Agents, 9, 20e9, 60e9 }),
		"no key": base,
	} {
		if diff := cmp.Diff(want, base.Through(all[key], l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	machine := route.Destination{Kind: route.Closed, First: line.Greeting, InHours: true}
	if got := machine.Through(all["1/1"], l); got.Kind != route.Agents {
		t.Errorf("a line nobody waits on: %+v", got)
	}
	if got := machine.Through(all["2/3"], l).Overflow; got != route.Closed {
		t.Errorf("its overflow: %q", got)
	}
}
