package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/db"
	"sotto/db/dbtest"
)

func TestOpenRefusesWhatTheCatalogueDoesNotDeclare(t *testing.T) {
	tests := []struct{ name, plant, want string }{
		{"Column", "ALTER TABLE ticket ADD COLUMN mood TEXT", "column ticket.mood is not declared"},
		{"Table", "CREATE TABLE diary (id BIGINT PRIMARY KEY)", "table diary is not declared"},
		{"Index", "CREATE INDEX ticket_mood ON ticket (subject)", "index ticket_mood is not declared"},
		{"View", "CREATE VIEW all_names AS SELECT name FROM person", "view all_names is not declared"},
		{"MissingColumn", "ALTER TABLE person DROP COLUMN notes", "column person.notes is declared and missing"},
		{"MissingIndex", "DROP INDEX call_open", "index call_open is declared and missing"},
	}
	dbtest.EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				cfg := fresh(t, cfg)
				open(t, cfg)
				plant(t, cfg, tt.plant)
				_, err := db.Open(context.Background(), cfg)
				if err == nil || !strings.Contains(sotto.SayOf(err), tt.want) {
					t.Errorf("Open = %v, want %q", err, tt.want)
				}
			})
		}
	})
}

// fresh gives a sub-test a database of its own.
func fresh(t *testing.T, cfg db.Config) db.Config {
	if cfg.URL != "" {
		cfg.URL = dbtest.Fresh(t, cfg.URL)
	} else {
		cfg.Path = filepath.Join(t.TempDir(), "sotto.db")
	}
	return cfg
}

func open(t *testing.T, cfg db.Config) {
	t.Helper()
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func plant(t *testing.T, cfg db.Config, statement string) {
	t.Helper()
	driver, address := "sqlite", cfg.Path
	if cfg.URL != "" {
		driver, address = "pgx", cfg.URL
	}
	raw, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestOpenDoesNotMakeADatabaseUnasked(t *testing.T) {
	_, err := db.Open(context.Background(), db.Config{Path: filepath.Join(t.TempDir(), "none.db"), Clock: time.Now})
	if sotto.KindOf(err) != sotto.NotFound {
		t.Errorf("Open = %v, want not found", err)
	}
}

func TestWriteIsAloneInItsGroup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		boom := errors.New("boom")
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				err := d.Write(ctx, func(tx *db.Tx) error {
					name := fmt.Sprintf("setting-%d", i)
					if _, err := tx.Exec("INSERT INTO setting (name, value) VALUES ($1, $2)", name, "1"); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						return boom
					case 2:
						panic("a caller's mistake")
					}
					return nil
				})
				if (err == nil) != (i%3 == 0) {
					t.Errorf("write %d = %v", i, err)
				}
			})
		}
		wg.Wait()
		var n int64
		if err := d.Read(ctx, func(tx *db.Tx) (err error) {
			n, err = db.One(tx, db.Int, "SELECT COUNT(*) FROM setting")
			return err
		}); err != nil || n != 20 {
			t.Errorf("rows = %d, %v, want 20", n, err)
		}
	})
}

func TestReadCannotWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Read(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec("DELETE FROM setting")
			return err
		})
		if err == nil {
			t.Error("a read could write")
		}
	})
}

func TestAfterRunsOnlyWhenDurable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ran := 0
		ctx := context.Background()
		_ = d.Write(ctx, func(tx *db.Tx) error { tx.After(func() { ran++ }); return errors.New("no") })
		if err := d.Write(ctx, func(tx *db.Tx) error { tx.After(func() { ran += 10 }); return nil }); err != nil {
			t.Fatal(err)
		}
		if ran != 10 {
			t.Errorf("ran = %d, want 10", ran)
		}
	})
}

func TestIDsGrowWhenTheClockGoesBack(t *testing.T) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	dbtest.EachConfig(t, func() time.Time { return at }, func(t *testing.T, cfg db.Config) {
		ctx := context.Background()
		var first, second int64
		insert := func(d *db.DB, id *int64) {
			if err := d.Write(ctx, func(tx *db.Tx) error {
				*id = tx.NewID()
				_, err := tx.Exec(`INSERT INTO job (id, kind, ref, state, due_at, attempts, claimed_until, fault)
					VALUES ($1, 'x', $1, 'waiting', 0, 0, 0, '')`, *id)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		d := dbtest.Open(t, cfg)
		insert(d, &first)
		insert(d, &second)
		if second <= first {
			t.Errorf("ids %d, %d do not grow", first, second)
		}
		if max := int64(1) << 53; second >= max {
			t.Errorf("id %d does not fit a JSON number", second)
		}
	})
}

func TestIDTellsItsTime(t *testing.T) {
	at := time.Date(2031, 5, 4, 3, 2, 1, 7e6, time.UTC)
	d := dbtest.Open(t, db.Config{Path: filepath.Join(t.TempDir(), "sotto.db"), Create: true, Clock: func() time.Time { return at }})
	var id int64
	if err := d.Read(context.Background(), func(tx *db.Tx) error { id = tx.NewID(); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := db.IDTime(id); !got.Equal(at) {
		t.Errorf("IDTime(%d) = %v, want %v", id, got, at)
	}
}

func TestCountersHaveNoGaps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		for want := int64(1); want <= 3; want++ {
			_ = d.Write(ctx, func(tx *db.Tx) error { _, err := tx.Next("ticket"); return errors.Join(err, errors.New("no")) })
			if err := d.Write(ctx, func(tx *db.Tx) error {
				got, err := tx.Next("ticket")
				if got != want {
					t.Errorf("Next = %d, want %d", got, want)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCleanRunsOnALiveDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Clean(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCloseLeavesNothingOpen: a file of SQLite can be copied and a database of
// PostgreSQL dropped as soon as Close has returned.
func TestCloseLeavesNothingOpen(t *testing.T) {
	dbtest.EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) {
		d, err := db.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				if err := d.Write(context.Background(), func(tx *db.Tx) error { _, err := tx.Next("x"); return err }); err != nil {
					t.Error(err)
				}
				if err := d.Read(context.Background(), func(tx *db.Tx) error { _, err := tx.Has("SELECT 1"); return err }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for name, use := range map[string]func(context.Context, func(*db.Tx) error) error{"Read": d.Read, "Write": d.Write} {
			if err := use(context.Background(), func(*db.Tx) error { return nil }); sotto.KindOf(err) != sotto.Busy {
				t.Errorf("%s after Close = %v, want busy", name, err)
			}
		}
		if cfg.URL == "" {
			if left, err := filepath.Glob(cfg.Path + "-*"); err != nil || len(left) > 0 {
				t.Errorf("beside the database: %q, %v", left, err)
			}
			return
		}
		conn, err := sql.Open("pgx", cfg.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		deadline := time.Now().Add(20 * time.Second)
		for n := -1; n != 0; {
			if err := conn.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are open", n)
			}
		}
	})
}
