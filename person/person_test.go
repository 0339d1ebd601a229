package person_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/person"
)

func each(t *testing.T, f func(t *testing.T, pp *person.People, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { f(t, newPeople(t, d), d) })
}

func newPeople(t *testing.T, d *db.DB) *person.People {
	t.Helper()
	dir := t.TempDir()
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ring.Close() })
	return person.New(d, ring, audit.New(d), "FR")
}

var ada = person.Draft{
	Name: "Ada Éxample-Dupont", Notes: "prefers mornings", Details: "has two cats", ExternalID: "crm-771",
	Locale: "fr", Phones: []string{"01 99 00 12 34"}, Emails: []string{"Ada@Example.org"},
}

func create(t *testing.T, pp *person.People, d person.Draft) sotto.PersonID {
	t.Helper()
	id, err := pp.Create(context.Background(), sotto.Operator(), d)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPersonIsFoundByWhatIsKnown(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		id := create(t, pp, ada)
		create(t, pp, person.Draft{Name: "Bob Sample", Phones: []string{"+33199001235"}})
		for _, q := range []string{
			"+33199001234", "0199001234", "01.99.00.12.34", "0033 1 99 00 12 34", "ada@example.org", "ADA@EXAMPLE.ORG",
			"crm-771", "ada", "dupont ADA", "exámple",
		} {
			got, err := pp.Find(context.Background(), q)
			if err != nil || len(got) != 1 || got[0].ID != id {
				t.Errorf("Find(%q) = %d people, %v, want Ada", q, len(got), err)
			}
		}
		for _, q := range []string{"+33199001236", "ad", "nobody"} {
			if got, err := pp.Find(context.Background(), q); err != nil || len(got) != 0 {
				t.Errorf("Find(%q) = %d people, %v, want none", q, len(got), err)
			}
		}
	})
}

func TestANumberBecomesAPersonOnce(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, d *db.DB) {
		var mu sync.Mutex
		seen := map[sotto.PersonID]int{}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				var id sotto.PersonID
				err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
					id, _, err = pp.Identify(tx, "+33 1 99 00 55 55", "CALLER", "fr")
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if seen[id]++; err != nil {
					t.Errorf("Identify = %v", err)
				}
			})
		}
		wg.Wait()
		if len(seen) != 1 {
			t.Errorf("one number became %d people", len(seen))
		}
	})
}

func TestNothingReadableIsStored(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sotto.db")
	d := dbtest.Open(t, db.Config{Path: path, Create: true, Clock: time.Now})
	create(t, newPeople(t, d), ada)
	for _, file := range []string{path, path + "-wal"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"xample", "dupont", "199001234", "mornings", "two cats", "crm-771"} {
			if bytes.Contains(bytes.ToLower(raw), bytes.ToLower([]byte(word))) {
				t.Errorf("%s holds %q", filepath.Base(file), word)
			}
		}
	}
}

func TestCorrectedAddressIsFoundNowhereUnderItsOldValue(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		ctx := context.Background()
		id := create(t, pp, ada)
		p, err := pp.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := pp.SetAddress(ctx, sotto.Operator(), id, p.Addresses[0].ID, "+33 1 99 00 99 99"); err != nil {
			t.Fatal(err)
		}
		if got, _ := pp.Find(ctx, "+33199001234"); len(got) != 0 {
			t.Error("the old number still finds the person")
		}
		if got, _ := pp.Find(ctx, "+33199009999"); len(got) != 1 || got[0].Phone() != "+33199009999" {
			t.Error("the new number does not find the person")
		}
	})
}

func TestTakenAddressIsAConflict(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		create(t, pp, ada)
		_, err := pp.Create(context.Background(), sotto.Operator(), person.Draft{Name: "Eve", Phones: []string{"0199001234"}})
		if sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Create = %v, want conflict", err)
		}
		if got, _ := pp.Find(context.Background(), "eve"); len(got) != 0 {
			t.Error("half of Eve was kept")
		}
	})
}

