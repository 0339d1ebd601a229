// Package insight is what the desk's calls come to: the figures of a day, and
// each call and leg as reports of other voice desks have them.
//
// It owns no table and writes nothing: it reads the rows of call, line, route
// and recording, and everything in it can be worked out again from those. It
// holds ids of people and never their names or numbers; who may see the
// figures is api's to say.
package insight

import (
	_ "embed"
	"sync"
	"time"

	"sotto/db"
)

//go:embed insight.sql
var statements string

// Insight reads the figures of a desk. Its methods may be called from any
// goroutine.
type Insight struct {
	db *db.DB
	q  db.Queries

	mu    sync.Mutex          // guards what is below; held while figures are worked out
	known map[string]overview // what took long to work out, by what was asked
}

// overview is an Account as it was a moment ago.
type overview struct {
	Account
	at time.Time
}

// Figures that took longer than slow to work out are shown again for fresh:
// the boards of fifty people cost what one does.
const (
	slow  = 50 * time.Millisecond
	fresh = 15 * time.Second
)

// New returns the figures of a desk.
func New(d *db.DB) *Insight {
	return &Insight{db: d, q: db.Parse(statements), known: map[string]overview{}}
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
