package line

import (
	"context"
	"errors"

	"sotto"
	"sotto/db"
)

// WithMenu returns the lines in use whose callers hear a tree of menus.
func (ll *Lines) WithMenu(tx *db.Tx, id sotto.MenuID) ([]sotto.LineID, error) {
	return db.All(tx, func(s db.Scanner) (l sotto.LineID, err error) {
		err = s.Scan((*int64)(&l))
		return l, err
	}, ll.q["WithMenu"], int64(id))
}

// AddMenuSound adds a sound that menus may say, and returns its number for
// them to name. It belongs to a line as its other sounds do. wav is read as by
// SetSound. It never changes: a menu that is to say something else names
// another one.
func (ll *Lines) AddMenuSound(ctx context.Context, actor sotto.Actor, id sotto.LineID, locale string, wav []byte) (n int64, err error) {
	defer sotto.Wrap(&err, "line.AddMenuSound(%d)", id)
	d := Draft{Category: MenuGreeting, Locale: locale}
	if err := d.check(actor); err != nil {
		return 0, err
	}
	if wav == nil {
		wav = []byte{}
	}
	err = ll.keep(ctx, 0, wav, func(tx *db.Tx, s stored) error {
		if _, err := ll.living(tx, id); err != nil {
			return err
		}
		u, err := ll.insertGreeting(tx, actor, d, s)
		n = u.ID
		return err
	})
	return n, err
}

// HasMenuSound reports whether there is a sound of that number for menus.
func (ll *Lines) HasMenuSound(tx *db.Tx, n int64) (bool, error) {
	return tx.Has(ll.q["HasMenuSound"], n)
}

// MenuSound returns a sound that a menu names.
func (ll *Lines) MenuSound(ctx context.Context, n int64) (s Sound, err error) {
	defer sotto.Wrap(&err, "line.MenuSound(%d)", n)
	var row upload
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		row, err = db.One(tx, scanUpload, ll.q["MenuSound"], n)
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return s, sotto.Fail(sotto.NotFound, "There is no such sound for menus.")
	}
	if err != nil {
		return s, err
	}
	return ll.uploaded(row)
}
