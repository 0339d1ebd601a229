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

// Group is agents who answer for the same things.
type Group struct {
	ID        sotto.GroupID
	Name      string
	Default   bool // whoever is in no group is in this one
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Membership is one agent in one group.
type Membership struct {
	ID        int64
	Person    sotto.PersonID
	Group     sotto.GroupID
	Default   bool // the agent's first group
	CreatedAt time.Time
}

// AddGroup makes a group. Administrators only. The first is the default one.
func (aa *Agents) AddGroup(ctx context.Context, actor sotto.Actor, name string) (g Group, err error) {
	defer sotto.Wrap(&err, "agent.AddGroup")
	g.Name = strings.TrimSpace(name)
	if err := checkName(g.Name); err != nil {
		return g, err
	}
	id, err := aa.newID(ctx)
	if err != nil {
		return g, err
	}
	g.ID = sotto.GroupID(id)
	err = aa.administer(ctx, actor, audit.Entry{Action: audit.Create, Source: audit.Group, SourceID: id}, func(tx *db.Tx) error {
		if err := tx.Lock("agent_group"); err != nil {
			return err
		}
		others, err := db.All(tx, scanGroup, aa.q["Groups"])
		if err != nil {
			return err
		}
		g.CreatedAt, g.UpdatedAt, g.Default = tx.Now, tx.Now, len(others) == 0
		_, err = tx.Exec(aa.q["InsertGroup"], id, g.Name, db.Bit(g.Default), db.Millis(tx.Now))
		return err
	})
	return g, err
}

// UpdateGroup renames a group or makes it the default one; nil leaves a value
// as it is. A group stops being the default when another becomes it.
func (aa *Agents) UpdateGroup(ctx context.Context, actor sotto.Actor, id sotto.GroupID, name *string, isDefault *bool) (g Group, err error) {
	defer sotto.Wrap(&err, "agent.UpdateGroup(%d)", id)
	err = aa.administer(ctx, actor, audit.Entry{Action: audit.Update, Source: audit.Group, SourceID: int64(id)}, func(tx *db.Tx) error {
		if g, err = aa.group(tx, id); err != nil {
			return err
		}
		if name != nil {
			g.Name = strings.TrimSpace(*name)
		}
		if err := checkName(g.Name); err != nil {
			return err
		}
		if isDefault != nil && *isDefault && !g.Default {
			g.Default = true
			if _, err := tx.Exec(aa.q["NoDefaultGroup"], db.Millis(tx.Now)); err != nil {
				return err
			}
		}
		g.UpdatedAt = tx.Now
		_, err := tx.Exec(aa.q["UpdateGroup"], int64(id), g.Name, db.Bit(g.Default), db.Millis(tx.Now))
		return err
	})
	aa.changed()
	return g, err
}

// RemoveGroup takes a group away with everybody's place in it. The default
// group stays.
func (aa *Agents) RemoveGroup(ctx context.Context, actor sotto.Actor, id sotto.GroupID) (err error) {
	defer sotto.Wrap(&err, "agent.RemoveGroup(%d)", id)
	return aa.administer(ctx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Group, SourceID: int64(id)}, func(tx *db.Tx) error {
		g, err := aa.group(tx, id)
		if err != nil {
			return err
		}
		if g.Default {
			return sotto.Fail(sotto.Conflict, "This is the default group. Make another group the default first.")
		}
		if _, err := tx.Exec(aa.q["DeleteMembershipsOfGroup"], int64(id)); err != nil {
			return err
		}
		_, err = tx.Exec(aa.q["DeleteGroup"], int64(id), db.Millis(tx.Now))
		return err
	})
}

// Groups returns the groups in use by number.
func (aa *Agents) Groups(ctx context.Context) (all []Group, err error) {
	defer sotto.Wrap(&err, "agent.Groups")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanGroup, aa.q["Groups"])
		return err
	})
	return all, err
}

// Group returns one group; NotFound when it was taken away.
func (aa *Agents) Group(ctx context.Context, id sotto.GroupID) (g Group, err error) {
	defer sotto.Wrap(&err, "agent.Group(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		g, err = aa.group(tx, id)
		return err
	})
	return g, err
}

// HasGroup reports whether there is such a group.
func (aa *Agents) HasGroup(tx *db.Tx, id sotto.GroupID) (bool, error) {
	_, err := aa.group(tx, id)
	if sotto.KindOf(err) == sotto.NotFound {
		return false, nil
	}
	return err == nil, err
}

