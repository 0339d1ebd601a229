package call_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sotto"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/obs"
	"sotto/person"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type desk struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	calls  *call.Calls
	line   sotto.LineID
}

func each(t *testing.T, f func(t *testing.T, d desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, base *db.DB) { f(t, newDesk(t, base)) })
}

func newDesk(t *testing.T, base *db.DB) desk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
	})
	people := person.New(base, ring, audit.New(base), "FR")
	d := desk{db: base, ring: ring, people: people, line: 16}
	d.calls = d.restart()
	d.exec(t, `INSERT INTO line (id, kind, number, name, brand, locale, voice, sms, secure_media, outbound, caller_id, consent,
			priority, time_zone, ring_seconds, wait_seconds, max_queue, announce_wait, announce_position, callback,
			wrap_up, wrap_up_seconds, voicemail, overflow, overflow_closed, failover, text_back, text_back_words, created_at, updated_at)
		VALUES (16, 'phone', '+33199001234', 'Front desk', '', 'fr', 1, 0, 0, 0, '', 'never',
			0, 'UTC', 30, 300, 0, 0, 0, 0, 0, 0, 1, '', '', '', 0, '', 0, 0)`)
	return d
}

// restart is the calls of a process that has just begun.
func (d desk) restart() *call.Calls {
	return call.New(call.Config{DB: d.db, Ring: d.ring, People: d.people, Metrics: obs.Discard().Metrics})
}

func (d desk) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := d.db.Write(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (d desk) count(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	if err := d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func (d desk) from(number string) call.Arrival {
	return call.Arrival{Caller: leg.Caller{Number: number, Name: "Camille Exemple"}, Line: d.line, Locale: "fr", InHours: true}
}

func (d desk) begin(t *testing.T, a call.Arrival) *call.Call {
	t.Helper()
	c, err := d.calls.Begin(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (d desk) get(t *testing.T, id sotto.CallID) call.Record {
	t.Helper()
	r, err := d.calls.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (d desk) end(t *testing.T, c *call.Call, why call.Reason) {
	t.Helper()
	if err := d.calls.End(context.Background(), c, why, nil); err != nil {
		t.Fatal(err)
	}
}

const camille = "+33199005678"

func TestCallIsWrittenBeforeItIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		c := d.begin(t, d.from(camille))
		r := d.get(t, c.ID)
		want := call.Record{
			ID: c.ID, Line: d.line, Person: c.Person, Key: c.Key, Direction: call.Inbound, State: call.Ringing, InHours: true,
			Number: camille, Name: "Camille Exemple", StartedAt: c.StartedAt,
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if c.Person == 0 || c.Key == 0 {
			t.Error("the number did not become a person")
		}
		if live := d.calls.LiveOf(c.Person); len(live) != 1 || live[0] != c {
			t.Errorf("LiveOf = %v", live)
		}
		d.end(t, c, call.Cancelled)
		if live := d.calls.Live(); len(live) != 0 {
			t.Errorf("%d calls live on after their end", len(live))
		}
	})
}

func TestNumberBecomesAPersonOnce(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		const n = 12
		calls := make([]*call.Call, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				var err error
				if calls[i], err = d.calls.Begin(context.Background(), d.from([]string{camille, "01 99 00 56 78", "0033199005678"}[i%3])); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, c := range calls {
			if c != nil && (c.Person != calls[0].Person || c.Key != calls[0].Key || c.Person == 0) {
				t.Errorf("call %d is person %d's, want %d", c.ID, c.Person, calls[0].Person)
			}
		}
		if got := d.count(t, "SELECT COUNT(*) FROM person"); got != 1 {
			t.Errorf("%d people for one number", got)
		}
	})
}

func TestNobodyIsNobody(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		for _, c := range []struct {
			name, number string
			caller       leg.Caller
			line         sotto.LineID
			sealed       bool
		}{
			{"withheld", "", leg.Caller{Number: camille, Withheld: true}, d.line, true},
			{"no number", "", leg.Caller{}, d.line, true},
			{"a SIP user name", "alice", leg.Caller{Number: "alice"}, d.line, true},
			{"one digit", "", leg.Caller{Number: "7"}, d.line, true},
			{"control characters", "", leg.Caller{Number: "\r\n\x00"}, d.line, true},
			{"no line's number", "", leg.Caller{Number: camille}, 0, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				got := d.begin(t, call.Arrival{Caller: c.caller, Line: c.line, Locale: "fr"})
				r := d.get(t, got.ID)
				if r.Person != 0 || r.Number != c.number || (r.Key != 0) != c.sealed {
					t.Errorf("person %d, number %q, key %d", r.Person, r.Number, r.Key)
				}
			})
		}
		if got := d.count(t, "SELECT COUNT(*) FROM person"); got != 0 {
			t.Errorf("%d people were made of nobody", got)
		}
	})
}

