package sotto_test

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sotto/catalogue"
	"sotto/db"
)

// writes finds what a statement writes to; the name is missing where code
// puts one in.
var writes = regexp.MustCompile(`\b(?:(INSERT INTO|DELETE FROM)\s+(\w+|%[sv]|$)|(UPDATE)\s+(?:(\w+)(?:\s+\w+){0,2}\s+SET\b|(%[sv]|$)))`)

// ownersWrite finds statements that write a table of another package. Package
// erasure may change and delete everything: it removes what the catalogue
// declares.
func ownersWrite(t *tree) []breach {
	owner := map[string]string{}
	for _, table := range catalogue.Tables() {
		owner[table.Name] = table.Owner
	}
	var out []breach
	check := func(at, dir, text string) {
		for _, m := range writes.FindAllStringSubmatch(text, -1) {
			verb, table := m[1]+m[3], strings.ToLower(m[2]+m[4])
			if strings.HasPrefix(table, "%") {
				table = ""
			}
			if dir == "erasure" && verb != "INSERT INTO" {
				continue
			}
			b := breach{at: at, key: dir + " " + table}
			switch by := owner[table]; {
			case by == dir:
				continue
			case table == "":
				b.what = verb + " a table whose name is put in: only package erasure removes what it does not own"
			case by == "":
				b.what = verb + " " + table + ", a table that the catalogue does not declare"
			default:
				b.what = verb + " " + table + ", which package " + by + " owns: ask it"
			}
			out = append(out, b)
		}
	}
	for _, p := range t.paths(isQueries) {
		statements := db.Parse(t.texts[p])
		for _, name := range slices.Sorted(maps.Keys(statements)) {
			check(p+" "+name, path.Dir(p), strings.ToUpper(statements[name]))
		}
	}
	for _, s := range t.source {
		if s.proves() {
			continue
		}
		each(s, func(l *ast.BasicLit) { check(t.at(s, l.Pos()), s.dir, literal(l)) })
	}
	return out
}

// isQueries reports whether a file holds the statements of a package.
func isQueries(p string) bool {
	return path.Ext(p) == ".sql" && !under(p, "db/migration") && !strings.Contains(p, "testdata/")
}

func TestOwnersWriteTheirTables(t *testing.T) {
	holds(t, ownersWrite, nil, `
-- ticket/ticket.sql --
-- name: Insert
INSERT INTO ticket (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = 1;
-- name: Lock
SELECT id FROM person WHERE id = $1 FOR UPDATE SKIP LOCKED;
-- name: Rename
UPDATE person SET name = $1;
-- name: Alias
UPDATE call c SET name = $1;
-- name: Fax
insert into fax (id) VALUES (1);
-- call/call.go --
package call
func f() {
	_ = "DELETE FROM ticket WHERE id = 1"
	_ = "DELETE FROM " + table
	_ = "update the row; insert into it by hand"
}
-- erasure/erasure.go --
package erasure
func f() {
	_ = "DELETE FROM " + table
	_ = "UPDATE call SET person_id = NULL"
	_ = "INSERT INTO call (id) VALUES (1)"
}
-- db/migration/sqlite/0001_desk.sql --
INSERT INTO ticket (id) VALUES (1);
`,
		"ticket/ticket.sql Alias: UPDATE call, which package call owns: ask it",
		"ticket/ticket.sql Fax: INSERT INTO fax, a table that the catalogue does not declare",
		"ticket/ticket.sql Rename: UPDATE person, which package person owns: ask it",
		"call/call.go:3: DELETE FROM ticket, which package ticket owns: ask it",
		"call/call.go:4: DELETE FROM a table whose name is put in: only package erasure removes what it does not own",
		"erasure/erasure.go:5: INSERT INTO call, which package call owns: ask it",
	)
}

var dialects = []string{".sqlite", ".postgres"}

