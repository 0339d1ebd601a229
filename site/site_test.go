package site_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"sotto/site"
)

func TestHomeSpeaksTheReadersLanguage(t *testing.T) {
	s, err := site.New("127.0.0.1:5060", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, target, accept, want, not string }{
		{"English", "/", "", `<html lang="en">`, "fonctionne"},
		{"FrenchByBrowser", "/", "fr-FR,fr;q=0.9,en;q=0.8", `<html lang="fr">`, "is running"},
		{"FrenchByChoice", "/?lang=fr", "en", "Sotto fonctionne", "Where to go next"},
		{"EnglishByChoice", "/?lang=en", "fr", "Where to go next", "Et maintenant"},
		{"UnknownLanguage", "/?lang=<script>", "en", "Sotto is running", "<script>"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Accept-Language", tt.accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if b := w.Body.String(); w.Code != 200 || !strings.Contains(b, tt.want) || strings.Contains(b, tt.not) {
			t.Errorf("%s: %d, want %q and not %q in\n%s", tt.name, w.Code, tt.want, tt.not, b)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %q", tt.name, csp)
		}
	}
}

func TestEveryOtherPageIsNotFound(t *testing.T) {
	s, err := site.New("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/diary", nil))
	if w.Code != 404 {
		t.Errorf("GET /diary = %d", w.Code)
	}
}
