package person

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
)

// Change is what to set; nil leaves a field as it is.
type Change struct {
	Role       *sotto.Role
	Name       *string
	Notes      *string
	Details    *string
	ExternalID *string
	Locale     *string
	Suspended  *bool
	Phone      *string          // corrects the first number, or adds it when there is none
	Email      *string          // adds an e-mail address, unless the person has it
	Addresses  map[int64]string // corrects addresses, by their rows
}

// Update changes a person; look-up rows follow in the same transaction.
func (pp *People) Update(ctx context.Context, actor sotto.Actor, id sotto.PersonID, c Change) (err error) {
	defer sotto.Wrap(&err, "person.Update(%d)", id)
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, p Person) error {
		if c.Role != nil && *c.Role != p.Role && !actor.IsAdmin() {
			return sotto.Fail(sotto.Denied, "Only an administrator may change what a person may do.")
		}
		return pp.apply(tx, p, c)
	})
}

func (pp *People) apply(tx *db.Tx, p Person, c Change) error {
	d := Draft{Role: p.Role, Name: p.Name, Notes: p.Notes, Details: p.Details, ExternalID: p.ExternalID, Locale: p.Locale}
	set(&d.Role, c.Role)
	set(&d.Name, c.Name)
	set(&d.Notes, c.Notes)
	set(&d.Details, c.Details)
	set(&d.ExternalID, c.ExternalID)
	set(&d.Locale, c.Locale)
	if err := d.check(); err != nil {
		return err
	}
	if c.Suspended != nil && *c.Suspended && p.SuspendedAt.IsZero() {
		p.SuspendedAt = tx.Now
	} else if c.Suspended != nil && !*c.Suspended {
		p.SuspendedAt = time.Time{}
	}
	s, err := pp.sealTexts(p.ID, p.Key, d)
	if err != nil {
		return err
	}
	if err := pp.freeExternal(tx, p.ID, d.ExternalID); err != nil {
		return err
	}
	if _, err := tx.Exec(pp.q["Update"], int64(p.ID), string(d.Role), s.name, s.notes, s.details, s.external, s.externalHash,
		d.Locale, db.Millis(tx.Now), db.MillisOrNull(p.SuspendedAt)); err != nil {
		return err
	}
	if err := pp.applyAddresses(tx, p, c); err != nil || d.Name == p.Name {
		return err
	}
	return pp.indexName(tx, p.ID, d.Name)
}

func (pp *People) applyAddresses(tx *db.Tx, p Person, c Change) error {
	for _, row := range slices.Sorted(maps.Keys(c.Addresses)) {
		if err := pp.setAddress(tx, p, row, c.Addresses[row]); err != nil {
			return err
		}
	}
	if c.Phone != nil {
		if err := pp.applyPhone(tx, p, *c.Phone); err != nil {
			return err
		}
	}
	if c.Email == nil {
		return nil
	}
	v, err := pp.normal(Email, *c.Email)
	if err != nil || slices.ContainsFunc(p.Addresses, func(a Address) bool { return a.Kind == Email && a.Value == v }) {
		return err
	}
	_, err = pp.addAddress(tx, p.ID, p.Key, Address{Kind: Email, Value: v, Primary: p.Email() == ""})
	return err
}

func (pp *People) applyPhone(tx *db.Tx, p Person, number string) error {
	first := p.Phone()
	for _, a := range p.Addresses {
		if a.Kind == Phone && a.Value == first {
			return pp.setAddress(tx, p, a.ID, number)
		}
	}
	_, err := pp.addAddress(tx, p.ID, p.Key, Address{Kind: Phone, Value: number, Primary: true})
	return err
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// change runs f on a living person and writes the audit entry beside it.
func (pp *People) change(ctx context.Context, actor sotto.Actor, id sotto.PersonID, action audit.Action, f func(*db.Tx, Person) error) error {
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may change people.")
	}
	return pp.db.Write(ctx, func(tx *db.Tx) error {
		if err := pp.Live(tx, id); err != nil {
			if ok, had := tx.Has(pp.q["Get"], int64(id)); had == nil && !ok {
				return sotto.Fail(sotto.NotFound, "There is no such person.")
			}
			return err
		}
		p, err := pp.Load(tx, id)
		if err != nil {
			return err
		}
		if p.Role.Staff() && !actor.IsAdmin() && actor.Person != id {
			return sotto.Fail(sotto.Denied, "Only an administrator may change staff.")
		}
		if err := f(tx, p); err != nil {
			return err
		}
		return pp.audit.Add(tx, actor, audit.Entry{Action: action, Source: audit.Person, SourceID: int64(id), Person: id})
	})
}

// SoftDelete puts a person among the deleted. Nothing is removed: that is
// erasure's work.
func (pp *People) SoftDelete(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "person.SoftDelete(%d)", id)
	return pp.change(ctx, actor, id, audit.Destroy, func(tx *db.Tx, _ Person) error {
		_, err := tx.Exec(pp.q["SoftDelete"], int64(id), db.Millis(tx.Now))
		return err
	})
}

// Restore takes a person back from the deleted.
func (pp *People) Restore(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "person.Restore(%d)", id)
	return pp.change(ctx, actor, id, audit.Restore, func(tx *db.Tx, _ Person) error {
		_, err := tx.Exec(pp.q["Restore"], int64(id), db.Millis(tx.Now))
		return err
	})
}

// Find returns the people an agent means by query: a number, an e-mail
// address, an external id, or words of a name (all must be there).
func (pp *People) Find(ctx context.Context, query string) (found []Person, err error) {
	defer sotto.Wrap(&err, "person.Find")
	query = strings.TrimSpace(query)
	if query == "" {
		return nil, sotto.FailField("query", "Say whom to look for: a number, an e-mail address or a name.")
	}
	err = pp.db.Read(ctx, func(tx *db.Tx) error {
		ids, err := pp.match(tx, query)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, err := pp.Load(tx, id)
			if err != nil {
				return err
			}
			found = append(found, p)
		}
		return nil
	})
	return found, err
}

func (pp *People) match(tx *db.Tx, query string) ([]sotto.PersonID, error) {
	for _, kind := range []Kind{Phone, Email} {
		id, err := pp.byAddress(tx, kind, query)
		switch {
		case err == nil:
			return []sotto.PersonID{id}, nil
		case sotto.KindOf(err) == sotto.Internal:
			return nil, err
		}
	}
	id, err := db.One(tx, db.Int, pp.q["ByExternal"], pp.ring.Hash(catalogue.ExternalIDIndex, query))
	if err == nil {
		return []sotto.PersonID{sotto.PersonID(id)}, nil
	}
	if !errors.Is(err, db.ErrNone) {
		return nil, err
	}
	return pp.matchWords(tx, words(query))
}

func (pp *People) matchWords(tx *db.Tx, terms []string) ([]sotto.PersonID, error) {
	hits := map[int64]int{}
	var order []int64
	for _, w := range terms {
		ids, err := db.All(tx, db.Int, pp.q["ByWord"], pp.ring.Hash(catalogue.NameIndex, w))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			if hits[id]++; hits[id] == 1 {
				order = append(order, id)
			}
		}
	}
	var out []sotto.PersonID
	for _, id := range order {
		if hits[id] == len(terms) {
			out = append(out, sotto.PersonID(id))
		}
	}
	return out, nil
}
