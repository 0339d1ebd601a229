package site

import (
	"embed"
	"html/template"
	"net/http"
	"strings"

	"sotto/locales"
)

//go:embed phone
var phoneFiles embed.FS

// states are what the telephone's page can say about itself.
var states = [...]string{"connecting", "online", "ringing", "talking", "held", "muted",
	"denied", "busy", "replaced", "lost", "microphone", "trouble", "withheld"}

// phonePage is the telephone in one language.
type phonePage struct {
	Lang, Other, OtherName string
	words                  *locales.Texts
}

// T is a text of the page.
func (p phonePage) T(key string) string { return p.words.Text(p.Lang, key) }

// States are the texts that the script shows, by name.
func (p phonePage) States() map[string]string {
	all := map[string]string{}
	for _, s := range states {
		all[s] = p.T("phone.state." + s)
	}
	return all
}

// Phone returns the page where agents take calls, and the scripts and the
// style of that page and of Visit's.
// The page talks to the API and to the WebSocket of package leg/webrtc; it
// needs a script, and nothing from elsewhere.
func (s *Site) Phone() (http.Handler, error) {
	words, err := locales.Load()
	if err != nil {
		return nil, err
	}
	page, err := template.ParseFS(phoneFiles, "phone/phone.html")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /phone", func(w http.ResponseWriter, r *http.Request) {
		phoneHeaders(w.Header(), "text/html; charset=utf-8")
		if err := page.Execute(w, phoneIn(r, words)); err != nil {
			s.log.Debug("a page was not read to its end", "err", err)
		}
	})
	const script = "text/javascript; charset=utf-8"
	for name, kind := range map[string]string{"phone.js": script, "visit.js": script, "wire.js": script, "phone.css": "text/css; charset=utf-8"} {
		b, err := phoneFiles.ReadFile("phone/" + name)
		if err != nil {
			return nil, err
		}
		mux.HandleFunc("GET /phone/"+name, func(w http.ResponseWriter, _ *http.Request) {
			phoneHeaders(w.Header(), kind)
			_, _ = w.Write(b) // the reader is gone: nobody to tell
		})
	}
	return mux, nil
}

// phoneHeaders lets a page load what is ours and use the microphone, and
// nothing else.
func phoneHeaders(h http.Header, kind string) {
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // so that our own requests say where they come from
}

// phoneIn picks the language as the home page does.
func phoneIn(r *http.Request, words *locales.Texts) phonePage {
	lang := r.URL.Query().Get("lang")
	if lang == "" && strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "fr") {
		lang = "fr"
	}
	if lang == "fr" {
		return phonePage{Lang: "fr", Other: "en", OtherName: "English", words: words}
	}
	return phonePage{Lang: "en", Other: "fr", OtherName: "Français", words: words}
}
