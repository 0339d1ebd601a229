package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sotto/account"
	"sotto/person"
)

func TestWhoIsNotSignedInIsToldNothing(t *testing.T) {
	d := sqlite(t)
	basic := func(name, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
	}
	tests := []struct {
		name, header string
		status       int
	}{
		{"BasicToken", basic("grace@desk.example/token", d.agent.token), 200},
		{"Bearer", "Bearer " + d.agent.token, 200},
		{"OtherAddress", basic("alan@desk.example/token", d.agent.token), 401},
		{"Password", basic("grace@desk.example", d.agent.token), 401},
		{"Nothing", "", 401},
		{"Nonsense", "Bearer nonsense", 401},
	}
	var refused string
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://desk.example/api/v2/users/me.json", nil)
			r.Header.Set("Authorization", tt.header)
			got := d.send(r).is(tt.status)
			if tt.status == 200 {
				return
			}
			if refused == "" {
				refused = string(got.raw)
			}
			if string(got.raw) != refused || got.at("error") != "Couldn't authenticate you" || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("answer %s %v", got.raw, got.header)
			}
		})
	}
	// Unknown paths and methods are not told to strangers either.
	for _, path := range []string{"/nowhere", "/users/1/nowhere"} {
		if got := d.ask(signedIn{}, "GET", path).is(401); string(got.raw) != refused {
			t.Errorf("%s: %s", path, got.raw)
		}
	}
}

func TestTooManyFailuresWait(t *testing.T) {
	d := sqlite(t)
	var last answer
	for range 30 {
		last = d.ask(signedIn{token: "nonsense"}, "GET", "/users/me")
	}
	if last.is(429).header.Get("Retry-After") != "6" || account.RetryAfter.Seconds() != 6 {
		t.Errorf("Retry-After = %q", last.header.Get("Retry-After"))
	}
}

func TestRateLimit(t *testing.T) {
	d := sqlite(t)
	c := d.c
	c.PerMinute = 3
	d.api = New(c)
	for left := 2; left >= 0; left-- {
		got := d.ask(d.agent, "GET", "/users/me").is(200)
		for name, want := range map[string]string{"X-Rate-Limit": "3", "X-Rate-Limit-Remaining": fmt.Sprint(left), "Ratelimit-Remaining": fmt.Sprint(left), "Ratelimit-Reset": "60"} {
			if got.header.Get(name) != want {
				t.Errorf("%s = %q, want %q", name, got.header.Get(name), want)
			}
		}
	}
	d.ms.Add(20_500)
	over := d.ask(d.agent, "GET", "/users/me").is(429)
	if over.header.Get("Retry-After") != "40" || over.at("error") != "APIRateLimitExceeded" {
		t.Errorf("Retry-After %q: %s", over.header.Get("Retry-After"), over.raw)
	}
	d.ask(d.admin, "GET", "/users/me").is(200) // each person on their own
	d.ms.Add(40_000)
	d.ask(d.agent, "GET", "/users/me").is(200)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	d := sqlite(t)
	tests := []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/nowhere.json", 404, "InvalidEndpoint"},
		{"GET", "/", 404, "InvalidEndpoint"},
		{"POST", "/POST.json", 404, "InvalidEndpoint"},
		{"DELETE", "/DELETE/greetings,3.json", 404, "InvalidEndpoint"},
		{"PATCH", "/users/1", 405, "MethodNotAllowed"},
		{"DELETE", "/audit_logs/1", 405, "MethodNotAllowed"},
		{"OPTIONS", "/users", 405, "MethodNotAllowed"},
		{"GET", "/users/0", 404, "RecordNotFound"},
		{"GET", "/users/-1", 404, "RecordNotFound"},
		{"GET", "/users/1%2Fidentities", 404, "RecordNotFound"},
		{"GET", "/users/999999999999999999999999", 404, "RecordNotFound"},
		{"GET", "/users/1.5", 404, "RecordNotFound"},
	}
	for _, tt := range tests {
		got := d.ask(d.agent, tt.method, tt.path)
		if got.status != tt.status || got.at("error") != tt.code {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, got.status, got.raw, tt.status, tt.code)
		}
		if tt.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
	}
}

