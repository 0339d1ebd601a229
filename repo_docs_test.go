package sotto_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// entry is a line of docs/dependencies.md: `module`: a sentence.
var entry = regexp.MustCompile("(?m)^- `([^` ]+)`: (.+)$")

const dependencies = "docs/dependencies.md"

// explained compares the modules that the code imports, and those that make
// check runs, with docs/dependencies.md, both ways.
func explained(t *tree) []breach {
	var out []breach
	direct := map[string]string{} // module, and a place that needs it
	mods := modulesOf(t.texts["go.mod"])
	for _, s := range t.source {
		for _, p := range s.needs {
			if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
				continue // the standard library, or ours
			}
			if m := moduleOf(mods, p); m != "" {
				direct[m] = s.path
			} else {
				out = append(out, breach{at: s.path, what: "imports " + p + ", of no module that go.mod requires"})
			}
		}
	}
	if f, err := modfile.Parse("tools.mod", []byte(t.texts[".ci/tools.mod"]), nil); err == nil {
		mods := modulesOf(t.texts[".ci/tools.mod"])
		for _, tool := range f.Tool {
			direct[moduleOf(mods, tool.Path)] = ".ci/tools.mod"
		}
	}
	said := map[string]bool{}
	for _, m := range entry.FindAllStringSubmatch(t.texts[dependencies], -1) {
		said[m[1]] = true
		if _, ok := direct[m[1]]; !ok {
			out = append(out, breach{at: dependencies, what: m[1] + " is explained, and nothing imports it: remove its line"})
		}
		if strings.Count(m[2], " ") < 5 || !strings.HasSuffix(m[2], ".") {
			out = append(out, breach{at: dependencies, what: m[1] + ": say in a sentence what it does here and why it was chosen"})
		}
	}
	for _, m := range slices.Sorted(maps.Keys(direct)) {
		if !said[m] {
			out = append(out, breach{at: direct[m], what: "needs " + m + ", which " + dependencies + " does not explain: add a line"})
		}
	}
	return out
}

func modulesOf(text string) []string {
	f, err := modfile.Parse("go.mod", []byte(text), nil)
	if err != nil {
		return nil
	}
	var out []string
	for _, r := range f.Require {
		out = append(out, r.Mod.Path)
	}
	return out
}

