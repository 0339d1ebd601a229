package privacy

import (
	"context"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
)

// Report answers GDPR 15(1) for one person: what is held where, why, on which
// basis, who sees it, for how long, and what the person may ask.
type Report struct {
	Person     sotto.PersonID
	At         time.Time
	Places     []Place
	Files      []Files
	Recipients []catalogue.Recipient
	Automated  string // 15(1)(h)
	Source     string // 15(1)(g)
	Rights     string // 15(1)(e), (f)
}

// Place is one kind of value that is held about the person.
type Place struct {
	Name    string // table.column, as in CATALOGUE.md
	Count   int64
	Why     string
	Basis   catalogue.Basis
	Keep    catalogue.Keep
	Role    catalogue.Role // the part the person plays there
	Erasure catalogue.Erase
}

// Files is how many files of a class are held.
type Files struct {
	Class string
	What  string
	Count int64
}

// Show says where a person's data is and why. It reads the catalogue and the
// live database, so it says what is, not what somebody once wrote down.
func (r *Rights) Show(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (rep Report, err error) {
	defer sotto.Wrap(&err, "privacy.Show(%d)", id)
	if !actor.IsAdmin() && actor.Person != id {
		return rep, errOnlyAdmin()
	}
	if rep, err = r.report(ctx, id); err != nil {
		return rep, err
	}
	return rep, r.note(ctx, actor, id, Access, audit.Read, -1)
}

func (r *Rights) report(ctx context.Context, id sotto.PersonID) (rep Report, err error) {
	rep = Report{
		Person: id, Recipients: catalogue.Recipients(),
		Automated: "No decision about a person is taken by a machine alone.",
		Source:    "From the person's own calls and messages, and from what agents wrote down.",
		Rights:    "The person may ask for a copy, for correction, for erasure, for restriction and for portability, may object, and may complain to the supervisory authority.",
	}
	err = r.c.DB.Read(ctx, func(tx *db.Tx) error {
		rep.At = tx.Now
		if _, err := r.c.People.Load(tx, id); err != nil {
			return err
		}
		return r.walk(tx, id, func(t catalogue.Table, rows []row) error {
			rep.Places = append(rep.Places, placesIn(t, rows)...)
			if b, ok := catalogue.BlobsOf(t.Name); ok {
				rep.Files = append(rep.Files, Files{b.Class.String(), b.What, int64(len(rows))})
			}
			return nil
		})
	})
	return rep, err
}

// placesIn counts the values of each column that are there.
func placesIn(t catalogue.Table, rows []row) []Place {
	var out []Place
	for _, c := range t.Columns {
		var n int64
		for _, w := range rows {
			if w.values[c.Name] != nil {
				n++
			}
		}
		if n == 0 {
			continue
		}
		e, _ := t.Edge(c.Whose[0])
		out = append(out, Place{
			Name: t.Name + "." + c.Name, Count: n, Why: c.Why, Basis: c.Basis, Keep: c.Keep, Role: e.As, Erasure: c.Erase,
		})
	}
	return out
}
