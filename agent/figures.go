package agent

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// keepDays is how long the figures of a day are kept.
const keepDays = 31

// Tally is what an agent did: counts and times that are added up by the day
// (UTC).
type Tally struct {
	Accepted, Denied, Missed int64 // offers

	Talks  int64 // calls talked in
	Talk   time.Duration
	Holds  int64 // calls put on hold
	Hold   time.Duration
	WrapUp time.Duration
	// WrapUps is how many times of wrap-up are over.
	WrapUps int64

	TransfersStarted, TransfersAccepted int64

	Available, Away, TransfersOnly time.Duration // time in the states
}

// Online is the time at work: in every state but offline.
func (t Tally) Online() time.Duration { return t.Available + t.Away + t.TransfersOnly }

// Plus adds what somebody else did, or the same one later.
func (t Tally) Plus(o Tally) Tally {
	return Tally{
		t.Accepted + o.Accepted, t.Denied + o.Denied, t.Missed + o.Missed,
		t.Talks + o.Talks, t.Talk + o.Talk, t.Holds + o.Holds, t.Hold + o.Hold, t.WrapUp + o.WrapUp, t.WrapUps + o.WrapUps,
		t.TransfersStarted + o.TransfersStarted, t.TransfersAccepted + o.TransfersAccepted,
		t.Available + o.Available, t.Away + o.Away, t.TransfersOnly + o.TransfersOnly,
	}
}

// dayOf is whose day: a row of agent_day.
type dayOf struct {
	person sotto.PersonID
	day    int64 // its first moment in milliseconds
}

// Count adds to an agent's figures of today. It is written with Settle.
func (aa *Agents) Count(id sotto.PersonID, t Tally) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.count(id, t)
}

func (aa *Agents) count(id sotto.PersonID, t Tally) {
	at := dayOf{id, db.Millis(midnight(aa.db.Now()))}
	aa.owed[at] = aa.owed[at].Plus(t)
}

// Settle writes what the memory owes the tables: figures, and the state of
// agents whom the desk sent away. Package queue calls it beside its offers,
// and when it stops. What cannot be written stays owed.
func (aa *Agents) Settle(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "agent.Settle")
	aa.settling.Lock()
	defer aa.settling.Unlock()
	aa.mu.Lock()
	var away []sotto.PersonID
	for id, d := range aa.duties {
		aa.lapse(id, d)
		if d.away {
			away = append(away, id)
		}
	}
	owed := maps.Clone(aa.owed)
	written := aa.written
	aa.written = nil
	aa.mu.Unlock()
	err = aa.writeWrapUps(ctx, written)
	for _, id := range away {
		err = errors.Join(err, aa.sendAway(ctx, id))
	}
	if len(owed) == 0 {
		return err
	}
	return errors.Join(err, aa.writeOwed(ctx, owed))
}

