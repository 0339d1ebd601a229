package outbound_test

import (
	"testing"

	"sotto/sottotest/plant"
)

const sends = `package planted

import (
	"context"
	"net/http"

	"sotto/catalogue"
	"sotto/outbound"
)

var _ = catalogue.RecipientNotice

func send(c *outbound.Client, req *http.Request) {
	_, _ = c.Do(context.Background(), EXPR, req)
}
`

// TestUndeclaredDisclosureDoesNotCompile plants a package beside this one, for
// the compiler's eyes only, and has it built.
func TestUndeclaredDisclosureDoesNotCompile(t *testing.T) {
	plant.Run(t, sends, []plant.Case{
		{Name: "Declared", Expr: `catalogue.RecipientNotice`},
		{Name: "Unkeyed", Expr: `catalogue.Disclosure{"newsletter"}`, Want: "implicit assignment to unexported field name"},
		{Name: "Keyed", Expr: `catalogue.Disclosure{name: "newsletter"}`, Want: "cannot refer to unexported field name"},
		{Name: "NotInTheCatalogue", Expr: `catalogue.Newsletter`, Want: "undefined: catalogue.Newsletter"},
		{Name: "Word", Expr: `"recipient-notice"`, Want: "cannot use \"recipient-notice\""},
		{Name: "Converted", Expr: `catalogue.Disclosure(struct{ name string }{"newsletter"})`, Want: "cannot convert"},
		{Name: "ABlob", Expr: `catalogue.CallTrack`, Want: "cannot use catalogue.CallTrack"},
	})
}
