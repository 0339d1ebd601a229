// Package person is who calls and who answers: identities, addresses,
// objections. A caller's number becomes a person once, not once for each call.
//
// It owns the tables person, address, address_index, name_index, objection
// and suppression. Names, numbers and notes are sealed under the person's own
// key; look-up goes through keyed hashes. It never removes personal data for
// good: package erasure does.
package person

import (
	"context"
	_ "embed"
	"errors"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

//go:embed person.sql
var statements string

// People is the desk's people. Its methods may be called from any goroutine.
type People struct {
	db     *db.DB
	ring   *keyring.Ring
	audit  *audit.Log
	q      db.Queries
	region string
}

// New uses region (ISO 3166, as "FR") to read numbers written without a
// country code.
func New(d *db.DB, ring *keyring.Ring, log *audit.Log, region string) *People {
	return &People{db: d, ring: ring, audit: log, q: db.Parse(statements), region: region}
}

// Person is one person, opened. Name and the other texts are empty once the
// person is erased.
type Person struct {
	ID          sotto.PersonID
	Key         sotto.KeyID // 0 once erased
	Role        sotto.Role
	Name        string
	Notes       string
	Details     string
	ExternalID  string
	Locale      string // "en" or "fr"
	Addresses   []Address
	Objections  []Objection
	CreatedAt   time.Time
	UpdatedAt   time.Time
	SuspendedAt time.Time
	DeletedAt   time.Time
	FrozenAt    time.Time
	ErasedAt    time.Time
}

// Phone returns the person's first telephone number, or "".
func (p Person) Phone() string { return p.first(Phone) }

// Email returns the person's first e-mail address, or "".
func (p Person) Email() string { return p.first(Email) }

func (p Person) first(kind Kind) string {
	found := ""
	for _, a := range p.Addresses {
		if a.Kind == kind && (found == "" || a.Primary) {
			found = a.Value
		}
	}
	return found
}

// Draft is what a new person is made from.
type Draft struct {
	Role       sotto.Role // EndUser when empty
	Name       string
	Notes      string
	Details    string
	ExternalID string
	Locale     string
	Phones     []string
	Emails     []string
	Verified   bool // the addresses are proven to be the person's
}

// maxText bounds free text about a person.
const maxText = 64 << 10

// Create makes a person. An address that is somebody else's is a Conflict.
func (pp *People) Create(ctx context.Context, actor sotto.Actor, d Draft) (id sotto.PersonID, err error) {
	defer sotto.Wrap(&err, "person.Create")
	if !actor.IsStaff() {
		return 0, sotto.Fail(sotto.Denied, "Only staff may add people.")
	}
	if d.Role.Staff() && !actor.IsAdmin() {
		return 0, sotto.Fail(sotto.Denied, "Only an administrator may add staff.")
	}
	err = pp.db.Write(ctx, func(tx *db.Tx) error {
		id, _, err = pp.insert(tx, d)
		if err != nil {
			return err
		}
		return pp.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Person, SourceID: int64(id), Person: id})
	})
	return id, err
}

// insert writes the person, its addresses and its look-up rows.
func (pp *People) insert(tx *db.Tx, d Draft) (sotto.PersonID, sotto.KeyID, error) {
	if err := d.check(); err != nil {
		return 0, 0, err
	}
	key, err := pp.ring.NewKey()
	if err != nil {
		return 0, 0, err
	}
	id := sotto.PersonID(tx.NewID())
	s, err := pp.sealTexts(id, key, d)
	if err != nil {
		return 0, 0, err
	}
	if err := pp.freeExternal(tx, id, d.ExternalID); err != nil {
		return 0, 0, err
	}
	_, err = tx.Exec(pp.q["Insert"], int64(id), int64(key), string(d.Role), s.name, s.notes, s.details,
		s.external, s.externalHash, d.Locale, db.Millis(tx.Now))
	if err != nil {
		return 0, 0, err
	}
	if err := pp.indexName(tx, id, d.Name); err != nil {
		return 0, 0, err
	}
	for _, a := range d.addresses() {
		if _, err := pp.addAddress(tx, id, key, a); err != nil {
			return 0, 0, err
		}
	}
	return id, key, nil
}

func (d *Draft) check() error {
	if d.Role == "" {
		d.Role = sotto.EndUser
	}
	if d.Role != sotto.EndUser && !d.Role.Staff() {
		return sotto.FailField("role", "The role is end-user, agent or admin.")
	}
	if d.Locale == "" {
		d.Locale = "en"
	}
	if d.Locale != "en" && d.Locale != "fr" {
		return sotto.FailField("locale", "The language is en or fr.")
	}
	if len(d.Name) > 255 {
		return sotto.FailField("name", "The name is longer than 255 bytes.")
	}
	if len(d.Notes) > maxText || len(d.Details) > maxText || len(d.ExternalID) > 255 {
		return sotto.FailField("notes", "The text is too long.")
	}
	return nil
}

func (d *Draft) addresses() []Address {
	var out []Address
	for i, v := range d.Phones {
		out = append(out, Address{Kind: Phone, Value: v, Primary: i == 0, verified: d.Verified})
	}
	for i, v := range d.Emails {
		out = append(out, Address{Kind: Email, Value: v, Primary: i == 0, verified: d.Verified})
	}
	return out
}

type sealedTexts struct {
	name, notes, details, external keyring.Sealed
	externalHash                   any
}

