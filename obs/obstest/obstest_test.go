package obstest_test

import (
	"io"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sotto/obs/obstest"
)

// accused is a test that notes whether it was failed.
type accused struct {
	testing.TB
	failed int
}

func (a *accused) Errorf(string, ...any) { a.failed++ }
func (a *accused) Helper()               {}
func (a *accused) Output() io.Writer     { return io.Discard }

func TestNewFailsTheTestOnAnUndeclaredKey(t *testing.T) {
	a := &accused{TB: t}
	o := obstest.New(a)
	o.Log().Debug("m", "call", 7)
	if a.failed != 0 {
		t.Error("a declared key failed the test")
	}
	o.Log().Debug("m", "caller", "x")
	if a.failed != 1 {
		t.Errorf("failed %d times, want once", a.failed)
	}
}

func TestCaptureReadsBack(t *testing.T) {
	o, lines := obstest.Capture(t)
	o.Log().Info("first", "call", 7)
	o.Log().Info("second", "call", 8)
	if got := lines.With("call=8"); len(got) != 1 {
		t.Errorf("lines = %q", got)
	}
}

func TestBreaches(t *testing.T) {
	file := func(body string) string { return "package x\n" + body }
	module := fstest.MapFS{
		"a/a.go": {Data: []byte(file(`import "log"
func f() {
	s.log.Info("ok", "call", 1)
	s.log.Info("call " + name)
	log.Warn(fmt.Sprintf("%s rang", name))
	o.Log().With("call", 1).Error(msg)
	logger.InfoContext(ctx, "ok" + " still")
	logger.InfoContext(ctx, err.Error())
	l.log.LogAttrs(ctx, level, text)
	t.Log(name)
	t.Error(name)
	slog.Info("x")
	_ = slog.New(h)
	slog.SetDefault(l)
	_ = slog.String("call", "1")
	_ = slog.New(slog.DiscardHandler)
}`))},
		"a/b.go":          {Data: []byte(file("import \"github.com/prometheus/client_golang/prometheus\""))},
		"a/a_test.go":     {Data: []byte(file("func f() { log.Info(name) }"))},
		"a/testdata/x.go": {Data: []byte("no Go at all")},
		".git/x.go":       {Data: []byte("no Go at all")},
		"obs/o.go":        {Data: []byte(file("import \"github.com/prometheus/client_golang/prometheus\"\nfunc f() { _ = slog.New(h); log.Info(name) }"))},
	}
	got, err := obstest.Breaches(module)
	if err != nil {
		t.Fatal(err)
	}
	const literal = "the message of a log line must be a string literal"
	want := []string{
		"a/a.go:2: import of log: take a logger from obs",
		"a/a.go:5: " + literal, "a/a.go:6: " + literal, "a/a.go:7: " + literal, "a/a.go:9: " + literal, "a/a.go:10: " + literal,
		"a/a.go:13: slog.Info: take a logger from obs", "a/a.go:14: slog.New: take a logger from obs", "a/a.go:15: slog.SetDefault: take a logger from obs",
		"a/b.go:2: import of github.com/prometheus/client_golang/prometheus: take metrics from obs",
		"obs/o.go:3: " + literal,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBreachesRefusesWhatIsNoGo(t *testing.T) {
	if _, err := obstest.Breaches(fstest.MapFS{"a.go": {Data: []byte("func")}}); err == nil {
		t.Error("no error")
	}
}
