package db

import (
	"context"
	"fmt"
	"runtime/debug"

	"sotto"
)

// maxGroup is how many writes share one commit at most. A group is whatever
// has gathered while the last commit waited for the disk, so a lone writer
// waits for nobody.
const maxGroup = 128

// write is one function on its way to the single SQLite writer.
type write struct {
	ctx  context.Context
	fn   func(*Tx) error
	tx   *Tx
	err  error
	done chan struct{}
}

// Write runs fn in one transaction. When it returns nil, what fn wrote is on
// the disk. When fn fails, nothing of it remains. On SQLite the writes of all
// callers go through one goroutine and share commits (one sync for a group);
// each is alone in its savepoint. fn must not call Write or Read.
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	if d.dialect == Postgres {
		return d.writeAlone(ctx, fn)
	}
	w := &write{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case d.groups <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-d.stop:
		return sotto.Fail(sotto.Busy, "The desk is stopping.")
	}
	select {
	case <-w.done:
	case <-d.stop:
		d.done.Wait()
		select {
		case <-w.done:
		default:
			return sotto.Fail(sotto.Busy, "The desk is stopping.")
		}
	}
	if w.err == nil {
		w.tx.runAfter()
	}
	return w.err
}

// Read runs fn on one consistent view of the database. fn cannot write and
// must not call Write.
func (d *DB) Read(ctx context.Context, fn func(*Tx) error) (err error) {
	ss, err := d.take(ctx, d.reader)
	if err != nil {
		return err
	}
	failed := false
	defer func() { d.give(d.reader, ss, failed) }()
	begin := "BEGIN"
	if d.dialect == Postgres {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if err := ss.exec(ctx, begin); err != nil {
		failed = true
		return err
	}
	err = guard(fn, &Tx{Now: d.Now(), db: d, ctx: ctx, ss: ss})
	if end := ss.exec(context.WithoutCancel(ctx), "ROLLBACK"); end != nil {
		failed = true
	}
	return err
}

// writeAlone is Write on PostgreSQL, which groups commits itself.
func (d *DB) writeAlone(ctx context.Context, fn func(*Tx) error) (err error) {
	ss, err := d.take(ctx, d.writer)
	if err != nil {
		return err
	}
	failed := false
	defer func() { d.give(d.writer, ss, failed) }()
	if err := ss.exec(ctx, "BEGIN"); err != nil {
		failed = true
		return err
	}
	tx := &Tx{Now: d.Now(), db: d, ctx: context.WithoutCancel(ctx), ss: ss, write: true}
	if err := guard(fn, tx); err != nil {
		failed = ss.exec(tx.ctx, "ROLLBACK") != nil
		return err
	}
	if err := ss.exec(tx.ctx, "COMMIT"); err != nil {
		failed = true
		return err
	}
	tx.runAfter()
	return nil
}

// commitGroups is the only writer of a SQLite database. It owns the writer
// session until Close.
func (d *DB) commitGroups() {
	for {
		select {
		case w := <-d.groups:
			d.commit(d.gather(w))
		case <-d.stop:
			for {
				select {
				case w := <-d.groups:
					d.commit(d.gather(w))
				default:
					return
				}
			}
		}
	}
}

// gather takes what is waiting, without waiting for more.
func (d *DB) gather(first *write) []*write {
	group := []*write{first}
	for len(group) < maxGroup {
		select {
		case w := <-d.groups:
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func (d *DB) commit(group []*write) {
	ctx := context.Background()
	err := d.commitOn(ctx, group)
	for _, w := range group {
		if err != nil && w.err == nil {
			w.err = err
		}
		close(w.done)
	}
}

func (d *DB) commitOn(ctx context.Context, group []*write) (err error) {
	ss, err := d.take(ctx, d.writer)
	if err != nil {
		return err
	}
	failed := false
	defer func() { d.give(d.writer, ss, failed) }()
	if err := ss.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		failed = true
		return err
	}
	for _, w := range group {
		if err := d.runOne(ss, w); err != nil {
			failed = true
			_ = ss.exec(ctx, "ROLLBACK")
			return err
		}
	}
	if err := ss.exec(ctx, "COMMIT"); err != nil {
		failed = true
		_ = ss.exec(ctx, "ROLLBACK")
		return err
	}
	return nil
}

// runOne runs one write in a savepoint of its own. It returns an error only
// when the whole group is lost; the write's own error stays with the write.
func (d *DB) runOne(ss *session, w *write) error {
	if w.err = w.ctx.Err(); w.err != nil {
		return nil
	}
	ctx := context.WithoutCancel(w.ctx)
	w.tx = &Tx{Now: d.Now(), db: d, ctx: ctx, ss: ss, write: true}
	if err := ss.exec(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if w.err = guard(w.fn, w.tx); w.err != nil {
		if err := ss.exec(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return ss.exec(ctx, "RELEASE one")
}

func (t *Tx) runAfter() {
	for _, f := range t.after {
		f()
	}
}

// guard turns a panic in fn into its error, so that one caller's mistake does
// not end the writer and with it every call.
func guard(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}
