package agent

import (
	"context"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// Candidate is an agent who is there: online, with something that can be
// rung. It is a copy; whoever holds it may keep it.
type Candidate struct {
	Person    sotto.PersonID
	Key       sotto.KeyID      // what the agent's voice is sealed under
	Locale    string           // the agent's own language; "" is not known
	Devices   []sotto.DeviceID // telephones and pages that can be rung now, in order
	Outside   []sotto.DeviceID // devices of kind Forward, in order; they ring together with Devices
	Groups    []sotto.GroupID  // in order; the default group for an agent who is in none
	Skills    []sotto.SkillID  // in order
	IdleSince time.Time
	Free      bool // is neither rung, nor on a call, nor in wrap-up
}

// Roster is who is there.
type Roster struct {
	Agents []Candidate // by number
	// Next is when the first wrap-up ends by itself; zero for none. Watch does
	// not tell of that.
	Next time.Time
}

// Roster returns the agents who are online and can be rung, free or not:
// those package queue chooses from.
func (aa *Agents) Roster(ctx context.Context) (Roster, error) { return aa.roster(ctx, Online) }

// Takes returns who can be rung for a call that a colleague hands on: agents
// who are online or take transfers only, and are free.
func (aa *Agents) Takes(ctx context.Context) (all []Candidate, err error) {
	for _, s := range []State{Online, TransfersOnly} {
		r, err := aa.roster(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, r.Agents...)
	}
	all = slices.DeleteFunc(all, func(c Candidate) bool { return !c.Free })
	slices.SortFunc(all, func(a, b Candidate) int { return int(a.Person - b.Person) })
	return all, nil
}

func (aa *Agents) roster(ctx context.Context, state State) (r Roster, err error) {
	defer sotto.Wrap(&err, "agent.Roster")
	var skills map[sotto.PersonID][]sotto.SkillID
	var groups map[sotto.PersonID][]sotto.GroupID
	var limit int64
	var fallback []sotto.GroupID
	var rows []deviceRow
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		if rows, err = db.All(tx, scanRow, aa.q["Roster"], db.Millis(tx.Now), string(state)); err != nil {
			return err
		}
		if limit, err = db.Setting(tx, db.AutoAwayAfter, defaultMissed); err != nil {
			return err
		}
		if groups, err = pairs[sotto.GroupID](tx, aa.q["AllMemberships"]); err != nil {
			return err
		}
		if skills, err = pairs[sotto.SkillID](tx, aa.q["AllSkills"]); err != nil {
			return err
		}
		all, err := db.All(tx, scanGroup, aa.q["Groups"])
		for _, g := range all {
			if g.Default {
				fallback = append(fallback, g.ID)
			}
		}
		return err
	})
	if err != nil {
		return r, err
	}
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.limit = int(limit)
	for _, row := range rows {
		if !row.reachable && aa.browsers[row.device] == 0 || aa.duty(row.Person).away {
			continue
		}
		if n := len(r.Agents); n == 0 || r.Agents[n-1].Person != row.Person {
			c := row.Candidate
			if c.Groups, c.Skills = groups[c.Person], skills[c.Person]; len(c.Groups) == 0 {
				c.Groups = fallback
			}
			aa.look(&c, &r.Next)
			r.Agents = append(r.Agents, c)
		}
		r.Agents[len(r.Agents)-1].add(row.device, row.kind)
	}
	return r, nil
}

// look adds what only the memory knows; the caller holds mu.
func (aa *Agents) look(c *Candidate, next *time.Time) {
	d := aa.duty(c.Person)
	aa.lapse(c.Person, d)
	c.Free = d.status == NoCall
	if d.idle.After(c.IdleSince) {
		c.IdleSince = d.idle
	}
	if d.status == WrapUp && !d.until.IsZero() && (next.IsZero() || d.until.Before(*next)) {
		*next = d.until
	}
}

// add adds a device that can be rung.
func (c *Candidate) add(id sotto.DeviceID, kind Kind) {
	if kind == Forward {
		c.Outside = append(c.Outside, id)
		return
	}
	c.Devices = append(c.Devices, id)
}

// deviceRow is one device of one agent.
type deviceRow struct {
	Candidate
	device    sotto.DeviceID
	kind      Kind
	reachable bool
}

func scanRow(s db.Scanner) (r deviceRow, err error) {
	var idle, registered int64
	err = s.Scan((*int64)(&r.Person), (*int64)(&r.Key), &r.Locale, &idle, (*int64)(&r.device), (*string)(&r.kind), &registered)
	r.IdleSince, r.reachable = db.Time(idle), r.kind == Forward || registered > 0
	return r, err
}

// pairs reads whose each number is.
func pairs[N ~int64](tx *db.Tx, query string) (map[sotto.PersonID][]N, error) {
	all := map[sotto.PersonID][]N{}
	err := db.Each(tx, func(s db.Scanner) error {
		var id, n int64
		err := s.Scan(&id, &n)
		all[sotto.PersonID(id)] = append(all[sotto.PersonID(id)], N(n))
		return err
	}, query)
	return all, err
}

// AutoAway returns after how many offers in a row that rang out an agent is
// away; 0 is never.
func (aa *Agents) AutoAway(ctx context.Context) (n int64, err error) {
	defer sotto.Wrap(&err, "agent.AutoAway")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.Setting(tx, db.AutoAwayAfter, defaultMissed)
		return err
	})
	return n, err
}

// SetAutoAway changes it. Administrators only. It counts from the next offer
// on.
func (aa *Agents) SetAutoAway(ctx context.Context, actor sotto.Actor, n int64) (err error) {
	defer sotto.Wrap(&err, "agent.SetAutoAway")
	return aa.administer(ctx, actor, audit.Entry{Action: audit.Update, Source: audit.Setting}, func(tx *db.Tx) error {
		return db.SetSetting(tx, db.AutoAwayAfter, n)
	})
}
