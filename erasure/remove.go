package erasure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/receipt"
)

// batch is how many rows one transaction removes, so that callers never wait
// long behind an erasure.
const batch = 200

// accountable is how long proof of an act is kept (catalogue.Accountable).
const accountable = 3 * 365 * 24 * time.Hour

// retainWhy is the article under which rows that prove an act are kept.
const retainWhy = "GDPR 17(3)(b)"

// place is one edge of one table with the columns it reaches.
type place struct {
	table   catalogue.Table
	edge    catalogue.Edge
	columns []catalogue.Column
}

// places returns every way a row can lead to a person, children before
// parents, so that a path is still whole when it is walked.
func places() []place {
	var out []place
	for _, t := range catalogue.Tables() {
		for _, e := range t.Edges {
			pl := place{table: t, edge: e}
			for _, c := range t.Columns {
				if slices.Contains(c.Whose, e.Name) {
					pl.columns = append(pl.columns, c)
				}
			}
			out = append(out, pl)
		}
	}
	slices.Reverse(out)
	return out
}

// nulls returns the columns that are set to NULL when the row stays.
func (pl place) nulls() []catalogue.Column {
	var out []catalogue.Column
	for _, c := range pl.columns {
		if c.Erase == catalogue.Null || c.Erase == catalogue.DestroyKey {
			out = append(out, c)
		}
	}
	return out
}

// remove walks the catalogue and removes everything that leads to the person,
// or the one ticket or recording.
func (e *Eraser) remove(ctx context.Context, r *Run) error {
	if r.subject != "person" {
		return e.removeThing(ctx, r)
	}
	if e.c.SignOut != nil {
		if err := e.c.SignOut(ctx, r.person); err != nil {
			return err
		}
	}
	for _, pl := range places() {
		var err error
		switch pl.edge.Fate {
		case catalogue.RowGoes:
			err = e.removeRows(ctx, r, pl)
		case catalogue.RowStays:
			err = e.detachRows(ctx, r, pl)
		case catalogue.RowIsKept:
			err = e.keepRows(ctx, r, pl)
		}
		if err != nil {
			return fmt.Errorf("%s by %s: %w", pl.table.Name, pl.edge.Name, err)
		}
	}
	return e.state(ctx, r, stateRemoved)
}

// removeRows deletes the rows at the end of an edge, with everything below
// them and their files, a batch at a time.
func (e *Eraser) removeRows(ctx context.Context, r *Run, pl place) error {
	from, where := pl.table.From(pl.edge)
	query := fmt.Sprintf("SELECT DISTINCT t0.%s FROM %s WHERE %s LIMIT %d", pl.table.Key(), from, where, batch)
	for {
		keys, err := e.numbers(ctx, query, int64(r.person))
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := e.removeTree(ctx, r, pl.table, keys); err != nil {
			return err
		}
	}
}

// removeTree removes files first and rows second: a crash in between leaves a
// row without a file, which the next try finds.
func (e *Eraser) removeTree(ctx context.Context, r *Run, t catalogue.Table, keys []int64) error {
	var files []fileSet
	if err := e.c.DB.Read(ctx, func(tx *db.Tx) error {
		return filesBelow(tx, t, keys, &files)
	}); err != nil {
		return err
	}
	removed := map[string]int64{}
	for _, f := range files {
		n, err := e.removeFiles(r, f)
		if err != nil {
			return err
		}
		removed["blob "+f.class.String()] += n
	}
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		rows := map[string]int64{}
		if err := deleteBelow(tx, t, keys, rows); err != nil {
			return err
		}
		for name, n := range rows {
			removed[name] += n
		}
		for name, n := range removed {
			if err := e.step(tx, r, receipt.Step{Place: name, Action: receipt.Delete, Removed: n}); err != nil {
				return err
			}
		}
		return nil
	})
}

// fileSet is files of one class.
type fileSet struct {
	class catalogue.Blob
	ids   []int64
}

// removeFiles removes the files of rows that go. Where the erasure destroyed
// the keys they are dead already; else their heads are overwritten.
func (e *Eraser) removeFiles(r *Run, f fileSet) (n int64, err error) {
	if len(r.keys) > 0 {
		return e.c.Blobs.Forget(f.class, f.ids...)
	}
	for _, id := range f.ids {
		was, err := e.c.Blobs.Delete(f.class, id)
		if err != nil {
			return n, err
		}
		if was {
			n++
		}
	}
	return n, nil
}

// filesBelow collects the files of the rows and of every row below them.
func filesBelow(tx *db.Tx, t catalogue.Table, keys []int64, files *[]fileSet) error {
	if b, ok := catalogue.BlobsOf(t.Name); ok {
		*files = append(*files, fileSet{b.Class, keys})
	}
	return eachChild(tx, t, keys, func(child catalogue.Table, below []int64) error {
		return filesBelow(tx, child, below, files)
	})
}

// deleteBelow deletes the rows and, before them, every row below them.
func deleteBelow(tx *db.Tx, t catalogue.Table, keys []int64, removed map[string]int64) error {
	if err := eachChild(tx, t, keys, func(child catalogue.Table, below []int64) error {
		return deleteBelow(tx, child, below, removed)
	}); err != nil {
		return err
	}
	query := fmt.Sprintf("DELETE FROM %s WHERE %s = $1", t.Name, t.Key())
	for _, k := range keys {
		n, err := tx.Exec(query, k)
		if err != nil {
			return fmt.Errorf("%s %d: %w", t.Name, k, err)
		}
		removed[t.Name] += n
	}
	return nil
}

