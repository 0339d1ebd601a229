package agent

import (
	"context"
	"errors"

	"sotto"
	"sotto/db"
)

// Reach returns how somebody of the staff can be rung now, whatever state the
// agent is in: for a call that a colleague hands on, for a call of the agent's
// own, and for a supervisor. NotFound for who does not work here, Conflict
// when no telephone is registered. Take the agent before you ring.
func (aa *Agents) Reach(ctx context.Context, id sotto.PersonID) (c Candidate, err error) {
	defer sotto.Wrap(&err, "agent.Reach(%d)", id)
	c.Person = id
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		if staff, err := tx.Has(aa.q["IsStaff"], int64(id)); err != nil || !staff {
			return errors.Join(err, sotto.Fail(sotto.NotFound, "There is no such agent."))
		}
		key, err := db.One(tx, db.Int, aa.q["Key"], int64(id))
		if err != nil {
			return err
		}
		c.Key = sotto.KeyID(key)
		if c.Locale, err = db.One(tx, db.Text, aa.q["Locale"], int64(id)); err != nil {
			return err
		}
		all, err := db.All(tx, scanDevice, aa.q["Devices"], int64(id), db.Millis(tx.Now))
		for _, d := range all {
			if d.Registered > 0 || d.Kind == Browser && aa.isOpen(d.ID) || d.Kind == Forward && d.Rung {
				c.add(d.ID, d.Kind)
			}
		}
		return err
	})
	if err == nil && len(c.Devices)+len(c.Outside) == 0 {
		err = sotto.Fail(sotto.Conflict, "No telephone of this agent is registered.")
	}
	return c, err
}

// isOpen reports whether the page of a browser device is open.
func (aa *Agents) isOpen(id sotto.DeviceID) bool {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	return aa.browsers[id] > 0
}

// Extension returns the agent whose telephone signs in with a user name, which
// is what colleagues dial to reach the agent inside the desk. NotFound when
// nobody who works here has it.
func (aa *Agents) Extension(ctx context.Context, username string) (id sotto.PersonID, err error) {
	defer sotto.Wrap(&err, "agent.Extension")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		n, err := db.One(tx, db.Int, aa.q["Extension"], username)
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "Nobody has this extension.")
		}
		id = sotto.PersonID(n)
		return err
	})
	return id, err
}
