package obstest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Breaches reads the Go files of a module that are not tests and returns, as
// "file:line: what", every log message that is not a string literal and every
// second door: package log, a logger made (but one that discards) or a default
// logger used outside obs, a metrics library outside obs. A message put
// together at run time can hold what a person said; nothing could drop it from
// the line.
//
// It knows loggers by their names: log, logger, Log(), With(…).
func Breaches(module fs.FS) ([]string, error) {
	var found []string
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(module, name)
		if err != nil {
			return err
		}
		b, err := breaches(name, text)
		found = append(found, b...)
		return err
	})
	return found, err
}

func breaches(name string, text []byte) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	report := func(pos token.Pos, what string) {
		found = append(found, fmt.Sprintf("%s:%d: %s", name, set.Position(pos).Line, what))
	}
	inObs := path.Dir(name) == "obs"
	for _, i := range file.Imports {
		switch p, _ := strconv.Unquote(i.Path.Value); {
		case inObs:
		case p == "log":
			report(i.Pos(), "import of log: take a logger from obs")
		case strings.HasPrefix(p, "github.com/prometheus/"):
			report(i.Pos(), "import of "+p+": take metrics from obs")
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			checkCall(call, inObs, report)
		}
		return true
	})
	return found, nil
}

// messageAt says which argument of a logger's method is the message.
var messageAt = map[string]int{
	"Debug": 0, "Info": 0, "Warn": 0, "Error": 0,
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
	"Log": 2, "LogAttrs": 2,
}

func checkCall(call *ast.CallExpr, inObs bool, report func(token.Pos, string)) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	at, logs := messageAt[method.Sel.Name]
	if id, ok := method.X.(*ast.Ident); ok && id.Name == "slog" && !inObs {
		makes := strings.HasPrefix(method.Sel.Name, "New") || strings.HasSuffix(method.Sel.Name, "Default")
		if logs || (makes && !discards(call)) || method.Sel.Name == "With" {
			report(call.Pos(), "slog."+method.Sel.Name+": take a logger from obs")
		}
		return
	}
	if !logs || !isLogger(method.X) || len(call.Args) <= at {
		return
	}
	if !isLiteral(call.Args[at]) {
		report(call.Args[at].Pos(), "the message of a log line must be a string literal")
	}
}

// discards reports whether a logger is made that writes nothing:
// slog.New(slog.DiscardHandler).
func discards(call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	h, ok := call.Args[0].(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := h.X.(*ast.Ident)
	return ok && pkg.Name == "slog" && h.Sel.Name == "DiscardHandler"
}

func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return namesLogger(x.Name)
	case *ast.SelectorExpr:
		return namesLogger(x.Sel.Name)
	case *ast.CallExpr:
		if s, ok := x.Fun.(*ast.SelectorExpr); ok {
			return namesLogger(s.Sel.Name) || ((s.Sel.Name == "With" || s.Sel.Name == "WithGroup") && isLogger(s.X))
		}
	}
	return false
}

func namesLogger(name string) bool {
	name = strings.ToLower(name)
	return name == "log" || name == "logger"
}

func isLiteral(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.BasicLit:
		return x.Kind == token.STRING
	case *ast.BinaryExpr:
		return x.Op == token.ADD && isLiteral(x.X) && isLiteral(x.Y)
	}
	return false
}
