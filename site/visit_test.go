package site_test

import (
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/line"
	"sotto/site"
)

// visits serves the pages of web lines, at a time when no line has hours.
func visits(t *testing.T) (*line.Lines, http.Handler) {
	t.Helper()
	base := dbtest.Open(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: time.Now})
	blobs, err := blob.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := line.New(base, blobs, audit.New(base), "FR")
	if err != nil {
		t.Fatal(err)
	}
	s, err := site.New("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	visit, err := s.Visit(lines, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /call/{line}", visit)
	return lines, mux
}

func TestPageOfAWebLineObeysItsRuleAboutRecording(t *testing.T) {
	lines, web := visits(t)
	s := line.Defaults()
	s.Kind, s.Number, s.Name, s.Brand = line.Digital, "boutique", "inside name", `Chez <Zoé>`
	l, err := lines.Create(t.Context(), sotto.Operator(), s)
	if err != nil {
		t.Fatal(err)
	}
	phone := line.Defaults()
	phone.Number, phone.Name = "frontdesk", "A line of telephones"
	if _, err := lines.Create(t.Context(), sotto.Operator(), phone); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Language", "fr-FR,fr;q=0.9")
		web.ServeHTTP(w, r)
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if b := w.Body.String(); strings.Contains(b, "visit.") && strings.Contains(b, `"visit.`) || strings.Contains(b, "inside name") || strings.Contains(b, "<Zoé>") {
			t.Errorf("%s: a text is missing, or one that should not be there is:\n%s", path, b)
		}
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		mode line.Consent
		box  string // "" for none
		says string
	}{
		{line.Always, "", "Cet appel est enregistré."}, {line.Never, "", "n&#39;est pas enregistré"},
		{line.OptIn, "accepte que cet appel", "que si vous l&#39;acceptez"}, {line.OptOut, "Ne pas enregistrer", "sauf si vous refusez"},
	} {
		if _, err := lines.Update(t.Context(), sotto.Operator(), l.ID, func(s *line.Settings) error { s.Consent = c.mode; return nil }); err != nil {
			t.Fatal(err)
		}
		status, body := get("/call/boutique")
		words := lines.Words(c.mode, "fr")
		if status != 200 || !strings.Contains(body, c.says) || !strings.Contains(body, hex.EncodeToString(words.SHA256[:])) || !strings.Contains(body, "Appeler Chez &lt;Zoé&gt;") {
			t.Errorf("%s: %d\n%s", c.mode, status, body)
		}
		if has := strings.Contains(body, `type="checkbox"`); has != (c.box != "") || !strings.Contains(body, c.box) || strings.Contains(body, "checked") {
			t.Errorf("%s: the box is there: %v, or is ticked beforehand", c.mode, has)
		}
	}
	for path, want := range map[string]int{"/call/BOUTIQUE": 200, "/call/frontdesk": 404, "/call/nowhere": 404, "/call/+33199000001": 404, "/call/%00": 404} {
		if got, _ := get(path); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
}

func TestPageOfAClosedWebLineTakesAMessageOrSaysSo(t *testing.T) {
	lines, web := visits(t)
	s := line.Defaults()
	s.Kind, s.Number, s.Name = line.Digital, "boutique", "Boutique"
	now := time.Now().UTC()
	s.Hours.Spans = []line.Span{{Day: now.AddDate(0, 0, 3).Weekday(), Opens: 540, Closes: 600}}
	l, err := lines.Create(t.Context(), sotto.Operator(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, takes := range []bool{true, false} {
		if _, err := lines.Update(t.Context(), sotto.Operator(), l.ID, func(s *line.Settings) error { s.Voicemail = takes; return nil }); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		web.ServeHTTP(w, httptest.NewRequest("GET", "/call/boutique", nil))
		if b := w.Body.String(); !strings.Contains(b, "We are closed") || strings.Contains(b, "Leave a voice message</button>") != takes {
			t.Errorf("it takes messages: %v\n%s", takes, b)
		}
	}
}
