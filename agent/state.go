package agent

import (
	"context"
	"errors"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// State is whether an agent takes calls.
type State string

// The states, in Zendesk's words.
const (
	Online        State = "online"         // calls are offered
	Away          State = "away"           // works here now, takes no calls
	TransfersOnly State = "transfers_only" // takes calls that colleagues hand on, none from the queue
	Offline       State = "offline"        // does not work now
)

func (s State) known() bool {
	return s == Online || s == Away || s == TransfersOnly || s == Offline
}

// unanswered is the reason the desk itself gives.
const unanswered = "unanswered"

// Reason is why an agent is in a state; the zero Reason is none.
type Reason struct {
	// Unanswered says that the desk set the state, because the agent let offers
	// ring out.
	Unanswered bool
	ID         sotto.ReasonID // of the desk's own list; 0 for none
}

// NamedReason is one of the desk's own reasons, and the state that goes with it.
type NamedReason struct {
	ID    sotto.ReasonID
	Name  string
	State State
}

// SetState says whether an agent takes calls. Agents set their own, team leads
// and administrators everyone's. The first time makes the person an agent; only
// staff can be one. A call under way goes on.
func (aa *Agents) SetState(ctx context.Context, actor sotto.Actor, id sotto.PersonID, s State) (err error) {
	defer sotto.Wrap(&err, "agent.SetState(%d)", id)
	if !s.known() {
		return sotto.FailField("state", "The state of an agent is online, away, transfers_only or offline.")
	}
	return aa.setState(ctx, actor, id, func(*db.Tx) (State, Reason, error) { return s, Reason{}, nil })
}

// SetReason brings an agent into the state of one of the desk's own reasons.
func (aa *Agents) SetReason(ctx context.Context, actor sotto.Actor, id sotto.PersonID, reason sotto.ReasonID) (err error) {
	defer sotto.Wrap(&err, "agent.SetReason(%d, %d)", id, reason)
	return aa.setState(ctx, actor, id, func(tx *db.Tx) (State, Reason, error) {
		r, err := db.One(tx, scanReason, aa.q["Reason"], int64(reason))
		if errors.Is(err, db.ErrNone) {
			err = sotto.FailField("reason", "There is no such reason. List the reasons to see their numbers.")
		}
		return r.State, Reason{ID: r.ID}, err
	})
}

func (aa *Agents) setState(ctx context.Context, actor sotto.Actor, id sotto.PersonID, which func(*db.Tx) (State, Reason, error)) error {
	if !actor.IsSupervisor() && (!actor.IsStaff() || actor.Person != id) {
		return sotto.Fail(sotto.Denied, "You can change your own state only. Team leads change everybody's.")
	}
	err := aa.write(ctx, actor, id, audit.Entry{Action: audit.Update, Source: audit.Agent}, func(tx *db.Tx) error {
		s, r, err := which(tx)
		if err != nil {
			return err
		}
		return aa.writeState(tx, id, s, r)
	})
	if err != nil {
		return err
	}
	aa.mu.Lock()
	d := aa.duty(id)
	d.away, d.missed = false, 0
	aa.mu.Unlock()
	aa.changed()
	return nil
}

// writeState writes a state and counts the time in the one before. The same
// state again leaves the time since when.
func (aa *Agents) writeState(tx *db.Tx, id sotto.PersonID, s State, r Reason) error {
	was, err := db.One(tx, scanAgent, aa.q["Get"], int64(id))
	if err != nil {
		return err
	}
	since := was.ChangedAt
	if was.State != s {
		since = tx.Now
		for day, t := range spent(was.State, was.ChangedAt, tx.Now) {
			if err := aa.addDay(tx, dayOf{id, day}, t); err != nil {
				return err
			}
		}
	}
	why := ""
	if r.Unanswered {
		why = unanswered
	}
	_, err = tx.Exec(aa.q["SetState"], int64(id), string(s), why, db.OrNull(r.ID), db.Millis(since))
	return err
}

// spent is the time in a state, by the day.
func spent(s State, from, to time.Time) map[int64]Tally {
	days := map[int64]Tally{}
	if s == Offline {
		return days
	}
	for from.Before(to) {
		end := midnight(from).Add(24 * time.Hour)
		if end.After(to) {
			end = to
		}
		var t Tally
		switch s {
		case Online:
			t.Available = end.Sub(from)
		case TransfersOnly:
			t.TransfersOnly = end.Sub(from)
		default:
			t.Away = end.Sub(from)
		}
		days[db.Millis(midnight(from))] = t
		from = end
	}
	return days
}

// midnight is the first moment of t's day in UTC.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// AddReason makes a reason that agents may choose. Administrators only.
func (aa *Agents) AddReason(ctx context.Context, actor sotto.Actor, name string, s State) (r NamedReason, err error) {
	defer sotto.Wrap(&err, "agent.AddReason")
	r = NamedReason{Name: strings.TrimSpace(name), State: s}
	if err := checkName(r.Name); err != nil {
		return r, err
	}
	if !s.known() {
		return r, sotto.FailField("state", "The state of a reason is online, away, transfers_only or offline.")
	}
	err = aa.administer(ctx, actor, audit.Entry{Action: audit.Create, Source: audit.Setting}, func(tx *db.Tx) error {
		r.ID = sotto.ReasonID(tx.NewID())
		_, err := tx.Exec(aa.q["InsertReason"], int64(r.ID), r.Name, string(s), db.Millis(tx.Now))
		return err
	})
	return r, err
}

// RemoveReason takes a reason off the list. Whoever is away for it stays so.
func (aa *Agents) RemoveReason(ctx context.Context, actor sotto.Actor, id sotto.ReasonID) (err error) {
	defer sotto.Wrap(&err, "agent.RemoveReason(%d)", id)
	return aa.administer(ctx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Setting}, func(tx *db.Tx) error {
		n, err := tx.Exec(aa.q["DeleteReason"], int64(id), db.Millis(tx.Now))
		if err == nil && n == 0 {
			err = sotto.Fail(sotto.NotFound, "There is no such reason.")
		}
		return err
	})
}

// Reasons returns the desk's own reasons by name.
func (aa *Agents) Reasons(ctx context.Context) (all []NamedReason, err error) {
	defer sotto.Wrap(&err, "agent.Reasons")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanReason, aa.q["Reasons"])
		return err
	})
	return all, err
}

func scanReason(s db.Scanner) (r NamedReason, err error) {
	err = s.Scan((*int64)(&r.ID), &r.Name, (*string)(&r.State))
	return r, err
}

// administer runs f for an administrator, with the audit entry beside it.
func (aa *Agents) administer(ctx context.Context, actor sotto.Actor, e audit.Entry, f func(*db.Tx) error) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may change groups, skills and reasons.")
	}
	return aa.db.Write(ctx, func(tx *db.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return aa.audit.Add(tx, actor, e)
	})
}

// checkName bounds what the desk calls its groups, skills and reasons.
func checkName(name string) error {
	if name == "" || len(name) > 100 {
		return sotto.FailField("name", "Give a name of 1 to 100 bytes.")
	}
	return nil
}