func (pp *People) sealTexts(id sotto.PersonID, key sotto.KeyID, d Draft) (s sealedTexts, err error) {
	for _, f := range []struct {
		to   *keyring.Sealed
		cell catalogue.Cell
		text string
	}{
		{&s.name, catalogue.PersonName, d.Name}, {&s.notes, catalogue.PersonNotes, d.Notes},
		{&s.details, catalogue.PersonDetails, d.Details}, {&s.external, catalogue.PersonExternalID, d.ExternalID},
	} {
		if f.text == "" {
			continue
		}
		if *f.to, err = pp.ring.SealText(key, f.cell, int64(id), f.text); err != nil {
			return s, err
		}
	}
	if d.ExternalID != "" {
		s.externalHash = pp.ring.Hash(catalogue.ExternalIDIndex, d.ExternalID)
	}
	return s, nil
}

func (pp *People) freeExternal(tx *db.Tx, id sotto.PersonID, external string) error {
	if external == "" {
		return nil
	}
	owner, err := db.One(tx, db.Int, pp.q["ByExternal"], pp.ring.Hash(catalogue.ExternalIDIndex, external))
	if errors.Is(err, db.ErrNone) || (err == nil && owner == int64(id)) {
		return nil
	}
	if err != nil {
		return err
	}
	return &sotto.Error{Kind: sotto.Conflict, Field: "external_id", Say: "Another person has this external id."}
}

// Get returns the person. Erased people are found, without anything about
// them; a frozen one (erasure has begun) is Gone.
func (pp *People) Get(ctx context.Context, id sotto.PersonID) (p Person, err error) {
	err = pp.db.Read(ctx, func(tx *db.Tx) error {
		p, err = pp.Load(tx, id)
		return err
	})
	return p, err
}

// Load is Get inside a transaction.
func (pp *People) Load(tx *db.Tx, id sotto.PersonID) (p Person, err error) {
	defer sotto.Wrap(&err, "person.Load(%d)", id)
	p, err = db.One(tx, pp.scan, pp.q["Get"], int64(id))
	if errors.Is(err, db.ErrNone) {
		return p, sotto.Fail(sotto.NotFound, "There is no such person.")
	}
	if err != nil {
		return p, err
	}
	if !p.FrozenAt.IsZero() && p.ErasedAt.IsZero() {
		return Person{ID: p.ID, FrozenAt: p.FrozenAt}, sotto.Fail(sotto.Gone, "This person is being erased.")
	}
	return p, pp.fill(tx, &p)
}

// scan reads a row and opens it.
func (pp *People) scan(s db.Scanner) (p Person, err error) {
	var name, notes, details, external keyring.Sealed
	var id int64
	var key *int64
	var role string
	var locale *string
	var created, updated int64
	var suspended, deleted, frozen, erased *int64
	if err := s.Scan(&id, &key, &role, &name, &notes, &details, &external, &locale, &created, &updated,
		&suspended, &deleted, &frozen, &erased); err != nil {
		return p, err
	}
	p = Person{
		ID: sotto.PersonID(id), Key: sotto.KeyID(db.Value(key)), Role: sotto.Role(role), Locale: db.Value(locale),
		CreatedAt: db.Time(created), UpdatedAt: db.Time(updated), SuspendedAt: db.TimeOrZero(suspended),
		DeletedAt: db.TimeOrZero(deleted), FrozenAt: db.TimeOrZero(frozen), ErasedAt: db.TimeOrZero(erased),
	}
	if !p.FrozenAt.IsZero() {
		return p, nil // nothing of a person under erasure is opened
	}
	for _, f := range []struct {
		to   *string
		cell catalogue.Cell
		from keyring.Sealed
	}{
		{&p.Name, catalogue.PersonName, name}, {&p.Notes, catalogue.PersonNotes, notes},
		{&p.Details, catalogue.PersonDetails, details}, {&p.ExternalID, catalogue.PersonExternalID, external},
	} {
		if *f.to, err = pp.ring.OpenText(f.from, f.cell, id); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (pp *People) fill(tx *db.Tx, p *Person) (err error) {
	if !p.FrozenAt.IsZero() {
		return nil
	}
	if p.Addresses, err = db.All(tx, pp.scanAddress, pp.q["Addresses"], int64(p.ID)); err != nil {
		return err
	}
	p.Objections, err = pp.objections(tx, p.ID)
	return err
}

// Live fails with Gone unless the person may still be written about. On
// PostgreSQL it also holds the row, so that an erasure that begins meanwhile
// waits for this transaction and then sees what it wrote.
func (pp *People) Live(tx *db.Tx, id sotto.PersonID) error {
	n, err := tx.Exec(pp.q["LockLive"], int64(id))
	if err == nil && n == 0 {
		return sotto.Fail(sotto.Gone, "This person is being erased or was erased; nothing more is written about them.")
	}
	return err
}

// Freeze marks the person as under erasure: from now on nobody finds it by
// number or name, and nothing is written about it. Only erasure calls it.
// It reports whether the person was not frozen before.
func (pp *People) Freeze(tx *db.Tx, id sotto.PersonID) (bool, error) {
	n, err := tx.Exec(pp.q["Freeze"], int64(id), db.Millis(tx.Now))
	return n > 0, err
}

// MarkErased records that the person is forgotten. Only erasure calls it.
func (pp *People) MarkErased(tx *db.Tx, id sotto.PersonID) error {
	_, err := tx.Exec(pp.q["MarkErased"], int64(id), db.Millis(tx.Now))
	return err
}

// words splits a name or text into its searchable words.
func words(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool { return !isWordRune(r) })
}
