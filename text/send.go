package text

import (
	"context"
	"time"

	"sotto"
	"sotto/db"
	"sotto/job"
)

// inTurn is how long a text waits for an earlier one to the same person, so
// that they arrive in the order they were written.
const inTurn = 2 * time.Minute

// pauses are how long a text rests between two attempts.
func pauses() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour}
}

// Next returns a text whose turn it is to be sent. It is NotFound when there
// is nothing left to do, Gone when the person is being erased, and job.Again
// while an earlier text to the same person is under way. A text that was being
// sent when the desk stopped comes back in the state Sending: nobody knows
// whether it arrived, and it is not sent twice.
func (tt *Texts) Next(ctx context.Context, id sotto.TextID) (t Text, err error) {
	defer sotto.Wrap(&err, "text.Next(%d)", id)
	err = tt.DB.Read(ctx, func(tx *db.Tx) error {
		if t, err = tt.one(tx, "Get", int64(id)); err != nil {
			return err
		}
		if !t.EndedAt.IsZero() {
			return sotto.Fail(sotto.NotFound, "There is no such text to send.")
		}
		before, err := tx.Has(tt.q["Before"], int64(t.Person), int64(id), int64(t.Line), db.Millis(tx.Now.Add(-inTurn)))
		if err == nil && before && t.State == Queued {
			return job.Again{After: time.Second}
		}
		return err
	})
	return t, err
}

// Claim takes a queued text to send it now, and counts the attempt. It is
// NotFound when somebody else took it, Gone when the person is being erased.
func (tt *Texts) Claim(ctx context.Context, t Text) (_ Text, err error) {
	defer sotto.Wrap(&err, "text.Claim(%d)", t.ID)
	err = tt.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tt.People.Live(tx, t.Person); err != nil {
			return err
		}
		n, err := tx.Exec(tt.q["Claim"], int64(t.ID))
		if err == nil && n == 0 {
			return sotto.Fail(sotto.NotFound, "There is no such text to send.")
		}
		return err
	})
	t.State, t.Attempts = Sending, t.Attempts+1
	return t, err
}

// Settle writes down what became of a text. A text that has ended stays as it
// is; then Settle reports false.
func (tt *Texts) Settle(tx *db.Tx, id sotto.TextID, s State, why Reason) (ended bool, err error) {
	defer sotto.Wrap(&err, "text.Settle(%d)", id)
	n, err := tx.Exec(tt.q["Settle"], int64(id), string(s), string(why), db.Millis(tx.Now))
	return n > 0, err
}

// Rest puts a claimed text back and returns the job.Again after which it is
// tried once more; false when it was tried often enough.
func (tt *Texts) Rest(tx *db.Tx, t Text) (again job.Again, more bool, err error) {
	defer sotto.Wrap(&err, "text.Rest(%d)", t.ID)
	if t.Attempts < 1 || t.Attempts > len(pauses()) {
		return again, false, nil
	}
	_, err = tx.Exec(tt.q["Settle"], int64(t.ID), string(Queued), "", nil)
	return job.Again{After: pauses()[t.Attempts-1]}, true, err
}

// StateOf tells what the final status of a MESSAGE means (RFC 3428 7).
// unreached is whether nothing left the desk; retry says that another attempt
// may do better.
func StateOf(status int, unreached bool) (s State, why Reason, retry bool) {
	switch {
	case status == 202:
		return Sent, "", false
	case status >= 200 && status < 300:
		return Delivered, "", false
	case status == 0 && unreached:
		return Failed, Unreachable, true
	case status == 0 || status == 408: // silence by another name
		return Failed, Uncertain, false
	case status == 404 || status == 410 || status == 484 || status == 604:
		return Failed, NoNumber, false
	case status == 401, status == 407, status == 429, status == 480, status == 486, status == 491, status >= 500 && status < 600:
		return Failed, Unreachable, true
	}
	return Failed, Refused, false
}
