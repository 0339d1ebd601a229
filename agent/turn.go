package agent

import (
	"context"
	"slices"
	"time"

	"sotto"
	"sotto/db"
)

// Candidate is an agent who could be rung now.
type Candidate struct {
	Person    sotto.PersonID
	Key       sotto.KeyID      // what the agent's voice is sealed under
	Devices   []sotto.DeviceID // the registered ones, in order
	IdleSince time.Time
}

// LongestIdle returns who could be rung now: agents who are online, have a
// telephone registered and are not on a call, the longest idle first, equal
// ones by number. skip may leave some out; nil leaves out nobody.
func (aa *Agents) LongestIdle(ctx context.Context, skip func(sotto.PersonID) bool) (all []Candidate, err error) {
	defer sotto.Wrap(&err, "agent.LongestIdle")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all = nil
		return db.Each(tx, func(s db.Scanner) error {
			var c Candidate
			var device sotto.DeviceID
			var idle int64
			if err := s.Scan((*int64)(&c.Person), (*int64)(&c.Key), &idle, (*int64)(&device)); err != nil {
				return err
			}
			if n := len(all); n > 0 && all[n-1].Person == c.Person {
				all[n-1].Devices = append(all[n-1].Devices, device)
				return nil
			}
			c.IdleSince, c.Devices = db.Time(idle), []sotto.DeviceID{device}
			all = append(all, c)
			return nil
		}, aa.q["Idle"], db.Millis(tx.Now))
	})
	aa.mu.Lock()
	defer aa.mu.Unlock()
	all = slices.DeleteFunc(all, func(c Candidate) bool { return aa.busy[c.Person] || skip != nil && skip(c.Person) })
	for i := range all {
		if t := aa.idle[all[i].Person]; t.After(all[i].IdleSince) {
			all[i].IdleSince = t
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int {
		if c := a.IdleSince.Compare(b.IdleSince); c != 0 {
			return c
		}
		return int(a.Person - b.Person)
	})
	return all, err
}

// Take marks an agent as busy and reports whether the agent was free: whoever
// gets true, and no one else, may ring the agent until Free.
func (aa *Agents) Take(id sotto.PersonID) bool {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	if aa.busy[id] {
		return false
	}
	aa.busy[id] = true
	return true
}

// Free ends Take. talked says that there was a call: then the agent is idle
// from now on, and the last in turn.
func (aa *Agents) Free(id sotto.PersonID, talked bool) {
	aa.mu.Lock()
	delete(aa.busy, id)
	if talked {
		aa.idle[id] = aa.db.Now()
	}
	aa.mu.Unlock()
	aa.changed()
}

// Talked writes that a call of the agent's is over, so that the order of
// turns survives a restart. It is called in the transaction that ends the
// call, before Free. About an agent who is being erased nothing is written.
func (aa *Agents) Talked(tx *db.Tx, id sotto.PersonID) error {
	_, err := tx.Exec(aa.q["Talked"], int64(id), db.Millis(tx.Now))
	return err
}

// Busy returns how many agents are rung or on a call.
func (aa *Agents) Busy() int {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	return len(aa.busy)
}
