package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"sotto"
	"sotto/locales"
)

// Plan is a tree of menus as it is stored, imported and exported: the whole of
// one version. Its JSON is in Zendesk's words where it has them.
type Plan struct {
	Menus []Menu `json:"menus"`
}

// Menu is one question to the caller. Its id is its own within the plan.
type Menu struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Default bool   `json:"default"` // the one a call begins with
	// Greetings are what is said, one for each language.
	Greetings []Spoken `json:"greetings"`
	Routes    []Route  `json:"routes"`
	// Repeats is how often the greeting is said again to a caller who pressed
	// nothing, or a key that leads nowhere: 0 to 9.
	Repeats int `json:"repeats"`
	// KeySeconds is how long a key is waited for after the greeting: 1 to 30.
	KeySeconds int `json:"key_seconds"`
}

// Spoken is a greeting in one language.
type Spoken struct {
	Locale     string `json:"locale"`
	GreetingID int64  `json:"greeting_id"`
}

// Route is where one key of a menu leads. Its id is its own within the plan.
type Route struct {
	ID       int64  `json:"id"`
	Keypress string `json:"keypress"` // "0" to "9", "*", "#", Invalid or NoKey
	Way
	// OptionText is what the desk calls this choice; for ToTextBack it is the
	// text that is sent.
	OptionText string `json:"option_text"`
	// Overflow is where a call goes that nobody at the end of this way took.
	Overflow []Way `json:"overflow_options"`
}

// Way is an action with what it needs.
type Way struct {
	Action  Action  `json:"action"`
	Options Options `json:"options"`
}

// Options are what the actions need. Each reads its own, the rest is zero.
type Options struct {
	GroupIDs []sotto.GroupID `json:"group_ids,omitempty"` // ToGroup
	SkillIDs []sotto.SkillID `json:"skill_ids,omitempty"` // ToGroup: asked of an agent beside those of the line
	MenuID   int64           `json:"menu_id,omitempty"`   // ToMenu; ToLanguage: where to go on, 0 is here
	Number   string          `json:"number,omitempty"`    // ToNumber, E.164
	AgentID  sotto.PersonID  `json:"agent_id,omitempty"`  // ToAgent
	Locale   string          `json:"locale,omitempty"`    // ToLanguage
}

// Action is what a way does, a word of a closed list.
type Action string

// The actions.
const (
	ToGroup     Action = "group"
	ToMenu      Action = "menu"
	ToNumber    Action = "phone_number"
	ToVoicemail Action = "voicemail"
	ToTextBack  Action = "textback"
	ToAgent     Action = "agent"
	ToLanguage  Action = "language"
	Repeat      Action = "repeat" // say the greeting again
)

// Actions returns every action.
func Actions() []Action {
	return []Action{ToGroup, ToMenu, ToNumber, ToVoicemail, ToTextBack, ToAgent, ToLanguage, Repeat}
}

// The keys that are none.
const (
	Invalid = "invalid" // taken when wrong keys used up the repeats
	NoKey   = "none"    // taken when silence used up the repeats
)

// The bounds of a plan.
const (
	maxPlan   = 256 << 10 // bytes of JSON
	maxMenus  = 100
	maxRoutes = 20
	maxGroups = 20
	maxWays   = 5
	maxName   = 255  // bytes
	maxText   = 1000 // bytes
)

