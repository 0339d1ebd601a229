package insight

import (
	"context"
	"errors"
	"slices"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/leg/media"
	"sotto/route"
)

const (
	pageSize = 1000
	// settled is how long after its end a call is handed out: until then one
	// that ended earlier may still be on its way to the disk, and whoever goes
	// on from here would never see it.
	settled = 10 * time.Second
)

// Call is a call that is over, as reports have it.
type Call struct {
	ID                             sotto.CallID
	Line                           sotto.LineID // 0 when nobody's number was called
	Customer, Agent                sotto.PersonID
	Ticket                         sotto.TicketID
	Direction                      call.Direction
	InHours                        bool
	Decided                        string // the caller's word about recording, of package recording
	Voicemail                      bool
	StartedAt, AnsweredAt, EndedAt time.Time
	ConnectedAt                    time.Time
	Reason                         call.Reason
	Hold, Consult, Paused, Waited  time.Duration
	Pauses                         int
	Exceeded                       bool

	LineNumber, LineName, LineKind string
	Consent                        string // how the caller was asked, a mode of package recording
	Recorded                       time.Duration
	Hops                           int           // menus gone through
	InMenus                        time.Duration // time spent there
	Chosen                         route.Action  // the last way taken in the menus; "" for none
	WantedVoicemail                bool
	Talk                           time.Duration // of all agents' legs
	WrapUp                         time.Duration // after it, of all agents
	Overflowed                     bool
	Callback                       string        // who asked for it, a word of package queue; "" for nobody
	Group                          sotto.GroupID // the last one the caller was given to; 0 for none
	GroupName                      string

	legs []call.Leg
}

// page is a stretch of time whose calls fit on one page.
type page struct{ from, to int64 }

func (p page) args() []any { return []any{p.from, p.to} }

// span finds the stretch from since on that holds about pageSize calls: it ends
// with a whole second, so that whoever goes on from its last second misses
// none.
func (in *Insight) span(tx *db.Tx, since time.Time) (page, error) {
	p := page{db.Millis(since), db.Millis(tx.Now.Add(-settled))}
	last, err := db.One(tx, db.Int, in.q["Nth"], p.from, p.to, pageSize-1)
	if errors.Is(err, db.ErrNone) {
		return p, nil
	}
	p.to = min(p.to, (last/1000+1)*1000)
	return p, err
}

// Calls returns the calls that ended at since or later, by their end: about a
// thousand, and always all that ended in the same second. The next page begins
// at the second in which the last one ended. A call is handed out ten seconds
// after its end.
func (in *Insight) Calls(ctx context.Context, since time.Time) (all []Call, err error) {
	defer sotto.Wrap(&err, "insight.Calls")
	err = in.db.Read(ctx, func(tx *db.Tx) error {
		p, err := in.span(tx, since)
		if err != nil {
			return err
		}
		if all, err = db.All(tx, scanCall, in.q["Calls"], p.args()...); err != nil {
			return err
		}
		by := map[sotto.CallID]*Call{}
		for i := range all {
			by[all[i].ID] = &all[i]
		}
		return in.complete(tx, p, by)
	})
	return all, err
}

// complete adds what other tables know of the calls of a page.
func (in *Insight) complete(tx *db.Tx, p page, by map[sotto.CallID]*Call) error {
	each := func(query string, f func(db.Scanner) (sotto.CallID, func(*Call), error)) error {
		return db.Each(tx, func(s db.Scanner) error {
			id, set, err := f(s)
			if c := by[id]; c != nil && err == nil {
				set(c)
			}
			return err
		}, in.q[query], p.args()...)
	}
	return errors.Join(
		each("Steps", func(s db.Scanner) (id sotto.CallID, _ func(*Call), err error) {
			var action string
			var entered, left int64
			err = s.Scan((*int64)(&id), &action, &entered, &left)
			return id, func(c *Call) { c.step(action, millis(left-entered)) }, err
		}),
		each("Consents", func(s db.Scanner) (id sotto.CallID, _ func(*Call), err error) {
			var mode, outcome string
			err = s.Scan((*int64)(&id), &mode, &outcome)
			return id, func(c *Call) { c.Consent, c.Decided = mode, outcome }, err
		}),
		each("Recorded", func(s db.Scanner) (id sotto.CallID, _ func(*Call), err error) {
			var ms int64
			err = s.Scan((*int64)(&id), &ms)
			return id, func(c *Call) { c.Recorded = millis(ms) }, err
		}),
		each("Legs", func(s db.Scanner) (sotto.CallID, func(*Call), error) {
			l, err := scanLeg(s)
			return l.Call, func(c *Call) { c.leg(l) }, err
		}),
	)
}

// step adds a stay in a menu.
func (c *Call) step(action string, stay time.Duration) {
	c.Hops, c.InMenus = c.Hops+1, c.InMenus+stay
	if slices.Contains(route.Actions(), route.Action(action)) {
		c.Chosen = route.Action(action)
	}
	c.WantedVoicemail = c.WantedVoicemail || route.Action(action) == route.ToVoicemail
}

// leg adds a party's part.
func (c *Call) leg(l Leg) {
	if l.Kind == call.AgentLeg {
		c.Talk, c.WrapUp = c.Talk+l.Talk, c.WrapUp+l.WrapUp
	}
	c.legs = append(c.legs, l.Leg)
}

// Issues is what was wrong with the sound of the call.
func (c Call) Issues() []media.Issue { return call.Issues(c.legs) }

func scanCall(s db.Scanner) (c Call, err error) {
	var inHours, voicemail, started, ended, hold, consult, paused, waited, exceeded, overflowed int64
	var answered, connected *int64
	err = s.Scan((*int64)(&c.ID), (*int64)(&c.Line), (*int64)(&c.Customer), (*int64)(&c.Agent), (*int64)(&c.Ticket), (*string)(&c.Direction),
		&inHours, &c.Decided, &voicemail, &started, &answered, &connected, &ended, (*string)(&c.Reason), &hold, &consult,
		&c.Pauses, &paused, &waited, &exceeded, &c.LineNumber, &c.LineName, &c.LineKind, &c.Consent,
		&overflowed, &c.Callback, (*int64)(&c.Group), &c.GroupName)
	c.InHours, c.Voicemail, c.Exceeded, c.Overflowed = inHours == 1, voicemail == 1, exceeded == 1, overflowed == 1
	c.StartedAt, c.EndedAt, c.AnsweredAt, c.ConnectedAt = db.Time(started), db.Time(ended), db.TimeOrZero(answered), db.TimeOrZero(connected)
	c.Hold, c.Consult, c.Paused, c.Waited = millis(hold), millis(consult), millis(paused), millis(waited)
	return c, err
}

// Duration is from the answer to the end.
func (c Call) Duration() time.Duration { return since(c.AnsweredAt, c.EndedAt) }

// ToAnswer is how long the caller was on the line before an agent was.
func (c Call) ToAnswer() time.Duration { return since(c.StartedAt, c.ConnectedAt) }

// Completion is how the call ended, in the words of reports.
func (c Call) Completion() string { return c.Reason.Completion() }

// since is from a to b; 0 where one of them never was.
func since(a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	return max(b.Sub(a), 0)
}
