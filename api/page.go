package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Pages come in both of Zendesk's ways: by cursor (page[size], page[after],
// page[before]) and by number (page, per_page). A list that says nothing is
// paged by number.

const (
	maxPage   = 100
	maxOffset = 10000 // rows; beyond it only cursors go
)

// page is which part of a list is wanted.
type page struct {
	byCursor      bool
	after, before string // cursors of the package that lists, "" for none
	size          int
	number        int // from 1; only without cursors
}

// skip is how many rows come before the page.
func (p page) skip() int {
	if p.byCursor {
		return 0
	}
	return (p.number - 1) * p.size
}

// page reads which part is wanted.
func (q *request) page() (p page, err error) {
	v := q.URL.Query()
	p = page{size: maxPage, number: 1}
	p.byCursor = v.Has("page[size]") || v.Has("page[after]") || v.Has("page[before]")
	if !p.byCursor {
		return q.pageByNumber(p)
	}
	if s := v.Get("page[size]"); s != "" {
		if p.size, err = strconv.Atoi(s); err != nil || p.size < 1 || p.size > maxPage {
			return p, badRequest("InvalidPaginationParameter", "page[size] must be a number from 1 to 100.")
		}
	}
	if p.after, err = readCursor(v.Get("page[after]")); err != nil {
		return p, err
	}
	if p.before, err = readCursor(v.Get("page[before]")); err != nil {
		return p, err
	}
	if p.after != "" && p.before != "" {
		return p, badRequest("InvalidPaginationParameter", "Give page[after] or page[before], not both.")
	}
	return p, nil
}

func (q *request) pageByNumber(p page) (page, error) {
	for name, to := range map[string]*int{"page": &p.number, "per_page": &p.size} {
		s := q.param(name)
		if s == "" || s == "0" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return p, badRequest("InvalidPaginationParameter", name+" must be a number from 1.")
		}
		*to = n
	}
	p.size = min(p.size, maxPage)
	if p.number > maxOffset || p.skip() >= maxOffset {
		return p, badRequest("InvalidPaginationParameter", "Page numbers end at 10,000 rows. Use page[size] and page[after].")
	}
	return p, nil
}

// readCursor opens a cursor of ours. What is in it is checked by the package
// that made it.
func readCursor(s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) > 64 {
		return "", badRequest("InvalidPaginationParameter", "This cursor is not one of ours. Start again without one.")
	}
	return string(b), nil
}

func writeCursor(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// The members a list ends with: one of the two.
type (
	paging struct {
		*cursorPaging
		*numberPaging
	}
	cursorPaging struct {
		Meta  pageMeta  `json:"meta"`
		Links pageLinks `json:"links"`
	}
	pageMeta struct {
		HasMore bool    `json:"has_more"`
		After   *string `json:"after_cursor"`
		Before  *string `json:"before_cursor"`
	}
	pageLinks struct {
		Next *string `json:"next"`
		Prev *string `json:"prev"`
	}
	numberPaging struct {
		Next     *string `json:"next_page"`
		Previous *string `json:"previous_page"`
		Count    int64   `json:"count"`
	}
)

// found is what a package returned for a page.
type found struct {
	first, last string // cursors of the page's ends; "" for an empty page
	more        bool   // there is something behind the page
	earlier     bool   // there is something in front of it
	total       int64  // on all pages; only needed without cursors
}

// paging returns the members that say how to go on.
func (q *request) paging(p page, f found) paging {
	if !p.byCursor {
		out := &numberPaging{Count: f.total}
		if int64(p.skip()+p.size) < f.total && p.skip()+p.size < maxOffset {
			out.Next = q.link("page", strconv.Itoa(p.number+1), "per_page", strconv.Itoa(p.size))
		}
		if p.number > 1 {
			out.Previous = q.link("page", strconv.Itoa(p.number-1), "per_page", strconv.Itoa(p.size))
		}
		return paging{numberPaging: out}
	}
	out := &cursorPaging{Meta: pageMeta{HasMore: f.more}}
	if f.last == "" {
		return paging{cursorPaging: out}
	}
	after, before := writeCursor(f.last), writeCursor(f.first)
	out.Meta.After, out.Meta.Before = &after, &before
	if f.more {
		out.Links.Next = q.link("page[after]", after, "page[size]", strconv.Itoa(p.size))
	}
	if f.earlier {
		out.Links.Prev = q.link("page[before]", before, "page[size]", strconv.Itoa(p.size))
	}
	return paging{cursorPaging: out}
}

// kept are the parameters a link to another page takes over. What somebody
// searched for is not among them: it may be a person's name, and URLs end in
// logs of others.
func kept(name string) bool {
	return name == "sort" || name == "sort_by" || name == "sort_order" || name == "role" || name == "role[]" ||
		(strings.HasPrefix(name, "filter[") && len(name) < 40)
}

// link returns the address of another page of the same list, below the very
// base URL the client used.
func (q *request) link(set ...string) *string {
	v := url.Values{}
	for name, values := range q.URL.Query() {
		if kept(name) {
			v[name] = values
		}
	}
	for i := 0; i+1 < len(set); i += 2 {
		v.Set(set[i], set[i+1])
	}
	s := q.base + strings.TrimPrefix(q.URL.EscapedPath(), prefix) + ".json?" + v.Encode()
	return &s
}

// cut takes off the one row more that was asked for to see whether there is
// more, and says what was found. id is the cursor of a row.
func cut[T any](p page, rows []T, id func(T) string) ([]T, found) {
	f := found{more: p.before != "", earlier: p.after != ""}
	if len(rows) > p.size {
		if p.before != "" {
			rows, f.earlier = rows[len(rows)-p.size:], true
		} else {
			rows, f.more = rows[:p.size], true
		}
	}
	if len(rows) > 0 {
		f.first, f.last = id(rows[0]), id(rows[len(rows)-1])
	}
	return rows, f
}

// cutShort is cut for lists that are short and come whole, in the order of
// rising ids.
func cutShort[T any](p page, all []T, id func(T) int64) ([]T, found, error) {
	total := int64(len(all))
	after, err := cursorID(p.after)
	if err != nil {
		return nil, found{}, err
	}
	before, err := cursorID(p.before)
	if err != nil {
		return nil, found{}, err
	}
	var rows []T
	for _, r := range all {
		if id(r) > after && (before == 0 || id(r) < before) {
			rows = append(rows, r)
		}
	}
	rows = rows[min(p.skip(), len(rows)):]
	if p.before == "" && len(rows) > p.size+1 {
		rows = rows[:p.size+1]
	}
	rows, f := cut(p, rows, func(r T) string { return strconv.FormatInt(id(r), 10) })
	f.total = total
	return rows, f, nil
}

// cursorID reads a cursor that is an id; 0 for none.
func cursorID(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, &refusal{status: http.StatusBadRequest, code: "InvalidPaginationParameter", say: "This cursor is not one of ours. Start again without one."}
	}
	return n, nil
}
