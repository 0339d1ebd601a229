package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// errUndo rolls a test's tampering back.
var errUndo = errors.New("undo")

// stored is a row as a thief of the database finds it.
type stored struct {
	ID, At                    int64
	Actor                     *int64
	ActorKind, Action, Source string
	SourceID                  int64
	Ticket, Person            *int64
	Prev, Hash                []byte
}

const (
	selectAll = `SELECT id, at, actor_id, actor_kind, action, source, source_id, ticket_id, person_id, prev, hash FROM audit_entry ORDER BY id`
	insertOne = `INSERT INTO audit_entry (id, at, actor_id, actor_kind, action, source, source_id, ticket_id, person_id, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
)

func readAll(t *testing.T, d *db.DB) (rows []stored) {
	t.Helper()
	if err := d.Read(context.Background(), func(tx *db.Tx) (err error) {
		rows, err = db.All(tx, func(s db.Scanner) (r stored, err error) {
			return r, s.Scan(&r.ID, &r.At, &r.Actor, &r.ActorKind, &r.Action, &r.Source, &r.SourceID, &r.Ticket, &r.Person, &r.Prev, &r.Hash)
		}, selectAll)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func insert(tx *db.Tx, r stored) error {
	_, err := tx.Exec(insertOne, r.ID, r.At, r.Actor, r.ActorKind, r.Action, r.Source, r.SourceID, r.Ticket, r.Person, r.Prev, r.Hash)
	return err
}

// filled adds ten entries of every shape.
func filled(t *testing.T, d *db.DB, l *audit.Log) []stored {
	t.Helper()
	for i := range int64(3) {
		add(t, d, l, agent, audit.Entry{Action: audit.Listen, Source: audit.Recording, SourceID: 41 + i, Ticket: 4711, Person: 99})
		add(t, d, l, sotto.Desk(), audit.Entry{Action: audit.Destroy, Source: audit.Recording, SourceID: 41 + i})
		add(t, d, l, sotto.Operator(), audit.Entry{Action: audit.Update, Source: audit.Setting})
	}
	add(t, d, l, sotto.Actor{Person: 7, Shell: true}, audit.Entry{Action: audit.Restore, Source: audit.Ticket, SourceID: 4711, Ticket: 4711})
	return readAll(t, d)
}

// tampered runs the change, verifies what is then there, and rolls back.
func tampered(t *testing.T, d *db.DB, l *audit.Log, change func(tx *db.Tx) error) (r audit.Report) {
	t.Helper()
	err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
		if err := change(tx); err != nil {
			return err
		}
		if r, err = l.VerifyIn(tx); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
	return r
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		flips := 0
		for _, r := range filled(t, d, l) {
			for _, c := range changes(r) {
				flips++
				got := tampered(t, d, l, func(tx *db.Tx) error {
					n, err := tx.Exec("UPDATE audit_entry SET "+c.column+" = $1 WHERE id = $2", c.value, r.ID)
					if n != 1 && err == nil {
						return fmt.Errorf("%d rows changed", n)
					}
					return err
				})
				if got.Whole() || (c.column != "id" && got.Broken != r.ID) {
					t.Errorf("entry %d, %s = %v: Verify = %+v", r.ID, c.column, c.value, got)
				}
			}
		}
		t.Logf("%d changes", flips)
		if r := verify(t, l); !r.Whole() || r.Size != 10 {
			t.Errorf("untouched: Verify = %+v", r)
		}
	})
}

type change struct {
	column string
	value  any
}

// changes flips each byte of each field of r, and turns each number into NULL
// and each NULL into a number.
func changes(r stored) []change {
	var all []change
	number := func(column string, n int64) {
		for i := range 8 {
			all = append(all, change{column, n ^ 1<<(8*i)}, change{column, n ^ -128<<(8*i)})
		}
	}
	null := func(column string, n *int64) {
		if n == nil {
			all = append(all, change{column, int64(0)}, change{column, int64(1)})
			return
		}
		number(column, *n)
		all = append(all, change{column, nil})
	}
	word := func(column, s string) {
		for i := range len(s) {
			b := []byte(s)
			b[i] ^= 1
			all = append(all, change{column, string(b)})
		}
		all = append(all, change{column, ""}, change{column, s + " "}, change{column, s[1:]})
	}
	octets := func(column string, s []byte) {
		for i := range s {
			b := bytes.Clone(s)
			b[i] ^= 1 << (i % 8)
			all = append(all, change{column, b})
		}
		all = append(all, change{column, []byte{}}, change{column, append(bytes.Clone(s), 0)}, change{column, s[:len(s)-1]})
	}
	for i := range 8 { // the low bits may meet a neighbour's id, which the key refuses
		if id := r.ID ^ 1<<(8*i); id < 1 || id > 10 {
			all = append(all, change{"id", id})
		}
		all = append(all, change{"id", r.ID ^ -128<<(8*i)})
	}
	for _, a := range audit.Actions() {
		if string(a) != r.Action {
			all = append(all, change{"action", string(a)})
		}
	}
	for _, x := range audit.Sources() {
		if string(x) != r.Source {
			all = append(all, change{"source", string(x)})
		}
	}
	for _, k := range []audit.ActorKind{audit.ByPerson, audit.ByOperator, audit.ByDesk} {
		if string(k) != r.ActorKind {
			all = append(all, change{"actor_kind", string(k)})
		}
	}
	number("at", r.At)
	null("actor_id", r.Actor)
	word("actor_kind", r.ActorKind)
	word("action", r.Action)
	word("source", r.Source)
	number("source_id", r.SourceID)
	null("ticket_id", r.Ticket)
	null("person_id", r.Person)
	octets("prev", r.Prev)
	octets("hash", r.Hash)
	return all
}

func TestEveryMissingEntryIsFound(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		last := rows[len(rows)-1]
		for from := range rows {
			for to := from + 1; to < len(rows); to++ { // never the last: see the next test
				got := tampered(t, d, l, func(tx *db.Tx) error {
					_, err := tx.Exec("DELETE FROM audit_entry WHERE id > $1 AND id <= $2", from, to)
					return err
				})
				if got.Whole() {
					t.Errorf("entries %d to %d deleted: Verify = %+v", from+1, to, got)
				}
				closed := tampered(t, d, l, func(tx *db.Tx) error {
					if _, err := tx.Exec("DELETE FROM audit_entry WHERE id > $1 AND id <= $2", from, to); err != nil {
						return err
					}
					return shift(tx, rows[to:], int64(from-to))
				})
				if closed.Whole() {
					t.Errorf("entries %d to %d deleted and the gap closed: Verify = %+v", from+1, to, closed)
				}
			}
		}
		if err := l.VerifyAnchor(context.Background(), last.ID, last.Hash); err != nil {
			t.Error(err)
		}
	})
}

// shift moves rows to other places, first the one that is in nobody's way.
func shift(tx *db.Tx, rows []stored, by int64) error {
	for i := range rows {
		r := rows[i]
		if by > 0 {
			r = rows[len(rows)-1-i]
		}
		if _, err := tx.Exec("UPDATE audit_entry SET id = $1 WHERE id = $2", r.ID+by, r.ID); err != nil {
			return err
		}
	}
	return nil
}

func TestATruncatedLogDoesNotFitAnOldHead(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		size, hash := head(t, d, l)
		for keep := len(rows) - 1; keep >= 0; keep-- {
			write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("DELETE FROM audit_entry WHERE id > $1", keep); return err })
			if err := l.VerifyAnchor(context.Background(), size, hash); sotto.KindOf(err) != sotto.Conflict {
				t.Errorf("%d of %d entries left: VerifyAnchor = %v, want conflict", keep, size, err)
			}
			if r := verify(t, l); !r.Whole() || r.Size != int64(keep) {
				t.Errorf("%d entries left: Verify = %+v", keep, r)
			}
		}
		// Somebody writes as many entries again: the old head still tells.
		for range size {
			add(t, d, l, agent, audit.Entry{Action: audit.Read, Source: audit.Ticket, SourceID: 1})
		}
		if r := verify(t, l); !r.Whole() || r.Size != size {
			t.Errorf("rewritten: Verify = %+v", r)
		}
		if err := l.VerifyAnchor(context.Background(), size, hash); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("rewritten: VerifyAnchor = %v, want conflict", err)
		}
	})
}

func TestEveryInsertedEntryIsFound(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		for at := int64(-1); at <= int64(len(rows)); at++ {
			for _, copied := range rows {
				got := tampered(t, d, l, func(tx *db.Tx) error {
					if at >= 0 {
						if err := shift(tx, rows[at:], 1); err != nil {
							return err
						}
					}
					r := copied
					r.ID = at + 1
					return insert(tx, r)
				})
				if got.Whole() {
					t.Errorf("entry %d inserted at %d: Verify = %+v", copied.ID, at+1, got)
				}
			}
		}
	})
}

func TestEverySwappedPairIsFound(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		for i := range rows {
			for k := i + 1; k < len(rows); k++ {
				got := tampered(t, d, l, func(tx *db.Tx) error {
					for _, move := range [][2]int64{{rows[i].ID, 1000}, {rows[k].ID, rows[i].ID}, {1000, rows[k].ID}} {
						if _, err := tx.Exec("UPDATE audit_entry SET id = $1 WHERE id = $2", move[1], move[0]); err != nil {
							return err
						}
					}
					return nil
				})
				if got.Whole() || got.Broken != rows[i].ID {
					t.Errorf("entries %d and %d swapped: Verify = %+v", rows[i].ID, rows[k].ID, got)
				}
			}
		}
	})
}

func TestVerifyAnchorFindsEveryOtherHash(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		ctx := context.Background()
		for _, r := range rows {
			if err := l.VerifyAnchor(ctx, r.ID, r.Hash); err != nil {
				t.Errorf("VerifyAnchor(%d) = %v", r.ID, err)
			}
			wrong := bytes.Clone(r.Hash)
			wrong[5] ^= 1
			for _, hash := range [][]byte{wrong, nil, audit.Genesis(), r.Prev} {
				if err := l.VerifyAnchor(ctx, r.ID, hash); sotto.KindOf(err) != sotto.Conflict {
					t.Errorf("VerifyAnchor(%d, %x) = %v, want conflict", r.ID, hash, err)
				}
			}
		}
		if err := l.VerifyAnchor(ctx, -1, audit.Genesis()); err == nil {
			t.Error("there is no place -1")
		}
	})
}

func TestARewrittenEntryIsFoundWhereTheRewritingEnds(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		rows := filled(t, d, l)
		size, hash := head(t, d, l)
		for i := range rows {
			for end := i; end < len(rows); end++ {
				var anchored []byte
				got := tampered(t, d, l, func(tx *db.Tx) error {
					if err := rewrite(tx, rows, i, end); err != nil {
						return err
					}
					var err error
					anchored, err = l.HashIn(tx, size)
					return err
				})
				if last := end == len(rows)-1; last && (!got.Whole() || bytes.Equal(anchored, hash)) {
					t.Errorf("all from %d rewritten: Verify = %+v, the old head must not fit", i+1, got)
				} else if !last && got.Broken != rows[end+1].ID {
					t.Errorf("entries %d to %d rewritten: Verify = %+v", i+1, end+1, got)
				}
			}
		}
	})
}

// rewrite changes entry i and makes every hash up to end fit again, and the
// link behind it.
func rewrite(tx *db.Tx, rows []stored, i, end int) error {
	prev := rows[i].Prev
	for k := i; k <= end; k++ {
		r := rows[k]
		if k == i {
			r.SourceID++
		}
		r.Prev = prev
		sum := sha256.Sum256(audit.Encode(r.ID, r.At, r.Actor, r.ActorKind, r.Action, r.Source, r.SourceID, r.Ticket, r.Person, r.Prev))
		prev = sum[:]
		if _, err := tx.Exec("UPDATE audit_entry SET source_id = $1, prev = $2, hash = $3 WHERE id = $4", r.SourceID, r.Prev, prev, r.ID); err != nil {
			return err
		}
	}
	_, err := tx.Exec("UPDATE audit_entry SET prev = $1 WHERE id = $2", prev, rows[end].ID+1)
	return err
}
