// Package thread makes cases of texts and texts of answers. A text that comes
// in goes onto the case that its sender has open on that line, or opens one;
// what staff write there for the sender to read goes out as a text; whoever
// writes STOP gets one answer and then no more.
//
// It owns no table: package text keeps the texts, ticket the cases and the
// words. Every text that goes out asks package dial first. Package flow asks
// it to text back to a caller; desk gives it the texts that come in and runs
// its job.
package thread

import (
	"context"
	"log/slog"

	"sotto/db"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/locales"
	"sotto/person"
	"sotto/text"
	"sotto/ticket"
)

// Config is what texts stand on. All fields are needed but Log.
type Config struct {
	DB      *db.DB
	Lines   *line.Lines
	People  *person.People
	Tickets *ticket.Tickets // its Config.Answered is Answered of these
	Texts   *text.Texts
	Gate    *dial.Gate
	// Say sends a text to the number of a grant and waits for what becomes of
	// it. Conflict says that no trunk of the desk takes texts, Busy that the
	// desk is not served now.
	Say func(ctx context.Context, grant dial.Grant, who leg.Caller, words string) (sip.TextResult, error)
	Log *slog.Logger
}

// Threads are the desk's conversations by text. Their methods may be called
// from any goroutine.
type Threads struct {
	Config
	words *locales.Texts
}

// New returns the threads of a desk. It fails only when the binary was built
// from broken texts.
func New(cfg Config) (*Threads, error) {
	words, err := locales.Load()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Threads{Config: cfg, words: words}, err
}
