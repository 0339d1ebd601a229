package route

import (
	"fmt"
	"slices"

	"sotto"
	"sotto/locales"
)

// Level says whether a finding keeps a plan from being published.
type Level string

// The levels.
const (
	Error   Level = "error"   // callers would be led astray: not published
	Warning Level = "warning" // published, and worth a look
)

// Finding is something wrong with a plan. Its words are in package locales,
// under "menu.check." and the code.
type Finding struct {
	Level Level
	Code  string
	Menu  int64  // 0 for the plan as a whole
	Route int64  // 0 for the menu as a whole
	Name  string // the menu's name
	Key   string // the route's key
	Of    string // what the words speak of: an id, a language, a menu's name
}

// Say is the finding as a sentence that says what to do.
func (f Finding) Say(words *locales.Texts, locale string) string {
	key := words.Text(locale, "menu.key.pressed", "key", f.Key)
	if f.Key == Invalid || f.Key == NoKey {
		key = words.Text(locale, "menu.key."+f.Key)
	}
	return words.Text(locale, "menu.check."+f.Code, "menu", f.Name, "key", key, "of", f.Of)
}

// Known is what of a plan's ids is there. A nil map is not asked.
type Known struct {
	Groups    map[sotto.GroupID]bool
	Agents    map[sotto.PersonID]bool
	Skills    map[sotto.SkillID]bool
	Greetings map[int64]bool
}

// OK reports whether a plan with these findings may be published.
func OK(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.Level == Error })
}

// Check finds what is wrong with a plan: errors first, then warnings, each in
// the order of the menus.
func (p Plan) Check(known Known) []Finding {
	c := checker{plan: p, known: known}
	c.starts()
	for _, m := range p.Menus {
		c.menu(m)
	}
	c.paths()
	slices.SortStableFunc(c.all, func(a, b Finding) int {
		order := map[Level]int{Error: 0, Warning: 1}
		return order[a.Level] - order[b.Level]
	})
	return c.all
}

type checker struct {
	plan  Plan
	known Known
	all   []Finding
}

func (c *checker) add(l Level, code string, m Menu, r Route, of string) {
	c.all = append(c.all, Finding{Level: l, Code: code, Menu: m.ID, Route: r.ID, Name: m.Name, Key: r.Keypress, Of: of})
}

// starts looks for the one menu a call begins with.
func (c *checker) starts() {
	var first []Menu
	for _, m := range c.plan.Menus {
		if m.Default {
			first = append(first, m)
		}
	}
	switch {
	case len(first) == 0:
		c.add(Error, "no-first", Menu{}, Route{}, "")
	case len(first) > 1:
		c.add(Error, "two-first", first[1], Route{}, first[0].Name)
	}
}

func (c *checker) menu(m Menu) {
	c.greetings(m)
	pressed, seen := 0, map[string]bool{}
	for _, r := range m.Routes {
		if seen[r.Keypress] {
			c.add(Error, "key-twice", m, r, "")
		}
		seen[r.Keypress] = true
		if isKey(r.Keypress) && r.Action != Repeat {
			pressed++
		}
		c.way(m, r, r.Way)
		if r.Action == ToTextBack && r.OptionText == "" {
			c.add(Error, "no-text", m, r, "")
		}
		for _, o := range r.Overflow {
			if o.Action != ToVoicemail && o.Action != ToNumber {
				c.add(Error, "overflow", m, r, string(o.Action))
				continue
			}
			c.way(m, r, o)
		}
	}
	if pressed == 0 {
		c.add(Error, "dead-end", m, Route{}, "")
	}
	if !seen[NoKey] && !seen[Invalid] {
		c.add(Warning, "no-fallback", m, Route{}, "")
	}
}

// greetings looks for a menu that says nothing, or not in every language its
// callers may hear.
func (c *checker) greetings(m Menu) {
	spoken := map[string]bool{}
	for _, g := range m.Greetings {
		if g.GreetingID == 0 {
			continue
		}
		spoken[g.Locale] = true
		if c.known.Greetings != nil && !c.known.Greetings[g.GreetingID] {
			c.add(Error, "unknown-greeting", m, Route{}, fmt.Sprint(g.GreetingID))
		}
	}
	if len(spoken) == 0 {
		c.add(Error, "no-greeting", m, Route{}, "")
		return
	}
	for _, l := range c.languages() {
		if !spoken[l] {
			c.add(Warning, "no-greeting-in", m, Route{}, l)
		}
	}
}