// HasAgent reports whether somebody is of the staff, so that calls can be led
// to them.
func (aa *Agents) HasAgent(tx *db.Tx, id sotto.PersonID) (bool, error) {
	return tx.Has(aa.q["IsStaff"], int64(id))
}

func (aa *Agents) group(tx *db.Tx, id sotto.GroupID) (Group, error) {
	g, err := db.One(tx, scanGroup, aa.q["Group"], int64(id))
	if errors.Is(err, db.ErrNone) {
		err = sotto.Fail(sotto.NotFound, "There is no such group.")
	}
	return g, err
}

func scanGroup(s db.Scanner) (g Group, err error) {
	var isDefault, created, updated int64
	err = s.Scan((*int64)(&g.ID), &g.Name, &isDefault, &created, &updated)
	g.Default, g.CreatedAt, g.UpdatedAt = isDefault == 1, db.Time(created), db.Time(updated)
	return g, err
}

// Enter puts an agent into a group. Administrators only. The agent's first
// group is the agent's default.
func (aa *Agents) Enter(ctx context.Context, actor sotto.Actor, id sotto.PersonID, group sotto.GroupID) (m Membership, err error) {
	defer sotto.Wrap(&err, "agent.Enter(%d, %d)", id, group)
	if !actor.IsAdmin() {
		return m, sotto.Fail(sotto.Denied, "Only an administrator may say who is in a group.")
	}
	err = aa.write(ctx, actor, id, audit.Entry{Action: audit.Create, Source: audit.Group, SourceID: int64(group)}, func(tx *db.Tx) error {
		if _, err := aa.group(tx, group); err != nil {
			return err
		}
		all, err := aa.membershipsOf(tx, id)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.Group == group {
				return sotto.Fail(sotto.Conflict, "The agent is in this group already.")
			}
		}
		m = Membership{ID: tx.NewID(), Person: id, Group: group, Default: len(all) == 0, CreatedAt: tx.Now}
		_, err = tx.Exec(aa.q["InsertMembership"], m.ID, int64(id), int64(group), db.Bit(m.Default), db.Millis(tx.Now))
		return err
	})
	aa.changed()
	return m, err
}

// Quit takes an agent out of a group.
func (aa *Agents) Quit(ctx context.Context, actor sotto.Actor, membership int64) (err error) {
	defer sotto.Wrap(&err, "agent.Quit(%d)", membership)
	return aa.changeMembership(ctx, actor, membership, audit.Destroy, func(tx *db.Tx, m Membership) error {
		_, err := tx.Exec(aa.q["DeleteMembership"], m.ID)
		return err
	})
}

// MakeDefault makes a membership its agent's default one.
func (aa *Agents) MakeDefault(ctx context.Context, actor sotto.Actor, membership int64) (err error) {
	defer sotto.Wrap(&err, "agent.MakeDefault(%d)", membership)
	return aa.changeMembership(ctx, actor, membership, audit.Update, func(tx *db.Tx, m Membership) error {
		if _, err := tx.Exec(aa.q["NoDefaultMembership"], int64(m.Person)); err != nil {
			return err
		}
		_, err := tx.Exec(aa.q["DefaultMembership"], m.ID)
		return err
	})
}

func (aa *Agents) changeMembership(ctx context.Context, actor sotto.Actor, id int64, action audit.Action, f func(*db.Tx, Membership) error) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may say who is in a group.")
	}
	all, err := aa.Memberships(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.ID != id {
			continue
		}
		err := aa.write(ctx, actor, m.Person, audit.Entry{Action: action, Source: audit.Group, SourceID: int64(m.Group)}, func(tx *db.Tx) error { return f(tx, m) })
		aa.changed()
		return err
	}
	return sotto.Fail(sotto.NotFound, "There is no such membership.")
}

// Memberships returns who is in which group.
func (aa *Agents) Memberships(ctx context.Context) (all []Membership, err error) {
	defer sotto.Wrap(&err, "agent.Memberships")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanMembership, aa.q["Memberships"])
		return err
	})
	return all, err
}

func (aa *Agents) membershipsOf(tx *db.Tx, id sotto.PersonID) (mine []Membership, err error) {
	all, err := db.All(tx, scanMembership, aa.q["Memberships"])
	for _, m := range all {
		if m.Person == id {
			mine = append(mine, m)
		}
	}
	return mine, err
}

func scanMembership(s db.Scanner) (m Membership, err error) {
	var isDefault, created int64
	err = s.Scan(&m.ID, (*int64)(&m.Person), (*int64)(&m.Group), &isDefault, &created)
	m.Default, m.CreatedAt = isDefault == 1, db.Time(created)
	return m, err
}
