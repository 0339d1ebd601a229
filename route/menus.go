package route

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/line"
)

//go:embed route.sql
var statements string

// IVR is a tree of menus with its draft.
type IVR struct {
	ID    sotto.MenuID
	Name  string
	Draft Plan // what is being worked on; calls never hear it
	// Live is the version that new calls begin with; 0 while none was
	// published.
	Live                 int64
	CreatedAt, UpdatedAt time.Time
}

// Version is a plan that was published. It never changes.
type Version struct {
	IVR         sotto.MenuID
	Number      int64 // from 1
	Plan        Plan
	PublishedAt time.Time
}

// Config is what menus are kept with. HasGroup, HasAgent, HasSkill and HasGreeting say
// whether an id of a plan is there; a nil one is not asked.
type Config struct {
	DB    *db.DB
	Audit *audit.Log
	Lines *line.Lines

	HasGroup    func(tx *db.Tx, id sotto.GroupID) (bool, error)
	HasAgent    func(tx *db.Tx, id sotto.PersonID) (bool, error)
	HasSkill    func(tx *db.Tx, id sotto.SkillID) (bool, error)
	HasGreeting func(tx *db.Tx, id int64) (bool, error)
}

// Menus are the desk's trees of menus. Its methods may be called from any
// goroutine.
type Menus struct {
	Config
	q db.Queries
}

// New returns the menus of a desk.
func New(cfg Config) *Menus { return &Menus{Config: cfg, q: db.Parse(statements)} }

// Create adds a tree of menus with a first draft; nothing is published.
func (mm *Menus) Create(ctx context.Context, actor sotto.Actor, name string, draft Plan) (v IVR, err error) {
	defer sotto.Wrap(&err, "route.Create")
	if err := canChange(actor); err != nil {
		return v, err
	}
	v = IVR{Name: name, Draft: draft}
	row, err := v.check()
	if err != nil {
		return v, err
	}
	err = mm.DB.Write(ctx, func(tx *db.Tx) error {
		v.ID, v.CreatedAt, v.UpdatedAt = sotto.MenuID(tx.NewID()), tx.Now, tx.Now
		if _, err := tx.Exec(mm.q["Insert"], int64(v.ID), v.Name, row, db.Millis(tx.Now)); err != nil {
			return err
		}
		return mm.audit(tx, actor, audit.Create, v.ID)
	})
	return v, err
}

// Edit changes the name and the draft: edit gets the tree as it is. An error
// of edit changes nothing and is returned. Calls do not notice before Publish.
func (mm *Menus) Edit(ctx context.Context, actor sotto.Actor, id sotto.MenuID, edit func(*IVR) error) (v IVR, err error) {
	defer sotto.Wrap(&err, "route.Edit(%d)", id)
	err = mm.change(ctx, actor, audit.Update, id, func(tx *db.Tx, now IVR) error {
		v = now
		if err := edit(&v); err != nil {
			return err
		}
		v.ID, v.Live, v.UpdatedAt = now.ID, now.Live, tx.Now
		row, err := v.check()
		if err != nil {
			return err
		}
		_, err = tx.Exec(mm.q["Update"], int64(id), v.Name, row, db.Millis(tx.Now))
		return err
	})
	return v, err
}

// Check finds what is wrong with the draft.
func (mm *Menus) Check(ctx context.Context, id sotto.MenuID) (all []Finding, err error) {
	defer sotto.Wrap(&err, "route.Check(%d)", id)
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		v, err := mm.load(tx, id)
		if err != nil {
			return err
		}
		all, err = mm.check(tx, v.Draft)
		return err
	})
	return all, err
}

// Publish makes a version of the draft, and every call from now on begins with
// it; calls under way keep theirs. A draft with errors is refused: then the
// findings say why, and so they do with warnings. A draft that is the live
// version already stays that version.
func (mm *Menus) Publish(ctx context.Context, actor sotto.Actor, id sotto.MenuID) (n int64, found []Finding, err error) {
	defer sotto.Wrap(&err, "route.Publish(%d)", id)
	err = mm.change(ctx, actor, audit.Update, id, func(tx *db.Tx, v IVR) error {
		if found, err = mm.check(tx, v.Draft); err != nil {
			return err
		}
		if !OK(found) {
			return sotto.Fail(sotto.Conflict, "These menus cannot be published: look at what the check found, and set it right first.")
		}
		row, err := v.check()
		if err != nil {
			return err
		}
		if live, err := mm.version(tx, mm.q["Live"], int64(id)); err == nil {
			if same, err := v.Draft.same(live.Plan); err != nil || same {
				n = live.Number
				return err
			}
		} else if sotto.KindOf(err) != sotto.NotFound {
			return err
		}
		if n, err = db.One(tx, db.Int, mm.q["LastVersion"], int64(id)); err != nil {
			return err
		}
		n++
		if _, err := tx.Exec(mm.q["InsertVersion"], int64(id), n, row, db.Millis(tx.Now)); err != nil {
			return err
		}
		_, err = tx.Exec(mm.q["SetLive"], int64(id), n, db.Millis(tx.Now))
		return err
	})
	return n, found, err
}

