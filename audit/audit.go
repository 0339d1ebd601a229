// Package audit is the tamper-evident log of who looked at or changed what.
//
// It owns the table audit_entry. Every other package adds its entries in the
// transaction they speak of: an act without its entry does not commit. Each
// entry holds the hash of the one before, so that a changed, missing, added
// or moved entry is found by Verify. The chain has no secret: who can write
// the database can also write a whole new chain, or take entries off its end.
// VerifyAnchor finds that out against a head that was kept elsewhere; receipts
// carry heads for this.
//
// Entries hold opaque numbers and words of closed lists; never a name, a
// number to call, an address or a text of a person, and so they stay when a
// person is erased (GDPR 5(2)).
package audit

import (
	_ "embed"
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

//go:embed audit.sql
var statements string

// Entry says what was done to what.
type Entry struct {
	Action   Action
	Source   Source         // what kind of thing it was done to
	SourceID int64          // which one; 0 for a thing without a number, such as a setting
	Ticket   sotto.TicketID // on which ticket; 0 for none
	Person   sotto.PersonID // whose data it was; 0 for nobody's
}

// Record is an entry as it stands in the log.
type Record struct {
	ID        int64 // its place in the chain, from 1
	At        time.Time
	Actor     sotto.PersonID // 0 for the desk, and for an operator who did not say
	ActorKind ActorKind
	Entry
	Hash []byte // 32 bytes, over Prev and every other field
}

// ActorKind is who acted: a person of the desk, the operator at the machine,
// or the desk itself.
type ActorKind string

// The kinds of actor.
const (
	ByPerson   ActorKind = "person"
	ByOperator ActorKind = "operator"
	ByDesk     ActorKind = "desk"
)

// Log is the audit log of one database. Its methods may be called from any
// goroutine.
type Log struct {
	db *db.DB
	q  db.Queries
}

// New returns the log of d.
func New(d *db.DB) *Log { return &Log{db: d, q: db.Parse(statements)} }

// Add writes e as an act of actor, in the caller's transaction and at its
// time. Call it last: on PostgreSQL it holds the log, and with it everyone
// else's Add, until the transaction ends. If Add fails, so must the
// transaction.
func (l *Log) Add(tx *db.Tx, actor sotto.Actor, e Entry) (err error) {
	defer sotto.Wrap(&err, "audit.Add")
	kind, err := kindOf(actor)
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if err := tx.Lock("audit"); err != nil {
		return err
	}
	size, prev, err := l.Head(tx)
	if err != nil {
		return err
	}
	r := row{
		id: size + 1, at: db.Millis(tx.Now), actorKind: string(kind), action: string(e.Action), source: string(e.Source), sourceID: e.SourceID,
		actor: number(actor.Person), ticket: number(e.Ticket), person: number(e.Person), prev: prev,
	}
	_, err = tx.Exec(l.q["Add"], r.id, r.at, r.actor, r.actorKind, r.action, r.source, r.sourceID, r.ticket, r.person, r.prev, r.sum())
	return err
}

// Head returns how many entries the log has had and the hash of the last:
// what a receipt anchors. An empty log has size 0 and the hash Genesis.
func (l *Log) Head(tx *db.Tx) (size int64, hash []byte, err error) {
	type head struct {
		size int64
		hash []byte
	}
	h, err := db.One(tx, func(s db.Scanner) (h head, err error) { return h, s.Scan(&h.size, &h.hash) }, l.q["Head"])
	if errors.Is(err, db.ErrNone) {
		return 0, Genesis(), nil
	}
	return h.size, h.hash, err
}

// kindOf says who a is. An actor with a role and no number is nobody, and
// nobody does not act.
func kindOf(a sotto.Actor) (ActorKind, error) {
	switch {
	case a.Shell:
		return ByOperator, nil
	case a.Person > 0:
		return ByPerson, nil
	case a == sotto.Desk():
		return ByDesk, nil
	}
	return "", sotto.Fail(sotto.Internal, "An actor with a role needs a person.")
}

// number stores 0 as NULL: an id that is not there.
func number[N ~int64](n N) *int64 {
	if n == 0 {
		return nil
	}
	v := int64(n)
	return &v
}
