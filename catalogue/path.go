package catalogue

import (
	"fmt"
	"strings"
)

// Hop is one step of a path: Column of Table leads to the id of the next
// hop's table, or, on the last hop, to the person.
type Hop struct{ Table, Column string }

// Hops splits the edge's path.
func (e Edge) Hops() ([]Hop, error) {
	var hops []Hop
	for _, part := range strings.Split(e.Path, "→") {
		table, column, ok := strings.Cut(part, ".")
		if !ok || table == "" || column == "" {
			return nil, fmt.Errorf("path %q: %q is not table.column", e.Path, part)
		}
		hops = append(hops, Hop{table, column})
	}
	return hops, nil
}

// Direct reports whether the row itself names the person.
func (e Edge) Direct() bool { return !strings.Contains(e.Path, "→") }

// From returns the FROM and WHERE clauses that select the rows of t that lead
// to person $1 by edge e; the row's own alias is "t0". Names come from the
// catalogue alone, so the text can be put into SQL as it is.
func (t Table) From(e Edge) (from, where string) {
	hops, err := e.Hops()
	if err != nil || hops[0].Table != t.Name {
		return "", ""
	}
	from = t.Name + " t0"
	for i, h := range hops[1:] {
		from += fmt.Sprintf(" JOIN %s t%d ON t%d.id = t%d.%s", h.Table, i+1, i+1, i, hops[i].Column)
	}
	last := len(hops) - 1
	return from, fmt.Sprintf("t%d.%s = $1", last, hops[last].Column)
}

// Key returns the column that identifies a row: id, or the table's only
// person column where there is none.
func (t Table) Key() string {
	if _, ok := t.Column("id"); ok {
		return "id"
	}
	for _, e := range t.Edges {
		if hops, err := e.Hops(); err == nil && len(hops) == 1 {
			return hops[0].Column
		}
	}
	if t.Parent != "" {
		column, _, _ := strings.Cut(t.Parent, "→")
		return column
	}
	return t.Columns[0].Name
}

// ParentOf splits Parent into the column of t and the parent table's name.
func (t Table) ParentOf() (column, table string) {
	column, table, _ = strings.Cut(t.Parent, "→")
	return column, table
}

// Children returns the tables whose rows go when a row of the named table
// goes, in catalogue order.
func Children(name string) []Table {
	var out []Table
	for _, t := range Tables() {
		if _, parent := t.ParentOf(); parent == name {
			out = append(out, t)
		}
	}
	return out
}
