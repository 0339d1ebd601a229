package catalogue

import (
	"fmt"
	"strings"
)

// Validate returns everything that is wrong with the catalogue itself: an
// answer that is missing, a path that leads nowhere, a handle without a
// column. The program does not start while there is one.
func Validate() []error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	tables := map[string]Table{}
	for _, t := range Tables() {
		if _, twice := tables[t.Name]; twice {
			complain("table %s is declared twice", t.Name)
		}
		tables[t.Name] = t
	}
	cells, hashes := map[string]bool{}, map[string]bool{}
	for _, t := range Tables() {
		checkTable(t, tables, complain)
		for _, c := range t.Columns {
			name := t.Name + "." + c.Name
			cells[name] = c.Form == Sealed
			hashes[name] = c.Form == Blind
		}
	}
	checkHandles(cells, hashes, complain)
	checkBlobs(tables, complain)
	return errs
}

func checkTable(t Table, tables map[string]Table, complain func(string, ...any)) {
	if t.Name == "" || t.Owner == "" || t.What == "" {
		complain("table %q: name, owner and what are all needed", t.Name)
	}
	for _, e := range t.Edges {
		checkEdge(t, e, tables, complain)
	}
	if t.Parent != "" {
		column, parent := t.ParentOf()
		if _, ok := t.Column(column); !ok {
			complain("table %s: parent column %s does not exist", t.Name, column)
		}
		if _, ok := tables[parent]; !ok {
			complain("table %s: parent %s does not exist", t.Name, parent)
		}
	}
	for _, c := range t.Columns {
		checkColumn(t, c, complain)
	}
}

func checkEdge(t Table, e Edge, tables map[string]Table, complain func(string, ...any)) {
	hops, err := e.Hops()
	if err != nil {
		complain("table %s: %w", t.Name, err)
		return
	}
	if e.Name == "" || e.As == "" || e.Fate == 0 {
		complain("table %s: edge %q: name, role and fate are all needed", t.Name, e.Path)
	}
	if hops[0].Table != t.Name {
		complain("table %s: path %q begins elsewhere", t.Name, e.Path)
	}
	for _, h := range hops {
		at, ok := tables[h.Table]
		if !ok {
			complain("path %q: no table %s", e.Path, h.Table)
			continue
		}
		if _, ok := at.Column(h.Column); !ok {
			complain("path %q: no column %s.%s", e.Path, h.Table, h.Column)
		}
	}
}

func checkColumn(t Table, c Column, complain func(string, ...any)) {
	name := t.Name + "." + c.Name
	if c.Name == "" || c.Form == 0 || c.Why == "" || c.Basis == "" || c.Keep == "" || c.Export == "" || c.Correct == "" || c.Erase == "" {
		complain("column %s: an answer is missing", name)
	}
	if (len(c.Whose) == 0) == (c.Nobody == "") {
		complain("column %s: say whose it is, or why it is nobody's", name)
	}
	if c.Form == Sealed && len(c.Whose) == 0 {
		complain("column %s: sealed under whose key?", name)
	}
	for _, w := range c.Whose {
		e, ok := t.Edge(w)
		if !ok {
			complain("column %s: no edge %s", name, w)
			continue
		}
		checkOutcome(name, c, e, complain)
	}
	if strings.HasPrefix(c.Export, "-") && !strings.HasPrefix(c.Export, "-: ") {
		complain("column %s: say why it is not exported", name)
	}
}

// checkOutcome holds what erasure says of the value against what the edge
// says of the row.
func checkOutcome(name string, c Column, e Edge, complain func(string, ...any)) {
	switch {
	case c.Form == Sealed && c.Erase != DestroyKey:
		complain("column %s: a sealed value is erased by its key", name)
	case c.Erase == Untouched:
		complain("column %s: somebody's data cannot be left untouched", name)
	case e.Fate == RowStays && c.Erase == Delete && c.Form != KeyRef && e.As == Caller:
		complain("column %s: the row stays, so deletion does not reach it", name)
	}
}

func checkHandles(cells, hashes map[string]bool, complain func(string, ...any)) {
	seen := map[string]bool{}
	for _, c := range Cells() {
		seen[c.name] = true
		if !cells[c.name] {
			complain("cell %s is no sealed column", c.name)
		}
	}
	for _, i := range Indexes() {
		seen[i.name] = true
		if !hashes[i.name] && i != Tombstone {
			complain("index %s is no blind column", i.name)
		}
	}
	for name, sealed := range cells {
		if sealed && !seen[name] {
			complain("column %s is sealed and has no cell", name)
		}
	}
	for name, blind := range hashes {
		if blind && !seen[name] {
			complain("column %s is blind and has no index", name)
		}
	}
}

func checkBlobs(tables map[string]Table, complain func(string, ...any)) {
	for _, b := range Blobs() {
		if b.Class.name == "" || b.What == "" || b.Why == "" || b.Export == "" {
			complain("blob %q: an answer is missing", b.Class.name)
		}
		if _, ok := tables[b.Table]; !ok {
			complain("blob %s: no table %s", b.Class, b.Table)
		}
	}
}
