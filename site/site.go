// Package site is the desk's own pages: the one that says the desk runs and
// where to go next, and the telephone of agents, the only one that needs a
// script. Sign-in, privacy self-service and certificates will join them.
//
// It owns no table and shows nothing of a person.
package site

import (
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
)

//go:embed home.html
var homePage string

// words are the page's texts in one language.
type words struct {
	Lang, Other, OtherName, Languages      string
	Title, Lead, Next, CallUs, Number, SIP string
	API, Docs, Health                      string
}

// Site answers pages.
type Site struct {
	home *template.Template
	sip  string
	log  *slog.Logger
}

// New returns the pages; sip is where telephones reach the desk.
func New(sip string, log *slog.Logger) (*Site, error) {
	t, err := template.New("home").Parse(homePage)
	return &Site{t, sip, log}, err
}

// ServeHTTP answers "/" in the reader's language; every other path is not found.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if err := s.home.Execute(w, s.in(r)); err != nil {
		s.log.Debug("a page was not read to its end", "err", err)
	}
}

// in picks the language: ?lang=, else what the browser asks for first.
func (s *Site) in(r *http.Request) words {
	lang := r.URL.Query().Get("lang")
	if lang == "" && strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "fr") {
		lang = "fr"
	}
	if lang == "fr" {
		return words{
			Lang: "fr", Other: "en", OtherName: "English", SIP: s.sip,
			Title: "Sotto fonctionne", Lead: "Le service d’assistance téléphonique qui sait oublier.",
			Next: "Et maintenant", CallUs: "Appelez une ligne depuis un téléphone SIP :",
			Languages: "Langue", Number: "<numéro>",
			API: "API REST :", Docs: "description OpenAPI", Health: "État du service",
		}
	}
	return words{
		Lang: "en", Other: "fr", OtherName: "Français", SIP: s.sip,
		Title: "Sotto is running", Lead: "The voice support desk that can forget.",
		Next: "Where to go next", CallUs: "Call a line from a SIP telephone:",
		Languages: "Language", Number: "<number>",
		API: "REST API:", Docs: "OpenAPI description", Health: "Health of the service",
	}
}
