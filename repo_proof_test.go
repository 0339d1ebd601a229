package sotto_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sotto/obs/obstest"
)

// sleeps finds tests that wait for a time to pass. Inside synctest.Test the
// clock is the bubble's own and a sleep takes no time.
func sleeps(t *tree) []breach {
	var out []breach
	for _, s := range t.source {
		if !s.test() && !forTests(s.dir) {
			continue
		}
		var bubbles []ast.Node
		each(s, func(c *ast.CallExpr) {
			if s.called(c) == "testing/synctest.Test" {
				bubbles = append(bubbles, c)
			}
		})
		each(s, func(x *ast.SelectorExpr) {
			inside := slices.ContainsFunc(bubbles, func(b ast.Node) bool { return b.Pos() <= x.Pos() && x.End() <= b.End() })
			if s.used(x) == "time.Sleep" && !inside {
				out = append(out, breach{at: t.at(s, x.Pos()), what: "time.Sleep in a test: use testing/synctest, a channel, or a poll with a deadline"})
			}
		})
	}
	return out
}

func TestNoSleepInTests(t *testing.T) {
	holds(t, sleeps, nil, `
-- a/a.go --
package a
import "time"
func f() { time.Sleep(1) }
-- a/a_test.go --
package a
import ("time"; "testing/synctest")
func f() {
	time.Sleep(1)
	nap := time.Sleep
	synctest.Test(t, func(t *testing.T) { time.Sleep(1) })
}
-- a/atest/atest.go --
package atest
import "time"
func f() { time.Sleep(1) }
`,
		"a/a_test.go:4: time.Sleep in a test: use testing/synctest, a channel, or a poll with a deadline",
		"a/a_test.go:5: time.Sleep in a test: use testing/synctest, a channel, or a poll with a deadline",
		"a/atest/atest.go:3: time.Sleep in a test: use testing/synctest, a channel, or a poll with a deadline",
	)
}

var (
	issue  = regexp.MustCompile(`#\d+`)
	reason = regexp.MustCompile(`^\W*\S+\s+\S*[a-z]`) // two words at least, as "takes seconds"
)

// skips finds tests that are skipped and do not say why.
func skips(t *tree) []breach {
	var out []breach
	for _, s := range t.source {
		if !s.test() && !forTests(s.dir) {
			continue
		}
		each(s, func(c *ast.CallExpr) {
			x, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, x.Sel.Name) || s.used(x) != "" {
				return
			}
			if len(c.Args) > 0 {
				if text := literal(c.Args[0]); issue.MatchString(text) || reason.MatchString(text) {
					return
				}
			}
			out = append(out, breach{at: t.at(s, c.Pos()), what: "a skipped test says why, or names the issue that will mend it: t.Skip(\"#12: …\")"})
		})
	}
	return out
}

// literal returns the text of a string literal, "" for anything else.
func literal(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			text, err := strconv.Unquote(x.Value)
			if err == nil {
				return text
			}
		}
	case *ast.BinaryExpr:
		return literal(x.X) + literal(x.Y)
	}
	return ""
}

func TestSkipsNameAnIssueOrReason(t *testing.T) {
	holds(t, skips, nil, `
-- a/a_test.go --
package a
func f() {
	t.SkipNow()
	t.Skip()
	t.Skip("flaky")
	t.Skipf("%v", err)
	t.Skip("#12")
	t.Skip("this machine has no server")
	t.Run("Skip", nil)
}
`,
		`a/a_test.go:3: a skipped test says why, or names the issue that will mend it: t.Skip("#12: …")`,
		`a/a_test.go:4: a skipped test says why, or names the issue that will mend it: t.Skip("#12: …")`,
		`a/a_test.go:5: a skipped test says why, or names the issue that will mend it: t.Skip("#12: …")`,
		`a/a_test.go:6: a skipped test says why, or names the issue that will mend it: t.Skip("#12: …")`,
	)
}