// languages are those the plan speaks or lets callers choose.
func (c *checker) languages() (all []string) {
	for _, m := range c.plan.Menus {
		for _, g := range m.Greetings {
			if g.GreetingID != 0 {
				all = append(all, g.Locale)
			}
		}
		for _, r := range m.Routes {
			if r.Action == ToLanguage && locales.Speaks(r.Options.Locale) {
				all = append(all, r.Options.Locale)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// way looks for what an action needs and does not have.
func (c *checker) way(m Menu, r Route, w Way) {
	o := w.Options
	switch w.Action {
	case ToGroup:
		if len(o.GroupIDs) == 0 {
			c.add(Error, "no-group", m, r, "")
		}
		for _, id := range o.GroupIDs {
			if c.known.Groups != nil && !c.known.Groups[id] {
				c.add(Error, "unknown-group", m, r, fmt.Sprint(id))
			}
		}
		for _, id := range o.SkillIDs {
			if c.known.Skills != nil && !c.known.Skills[id] {
				c.add(Error, "unknown-skill", m, r, fmt.Sprint(id))
			}
		}
	case ToAgent:
		if o.AgentID == 0 || c.known.Agents != nil && !c.known.Agents[o.AgentID] {
			c.add(Error, "unknown-agent", m, r, fmt.Sprint(o.AgentID))
		}
	case ToNumber:
		if !number.MatchString(o.Number) {
			c.add(Error, "not-e164", m, r, "")
		}
	case ToMenu:
		if _, ok := c.plan.Menu(o.MenuID); !ok {
			c.add(Error, "unknown-menu", m, r, fmt.Sprint(o.MenuID))
		}
	case ToLanguage:
		if !locales.Speaks(o.Locale) {
			c.add(Error, "unknown-language", m, r, "")
		}
		if _, ok := c.plan.Menu(o.MenuID); !ok && o.MenuID != 0 {
			c.add(Error, "unknown-menu", m, r, fmt.Sprint(o.MenuID))
		}
	}
}

// paths looks at where callers can get to.
func (c *checker) paths() {
	reached := map[int64]bool{}
	if first, ok := c.plan.First(); ok {
		c.reach(reached, first)
		for _, m := range c.plan.Menus {
			if !reached[m.ID] {
				c.add(Warning, "unreachable", m, Route{}, "")
			}
		}
	}
	for _, m := range c.plan.Menus {
		if !c.leaves(m, map[int64]bool{}) {
			c.add(Error, "loop", m, Route{}, "")
		}
		for _, key := range []string{NoKey, Invalid} {
			if r, ok := m.route(key); ok && c.circles(m, key) {
				c.add(Error, "circles", m, r, "")
			}
		}
	}
}

// next is the menu a route leads to; false when it leads out, or nowhere.
func (c *checker) next(m Menu, r Route) (Menu, bool) {
	switch {
	case r.Action == Repeat, r.Action == ToLanguage && r.Options.MenuID == 0:
		return m, true
	case r.Action == ToMenu, r.Action == ToLanguage:
		return c.plan.Menu(r.Options.MenuID)
	}
	return Menu{}, false
}

func (c *checker) reach(seen map[int64]bool, m Menu) {
	if seen[m.ID] {
		return
	}
	seen[m.ID] = true
	for _, r := range m.Routes {
		if to, ok := c.next(m, r); ok {
			c.reach(seen, to)
		}
	}
}

// leaves reports whether some key leads from m, by way of any menus, out of
// them. A menu without keys is a dead end already.
func (c *checker) leaves(m Menu, seen map[int64]bool) bool {
	if seen[m.ID] {
		return false
	}
	seen[m.ID] = true
	keys := 0
	for _, r := range m.Routes {
		if r.Action == Repeat || r.Action == ToLanguage && r.Options.MenuID == 0 {
			continue
		}
		keys++
		if to, ok := c.next(m, r); !ok || c.leaves(to, seen) {
			return true
		}
	}
	return keys == 0 && len(seen) == 1
}

// circles reports whether a caller who only ever does what key stands for
// comes back to m: no repeat limit would end that.
func (c *checker) circles(m Menu, key string) bool {
	at := m
	for range c.plan.Menus {
		r, ok := at.fallback(key)
		if !ok {
			return false
		}
		to, ok := c.next(at, r)
		if !ok {
			return false
		}
		if to.ID == m.ID {
			return true
		}
		at = to
	}
	return false
}