// namedQueries compares the statements of each package's .sql files with the
// names its code asks for, both ways.
func namedQueries(t *tree) []breach {
	var out []breach
	by, _ := t.packages()
	for _, p := range t.paths(isQueries) {
		dir := path.Dir(p)
		has := db.Parse(t.texts[p])
		asked, words := queriesAsked(by[dir])
		for _, name := range slices.Sorted(maps.Keys(has)) {
			if n := strings.Count("\n"+t.texts[p], "\n-- name: "+name+"\n"); n > 1 {
				out = append(out, breach{at: p, what: fmt.Sprintf("%s is there %d times", name, n)})
			}
			common, dialect := twin(name)
			if dialect != "" {
				other := common + dialects[1-slices.Index(dialects, dialect)]
				if _, ok := has[other]; !ok {
					out = append(out, breach{at: p, what: name + " has no twin " + other})
				}
			}
			if !words[name] && (dialect == "" || !words[common+"."] && !words[common]) {
				out = append(out, breach{at: p, what: "nothing asks for " + name})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(asked)) {
			if _, ok := has[name]; !ok {
				out = append(out, breach{at: asked[name], what: "asks for " + name + ", which " + p + " does not have"})
			}
		}
	}
	return out
}

// twin splits the dialect off the name of a statement.
func twin(name string) (common, dialect string) {
	for _, d := range dialects {
		if c, ok := strings.CutSuffix(name, d); ok {
			return c, d
		}
	}
	return name, ""
}

// queriesAsked returns the names in q["Name"], with one place each, and every
// string of the package's code, for names that are chosen at run time.
func queriesAsked(files []*source) (asked map[string]string, words map[string]bool) {
	asked, words = map[string]string{}, map[string]bool{}
	for _, s := range files {
		if s.test() {
			continue
		}
		each(s, func(l *ast.BasicLit) { words[literal(l)] = true })
		each(s, func(x *ast.IndexExpr) {
			var base string
			switch y := x.X.(type) {
			case *ast.Ident:
				base = y.Name
			case *ast.SelectorExpr:
				base = y.Sel.Name
			}
			if l, ok := x.Index.(*ast.BasicLit); ok && base == "q" {
				asked[literal(l)] = s.path
			}
		})
	}
	return asked, words
}

func TestNamedQueriesExist(t *testing.T) {
	holds(t, namedQueries, nil, `
-- job/job.sql --
-- name: Get
SELECT 1;
-- name: Get
SELECT 2;
-- name: Unused
SELECT 3;
-- name: Claim.sqlite
SELECT 4;
-- name: Claim.postgres
SELECT 5;
-- name: Lone.sqlite
SELECT 6;
-- name: Chosen
SELECT 7;
-- job/job.go --
package job
func f() {
	db.One(tx, j.q["Get"])
	db.One(tx, q["Missing"])
	db.One(tx, j.q["Claim."+dialect])
	db.One(tx, j.q["Lone."+dialect])
	name := "Chosen"
	m["NotAQuery"] = 1
}
`,
		"job/job.sql: Get is there 2 times",
		"job/job.sql: Lone.sqlite has no twin Lone.postgres",
		"job/job.sql: nothing asks for Unused",
		"job/job.go: asks for Missing, which job/job.sql does not have",
	)
}

var migrationName = regexp.MustCompile(`^\d{4}_[a-z_]+\.sql$`)

// migrationTwins compares the migrations of both databases: the same files,
// numbered without a gap, and the same statements but for the names of types.
// That the tables they make are those of the catalogue, db.Open sees itself.
func migrationTwins(t *tree) []breach {
	var out []breach
	files := map[string]map[string]string{}
	for _, dialect := range []string{"sqlite", "postgres"} {
		files[dialect] = map[string]string{}
		dir := "db/migration/" + dialect
		names := t.paths(func(p string) bool { return path.Dir(p) == dir })
		for i, p := range names {
			base := path.Base(p)
			files[dialect][base] = t.texts[p]
			if !migrationName.MatchString(base) || !strings.HasPrefix(base, fmt.Sprintf("%04d_", i+1)) {
				out = append(out, breach{at: p, what: fmt.Sprintf("the name must be %04d_what_it_does.sql", i+1)})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files["sqlite"])) {
		other, ok := files["postgres"][name]
		if !ok {
			out = append(out, breach{at: "db/migration/sqlite/" + name, what: "has no twin for postgres"})
			continue
		}
		if what := firstDifference(plainSQL(files["sqlite"][name]), plainSQL(other)); what != "" {
			out = append(out, breach{at: "db/migration/sqlite/" + name, what: what})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files["postgres"])) {
		if _, ok := files["sqlite"][name]; !ok {
			out = append(out, breach{at: "db/migration/postgres/" + name, what: "has no twin for sqlite"})
		}
	}
	return out
}

// plainSQL is a migration without comments, layout, and what the databases
// call differently.
func plainSQL(text string) []string {
	text = regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(text, "")
	for _, r := range [][2]string{{`\bBYTEA\b`, "BLOB"}, {`\bBIGINT\b`, "INTEGER"}, {`\)\s*STRICT\b`, ")"}, {`\s+`, " "}, {` ?([(),]) ?`, "$1"}} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	var out []string
	for part := range strings.SplitSeq(text, ";") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("differs from its twin: sqlite has %q, postgres has %q", x, y)
		}
	}
	return ""
}

