package person

import (
	"context"
	"slices"

	"sotto"
	"sotto/db"
)

// Filter says which people List returns, in the order of their ids.
type Filter struct {
	After   sotto.PersonID // the page begins behind this id
	Before  sotto.PersonID // the page ends in front of this id; 0 is no bound
	Skip    int            // how many to leave out at the beginning
	Limit   int            // at most 1000; 0 is 100
	Role    sotto.Role     // "" is every role; Agent has the team leads with them
	Deleted bool           // the deleted ones instead of the living, erased ones included
}

// maxList is how many people List returns at once.
const maxList = 1000

// List returns a page of people, oldest first. With Before and without After
// it is the page right in front of Before.
func (pp *People) List(ctx context.Context, f Filter) (page []Person, err error) {
	defer sotto.Wrap(&err, "person.List")
	if f.Limit <= 0 {
		f.Limit = 100
	}
	backwards := f.Before != 0 && f.After == 0
	query := "List"
	if backwards {
		query = "ListBackwards"
	}
	if f.Before == 0 {
		f.Before = 1<<63 - 1
	}
	err = pp.db.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, pp.scan, pp.q[query], int64(f.After), int64(f.Before), db.Bit(f.Deleted), string(f.Role),
			min(f.Limit, maxList), f.Skip)
		for i := range page {
			if err == nil {
				err = pp.fill(tx, &page[i])
			}
		}
		return err
	})
	if backwards {
		slices.Reverse(page)
	}
	return page, err
}

// Count returns how many people List has on all its pages; f's bounds do not
// count.
func (pp *People) Count(ctx context.Context, f Filter) (n int64, err error) {
	defer sotto.Wrap(&err, "person.Count")
	err = pp.db.Read(ctx, func(tx *db.Tx) error {
		n, err = db.One(tx, db.Int, pp.q["Count"], db.Bit(f.Deleted), string(f.Role))
		return err
	})
	return n, err
}
