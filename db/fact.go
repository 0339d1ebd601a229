package db

import "errors"

// Fact is the name of something this installation remembers about itself.
type Fact string

// The facts.
const (
	ReceiptSize Fact = "receipt_size" // how long the signed log was when the desk last looked
	ReceiptRoot Fact = "receipt_root" // and its root hash then, in hexadecimal
	Installed   Fact = "installed"    // a random number made by `sotto init`, in hexadecimal
)

// Known returns what the installation remembers; "" when it never learnt it.
func (t *Tx) Known(f Fact) (string, error) {
	v, err := One(t, Text, "SELECT value FROM desk WHERE name = $1", string(f))
	if errors.Is(err, ErrNone) {
		return "", nil
	}
	return v, err
}

// Remember stores a fact. Only package desk calls it.
func (t *Tx) Remember(f Fact, value string) error {
	_, err := t.Exec(`INSERT INTO desk (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, string(f), value)
	return err
}
