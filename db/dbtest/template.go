package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotto/db"
)

// migrated is what fresh databases are copies of: migrating each of them costs
// more than most tests.
var migrated templates

type templates struct {
	mu     sync.Mutex // guards what is below
	sqlite []byte     // the file; nil until somebody needs it
	server string     // the database of that name; "" likewise
}

// file writes a migrated SQLite file without rows and returns its path.
func file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sotto.db")
	if err := os.WriteFile(path, migrated.asFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m *templates) asFile(t testing.TB) []byte {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sqlite != nil {
		return m.sqlite
	}
	path := filepath.Join(t.TempDir(), "template.db")
	if err := migrate(db.Config{Path: path, Create: true, Clock: time.Now}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m.sqlite = raw
	return raw
}

// onServer returns the name of a migrated database of the server, which goes
// with the server.
func (m *templates) onServer(t testing.TB, admin *sql.DB, server string) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server != "" {
		return m.server
	}
	name := fmt.Sprintf("sotto_%d_template", os.Getpid())
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database: %v", err)
	}
	if err := migrate(db.Config{URL: address(t, server, name), Clock: time.Now}); err != nil {
		t.Fatal(err)
	}
	m.server = name
	return name
}

func migrate(cfg db.Config) error {
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	return d.Close()
}