// number is E.164 as a trunk dials it.
var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// ReadPlan reads a plan. What is no plan, has a member that is not declared
// here, or breaks a bound is Invalid; a plan that would lead callers astray is
// read, and Check finds it. Menus and routes without an id get one.
func ReadPlan(b []byte) (p Plan, err error) {
	if len(b) > maxPlan {
		return p, sotto.FailField("menus", "The menus are too large: 256 kB at most.")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Plan{}, sotto.FailCause(sotto.Invalid, "This is not the JSON that menus are exported as.", redacted(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Plan{}, sotto.FailField("menus", "Something follows after the menus. Give one JSON object.")
	}
	if err := p.Fill(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// redacted keeps the place of a JSON error and not what stood there.
func redacted(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return errors.New("route: a value of the wrong type at " + e.Field)
	}
	return errors.New("route: not the JSON of a plan")
}

// JSON writes the plan. ReadPlan of it gives the same plan.
func (p Plan) JSON() ([]byte, error) { return json.MarshalIndent(p, "", "  ") }

// Fill gives ids to menus and routes that have none, makes empty lists of
// missing ones, and refuses what breaks a bound or is not of a closed list.
func (p *Plan) Fill() error {
	if len(p.Menus) > maxMenus {
		return sotto.FailField("menus", "There are too many menus: 100 at most.")
	}
	if p.Menus == nil {
		p.Menus = []Menu{}
	}
	menus, routes := map[int64]bool{}, map[int64]bool{}
	for i := range p.Menus {
		m := &p.Menus[i]
		if err := claim(menus, m.ID, "Two menus have the same id. Leave the id out to be given one."); err != nil {
			return err
		}
		if err := m.bounds(); err != nil {
			return within(err, m.Name, "")
		}
		for _, r := range m.Routes {
			if err := claim(routes, r.ID, "Two keys have the same id. Leave the id out to be given one."); err != nil {
				return err
			}
		}
	}
	for i := range p.Menus {
		m := &p.Menus[i]
		give(menus, &m.ID)
		for j := range m.Routes {
			give(routes, &m.Routes[j].ID)
		}
	}
	return nil
}

// within says in which menu, and at which of its keys, something is wrong.
func within(err error, menu, key string) error {
	wrong, ok := errors.AsType[*sotto.Error](err)
	if !ok {
		return err
	}
	out := *wrong
	if key != "" && len(key) <= len(Invalid) && wrong.Field != "keypress" {
		out.Say = fmt.Sprintf("Key %s: %s", key, out.Say)
	}
	if menu != "" && word(menu, maxName) {
		out.Say = fmt.Sprintf("Menu “%s”: %s", menu, out.Say)
	}
	return &out
}

func claim(taken map[int64]bool, id int64, say string) error {
	if id < 0 || id > 1<<53 || id != 0 && taken[id] {
		return sotto.FailField("id", say)
	}
	if id != 0 {
		taken[id] = true
	}
	return nil
}

// give finds the least free number for an id that is 0.
func give(taken map[int64]bool, id *int64) {
	for n := int64(1); *id == 0; n++ {
		if !taken[n] {
			taken[n], *id = true, n
		}
	}
}

func (m *Menu) bounds() error {
	m.Name = strings.TrimSpace(m.Name)
	if m.KeySeconds == 0 {
		m.KeySeconds = 5
	}
	if m.Greetings == nil {
		m.Greetings = []Spoken{}
	}
	if m.Routes == nil {
		m.Routes = []Route{}
	}
	switch {
	case !word(m.Name, maxName) || m.Name == "":
		return sotto.FailField("name", "Give each menu a name of at most 255 bytes.")
	case m.Repeats < 0 || m.Repeats > 9:
		return sotto.FailField("repeats", "A menu is repeated 0 to 9 times.")
	case m.KeySeconds < 1 || m.KeySeconds > 30:
		return sotto.FailField("key_seconds", "A key is waited for 1 to 30 seconds.")
	case len(m.Routes) > maxRoutes:
		return sotto.FailField("routes", "A menu has too many keys: 20 at most.")
	case len(m.Greetings) > len(locales.Languages()):
		return sotto.FailField("greetings", "A menu has one greeting for each language.")
	}
	for i, g := range m.Greetings {
		if !locales.Speaks(g.Locale) || slices.ContainsFunc(m.Greetings[:i], func(o Spoken) bool { return o.Locale == g.Locale }) {
			return sotto.FailField("greetings", "A menu has one greeting for each language, en or fr.")
		}
		if g.GreetingID < 0 {
			return sotto.FailField("greetings", "The id of a greeting is a number.")
		}
	}
	for i := range m.Routes {
		if err := m.Routes[i].bounds(); err != nil {
			return within(err, "", m.Routes[i].Keypress)
		}
	}
	return nil
}

func (r *Route) bounds() error {
	if !isKey(r.Keypress) && r.Keypress != Invalid && r.Keypress != NoKey {
		return sotto.FailField("keypress", `A key is 0 to 9, * or #; "invalid" and "none" stand for a wrong key and for no key.`)
	}
	if !word(strings.NewReplacer("\n", "", "\r", "").Replace(r.OptionText), maxText) {
		return sotto.FailField("option_text", "The text of a key has at most 1000 bytes.")
	}
	if len(r.Overflow) > maxWays {
		return sotto.FailField("overflow_options", "A key has at most 5 ways to go on.")
	}
	if r.Overflow == nil {
		r.Overflow = []Way{}
	}
	for _, w := range append([]Way{r.Way}, r.Overflow...) {
		if err := w.bounds(); err != nil {
			return err
		}
	}
	return nil
}

func (w Way) bounds() error {
	o := w.Options
	switch {
	case !slices.Contains(Actions(), w.Action):
		return sotto.FailField("action", "What a key does is group, menu, phone_number, voicemail, textback, agent, language or repeat.")
	case len(o.GroupIDs) > maxGroups:
		return sotto.FailField("group_ids", "A key leads to at most 20 groups.")
	case len(o.SkillIDs) > maxGroups || slices.ContainsFunc(o.SkillIDs, func(id sotto.SkillID) bool { return id < 1 }):
		return sotto.FailField("skill_ids", "Name at most 20 skills, by their numbers.")
	case o.MenuID < 0 || o.AgentID < 0 || slices.ContainsFunc(o.GroupIDs, func(id sotto.GroupID) bool { return id < 1 }):
		return sotto.FailField("options", "An id is a whole number.")
	case !word(o.Number, 32) || !word(o.Locale, 16):
		return sotto.FailField("options", "This is too long for a number or a language.")
	}
	return nil
}

// isKey reports whether k is one key of a telephone.
func isKey(k string) bool { return len(k) == 1 && strings.Contains("0123456789*#", k) }

// word reports whether a text is short enough and has no control characters.
func word(s string, most int) bool {
	return len(s) <= most && strings.ToValidUTF8(s, "") == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Menu returns a menu of the plan.
func (p Plan) Menu(id int64) (Menu, bool) {
	for _, m := range p.Menus {
		if m.ID == id {
			return m, true
		}
	}
	return Menu{}, false
}

// First returns the menu a call begins with.
func (p Plan) First() (Menu, bool) {
	for _, m := range p.Menus {
		if m.Default {
			return m, true
		}
	}
	return Menu{}, false
}

// route returns where a key of the menu leads.
func (m Menu) route(key string) (Route, bool) {
	for _, r := range m.Routes {
		if r.Keypress == key {
			return r, true
		}
	}
	return Route{}, false
}

// Greeting returns the greeting of the menu in a language, in another where it
// has none in that; 0 for none at all.
func (m Menu) Greeting(locale string) (id int64) {
	for _, g := range m.Greetings {
		if g.Locale == locale && g.GreetingID != 0 {
			return g.GreetingID
		}
		if id == 0 {
			id = g.GreetingID
		}
	}
	return id
}
