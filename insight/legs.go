package insight

import (
	"context"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
)

// Leg is one party's part in a call that is over.
type Leg struct {
	ID          int64
	Call        sotto.CallID
	Customer    sotto.PersonID // whose call it is; 0 for nobody
	CallEndedAt time.Time
	call.Leg
}

// Legs returns the legs of the calls that ended at since or later, as Calls
// returns the calls: by the call's end, in whole seconds.
func (in *Insight) Legs(ctx context.Context, since time.Time) (all []Leg, err error) {
	defer sotto.Wrap(&err, "insight.Legs")
	err = in.db.Read(ctx, func(tx *db.Tx) error {
		p, err := in.span(tx, since)
		if err != nil {
			return err
		}
		all, err = db.All(tx, scanLeg, in.q["Legs"], p.args()...)
		return err
	})
	return all, err
}

func scanLeg(s db.Scanner) (l Leg, err error) {
	var started, over, talk, hold, consult, wrapUp int64
	var answered, ended *int64
	var issues string
	err = s.Scan(&l.ID, (*int64)(&l.Call), (*string)(&l.Kind), (*string)(&l.Part), (*int64)(&l.Person), (*int64)(&l.Customer), (*int64)(&l.By),
		&started, &answered, &ended, &over, (*string)(&l.Cause), &talk, &hold, &consult, &issues, &wrapUp)
	l.StartedAt, l.AnsweredAt, l.EndedAt, l.CallEndedAt = db.Time(started), db.TimeOrZero(answered), db.TimeOrZero(ended), db.Time(over)
	l.Talk, l.Hold, l.Consult, l.WrapUp = millis(talk), millis(hold), millis(consult), millis(wrapUp)
	l.Issues = call.IssuesOf(issues)
	return l, err
}

// Duration is from the answer to the end.
func (l Leg) Duration() time.Duration { return since(l.AnsweredAt, l.EndedAt) }
