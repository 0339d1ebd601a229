package obs

import (
	"context"
	"log"
	"log/slog"
)

// Silence drops and counts what libraries write to Go's own default loggers,
// for the whole process: net/http quotes the addresses of clients and the
// answers of servers there, and nobody could tell them from our own lines.
// main calls it once, before anything else starts.
func (o *Obs) Silence() {
	slog.SetDefault(slog.New(foreign{o})) // first: it also redirects package log
	log.SetOutput(foreign{o})
	log.SetFlags(0)
}

// foreign counts lines and writes none.
type foreign struct{ o *Obs }

// Enabled lets warnings and errors be counted; less is not worth making.
func (f foreign) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle drops the line.
func (f foreign) Handle(context.Context, slog.Record) error {
	f.o.lines.Add(1)
	return nil
}

// WithAttrs changes nothing.
func (f foreign) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup changes nothing.
func (f foreign) WithGroup(string) slog.Handler { return f }

// Write drops a line of package log.
func (f foreign) Write(p []byte) (int, error) {
	f.o.lines.Add(1)
	return len(p), nil
}
