package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/leg/media/audio"
	"sotto/line"
	spoken "sotto/locales"
)

type (
	greetingCategory struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	greetingCategoryBody struct {
		Category greetingCategory `json:"greeting_category"`
	}
	greetingCategoriesBody struct {
		Categories []greetingCategory `json:"greeting_categories"`
		paging
	}

	// greeting is a sound in Zendesk's shape; the members from Locale on are
	// ours. The id of a sound of the desk's own is a text.
	greeting struct {
		ID           json.RawMessage `json:"id"`
		Name         string          `json:"name"`
		CategoryID   int             `json:"category_id"`
		Default      bool            `json:"default"`
		DefaultLang  bool            `json:"default_lang"`
		Active       bool            `json:"active"`
		Pending      bool            `json:"pending"`
		AudioURL     *string         `json:"audio_url"`
		AudioName    *string         `json:"audio_name"`
		UploadID     *int64          `json:"upload_id"`
		NumberIDs    []int64         `json:"phone_number_ids"`
		IVRIDs       []int64         `json:"ivr_ids"`
		SubSettings  bool            `json:"has_sub_settings"`
		Locale       string          `json:"locale"`
		Milliseconds int64           `json:"duration_ms"`
		Text         *string         `json:"text"`
		Uses         []greetingUse   `json:"uses"`
		CreatedAt    *string         `json:"created_at"`
		UploadedBy   *int64          `json:"uploaded_by_id"`
	}
	greetingUse struct {
		NumberID int64  `json:"phone_number_id"`
		Hours    string `json:"hours"`
	}
	greetingBody struct {
		Greeting greeting `json:"greeting"`
	}
	greetingsBody struct {
		Greetings []greeting `json:"greetings"`
		paging
	}
)

const greetingsPath = "/channels/voice/greetings"

func (q *request) greeting(u line.Uploaded) greeting {
	id := strconv.FormatInt(u.ID, 10)
	g := greeting{
		ID: json.RawMessage(id), Name: u.Name, CategoryID: u.Category.ID(), Active: len(u.Uses) > 0, Pending: u.Pending, NumberIDs: []int64{}, IVRIDs: []int64{},
		Locale: u.Locale, Milliseconds: u.Duration.Milliseconds(), Uses: []greetingUse{}, CreatedAt: stamp(u.CreatedAt), UploadedBy: orNull(u.UploadedBy),
	}
	if !u.Pending {
		url, name := q.base+greetingsPath+"/"+id+"/recording.wav", "recording.wav"
		g.AudioURL, g.AudioName, g.UploadID = &url, &name, &u.ID
	}
	for _, use := range u.Uses {
		g.NumberIDs = append(g.NumberIDs, int64(use.Line))
		g.Uses = append(g.Uses, greetingUse{int64(use.Line), string(use.When)})
	}
	return g
}

// ownGreeting is a sound of the desk's own.
func (a *API) ownGreeting(q *request, c line.Category, locale string) greeting {
	id := line.DefaultID(c, locale)
	url, name, text := q.base+greetingsPath+"/"+id+"/recording.wav", "recording.wav", a.c.Lines.Text(c, locale)
	return greeting{
		ID: json.RawMessage(strconv.Quote(id)), Name: id, CategoryID: c.ID(), Default: true, DefaultLang: locale == spoken.Default, Active: true,
		AudioURL: &url, AudioName: &name, NumberIDs: []int64{}, IVRIDs: []int64{}, Locale: locale,
		Milliseconds: a.c.Lines.Own(c, locale).Clip.Duration().Milliseconds(), Text: wordOrNull(text), Uses: []greetingUse{},
	}
}

func (a *API) listGreetingCategories(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	var all []greetingCategory
	for id := 1; line.CategoryOf(id) != ""; id++ {
		all = append(all, greetingCategory{id, line.CategoryOf(id).Word()})
	}
	rows, out, err := cutShort(p, all, func(c greetingCategory) int64 { return int64(c.ID) })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingCategoriesBody{append([]greetingCategory{}, rows...), q.paging(p, out)})
}

func (a *API) showGreetingCategory(w http.ResponseWriter, q *request) error {
	id, err := q.number("category")
	if err != nil {
		return err
	}
	c := line.CategoryOf(int(min(id, 1<<20)))
	if c == "" {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	return writeJSON(w, http.StatusOK, greetingCategoryBody{greetingCategory{int(id), c.Word()}})
}

// listGreetings lists the sounds of administrators, and behind them the desk's
// own: those come on every page that is the last.
func (a *API) listGreetings(w http.ResponseWriter, q *request) error {
	p, err := q.page()
	if err != nil {
		return err
	}
	uploaded, err := a.c.Lines.Greetings(q.Context())
	if err != nil {
		return err
	}
	var all []greeting
	for id := 1; line.CategoryOf(id) != ""; id++ {
		for _, locale := range spoken.Languages() {
			all = append(all, a.ownGreeting(q, line.CategoryOf(id), locale))
		}
	}
	for _, u := range uploaded {
		all = append(all, q.greeting(u))
	}
	place := map[string]int64{} // the cursor is the place of the desk's own, and then the id
	for i, g := range all {
		if place[string(g.ID)] = int64(i + 1); !g.Default {
			place[string(g.ID)], _ = strconv.ParseInt(string(g.ID), 10, 64)
		}
	}
	rows, out, err := cutShort(p, all, func(g greeting) int64 { return place[string(g.ID)] })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingsBody{append([]greeting{}, rows...), q.paging(p, out)})
}

