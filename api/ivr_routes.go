package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sotto"
	ways "sotto/route"
)

// ivrRoute is where a key of a menu leads, in Zendesk's shape. Zendesk calls
// the way of those who press nothing "default"; "invalid" is ours.
type ivrRoute struct {
	ID         int64      `json:"id"`
	Keypress   string     `json:"keypress"`
	Greeting   *string    `json:"greeting"`
	Action     string     `json:"action"`
	Options    ivrOptions `json:"options"`
	OptionText *string    `json:"option_text"`
	Overflow   []ivrWay   `json:"overflow_options"`
}

type (
	ivrWay struct {
		Action  string     `json:"action"`
		Options ivrOptions `json:"options"`
	}
	ivrOptions struct {
		GroupIDs []int64 `json:"group_ids,omitempty"`
		SkillIDs []int64 `json:"skill_ids,omitempty"`
		MenuID   int64   `json:"menu_id,omitempty"`
		Number   string  `json:"phone_number,omitempty"`
		Text     string  `json:"sms_text,omitempty"`
		AgentID  int64   `json:"agent_id,omitempty"`
		Locale   string  `json:"locale,omitempty"`
	}
	ivrRouteBody struct {
		Route ivrRoute `json:"ivr_route"`
	}
	ivrRoutesBody struct {
		Routes []ivrRoute `json:"ivr_routes"`
		paging
	}
)

const defaultKey = "default" // Zendesk's word for ways.NoKey

func ivrRoutes(m ways.Menu) []ivrRoute {
	out := []ivrRoute{}
	for _, r := range m.Routes {
		out = append(out, writeRoute(r))
	}
	return out
}

func writeRoute(r ways.Route) ivrRoute {
	out := ivrRoute{
		ID: r.ID, Keypress: r.Keypress, Action: string(r.Action), Options: writeOptions(r.Options), OptionText: wordOrNull(r.OptionText), Overflow: []ivrWay{},
	}
	if r.Keypress == ways.NoKey {
		out.Keypress = defaultKey
	}
	if r.Action == ways.ToTextBack {
		out.Options.Text = r.OptionText
	}
	for _, o := range r.Overflow {
		out.Overflow = append(out.Overflow, ivrWay{string(o.Action), writeOptions(o.Options)})
	}
	return out
}

func writeOptions(o ways.Options) ivrOptions {
	out := ivrOptions{MenuID: o.MenuID, Number: o.Number, AgentID: int64(o.AgentID), Locale: o.Locale}
	for _, g := range o.GroupIDs {
		out.GroupIDs = append(out.GroupIDs, int64(g))
	}
	for _, k := range o.SkillIDs {
		out.SkillIDs = append(out.SkillIDs, int64(k))
	}
	return out
}

// ivrRouteInput is what a client may set on a key. ID counts only where a
// whole draft is given.
type ivrRouteInput struct {
	ID         number         `json:"id"`
	Keypress   *text          `json:"keypress"`
	Action     *string        `json:"action"`
	Options    *optionsInput  `json:"options"`
	OptionText *string        `json:"option_text"`
	Overflow   *[]ivrWayInput `json:"overflow_options"`
}

type (
	ivrWayInput struct {
		Action  string       `json:"action"`
		Options optionsInput `json:"options"`
	}
	optionsInput struct {
		GroupIDs []number `json:"group_ids"`
		SkillIDs []number `json:"skill_ids"`
		MenuID   number   `json:"menu_id"`
		Number   text     `json:"phone_number"`
		Text     *string  `json:"sms_text"`
		AgentID  number   `json:"agent_id"`
		Locale   string   `json:"locale"`
	}
)

func (q *request) readRoute() (ivrRouteInput, error) {
	return readNamed[ivrRouteInput](q, "ivr_route", "route")
}

// apply puts what was given on a key; package route checks it.
func (in ivrRouteInput) apply(r *ways.Route) {
	if in.Keypress != nil {
		if r.Keypress = string(*in.Keypress); r.Keypress == defaultKey {
			r.Keypress = ways.NoKey
		}
	}
	if in.Action != nil {
		r.Action = action(*in.Action)
	}
	give(&r.OptionText, in.OptionText)
	if in.Options != nil {
		r.Options = in.Options.read()
		give(&r.OptionText, in.Options.Text)
	}
	if in.Overflow == nil {
		return
	}
	r.Overflow = nil
	for _, o := range *in.Overflow {
		r.Overflow = append(r.Overflow, ways.Way{Action: action(o.Action), Options: o.Options.read()})
	}
}

