package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// columns writes lines whose cells, split by tabs, stand below each other; flush
// it.
func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// table prints records: for people a line each, with the cells below each
// other; with --json an array of objects, one name for each cell.
type table struct {
	s       streams
	lines   *tabwriter.Writer
	columns []column
	records []map[string]any
}

// column is a cell's name and how people see it.
type column struct{ name, text string }

// jsonOnly is the text of a column that people see in lines of their own.
const jsonOnly = "-"

// table begins a table. A column is its name, or its name, a colon and the
// format that people see it in; "parties:-" is for machines only.
func (s streams) table(names ...string) *table {
	t := &table{s: s, lines: columns(s.out), records: []map[string]any{}}
	for _, n := range names {
		name, text, _ := strings.Cut(n, ":")
		if text == "" {
			text = "%v"
		}
		t.columns = append(t.columns, column{name, text})
	}
	return t
}

// row adds a record, a value for each column.
func (t *table) row(values ...any) {
	record, cells := map[string]any{}, []string{}
	for i, c := range t.columns {
		v := values[i]
		if at, ok := v.(time.Time); ok {
			v = at.Format(time.RFC3339)
		}
		record[c.name] = v
		if c.text != jsonOnly {
			cells = append(cells, fmt.Sprintf(c.text, v))
		}
	}
	t.records = append(t.records, record)
	if len(cells) > 0 {
		t.below("%s", strings.Join(cells, "\t"))
	}
}

// below adds a line for people.
func (t *table) below(format string, values ...any) {
	if !t.s.json {
		fmt.Fprintf(t.lines, format+"\n", values...)
	}
}

// flush prints what was added since.
func (t *table) flush() error {
	if t.s.json {
		return writeJSON(t.s.out, t.records)
	}
	return t.lines.Flush()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
