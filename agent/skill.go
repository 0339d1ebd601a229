package agent

import (
	"context"
	"errors"
	"strings"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// Skill is what a call may ask of an agent, as a language.
type Skill struct {
	ID   sotto.SkillID
	Name string
}

// AddSkill makes a skill, or returns the one of that name. Administrators only.
func (aa *Agents) AddSkill(ctx context.Context, actor sotto.Actor, name string) (k Skill, err error) {
	defer sotto.Wrap(&err, "agent.AddSkill")
	k.Name = strings.TrimSpace(name)
	if err := checkName(k.Name); err != nil {
		return k, err
	}
	err = aa.administer(ctx, actor, audit.Entry{Action: audit.Create, Source: audit.Setting}, func(tx *db.Tx) error {
		if _, err := tx.Exec(aa.q["InsertSkill"], tx.NewID(), k.Name, db.Millis(tx.Now)); err != nil {
			return err
		}
		id, err := db.One(tx, db.Int, aa.q["SkillByName"], k.Name)
		k.ID = sotto.SkillID(id)
		return err
	})
	return k, err
}

// RemoveSkill takes a skill away from everybody.
func (aa *Agents) RemoveSkill(ctx context.Context, actor sotto.Actor, id sotto.SkillID) (err error) {
	defer sotto.Wrap(&err, "agent.RemoveSkill(%d)", id)
	return aa.administer(ctx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Setting}, func(tx *db.Tx) error {
		if _, err := tx.Exec(aa.q["DropSkill"], int64(id)); err != nil {
			return err
		}
		n, err := tx.Exec(aa.q["DeleteSkill"], int64(id))
		if err == nil && n == 0 {
			err = errNoSkill()
		}
		return err
	})
}

// HasSkill reports whether there is such a skill, so that calls can ask for it.
func (aa *Agents) HasSkill(tx *db.Tx, id sotto.SkillID) (bool, error) {
	return tx.Has(aa.q["SkillByID"], int64(id))
}

func errNoSkill() error { return sotto.Fail(sotto.NotFound, "There is no such skill.") }

// Skills returns every skill by name.
func (aa *Agents) Skills(ctx context.Context) (all []Skill, err error) {
	defer sotto.Wrap(&err, "agent.Skills")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanSkill, aa.q["Skills"])
		return err
	})
	return all, err
}

// SkillsOf returns an agent's skills by name.
func (aa *Agents) SkillsOf(ctx context.Context, id sotto.PersonID) (all []Skill, err error) {
	defer sotto.Wrap(&err, "agent.SkillsOf(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanSkill, aa.q["SkillsOf"], int64(id))
		return err
	})
	return all, err
}

func scanSkill(s db.Scanner) (k Skill, err error) {
	err = s.Scan((*int64)(&k.ID), &k.Name)
	return k, err
}

// GiveSkill says that an agent has a skill, and TakeSkill that it has it no
// more. Administrators only.
func (aa *Agents) GiveSkill(ctx context.Context, actor sotto.Actor, id sotto.PersonID, skill sotto.SkillID) (err error) {
	defer sotto.Wrap(&err, "agent.GiveSkill(%d, %d)", id, skill)
	return aa.changeSkill(ctx, actor, id, audit.Create, func(tx *db.Tx) error {
		known, err := tx.Has(aa.q["SkillByID"], int64(skill))
		if err == nil && !known {
			err = errNoSkill()
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(aa.q["GiveSkill"], tx.NewID(), int64(id), int64(skill))
		return err
	})
}

// TakeSkill is the reverse of GiveSkill.
func (aa *Agents) TakeSkill(ctx context.Context, actor sotto.Actor, id sotto.PersonID, skill sotto.SkillID) (err error) {
	defer sotto.Wrap(&err, "agent.TakeSkill(%d, %d)", id, skill)
	return aa.changeSkill(ctx, actor, id, audit.Destroy, func(tx *db.Tx) error {
		_, err := tx.Exec(aa.q["TakeSkill"], int64(id), int64(skill))
		return err
	})
}

func (aa *Agents) changeSkill(ctx context.Context, actor sotto.Actor, id sotto.PersonID, action audit.Action, f func(*db.Tx) error) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may say who has which skill.")
	}
	err := aa.write(ctx, actor, id, audit.Entry{Action: action, Source: audit.Agent}, f)
	aa.changed()
	return err
}

// SetDirect makes a line ring one agent alone; 0 makes it everybody's again.
// Administrators only.
func (aa *Agents) SetDirect(ctx context.Context, actor sotto.Actor, line sotto.LineID, id sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "agent.SetDirect(%d, %d)", line, id)
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may say whom a line rings.")
	}
	if id == 0 {
		return aa.administer(ctx, actor, audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: int64(line)}, func(tx *db.Tx) error {
			_, err := tx.Exec(aa.q["ClearDirect"], int64(line))
			return err
		})
	}
	return aa.write(ctx, actor, id, audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: int64(line)}, func(tx *db.Tx) error {
		there, err := tx.Has(aa.q["LiveLine"], int64(line))
		if err == nil && !there {
			err = sotto.Fail(sotto.NotFound, "There is no such line.")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(aa.q["SetDirect"], int64(line), int64(id))
		return err
	})
}

// Direct returns whom a line rings alone; 0 for a line that is everybody's.
func (aa *Agents) Direct(ctx context.Context, line sotto.LineID) (id sotto.PersonID, err error) {
	defer sotto.Wrap(&err, "agent.Direct(%d)", line)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		n, err := db.One(tx, db.Int, aa.q["Direct"], int64(line))
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		id = sotto.PersonID(n)
		return err
	})
	return id, err
}
