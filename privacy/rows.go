package privacy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// row is what a person may see of one row of one table.
type row struct {
	key    int64
	values map[string]any // by column; sealed values are opened
	own    bool           // the file of this row is the person's own
}

// walk reads every row of every table that leads to the person, as the
// catalogue says, and calls f once for each table that has any. It is the only
// reader behind access and export: a place that is declared cannot be left out.
func (r *Rights) walk(tx *db.Tx, id sotto.PersonID, f func(catalogue.Table, []row) error) error {
	for _, t := range catalogue.Tables() {
		if len(t.Edges) == 0 {
			continue
		}
		rows, err := r.rowsOf(tx, t, id)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if len(rows) == 0 {
			continue
		}
		if err := f(t, rows); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf merges what each edge lets the person see, in the order of the key.
func (r *Rights) rowsOf(tx *db.Tx, t catalogue.Table, id sotto.PersonID) ([]row, error) {
	byKey := map[string]*row{}
	for _, e := range t.Edges {
		if err := r.rowsBy(tx, t, e, id, byKey); err != nil {
			return nil, err
		}
	}
	out := make([]row, 0, len(byKey))
	for _, name := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, *byKey[name])
	}
	slices.SortStableFunc(out, func(a, b row) int { return int(min(max(a.key-b.key, -1), 1)) })
	return out, nil
}

func (r *Rights) rowsBy(tx *db.Tx, t catalogue.Table, e catalogue.Edge, id sotto.PersonID, byKey map[string]*row) error {
	columns := visible(t, e)
	if len(columns) == 0 {
		return nil
	}
	b, hasBlob := catalogue.BlobsOf(t.Name)
	names := []string{"t0." + t.Key()}
	for _, c := range columns {
		names = append(names, "t0."+c.Name)
	}
	if hasBlob && b.Speaker != "" {
		names = append(names, "t0."+b.Speaker)
	}
	from, where := t.From(e)
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s", strings.Join(names, ", "), from, where)
	return db.Each(tx, func(s db.Scanner) error {
		key, values, speaker, err := r.scanRow(s, t, columns, hasBlob && b.Speaker != "")
		if err != nil {
			return err
		}
		// Tables without an id of their own are told apart by their values.
		name := fmt.Sprint(key)
		if t.Key() != "id" {
			name = fmt.Sprint(key, values)
		}
		have := byKey[name]
		if have == nil {
			have = &row{key: key, values: map[string]any{}}
			byKey[name] = have
		}
		maps.Copy(have.values, values)
		have.own = have.own || speaker == int64(id) || (speaker == 0 && e.As == catalogue.Caller) || (hasBlob && b.Speaker == "")
		return nil
	}, query, int64(id))
}

// visible returns the columns a person at the end of e may see and is handed
// over: those the catalogue gives a place in the export.
func visible(t catalogue.Table, e catalogue.Edge) []catalogue.Column {
	var out []catalogue.Column
	for _, c := range t.Columns {
		if slices.Contains(c.Whose, e.Name) && !strings.HasPrefix(c.Export, "-") {
			out = append(out, c)
		}
	}
	return out
}

func (r *Rights) scanRow(s db.Scanner, t catalogue.Table, columns []catalogue.Column, speaker bool) (key int64, values map[string]any, who int64, err error) {
	raw := make([]any, len(columns))
	sealed := make([]keyring.Sealed, len(columns))
	dest := []any{&key}
	for i, c := range columns {
		if c.Form == catalogue.Sealed {
			dest = append(dest, &sealed[i])
		} else {
			dest = append(dest, &raw[i])
		}
	}
	var whom *int64
	if speaker {
		dest = append(dest, &whom)
	}
	if err := s.Scan(dest...); err != nil {
		return 0, nil, 0, err
	}
	values = map[string]any{}
	for i, c := range columns {
		if c.Form != catalogue.Sealed {
			values[c.Name] = plain(c.Name, raw[i])
			continue
		}
		text, err := r.c.Ring.OpenNamed(sealed[i], t.Name, c.Name, key)
		if err != nil {
			return 0, nil, 0, err
		}
		if values[c.Name] = nil; !sealed[i].IsZero() {
			values[c.Name] = string(text)
		}
	}
	return key, values, db.Value(whom), nil
}

// plain brings a value of either database into one form: times as RFC 3339,
// hashes as hexadecimal.
func plain(column string, v any) any {
	switch v := v.(type) {
	case int64:
		if column == "at" || strings.HasSuffix(column, "_at") || column == "idle_since" {
			return db.Time(v).Format(time.RFC3339Nano)
		}
		return v
	case []byte:
		return fmt.Sprintf("%x", v)
	}
	return v
}

// field splits "tickets[].subject" into its collection and its name.
func field(c catalogue.Column) (collection, name string) {
	collection, name, _ = strings.Cut(c.Export, "[].")
	return collection, name
}
