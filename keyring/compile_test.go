package keyring_test

import (
	"testing"

	"sotto/sottotest/plant"
)

const seals = `package planted

import (
	"sotto/catalogue"
	"sotto/keyring"
)

var _ = catalogue.PersonName

func seal(r *keyring.Ring) (keyring.Sealed, error) { return EXPR }
`

// TestUndeclaredCellDoesNotCompile plants values nobody declared a place for,
// and one that was never sealed.
func TestUndeclaredCellDoesNotCompile(t *testing.T) {
	plant.Run(t, seals, []plant.Case{
		{Name: "Declared", Expr: `r.SealText(1, catalogue.PersonName, 1, "x")`},
		{Name: "ForgedCell", Expr: `r.SealText(1, catalogue.Cell{"person.mood"}, 1, "x")`, Want: "implicit assignment to unexported field name"},
		{Name: "Word", Expr: `r.SealText(1, "person.name", 1, "x")`, Want: "cannot use \"person.name\""},
		{Name: "ReadableValue", Expr: `keyring.Sealed{[]byte("x")}, nil`, Want: "implicit assignment to unexported field raw"},
	})
}
