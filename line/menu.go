package line

import (
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