func TestPathsInEverySpelling(t *testing.T) {
	d := sqlite(t)
	for _, path := range []string{"/users/me", "/users/me.json", "/users/me/", "/users/me.json/", "//users//me", "/api/v2/users/me.json", "/api/v2/api/v2/users/me", "/users/%6De"} {
		d.ask(d.agent, "GET", path).is(200)
	}
	if got := d.ask(signedIn{}, "GET", "/openapi.yaml").is(200); !strings.HasPrefix(string(got.raw), "openapi: 3.1") {
		t.Errorf("openapi.yaml begins %.20q", got.raw)
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	d := sqlite(t)
	seen := map[string]bool{}
	for _, a := range []answer{d.ask(d.agent, "GET", "/users/me"), d.ask(d.agent, "GET", "/nowhere"), d.ask(signedIn{}, "GET", "/users/me"), d.ask(d.agent, "DELETE", "/users/4711")} {
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Zendesk-Api-Version": "v2", "Access-Control-Allow-Origin": "", "Retry-After": "",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		id := a.header.Get("X-Request-Id")
		if len(id) != 16 || seen[id] {
			t.Errorf("X-Request-Id = %q", id)
		}
		seen[id] = true
	}
}

func TestPanicEndsOneRequestAlone(t *testing.T) {
	d := sqlite(t)
	name := "Wilhelmina Unlucky"
	d.api.mux.Handle("GET "+prefix+"/panic/{id}", endpoint{d.api, route{"GET", "/panic/{id}", staff, func(http.ResponseWriter, *request) error {
		panic("about " + name)
	}}})
	got := d.ask(d.agent, "GET", "/panic/4711").is(500).lacks(name, "panic")
	if got.at("error") != "InternalError" {
		t.Errorf("answer: %s", got.raw)
	}
	d.ask(d.agent, "GET", "/users/me").is(200)
	log := d.log.String()
	if !strings.Contains(log, "a request panicked") || !strings.Contains(log, "/panic/{id}") || strings.Contains(log, name) || strings.Contains(log, "4711") {
		t.Errorf("log: %s", log)
	}
}

func TestInternalErrorsSayNothing(t *testing.T) {
	d := sqlite(t)
	d.api.mux.Handle("GET "+prefix+"/broken", endpoint{d.api, route{"GET", "/broken", staff, func(http.ResponseWriter, *request) error {
		return fmt.Errorf("ticket.Get(9): SELECT broke at table person")
	}}})
	d.ask(d.agent, "GET", "/broken").is(500).lacks("select", "person", "ticket.get")
	if !strings.Contains(d.log.String(), "SELECT broke") {
		t.Error("the log does not say why")
	}
}

func TestLogHasPatternsAndNoPaths(t *testing.T) {
	d := sqlite(t)
	id := d.person(person.Draft{Name: "Ada Loggable", Emails: []string{"ada@loggable.example"}, Phones: []string{"+33199001234"}})
	d.ask(d.agent, "GET", fmt.Sprintf("/users/%d.json", id)).is(200)
	d.ask(d.agent, "GET", "/users/search?query=ada@loggable.example").is(200)
	d.ask(d.agent, "POST", "/users", `{"user":{"name":"Bob Loggable","email":"ada@loggable.example"}}`).is(422)
	d.ask(d.agent, "DELETE", "/uploads/secret-token").is(404)
	d.ask(d.agent, "GET", "/ada@loggable.example").is(404)
	log := d.log.String()
	for _, word := range []string{"oggable", "199001234", "secret-token", fmt.Sprint(int64(id)), d.agent.token, "desk.example"} {
		if strings.Contains(log, word) {
			t.Errorf("the log holds %q", word)
		}
	}
	if n := len(d.log.With("route=/users/{id}")); n != 1 {
		t.Errorf("%d lines with the route's pattern, want 1:\n%s", n, log)
	}
}

func TestManyAtOnce(t *testing.T) {
	d := sqlite(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 5 {
				r := httptest.NewRequest("POST", "http://desk.example/api/v2/users", strings.NewReader(fmt.Sprintf(`{"user":{"name":"Person %d","external_id":"same"}}`, i)))
				r.Header.Set("Authorization", "Bearer "+d.agent.token)
				w := httptest.NewRecorder()
				d.api.ServeHTTP(w, r)
				if w.Code != 201 && w.Code != 422 {
					t.Errorf("status = %d: %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
	if n := d.ask(d.agent, "GET", "/users/count").at("count.value"); n != 3.0 {
		t.Errorf("%v users, want 3: one external id is one person", n)
	}
}

func FuzzBodies(f *testing.F) {
	for _, seed := range []string{`{"user":{"name":"A"}}`, `{"ticket":{"comment":{"body":"x"},"assignee_id":null,"requester_id":"5"}}`, `{"user":{"external_id":1e400}}`, `[[[[`, `{"user":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		read := func(into any) {
			q := &request{Request: httptest.NewRequest("POST", "/", strings.NewReader(body))}
			if err := q.read(into); err != nil {
				if status, _ := describe(err, false); status < 400 || status >= 500 {
					t.Errorf("%q: %d %v", body, status, err)
				}
			}
		}
		var in struct {
			User   *userInput        `json:"user"`
			Ticket *ticketInput      `json:"ticket"`
			Line   *phoneNumberInput `json:"phone_number"`
		}
		read(&in)
	})
}

func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"/api/v2/users/1.json", "/api/v2/api/v2/tickets", "//", "/api/v2/../v2/users", "/api/v2/users/%2e%2e"} {
		f.Add(seed, "page%5Bsize%5D=3&filter[action][]=x")
	}
	a := &API{mux: http.NewServeMux()}
	for _, r := range a.routes() {
		a.mux.Handle(r.method+" "+prefix+r.path, endpoint{a, r})
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequest("GET", "http://desk.example/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		n := a.normal(r)
		h, pattern := a.mux.Handler(n)
		if _, ok := h.(endpoint); pattern != "" && !ok {
			t.Errorf("%q is redirected to %q", path, n.URL.Path)
		}
		q := &request{Request: n, base: baseOf(n, false)}
		if p, err := q.page(); err == nil && (p.size < 1 || p.size > maxPage || p.number < 1 || p.skip() >= maxOffset) {
			t.Errorf("%q: page %+v", query, p)
		}
		if _, err := q.auditFilter(); err != nil {
			if status, _ := describe(err, false); status != 400 {
				t.Errorf("%q: %d %v", query, status, err)
			}
		}
	})
}
