package route_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/route"
)

// house is a plan with every action: English and French, two menus.
func house() route.Plan {
	way := func(a route.Action, o route.Options) route.Way { return route.Way{Action: a, Options: o} }
	p := route.Plan{Menus: []route.Menu{
		{
			ID: 1, Name: "Main", Default: true, Repeats: 1, KeySeconds: 4,
			Greetings: []route.Spoken{{Locale: "en", GreetingID: 11}, {Locale: "fr", GreetingID: 12}},
			Routes: []route.Route{
				{ID: 1, Keypress: "1", Way: way(route.ToGroup, route.Options{GroupIDs: []sotto.GroupID{3, 4}}), OptionText: "Sales",
					Overflow: []route.Way{way(route.ToNumber, route.Options{Number: "+33199001234"})}},
				{ID: 2, Keypress: "2", Way: way(route.ToMenu, route.Options{MenuID: 2})},
				{ID: 3, Keypress: "3", Way: way(route.ToLanguage, route.Options{Locale: "fr"})},
				{ID: 4, Keypress: "*", Way: way(route.Repeat, route.Options{})},
				{ID: 5, Keypress: route.NoKey, Way: way(route.ToVoicemail, route.Options{})},
			},
		},
		{
			ID: 2, Name: "More", KeySeconds: 7, Greetings: []route.Spoken{{Locale: "en", GreetingID: 21}},
			Routes: []route.Route{
				{ID: 6, Keypress: "1", Way: way(route.ToNumber, route.Options{Number: "+33199005678"})},
				{ID: 7, Keypress: "2", Way: way(route.ToTextBack, route.Options{}), OptionText: "See our page."},
				{ID: 8, Keypress: "3", Way: way(route.ToAgent, route.Options{AgentID: 9})},
				{ID: 9, Keypress: "#", Way: way(route.ToMenu, route.Options{MenuID: 1})},
			},
		},
	}}
	if err := p.Fill(); err != nil {
		panic(err)
	}
	return p
}

// walk goes through a plan by a word: a key, "." for a greeting that ends and
// "-" for no key in time. It tells what was done.
func walk(p route.Plan, events string) (told []string) {
	s, d := p.Step(route.State{Locale: "en"}, route.Event{Kind: route.Entered})
	tell := func() {
		switch d.Kind {
		case route.Say:
			told = append(told, fmt.Sprintf("%s say %d wrong=%v", d.Took, d.Greeting, d.Wrong))
		case route.Await:
			told = append(told, fmt.Sprintf("%s await %v", d.Took, d.Patience))
		case route.Leave:
			told = append(told, fmt.Sprintf("%s leave by %d in %s", d.Took, d.Route.ID, s.Locale))
		}
	}
	tell()
	for _, c := range []byte(events) {
		e := route.Event{Kind: route.Key, Key: c}
		switch c {
		case '.':
			e = route.Event{Kind: route.Said}
		case '-':
			e = route.Event{Kind: route.Waited}
		}
		s, d = p.Step(s, e)
		tell()
	}
	return told
}

