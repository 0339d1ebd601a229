package sotto_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The limits of size. Longer is allowed where a comment says why, as for a
// table or a switch over states: "// long: one table, read from top to end".
const (
	fileLines     = 500
	functionLines = 100
	packageFiles  = 15
)

var longReason = regexp.MustCompile(`(?m)^\s*(//|/\*|--|#) ?long: (\S+ ){2,}\S+`)

func sizes(t *tree) []breach {
	var out []breach
	code := func(p string) bool {
		return slices.Contains([]string{".go", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sh"}, path.Ext(p)) && !strings.Contains(p, "testdata/")
	}
	for _, p := range t.paths(code) {
		text := t.texts[p]
		if n := strings.Count(text, "\n"); n > fileLines && !longReason.MatchString(text) {
			out = append(out, breach{at: p, key: p, what: fmt.Sprintf("%d lines, at most %d: split it by what a reader looks for", n, fileLines)})
		}
	}
	count := map[string]int{}
	for _, s := range t.source {
		if !s.test() {
			count[s.dir]++
		}
		each(s, func(f *ast.FuncDecl) {
			from, to := t.set.Position(f.Pos()), t.set.Position(f.End())
			start := from.Offset
			if f.Doc != nil {
				start = t.set.Position(f.Doc.Pos()).Offset
			}
			if n := to.Line - from.Line + 1; n > functionLines && !longReason.MatchString(s.text[start:to.Offset]) {
				out = append(out, breach{at: t.at(s, f.Pos()), key: s.path + " " + f.Name.Name, what: fmt.Sprintf("%s has %d lines, at most %d", f.Name.Name, n, functionLines)})
			}
		})
	}
	_, dirs := t.packages()
	for _, dir := range dirs {
		if count[dir] > packageFiles && !under(dir, "cmd") { // a command has a file for each sub-command
			out = append(out, breach{at: dir, key: dir, what: fmt.Sprintf("%d files, at most %d", count[dir], packageFiles)})
		}
	}
	return out
}

func TestFileAndFunctionLimits(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	files := ""
	for i := range packageFiles + 1 {
		files += fmt.Sprintf("-- many/f%d.go --\npackage many\n", i)
	}
	holds(t, sizes, exceptions{
		"api":       "a file for each resource",
		"flow":      "the two pages of the journey, and a file for each step that takes more than one line; they share the call's goroutine",
		"leg/media": "input and output are written twice, for Linux and for the rest, and each way that audio comes has a file",
		"leg/sip":   "a file for each extension of the protocol; they share the call's actor",
	}, files+`
-- a/a.go --
package a
func short() {`+lines(98)+`}
func long() {`+lines(100)+`}
func excused() {
// long: one table, read from top to end`+lines(100)+`}
func unexcused() { // long: table`+lines(100)+`}
-- a/b.go --
package a`+lines(501)+`
-- a/c.go --
// long: the messages of a torture test
package a`+lines(501)+`
-- web/app.tsx --
`+lines(501)+`
`,
		"a/b.go: 502 lines, at most 500: split it by what a reader looks for",
		"web/app.tsx: 502 lines, at most 500: split it by what a reader looks for",
		"a/a.go:101: long has 101 lines, at most 100",
		"a/a.go:304: unexcused has 101 lines, at most 100",
		"many: 16 files, at most 15",
	)
}

func packageComments(t *tree) []breach {
	var out []breach
	by, dirs := t.packages()
	for _, dir := range dirs {
		var at, builds []string
		var name string
		for _, s := range by[dir] {
			if s.test() {
				continue
			}
			name = s.Name.Name
			if s.Doc == nil {
				continue
			}
			at, builds = append(at, s.path), append(builds, buildOf(s))
			start := "Package " + name + " "
			if name == "main" {
				start = "Command " + path.Base(dir) + " "
			}
			if !strings.HasPrefix(s.Doc.Text(), start) {
				out = append(out, breach{at: s.path, what: fmt.Sprintf("the package comment must begin with %q", strings.TrimSpace(start))})
			}
		}
		switch {
		case name == "" || len(at) == 1:
		case len(at) == 2 && (builds[0] == "!"+builds[1] || builds[1] == "!"+builds[0]): // never built together
		case len(at) == 0:
			out = append(out, breach{at: dir, what: "no package comment: say what it is for, what it owns, who calls it, what it never does"})
		default:
			out = append(out, breach{at: dir, what: "more than one package comment: " + strings.Join(at, ", ")})
		}
	}
	return out
}

// buildOf returns the condition of a file's build, "" for none.
func buildOf(s *source) string {
	for line := range strings.Lines(s.text[:int(s.Package-s.FileStart)]) {
		if c, ok := strings.CutPrefix(line, "//go:build "); ok {
			return strings.TrimSpace(c)
		}
	}
	return ""
}

func TestPackagesAreDocumented(t *testing.T) {
	holds(t, packageComments, nil, `
-- a/a.go --
package a
-- b/b.go --
// Package b is b.
package b
-- b/c.go --
// Package b is also c.
package b
-- c/c_linux.go --
//go:build linux

// Package c is c.
package c
-- c/c_other.go --
//go:build !linux

// Package c is c.
package c
-- cmd/x/main.go --
// Package main does x.
package main
-- cmd/y/main.go --
// Command y does y.
package main
-- onlytests/a_test.go --
package onlytests
`,
		"a: no package comment: say what it is for, what it owns, who calls it, what it never does",
		"b: more than one package comment: b/b.go, b/c.go",
		`cmd/x/main.go: the package comment must begin with "Command x"`,
	)
}

func exportedComments(t *tree) []breach {
	var out []breach
	for _, s := range t.source {
		if s.test() || s.Name.Name == "main" {
			continue
		}
		lacks := func(id *ast.Ident, what string, docs ...*ast.CommentGroup) {
			for _, d := range docs {
				if d != nil && len(d.Text()) > 0 {
					return
				}
			}
			if id.IsExported() {
				out = append(out, breach{at: t.at(s, id.Pos()), key: s.dir + "." + id.Name, what: what + " " + id.Name + " has no comment: say what its name does not"})
			}
		}
		for _, d := range s.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil || ast.IsExported(receiver(d)) {
					lacks(d.Name, "func", d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						lacks(spec.Name, "type", spec.Doc, d.Doc)
						methodComments(spec, lacks)
					case *ast.ValueSpec:
						for _, id := range spec.Names {
							lacks(id, d.Tok.String(), spec.Doc, spec.Comment, d.Doc)
						}
					}
				}
			}
		}
	}
	return out
}

