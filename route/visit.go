package route

import (
	"context"
	"time"

	"sotto"
	"sotto/db"
)

// Visit is one stay of a call in a menu, and what it came to: an Action,
// TookInvalid, TookNothing or TookAbandoned. It is for figures; the key that
// was pressed is not in it.
type Visit struct {
	IVR     sotto.MenuID
	Version int64
	Menu    int64
	Took    string
	Entered time.Time
	Left    time.Time
}

// Note writes the visits of a call, in the transaction that ends them.
func (mm *Menus) Note(tx *db.Tx, id sotto.CallID, all []Visit) error {
	for _, v := range all {
		if _, err := tx.Exec(mm.q["InsertStep"], tx.NewID(), int64(id), int64(v.IVR), v.Version, v.Menu, v.Took,
			db.Millis(v.Entered), db.Millis(v.Left)); err != nil {
			return err
		}
	}
	return nil
}

// Visits returns the visits of a call, in order.
func (mm *Menus) Visits(ctx context.Context, id sotto.CallID) (all []Visit, err error) {
	defer sotto.Wrap(&err, "route.Visits(%d)", id)
	err = mm.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanVisit, mm.q["Steps"], int64(id))
		return err
	})
	return all, err
}

func scanVisit(s db.Scanner) (v Visit, err error) {
	var ivr, entered, left int64
	err = s.Scan(&ivr, &v.Version, &v.Menu, &v.Took, &entered, &left)
	v.IVR, v.Entered, v.Left = sotto.MenuID(ivr), db.Time(entered), db.Time(left)
	return v, err
}
