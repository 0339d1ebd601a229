package db

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sotto"
	"sotto/catalogue"
)

// liveColumn is a column as the database itself describes it.
type liveColumn struct{ table, name, kind string }

// compare holds the live schema against the catalogue, both ways. One column,
// table, index, view or trigger that is not declared, or declared and not
// there, and the database is not opened: data nobody answers for is not kept.
func (d *DB) compare(ctx context.Context) error {
	var wrong []string
	for _, err := range catalogue.Validate() {
		wrong = append(wrong, err.Error())
	}
	columns, err := d.liveColumns(ctx)
	if err != nil {
		return err
	}
	indexes, err := d.liveNames(ctx, liveIndexes[d.dialect])
	if err != nil {
		return err
	}
	others, err := d.liveNames(ctx, liveOthers[d.dialect])
	if err != nil {
		return err
	}
	for _, o := range others {
		wrong = append(wrong, o+" is not declared")
	}
	wrong = append(wrong, differColumns(d.dialect, columns)...)
	wrong = append(wrong, differIndexes(indexes)...)
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return sotto.FailCause(sotto.Conflict,
			"The database and the catalogue differ, so the desk does not start: "+strings.Join(wrong, "; ")+".",
			fmt.Errorf("%d differences", len(wrong)))
	}
	return nil
}

var liveIndexes = map[Dialect]string{
	SQLite: `SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%'`,
	Postgres: `SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
		JOIN pg_namespace n ON n.oid = i.relnamespace
		WHERE n.nspname = current_schema() AND NOT x.indisprimary`,
}

var liveOthers = map[Dialect]string{
	SQLite: `SELECT type || ' ' || name FROM sqlite_schema WHERE type NOT IN ('table', 'index')`,
	Postgres: `SELECT 'view ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND c.relkind IN ('v', 'm', 'f')
		UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
			JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND NOT t.tgisinternal
		UNION ALL SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
			WHERE n.nspname = current_schema()`,
}

func (d *DB) liveNames(ctx context.Context, query string) ([]string, error) {
	rows, err := d.pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

func (d *DB) liveColumns(ctx context.Context) ([]liveColumn, error) {
	query := `SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if d.dialect == Postgres {
		query = `SELECT table_name, column_name, data_type FROM information_schema.columns
			WHERE table_schema = current_schema()`
	}
	rows, err := d.pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []liveColumn
	for rows.Next() {
		var c liveColumn
		if err := rows.Scan(&c.table, &c.name, &c.kind); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func differColumns(dialect Dialect, live []liveColumn) []string {
	var wrong []string
	seen := map[string]bool{}
	declared := map[string]catalogue.Table{}
	for _, t := range catalogue.Tables() {
		declared[t.Name] = t
	}
	for _, l := range live {
		name := l.table + "." + l.name
		seen[name] = true
		t, ok := declared[l.table]
		if !ok {
			wrong = append(wrong, "table "+l.table+" is not declared")
			continue
		}
		c, ok := t.Column(l.name)
		if !ok {
			wrong = append(wrong, "column "+name+" is not declared")
			continue
		}
		if t.Name != "goose_db_version" && !formFits(dialect, c.Form, l.kind) {
			wrong = append(wrong, fmt.Sprintf("column %s is declared %s and stored as %s", name, c.Form, l.kind))
		}
	}
	for _, t := range declared {
		for _, c := range t.Columns {
			if name := t.Name + "." + c.Name; !seen[name] {
				wrong = append(wrong, "column "+name+" is declared and missing")
			}
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// formFits keeps readable values out of columns that must not hold any: SQLite
// tables are STRICT, so a BLOB column refuses text.
func formFits(dialect Dialect, f catalogue.Form, kind string) bool {
	number, text, bytes := "INTEGER", "TEXT", "BLOB"
	if dialect == Postgres {
		number, text, bytes = "bigint", "text", "bytea"
	}
	switch f {
	case catalogue.Plain:
		return kind == number || kind == text
	case catalogue.KeyRef:
		return kind == number
	case catalogue.Sealed, catalogue.Blind, catalogue.Digest:
		return kind == bytes
	}
	return false
}

func differIndexes(live []string) []string {
	declared := map[string]bool{}
	for _, t := range catalogue.Tables() {
		for _, i := range t.Indexes {
			declared[i] = true
		}
	}
	var wrong []string
	for _, name := range live {
		if !declared[name] {
			wrong = append(wrong, "index "+name+" is not declared")
		}
		delete(declared, name)
	}
	for name := range maps.Keys(declared) {
		wrong = append(wrong, "index "+name+" is declared and missing")
	}
	return wrong
}