// methodComments looks at the methods of an exported interface. The comment of
// an interface of one method speaks of that method.
func methodComments(spec *ast.TypeSpec, lacks func(*ast.Ident, string, ...*ast.CommentGroup)) {
	i, ok := spec.Type.(*ast.InterfaceType)
	if !ok || !spec.Name.IsExported() || i.Methods.NumFields() == 1 {
		return
	}
	for _, m := range i.Methods.List {
		for _, id := range m.Names {
			lacks(id, "method", m.Doc, m.Comment)
		}
	}
}

// receiver returns the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	x := f.Recv.List[0].Type
	for {
		switch y := x.(type) {
		case *ast.StarExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.Ident:
			return y.Name
		default:
			return ""
		}
	}
}

func TestExportedNamesHaveComments(t *testing.T) {
	holds(t, exportedComments, nil, `
-- a/a.go --
package a
type Bare struct{}
// Told is told.
type Told struct{}
func (Told) Bare() {}
func (*Told) bare() {}
func (hidden) Bare() {}
func Func() {}
const Loose = 1
// The kinds.
const (
	First = iota
	Second
)
const (
	Naked = 1
	Dressed = 2 // in a coat
)
var Value = 1
// Leg is a leg.
type Leg interface {
	// Ring rings.
	Ring()
	Hang()
}
`,
		"a/a.go:2: type Bare has no comment: say what its name does not",
		"a/a.go:5: func Bare has no comment: say what its name does not",
		"a/a.go:8: func Func has no comment: say what its name does not",
		"a/a.go:9: const Loose has no comment: say what its name does not",
		"a/a.go:16: const Naked has no comment: say what its name does not",
		"a/a.go:19: var Value has no comment: say what its name does not",
		"a/a.go:24: method Hang has no comment: say what its name does not",
	)
}

// constants are the functions whose results may stand in a package variable:
// they are values that the language has no constant for.
func constants() []string {
	return strings.Fields(`errors.New regexp.MustCompile html/template.Must text/template.Must net/netip.MustParseAddr net/netip.MustParsePrefix
		time.Date strings.NewReplacer golang.org/x/text/language.MustParse golang.org/x/text/language.NewMatcher`)
}

func packageVariables(t *tree) []breach {
	var out []breach
	by, dirs := t.packages()
	for _, dir := range dirs {
		written := writtenNames(by[dir])
		for _, s := range by[dir] {
			if s.test() {
				continue
			}
			for _, d := range s.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
					out = append(out, breach{at: t.at(s, f.Pos()), what: "init runs where nobody asked for it: call a constructor"})
				}
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for i, id := range v.Names {
						if id.Name == "_" || embedded(g, v) || constant(s, v, i, written) {
							continue
						}
						out = append(out, breach{at: t.at(s, id.Pos()), key: dir + "." + id.Name, what: "package variable " + id.Name + ": state is a field of a value that is passed in"})
					}
				}
			}
		}
	}
	return out
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

