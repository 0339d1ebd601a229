package blob_test

import (
	"testing"

	"sotto/sottotest/plant"
)

const puts = `package planted

import (
	"strings"

	"sotto/blob"
	"sotto/catalogue"
)

var _ = catalogue.CallTrack

func put(s *blob.Store) error { return s.Put(EXPR, 1, strings.NewReader("")) }
`

// TestUndeclaredClassDoesNotCompile plants a kind of file nobody declared.
func TestUndeclaredClassDoesNotCompile(t *testing.T) {
	plant.Run(t, puts, []plant.Case{
		{Name: "Declared", Expr: `catalogue.CallTrack`},
		{Name: "Unkeyed", Expr: `catalogue.Blob{"diary"}`, Want: "implicit assignment to unexported field name"},
		{Name: "Keyed", Expr: `catalogue.Blob{name: "diary"}`, Want: "cannot refer to unexported field name"},
		{Name: "NotInTheCatalogue", Expr: `catalogue.Diary`, Want: "undefined: catalogue.Diary"},
		{Name: "Word", Expr: `"track"`, Want: "cannot use \"track\""},
	})
}