func TestObjectionOutlivesItsPersonAndCoversNewAddresses(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, d *db.DB) {
		ctx := context.Background()
		id := create(t, pp, ada)
		may := func(number string) (ok bool) {
			err := d.Read(ctx, func(tx *db.Tx) (err error) {
				ok, err = pp.MayContact(tx, person.Phone, number, person.Marketing)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !may("0199001234") {
			t.Error("refused before any objection")
		}
		if err := pp.Object(ctx, sotto.Operator(), id, person.Marketing); err != nil {
			t.Fatal(err)
		}
		if _, err := pp.AddAddress(ctx, sotto.Operator(), id, person.Phone, "+33199004444"); err != nil {
			t.Fatal(err)
		}
		if may("+33 1 99 00 12 34") || may("+33199004444") {
			t.Error("may be contacted in spite of the objection")
		}
		if err := pp.WithdrawObjection(ctx, sotto.Operator(), id, person.Marketing); err != nil {
			t.Fatal(err)
		}
		if !may("0199001234") || !may("+33199004444") {
			t.Error("still refused after the objection was withdrawn")
		}
	})
}

func TestFrozenPersonIsNobody(t *testing.T) {
	each(t, func(t *testing.T, pp *person.People, d *db.DB) {
		ctx := context.Background()
		id := create(t, pp, ada)
		if err := d.Write(ctx, func(tx *db.Tx) error { _, err := pp.Freeze(tx, id); return err }); err != nil {
			t.Fatal(err)
		}
		if got, err := pp.Find(ctx, "ada"); err != nil || len(got) != 0 {
			t.Errorf("found by name: %d, %v", len(got), err)
		}
		if err := pp.Update(ctx, sotto.Operator(), id, person.Change{}); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Update = %v, want gone", err)
		}
		if _, err := pp.Get(ctx, id); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Get = %v, want gone", err)
		}
		list, err := pp.List(ctx, person.Filter{})
		if err != nil || len(list) != 0 {
			t.Errorf("List = %d, %v", len(list), err)
		}
	})
}

func TestWhoMayChangePeople(t *testing.T) {
	admin, agent, caller := sotto.Operator(), sotto.Actor{Person: 1, Role: sotto.Agent}, sotto.Actor{Person: 2, Role: sotto.EndUser}
	tests := []struct {
		name  string
		actor sotto.Actor
		role  sotto.Role
		want  sotto.Kind
		ok    bool
	}{
		{"AdminAddsAgent", admin, sotto.Agent, 0, true},
		{"AgentAddsCaller", agent, sotto.EndUser, 0, true},
		{"AgentAddsAgent", agent, sotto.Agent, sotto.Denied, false},
		{"CallerAddsCaller", caller, sotto.EndUser, sotto.Denied, false},
		{"DeskAddsCaller", sotto.Desk(), sotto.EndUser, sotto.Denied, false},
	}
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		for _, tt := range tests {
			_, err := pp.Create(context.Background(), tt.actor, person.Draft{Name: "Zoe", Role: tt.role})
			if (err == nil) != tt.ok || (err != nil && sotto.KindOf(err) != tt.want) {
				t.Errorf("%s: Create = %v", tt.name, err)
			}
		}
	})
}

func TestBadInputSaysWhatToDo(t *testing.T) {
	tests := []struct {
		name  string
		draft person.Draft
		field string
	}{
		{"NumberOfWords", person.Draft{Phones: []string{"my phone"}}, "phone"},
		{"EndlessNumber", person.Draft{Phones: []string{"+331234567890123456789012"}}, "phone"},
		{"NoHost", person.Draft{Emails: []string{"ada@"}}, "email"},
		{"HeaderInMail", person.Draft{Emails: []string{"ada@example.org\r\nBcc: x@example.org"}}, "email"},
		{"Role", person.Draft{Role: "king"}, "role"},
		{"Locale", person.Draft{Locale: "tlh"}, "locale"},
		{"LongName", person.Draft{Name: fmt.Sprintf("%0300d", 1)}, "name"},
	}
	each(t, func(t *testing.T, pp *person.People, _ *db.DB) {
		for _, tt := range tests {
			_, err := pp.Create(context.Background(), sotto.Operator(), tt.draft)
			if sotto.FieldOf(err) != tt.field || sotto.SayOf(err) == "" || errors.Is(err, db.ErrNone) {
				t.Errorf("%s: Create = %v, want field %s", tt.name, err, tt.field)
			}
		}
	})
}

func FuzzNormalNumber(f *testing.F) {
	for _, seed := range []string{"+33 1 99 00 12 34", "0199001234", "12", "tel:+33199001234", "\x00", "+", "++33"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		once, err := person.NormalNumber(raw, "FR")
		if err != nil {
			return
		}
		if twice, err := person.NormalNumber(once, "FR"); err != nil || twice != once {
			t.Errorf("NormalNumber(%q) = %q, again %q, %v", raw, once, twice, err)
		}
	})
}