func (a *API) showGreeting(w http.ResponseWriter, q *request) error {
	if c, locale, ok := line.ParseDefaultID(q.PathValue("greeting")); ok {
		return writeJSON(w, http.StatusOK, greetingBody{a.ownGreeting(q, c, locale)})
	}
	id, err := q.number("greeting")
	if err != nil {
		return err
	}
	u, err := a.c.Lines.Greeting(q.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingBody{q.greeting(u)})
}

// playGreeting sends a sound as callers hear it, as WAV.
func (a *API) playGreeting(w http.ResponseWriter, q *request) (err error) {
	var s line.Sound
	if c, locale, ok := line.ParseDefaultID(q.PathValue("greeting")); ok {
		s = a.c.Lines.Own(c, locale)
	} else {
		id, err := q.number("greeting")
		if err != nil {
			return err
		}
		if s, err = a.c.Lines.Preview(q.Context(), id); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", saveAs("greeting.wav"))
	oneRange(q.Request)
	http.ServeContent(w, q.Request, "", time.Time{}, bytes.NewReader(s.Clip.WAV()))
	return nil
}

// createGreeting takes JSON, as Zendesk does, and makes a greeting that waits
// for its sound; or the sound itself, with the rest in the query.
func (a *API) createGreeting(w http.ResponseWriter, q *request) error {
	var in struct {
		CategoryID number `json:"category_id"`
		Name       string `json:"name"`
		Locale     string `json:"locale"`
	}
	var file []byte
	if kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type")); strings.HasPrefix(kind, "audio/") || kind == "application/ogg" {
		id, err := q.paramNumber("category_id")
		if err != nil {
			return err
		}
		in.CategoryID, in.Name, in.Locale = number(id), q.param("name"), q.param("locale")
		if file, err = q.sound(); err != nil {
			return err
		}
	} else {
		body := struct {
			Greeting any `json:"greeting"`
		}{&in}
		if err := q.read(&body); err != nil {
			return err
		}
	}
	if in.Locale == "" {
		in.Locale = spoken.Default
	}
	c := line.CategoryOf(int(min(in.CategoryID, 1<<20)))
	if c == "" {
		return sotto.FailField("category_id", "There is no such category. GET greeting_categories lists them.")
	}
	u, err := a.c.Lines.AddGreeting(q.Context(), q.actor, line.Draft{Category: c, Locale: in.Locale, Name: in.Name}, file)
	if err != nil {
		return err
	}
	w.Header().Set("Location", q.base+greetingsPath+"/"+strconv.FormatInt(u.ID, 10)+".json")
	return writeJSON(w, http.StatusCreated, greetingBody{q.greeting(u)})
}

// sound reads the body as a sound file.
func (q *request) sound() ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(nil, q.Body, audio.MaxBytes))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, sotto.FailField("file", "The file is too large. A sound is at most ten minutes.")
	}
	if err != nil {
		return nil, badRequest("InvalidBody", "The body did not arrive whole. Send it again.")
	}
	return b, nil
}

// uploadGreeting puts a sound on a greeting. One that has a sound is replaced
// by a new greeting: look at the id that comes back.
func (a *API) uploadGreeting(w http.ResponseWriter, q *request) error {
	id, err := q.number("greeting")
	if err != nil {
		return err
	}
	if _, err := a.c.Lines.Greeting(q.Context(), id); err != nil {
		return err
	}
	file, err := q.sound()
	if err != nil {
		return err
	}
	u, err := a.c.Lines.Upload(q.Context(), q.actor, id, file)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingBody{q.greeting(u)})
}

func (a *API) updateGreeting(w http.ResponseWriter, q *request) error {
	id, err := q.number("greeting")
	if err != nil {
		return err
	}
	in, err := readNamed[struct {
		Name string `json:"name"`
	}](q, "greeting")
	if err != nil {
		return err
	}
	u, err := a.c.Lines.RenameGreeting(q.Context(), q.actor, id, in.Name)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingBody{q.greeting(u)})
}

// deleteGreeting answers with what was removed, as Zendesk does.
func (a *API) deleteGreeting(w http.ResponseWriter, q *request) error {
	id, err := q.number("greeting")
	if err != nil {
		return err
	}
	u, err := a.c.Lines.RemoveGreeting(q.Context(), q.actor, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingBody{q.greeting(u)})
}

// useGreeting lets a line play a sound: at any hours, or with ?hours=open or
// closed only then.
func (a *API) useGreeting(w http.ResponseWriter, q *request) error {
	at, id, err := q.place()
	if err != nil {
		return err
	}
	u, err := a.c.Lines.UseGreeting(q.Context(), q.actor, id, at)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, greetingBody{q.greeting(u)})
}

func (a *API) stopGreeting(w http.ResponseWriter, q *request) error {
	at, id, err := q.place()
	if err != nil {
		return err
	}
	u, err := a.c.Lines.Greeting(q.Context(), id)
	if err != nil {
		return err
	}
	played := false
	for _, use := range u.Uses {
		played = played || use.Place == at
	}
	if !played {
		return sotto.Fail(sotto.NotFound, "Not found")
	}
	if err := a.c.Lines.StopGreeting(q.Context(), q.actor, at, u.Category, u.Locale); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// place reads the line, the hours and the greeting of a path.
func (q *request) place() (at line.Place, greeting int64, err error) {
	id, err := q.number("line")
	if err != nil {
		return at, 0, err
	}
	at = line.Place{Line: sotto.LineID(id), When: line.When(q.param("hours"))}
	if at.When == "" {
		at.When = line.AnyTime
	}
	greeting, err = q.number("greeting")
	return at, greeting, err
}