// writeWrapUps lets the calls know how long they were written up.
func (aa *Agents) writeWrapUps(ctx context.Context, all []wrapUp) error {
	if len(all) == 0 {
		return nil
	}
	err := aa.db.Write(ctx, func(tx *db.Tx) error {
		for _, w := range all {
			if err := aa.wrapped(tx, w.call, w.agent, w.spent); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		aa.mu.Lock()
		defer aa.mu.Unlock()
		aa.written = append(all, aa.written...)
	}
	return err
}

func (aa *Agents) writeOwed(ctx context.Context, owed map[dayOf]Tally) error {
	order := slices.SortedFunc(maps.Keys(owed), func(a, b dayOf) int { return int(a.person-b.person) + int(min(max(a.day-b.day, -1), 1)) })
	err := aa.db.Write(ctx, func(tx *db.Tx) error {
		for _, at := range order {
			err := aa.people.Live(tx, at.person)
			if kind := sotto.KindOf(err); err != nil && (kind == sotto.Gone || kind == sotto.NotFound) {
				continue // about somebody who is being erased nothing is written
			}
			if err != nil {
				return err
			}
			if err := aa.addDay(tx, at, owed[at]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	aa.mu.Lock()
	defer aa.mu.Unlock()
	for at, t := range owed {
		if rest := aa.owed[at].minus(t); rest != (Tally{}) {
			aa.owed[at] = rest
		} else {
			delete(aa.owed, at)
		}
	}
	return nil
}

// minus takes o away.
func (t Tally) minus(o Tally) Tally {
	return t.Plus(Tally{
		-o.Accepted, -o.Denied, -o.Missed, -o.Talks, -o.Talk, -o.Holds, -o.Hold, -o.WrapUp, -o.WrapUps,
		-o.TransfersStarted, -o.TransfersAccepted, -o.Available, -o.Away, -o.TransfersOnly,
	})
}

// sendAway writes that an agent let too many offers ring out.
func (aa *Agents) sendAway(ctx context.Context, id sotto.PersonID) error {
	err := aa.write(ctx, sotto.Desk(), id, audit.Entry{Action: audit.Update, Source: audit.Agent}, func(tx *db.Tx) error {
		if !aa.stillAway(id) {
			return nil
		}
		return aa.writeState(tx, id, Away, Reason{Unanswered: true})
	})
	if kind := sotto.KindOf(err); err != nil && kind != sotto.Gone && kind != sotto.NotFound {
		return err
	}
	aa.mu.Lock()
	defer aa.mu.Unlock()
	d := aa.duty(id)
	d.away, d.missed = false, 0
	return nil
}

func (aa *Agents) stillAway(id sotto.PersonID) bool {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	return aa.duty(id).away
}

func (aa *Agents) addDay(tx *db.Tx, at dayOf, t Tally) error {
	_, err := tx.Exec(aa.q["Tally"], tx.NewID(), int64(at.person), at.day, t.Accepted, t.Denied, t.Missed,
		t.Talks, t.Talk.Milliseconds(), t.WrapUps, t.WrapUp.Milliseconds(), t.Holds, t.Hold.Milliseconds(),
		t.TransfersStarted, t.TransfersAccepted, t.Available.Milliseconds(), t.Away.Milliseconds(), t.TransfersOnly.Milliseconds())
	return err
}

// Figures is an agent with what it did today.
type Figures struct {
	Agent
	Tally
}

// Today returns every agent by number, with the figures since midnight (UTC)
// up to this moment.
func (aa *Agents) Today(ctx context.Context) (all []Figures, err error) {
	defer sotto.Wrap(&err, "agent.Today")
	aa.settling.Lock() // what is being written is neither owed nor in the table
	defer aa.settling.Unlock()
	agents, err := aa.List(ctx)
	if err != nil {
		return nil, err
	}
	now := aa.db.Now()
	today := midnight(now)
	written := map[sotto.PersonID]Tally{}
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		return db.Each(tx, func(s db.Scanner) error {
			id, t, err := scanDay(s)
			written[id] = t
			return err
		}, aa.q["Day"], db.Millis(today))
	})
	aa.mu.Lock()
	defer aa.mu.Unlock()
	for _, a := range agents {
		at := dayOf{a.Person, db.Millis(today)}
		t := written[a.Person].Plus(aa.owed[at])
		since := a.ChangedAt
		if since.Before(today) {
			since = today
		}
		all = append(all, Figures{a, t.Plus(spent(a.State, since, now)[at.day])})
	}
	return all, err
}

func scanDay(s db.Scanner) (id sotto.PersonID, t Tally, err error) {
	var talk, wrap, hold, available, away, transfers int64
	err = s.Scan((*int64)(&id), &t.Accepted, &t.Denied, &t.Missed, &t.Talks, &talk, &t.WrapUps, &wrap, &t.Holds, &hold,
		&t.TransfersStarted, &t.TransfersAccepted, &available, &away, &transfers)
	for to, ms := range map[*time.Duration]int64{
		&t.Talk: talk, &t.WrapUp: wrap, &t.Hold: hold, &t.Available: available, &t.Away: away, &t.TransfersOnly: transfers,
	} {
		*to = time.Duration(ms) * time.Millisecond
	}
	return id, t, err
}
