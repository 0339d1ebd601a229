package person

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// Kind is what an address is for.
type Kind string

// The kinds of address.
const (
	Phone Kind = "phone"
	Email Kind = "email"
)

// Address is one way to reach a person, in its normal form: a number in
// E.164, an e-mail address in lower case.
type Address struct {
	ID         int64
	Kind       Kind
	Value      string
	Primary    bool
	VerifiedAt time.Time
	CreatedAt  time.Time

	verified bool
}

// NormalNumber brings a telephone number into E.164. Numbers written without
// a country code are read as numbers of region. Numbers that are valid nowhere
// (extensions) are kept as their digits, behind a + if one stood there. A
// number in its normal form stays as it is.
func NormalNumber(raw, region string) (string, error) {
	raw = strings.TrimSpace(raw)
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, raw)
	if len(digits) < 2 || len(digits) > 20 || len(raw) > 64 {
		return "", sotto.FailField("phone", "This is not a telephone number. Write it with its country code, as +33 1 99 00 12 34.")
	}
	plain := digits
	if i := strings.IndexAny(raw, "+0123456789"); raw[i] == '+' {
		plain = "+" + digits
	}
	e164, ok := international(raw, region)
	if !ok {
		e164, ok = international(plain, region)
	}
	// Taking one leading zero away, as some countries want it, may leave a
	// number with another.
	for n := 0; ok && n < 20; n++ {
		plain = e164
		e164, ok = international(plain, region)
		ok = ok && e164 != plain
	}
	return plain, nil
}

// international returns text in E.164, if it can be a number.
func international(text, region string) (string, bool) {
	n, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

// Number is NormalNumber for the desk's region.
func (pp *People) Number(raw string) (string, error) { return NormalNumber(raw, pp.region) }

// Landline reports whether a number in E.164 is known to be a landline's, which
// takes no texts. Where mobile numbers look like others, none is.
func Landline(number string) bool {
	n, err := phonenumbers.Parse(number, "ZZ")
	return err == nil && phonenumbers.GetNumberType(n) == phonenumbers.FIXED_LINE
}

// NormalEmail brings an e-mail address into its normal form.
func NormalEmail(raw string) (string, error) {
	v := strings.ToLower(norm.NFC.String(strings.TrimSpace(raw)))
	user, host, ok := strings.Cut(v, "@")
	if !ok || user == "" || !strings.Contains(host, ".") || len(v) > 254 || strings.ContainsAny(v, " \t\r\n<>,;\"") {
		return "", sotto.FailField("email", "This is not an e-mail address.")
	}
	return v, nil
}

func (pp *People) normal(kind Kind, raw string) (string, error) {
	switch kind {
	case Phone:
		return NormalNumber(raw, pp.region)
	case Email:
		return NormalEmail(raw)
	}
	return "", sotto.FailField("type", "The kind of address is phone or email.")
}

// AddressHash is the look-up hash of an address in its normal form.
func (pp *People) addressHash(kind Kind, value string) []byte {
	return pp.ring.Hash(catalogue.AddressIndex, string(kind)+" "+value)
}

// Tombstone is the mark erasure leaves for an address: a hash under a name of
// its own, so that a restored backup or an import can be asked "was this
// person forgotten?" and nothing else.
func (pp *People) Tombstone(kind Kind, value string) []byte {
	return pp.ring.Hash(catalogue.Tombstone, string(kind)+" "+value)
}

// ByNumber returns who has this number, without reading anything about them.
func (pp *People) ByNumber(tx *db.Tx, number string) (sotto.PersonID, error) {
	return pp.byAddress(tx, Phone, number)
}

func (pp *People) byAddress(tx *db.Tx, kind Kind, raw string) (sotto.PersonID, error) {
	v, err := pp.normal(kind, raw)
	if err != nil {
		return 0, err
	}
	id, err := db.One(tx, db.Int, pp.q["ByAddress"], pp.addressHash(kind, v))
	if errors.Is(err, db.ErrNone) {
		return 0, sotto.Fail(sotto.NotFound, "Nobody here has this address.")
	}
	return sotto.PersonID(id), err
}

// Identify returns the person behind a caller's number and makes one if there
// is none: a number becomes a person once. The number is never proof of who
// speaks. An empty number is a withheld one and nobody: it is an error to ask.
func (pp *People) Identify(tx *db.Tx, number, name, locale string) (id sotto.PersonID, key sotto.KeyID, err error) {
	defer sotto.Wrap(&err, "person.Identify")
	if err := pp.lockNumber(tx, number); err != nil {
		return 0, 0, err
	}
	id, err = pp.ByNumber(tx, number)
	if err == nil {
		k, err := db.One(tx, db.Int, "SELECT key_id FROM person WHERE id = $1", int64(id))
		return id, sotto.KeyID(k), err
	}
	if sotto.KindOf(err) != sotto.NotFound {
		return 0, 0, err
	}
	if len(name) > 255 {
		name = ""
	}
	return pp.insert(tx, Draft{Name: strings.ToValidUTF8(name, ""), Locale: locale, Phones: []string{number}})
}

// lockNumber lets one transaction at a time decide who a number is.
func (pp *People) lockNumber(tx *db.Tx, number string) error {
	v, err := pp.normal(Phone, number)
	if err != nil {
		return err
	}
	return tx.Lock(hex.EncodeToString(pp.addressHash(Phone, v)))
}

// addAddress writes an address and its look-up row.
func (pp *People) addAddress(tx *db.Tx, id sotto.PersonID, key sotto.KeyID, a Address) (int64, error) {
	v, err := pp.normal(a.Kind, a.Value)
	if err != nil {
		return 0, err
	}
	row := tx.NewID()
	sealed, err := pp.ring.SealText(key, catalogue.AddressValue, row, v)
	if err != nil {
		return 0, err
	}
	var verified any
	if a.verified {
		verified = db.Millis(tx.Now)
	}
	if _, err := tx.Exec(pp.q["InsertAddress"], row, int64(id), string(a.Kind), sealed, db.Bit(a.Primary), verified, db.Millis(tx.Now)); err != nil {
		return 0, err
	}
	return row, pp.indexAddress(tx, id, row, a.Kind, v)
}

func (pp *People) indexAddress(tx *db.Tx, id sotto.PersonID, row int64, kind Kind, value string) error {
	n, err := tx.Exec(pp.q["InsertAddressIndex"], pp.addressHash(kind, value), row, int64(id))
	if err != nil {
		return err
	}
	if n == 0 {
		return &sotto.Error{Kind: sotto.Conflict, Field: string(kind), Say: "Another person has this address. Correct the other one first."}
	}
	return pp.suppressNew(tx, id, kind, value)
}

// suppressNew carries the person's objections over to a new address.
func (pp *People) suppressNew(tx *db.Tx, id sotto.PersonID, kind Kind, value string) error {
	open, err := pp.objections(tx, id)
	for _, o := range open {
		if err == nil {
			_, err = tx.Exec(pp.q["Suppress"], pp.suppressionHash(kind, value), string(o.Purpose), db.Millis(tx.Now))
		}
	}
	return err
}

func (pp *People) scanAddress(s db.Scanner) (a Address, err error) {
	var kind string
	var value keyring.Sealed
	var primary, created int64
	var verified *int64
	if err := s.Scan(&a.ID, &kind, &value, &primary, &verified, &created); err != nil {
		return a, err
	}
	a.Kind, a.Primary, a.VerifiedAt, a.CreatedAt = Kind(kind), primary == 1, db.TimeOrZero(verified), db.Time(created)
	a.Value, err = pp.ring.OpenText(value, catalogue.AddressValue, a.ID)
	return a, err
}

// AddAddress gives the person another address and returns its id.
func (pp *People) AddAddress(ctx context.Context, actor sotto.Actor, id sotto.PersonID, kind Kind, value string) (row int64, err error) {
	defer sotto.Wrap(&err, "person.AddAddress(%d)", id)
	err = pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, p Person) error {
		row, err = pp.addAddress(tx, id, p.Key, Address{Kind: kind, Value: value, Primary: p.first(kind) == ""})
		return err
	})
	return row, err
}