func TestStep(t *testing.T) {
	for _, c := range []struct {
		name, events string
		want         []string
	}{
		{"a key during the greeting", "1", []string{" say 11 wrong=false", "group leave by 1 in en"}},
		{"a key after the greeting", ".1", []string{" say 11 wrong=false", " await 4s", "group leave by 1 in en"}},
		{"another menu and back", "2#", []string{" say 11 wrong=false", "menu say 21 wrong=false", "menu say 11 wrong=false"}},
		{"the number behind a menu", "21", []string{" say 11 wrong=false", "menu say 21 wrong=false", "phone_number leave by 6 in en"}},
		{"a language, and what follows in it", "32.", []string{" say 11 wrong=false", "language say 12 wrong=false", "menu say 21 wrong=false", " await 7s"}},
		{"said again on demand", "*", []string{" say 11 wrong=false", "repeat say 11 wrong=false"}},
		{"no key until the repeats are used up", ".-.-", []string{
			" say 11 wrong=false", " await 4s", "none say 11 wrong=false", " await 4s", "voicemail leave by 5 in en"}},
		{"wrong keys until the repeats are used up", "99", []string{
			" say 11 wrong=false", "invalid say 11 wrong=true", "voicemail leave by 5 in en"}},
		{"no repeats and no way for it", "2.-", []string{
			" say 11 wrong=false", "menu say 21 wrong=false", " await 7s", "none leave by 0 in en"}},
		{"a letter is a wrong key", "A1", []string{" say 11 wrong=false", "invalid say 11 wrong=true", "group leave by 1 in en"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, walk(house(), c.events)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepLeavesAPlanThatHasNowhereToBe(t *testing.T) {
	for _, p := range []route.Plan{{}, {Menus: []route.Menu{{ID: 1}}}} {
		if _, d := p.Step(route.State{}, route.Event{Kind: route.Entered}); d.Kind != route.Leave || d.Route.ID != 0 {
			t.Errorf("%+v: %+v", p, d)
		}
	}
	gone := route.Plan{Menus: []route.Menu{{ID: 1, Default: true, Routes: []route.Route{
		{Keypress: "1", Way: route.Way{Action: route.ToMenu, Options: route.Options{MenuID: 9}}},
	}}}}
	if got := walk(gone, "1"); got[1] != "menu leave by 0 in en" {
		t.Errorf("a menu that is not there: %q", got)
	}
}

// drawPlan draws a plan: any shape that ReadPlan takes, good or bad.
func drawPlan(t *rapid.T) route.Plan {
	menus := rapid.IntRange(0, 5).Draw(t, "menus")
	keys := []string{"0", "1", "2", "3", "*", "#", route.Invalid, route.NoKey}
	p := route.Plan{}
	for i := range menus {
		m := route.Menu{
			ID: int64(i + 1), Name: fmt.Sprint("menu ", i), Default: rapid.Bool().Draw(t, "default"),
			Repeats: rapid.IntRange(0, 9).Draw(t, "repeats"), KeySeconds: 1, Greetings: []route.Spoken{{Locale: "en", GreetingID: 1}},
		}
		for range rapid.IntRange(0, 6).Draw(t, "routes") {
			m.Routes = append(m.Routes, route.Route{
				Keypress: rapid.SampledFrom(keys).Draw(t, "key"),
				Way: route.Way{Action: rapid.SampledFrom(route.Actions()).Draw(t, "action"), Options: route.Options{
					GroupIDs: []sotto.GroupID{1}, Number: "+33199001234", AgentID: 1, Locale: rapid.SampledFrom([]string{"en", "fr"}).Draw(t, "locale"),
					MenuID: rapid.Int64Range(0, int64(menus)).Draw(t, "menu"),
				}},
				OptionText: "text",
			})
		}
		p.Menus = append(p.Menus, m)
	}
	return p
}

// TestEveryWalkEnds lets random callers press random keys in random menus:
// each leaves within 101 steps by a way that leads out, and what is to be done
// next can always be done.
func TestEveryWalkEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		s, d := p.Step(route.State{Locale: "en"}, route.Event{Kind: route.Entered})
		steps := 1
		for ; d.Kind != route.Leave; steps++ {
			if steps > 101 {
				t.Fatalf("still in menu %d after %d steps", s.Menu, steps)
			}
			if d.Kind != route.Say && d.Kind != route.Await || d.Kind == route.Await && d.Patience < time.Second {
				t.Fatalf("cannot do %+v", d)
			}
			e := rapid.SampledFrom([]route.Event{
				{Kind: route.Said}, {Kind: route.Waited}, {Kind: route.Key, Key: '1'}, {Kind: route.Key, Key: '2'}, {Kind: route.Key, Key: '*'}, {Kind: route.Key, Key: '9'},
			}).Draw(t, "event")
			s, d = p.Step(s, e)
		}
		switch d.Route.Action {
		case "", route.ToGroup, route.ToNumber, route.ToVoicemail, route.ToTextBack, route.ToAgent:
		default:
			t.Fatalf("left by %q", d.Route.Action)
		}
		if d.Route.Action == "" && steps < 101 && route.OK(p.Check(route.Known{})) && d.Took != route.TookInvalid && d.Took != route.TookNothing {
			t.Fatalf("a plan without errors has no way for %q", d.Took)
		}
	})
}

// TestAPlanWithoutErrorsLetsSilenceOut: the loop check means what it says. Who
// never presses a key leaves before the bound does it.
func TestAPlanWithoutErrorsLetsSilenceOut(t *testing.T) {
	good := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		if !route.OK(p.Check(route.Known{})) {
			return
		}
		good++
		s, d := p.Step(route.State{Locale: "en"}, route.Event{Kind: route.Entered})
		for d.Kind != route.Leave {
			e := route.Event{Kind: route.Said}
			if d.Kind == route.Await {
				e.Kind = route.Waited
			}
			s, d = p.Step(s, e)
		}
		if s.Steps > 5*2*10+1 || d.Took == "" {
			t.Fatalf("silence left after %d steps, %q", s.Steps, d.Took)
		}
	})
	if good == 0 {
		t.Error("none of the plans drawn was without errors")
	}
}
