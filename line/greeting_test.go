package line_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sotto"
	"sotto/line"
)

func TestGreetingIsKeptUsedReplacedAndRemoved(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		add := func(hz float64) line.Uploaded {
			t.Helper()
			u, err := d.lines.AddGreeting(ctx, admin, line.Draft{Category: line.Greeting, Locale: "fr", Name: " Accueil "}, wav(hz, time.Second))
			if err != nil || u.Name != "Accueil" || u.Pending || u.Duration != time.Second {
				t.Fatalf("AddGreeting = %+v, %v", u, err)
			}
			return u
		}
		hears := func(open bool) string {
			t.Helper()
			s, err := d.lines.Hear(ctx, l.ID, open, line.Greeting, "fr")
			if err != nil {
				t.Fatal(err)
			}
			return s.Notice
		}
		always, closed := add(440), add(880)
		if got := hears(true); got != "default/fr/greeting" {
			t.Errorf("before any use: %q", got)
		}
		for _, use := range []struct {
			id int64
			at line.When
		}{{always.ID, line.AnyTime}, {closed.ID, line.WhenClosed}, {always.ID, line.AnyTime}} {
			if _, err := d.lines.UseGreeting(ctx, admin, use.id, line.Place{Line: l.ID, When: use.at}); err != nil {
				t.Fatal(err)
			}
		}
		if o, c := hears(true), hears(false); o != noticeOf(always.ID) || c != noticeOf(closed.ID) {
			t.Errorf("open %q, closed %q", o, c)
		}
		if _, err := d.lines.RemoveGreeting(ctx, admin, closed.ID); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Remove of a sound that is played: %v", err)
		}
		next, err := d.lines.Upload(ctx, admin, closed.ID, wav(600, time.Second))
		if err != nil || next.ID == closed.ID || len(next.Uses) != 1 || next.Uses[0].Line != l.ID {
			t.Fatalf("Upload = %+v, %v", next, err)
		}
		if c := hears(false); c != noticeOf(next.ID) {
			t.Errorf("after the replacement: %q", c)
		}
		if err := d.lines.StopGreeting(ctx, admin, line.Place{Line: l.ID, When: line.WhenClosed}, line.Greeting, "fr"); err != nil {
			t.Fatal(err)
		}
		if c := hears(false); c != noticeOf(always.ID) {
			t.Errorf("after StopGreeting: %q", c)
		}
		if _, err := d.lines.RemoveGreeting(ctx, admin, next.ID); err != nil {
			t.Fatal(err)
		}
		all, err := d.lines.Greetings(ctx)
		if err != nil || len(all) != 1 || all[0].ID != always.ID || len(all[0].Uses) != 1 {
			t.Errorf("Greetings = %+v, %v", all, err)
		}
		if _, err := d.lines.RenameGreeting(ctx, admin, next.ID, "x"); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Rename of a removed one: %v", err)
		}
	})
}

func noticeOf(id int64) string { return fmt.Sprintf("greeting/%d", id) }

func TestPendingGreetingGetsItsSoundOnce(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		u, err := d.lines.AddGreeting(ctx, admin, line.Draft{Category: line.Wait, Locale: "en"}, nil)
		if err != nil || !u.Pending || u.Name != "wait" {
			t.Fatalf("AddGreeting = %+v, %v", u, err)
		}
		_, e1 := d.lines.UseGreeting(ctx, admin, u.ID, line.Place{Line: l.ID, When: line.AnyTime})
		_, e2 := d.lines.Preview(ctx, u.ID)
		if sotto.KindOf(e1) != sotto.Conflict || sotto.KindOf(e2) != sotto.Conflict {
			t.Errorf("a sound that is not there: %v, %v", e1, e2)
		}
		if _, err := d.lines.Upload(ctx, admin, u.ID, []byte("hello")); sotto.FieldOf(err) != "file" {
			t.Errorf("no sound: %v", err)
		}
		full, err := d.lines.Upload(ctx, admin, u.ID, wav(440, time.Second))
		if err != nil || full.ID != u.ID || full.Pending {
			t.Fatalf("Upload = %+v, %v", full, err)
		}
		if s, err := d.lines.Preview(ctx, u.ID); err != nil || s.Clip.Duration() != time.Second {
			t.Errorf("Preview = %v, %v", s.Clip.Duration(), err)
		}
	})
}

func TestGreetingsThatCannotBeMeantAreRefused(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		l := d.create(t, settings("+33199001234"))
		good := wav(440, time.Second)
		agent := sotto.Actor{Person: 1, Role: sotto.Agent}
		menu, err := d.lines.AddGreeting(ctx, admin, line.Draft{Category: line.MenuGreeting, Locale: "en"}, good)
		if err != nil {
			t.Fatal(err)
		}
		add := func(a sotto.Actor, draft line.Draft) error {
			_, err := d.lines.AddGreeting(ctx, a, draft, good)
			return err
		}
		use := func(a sotto.Actor, id int64, at line.Place) error {
			_, err := d.lines.UseGreeting(ctx, a, id, at)
			return err
		}
		for name, c := range map[string]struct {
			err  error
			want sotto.Kind
		}{
			"an agent's":         {add(agent, line.Draft{Category: line.Wait, Locale: "en"}), sotto.Denied},
			"a jingle":           {add(admin, line.Draft{Category: "jingle", Locale: "en"}), sotto.Invalid},
			"German":             {add(admin, line.Draft{Category: line.Wait, Locale: "de"}), sotto.Invalid},
			"a name of lines":    {add(admin, line.Draft{Category: line.Wait, Locale: "en", Name: "a\nb"}), sotto.Invalid},
			"used by an agent":   {use(agent, menu.ID, line.Place{Line: l.ID, When: line.AnyTime}), sotto.Denied},
			"at noon":            {use(admin, menu.ID, line.Place{Line: l.ID, When: "noon"}), sotto.Invalid},
			"a menu's on a line": {use(admin, menu.ID, line.Place{Line: l.ID, When: line.AnyTime}), sotto.Invalid},
			"on no line":         {use(admin, menu.ID+1, line.Place{Line: l.ID, When: line.AnyTime}), sotto.NotFound},
			"not played there":   {d.lines.StopGreeting(ctx, admin, line.Place{Line: l.ID, When: line.AnyTime}, line.Wait, "en"), sotto.NotFound},
		} {
			if c.err == nil || sotto.KindOf(c.err) != c.want {
				t.Errorf("%s: %v, want %v", name, c.err, c.want)
			}
		}
	})
}
