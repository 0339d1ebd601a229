package api

import (
	"net/http"
	"strconv"

	"sotto"
	spoken "sotto/locales"
	ways "sotto/route"
)

// Zendesk's menus change under the callers. Ours are drafts until they are
// published, so what follows is ours: look at a draft, publish it, go back.

type (
	// finding is something wrong with a draft. Description is for people, in
	// the language of ?locale=, and names the menu and the key.
	finding struct {
		Level       string `json:"level"`
		Code        string `json:"code"`
		MenuID      *int64 `json:"menu_id"`
		RouteID     *int64 `json:"route_id"`
		Keypress    string `json:"keypress"`
		Description string `json:"description"`
	}
	findingsBody struct {
		Publishable bool      `json:"publishable"`
		Findings    []finding `json:"findings"`
	}
	publishedBody struct {
		Version  int64     `json:"version"`
		Findings []finding `json:"findings"`
		IVR      ivr       `json:"ivr"`
	}
	ivrVersion struct {
		Version     int64     `json:"version"`
		Live        bool      `json:"live"`
		PublishedAt *string   `json:"published_at"`
		Menus       []ivrMenu `json:"menus"`
	}
	ivrVersionsBody struct {
		Versions []ivrVersion `json:"versions"`
		paging
	}
)

// language is the one a client wants to be told in: ?locale=fr.
func (q *request) language() string {
	if l := q.param("locale"); spoken.Speaks(l) {
		return l
	}
	return spoken.Default
}

func (q *request) findings(all []ways.Finding) ([]finding, error) {
	words, err := spoken.Load()
	if err != nil {
		return nil, err
	}
	out := []finding{}
	for _, f := range all {
		key := f.Key
		if key == ways.NoKey {
			key = defaultKey
		}
		out = append(out, finding{string(f.Level), f.Code, orNull(f.Menu), orNull(f.Route), key, f.Say(words, q.language())})
	}
	return out, nil
}

// cannotPublish is the answer to menus with errors: each under the menu and
// the key it is about.
func (q *request) cannotPublish(all []ways.Finding) error {
	found, err := q.findings(all)
	if err != nil {
		return err
	}
	details := map[string][]fieldDetail{}
	for _, f := range found {
		if f.Level != string(ways.Error) {
			continue
		}
		at := "menus"
		if f.MenuID != nil {
			at += "." + strconv.FormatInt(*f.MenuID, 10)
		}
		if f.RouteID != nil {
			at += ".routes." + strconv.FormatInt(*f.RouteID, 10)
		}
		details[at] = append(details[at], fieldDetail{f.Description, f.Code})
	}
	return &refusal{status: http.StatusUnprocessableEntity, code: "RecordInvalid", say: "Record validation errors", details: details}
}

func (a *API) checkIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	all, err := a.c.Menus.Check(q.Context(), id)
	if err != nil {
		return err
	}
	found, err := q.findings(all)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, findingsBody{ways.OK(all), found})
}

func (a *API) publishIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	_, all, err := a.c.Menus.Publish(q.Context(), q.actor, id)
	return a.writePublished(w, q, id, all, err)
}

func (a *API) rollBackIVR(w http.ResponseWriter, q *request) error {
	id, err := q.menuID()
	if err != nil {
		return err
	}
	var in struct {
		Version number `json:"version"`
	}
	if err := q.read(&in); err != nil {
		return err
	}
	all, err := a.c.Menus.Rollback(q.Context(), q.actor, id, int64(in.Version))
	return a.writePublished(w, q, id, all, err)
}

// writePublished says what calls begin with from now on, or why not.
func (a *API) writePublished(w http.ResponseWriter, q *request, id sotto.MenuID, all []ways.Finding, err error) error {
	if err != nil {
		if len(all) > 0 && !ways.OK(all) {
			return q.cannotPublish(all)
		}
		return err
	}
	v, err := a.c.Menus.Get(q.Context(), id)
	if err != nil {
		return err
	}
	body := publishedBody{Version: v.Live}
	if body.IVR, err = a.ivr(q, v); err != nil {
		return err
	}
	if body.Findings, err = q.findings(all); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, body)
}

// listIVRVersions lists what was published, oldest first.
func (a *API) listIVRVersions(w http.ResponseWriter, q *request) error {
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
	all, err := a.c.Menus.Versions(q.Context(), id)
	if err != nil {
		return err
	}
	versions := make([]ivrVersion, len(all)) // they come newest first
	for i, one := range all {
		versions[len(all)-1-i] = ivrVersion{one.Number, one.Number == v.Live, stamp(one.PublishedAt), ivrMenus(one.Plan)}
	}
	rows, out, err := cutShort(p, versions, func(v ivrVersion) int64 { return v.Version })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ivrVersionsBody{append([]ivrVersion{}, rows...), q.paging(p, out)})
}