// constant reports whether the i-th variable of v is one in name only: made
// of literals or by one of constants, and written by nobody in the package.
func constant(s *source, v *ast.ValueSpec, i int, written map[string]bool) bool {
	if len(v.Values) != len(v.Names) || written[v.Names[i].Name] {
		return false
	}
	switch x := v.Values[i].(type) {
	case *ast.CallExpr:
		return slices.Contains(constants(), s.called(x))
	case *ast.CompositeLit:
		// A table of an exported name could be written by any package.
		_, isMap := x.Type.(*ast.MapType)
		return !isMap || !v.Names[i].IsExported()
	}
	return false
}

// writtenNames are the names that a package's code assigns to, by element or
// as a whole, or takes the address of.
func writtenNames(files []*source) map[string]bool {
	out := map[string]bool{}
	note := func(x ast.Expr) {
		for {
			switch y := x.(type) {
			case *ast.IndexExpr:
				x = y.X
			case *ast.SelectorExpr:
				x = y.X
			case *ast.Ident:
				out[y.Name] = true
				return
			default:
				return
			}
		}
	}
	for _, s := range files {
		if s.test() {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, l := range n.Lhs {
						note(l)
					}
				}
			case *ast.IncDecStmt:
				note(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					note(n.X)
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
					note(n.Args[0])
				}
			}
			return true
		})
	}
	return out
}

func TestNoPackageVariables(t *testing.T) {
	holds(t, packageVariables, exceptions{
		"db/dbtest.count":    "tells databases of one test binary apart",
		"db/dbtest.migrated": "migrating once for each test binary instead of for each test",
	}, `
-- a/a.go --
package a
import ("errors"; "regexp"; "sync"; "time")
// ErrNone is none.
var ErrNone = errors.New("none")
var pattern = regexp.MustCompile("x")
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
var _ error = (*e)(nil)
//go:embed a.sql
var statements string
var (
	//go:embed b.sql
	more string
)
var table = map[string]int{"a": 1}
var filled = map[string]int{}
var Shared = map[string]int{}
var counter int
var mu sync.Mutex
var pointer = &e{}
var made = make(map[string]int)
var now = time.Now()
var sum = [2]int{1, 2}
func init() {}
func f() { filled["b"] = 2; sum[0]++; local := 1; local = table["a"] }
`,
		"a/a.go:15: package variable filled: state is a field of a value that is passed in",
		"a/a.go:16: package variable Shared: state is a field of a value that is passed in",
		"a/a.go:17: package variable counter: state is a field of a value that is passed in",
		"a/a.go:18: package variable mu: state is a field of a value that is passed in",
		"a/a.go:19: package variable pointer: state is a field of a value that is passed in",
		"a/a.go:20: package variable made: state is a field of a value that is passed in",
		"a/a.go:21: package variable now: state is a field of a value that is passed in",
		"a/a.go:22: package variable sum: state is a field of a value that is passed in",
		"a/a.go:23: init runs where nobody asked for it: call a constructor",
	)
}

// empty are names that say nothing, so that everything lands there, and names
// of patterns, which say how and not what.
func empty() []string {
	return strings.Fields(`util utils common helper helpers misc base shared model models type types lib core internal pkg
		service services manager managers handler handlers processor engine controller repository dao dto factory tools`)
}

var packageName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

func packageNames(t *tree) []breach {
	var out []breach
	by, dirs := t.packages()
	for _, dir := range dirs {
		name := strings.TrimSuffix(by[dir][0].Name.Name, "_test")
		for _, part := range strings.Split(dir, "/") {
			if slices.Contains(empty(), part) {
				out = append(out, breach{at: dir, what: fmt.Sprintf("%q says nothing: name it by what it is for", part)})
			}
		}
		switch {
		case name == "main" || dir == ".":
		case name != path.Base(dir):
			out = append(out, breach{at: dir, what: fmt.Sprintf("package %s does not have its folder's name", name)})
		case !packageName.MatchString(name):
			out = append(out, breach{at: dir, what: fmt.Sprintf("package %s: one lower-case word", name)})
		case slices.ContainsFunc(empty(), func(e string) bool { return len(e) > 6 && strings.HasSuffix(name, e) }):
			out = append(out, breach{at: dir, what: fmt.Sprintf("package %s: name it by what it is for, not by a pattern", name)})
		}
	}
	return out
}

func TestPackageNamesSaySomething(t *testing.T) {
	holds(t, packageNames, nil, `
-- queue/queue.go --
package queue
-- queueservice/q.go --
package queueservice
-- util/strings/s.go --
package strings
-- ticket_word/w.go --
package ticket_word
-- call/c.go --
package telephone
-- cmd/x/x.go --
package main
-- leg/leg_test.go --
package leg_test
`,
		"call: package telephone does not have its folder's name",
		"queueservice: package queueservice: name it by what it is for, not by a pattern",
		"ticket_word: package ticket_word: one lower-case word",
		`util/strings: "util" says nothing: name it by what it is for`,
	)
}
