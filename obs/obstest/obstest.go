// Package obstest makes loggers for tests, which fail where a log line or a
// metric names something the catalogue does not declare, and reads source code
// for what package obs cannot check at run time.
package obstest

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"sotto/obs"
)

// New returns an Obs that writes every level to the test's own output. An
// undeclared key fails the test. Whatever logs must end before the test does.
func New(t testing.TB) *obs.Obs {
	t.Helper()
	return to(t, t.Output())
}

// Capture is New, and what is written can be read back.
func Capture(t testing.TB) (*obs.Obs, *Lines) {
	t.Helper()
	l := &Lines{}
	return to(t, io.MultiWriter(t.Output(), l)), l
}

func to(t testing.TB, out io.Writer) *obs.Obs {
	return obs.New(obs.Config{Out: out, Level: slog.LevelDebug, Strict: func(key string) {
		t.Errorf("log key %q is not declared in the catalogue, or its value is neither a number, a word nor an error", key)
	}})
}

// Lines is a log that can be read while it is written.
type Lines struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write adds to the log.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns everything written so far.
func (l *Lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// With returns the lines that hold text.
func (l *Lines) With(text string) []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}
