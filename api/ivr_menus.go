package api

import (
	"net/http"
	"slices"
	"strconv"

	"sotto"
	"sotto/line"
	spoken "sotto/locales"
	ways "sotto/route"
)

// ivrMenu is one menu of a tree in Zendesk's shape. The members from Greetings
// on are ours.
type ivrMenu struct {
	ID         int64        `json:"id"`
	Name       string       `json:"name"`
	Default    bool         `json:"default"`
	GreetingID *int64       `json:"greeting_id"`
	Routes     []ivrRoute   `json:"routes"`
	Greetings  []menuSpeech `json:"greetings"`
	Repeats    int          `json:"repeats"`
	KeySeconds int          `json:"key_seconds"`
}

// menuSpeech is what a menu says in one language.
type menuSpeech struct {
	Locale     string `json:"locale"`
	GreetingID number `json:"greeting_id"`
}

type (
	ivrMenuBody struct {
		Menu ivrMenu `json:"ivr_menu"`
	}
	ivrMenusBody struct {
		Menus []ivrMenu `json:"ivr_menus"`
		paging
	}
)

func ivrMenus(p ways.Plan) []ivrMenu {
	out := []ivrMenu{}
	for _, m := range p.Menus {
		out = append(out, writeMenu(m))
	}
	return out
}

func writeMenu(m ways.Menu) ivrMenu {
	out := ivrMenu{
		ID: m.ID, Name: m.Name, Default: m.Default, GreetingID: orNull(m.Greeting(spoken.Default)), Routes: ivrRoutes(m),
		Greetings: []menuSpeech{}, Repeats: m.Repeats, KeySeconds: m.KeySeconds,
	}
	for _, g := range m.Greetings {
		out.Greetings = append(out.Greetings, menuSpeech{g.Locale, number(g.GreetingID)})
	}
	return out
}

// ivrMenuInput is what a client may set on a menu. ID counts only where a
// whole draft is given: other menus name it.
type ivrMenuInput struct {
	ID         number           `json:"id"`
	Name       *string          `json:"name"`
	Default    *bool            `json:"default"`
	GreetingID optionalNumber   `json:"greeting_id"`
	Greetings  *[]menuSpeech    `json:"greetings"`
	Routes     *[]ivrRouteInput `json:"routes"`
	Repeats    *int64           `json:"repeats"`
	KeySeconds *int64           `json:"key_seconds"`

	locale string // of the greeting that GreetingID names
}

func (q *request) readMenu() (ivrMenuInput, error) {
	return readNamed[ivrMenuInput](q, "ivr_menu", "menu")
}

// look finds out in which language the one greeting speaks: Zendesk's menus
// have one for everybody.
func (in *ivrMenuInput) look(a *API, q *request) error {
	if !in.GreetingID.given || in.GreetingID.n == 0 || in.Greetings != nil {
		return nil
	}
	u, err := a.c.Lines.Greeting(q.Context(), int64(in.GreetingID.n))
	if sotto.KindOf(err) == sotto.NotFound || err == nil && u.Category != line.MenuGreeting {
		return sotto.FailField("greeting_id", "There is no such greeting for menus. GET greetings lists them; category 5 is for menus.")
	}
	in.locale = u.Locale
	return err
}

// apply puts what was given on a menu; package route checks it.
func (in ivrMenuInput) apply(m *ways.Menu) {
	give(&m.Name, in.Name)
	give(&m.Default, in.Default)
	for to, n := range map[*int]*int64{&m.Repeats: in.Repeats, &m.KeySeconds: in.KeySeconds} {
		if n != nil {
			*to = int(min(max(*n, -1), 1<<20))
		}
	}
	switch {
	case in.Greetings != nil:
		m.Greetings = nil
		for _, g := range *in.Greetings {
			m.Greetings = append(m.Greetings, ways.Spoken{Locale: g.Locale, GreetingID: int64(g.GreetingID)})
		}
	case in.GreetingID.given && in.GreetingID.n == 0:
		m.Greetings = nil
	case in.GreetingID.given:
		m.Greetings = slices.DeleteFunc(slices.Clone(m.Greetings), func(g ways.Spoken) bool { return g.Locale == in.locale })
		m.Greetings = append(m.Greetings, ways.Spoken{Locale: in.locale, GreetingID: int64(in.GreetingID.n)})
	}
	if in.Routes == nil {
		return
	}
	m.Routes = nil
	for _, r := range *in.Routes {
		one := ways.Route{ID: int64(r.ID)}
		r.apply(&one)
		m.Routes = append(m.Routes, one)
	}
}

