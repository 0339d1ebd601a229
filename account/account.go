// Package account is who signs in: programs with a token, each in the name of
// one member of staff.
//
// It owns the table api_token. The api asks it about every request; sotto
// init and an administrator make tokens. It keeps no token, only the SHA-256
// of one: what was lost cannot be shown again. It never decides what an actor
// may do, only who it is.
package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/person"
)

//go:embed account.sql
var statements string

// Accounts knows who may sign in. Its methods may be called from any
// goroutine.
type Accounts struct {
	db     *db.DB
	people *person.People
	audit  *audit.Log
	clock  sotto.Clock
	q      db.Queries
	fails  *failures
}

// New returns the accounts of d.
func New(d *db.DB, people *person.People, log *audit.Log, clock sotto.Clock) *Accounts {
	return &Accounts{db: d, people: people, audit: log, clock: clock, q: db.Parse(statements), fails: newFailures()}
}

// Token is a key a program signs in with, without the key itself.
type Token struct {
	ID        int64
	Person    sotto.PersonID // in whose name the program acts
	CreatedAt time.Time
	UsedAt    time.Time // to the hour; zero when it was never used
	RevokedAt time.Time // zero while it works
}

// secretBytes is how long a token is before it is written in base64url.
const secretBytes = 32

// CreateToken makes a token in the name of a member of staff. The secret is
// returned once and kept nowhere. Only an administrator may.
func (a *Accounts) CreateToken(ctx context.Context, actor sotto.Actor, owner sotto.PersonID) (secret string, id int64, err error) {
	defer sotto.Wrap(&err, "account.CreateToken(%d)", owner)
	if err := mayManage(actor); err != nil {
		return "", 0, err
	}
	var raw [secretBytes]byte
	_, _ = rand.Read(raw[:]) // crypto/rand never fails
	hash := sha256.Sum256(raw[:])
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		if err := a.people.Live(tx, owner); err != nil {
			return err
		}
		p, err := a.people.Load(tx, owner)
		if err != nil {
			return err
		}
		if !maySignIn(p) {
			return sotto.FailField("person", "Only staff who are neither suspended nor deleted may have a token.")
		}
		id = tx.NewID()
		if _, err := tx.Exec(a.q["Insert"], id, int64(owner), hash[:], db.Millis(tx.Now)); err != nil {
			return err
		}
		return a.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Token, SourceID: id, Person: owner})
	})
	if err != nil {
		return "", 0, err
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), id, nil
}

// RevokeToken ends a token: the next request with it is refused. Revoking
// twice is fine. Administrators may revoke any token, others their own; a
// token that is not theirs is as one that is not there.
func (a *Accounts) RevokeToken(ctx context.Context, actor sotto.Actor, id int64) (err error) {
	defer sotto.Wrap(&err, "account.RevokeToken(%d)", id)
	return a.db.Write(ctx, func(tx *db.Tx) error {
		n, err := db.One(tx, db.Int, a.q["Owner"], id)
		owner := sotto.PersonID(n)
		if errors.Is(err, db.ErrNone) || (err == nil && !actor.IsAdmin() && actor.Person != owner) {
			return sotto.Fail(sotto.NotFound, "There is no such token.")
		}
		if err != nil {
			return err
		}
		changed, err := tx.Exec(a.q["Revoke"], id, db.Millis(tx.Now))
		if err != nil || changed == 0 {
			return err
		}
		return a.audit.Add(tx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Token, SourceID: id, Person: owner})
	})
}

// Tokens returns every token there was, revoked ones included, oldest first.
// Only an administrator may ask.
func (a *Accounts) Tokens(ctx context.Context, actor sotto.Actor) (all []Token, err error) {
	defer sotto.Wrap(&err, "account.Tokens")
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanToken, a.q["List"])
		return err
	})
	return all, err
}

func scanToken(s db.Scanner) (t Token, err error) {
	var owner, created int64
	var used, revoked *int64
	err = s.Scan(&t.ID, &owner, &created, &used, &revoked)
	t.Person, t.CreatedAt = sotto.PersonID(owner), db.Time(created)
	t.UsedAt, t.RevokedAt = db.TimeOrZero(used), db.TimeOrZero(revoked)
	return t, err
}

func mayManage(actor sotto.Actor) error {
	if actor.IsAdmin() {
		return nil
	}
	return sotto.Fail(sotto.Denied, "Only an administrator may manage tokens.")
}

// maySignIn reports whether p is staff and at work: everything else is refused
// with the next request, not when a session ends.
func maySignIn(p person.Person) bool {
	return p.Role.Staff() && p.SuspendedAt.IsZero() && p.DeletedAt.IsZero() && p.FrozenAt.IsZero() && p.ErasedAt.IsZero()
}
