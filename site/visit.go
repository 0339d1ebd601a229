package site

import (
	"encoding/hex"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"sotto"
	"sotto/line"
	"sotto/locales"
	"sotto/route"
)

// visitStates are what the page of a web line can say about the call.
var visitStates = [...]string{"another", "asking", "changed", "closed", "connecting", "ended", "full", "insecure", "lost", "menu", "message",
	"muted", "nomic", "none", "noone", "recorded", "refused", "returning", "talking", "trouble", "unrecorded", "waiting", "withdrawn"}

// visitPage is the page of one web line in one language.
type visitPage struct {
	phonePage
	Line, Name string // the line's own name, and what people call it
	Words      line.Words
	Notice     string // SHA-256 of the words, in hexadecimal
	Keep       int    // days; 0 is not said
	Open       bool
	Message    bool // a voice message is all that can be left now
	Keys       []string
}

// Title is the page's heading.
func (p visitPage) Title() string { return p.words.Text(p.Lang, "visit.title", "line", p.Name) }

// Kept says how long a recording stays.
func (p visitPage) Kept() string {
	return p.words.Text(p.Lang, "visit.keep", "days", strconv.Itoa(p.Keep))
}

// Key names a key for those who do not see it.
func (p visitPage) Key(k string) string { return p.words.Text(p.Lang, "visit.key", "key", k) }

// States are the texts that the script shows, by name.
func (p visitPage) States() map[string]string {
	all := map[string]string{}
	for _, s := range visitStates {
		all[s] = p.T("visit.state." + s)
	}
	return all
}

// Visit returns the pages GET /call/{line}, where anybody calls a web line
// without an account. A line that is no web line is not found; the page says
// nothing else about the desk.
func (s *Site) Visit(lines *line.Lines, clock sotto.Clock) (http.Handler, error) {
	words, err := locales.Load()
	if err != nil {
		return nil, err
	}
	pages, err := template.ParseFS(phoneFiles, "phone/visit.html", "phone/nobody.html")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		base := phoneIn(r, words)
		phoneHeaders(w.Header(), "text/html; charset=utf-8")
		w.Header().Set("Vary", "Accept-Language")
		l, err := lines.Page(r.Context(), r.PathValue("line"))
		switch {
		case sotto.KindOf(err) == sotto.NotFound:
			w.WriteHeader(http.StatusNotFound)
			err = pages.ExecuteTemplate(w, "nobody.html", base)
		case err != nil:
			s.log.Error("the page of a web line cannot be shown", "err", err)
			http.Error(w, "The page cannot be shown now. Try again in a minute.", http.StatusServiceUnavailable)
			return
		default:
			err = pages.ExecuteTemplate(w, "visit.html", visitOf(base, l, lines, clock()))
		}
		if err != nil {
			s.log.Debug("a page was not read to its end", "err", err)
		}
	}), nil
}

// visitOf fills the page of a line.
func visitOf(base phonePage, l line.Line, lines *line.Lines, now time.Time) visitPage {
	p := visitPage{phonePage: base, Line: l.Number, Name: l.Brand, Words: lines.Words(l.Consent, base.Lang)}
	if p.Name == "" {
		p.Name = l.Name
	}
	p.Notice = hex.EncodeToString(p.Words.SHA256[:])
	if l.Consent != line.Never {
		p.Keep = l.KeepCallDays
	}
	to := route.Follow(l, now)
	p.Message = to.Kind == route.Voicemail
	p.Open = to.Kind != route.Closed
	if l.Menu != 0 && to.InHours { // a menu may lead anywhere
		p.Open, p.Message = true, false
	}
	p.Keys = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"}
	return p
}