var (
	todo      = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	issueTodo = regexp.MustCompile(`\bTODO\(#\d+\): \S`)
	nolint    = regexp.MustCompile(`nolint|lint:ignore`)
	goodLint  = regexp.MustCompile(`^//(nolint:[a-z0-9,]+ // (\S+ ){2,}\S|lint:ignore [A-Z]+\d+ (\S+ ){2,}\S)`)
)

// notes finds comments that put something off, or silence a linter, without
// saying for whom or why. In other languages than Go it reads whole lines.
func notes(t *tree) []breach {
	var out []breach
	check := func(at, line string) {
		if todo.MatchString(line) && !issueTodo.MatchString(line) {
			out = append(out, breach{at: at, what: "put off without an issue: TODO(#12): what is to be done"})
		}
	}
	for _, s := range t.source {
		for _, g := range s.Comments {
			for _, c := range g.List {
				check(t.at(s, c.Pos()), c.Text)
				if nolint.MatchString(c.Text) && strings.HasPrefix(strings.TrimLeft(c.Text, "/ "), "nolint") || strings.HasPrefix(c.Text, "//lint:") {
					if !goodLint.MatchString(c.Text) {
						out = append(out, breach{at: t.at(s, c.Pos()), what: "name the linter and the reason: //nolint:errcheck // why it is right here"})
					}
				}
			}
		}
	}
	other := func(p string) bool {
		return slices.Contains([]string{".sql", ".sh", ".ts", ".tsx", ".js", ".css", ".html", ".yaml", ".yml"}, path.Ext(p)) || path.Base(p) == "Makefile"
	}
	for _, p := range t.paths(other) {
		n := 0
		for line := range strings.Lines(t.texts[p]) {
			n++
			check(fmt.Sprintf("%s:%d", p, n), line)
		}
	}
	return out
}

func TestNotesNameAnIssueOrReason(t *testing.T) {
	holds(t, notes, nil, `
-- a/a.go --
package a
// TODO: some day
// TODO(#12): say so to the caller
// FIXME(#12): now
func f() {
	g() //nolint
	g() //nolint:errcheck
	g() //nolint:errcheck // a second close has nothing to say
	g() //lint:ignore SA1019
	_ = "TODO in a text is a text"
}
-- a/a.sql --
-- name: X
-- TODO an index
`,
		"a/a.go:2: put off without an issue: TODO(#12): what is to be done",
		"a/a.go:4: put off without an issue: TODO(#12): what is to be done",
		"a/a.go:6: name the linter and the reason: //nolint:errcheck // why it is right here",
		"a/a.go:7: name the linter and the reason: //nolint:errcheck // why it is right here",
		"a/a.go:9: name the linter and the reason: //nolint:errcheck // why it is right here",
		"a/a.sql:2: put off without an issue: TODO(#12): what is to be done",
	)
}

// clockOwners may ask the machine for the time, and why. Everywhere else a
// wall-clock time is injected.
func clockOwners() map[string]string {
	return map[string]string{
		"desk":  "passes it on",
		"cmd":   "passes it on",
		"leg":   "timers of signalling and audio: durations",
		"queue": "how long callers wait: durations",
	}
}

// wallClock finds uses of time.Now outside them. A time that is only measured
// from (time.Since, Sub), or the deadline of a connection, is a duration and
// may be had anywhere.
func wallClock(t *tree) []breach {
	var out []breach
	by, dirs := t.packages()
	for _, dir := range dirs {
		if slices.ContainsFunc(slices.Collect(maps.Keys(clockOwners())), func(o string) bool { return under(dir, o) }) {
			continue
		}
		measured, fields := measuredNames(by[dir]), structFields(by[dir])
		for _, s := range by[dir] {
			if s.proves() {
				continue
			}
			duration := durations(s, measured, fields)
			each(s, func(x *ast.SelectorExpr) {
				if s.used(x) == "time.Now" && !duration[x.Pos()] {
					out = append(out, breach{at: t.at(s, x.Pos()), key: s.path, what: "time.Now: the time is passed in (sotto.Clock, Tx.Now), so that a test can live years in a second"})
				}
			})
		}
	}
	return out
}

