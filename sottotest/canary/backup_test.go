package canary

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sotto/db"
	"sotto/db/dbtest"
	"sotto/desk"
	"sotto/person"
	"sotto/sottotest"
)

// backup is where the parts of a backup are.
type backup struct {
	data, keys string
	url        string // PostgreSQL: the copy of the rows
}

// takeBackup backs up an open desk below dir. On PostgreSQL the rows are
// copied by copyDatabase when the desk is closed.
func takeBackup(t *testing.T, d *desk.Desk, dir string) backup {
	t.Helper()
	b := backup{data: filepath.Join(dir, "data"), keys: filepath.Join(dir, "keys")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Backup(context.Background(), b.data, b.keys); err != nil {
		t.Fatal(err)
	}
	return b
}

var copies atomic.Int64 // names databases apart within one test binary

// copyDatabase copies a PostgreSQL database that nobody uses and returns the
// address of the copy, which is dropped when the test ends.
func copyDatabase(t *testing.T, from string) string {
	t.Helper()
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%s_copy%d", filepath.Base(u.Path), copies.Add(1))
	conn := admin(t, from)
	defer conn.Close()
	if err := sottotest.Until(func() (bool, error) { // the server may not have seen the last session off
		_, err := conn.Exec(fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, filepath.Base(u.Path)))
		if err != nil && strings.Contains(err.Error(), "being accessed") {
			return false, nil
		}
		return true, err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { adminExec(t, from, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// emptyDatabase makes another database on the server, dropped when the test
// ends.
func emptyDatabase(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/postgres"
	return dbtest.Fresh(t, u.String())
}

// admin connects to the server beside the desk's own database.
func admin(t *testing.T, address string) *sql.DB {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/postgres"
	conn, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func adminExec(t *testing.T, address, query string) {
	t.Helper()
	conn := admin(t, address)
	defer conn.Close()
	if _, err := conn.Exec(query); err != nil {
		t.Errorf("%s: %v", query, err)
	}
}

func adminQuery(t *testing.T, address, query string) (answer string) {
	t.Helper()
	conn := admin(t, address)
	defer conn.Close()
	if err := conn.QueryRow(query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// mayContact asks the suppression list for a person's number.
func mayContact(w *sweep, d *desk.Desk, p *Person) (may bool, err error) {
	err = d.DB.Read(w.ctx, func(tx *db.Tx) error {
		may, err = d.People.MayContact(tx, person.Phone, p.Number(), person.Marketing)
		return err
	})
	return may, err
}
