package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"sotto"
)

// refusal is an error of this package's own, already in the client's words.
type refusal struct {
	status  int
	code    string
	say     string
	most    int // max_count, when more was asked for than is given at once
	details map[string][]fieldDetail
	after   time.Duration // Retry-After
}

// Error returns the code: the sentence is for the client.
func (r *refusal) Error() string { return r.code }

func badRequest(code, say string) error {
	return &refusal{status: http.StatusBadRequest, code: code, say: say}
}

func tooMany(after time.Duration) error {
	return &refusal{
		status: http.StatusTooManyRequests, code: "APIRateLimitExceeded", say: "Too many requests. Try again after the seconds in the Retry-After header.",
		after: after,
	}
}

// errUnknown is the one answer to everybody who did not prove who they are.
var errUnknown = errors.New("not authenticated")

// The shapes of an error. Zendesk has three; clients look for all of them.
type (
	plainProblem struct {
		Error       string                   `json:"error"`
		Description string                   `json:"description,omitempty"`
		Details     map[string][]fieldDetail `json:"details,omitempty"`
		MaxCount    int                      `json:"max_count,omitempty"`
	}
	titledProblem struct {
		Error titled `json:"error"`
	}
	titled struct {
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	fieldDetail struct {
		Description string `json:"description"`
		Error       string `json:"error"`
	}
)

// problem is the border: it turns what an operation failed with into what the
// client is told. Of an internal error only that there was one.
func (a *API) problem(x *exchange) {
	if x.err == nil {
		return
	}
	if x.status != 0 {
		return // the answer was under way: it ends short, and the log says why
	}
	status, body := describe(x.err, strings.HasPrefix(x.route, "/sotto/"))
	h := x.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "Content-Range", "Accept-Ranges", "Location"} {
		h.Del(name)
	}
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="Sotto", charset="UTF-8"`)
	}
	if r, ok := errors.AsType[*refusal](x.err); ok && r.after > 0 {
		h.Set("Retry-After", seconds(r.after)) // only on 429: clients take any answer that has it for one
	}
	_ = writeJSON(x, status, body) // the client may be gone; there is nobody left to tell
}

// describe is the table of kinds. ours is true below /sotto, where an erased
// person is Gone; in Zendesk's paths what is gone was never there.
func describe(err error, ours bool) (status int, body any) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status, plainProblem{Error: r.code, Description: r.say, Details: r.details, MaxCount: r.most}
	}
	if errors.Is(err, errUnknown) {
		return http.StatusUnauthorized, plainProblem{Error: "Couldn't authenticate you"}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLarge != nil {
		return http.StatusRequestEntityTooLarge, plainProblem{Error: "RequestEntityTooLarge", Description: "The request is too large."}
	}
	say, field := sotto.SayOf(err), sotto.FieldOf(err)
	switch sotto.KindOf(err) {
	case sotto.Invalid:
		return http.StatusUnprocessableEntity, invalid(field, say, "InvalidValue")
	case sotto.NotFound:
		return notFound()
	case sotto.Denied:
		return http.StatusForbidden, titledProblem{titled{"Forbidden", say}}
	case sotto.Conflict:
		if field != "" {
			return http.StatusUnprocessableEntity, invalid(field, say, "DuplicateValue")
		}
		return http.StatusConflict, plainProblem{Error: "Conflict", Description: say}
	case sotto.Gone:
		if ours {
			return http.StatusGone, plainProblem{Error: "Gone", Description: say}
		}
		return notFound()
	case sotto.Busy:
		return http.StatusServiceUnavailable, plainProblem{Error: "ServiceUnavailable", Description: say}
	case sotto.Peer:
		return http.StatusBadGateway, plainProblem{Error: "BadGateway", Description: say}
	}
	return http.StatusInternalServerError, plainProblem{Error: "InternalError", Description: say}
}

func notFound() (int, plainProblem) {
	return http.StatusNotFound, plainProblem{Error: "RecordNotFound", Description: "Not found"}
}

func invalid(field, say, code string) plainProblem {
	if field == "" {
		return plainProblem{Error: "RecordInvalid", Description: say}
	}
	return plainProblem{
		Error: "RecordInvalid", Description: "Record validation errors",
		Details: map[string][]fieldDetail{field: {{Description: say, Error: code}}},
	}
}

// writeJSON sends one JSON answer.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that went away is no error of ours
	return nil
}
