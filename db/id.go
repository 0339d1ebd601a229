package db

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sotto/catalogue"
)

// idEpoch is where the time in an id begins.
var idEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// idSource makes ids: 41 bits of milliseconds since idEpoch, 8 bits of
// counting, 4 bits for the node (0 until there is more than one). 53 bits are
// what a JSON number can hold. An id is known before its row exists, because
// a sealed value is bound to its row's id.
type idSource struct {
	mu   sync.Mutex
	last int64 // without the node bits
}

// next returns an id greater than every one before it, even if the clock
// stands still or goes back.
func (s *idSource) next(now time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, now.Sub(idEpoch).Milliseconds()<<8)
	return s.last << 4
}

// IDTime returns when an id was given out, to the millisecond, unless the
// clock stood still or went back. Counted numbers (tickets) tell no time.
func IDTime(id int64) time.Time {
	return idEpoch.Add(time.Duration(id>>12) * time.Millisecond)
}

// seedIDs starts behind the greatest id in the database, so that a clock that
// was set back cannot give an id twice.
func (d *DB) seedIDs(ctx context.Context) error {
	for _, t := range catalogue.Tables() {
		if _, ok := t.Column("id"); !ok || t.Owner == "db" {
			continue
		}
		var top int64
		q := fmt.Sprintf("SELECT COALESCE(MAX(id), 0) FROM %s", t.Name)
		if err := d.pool.QueryRowContext(ctx, q).Scan(&top); err != nil {
			return err
		}
		d.ids.last = max(d.ids.last, top>>4)
	}
	return nil
}