// eachChild calls f with the rows whose parents are the given rows. A later
// table of the catalogue may refer to an earlier one, as an attachment to its
// comment, so the last comes first.
func eachChild(tx *db.Tx, t catalogue.Table, keys []int64, f func(catalogue.Table, []int64) error) error {
	for _, child := range slices.Backward(catalogue.Children(t.Name)) {
		column, _ := child.ParentOf()
		query := fmt.Sprintf("SELECT DISTINCT %s FROM %s WHERE %s = $1", child.Key(), child.Name, column)
		var below []int64
		for _, k := range keys {
			more, err := db.All(tx, db.Int, query, k)
			if err != nil {
				return err
			}
			below = append(below, more...)
		}
		if len(below) == 0 {
			continue
		}
		if err := f(child, below); err != nil {
			return err
		}
	}
	return nil
}

// detachRows leaves the rows and takes the person out of them: values under a
// destroyed key and links become NULL, pseudonyms stay as opaque numbers.
func (e *Eraser) detachRows(ctx context.Context, r *Run, pl place) error {
	nulls := pl.nulls()
	if len(nulls) == 0 || !pl.edge.Direct() {
		return e.countPseudonyms(ctx, r, pl)
	}
	var open []string
	for _, c := range nulls {
		open = append(open, "t0."+c.Name+" IS NOT NULL")
	}
	from, where := pl.table.From(pl.edge)
	query := fmt.Sprintf("SELECT t0.%s FROM %s WHERE %s AND (%s) LIMIT %d", pl.table.Key(), from, where, strings.Join(open, " OR "), batch)
	for {
		keys, err := e.numbers(ctx, query, int64(r.person))
		if err != nil || len(keys) == 0 {
			return err
		}
		err = e.c.DB.Write(ctx, func(tx *db.Tx) error { return e.detach(tx, r, pl.table, nulls, keys) })
		if err != nil {
			return err
		}
	}
}

// detach sets the columns of the rows to NULL. It notes of each column how many
// values were there: a receipt claims nothing that never was.
func (e *Eraser) detach(tx *db.Tx, r *Run, t catalogue.Table, nulls []catalogue.Column, keys []int64) error {
	var sets, counts []string
	for _, c := range nulls {
		sets = append(sets, c.Name+" = NULL")
		counts = append(counts, fmt.Sprintf("COUNT(%s)", c.Name))
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1", strings.Join(counts, ", "), t.Name, t.Key())
	update := fmt.Sprintf("UPDATE %s SET %s WHERE %s = $1", t.Name, strings.Join(sets, ", "), t.Key())
	removed := make([]int64, len(nulls))
	for _, k := range keys {
		there, err := db.One(tx, numbersIn(len(nulls)), query, k)
		if err != nil {
			return err
		}
		for i, n := range there {
			removed[i] += n
		}
		if _, err := tx.Exec(update, k); err != nil {
			return err
		}
	}
	for i, c := range nulls {
		st := receipt.Step{Place: t.Name + "." + c.Name, Action: receipt.Null, Removed: removed[i]}
		if c.Erase == catalogue.DestroyKey {
			st.Action = receipt.DestroyKey
		}
		if st.Removed == 0 {
			continue
		}
		if err := e.step(tx, r, st); err != nil {
			return err
		}
	}
	return nil
}

// numbersIn reads a row of n numbers.
func numbersIn(n int) func(db.Scanner) ([]int64, error) {
	return func(s db.Scanner) ([]int64, error) {
		out := make([]int64, n)
		to := make([]any, n)
		for i := range out {
			to[i] = &out[i]
		}
		return out, s.Scan(to...)
	}
}

// countPseudonyms notes what stays as an opaque number.
func (e *Eraser) countPseudonyms(ctx context.Context, r *Run, pl place) error {
	if !pl.edge.Direct() {
		return nil // detached with the row it leads through
	}
	n, err := e.count(ctx, pl, r.person)
	if err != nil || n == 0 {
		return err
	}
	hops, err := pl.edge.Hops()
	if err != nil {
		return err
	}
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		return e.step(tx, r, receipt.Step{
			Place: pl.table.Name + "." + hops[0].Column, Action: receipt.Pseudonym, Retained: n, Why: "GDPR 4(5)",
		})
	})
}

// keepRows notes what a duty keeps, under which article and until when. Sealed
// values in such rows are unreadable already and are removed.
func (e *Eraser) keepRows(ctx context.Context, r *Run, pl place) error {
	if err := e.detachRows(ctx, r, pl); err != nil {
		return err
	}
	n, err := e.count(ctx, pl, r.person)
	if err != nil || n == 0 {
		return err
	}
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		return e.step(tx, r, receipt.Step{
			Place: pl.table.Name, Action: receipt.Retain, Retained: n, Why: retainWhy,
			Until: tx.Now.Add(accountable).Truncate(24 * time.Hour),
		})
	})
}

func (e *Eraser) step(tx *db.Tx, r *Run, s receipt.Step) error {
	_, err := tx.Exec(e.q["Step"], r.id, s.Place, string(s.Action), s.Removed, s.Retained, s.Why, db.MillisOrNull(s.Until))
	return err
}

func (e *Eraser) state(ctx context.Context, r *Run, state string) error {
	r.state = state
	return e.c.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(e.q["State"], r.id, state)
		return err
	})
}

func (e *Eraser) count(ctx context.Context, pl place, id sotto.PersonID) (n int64, err error) {
	from, where := pl.table.From(pl.edge)
	got, err := e.numbers(ctx, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", from, where), int64(id))
	if err != nil {
		return 0, err
	}
	return got[0], nil
}

func (e *Eraser) numbers(ctx context.Context, query string, args ...any) (out []int64, err error) {
	err = e.c.DB.Read(ctx, func(tx *db.Tx) error {
		out, err = db.All(tx, db.Int, query, args...)
		return err
	})
	return out, err
}