func TestMigrationsAreTwins(t *testing.T) {
	holds(t, migrationTwins, nil, `
-- db/migration/sqlite/0001_desk.sql --
CREATE TABLE a (id INTEGER PRIMARY KEY, b BLOB) STRICT; -- a comment
-- db/migration/postgres/0001_desk.sql --
CREATE TABLE a (
  id BIGINT PRIMARY KEY, b BYTEA);
-- db/migration/sqlite/0002_more.sql --
ALTER TABLE a ADD c TEXT;
-- db/migration/postgres/0002_more.sql --
ALTER TABLE a ADD c TEXT NOT NULL;
-- db/migration/sqlite/0003_lone.sql --
SELECT 1;
-- db/migration/postgres/0004_Late.sql --
SELECT 1;
`,
		"db/migration/postgres/0004_Late.sql: the name must be 0003_what_it_does.sql",
		`db/migration/sqlite/0002_more.sql: differs from its twin: sqlite has "ALTER TABLE a ADD c TEXT", postgres has "ALTER TABLE a ADD c TEXT NOT NULL"`,
		"db/migration/sqlite/0003_lone.sql: has no twin for postgres",
		"db/migration/postgres/0004_Late.sql: has no twin for sqlite",
	)
}

// released lists the checksums of migrations that some release holds.
const released = "testdata/released/migrations.sha256"

var (
	checksum = regexp.MustCompile(`^([0-9a-f]{64})  (db/migration/\S+\.sql)$`)
	version  = regexp.MustCompile(`(?m)^## \[?v?\d+\.\d+`)
)

// frozenMigrations finds released migrations that have changed: a desk that
// has run the old text would never run the new one.
func frozenMigrations(t *tree) []breach {
	var out []breach
	n := 0
	for line := range strings.Lines(t.texts[released]) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := checksum.FindStringSubmatch(line)
		if m == nil {
			out = append(out, breach{at: released, what: fmt.Sprintf("%q is no line of sha256sum", line)})
			continue
		}
		n++
		text, ok := t.texts[m[2]]
		switch {
		case !ok:
			out = append(out, breach{at: m[2], what: "was released and is gone: put it back"})
		case fmt.Sprintf("%x", sha256.Sum256([]byte(text))) != m[1]:
			out = append(out, breach{at: m[2], what: "was released and has changed: put it back, and write a new migration"})
		}
	}
	if version.MatchString(t.texts["CHANGELOG.md"]) && n == 0 {
		out = append(out, breach{at: released, what: "CHANGELOG.md names a release and no migration is frozen: add their lines with sha256sum"})
	}
	return out
}

func TestReleasedMigrationsAreFrozen(t *testing.T) {
	holds(t, frozenMigrations, nil, `
-- testdata/released/migrations.sha256 --
# a comment
87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  db/migration/sqlite/0001_same.sql
87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  db/migration/sqlite/0002_changed.sql
87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7  db/migration/sqlite/0003_gone.sql
nonsense
-- db/migration/sqlite/0001_same.sql --
a
-- db/migration/sqlite/0002_changed.sql --
b
`,
		"db/migration/sqlite/0002_changed.sql: was released and has changed: put it back, and write a new migration",
		"db/migration/sqlite/0003_gone.sql: was released and is gone: put it back",
		`testdata/released/migrations.sha256: "nonsense" is no line of sha256sum`,
	)
	t.Run("ReleaseWithoutChecksums", func(t *testing.T) {
		got := frozenMigrations(plant(t, "-- CHANGELOG.md --\n# Changes\n\n## 1.0\n"))
		if len(got) != 1 {
			t.Errorf("breaches = %v, want one", got)
		}
	})
}
