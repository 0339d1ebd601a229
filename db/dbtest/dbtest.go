// Package dbtest opens real databases for tests: SQLite in a temporary
// folder, and PostgreSQL when SOTTO_TEST_POSTGRES holds the address of a
// server that may be littered. One suite runs on both.
package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sotto"
	"sotto/db"
)

// Each runs f once on SQLite and once on PostgreSQL, each database fresh.
func Each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) { f(t, Open(t, cfg)) })
}

// EachConfig is Each for tests that open the database themselves.
func EachConfig(t *testing.T, clock sotto.Clock, f func(t *testing.T, cfg db.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		f(t, db.Config{Path: file(t), Create: true, Clock: clock})
	})
	t.Run("postgres", func(t *testing.T) {
		server := os.Getenv("SOTTO_TEST_POSTGRES")
		if server == "" {
			t.Skip("SOTTO_TEST_POSTGRES is not set: `make test` starts a server and sets it")
		}
		f(t, db.Config{URL: Fresh(t, server), Clock: clock})
	})
}

// Open opens cfg and closes it when the test ends.
func Open(t testing.TB, cfg db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// SQLite opens a fresh SQLite database.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	return Open(t, db.Config{Path: file(t), Create: true, Clock: time.Now})
}

var count atomic.Int64 // names databases apart within one test binary

// Fresh makes a database on the server that is migrated and has no row, and
// drops it when the test ends.
func Fresh(t testing.TB, server string) string {
	t.Helper()
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("sotto_%d_%d_%s", os.Getpid(), count.Add(1), strings.ToLower(time.Now().Format("150405")))
	if _, err := admin.Exec("CREATE DATABASE " + name + " TEMPLATE " + migrated.onServer(t, admin, server)); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	})
	return address(t, server, name)
}

func address(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