// SetAddress corrects an address: the look-up row follows in the same
// transaction, so that the old value is found nowhere (GDPR 16).
func (pp *People) SetAddress(ctx context.Context, actor sotto.Actor, id sotto.PersonID, row int64, value string) (err error) {
	defer sotto.Wrap(&err, "person.SetAddress(%d, %d)", id, row)
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, p Person) error {
		return pp.setAddress(tx, p, row, value)
	})
}

func (pp *People) setAddress(tx *db.Tx, p Person, row int64, value string) error {
	old, err := db.One(tx, pp.scanAddress, pp.q["Address"], row, int64(p.ID))
	if errors.Is(err, db.ErrNone) {
		return sotto.Fail(sotto.NotFound, "This person has no such address.")
	}
	if err != nil {
		return err
	}
	v, err := pp.normal(old.Kind, value)
	if err != nil || v == old.Value {
		return err
	}
	sealed, err := pp.ring.SealText(p.Key, catalogue.AddressValue, row, v)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(pp.q["SetAddress"], row, int64(p.ID), sealed, nil); err != nil {
		return err
	}
	if _, err := tx.Exec(pp.q["DeleteAddressIndex"], row); err != nil {
		return err
	}
	return pp.indexAddress(tx, p.ID, row, old.Kind, v)
}

// RemoveAddress takes an address away.
func (pp *People) RemoveAddress(ctx context.Context, actor sotto.Actor, id sotto.PersonID, row int64) (err error) {
	defer sotto.Wrap(&err, "person.RemoveAddress(%d, %d)", id, row)
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, _ Person) error {
		if _, err := tx.Exec(pp.q["DeleteAddressIndex"], row); err != nil {
			return err
		}
		n, err := tx.Exec(pp.q["DeleteAddress"], row, int64(id))
		if err == nil && n == 0 {
			return sotto.Fail(sotto.NotFound, "This person has no such address.")
		}
		return err
	})
}

// MakePrimary makes an address the first of its kind.
func (pp *People) MakePrimary(ctx context.Context, actor sotto.Actor, id sotto.PersonID, row int64) (err error) {
	defer sotto.Wrap(&err, "person.MakePrimary(%d, %d)", id, row)
	return pp.change(ctx, actor, id, audit.Update, func(tx *db.Tx, _ Person) error {
		a, err := db.One(tx, pp.scanAddress, pp.q["Address"], row, int64(id))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "This person has no such address.")
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(pp.q["ClearPrimary"], int64(id), string(a.Kind)); err != nil {
			return err
		}
		_, err = tx.Exec(pp.q["MakePrimary"], row, int64(id))
		return err
	})
}

func (pp *People) indexName(tx *db.Tx, id sotto.PersonID, name string) error {
	if _, err := tx.Exec(pp.q["DeleteWords"], int64(id)); err != nil {
		return err
	}
	for _, w := range words(name) {
		if _, err := tx.Exec(pp.q["InsertWord"], pp.ring.Hash(catalogue.NameIndex, w), int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// fold brings a text into the form it is searched in: lower case, no accents.
func fold(text string) string {
	t := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC)
	out, _, err := transform.String(t, text)
	if err != nil {
		out = text
	}
	return strings.ToLower(out)
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
