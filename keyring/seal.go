package keyring

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"

	"sotto"
	"sotto/catalogue"
)

// Sealed is a value under a person's key. Its field is unexported: only Seal
// makes one, so nothing readable gets into a sealed column by accident.
// The zero Sealed is stored as NULL.
type Sealed struct{ raw []byte }

// A sealed value is 2 bytes of mark, 8 of key number, 12 of nonce, then
// AES-256-GCM with its tag. The associated data is the place: table, column
// and row. A value copied to another row or column does not open.
const (
	sealMark   = 0x5301
	sealedHead = 2 + 8 + 12
	// Overhead is how much longer a sealed value is than what is in it.
	Overhead = sealedHead + 16
)

// Seal seals plain for one cell of one row under key. It fails with Gone when
// the key is frozen or destroyed: the person is being forgotten, and nothing
// new may be written about them.
func (r *Ring) Seal(key sotto.KeyID, cell catalogue.Cell, row int64, plain []byte) (Sealed, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.frozen[key] {
		return Sealed{}, errFrozen()
	}
	a, err := r.aead(key)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal %s: %w", cell, err)
	}
	raw := make([]byte, sealedHead, sealedHead+len(plain)+a.Overhead())
	binary.BigEndian.PutUint16(raw, sealMark)
	binary.BigEndian.PutUint64(raw[2:], uint64(key))
	copy(raw[10:], randomBytes(12))
	return Sealed{a.Seal(raw, raw[10:sealedHead], plain, place(cell, row))}, nil
}

func errFrozen() error {
	return sotto.Fail(sotto.Gone, "This person is being erased or was erased; nothing more is written about them.")
}

// SealText is Seal for a string.
func (r *Ring) SealText(key sotto.KeyID, cell catalogue.Cell, row int64, plain string) (Sealed, error) {
	return r.Seal(key, cell, row, []byte(plain))
}

// Open returns what was sealed for this cell of this row; Gone when its key
// was destroyed. Opening the zero Sealed returns nothing and no error.
func (r *Ring) Open(s Sealed, cell catalogue.Cell, row int64) ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, err := r.aead(s.Key())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cell, err)
	}
	plain, err := a.Open(nil, s.raw[10:sealedHead], s.raw[sealedHead:], place(cell, row))
	if err != nil {
		return nil, fmt.Errorf("open %s: the value was not sealed for this place: %w", cell, err)
	}
	return plain, nil
}

// OpenText is Open for a string.
func (r *Ring) OpenText(s Sealed, cell catalogue.Cell, row int64) (string, error) {
	b, err := r.Open(s, cell, row)
	return string(b), err
}

// OpenNamed opens a value whose column is known by name only: for the
// interpreters of the catalogue (export, check).
func (r *Ring) OpenNamed(s Sealed, table, column string, row int64) ([]byte, error) {
	for _, c := range catalogue.Cells() {
		if c.String() == table+"."+column {
			return r.Open(s, c, row)
		}
	}
	return nil, fmt.Errorf("%s.%s is no sealed column", table, column)
}

func place(cell catalogue.Cell, row int64) []byte {
	b := append([]byte(cell.String()), 0)
	return binary.BigEndian.AppendUint64(b, uint64(row))
}

// Key returns the number of the key the value is sealed under; 0 for none.
func (s Sealed) Key() sotto.KeyID {
	if s.IsZero() {
		return 0
	}
	return sotto.KeyID(binary.BigEndian.Uint64(s.raw[2:]))
}

// IsZero reports whether there is no value.
func (s Sealed) IsZero() bool { return len(s.raw) == 0 }

// Equal reports whether both hold the same bytes.
func (s Sealed) Equal(o Sealed) bool { return bytes.Equal(s.raw, o.raw) }

// String never shows the value.
func (s Sealed) String() string { return "sealed" }

// Value stores the sealed bytes.
func (s Sealed) Value() (driver.Value, error) {
	if s.IsZero() {
		return nil, nil
	}
	return s.raw, nil
}

// Scan reads sealed bytes and refuses anything else.
func (s *Sealed) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		s.raw = nil
		return nil
	case []byte:
		if len(v) < Overhead || binary.BigEndian.Uint16(v) != sealMark {
			return errors.New("the column does not hold a sealed value")
		}
		s.raw = bytes.Clone(v)
		return nil
	}
	return fmt.Errorf("a sealed column holds bytes, not %T", src)
}

// Hash returns the blind index entry of word in index ix: a keyed hash, equal
// for equal words of one index and telling nothing without the ring's root.
// The caller has brought word into its normal form.
func (r *Ring) Hash(ix catalogue.Index, word string) []byte {
	key, err := hkdf.Key(sha256.New, r.root, nil, "sotto index "+ix.String(), 32)
	if err != nil {
		panic(err) // HKDF of 32 bytes cannot fail
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(word))
	return m.Sum(nil)
}
