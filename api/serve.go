package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sotto"
	"sotto/account"
	"sotto/obs"
)

// exchange is one request and its answer. It belongs to one goroutine.
type exchange struct {
	http.ResponseWriter
	id     string // x-request-id
	route  string // the pattern, never the path; "" when there is none
	actor  sotto.Actor
	handle *route // nil when there is no such operation
	status int    // 0 until something was sent
	sent   int64
	err    error
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(b)
	x.sent += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController through.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// endpoint is one operation in the mux.
type endpoint struct {
	a *API
	r route
}

// ServeHTTP runs the operation. w is always an exchange.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.err = e.r.handle(x, &request{Request: r, actor: x.actor, base: baseOf(r, e.a.c.TrustProxy)})
}

// ServeHTTP answers one request: it finds the operation, who asks, whether
// they may and not too often, and lets the operation answer. A panic ends this
// request alone.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{ResponseWriter: w, id: newID()}
	defer func() { a.note(x, r.Method, time.Since(began)) }()
	defer a.problem(x)
	defer func() {
		if p := recover(); p != nil {
			x.err = obs.Recovered(p)
		}
	}()
	setHeaders(w.Header(), x.id)
	x.err = a.answer(x, a.normal(r))
}

func (a *API) answer(x *exchange, r *http.Request) error {
	handler, pattern := a.mux.Handler(r)
	if e, ok := handler.(endpoint); ok {
		x.handle, x.route = &e.r, e.r.path
	}
	if x.handle == nil || x.handle.who != anyone {
		if err := a.admit(x, r); err != nil {
			return err
		}
	}
	if x.handle == nil {
		return noSuchOperation(x, handler, pattern, r)
	}
	if baseOf(r, a.c.TrustProxy) == "" {
		return badRequest("BadRequest", "The Host header is missing or is no host.")
	}
	a.mux.ServeHTTP(x, r)
	return x.err
}

// admit finds out who asks and whether they may.
func (a *API) admit(x *exchange, r *http.Request) (err error) {
	if x.actor, err = a.c.Accounts.Authenticate(r.Context(), r); err != nil {
		switch sotto.KindOf(err) {
		case sotto.Denied:
			return errUnknown
		case sotto.Busy:
			return tooMany(account.RetryAfter)
		}
		return err
	}
	left, reset, ok := a.rates.take(x.actor.Person, a.c.Clock())
	setRate(x.Header(), a.rates.most, left, reset)
	if !ok {
		return tooMany(reset)
	}
	switch {
	case x.handle == nil:
	case x.handle.who == admin && !x.actor.IsAdmin():
		return sotto.Fail(sotto.Denied, "Only an administrator may do this.")
	case x.handle.who == lead && !x.actor.IsSupervisor():
		return sotto.Fail(sotto.Denied, "Only team leads and administrators may do this.")
	}
	return nil
}

// noSuchOperation tells an unknown path from a known one with another method.
func noSuchOperation(x *exchange, handler http.Handler, pattern string, r *http.Request) error {
	p := &probe{header: http.Header{}}
	if pattern == "" {
		handler.ServeHTTP(p, r) // the mux's own: 404, or 405 with Allow
	}
	if p.status != http.StatusMethodNotAllowed {
		return &refusal{status: http.StatusNotFound, code: "InvalidEndpoint", say: "Not found"}
	}
	x.Header().Set("Allow", p.header.Get("Allow"))
	return &refusal{status: http.StatusMethodNotAllowed, code: "MethodNotAllowed", say: "This path does not know this method; the Allow header says which it knows."}
}

// probe keeps what the mux would answer.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// otherSpellings are paths as some programs have them.
func otherSpellings() map[string]string {
	const voice = "/channels/voice"
	return map[string]string{voice + "/ivrs": ivrPath, voice + "/greeting_category": voice + "/greeting_categories"}
}

// normal brings the path into the one form the routes have: programs add
// .json, a trailing slash, or the prefix twice.
func (a *API) normal(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a shallow copy
	u := *r.URL
	u.RawPath = ""
	u.Path = strings.TrimSuffix(path.Clean("/"+u.Path), ".json")
	for strings.HasPrefix(u.Path, prefix+prefix+"/") {
		u.Path = strings.TrimPrefix(u.Path, prefix)
	}
	for old, now := range otherSpellings() {
		if rest, ok := strings.CutPrefix(u.Path, prefix+old); ok && (rest == "" || rest[0] == '/') {
			u.Path = prefix + now + rest
		}
	}
	r.URL = &u
	if a.c.TrustProxy {
		if far := r.Header.Get("X-Forwarded-For"); far != "" {
			r.RemoteAddr = strings.TrimSpace(far[strings.LastIndexByte(far, ',')+1:])
		}
	}
	return r
}

var hostPattern = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// baseOf returns the base URL as the client wrote it, so that programs that
// compare links with it find them below it; "" when there is no host.
func baseOf(r *http.Request, trustProxy bool) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trustProxy {
		if p := r.Header.Get("X-Forwarded-Proto"); p == "https" || p == "http" {
			scheme = p
		}
		if h := r.Header.Get("X-Forwarded-Host"); h != "" {
			host = h
		}
	}
	if !hostPattern.MatchString(host) {
		return ""
	}
	return scheme + "://" + host + prefix
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return hex.EncodeToString(b[:])
}

// setHeaders sets what every answer has. Nothing may be kept by a cache, and
// no page may embed or read it: there is no cross-origin header on purpose.
func setHeaders(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Zendesk-Api-Version", "v2")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
}

// note writes the access log and counts. Only the route's pattern is written.
func (a *API) note(x *exchange, method string, took time.Duration) {
	pattern, status := x.route, strconv.Itoa(x.status)
	if pattern == "" {
		pattern, method = "none", "any"
	}
	a.c.Metrics.Requests.Add(1, pattern, method, status)
	a.c.Metrics.Seconds.Observe(took.Seconds(), pattern, method)
	if a.c.Log == nil {
		return
	}
	a.c.Log.Info("answered a request", "request", x.id, "method", method, "route", pattern, "status", x.status,
		"bytes", x.sent, "duration_ms", took.Milliseconds())
	if p, ok := errors.AsType[*obs.Panic](x.err); ok {
		a.c.Log.Error("a request panicked", "request", x.id, "route", pattern, "err", p, "stack", p.Stack)
	} else if x.err != nil && x.status >= http.StatusInternalServerError {
		a.c.Log.Error("a request failed", "request", x.id, "route", pattern, "err", x.err)
	}
}
