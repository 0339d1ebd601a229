package db

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Tx is one transaction. It carries one now. It belongs to the function it
// was passed to and must not outlive it.
type Tx struct {
	Now time.Time

	db  *DB
	ctx context.Context
	ss  *session
	// write is false in a Read: then Exec fails.
	write bool
	after []func()
}

// After runs f once the transaction is durable; never if it is not.
func (t *Tx) After(f func()) { t.after = append(t.after, f) }

// NewID returns an id no row of this database has had. Ids grow with time.
func (t *Tx) NewID() int64 { return t.db.ids.next(t.Now) }

// Exec runs a statement and returns how many rows it touched.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if !t.write {
		return 0, errors.New("a read may not write")
	}
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Scanner reads one row into pointers.
type Scanner interface{ Scan(dest ...any) error }

// One returns the single row of query, read by scan; ErrNone if there is none.
func One[T any](t *Tx, scan func(Scanner) (T, error), query string, args ...any) (T, error) {
	var zero T
	st, err := t.stmt(query)
	if err != nil {
		return zero, err
	}
	v, err := scan(st.QueryRowContext(t.ctx, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return zero, ErrNone
	}
	return v, err
}

// All returns every row of query, read by scan.
func All[T any](t *Tx, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	var out []T
	err := Each(t, func(s Scanner) error {
		v, err := scan(s)
		if err == nil {
			out = append(out, v)
		}
		return err
	}, query, args...)
	return out, err
}

// Each calls f with every row of query, without holding them all.
func Each(t *Tx, f func(Scanner) error, query string, args ...any) (err error) {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Int reads a row of one number.
func Int(s Scanner) (n int64, err error) { err = s.Scan(&n); return }

// Text reads a row of one word.
func Text(s Scanner) (v string, err error) { err = s.Scan(&v); return }

// Has reports whether query finds a row.
func (t *Tx) Has(query string, args ...any) (bool, error) {
	_, err := One(t, func(s Scanner) (struct{}, error) {
		var first any
		return struct{}{}, s.Scan(&first)
	}, query, args...)
	if errors.Is(err, ErrNone) {
		return false, nil
	}
	return err == nil, err
}

// Lock holds everyone else who asks for the same name until this transaction
// ends. SQLite has one writer, so there it is held already.
func (t *Tx) Lock(name string) error {
	if t.db.dialect == SQLite {
		return nil
	}
	_, err := t.ss.conn.ExecContext(t.ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
	return err
}

// Next returns the next number of a counter that people read aloud. It rolls
// back with its transaction, so there are no gaps.
func (t *Tx) Next(counter string) (int64, error) {
	return One(t, Int, `INSERT INTO sequence (name, next) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET next = sequence.next + 1 RETURNING next`, counter)
}

func (t *Tx) stmt(query string) (*sql.Stmt, error) {
	if query == "" {
		return nil, errors.New("no such query: the name is not in the .sql file")
	}
	return t.ss.stmt(t.ctx, query)
}
