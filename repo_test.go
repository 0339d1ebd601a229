// Package sotto_test holds the rules of the repository that a machine can
// check: what imports what, who may open which door, how long a file may be,
// what must be written down. Each rule is run twice: on files planted to break
// it, because a check that cannot fail is worth nothing, and on the tree.
//
// The rules are those of CONTRIBUTING.md. They read source text; they need
// neither a database nor a network.
package sotto_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// breach is one place that breaks a rule.
type breach struct {
	at   string // file:line, or a file
	key  string // what an exception names to allow it; "" allows none
	what string // what is wrong, and what to do
}

// String returns the breach as a compiler prints an error.
func (b breach) String() string { return b.at + ": " + b.what }

// exceptions says of each allowed breach, by its key, why it is one.
type exceptions map[string]string

// holds runs check on planted files, given as a txtar archive, where it must
// find exactly want, and on the repository, where it must find nothing but
// the exceptions. An exception that nothing needs any more is an error.
func holds(t *testing.T, check func(*tree) []breach, allowed exceptions, planted string, want ...string) {
	t.Helper()
	t.Run("Planted", func(t *testing.T) {
		bad := plant(t, planted)
		var got []string
		for _, b := range check(bad) {
			got = append(got, b.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("on planted files, -want +got:\n%s", diff)
		}
	})
	t.Run("Tree", func(t *testing.T) {
		real, err := repository()
		if err != nil {
			t.Fatal(err)
		}
		needed := map[string]bool{}
		for _, b := range check(real) {
			if _, ok := allowed[b.key]; ok && b.key != "" {
				needed[b.key] = true
				continue
			}
			t.Error(b)
		}
		for key := range allowed {
			if !needed[key] {
				t.Errorf("the exception %q is not needed any more: remove it", key)
			}
		}
	})
}

func plant(t *testing.T, archive string) *tree {
	t.Helper()
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	planted, err := read(files)
	if err != nil {
		t.Fatal(err)
	}
	return planted
}

// repository is the tree these tests stand in, read once.
var repository = sync.OnceValues(func() (*tree, error) { return read(os.DirFS(".")) })

// tree is the text of a repository.
type tree struct {
	texts  map[string]string // every text file, by path
	source []*source         // the Go files, by path
	set    *token.FileSet
}

// source is one Go file.
type source struct {
	*ast.File
	path, dir, text string
	needs           []string          // import paths
	imports         map[string]string // the same by the name they have here
}

// test reports whether the file is a test's.
func (s *source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// proves reports whether the file is part of no desk: a test, a package for
// tests, a benchmark, or a command that writes documents.
func (s *source) proves() bool { return s.test() || forTests(s.dir) || isTool(s.dir) }

func forTests(dir string) bool {
	return under(dir, "sottotest") || (dir != "." && strings.HasSuffix(path.Base(dir), "test"))
}

func isTool(dir string) bool { return under(dir, "bench") || under(dir, "docs") }

func under(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// read reads a repository without what a build or a running desk leaves in it.
func read(files fs.FS) (*tree, error) {
	t := &tree{texts: map[string]string{}, set: token.NewFileSet()}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since its folder was read
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "bench/out"}, name) || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(files, name, d)
	})
	return t, err
}

func (t *tree) add(files fs.FS, name string, d fs.DirEntry) error {
	if info, err := d.Info(); err != nil || info.Size() > 1<<20 || !info.Mode().IsRegular() {
		return nil
	}
	text, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || bytes.IndexByte(text, 0) >= 0 {
		return err
	}
	t.texts[name] = string(text)
	if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
		return nil
	}
	file, err := parser.ParseFile(t.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s := &source{File: file, path: name, dir: path.Dir(name), text: string(text), imports: map[string]string{}}
	for _, i := range file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		s.needs = append(s.needs, p)
		local := importName(p)
		if i.Name != nil {
			local = i.Name.Name
		}
		s.imports[local] = p
	}
	slices.Sort(s.needs)
	t.source = append(t.source, s)
	return nil
}

// importName is what a package is most likely called: the last part of its
// path that is no version.
func importName(p string) string {
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(p))
	}
	base, _, _ = strings.Cut(base, ".v")
	return base
}

// at names a place in a file.
func (t *tree) at(s *source, p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, t.set.Position(p).Line)
}

// paths returns the paths of the texts for which keep holds, in order.
func (t *tree) paths(keep func(string) bool) []string {
	var out []string
	for p := range t.texts {
		if keep(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// packages returns the files of each folder, and the folders in order.
func (t *tree) packages() (map[string][]*source, []string) {
	by := map[string][]*source{}
	var dirs []string
	for _, s := range t.source {
		if by[s.dir] == nil {
			dirs = append(dirs, s.dir)
		}
		by[s.dir] = append(by[s.dir], s)
	}
	slices.Sort(dirs)
	return by, dirs
}

// used returns "net/http.Client" when x is a name of an imported package.
func (s *source) used(x *ast.SelectorExpr) string {
	id, ok := x.X.(*ast.Ident)
	if !ok {
		return ""
	}
	if p, ok := s.imports[id.Name]; ok {
		return p + "." + x.Sel.Name
	}
	return ""
}

// called returns what a call calls, as used does.
func (s *source) called(c *ast.CallExpr) string {
	if x, ok := c.Fun.(*ast.SelectorExpr); ok {
		return s.used(x)
	}
	return ""
}

// each calls f with every node of type N in the file.
func each[N ast.Node](s *source, f func(N)) {
	ast.Inspect(s.File, func(n ast.Node) bool {
		if n, ok := n.(N); ok {
			f(n)
		}
		return true
	})
}