func TestCallOfAPersonBeingErasedKeepsNothingOfThem(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		first := d.begin(t, d.from(camille))
		d.freeze(t, first.Person)
		second := d.begin(t, d.from(camille))
		r := d.get(t, second.ID)
		if r.Person != 0 || r.Number != "" || r.Name != "" || r.Key == first.Key {
			t.Errorf("kept: person %d, number %q, name %q", r.Person, r.Number, r.Name)
		}
		if got := d.count(t, "SELECT COUNT(*) FROM person"); got != 1 {
			t.Errorf("%d people", got)
		}
	})
}

// freeze is how an erasure begins.
func (d desk) freeze(t *testing.T, id sotto.PersonID) {
	t.Helper()
	if err := d.db.Write(context.Background(), func(tx *db.Tx) error {
		p, err := d.people.Load(tx, id)
		if err == nil {
			_, err = d.people.Freeze(tx, id)
			d.ring.Freeze(p.Key)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestCallGoesOnWhileItsCallerIsErased(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		c := d.begin(t, d.from(camille))
		d.freeze(t, c.Person)
		if err := d.ring.Destroy(c.Key); err != nil {
			t.Fatal(err)
		}
		d.exec(t, "UPDATE call SET person_id = NULL WHERE id = $1", int64(c.ID))
		c.Answered(c.StartedAt.Add(time.Second))
		if err := d.calls.Connect(ctx, c, 0, nil); err != nil {
			t.Fatal(err)
		}
		if who := c.Caller(); who.Number != camille {
			t.Errorf("before Forget it shows %+v", who)
		}
		d.calls.Forget(c.Person)
		if who := c.Caller(); who != (leg.Caller{Withheld: true}) {
			t.Errorf("it still shows %+v", who)
		}
		d.end(t, c, call.CallerHungUp)
		r := d.get(t, c.ID)
		if r.Person != 0 || r.Number != "" || r.Name != "" || r.Reason != call.CallerHungUp || r.EndedAt.IsZero() {
			t.Errorf("after erasure: %+v", r)
		}
	})
}

func TestEndIsWrittenOnceWithItsLegs(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		c := d.begin(t, d.from(camille))
		agent := d.begin(t, d.from("+33199009999")).Person
		c.Answered(c.StartedAt.Add(time.Second))
		c.Decided("granted")
		if err := d.calls.Connect(ctx, c, agent, nil); err != nil {
			t.Fatal(err)
		}
		at := c.StartedAt
		legs := []call.Leg{
			{Kind: call.AgentLeg, Part: call.Consultation, By: agent, Talk: time.Minute, Hold: time.Second, Consult: time.Hour, Person: agent, StartedAt: at, AnsweredAt: at.Add(time.Second), EndedAt: at.Add(time.Minute), Cause: leg.Released,
				Quality: media.Quality{Received: 100, Lost: 2, Jitter: 1500 * time.Microsecond}},
			{Kind: call.CallerLeg, Part: call.ByLine, StartedAt: at, EndedAt: at.Add(time.Minute), Cause: leg.HungUp},
		}
		for _, l := range legs {
			c.AddLeg(l)
		}
		var wg sync.WaitGroup
		also := make(chan struct{}, 8)
		for _, why := range []call.Reason{call.CallerHungUp, call.AgentHungUp, call.Failed, call.Shutdown} {
			wg.Go(func() {
				if err := d.calls.End(ctx, c, why, func(*db.Tx) error { also <- struct{}{}; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		r := d.get(t, c.ID)
		if r.Reason == "" || r.EndedAt.IsZero() || r.State != call.Ended || r.Agent != agent || r.Consent != "granted" || r.ConnectedAt.IsZero() {
			t.Errorf("%+v", r)
		}
		if len(also) != 1 {
			t.Errorf("also ran %d times", len(also))
		}
		got, err := d.calls.Legs(ctx, c.ID)
		legs[0].Issues, legs[1].Issues = []media.Issue{media.NoIssue}, []media.Issue{media.NoInformation}
		if diff := cmp.Diff(legs, got); err != nil || diff != "" {
			t.Errorf("legs: %v (-want +got):\n%s", err, diff)
		}
		before := r
		d.end(t, c, call.Failed)
		if diff := cmp.Diff(before, d.get(t, c.ID)); diff != "" {
			t.Errorf("a second End changed the row:\n%s", diff)
		}
		if err := d.calls.Connect(ctx, c, agent, nil); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Connect after the end: %v", err)
		}
	})
}

func TestEndIsWrittenThoughTheTicketFails(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		c := d.begin(t, d.from(camille))
		broken := errors.New("no ticket")
		err := d.calls.End(context.Background(), c, call.AbandonedInQueue, func(tx *db.Tx) error {
			if _, err := tx.Exec("DELETE FROM no_such_table"); err == nil {
				t.Error("the statement ran")
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("End = %v, want also's error", err)
		}
		if r := d.get(t, c.ID); r.Reason != call.AbandonedInQueue || r.EndedAt.IsZero() {
			t.Errorf("the end was not written: %+v", r)
		}
		unknown := d.begin(t, d.from(camille))
		d.end(t, unknown, "bored")
		if r := d.get(t, unknown.ID); r.Reason != call.Failed {
			t.Errorf("a word that is no reason was written as %q", r.Reason)
		}
	})
}

func TestEndThatTheDatabaseRefusedIsWrittenLater(t *testing.T) {
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	c := d.begin(t, d.from(camille))
	d.exec(t, "CREATE TRIGGER full BEFORE UPDATE ON call BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")
	filed := 0
	also := func(*db.Tx) error { filed++; return nil }
	if err := d.calls.End(ctx, c, call.AbandonedInQueue, also); err == nil || d.calls.Owed() != 1 {
		t.Fatalf("End = %v with %d owed, want an error and 1", err, d.calls.Owed())
	}
	next := d.begin(t, d.from(camille))
	if d.calls.Owed() != 1 {
		t.Fatalf("%d owed while the disk is full, want 1", d.calls.Owed())
	}
	d.exec(t, "DROP TRIGGER full")
	filed = 0
	d.end(t, next, call.CallerHungUp)
	if filed != 1 {
		t.Errorf("what goes with the end was written %d times, want once", filed)
	}
	if r := d.get(t, c.ID); d.calls.Owed() != 0 || r.Reason != call.AbandonedInQueue {
		t.Errorf("%d owed, reason %q", d.calls.Owed(), r.Reason)
	}
}

func TestRecoverEndsWhatWasCutOff(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		over, ringing, talking := d.begin(t, d.from(camille)), d.begin(t, d.from("")), d.begin(t, d.from(camille))
		d.end(t, over, call.Cancelled)
		if err := d.calls.Connect(ctx, talking, 0, nil); err != nil {
			t.Fatal(err)
		}
		connected := d.get(t, talking.ID).ConnectedAt
		after := d.restart()
		found, err := after.Recover(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 2 || found[0].ID != ringing.ID || found[1].ID != talking.ID || found[1].Number != camille {
			t.Errorf("found %+v", found)
		}
		for _, r := range []call.Record{d.get(t, ringing.ID), d.get(t, talking.ID)} {
			if r.Reason != call.Crashed || r.EndedAt.IsZero() || r.State != call.Ended {
				t.Errorf("call %d: %+v", r.ID, r)
			}
		}
		if r := d.get(t, talking.ID); !r.EndedAt.Equal(connected) {
			t.Errorf("ended at %v, want the last known moment %v", r.EndedAt, connected)
		}
		if r := d.get(t, over.ID); r.Reason != call.Cancelled {
			t.Errorf("an ended call became %q", r.Reason)
		}
		if again, err := after.Recover(ctx, nil); err != nil || len(again) != 0 {
			t.Errorf("a second Recover found %d, %v", len(again), err)
		}
	})
}

func TestListPagesByTime(t *testing.T) {
	each(t, func(t *testing.T, d desk) {
		ctx := context.Background()
		var ids []sotto.CallID
		for range 5 {
			ids = append(ids, d.begin(t, d.from(camille)).ID)
		}
		first, err := d.calls.List(ctx, call.Filter{Limit: 3})
		if err != nil || len(first) != 3 || first[0].ID != ids[0] {
			t.Fatalf("first page: %d calls, %v", len(first), err)
		}
		rest, err := d.calls.List(ctx, call.Filter{After: first[2].ID})
		if err != nil || len(rest) != 2 || rest[1].ID != ids[4] {
			t.Errorf("second page: %d calls, %v", len(rest), err)
		}
		none, err := d.calls.List(ctx, call.Filter{To: first[0].StartedAt})
		if err != nil || len(none) != 0 {
			t.Errorf("before the first: %d calls, %v", len(none), err)
		}
		if _, err := d.calls.Get(ctx, 4711); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("Get of none: %v", err)
		}
	})
}
