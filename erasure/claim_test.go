package erasure_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/call"
	"sotto/leg"
	"sotto/line"
	"sotto/person"
	"sotto/receipt"
)

// TestReceiptClaimsOnlyWhatWasThere erases a person of whom little is held and
// who called twice, once without a name.
func TestReceiptClaimsOnlyWhatWasThere(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		calls := call.New(call.Config{DB: w.db, Ring: w.ring, People: w.people})
		line := w.line(t)
		id, err := w.people.Create(ctx, sotto.Operator(), person.Draft{Name: "Wilhelmina Forgettable", Phones: []string{"+33199001234"}})
		must(t, err)
		for _, name := range []string{"wilhelmina", ""} {
			c, err := calls.Begin(ctx, call.Arrival{Line: line, Caller: leg.Caller{Number: "+33199001234", Name: name}})
			must(t, err)
			must(t, calls.End(ctx, c, call.Cancelled, nil))
		}

		out, err := w.eraser.Person(ctx, sotto.Operator(), id, 0)
		must(t, err)

		got := map[string]int64{}
		for _, s := range out.Steps {
			if s.Action == receipt.Null || s.Action == receipt.DestroyKey {
				got[s.Place] = s.Removed
			}
		}
		want := map[string]int64{
			"person.key_id": 1, "person.name": 1, "person.locale": 1,
			"call.person_id": 2, "call.key_id": 2, "call.from_number": 2, "call.from_name": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values removed (-want +got):\n%s", diff)
		}
	})
}

// line returns a line of the world's desk.
func (w *world) line(t *testing.T) sotto.LineID {
	t.Helper()
	lines, err := line.New(w.db, w.blobs, w.audit, "FR")
	must(t, err)
	s := line.Defaults()
	s.Number, s.Name = "+33199000000", "Accueil"
	l, err := lines.Create(context.Background(), sotto.Operator(), s)
	must(t, err)
	return l.ID
}