func moduleOf(mods []string, p string) string {
	best := ""
	for _, m := range mods {
		if under(p, m) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

func TestDependenciesAreExplained(t *testing.T) {
	holds(t, explained, nil, `
-- go.mod --
module sotto
require (
	example.org/told v1.0.0
	example.org/untold/v2 v2.0.0 // indirect
	example.org/far v1.0.0 // indirect
)
-- .ci/tools.mod --
module sotto
tool example.org/lint/cmd/lint
require example.org/lint v1.0.0
-- a/a.go --
package a
import ("fmt"; "sotto/db"; "example.org/told/sub"; "example.org/untold/v2"; "example.org/gone")
-- docs/dependencies.md --
- `+"`example.org/told`"+`: it is told here because it is needed.
- `+"`example.org/far`"+`: it is told here but nobody needs it.
- `+"`example.org/lint`"+`: lints
`,
		"a/a.go: imports example.org/gone, of no module that go.mod requires",
		"docs/dependencies.md: example.org/far is explained, and nothing imports it: remove its line",
		"docs/dependencies.md: example.org/lint: say in a sentence what it does here and why it was chosen",
		"a/a.go: needs example.org/untold/v2, which docs/dependencies.md does not explain: add a line",
	)
}

var (
	makeCommand = regexp.MustCompile(`\bmake ([a-z][a-z-]*)`)
	codeSpan    = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`|(?m:^    [^\n]*)")
	target      = regexp.MustCompile(`(?m)^([a-z][a-z-]*):(.*)$`)
	subCommand  = regexp.MustCompile(`(?:^|[ /` + "`" + `])sotto((?: --[a-z-]+ \S+)*) ([a-z]+)`)
	kongCommand = regexp.MustCompile(`(?m)^\s*([A-Z]\w*)\s+\w+\s+` + "`" + `cmd:"`)
)

// commands finds `make X` and `sotto X` in the documents and messages that
// neither the Makefile nor cmd/sotto has, and targets that `make help` does
// not show.
func commands(t *tree) []breach {
	var out []breach
	has := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(t.texts["Makefile"], -1) {
		has[m[1]] = true
		if !strings.Contains(m[2], " ## ") {
			out = append(out, breach{at: "Makefile", what: m[1] + " is not explained: write \"" + m[1] + ": ## what it does\""})
		}
	}
	sub := map[string]bool{}
	for _, s := range t.source {
		if s.dir == "cmd/sotto" {
			for _, m := range kongCommand.FindAllStringSubmatch(s.text, -1) {
				sub[strings.ToLower(m[1])] = true
			}
		}
	}
	check := func(at, code string) {
		for _, m := range subCommand.FindAllStringSubmatch(code, -1) {
			if !sub[m[2]] {
				out = append(out, breach{at: at, what: "`sotto " + m[2] + "` is no command of cmd/sotto"})
			}
		}
		for _, m := range makeCommand.FindAllStringSubmatch(code, -1) {
			if !has[m[1]] {
				out = append(out, breach{at: at, what: "`make " + m[1] + "` is no command of the Makefile"})
			}
		}
	}
	for _, p := range t.paths(func(p string) bool { return path.Ext(p) == ".md" || p == ".ci/run" }) {
		text := t.texts[p]
		if p != ".ci/run" {
			text = strings.Join(codeSpan.FindAllString(text, -1), "\n")
		}
		check(p, text)
	}
	for _, s := range t.source {
		each(s, func(l *ast.BasicLit) {
			if !strings.HasPrefix(s.path, "repo_") {
				check(s.path, strings.Join(codeSpan.FindAllString(literal(l), -1), "\n"))
			}
		})
	}
	return out
}

func TestCommandsExist(t *testing.T) {
	holds(t, commands, nil, `
-- Makefile --
help: ## show this
run: build
-- cmd/sotto/main.go --
package main
type commands struct {
	Serve serveCmd `+"`cmd:\"\"`"+`
}
-- README.md --
Type `+"`make run`, then `make tea`"+`. They make nothing else. The package sotto is not meant.

    bin/sotto --data DIR serve
    bin/sotto brew
-- a/a.go --
package a
const hint = "`+"`make coffee`"+` starts a server; it may make sense"
`,
		`Makefile: run is not explained: write "run: ## what it does"`,
		"README.md: `sotto brew` is no command of cmd/sotto",
		"README.md: `make tea` is no command of the Makefile",
		"a/a.go: `make coffee` is no command of the Makefile",
	)
}

// foreign are words of one person's machine, or of the network that modules
// come through. They are put together here so that this file holds none.
func foreign() *regexp.Regexp {
	hosts := []string{"proxy" + `\.golang\.org`, "sum" + `\.golang\.org`, "registry" + `\.npmjs\.org`, "deb" + `\.debian\.org`, "go" + `proxy\.`}
	folders := []string{"work", "root", "home", "Users"}
	return regexp.MustCompile(`((?i:` + strings.Join(hosts, "|") + `))|(^|[\s"'=(` + "`" + `])/(` + strings.Join(folders, "|") + `)/`)
}

func foreignNames(t *tree) []breach {
	var out []breach
	bad := foreign()
	for _, p := range t.paths(func(string) bool { return true }) {
		n := 0
		for line := range strings.Lines(t.texts[p]) {
			n++
			if m := bad.FindString(line); m != "" {
				out = append(out, breach{at: fmt.Sprintf("%s:%d", p, n), key: p, what: fmt.Sprintf("%q belongs to one machine: leave it out", strings.TrimSpace(m))})
			}
		}
	}
	return out
}

func TestNoForeignNames(t *testing.T) {
	holds(t, foreignNames, nil, `
-- a/a.go --
package a
const dir = "/`+`work/main"
const fine = "https://desk.example/work/7 and framework/x"
-- docs/x.md --
See /`+`home/ada/notes, or proxy.`+`golang.org.
`,
		`a/a.go:2: "\"/`+`work/" belongs to one machine: leave it out`,
		`docs/x.md:1: "/`+`home/" belongs to one machine: leave it out`,
	)
}

var (
	praise = regexp.MustCompile(`(?i)\b(robust(ly|ness)?|blazing(ly)?|seamless(ly)?|simply|effortless(ly)?|cutting[- ]edge|world[- ]class|state[- ]of[- ]the[- ]art|battle[- ]tested|enterprise[- ]grade)\b`)
	emoji  = regexp.MustCompile(`[\x{1F300}-\x{1FAFF}\x{2728}\x{2705}\x{274C}]`)
)

// plainWords finds praise of ourselves, and pictures, in documents and comments.
func plainWords(t *tree) []breach {
	var out []breach
	check := func(at, text string) {
		for _, m := range append(praise.FindAllString(text, -1), emoji.FindAllString(text, -1)...) {
			out = append(out, breach{at: at, what: fmt.Sprintf("%q says nothing: leave it out, or give the figure", m)})
		}
	}
	for _, p := range t.paths(func(p string) bool { return path.Ext(p) == ".md" }) {
		check(p, t.texts[p])
	}
	for _, s := range t.source {
		for _, g := range s.Comments {
			check(t.at(s, g.Pos()), g.Text())
		}
	}
	return out
}

func TestPlainWords(t *testing.T) {
	holds(t, plainWords, nil, `
-- README.md --
A robust desk. `+"\U0001F680"+`
-- a/a.go --
// Package a simply works.
package a
const simply = "simply"
`,
		`README.md: "robust" says nothing: leave it out, or give the figure`,
		`README.md: "`+"\U0001F680"+`" says nothing: leave it out, or give the figure`,
		`a/a.go:1: "simply" says nothing: leave it out, or give the figure`,
	)
}

var link = regexp.MustCompile(`\]\(([^)#: ]+)(#[^)]*)?\)`)

// links finds links of documents to files that do not exist.
func links(t *tree) []breach {
	var out []breach
	for _, p := range t.paths(func(p string) bool { return path.Ext(p) == ".md" }) {
		for _, m := range link.FindAllStringSubmatch(t.texts[p], -1) {
			to := path.Join(path.Dir(p), m[1])
			isIt := func(q string) bool { return under(q, to) }
			if len(t.paths(isIt)) == 0 {
				out = append(out, breach{at: p, what: "links to " + m[1] + ", which does not exist"})
			}
		}
	}
	return out
}

func TestLinksLeadSomewhere(t *testing.T) {
	holds(t, links, nil, `
-- docs/a.md --
See [b](b.md), [the tests](../testdata), [gone](c.md#x) and [far](https://desk.example/c.md).
-- docs/b.md --
-- testdata/x --
`,
		"docs/a.md: links to c.md, which does not exist",
	)
}

var (
	tableRow  = regexp.MustCompile(`(?m)^\| ([^|]+) \|`)
	orderText = regexp.MustCompile(`(?m)^    (sotto → [^\n]*\n(?:    [^\n]*\n)*)`)
)

// architecture compares ARCHITECTURE.md with the packages there are, and with
// the reading order that TestImportOrder holds, which may be finer.
func architecture(t *tree) []breach {
	const file = "ARCHITECTURE.md"
	var out []breach
	text := t.texts[file]
	told := map[string]bool{}
	for _, m := range tableRow.FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			told[strings.TrimSpace(name)] = true
		}
	}
	_, dirs := t.packages()
	for _, dir := range dirs {
		top, _, _ := strings.Cut(dir, "/")
		if !told[top] && !strings.Contains(text, "`"+top+"` holds") && top != "." && !forTests(dir) && !isTool(dir) && top != "cmd" {
			out = append(out, breach{at: file, what: dir + " has no sentence in its table: say what it is for, and why it is no file of another package"})
		}
	}
	at, last, before := places(), -1, ""
	order := orderText.FindStringSubmatch(text)
	if order == nil {
		return append(out, breach{at: file, what: "does not show the reading order"})
	}
	for group := range strings.SplitSeq(order[1], "→") {
		highest := last
		for _, name := range strings.Fields(group) {
			i, ok := at[name]
			switch {
			case !ok:
				out = append(out, breach{at: file, what: name + " stands in its reading order and not in that of repo_imports_test.go"})
			case i < last:
				out = append(out, breach{at: file, what: fmt.Sprintf("%s stands after %s in its reading order, and before in that of repo_imports_test.go", name, before)})
			case i >= highest:
				highest = i
			}
		}
		if highest > last {
			last, before = highest, strings.TrimSpace(group)
		}
	}
	return out
}

func TestArchitectureNamesEveryPackage(t *testing.T) {
	holds(t, architecture, nil, `
-- ARCHITECTURE.md --
    sotto → catalogue → db person → call fax
      → audit

| package | in one sentence |
| --- | --- |
| call, db | two |
-- call/call.go --
package call
-- db/dbtest/dbtest.go --
package dbtest
-- person/person.go --
package person
`,
		"ARCHITECTURE.md: person has no sentence in its table: say what it is for, and why it is no file of another package",
		"ARCHITECTURE.md: fax stands in its reading order and not in that of repo_imports_test.go",
		"ARCHITECTURE.md: audit stands after call fax in its reading order, and before in that of repo_imports_test.go",
	)
}

// TestDepawareIsCurrent compares the list of every foreign package in the
// program with the packages that are in it, so that a new one is seen in
// review.
func TestDepawareIsCurrent(t *testing.T) {
	const list = "cmd/sotto/depaware.txt"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/sotto")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range depaware(strings.Fields(string(said)), strings.Fields(string(text))) {
		t.Error(b)
	}
	got := depaware([]string{"sotto/db", "a.org/kept", "a.org/new"}, []string{"a.org/kept", "a.org/old"})
	if len(got) != 2 {
		t.Errorf("planted: %v, want a.org/new and a.org/old", got)
	}
}

// depaware compares what is in the program with what is listed.
func depaware(has, listed []string) []breach {
	var out []breach
	const at = "cmd/sotto/depaware.txt"
	for _, p := range has {
		if !under(p, "sotto") && !slices.Contains(listed, p) {
			out = append(out, breach{at: at, what: p + " is in the program now: if it should be, make depaware"})
		}
	}
	for _, p := range listed {
		if !slices.Contains(has, p) {
			out = append(out, breach{at: at, what: p + " is in the program no more: make depaware"})
		}
	}
	return out
}

const (
	stories     = "docs/stories.md"
	storyFolder = "cmd/sotto/testdata/"
)

var (
	storyRow  = regexp.MustCompile(`(?m)^\| ([^*|].*?) \|(.*)\|$`)
	storyName = regexp.MustCompile("`([^`]+)`")
)

// tells finds rows of docs/stories.md that no story tells, and stories that
// stand in no row.
func tells(t *tree) []breach {
	var out []breach
	told := map[string]bool{}
	for _, row := range storyRow.FindAllStringSubmatch(t.texts[stories], -1) {
		names := storyName.FindAllStringSubmatch(row[2], -1)
		if len(names) == 0 && row[1] != "what" && row[1] != "---" {
			out = append(out, breach{at: stories, what: "no story tells \"" + row[1] + "\""})
		}
		for _, m := range names {
			told[m[1]] = true
			if _, ok := t.texts[storyFolder+m[1]+".txtar"]; !ok {
				out = append(out, breach{at: stories, what: "there is no story " + m[1]})
			}
		}
	}
	for _, p := range t.paths(func(p string) bool { return strings.HasPrefix(p, storyFolder) && path.Ext(p) == ".txtar" }) {
		if name := strings.TrimSuffix(path.Base(p), ".txtar"); !told[name] {
			out = append(out, breach{at: p, what: "no row of " + stories + " names this story: add what it tells"})
		}
	}
	return out
}

func TestEveryRowHasAStory(t *testing.T) {
	holds(t, tells, nil, `
-- docs/stories.md --
| what | told by |
|---|---|
| **A call** | |
| hold | `+"`agent-holds`"+` |
| mute | `+"`agent-mutes`"+`, `+"`agent-holds`"+` |
| swap | |
-- cmd/sotto/testdata/agent-holds.txtar --
# An agent puts a caller on hold.
-- cmd/sotto/testdata/agent-swaps.txtar --
# An agent swaps.
`,
		"docs/stories.md: there is no story agent-mutes",
		"docs/stories.md: no story tells \"swap\"",
		"cmd/sotto/testdata/agent-swaps.txtar: no row of docs/stories.md names this story: add what it tells",
	)
}