// measuredNames are the variables and fields that durations are measured from.
func measuredNames(files []*source) map[string]bool {
	out := map[string]bool{}
	note := func(x ast.Expr) {
		switch x := x.(type) {
		case *ast.Ident:
			out[x.Name] = true
		case *ast.SelectorExpr:
			out[x.Sel.Name] = true
		}
	}
	for _, s := range files {
		each(s, func(c *ast.CallExpr) {
			x, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || len(c.Args) != 1 {
				return
			}
			if u := s.used(x); u == "time.Since" || u == "time.Until" {
				note(c.Args[0])
			}
			if x.Sel.Name == "Sub" {
				note(c.Args[0])
				note(x.X)
			}
		})
	}
	return out
}

// structFields are the names of the fields of a package's structs.
func structFields(files []*source) map[string][]string {
	out := map[string][]string{}
	for _, s := range files {
		each(s, func(spec *ast.TypeSpec) {
			if x, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range x.Fields.List {
					if len(f.Names) == 0 {
						out[spec.Name.Name] = append(out[spec.Name.Name], "") // embedded
					}
					for _, id := range f.Names {
						out[spec.Name.Name] = append(out[spec.Name.Name], id.Name)
					}
				}
			}
		})
	}
	return out
}

// durations are the places in s where time.Now begins or bounds a measurement.
func durations(s *source, measured map[string]bool, fields map[string][]string) map[token.Pos]bool {
	out := map[token.Pos]bool{}
	name := func(x ast.Expr) string {
		switch x := x.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.SelectorExpr:
			return x.Sel.Name
		}
		return ""
	}
	note := func(to string, from ast.Expr) {
		c, ok := from.(*ast.CallExpr)
		if !ok || !measured[to] {
			return
		}
		if x, ok := c.Fun.(*ast.SelectorExpr); ok && x.Sel.Name == "Add" { // time.Now().Add(d)
			if c, ok = x.X.(*ast.CallExpr); !ok {
				return
			}
		}
		if s.called(c) == "time.Now" {
			out[c.Pos()] = true
		}
	}
	ast.Inspect(s.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i := range n.Lhs {
				if len(n.Rhs) == len(n.Lhs) {
					note(name(n.Lhs[i]), n.Rhs[i])
				}
			}
		case *ast.KeyValueExpr:
			note(name(n.Key), n.Value)
		case *ast.CompositeLit:
			f := fields[name(n.Type)]
			for i := range min(len(n.Elts), len(f)) {
				note(f[i], n.Elts[i])
			}
		case *ast.CallExpr:
			if x, ok := n.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(x.Sel.Name, "Set") && strings.HasSuffix(x.Sel.Name, "Deadline") {
				ast.Inspect(n, func(m ast.Node) bool {
					if y, ok := m.(*ast.SelectorExpr); ok && s.used(y) == "time.Now" {
						out[y.Pos()] = true
					}
					return true
				})
			}
		}
		return true
	})
	return out
}

func TestWallClockIsPassedIn(t *testing.T) {
	holds(t, wallClock, nil, `
-- a/a.go --
package a
import "time"
func f() {
	began := time.Now()
	_ = time.Since(began)
	r := run{began: time.Now(), at: time.Now()}
	conn.SetReadDeadline(time.Now().Add(5))
	until := time.Now().Add(5)
	_ = time.Until(until)
	p := pair{time.Now(), time.Now()}
	_ = time.Since(p.since)
	store(time.Now())
	clock := time.Now
}
type pair struct { at, since time.Time }
-- a/a_test.go --
package a
import "time"
func g() { store(time.Now()) }
-- desk/desk.go --
package desk
import "time"
func g() { store(time.Now()) }
`,
		"a/a.go:6: time.Now: the time is passed in (sotto.Clock, Tx.Now), so that a test can live years in a second",
		"a/a.go:10: time.Now: the time is passed in (sotto.Clock, Tx.Now), so that a test can live years in a second",
		"a/a.go:12: time.Now: the time is passed in (sotto.Clock, Tx.Now), so that a test can live years in a second",
		"a/a.go:13: time.Now: the time is passed in (sotto.Clock, Tx.Now), so that a test can live years in a second",
	)
}

