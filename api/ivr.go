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

const ivrPath = "/channels/voice/ivr"

// ivr is a tree of menus in Zendesk's shape: the draft. The members from
// LiveVersion on are ours: calls hear what was published, and nothing else.
type ivr struct {
	ID          int64     `json:"id"`
	URL         string    `json:"url"`
	Name        string    `json:"name"`
	Menus       []ivrMenu `json:"menus"`
	NumberIDs   []int64   `json:"phone_number_ids"`
	NumberNames []string  `json:"phone_number_names"`
	LiveVersion *int64    `json:"live_version"`
	CreatedAt   *string   `json:"created_at"`
	UpdatedAt   *string   `json:"updated_at"`
}

type (
	ivrBody struct {
		IVR ivr `json:"ivr"`
	}
	ivrsBody struct {
		IVRs []ivr `json:"ivrs"`
		paging
	}
)

// ivrInput is what a client may set on a tree. Menus, where they are given,
// are the whole draft.
type ivrInput struct {
	Name    *string         `json:"name"`
	Menus   *[]ivrMenuInput `json:"menus"`
	Numbers *[]number       `json:"phone_number_ids"`
}

// menuID reads the tree of the path.
func (q *request) menuID() (sotto.MenuID, error) {
	id, err := q.number("ivr")
	return sotto.MenuID(id), err
}

// ivr writes a tree with the lines that use it.
func (a *API) ivr(q *request, v ways.IVR) (ivr, error) {
	out := ivr{
		ID: int64(v.ID), URL: q.base + ivrPath + "/" + strconv.FormatInt(int64(v.ID), 10) + ".json", Name: v.Name, Menus: ivrMenus(v.Draft),
		NumberIDs: []int64{}, NumberNames: []string{}, LiveVersion: orNull(v.Live), CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.UpdatedAt),
	}
	lines, err := a.c.Lines.List(q.Context())
	for _, l := range lines {
		if l.Menu == v.ID {
			out.NumberIDs, out.NumberNames = append(out.NumberIDs, int64(l.ID)), append(out.NumberNames, l.Name)
		}
	}
	return out, err
}

func (a *API) writeIVR(w http.ResponseWriter, q *request, status int, v ways.IVR) error {
	out, err := a.ivr(q, v)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		w.Header().Set("Location", out.URL)
	}
	return writeJSON(w, status, ivrBody{out})
}

func (a *API) listIVRs(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	all, err := a.c.Menus.List(q.Context())
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(x, y ways.IVR) int { return int(x.ID - y.ID) })
	rows, out, err := cutShort(p, all, func(v ways.IVR) int64 { return int64(v.ID) })
	if err != nil {
		return err
	}
	body := ivrsBody{[]ivr{}, q.paging(p, out)}
	for _, v := range rows {
		one, err := a.ivr(q, v)
		if err != nil {
			return err
		}
		body.IVRs = append(body.IVRs, one)
	}
	return writeJSON(w, http.StatusOK, body)
}

func (a *API) showIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	v, err := a.c.Menus.Get(q.Context(), id)
	if err != nil {
		return err
	}
	return a.writeIVR(w, q, http.StatusOK, v)
}

// createIVR makes a draft. Without menus it has one, empty, that calls will
// begin with, as Zendesk's has.
func (a *API) createIVR(w http.ResponseWriter, q *request) error {
	in, err := readNamed[ivrInput](q, "ivr")
	if err != nil {
		return err
	}
	if err := a.hasLines(q, in.Numbers); err != nil {
		return err
	}
	words, err := spoken.Load()
	if err != nil {
		return err
	}
	p := ways.Plan{Menus: []ways.Menu{{Name: words.Text(q.language(), "menu.first"), Default: true}}}
	if in.Menus != nil {
		if p, err = a.plan(q, *in.Menus); err != nil {
			return err
		}
	}
	v, err := a.c.Menus.Create(q.Context(), q.actor, value(in.Name), p)
	if err != nil {
		return err
	}
	if err := a.useIVR(q, v.ID, in.Numbers); err != nil {
		return err
	}
	return a.writeIVR(w, q, http.StatusCreated, v)
}

// updateIVR changes the name, the draft and who uses the menus.
func (a *API) updateIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	in, err := readNamed[ivrInput](q, "ivr")
	if err != nil {
		return err
	}
	if err := a.hasLines(q, in.Numbers); err != nil {
		return err
	}
	var p ways.Plan
	if in.Menus != nil {
		if p, err = a.plan(q, *in.Menus); err != nil {
			return err
		}
	}
	v, err := a.c.Menus.Edit(q.Context(), q.actor, id, func(v *ways.IVR) error {
		give(&v.Name, in.Name)
		if in.Menus != nil {
			v.Draft = p
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.useIVR(q, id, in.Numbers); err != nil {
		return err
	}
	return a.writeIVR(w, q, http.StatusOK, v)
}

func (a *API) deleteIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	if err := a.c.Menus.Delete(q.Context(), q.actor, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// hasMenus refuses menus for a line that are not there.
func (a *API) hasMenus(q *request, in phoneNumberInput) error {
	if in.IVR.n == 0 {
		return nil
	}
	_, err := a.c.Menus.Get(q.Context(), sotto.MenuID(in.IVR.n))
	if sotto.KindOf(err) == sotto.NotFound {
		return sotto.FailField("ivr_id", "There are no such menus. GET ivr lists them.")
	}
	return err
}

// hasLines refuses ids that are no line's.
func (a *API) hasLines(q *request, numbers *[]number) error {
	if numbers == nil {
		return nil
	}
	lines, err := a.c.Lines.List(q.Context())
	if err != nil {
		return err
	}
	there := map[sotto.LineID]bool{}
	for _, l := range lines {
		there[l.ID] = true
	}
	for _, n := range *numbers {
		if !there[sotto.LineID(n)] {
			return sotto.FailField("phone_number_ids", "One of these lines is not there. GET phone_numbers lists them.")
		}
	}
	return nil
}

// useIVR lets these lines use the menus, and no others; nil leaves it as it
// is. The lines change one after the other: each change stands by itself.
func (a *API) useIVR(q *request, id sotto.MenuID, numbers *[]number) error {
	if numbers == nil {
		return nil
	}
	lines, err := a.c.Lines.List(q.Context())
	if err != nil {
		return err
	}
	for _, l := range lines {
		wanted := slices.Contains(*numbers, number(l.ID))
		if wanted == (l.Menu == id) {
			continue
		}
		_, err := a.c.Lines.Update(q.Context(), q.actor, l.ID, func(s *line.Settings) error {
			if s.Menu = 0; wanted {
				s.Menu = id
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
