package audit

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"

	"sotto"
	"sotto/db"
)

// page is how many entries Verify reads in one transaction. Entries do not
// change, so it needs no single view of them all, and a long read would keep
// package db from cleaning the log of writes.
const page = 5000

// Report is what Verify found.
type Report struct {
	Size   int64  // the place of the last entry; 0 for an empty log
	Head   []byte // its hash, or Genesis
	First  int64  // the place of the oldest entry that is still kept; 1 unless Prune ran
	Broken int64  // the place of the first entry that does not fit; 0 when the chain is whole
	Why    string // what is wrong there, in words
}

// Whole reports whether every entry fits.
func (r Report) Whole() bool { return r.Broken == 0 }

// Verify reads the whole log, oldest first, and reports the first entry that
// does not fit. An error means only that the log could not be read. That
// entries were taken off the end, or all of them replaced, only VerifyAnchor
// can tell.
func (l *Log) Verify(ctx context.Context) (r Report, err error) {
	defer sotto.Wrap(&err, "audit.Verify")
	r, moved, err := l.verify(ctx)
	if moved && err == nil { // Prune ran in between
		r, _, err = l.verify(ctx)
	}
	return r, err
}

// verify goes through the log once. It also reports whether a break may come
// from the oldest entries having been pruned meanwhile.
func (l *Log) verify(ctx context.Context) (_ Report, moved bool, err error) {
	c := newCheck()
	for more := true; more && c.report.Whole(); {
		err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
			more, err = l.verifyPage(tx, c)
			return err
		})
		if err != nil {
			return Report{}, false, err
		}
	}
	r := c.end()
	if r.Whole() {
		return r, false, nil
	}
	err = l.db.Read(ctx, func(tx *db.Tx) error {
		first, err := db.One(tx, db.Int, l.q["Oldest"])
		moved = first > r.First
		return err
	})
	return r, moved, err
}

func (l *Log) verifyPage(tx *db.Tx, c *check) (more bool, err error) {
	n := 0
	err = db.Each(tx, func(s db.Scanner) error {
		r, err := scanRow(s)
		if err == nil {
			c.take(r)
			n++
		}
		return err
	}, l.q["Page"], c.read, page)
	return n == page, err
}

// check goes along the chain.
type check struct {
	report  Report
	read    int64 // the id of the last row, whether it fitted or not
	dropped int64 // the last place a pruning entry says was removed
}

func newCheck() *check {
	return &check{report: Report{Head: Genesis(), First: 1}, read: math.MinInt64}
}

// take holds the next entry against what came before it.
func (c *check) take(r row) {
	p := &c.report
	c.read = r.id
	if !p.Whole() {
		return
	}
	if p.Size == 0 && r.id > 1 { // the oldest was pruned, or removed: end decides
		p.First, p.Size, p.Head = r.id, r.id-1, r.prev
	}
	switch {
	case r.id < 1:
		p.Broken, p.Why = 1, "there is an entry before the first"
	case r.id != p.Size+1:
		p.Broken, p.Why = p.Size+1, "the entry is missing"
	case !bytes.Equal(r.prev, p.Head):
		p.Broken, p.Why = r.id, "it does not follow from the entry before"
	case !bytes.Equal(r.hash, r.sum()):
		p.Broken, p.Why = r.id, "its hash does not fit its words"
	case kindless(r):
		p.Broken, p.Why = r.id, "it holds a word that is not in the lists"
	}
	if !p.Whole() {
		return
	}
	if r.action == string(Destroy) && r.source == string(Chain) {
		c.dropped = max(c.dropped, r.sourceID)
	}
	p.Size, p.Head = r.id, r.hash
}

// end says whether entries missing at the front were pruned, which an entry of
// the log itself must say.
func (c *check) end() Report {
	p := &c.report
	if p.Whole() && p.First > 1 && c.dropped < p.First-1 {
		p.Broken, p.Why = p.First-1, "the entries up to here are missing, and no later entry says that they were removed"
	}
	return *p
}

func kindless(r row) bool {
	return !slices.Contains(Actions(), Action(r.action)) || !slices.Contains(Sources(), Source(r.source)) ||
		!slices.Contains([]ActorKind{ByPerson, ByOperator, ByDesk}, ActorKind(r.actorKind))
}

// VerifyAnchor reports, as an error of kind Conflict, that the log's entry at
// place size does not have that hash, or that the log is shorter: what Head
// returned once and was kept elsewhere no longer holds. It looks at that one
// place; Verify looks at the rest. Of pruned places only the last can be
// checked, by the entry after it.
func (l *Log) VerifyAnchor(ctx context.Context, size int64, hash []byte) (err error) {
	defer sotto.Wrap(&err, "audit.VerifyAnchor(%d)", size)
	got := Genesis()
	if size > 0 {
		err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
			got, err = l.hashAt(tx, size)
			return err
		})
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.Conflict, "The audit log has no such entry any more: entries were removed from it.")
		}
		if err != nil {
			return err
		}
	}
	if size < 0 || !bytes.Equal(got, hash) {
		return sotto.Fail(sotto.Conflict, "The audit log is not the one that was there before: entries were changed.")
	}
	return nil
}

func (l *Log) hashAt(tx *db.Tx, id int64) ([]byte, error) {
	one := func(s db.Scanner) (b []byte, err error) { err = s.Scan(&b); return }
	hash, err := db.One(tx, one, l.q["HashAt"], id)
	if errors.Is(err, db.ErrNone) {
		return db.One(tx, one, l.q["PrevAt"], id+1)
	}
	return hash, err
}
