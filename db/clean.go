package db

import (
	"context"
	"fmt"

	"sotto"
	"sotto/catalogue"
)

// Clean removes freed bytes from the disk: what secure_delete leaves in page
// gaps, and the write-ahead log. Everything personal in them is sealed under
// keys that are gone, so this is the second lock on the door and may take its
// time (about 10 s per GB).
//
// SQLite: VACUUM, then a checkpoint that empties the log and must not be
// held up by a reader. PostgreSQL: VACUUM of every table and a checkpoint; the
// log is recycled by the server (docs/operating.md says what stays how long).
func (d *DB) Clean(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "db.Clean")
	ss, err := d.take(ctx, d.writer)
	if err != nil {
		return err
	}
	failed := false
	defer func() { d.give(d.writer, ss, failed) }()
	if d.dialect == Postgres {
		return d.cleanPostgres(ctx, ss)
	}
	if err := ss.exec(ctx, "VACUUM"); err != nil {
		failed = true
		return err
	}
	var busy, frames, moved int
	row := ss.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := row.Scan(&busy, &frames, &moved); err != nil {
		failed = true
		return err
	}
	if busy != 0 {
		return sotto.Fail(sotto.Busy, "A long read holds the write-ahead log; cleaning is tried again.")
	}
	return nil
}

func (d *DB) cleanPostgres(ctx context.Context, ss *session) error {
	for _, t := range catalogue.Tables() {
		if err := ss.exec(ctx, "VACUUM (ANALYZE) "+t.Name); err != nil {
			return fmt.Errorf("vacuum %s: %w", t.Name, err)
		}
	}
	var may bool
	err := ss.conn.QueryRowContext(ctx, `SELECT pg_has_role(current_user, 'pg_checkpoint', 'MEMBER')`).Scan(&may)
	if err != nil || !may {
		return err // without the right to checkpoint, the server's own will do
	}
	return ss.exec(ctx, "CHECKPOINT")
}

// Snapshot writes a consistent copy of a SQLite database to file, which must
// not exist. PostgreSQL has pg_dump for that.
func (d *DB) Snapshot(ctx context.Context, file string) (err error) {
	defer sotto.Wrap(&err, "db.Snapshot")
	if d.dialect != SQLite {
		return sotto.Fail(sotto.Invalid, "This desk stores its rows in PostgreSQL: copy them with pg_dump at the same time.")
	}
	ss, err := d.take(ctx, d.reader)
	if err != nil {
		return err
	}
	failed := false
	defer func() { d.give(d.reader, ss, failed) }()
	if _, err = ss.conn.ExecContext(ctx, "VACUUM INTO $1", file); err != nil {
		failed = true
	}
	return err
}
