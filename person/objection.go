package person

import (
	"context"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
)

// Purpose is what data may be used for, and what a person may object to.
type Purpose string

// The purposes a person may object to. Marketing is absolute (GDPR 21(2), (3)).
const (
	Marketing Purpose = "marketing"
	Texts     Purpose = "texts"     // every text of the desk: whoever answers STOP gets none
	Quality   Purpose = "quality"   // listening to recordings to train agents
	Analytics Purpose = "analytics" // figures that lead back to the person
)

// Objection is one purpose a person objected to.
type Objection struct {
	Purpose  Purpose
	RaisedAt time.Time
}

func (p Purpose) check() error {
	switch p {
	case Marketing, Texts, Quality, Analytics:
		return nil
	}
	return sotto.FailField("purpose", "The purpose is marketing, texts, quality or analytics.")
}

// Object records that the person objects to a purpose. Every address of the
// person goes onto the suppression list, which outlives erasure.
func (pp *People) Object(ctx context.Context, actor sotto.Actor, id sotto.PersonID, purpose Purpose) (err error) {
	defer sotto.Wrap(&err, "person.Object(%d)", id)
	if err := purpose.check(); err != nil {
		return err
	}
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, p Person) error {
		return pp.object(tx, p, purpose)
	})
}

// object writes an objection, once.
func (pp *People) object(tx *db.Tx, p Person, purpose Purpose) error {
	has, err := tx.Has(pp.q["OpenObjection"], int64(p.ID), string(purpose))
	if err != nil || has {
		return err
	}
	if _, err := tx.Exec(pp.q["InsertObjection"], tx.NewID(), int64(p.ID), string(purpose), db.Millis(tx.Now)); err != nil {
		return err
	}
	for _, a := range p.Addresses {
		if _, err := tx.Exec(pp.q["Suppress"], pp.suppressionHash(a.Kind, a.Value), string(purpose), db.Millis(tx.Now)); err != nil {
			return err
		}
	}
	return nil
}

// Said records on the person's own word, given from one of its numbers, that
// it objects to a purpose or, with objects false, does not any more. number is
// the one the word came from: it also ends an objection that outlived an
// erasure. It reports whether that changed anything. The audit entry names the
// desk.
func (pp *People) Said(tx *db.Tx, id sotto.PersonID, number string, purpose Purpose, objects bool) (changed bool, err error) {
	defer sotto.Wrap(&err, "person.Said(%d)", id)
	if err := purpose.check(); err != nil {
		return false, err
	}
	if err := pp.Live(tx, id); err != nil {
		return false, err
	}
	p, err := pp.Load(tx, id)
	if err != nil {
		return false, err
	}
	free, err := pp.MayContact(tx, Phone, number, purpose)
	if err != nil || free != objects {
		return false, err
	}
	if objects {
		err = pp.object(tx, p, purpose)
	} else {
		err = pp.withdraw(tx, p, purpose)
	}
	if err != nil {
		return false, err
	}
	return true, pp.audit.Add(tx, sotto.Desk(), audit.Entry{Action: audit.Update, Source: audit.Person, SourceID: int64(id), Person: id})
}

// WithdrawObjection takes an objection back, on the person's own word. It
// also ends one that outlived an erasure: whoever is known by the address now
// gives the word.
func (pp *People) WithdrawObjection(ctx context.Context, actor sotto.Actor, id sotto.PersonID, purpose Purpose) (err error) {
	defer sotto.Wrap(&err, "person.WithdrawObjection(%d)", id)
	if err := purpose.check(); err != nil {
		return err
	}
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, p Person) error {
		return pp.withdraw(tx, p, purpose)
	})
}

func (pp *People) withdraw(tx *db.Tx, p Person, purpose Purpose) error {
	if _, err := tx.Exec(pp.q["Withdraw"], int64(p.ID), string(purpose), db.Millis(tx.Now)); err != nil {
		return err
	}
	for _, a := range p.Addresses {
		if _, err := tx.Exec(pp.q["Unsuppress"], pp.suppressionHash(a.Kind, a.Value), string(purpose)); err != nil {
			return err
		}
	}
	return nil
}

// MayContact reports whether an address may be contacted for a purpose. Every
// outgoing call and text asks it for each leg; the answer also holds for
// people who were erased since.
func (pp *People) MayContact(tx *db.Tx, kind Kind, value string, purpose Purpose) (bool, error) {
	v, err := pp.normal(kind, value)
	if err != nil {
		return false, err
	}
	has, err := tx.Has(pp.q["Suppressed"], pp.suppressionHash(kind, v), string(purpose))
	return !has && err == nil, err
}

func (pp *People) suppressionHash(kind Kind, value string) []byte {
	return pp.ring.Hash(catalogue.SuppressionIndex, string(kind)+" "+value)
}

func (pp *People) objections(tx *db.Tx, id sotto.PersonID) ([]Objection, error) {
	return db.All(tx, func(s db.Scanner) (o Objection, err error) {
		var purpose string
		var at int64
		err = s.Scan(&purpose, &at)
		return Objection{Purpose(purpose), db.Time(at)}, err
	}, pp.q["Objections"], int64(id))
}