// plan makes a draft of menus that were given as a whole.
func (a *API) plan(q *request, menus []ivrMenuInput) (p ways.Plan, err error) {
	for _, in := range menus {
		if err := in.look(a, q); err != nil {
			return p, err
		}
		m := ways.Menu{ID: int64(in.ID)}
		in.apply(&m)
		p.Menus = append(p.Menus, m)
	}
	return p, nil
}

// menu reads the tree and the menu of the path.
func (q *request) menu() (tree sotto.MenuID, menu int64, err error) {
	if tree, err = q.menuID(); err != nil {
		return 0, 0, err
	}
	menu, err = q.number("menu")
	return tree, menu, err
}

// place is where a menu stands in a draft.
func place(p ways.Plan, id int64) (int, error) {
	i := slices.IndexFunc(p.Menus, func(m ways.Menu) bool { return m.ID == id })
	if i < 0 {
		return 0, sotto.Fail(sotto.NotFound, "Not found")
	}
	return i, nil
}

func (a *API) listIVRMenus(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	p, err := q.page()
	if err != nil {
		return err
	}
	v, err := a.c.Menus.Get(q.Context(), id)
	if err != nil {
		return err
	}
	all := ivrMenus(v.Draft)
	slices.SortFunc(all, func(x, y ivrMenu) int { return int(x.ID - y.ID) })
	rows, out, err := cutShort(p, all, func(m ivrMenu) int64 { return m.ID })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrMenusBody{append([]ivrMenu{}, rows...), q.paging(p, out)})
}

func (a *API) showIVRMenu(w http.ResponseWriter, q *request) error {
	tree, id, err := q.menu()
	if err != nil {
		return err
	}
	v, err := a.c.Menus.Get(q.Context(), tree)
	if err != nil {
		return err
	}
	i, err := place(v.Draft, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrMenuBody{writeMenu(v.Draft.Menus[i])})
}

// createIVRMenu adds a menu to the draft. The first is the one calls begin
// with.
func (a *API) createIVRMenu(w http.ResponseWriter, q *request) error {
	tree, err := q.menuID()
	if err != nil {
		return err
	}
	in, err := q.readMenu()
	if err != nil {
		return err
	}
	if err := in.look(a, q); err != nil {
		return err
	}
	v, err := a.c.Menus.Edit(q.Context(), q.actor, tree, func(v *ways.IVR) error {
		var m ways.Menu
		in.apply(&m)
		m.Default = m.Default || len(v.Draft.Menus) == 0
		v.Draft.Menus = append(v.Draft.Menus, m)
		begin(v.Draft, len(v.Draft.Menus)-1, in.Default)
		return nil
	})
	if err != nil {
		return err
	}
	out := writeMenu(v.Draft.Menus[len(v.Draft.Menus)-1])
	w.Header().Set("Location", q.base+ivrPath+"/"+strconv.FormatInt(int64(tree), 10)+"/menus/"+strconv.FormatInt(out.ID, 10)+".json")
	return writeJSON(w, http.StatusCreated, ivrMenuBody{out})
}

// begin makes no other menu the first when this one was made it.
func begin(p ways.Plan, i int, first *bool) {
	if first == nil || !*first {
		return
	}
	for j := range p.Menus {
		p.Menus[j].Default = j == i
	}
}

func (a *API) updateIVRMenu(w http.ResponseWriter, q *request) error {
	tree, id, err := q.menu()
	if err != nil {
		return err
	}
	in, err := q.readMenu()
	if err != nil {
		return err
	}
	if err := in.look(a, q); err != nil {
		return err
	}
	var at int
	v, err := a.c.Menus.Edit(q.Context(), q.actor, tree, func(v *ways.IVR) error {
		if at, err = place(v.Draft, id); err != nil {
			return err
		}
		in.apply(&v.Draft.Menus[at])
		begin(v.Draft, at, in.Default)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrMenuBody{writeMenu(v.Draft.Menus[at])})
}

// deleteIVRMenu takes a menu out of the draft. Keys that lead to it stay: the
// check finds them.
func (a *API) deleteIVRMenu(w http.ResponseWriter, q *request) error {
	tree, id, err := q.menu()
	if err != nil {
		return err
	}
	_, err = a.c.Menus.Edit(q.Context(), q.actor, tree, func(v *ways.IVR) error {
		at, err := place(v.Draft, id)
		if err != nil {
			return err
		}
		if v.Draft.Menus[at].Default {
			return sotto.Fail(sotto.Conflict, "Calls begin with this menu. Make another menu the default first.")
		}
		v.Draft.Menus = slices.Delete(v.Draft.Menus, at, at+1)
		return nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
