package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cite is one citation at one place.
type cite struct {
	text    string // "RFC 3261", "GDPR 17"
	section string // "17.2.1", "(3)(e)", "" for the whole
	place   string // "leg/sip/wire.go: send"
	line    int
	test    bool
}

var (
	standard = regexp.MustCompile(`\b(RFC \d+|ITU-T [A-Z]\.\d+|NIST SP \d+-\d+[A-Z]?|FIPS \d+|ISO \d+)(?: (\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)\b)?`)
	article  = regexp.MustCompile(`\b(GDPR \d+)((?:\(\w+\))*)`)
)

// scan reads the Go and SQL files below files: comments and strings of Go,
// everything of SQL.
func scan(files fs.FS) ([]cite, error) {
	var out []cite
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "node_modules", "testdata", "docs"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		ext := path.Ext(name)
		if ext != ".go" && ext != ".sql" {
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if ext == ".sql" {
			n := 0
			for line := range strings.Lines(string(text)) {
				n++
				out = append(out, find(line, cite{place: name, line: n})...)
			}
			return nil
		}
		more, err := scanGo(name, text)
		out = append(out, more...)
		return err
	})
	return out, err
}

func scanGo(name string, text []byte) ([]cite, error) {
	// The rules of the repository are written in files that plant breaches.
	if strings.HasPrefix(name, "repo_") {
		return nil, nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out []cite
	note := func(pos token.Pos, text string) {
		at := cite{place: name, line: set.Position(pos).Line, test: strings.HasSuffix(name, "_test.go")}
		if decl := enclosing(file, pos); decl != "" {
			at.place += ": " + decl
		}
		out = append(out, find(text, at)...)
	}
	for _, g := range file.Comments {
		note(g.Pos(), g.Text()) // a citation may be broken over two lines
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil {
				note(l.Pos(), s)
			}
		}
		return true
	})
	return out, nil
}

// find returns the citations in text, each at the place given.
func find(text string, at cite) []cite {
	text = strings.Join(strings.Fields(text), " ")
	var out []cite
	for _, m := range standard.FindAllStringSubmatch(text, -1) {
		at.text, at.section = m[1], m[2]
		out = append(out, at)
	}
	for _, m := range article.FindAllStringSubmatch(text, -1) {
		at.text, at.section = m[1], m[2]
		out = append(out, at)
	}
	return out
}

// enclosing names the declaration that a position is in or is the comment of.
func enclosing(file *ast.File, pos token.Pos) string {
	for _, d := range file.Decls {
		start := d.Pos()
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc != nil {
				start = d.Doc.Pos()
			}
			if start <= pos && pos < d.End() {
				return d.Name.Name
			}
		case *ast.GenDecl:
			if d.Doc != nil {
				start = d.Doc.Pos()
			}
			if start <= pos && pos < d.End() {
				return inGroup(d, pos)
			}
		}
	}
	return ""
}

// inGroup names the last name of a group that begins before pos or whose
// comment does; the first when none does.
func inGroup(d *ast.GenDecl, pos token.Pos) string {
	name := ""
	for _, spec := range d.Specs {
		start, here := spec.Pos(), ""
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			here = spec.Name.Name
			if spec.Doc != nil {
				start = spec.Doc.Pos()
			}
		case *ast.ValueSpec:
			here = spec.Names[0].Name
			if spec.Doc != nil {
				start = spec.Doc.Pos()
			}
		}
		if name == "" || start <= pos {
			name = here
		}
	}
	return name
}
