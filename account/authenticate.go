package account

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"sotto"
	"sotto/db"
	"sotto/person"
)

// maxHeader bounds the Authorization header that is looked at.
const maxHeader = 1024

// credentials are what a request came with.
type credentials struct {
	hash  [sha256.Size]byte
	email string // "" with a bearer token
}

// Authenticate says who a request comes from: "Bearer TOKEN", or the Basic
// scheme with the name "e-mail/token" and the token as password, as programs
// written for Zendesk send it; the address must be the token owner's (RFC
// 6750 2.1, RFC 7617 2). The owner's role, suspension and deletion are read
// anew for each request.
//
// Every refusal is the same error of kind Denied, whatever was wrong. An
// address that failed too often gets Busy for RetryAfter, even if it has the
// right token by then. The address is r.RemoteAddr: who trusts a proxy sets
// it before.
func (a *Accounts) Authenticate(ctx context.Context, r *http.Request) (actor sotto.Actor, err error) {
	source := sourceOf(r.RemoteAddr)
	now := a.clock()
	if a.fails.tooMany(source, now) {
		return actor, sotto.Fail(sotto.Busy, "Too many attempts from your address failed. Try again later.")
	}
	actor, err = a.identify(ctx, r.Header.Get("Authorization"))
	if sotto.KindOf(err) == sotto.Denied {
		a.fails.count(source, now)
	}
	return actor, err
}

func (a *Accounts) identify(ctx context.Context, header string) (actor sotto.Actor, err error) {
	c, ok := parse(header)
	if !ok {
		return actor, refused()
	}
	var token, used int64
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		var p person.Person
		token, used, p, err = a.owner(tx, c)
		if err != nil {
			return err
		}
		if !maySignIn(p) || (c.email != "" && !hasEmail(p, c.email)) {
			return refused()
		}
		actor = sotto.Actor{Person: p.ID, Role: p.Role}
		return nil
	})
	if err != nil {
		return sotto.Actor{}, err
	}
	a.note(ctx, token, used)
	return actor, nil
}

// owner finds whose token it is.
func (a *Accounts) owner(tx *db.Tx, c credentials) (token, used int64, p person.Person, err error) {
	type row struct {
		id, owner, used int64
		hash            []byte
	}
	got, err := db.One(tx, func(s db.Scanner) (t row, err error) {
		return t, s.Scan(&t.id, &t.owner, &t.hash, &t.used)
	}, a.q["ByHash"], c.hash[:])
	if errors.Is(err, db.ErrNone) {
		return 0, 0, p, refused()
	}
	if err != nil {
		return 0, 0, p, err
	}
	if subtle.ConstantTimeCompare(got.hash, c.hash[:]) != 1 {
		return 0, 0, p, refused()
	}
	p, err = a.people.Load(tx, sotto.PersonID(got.owner))
	if kind := sotto.KindOf(err); err != nil && (kind == sotto.Gone || kind == sotto.NotFound) {
		return 0, 0, p, refused()
	}
	return got.id, got.used, p, err
}

// note writes down the hour of use. A desk whose disk is full still lets its
// administrator in, so a failure is dropped here: the hour is not kept then.
func (a *Accounts) note(ctx context.Context, token, used int64) {
	hour := a.clock().UTC().Truncate(time.Hour)
	if db.Millis(hour) <= used {
		return
	}
	_ = a.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(a.q["Used"], token, db.Millis(hour))
		return err
	})
}

// parse reads an Authorization header.
func parse(header string) (c credentials, ok bool) {
	if len(header) > maxHeader {
		return c, false
	}
	scheme, rest, found := strings.Cut(header, " ")
	if !found {
		return c, false
	}
	secret := strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(secret)
		if err != nil {
			return c, false
		}
		name, password, _ := strings.Cut(string(plain), ":")
		email, isToken := strings.CutSuffix(name, "/token")
		if !isToken || email == "" {
			return c, false
		}
		c.email, secret = email, password
	default:
		return c, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) != secretBytes {
		return c, false
	}
	c.hash = sha256.Sum256(raw)
	return c, true
}

func hasEmail(p person.Person, email string) bool {
	v, err := person.NormalEmail(email)
	if err != nil {
		return false
	}
	for _, a := range p.Addresses {
		if a.Kind == person.Email && subtle.ConstantTimeCompare([]byte(a.Value), []byte(v)) == 1 {
			return true
		}
	}
	return false
}

func refused() error { return sotto.Fail(sotto.Denied, "Couldn't authenticate you") }