// action reads an action in any of the spellings programs use.
func action(word string) ways.Action {
	word = strings.ReplaceAll(word, "-", "_")
	if word == "text_back" {
		word = string(ways.ToTextBack)
	}
	return ways.Action(word)
}

func (o optionsInput) read() ways.Options {
	out := ways.Options{MenuID: int64(o.MenuID), Number: string(o.Number), AgentID: sotto.PersonID(o.AgentID), Locale: o.Locale}
	for _, g := range o.GroupIDs {
		out.GroupIDs = append(out.GroupIDs, sotto.GroupID(g))
	}
	for _, k := range o.SkillIDs {
		out.SkillIDs = append(out.SkillIDs, sotto.SkillID(k))
	}
	return out
}

// placeOf is where the route of the path stands in its menu.
func (q *request) placeOf(m ways.Menu) (int, error) {
	id, err := q.number("route")
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(m.Routes, func(r ways.Route) bool { return r.ID == id })
	if i < 0 {
		return 0, sotto.Fail(sotto.NotFound, "Not found")
	}
	return i, nil
}

// readIVRMenu returns the menu of the path, of the draft.
func (a *API) readIVRMenu(q *request) (m ways.Menu, err error) {
	tree, id, err := q.menu()
	if err != nil {
		return m, err
	}
	v, err := a.c.Menus.Get(q.Context(), tree)
	if err != nil {
		return m, err
	}
	at, err := place(v.Draft, id)
	if err != nil {
		return m, err
	}
	return v.Draft.Menus[at], nil
}

// editIVRMenu changes the keys of the menu of the path, and returns the menu.
func (a *API) editIVRMenu(q *request, edit func(*ways.Menu) error) (m ways.Menu, err error) {
	tree, id, err := q.menu()
	if err != nil {
		return m, err
	}
	var at int
	v, err := a.c.Menus.Edit(q.Context(), q.actor, tree, func(v *ways.IVR) error {
		if at, err = place(v.Draft, id); err != nil {
			return err
		}
		return edit(&v.Draft.Menus[at])
	})
	if err != nil {
		return m, err
	}
	return v.Draft.Menus[at], nil
}

func (a *API) listIVRRoutes(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	m, err := a.readIVRMenu(q)
	if err != nil {
		return err
	}
	all := ivrRoutes(m)
	slices.SortFunc(all, func(x, y ivrRoute) int { return int(x.ID - y.ID) })
	rows, out, err := cutShort(p, all, func(r ivrRoute) int64 { return r.ID })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrRoutesBody{append([]ivrRoute{}, rows...), q.paging(p, out)})
}

func (a *API) showIVRRoute(w http.ResponseWriter, q *request) error {
	m, err := a.readIVRMenu(q)
	if err != nil {
		return err
	}
	at, err := q.placeOf(m)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrRouteBody{writeRoute(m.Routes[at])})
}

func (a *API) createIVRRoute(w http.ResponseWriter, q *request) error {
	in, err := q.readRoute()
	if err != nil {
		return err
	}
	m, err := a.editIVRMenu(q, func(m *ways.Menu) error {
		var r ways.Route
		in.apply(&r)
		if slices.ContainsFunc(m.Routes, func(o ways.Route) bool { return o.Keypress == r.Keypress }) {
			return &sotto.Error{Kind: sotto.Conflict, Field: "keypress", Say: "This key of the menu leads somewhere already. Change that route."}
		}
		m.Routes = append(m.Routes, r)
		return nil
	})
	if err != nil {
		return err
	}
	out := writeRoute(m.Routes[len(m.Routes)-1])
	w.Header().Set("Location", q.base+strings.TrimSuffix(strings.TrimPrefix(q.URL.Path, prefix), "/")+"/"+strconv.FormatInt(out.ID, 10)+".json")
	return writeJSON(w, http.StatusCreated, ivrRouteBody{out})
}

func (a *API) updateIVRRoute(w http.ResponseWriter, q *request) error {
	in, err := q.readRoute()
	if err != nil {
		return err
	}
	var at int
	m, err := a.editIVRMenu(q, func(m *ways.Menu) error {
		if at, err = q.placeOf(*m); err != nil {
			return err
		}
		in.apply(&m.Routes[at])
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrRouteBody{writeRoute(m.Routes[at])})
}

func (a *API) deleteIVRRoute(w http.ResponseWriter, q *request) error {
	_, err := a.editIVRMenu(q, func(m *ways.Menu) error {
		at, err := q.placeOf(*m)
		if err != nil {
			return err
		}
		m.Routes = slices.Delete(m.Routes, at, at+1)
		return nil
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
