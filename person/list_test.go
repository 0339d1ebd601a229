package person_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/person"
)

func TestListGoesBothWays(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		ctx := context.Background()
		var ids []sotto.PersonID
		for i := range 6 {
			ids = append(ids, create(t, pp, person.Draft{Name: fmt.Sprintf("Person %d", i)}))
		}
		agent := create(t, pp, person.Draft{Name: "Agent Sample", Role: sotto.Agent})
		if err := pp.SoftDelete(ctx, sotto.Operator(), ids[5]); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name   string
			filter person.Filter
			want   []sotto.PersonID
		}{
			{"First", person.Filter{Limit: 2}, ids[:2]},
			{"After", person.Filter{Limit: 2, After: ids[1]}, ids[2:4]},
			{"Before", person.Filter{Limit: 2, Before: ids[4]}, ids[2:4]},
			{"BeforeTheFirst", person.Filter{Before: ids[0]}, nil},
			{"Between", person.Filter{After: ids[0], Before: ids[3]}, ids[1:3]},
			{"Skip", person.Filter{Skip: 3, Limit: 2}, ids[3:5]},
			{"Role", person.Filter{Role: sotto.Agent}, []sotto.PersonID{agent}},
			{"Deleted", person.Filter{Deleted: true}, ids[5:]},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				page, err := pp.List(ctx, tt.filter)
				if err != nil {
					t.Fatal(err)
				}
				var got []sotto.PersonID
				for _, p := range page {
					got = append(got, p.ID)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
		for want, f := range map[int64]person.Filter{6: {}, 5: {Role: sotto.EndUser}, 1: {Deleted: true}} {
			if n, err := pp.Count(ctx, f); err != nil || n != want {
				t.Errorf("Count(%+v) = %d, %v, want %d", f, n, err, want)
			}
		}
	})
}

func TestUpdateCorrectsTheNumberAndAddsTheAddress(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		ctx := context.Background()
		id := create(t, pp, ada)
		other := create(t, pp, person.Draft{Name: "Bob Sample"})
		number, email := "+33199009999", "ada@second.example"
		change := person.Change{Phone: &number, Email: &email}
		for range 2 { // the second time there is nothing to do
			if err := pp.Update(ctx, sotto.Operator(), id, change); err != nil {
				t.Fatal(err)
			}
		}
		p, err := pp.Get(ctx, id)
		if err != nil || len(p.Addresses) != 3 || p.Phone() != number || p.Email() != "ada@example.org" {
			t.Errorf("%d addresses, %v", len(p.Addresses), err)
		}
		if found, err := pp.Find(ctx, "+33199001234"); err != nil || len(found) != 0 {
			t.Errorf("the old number finds %d people, %v", len(found), err)
		}
		for _, c := range []person.Change{{Phone: &number}, {Email: &email}} {
			if err := pp.Update(ctx, sotto.Operator(), other, c); sotto.KindOf(err) != sotto.Conflict {
				t.Errorf("Update with an address of somebody else: %v, want Conflict", err)
			}
		}
	})
}
