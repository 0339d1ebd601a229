package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sotto"
)

// request is what an operation reads.
type request struct {
	*http.Request
	actor sotto.Actor
	base  string // "https://desk.example/api/v2"
}

// maxJSON bounds a JSON body: a comment has at most 64 kB.
const maxJSON = 1 << 20

// maxIDs is how many things one request may name.
const maxIDs = 100

// number reads an id of the path. What is no id names nothing.
func (q *request) number(name string) (int64, error) {
	n, err := strconv.ParseInt(q.PathValue(name), 10, 64)
	if err != nil || n < 1 {
		return 0, sotto.Fail(sotto.NotFound, "Not found")
	}
	return n, nil
}

// param returns a query parameter, also when its brackets were escaped.
func (q *request) param(name string) string { return q.URL.Query().Get(name) }

// paramNumber reads a number of the query; 0 when it is not there.
func (q *request) paramNumber(name string) (int64, error) {
	v := q.param(name)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return 0, badRequest("InvalidValue", name+" must be a number.")
	}
	return n, nil
}

// createdTime reads a time of filter[created_at]: RFC 3339, or a day. An empty
// one is the zero time.
func createdTime(v string) (time.Time, error) {
	if v == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 1900 && t.Year() < 10000 {
			return t, nil
		}
	}
	return time.Time{}, badRequest("InvalidValue", "filter[created_at] must be a time that exists, as 2027-03-01T09:00:00Z.")
}

// ids reads "ids=1,2,3". None at all is refused: a program that lost its list
// must not hit everybody.
func (q *request) ids() ([]int64, error) {
	all, err := q.list("ids")
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, s := range all {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return nil, badRequest("InvalidValue", "ids must be numbers with commas between them.")
		}
		out = append(out, n)
	}
	return out, nil
}

// list reads "name=a,b,c".
func (q *request) list(name string) (out []string, err error) {
	for _, part := range strings.Split(q.param(name), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	if len(out) == 0 {
		return nil, badRequest("ParameterMissing", "Say which: "+name+"=1,2,3.")
	}
	if len(out) > maxIDs {
		return nil, &refusal{status: http.StatusBadRequest, code: "TooManyValues", say: "Name at most 100 at a time.", most: maxIDs}
	}
	return out, nil
}

// read reads a JSON body into to. Members that to does not have are ignored:
// programs send back what they were given. A member of the wrong type is not.
func (q *request) read(to any) error {
	b, err := io.ReadAll(http.MaxBytesReader(nil, q.Body, maxJSON))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		return badRequest("InvalidBody", "The body did not arrive whole. Send it again.")
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return badRequest("InvalidBody", "The body is empty; JSON is expected.")
	}
	return parse("body", b, to)
}

// parse reads JSON that name stands for in what a client is told.
func parse(name string, b []byte, to any) error {
	err := json.Unmarshal(b, to)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return sotto.FailField(lastOf(name, wrong.Field), "This is a "+wrong.Value+", which does not belong here.")
	}
	if odd, ok := errors.AsType[*sotto.Error](err); ok {
		return odd
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badRequest("InvalidBody", "The body is not valid JSON: look at byte "+strconv.FormatInt(syntax.Offset, 10)+".")
	}
	if err != nil {
		return badRequest("InvalidBody", "The body is not valid JSON.")
	}
	return nil
}

// readNamed reads the object that a body such as {"user": {…}} holds. Some
// programs call it otherwise: the first of the names that is there counts.
func readNamed[T any](q *request, names ...string) (in T, err error) {
	var body map[string]json.RawMessage
	if err := q.read(&body); err != nil {
		return in, err
	}
	for _, name := range names {
		if raw, ok := body[name]; ok && string(raw) != "null" {
			return in, parse(name, raw, &in)
		}
	}
	return in, missing(names[0])
}

// lastOf returns the last name of a path such as "user.name", and name for
// none.
func lastOf(name, path string) string {
	if path == "" {
		return name
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func missing(name string) error {
	return badRequest("ParameterMissing", "The body needs an object named "+name+".")
}

// number is an id in a body: some programs send it as a text, and null is 0.
type number int64

// UnmarshalJSON reads 4711, "4711", "" and null.
func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 {
		return sotto.FailField("id", "An id is a whole number.")
	}
	*n = number(v)
	return nil
}

// text is a text in a body that some programs send as a number.
type text string

// UnmarshalJSON reads a text or a number; null is "".
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		s := string(b)
		if _, err := strconv.ParseFloat(s, 64); err != nil && s != "null" {
			return sotto.FailField("body", "A text was expected.")
		}
		*t = text(strings.TrimPrefix(s, "null"))
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// stamp writes a time as RFC 3339 in UTC; the zero time is null.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

// orNull writes an id; 0 is null.
func orNull[N ~int64](n N) *int64 {
	if n == 0 {
		return nil
	}
	v := int64(n)
	return &v
}

// wordOrNull writes a text; "" is null.
func wordOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
