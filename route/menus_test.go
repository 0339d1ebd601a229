package route_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/line"
	"sotto/obs"
	"sotto/route"
)

var admin = sotto.Operator()

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func menus(t *testing.T, d *db.DB) *route.Menus {
	t.Helper()
	blobs, err := blob.Open(t.TempDir())
	check(t, err)
	lines, err := line.New(d, blobs, audit.New(d), "FR")
	check(t, err)
	three := func(_ *db.Tx, id sotto.GroupID) (bool, error) { return id == 3 || id == 4, nil }
	return route.New(route.Config{DB: d, Audit: audit.New(d), Lines: lines, HasGroup: three})
}

func TestMenusAreDraftedPublishedAndRolledBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, mm := context.Background(), menus(t, d)
		v, err := mm.Create(ctx, admin, " Reception ", house())
		check(t, err)
		if _, err := mm.Live(ctx, v.ID); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("a draft is live: %v", err)
		}
		n, found, err := mm.Publish(ctx, admin, v.ID)
		check(t, err)
		if n != 1 || !route.OK(found) {
			t.Errorf("version %d, %v", n, codes(found))
		}
		if again, _, err := mm.Publish(ctx, admin, v.ID); err != nil || again != 1 {
			t.Errorf("published again: %d, %v", again, err)
		}
		v, err = mm.Edit(ctx, admin, v.ID, func(v *route.IVR) error {
			v.Name, v.Draft.Menus[0].Name = "Front", "Changed"
			return nil
		})
		check(t, err)
		first, err := mm.Live(ctx, v.ID)
		check(t, err)
		if diff := cmp.Diff(house(), first.Plan); diff != "" || first.Number != 1 || first.IVR != v.ID {
			t.Errorf("the draft is heard before it is published (-want +got):\n%s", diff)
		}
		n, _, err = mm.Publish(ctx, admin, v.ID)
		check(t, err)
		second, err := mm.Live(ctx, v.ID)
		check(t, err)
		if n != 2 || second.Plan.Menus[0].Name != "Changed" {
			t.Errorf("version %d: %+v", n, second)
		}
		_, err = mm.Rollback(ctx, admin, v.ID, 1)
		check(t, err)
		back, err := mm.Live(ctx, v.ID)
		check(t, err)
		if diff := cmp.Diff(first, back); diff != "" {
			t.Errorf("rolled back (-want +got):\n%s", diff)
		}
		all, err := mm.Versions(ctx, v.ID)
		check(t, err)
		if len(all) != 2 || all[0].Number != 2 || all[1].Number != 1 {
			t.Errorf("versions %+v", all)
		}
		list, err := mm.List(ctx)
		check(t, err)
		if len(list) != 1 || list[0].Name != "Front" || list[0].Live != 1 || list[0].Draft.Menus[0].Name != "Changed" {
			t.Errorf("list %+v", list)
		}
	})
}

func TestMenusWithErrorsAreNotPublished(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, mm, bad := context.Background(), menus(t, d), house()
		bad.Menus[0].Routes[0].Options.GroupIDs = []sotto.GroupID{99}
		v, err := mm.Create(ctx, admin, "Reception", bad)
		check(t, err)
		_, found, err := mm.Publish(ctx, admin, v.ID)
		if sotto.KindOf(err) != sotto.Conflict || codes(found)[0] != "error unknown-group menu 1 key 1" {
			t.Errorf("published: %v, %v", err, codes(found))
		}
		if again, err := mm.Check(ctx, v.ID); err != nil || !cmp.Equal(found, again) {
			t.Errorf("checked: %v, %v", codes(again), err)
		}
		if _, err := mm.Live(ctx, v.ID); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("it is live: %v", err)
		}
		if _, err := mm.Rollback(ctx, admin, v.ID, 1); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("rolled back to nothing: %v", err)
		}
	})
}

func TestMenusAreTheAdministratorsAndAudited(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, mm := context.Background(), menus(t, d)
		v, err := mm.Create(ctx, admin, "Reception", house())
		check(t, err)
		agent := sotto.Actor{Person: 7, Role: sotto.Agent}
		_, create := mm.Create(ctx, agent, "x", house())
		_, edit := mm.Edit(ctx, agent, v.ID, func(*route.IVR) error { return nil })
		_, _, publish := mm.Publish(ctx, agent, v.ID)
		_, back := mm.Rollback(ctx, agent, v.ID, 1)
		for name, err := range map[string]error{"create": create, "edit": edit, "publish": publish, "roll back": back, "delete": mm.Delete(ctx, agent, v.ID)} {
			if sotto.KindOf(err) != sotto.Denied {
				t.Errorf("an agent may %s: %v", name, err)
			}
		}
		_, _, err = mm.Publish(ctx, admin, v.ID)
		check(t, err)
		l, err := mm.Lines.Create(ctx, admin, withMenu(v.ID))
		check(t, err)
		if err := mm.Delete(ctx, admin, v.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("menus that a line uses are deleted: %v", err)
		}
		_, err = mm.Lines.Update(ctx, admin, l.ID, func(s *line.Settings) error { s.Menu = 0; return nil })
		check(t, err)
		check(t, mm.Delete(ctx, admin, v.ID))
		for name, err := range map[string]error{
			"delete": mm.Delete(ctx, admin, v.ID), "get": second(mm.Get(ctx, v.ID)), "live": second(mm.Live(ctx, v.ID)), "versions": second(mm.Versions(ctx, v.ID)),
		} {
			if sotto.KindOf(err) != sotto.NotFound {
				t.Errorf("%s of what is deleted: %v", name, err)
			}
		}
		entries, _, err := audit.New(d).List(ctx, sotto.Operator(), audit.Filter{Source: audit.Menu, SourceID: int64(v.ID)})
		check(t, err)
		if len(entries) != 3 {
			t.Errorf("%d entries, want 3: create, publish, delete", len(entries))
		}
		for _, name := range []string{"", strings.Repeat("x", 256), "a\x00b"} {
			if _, err := mm.Create(ctx, admin, name, house()); sotto.KindOf(err) != sotto.Invalid {
				t.Errorf("a name of %q: %v", name, err)
			}
		}
	})
}

func withMenu(id sotto.MenuID) line.Settings {
	s := line.Defaults()
	s.Number, s.Name, s.Menu = "+33199001234", "Reception", id
	return s
}

func second[T any](_ T, err error) error { return err }

func TestVisitsAreNoted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, mm := context.Background(), menus(t, d)
		at := time.UnixMilli(1_800_000_000_000).UTC()
		want := []route.Visit{
			{IVR: 1, Version: 2, Menu: 1, Took: "menu", Entered: at, Left: at.Add(time.Second)},
			{IVR: 1, Version: 2, Menu: 2, Took: route.TookAbandoned, Entered: at.Add(time.Second), Left: at.Add(3 * time.Second)},
		}
		c, err := call.New(call.Config{DB: d, Metrics: obs.Discard().Metrics}).Begin(ctx, call.Arrival{}) // a call of nobody
		check(t, err)
		check(t, d.Write(ctx, func(tx *db.Tx) error { return mm.Note(tx, c.ID, want) }))
		got, err := mm.Visits(ctx, c.ID)
		check(t, err)
		if diff := cmp.Diff(want, got, cmp.Transformer("utc", func(t time.Time) int64 { return t.UnixMilli() })); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