// leaks finds packages that start goroutines and do not look, after their
// tests, whether all of them ended.
func leaks(t *tree) []breach {
	var out []breach
	by, dirs := t.packages()
	for _, dir := range dirs {
		var starts []string
		looks := false
		for _, s := range by[dir] {
			if s.test() {
				each(s, func(x *ast.SelectorExpr) { looks = looks || s.used(x) == "go.uber.org/goleak.VerifyTestMain" })
				continue
			}
			if s.proves() || under(s.dir, "cmd") { // a command's goroutines end with its process
				continue
			}
			each(s, func(g *ast.GoStmt) { starts = append(starts, t.at(s, g.Pos())) })
			each(s, func(c *ast.CallExpr) {
				if x, ok := c.Fun.(*ast.SelectorExpr); ok && x.Sel.Name == "Go" && len(c.Args) == 1 {
					starts = append(starts, t.at(s, c.Pos()))
				}
			})
		}
		if len(starts) > 0 && !looks {
			out = append(out, breach{at: dir, key: dir, what: "starts goroutines (" + starts[0] + ") and has no test that calls goleak.VerifyTestMain"})
		}
	}
	return out
}

func TestPackagesLookForLeakedGoroutines(t *testing.T) {
	holds(t, leaks, nil, `
-- a/a.go --
package a
func f() { go f() }
-- b/b.go --
package b
func f() { group.Go(f) }
-- b/b_test.go --
package b
import "go.uber.org/goleak"
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
-- c/c.go --
package c
func f() { f() }
`,
		"a: starts goroutines (a/a.go:2) and has no test that calls goleak.VerifyTestMain",
	)
}

// seeds finds fuzz tests that begin from nothing.
func seeds(t *tree) []breach {
	var out []breach
	for _, s := range t.source {
		if !s.test() {
			continue
		}
		for _, d := range s.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Fuzz") || f.Recv != nil {
				continue
			}
			folder := path.Join(s.dir, "testdata/fuzz", f.Name.Name) + "/"
			if len(t.paths(func(p string) bool { return strings.HasPrefix(p, folder) })) == 0 && !adds(f) {
				out = append(out, breach{at: t.at(s, f.Pos()), what: f.Name.Name + " has no seeds: f.Add them, or keep them in testdata/fuzz"})
			}
		}
	}
	return out
}

// adds reports whether a fuzz test adds seeds in its own body.
func adds(f *ast.FuncDecl) bool {
	found := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		x, ok := n.(*ast.SelectorExpr)
		found = found || ok && x.Sel.Name == "Add"
		return !found
	})
	return found
}

func TestFuzzTestsHaveSeeds(t *testing.T) {
	holds(t, seeds, nil, `
-- a/a_test.go --
package a
func FuzzBare(f *testing.F) { f.Fuzz(nil) }
func FuzzAdds(f *testing.F) { f.Add("x"); f.Fuzz(nil) }
func FuzzKept(f *testing.F) { f.Fuzz(nil) }
-- a/testdata/fuzz/FuzzKept/one --
go test fuzz v1
`,
		"a/a_test.go:2: FuzzBare has no seeds: f.Add them, or keep them in testdata/fuzz",
	)
}

// TestLogMessagesAreConstant asks obstest, which proves itself on its own
// planted files.
func TestLogMessagesAreConstant(t *testing.T) {
	planted := fstest.MapFS{"a/a.go": {Data: []byte("package a\nfunc f() { log.Info(name) }")}}
	got, err := obstest.Breaches(planted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/a.go:2: the message of a log line must be a string literal"}, got); diff != "" {
		t.Errorf("on planted files, -want +got:\n%s", diff)
	}
	found, err := obstest.Breaches(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range found {
		t.Error(b)
	}
}
