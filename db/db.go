// Package db is the only door to the database: SQLite in one file, or
// PostgreSQL. It opens, migrates, compares the live schema with the catalogue
// and refuses a database that differs, runs transactions, and cleans freed
// pages.
//
// It owns the tables desk, sequence and setting. Every package that owns
// tables of its own holds its SQL in a .sql file beside its Go and runs it
// through a Tx. Nobody else imports database/sql.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // PostgreSQL driver
	_ "modernc.org/sqlite"             // SQLite driver, no cgo

	"sotto"
)

// Dialect is which database runs underneath.
type Dialect string

// The databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// ErrNone is returned by One when there is no such row.
var ErrNone = errors.New("no row")

// Config says which database to open.
type Config struct {
	Path   string // SQLite: the file
	URL    string // PostgreSQL: a postgres:// URL; wins over Path
	Create bool   // make the SQLite file if it is not there
	Clock  sotto.Clock
	Log    *slog.Logger
}

// DB is an open database whose schema is the catalogue's. Its methods may be
// called from any goroutine.
type DB struct {
	dialect Dialect
	path    string
	clock   sotto.Clock
	pool    *sql.DB
	writer  chan *session // SQLite: the one session that writes; PostgreSQL: same as reader
	reader  chan *session
	groups  chan *write
	stop    chan struct{} // closed when no write is taken any more
	closed  chan struct{} // closed when no session is
	done    sync.WaitGroup
	ids     idSource
}

// Open opens and migrates the database and compares it with the catalogue.
// It does not create a SQLite file unless cfg.Create says so: a missing
// database is an operator's mistake until somebody says otherwise.
func Open(ctx context.Context, cfg Config) (d *DB, err error) {
	defer sotto.Wrap(&err, "db.Open")
	d = &DB{dialect: SQLite, path: cfg.Path, clock: cfg.Clock, stop: make(chan struct{}), closed: make(chan struct{}), groups: make(chan *write, 1024)}
	if d.clock == nil {
		return nil, sotto.Fail(sotto.Internal, "db.Config.Clock is missing")
	}
	if cfg.URL != "" {
		d.dialect = Postgres
	}
	if err := d.connect(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.closePool())
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.closePool())
	}
	if d.dialect == SQLite {
		d.done.Go(d.commitGroups)
	}
	return d, nil
}

func (d *DB) connect(ctx context.Context, cfg Config) error {
	if d.dialect == Postgres {
		pool, err := sql.Open("pgx", cfg.URL)
		if err != nil {
			return sotto.FailCause(sotto.Invalid, "The database address is not a postgres:// URL.", err)
		}
		d.pool = pool
		d.reader = sessions(16)
		d.writer = d.reader
		if err := pool.PingContext(ctx); err != nil {
			return sotto.FailCause(sotto.Peer, "The PostgreSQL server does not answer; check the address and that it runs.", err)
		}
		return nil
	}
	if _, err := os.Stat(cfg.Path); err != nil && !cfg.Create {
		return sotto.FailCause(sotto.NotFound, "There is no database here. Run `sotto init` to make one, or name the right data folder.", err)
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return err
	}
	var err error
	if d.pool, err = sql.Open("sqlite", sqliteURL(cfg.Path)); err != nil {
		return err
	}
	d.writer, d.reader = sessions(1), sessions(8)
	return d.pool.PingContext(ctx)
}

// sqliteURL sets what durability and erasure rest on: FULL, because WAL with
// NORMAL loses commits at a power cut; secure_delete, because a plain DELETE
// leaves every value in the file.
func sqliteURL(path string) string {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", "cache_size(-16000)", "journal_size_limit(67108864)",
	}}
	return "file:" + path + "?" + q.Encode()
}

// prepare migrates, compares and reads what the process must remember.
func (d *DB) prepare(ctx context.Context) error {
	if err := d.checkVersion(ctx); err != nil {
		return err
	}
	if err := d.migrate(ctx); err != nil {
		return err
	}
	if err := d.compare(ctx); err != nil {
		return err
	}
	return d.seedIDs(ctx)
}

// checkVersion refuses SQLite before 3.51.3, which could corrupt a WAL
// database that two connections write and checkpoint at once.
func (d *DB) checkVersion(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}
	var v string
	if err := d.pool.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v); err != nil {
		return err
	}
	var a, b, c int
	if _, err := fmt.Sscanf(v, "%d.%d.%d", &a, &b, &c); err != nil {
		return err
	}
	if a*1_000_000+b*1000+c < 3_051_003 {
		return sotto.Fail(sotto.Internal, "This SQLite is older than 3.51.3 and not safe to use.")
	}
	return nil
}

// Dialect returns which database runs underneath.
func (d *DB) Dialect() Dialect { return d.dialect }

// Now returns the injected clock's time in UTC, cut to the millisecond that
// the database keeps.
func (d *DB) Now() time.Time { return d.clock().UTC().Truncate(time.Millisecond) }

// Close waits for the writes and reads under way and closes the database and
// every connection to it. Closing twice is fine.
func (d *DB) Close() error {
	select {
	case <-d.stop:
		return nil
	default:
		close(d.stop)
	}
	d.done.Wait()
	return d.closePool()
}

func (d *DB) closePool() error {
	if d.pool == nil {
		return nil
	}
	close(d.closed)
	rooms := []chan *session{d.reader}
	if d.dialect == SQLite {
		rooms = append(rooms, d.writer)
	}
	for _, room := range rooms {
		for range cap(room) {
			(<-room).drop()
		}
	}
	return d.pool.Close()
}

// Millis is how a time is stored.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// MillisOrNull stores the zero time as NULL.
func MillisOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Time is the reverse of Millis.
func Time(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// TimeOrZero is the reverse of MillisOrNull.
func TimeOrZero(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return Time(*ms)
}

// OrNull stores a zero number as NULL: an id that is not there.
func OrNull[N ~int64](n N) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// Value is the reverse of OrNull: NULL reads as the zero value.
func Value[N ~int64 | ~string](p *N) N {
	var zero N
	if p == nil {
		return zero
	}
	return *p
}

// Bit stores a boolean in the common language of both databases.
func Bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