// Rollback lets calls begin with an older version from now on. It is checked
// again: a group it names may be gone. The draft stays as it is.
func (mm *Menus) Rollback(ctx context.Context, actor sotto.Actor, id sotto.MenuID, number int64) (found []Finding, err error) {
	defer sotto.Wrap(&err, "route.Rollback(%d, %d)", id, number)
	err = mm.change(ctx, actor, audit.Restore, id, func(tx *db.Tx, _ IVR) error {
		old, err := mm.version(tx, mm.q["Version"], int64(id), number)
		if err != nil {
			return err
		}
		if found, err = mm.check(tx, old.Plan); err != nil {
			return err
		}
		if !OK(found) {
			return sotto.Fail(sotto.Conflict, "This version cannot be used any more: look at what the check found.")
		}
		_, err = tx.Exec(mm.q["SetLive"], int64(id), number, db.Millis(tx.Now))
		return err
	})
	return found, err
}

// Delete removes a tree of menus and all its versions. It is a Conflict while
// a line uses it. Figures about calls that went through it stay.
func (mm *Menus) Delete(ctx context.Context, actor sotto.Actor, id sotto.MenuID) (err error) {
	defer sotto.Wrap(&err, "route.Delete(%d)", id)
	return mm.change(ctx, actor, audit.Destroy, id, func(tx *db.Tx, _ IVR) error {
		used, err := mm.Lines.WithMenu(tx, id)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return sotto.Fail(sotto.Conflict, "A line still uses these menus. Give the line other menus, or none, first.")
		}
		if _, err := tx.Exec(mm.q["DeleteVersions"], int64(id)); err != nil {
			return err
		}
		_, err = tx.Exec(mm.q["Delete"], int64(id), db.Millis(tx.Now))
		return err
	})
}

// Get returns a tree of menus.
func (mm *Menus) Get(ctx context.Context, id sotto.MenuID) (v IVR, err error) {
	defer sotto.Wrap(&err, "route.Get(%d)", id)
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		v, err = mm.load(tx, id)
		return err
	})
	return v, err
}

// List returns every tree of menus, by name.
func (mm *Menus) List(ctx context.Context) (all []IVR, err error) {
	defer sotto.Wrap(&err, "route.List")
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanIVR, mm.q["List"])
		return err
	})
	return all, err
}

// Live returns the version that a call which comes now begins with. It is
// NotFound while none was published.
func (mm *Menus) Live(ctx context.Context, id sotto.MenuID) (v Version, err error) {
	defer sotto.Wrap(&err, "route.Live(%d)", id)
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		v, err = mm.version(tx, mm.q["Live"], int64(id))
		return err
	})
	v.IVR = id
	return v, err
}

// Versions returns what was published, the newest first.
func (mm *Menus) Versions(ctx context.Context, id sotto.MenuID) (all []Version, err error) {
	defer sotto.Wrap(&err, "route.Versions(%d)", id)
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		if _, err := mm.load(tx, id); err != nil {
			return err
		}
		all, err = db.All(tx, scanVersion, mm.q["Versions"], int64(id))
		return err
	})
	for i := range all {
		all[i].IVR = id
	}
	return all, err
}

// change is what every change of a tree has in common.
func (mm *Menus) change(ctx context.Context, actor sotto.Actor, as audit.Action, id sotto.MenuID, f func(*db.Tx, IVR) error) error {
	if err := canChange(actor); err != nil {
		return err
	}
	return mm.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("ivr"); err != nil {
			return err
		}
		v, err := mm.load(tx, id)
		if err != nil {
			return err
		}
		if err := f(tx, v); err != nil {
			return err
		}
		return mm.audit(tx, actor, as, id)
	})
}

func (mm *Menus) audit(tx *db.Tx, actor sotto.Actor, as audit.Action, id sotto.MenuID) error {
	return mm.Audit.Add(tx, actor, audit.Entry{Action: as, Source: audit.Menu, SourceID: int64(id)})
}

