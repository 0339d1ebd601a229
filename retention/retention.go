// Package retention is the clock of the catalogue: it finds what is due, under
// which rule, and asks erasure. It removes nothing itself and owns no table.
//
// The rules in force: recordings and voice messages by their line's automatic
// deletion, deleted tickets by their purge date, uploads and archives by their
// expiry. Package desk runs it every minute; the clock is injected.
package retention

import (
	"context"
	"errors"
	"log/slog"

	"sotto"
	"sotto/db"
	"sotto/erasure"
	"sotto/recording"
	"sotto/ticket"
)

// Retention finds what is due. Its methods may be called from any goroutine.
type Retention struct{ c Config }

// Config is what Retention works with. All fields are needed.
type Config struct {
	DB         *db.DB
	Tickets    *ticket.Tickets
	Recordings *recording.Recordings
	Eraser     *erasure.Eraser
	Log        *slog.Logger
	// Expire are the rules of packages that remove files of their own when
	// nobody fetched them in time; each returns how many it removed.
	Expire []func(ctx context.Context) (int, error)
}

// New returns the clock.
func New(c Config) *Retention { return &Retention{c} }

// Report is how much one run removed.
type Report struct {
	Recordings int
	Tickets    int
	Expired    int
}

// RunDue removes everything that is due now. One thing that cannot be removed
// does not keep the others: its error is reported at the end and it is tried
// again in the next run.
func (r *Retention) RunDue(ctx context.Context) (rep Report, err error) {
	defer sotto.Wrap(&err, "retention.RunDue")
	var recordings []sotto.RecordingID
	var tickets []sotto.TicketID
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		if recordings, err = r.c.Recordings.Due(tx, tx.Now); err != nil {
			return err
		}
		tickets, err = r.c.Tickets.DuePurge(tx, tx.Now)
		return err
	})
	if err != nil {
		return rep, err
	}
	var errs []error
	for _, id := range recordings {
		_, err := r.c.Eraser.Recording(ctx, sotto.Desk(), id)
		errs = append(errs, err)
		rep.Recordings += count(err)
	}
	for _, id := range tickets {
		_, err := r.c.Eraser.Ticket(ctx, sotto.Desk(), id, false)
		errs = append(errs, err)
		rep.Tickets += count(err)
	}
	for _, expire := range r.c.Expire {
		n, err := expire(ctx)
		errs = append(errs, err)
		rep.Expired += n
	}
	return rep, errors.Join(errs...)
}

func count(err error) int {
	if err == nil {
		return 1
	}
	return 0
}