func canChange(actor sotto.Actor) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may change menus.")
	}
	return nil
}

// check brings a tree into its normal form and returns its draft as a row.
func (v *IVR) check() (row string, err error) {
	v.Name = strings.TrimSpace(v.Name)
	if v.Name == "" || !word(v.Name, maxName) {
		return "", sotto.FailField("name", "Give the menus a name of at most 255 bytes.")
	}
	if err := v.Draft.Fill(); err != nil {
		return "", err
	}
	b, err := v.Draft.JSON()
	if err == nil && len(b) > maxPlan {
		err = sotto.FailField("menus", "The menus are too large: 256 kB at most.")
	}
	return string(b), err
}

// same reports whether two plans are the same.
func (p Plan) same(o Plan) (bool, error) {
	a, e1 := p.JSON()
	b, e2 := o.JSON()
	return bytes.Equal(a, b), errors.Join(e1, e2)
}

// check asks who is there of those a plan names, and checks it.
func (mm *Menus) check(tx *db.Tx, p Plan) (found []Finding, err error) {
	known := Known{}
	if known.Groups, err = ask(tx, mm.HasGroup, p.groups()); err != nil {
		return nil, err
	}
	if known.Skills, err = ask(tx, mm.HasSkill, p.skills()); err != nil {
		return nil, err
	}
	if known.Agents, err = ask(tx, mm.HasAgent, p.agents()); err != nil {
		return nil, err
	}
	if known.Greetings, err = ask(tx, mm.HasGreeting, p.greetings()); err != nil {
		return nil, err
	}
	return p.Check(known), nil
}

// ask returns which ids are there; nil when there is nobody to ask.
func ask[ID ~int64](tx *db.Tx, has func(*db.Tx, ID) (bool, error), ids []ID) (map[ID]bool, error) {
	if has == nil {
		return nil, nil
	}
	known := map[ID]bool{}
	for _, id := range ids {
		there, err := has(tx, id)
		if err != nil {
			return nil, err
		}
		known[id] = there
	}
	return known, nil
}

// eachWay calls f with every way of the plan.
func (p Plan) eachWay(f func(Way)) {
	for _, m := range p.Menus {
		for _, r := range m.Routes {
			f(r.Way)
			for _, o := range r.Overflow {
				f(o)
			}
		}
	}
}

func (p Plan) groups() (all []sotto.GroupID) {
	p.eachWay(func(w Way) { all = append(all, w.Options.GroupIDs...) })
	return all
}

func (p Plan) skills() (all []sotto.SkillID) {
	p.eachWay(func(w Way) { all = append(all, w.Options.SkillIDs...) })
	return all
}

func (p Plan) agents() (all []sotto.PersonID) {
	p.eachWay(func(w Way) { all = append(all, w.Options.AgentID) })
	return all
}

func (p Plan) greetings() (all []int64) {
	for _, m := range p.Menus {
		for _, g := range m.Greetings {
			all = append(all, g.GreetingID)
		}
	}
	return all
}

func errNone() error { return sotto.Fail(sotto.NotFound, "There are no such menus.") }

func (mm *Menus) load(tx *db.Tx, id sotto.MenuID) (IVR, error) {
	v, err := db.One(tx, scanIVR, mm.q["Get"], int64(id))
	if errors.Is(err, db.ErrNone) {
		err = errNone()
	}
	return v, err
}

func (mm *Menus) version(tx *db.Tx, query string, args ...any) (Version, error) {
	v, err := db.One(tx, scanVersion, query, args...)
	if errors.Is(err, db.ErrNone) {
		err = sotto.Fail(sotto.NotFound, "There is no such version of these menus.")
	}
	return v, err
}

func scanIVR(s db.Scanner) (v IVR, err error) {
	var id, created, updated int64
	var live *int64
	var draft string
	if err := s.Scan(&id, &v.Name, &draft, &live, &created, &updated); err != nil {
		return v, err
	}
	v.ID, v.Live, v.CreatedAt, v.UpdatedAt = sotto.MenuID(id), db.Value(live), db.Time(created), db.Time(updated)
	v.Draft, err = ReadPlan([]byte(draft))
	return v, err
}

func scanVersion(s db.Scanner) (v Version, err error) {
	var published int64
	var plan string
	if err := s.Scan(&v.Number, &plan, &published); err != nil {
		return v, err
	}
	v.PublishedAt = db.Time(published)
	v.Plan, err = ReadPlan([]byte(plan))
	return v, err
}
