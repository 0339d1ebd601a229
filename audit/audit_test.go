package audit_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	admin = sotto.Actor{Person: 7, Role: sotto.Admin}
	agent = sotto.Actor{Person: 8, Role: sotto.Agent}
)

// clock moves a second at each look.
func clock() sotto.Clock {
	var n atomic.Int64
	start := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * time.Second) }
}

func each(t *testing.T, f func(t *testing.T, d *db.DB, l *audit.Log)) {
	dbtest.EachConfig(t, clock(), func(t *testing.T, cfg db.Config) {
		d := dbtest.Open(t, cfg)
		f(t, d, audit.New(d))
	})
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, d *db.DB, l *audit.Log, actor sotto.Actor, entries ...audit.Entry) {
	t.Helper()
	for _, e := range entries {
		write(t, d, func(tx *db.Tx) error { return l.Add(tx, actor, e) })
	}
}

func head(t *testing.T, d *db.DB, l *audit.Log) (size int64, hash []byte) {
	t.Helper()
	if err := d.Read(context.Background(), func(tx *db.Tx) (err error) {
		size, hash, err = l.Head(tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return size, hash
}

func verify(t *testing.T, l *audit.Log) audit.Report {
	t.Helper()
	r, err := l.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAddKeepsWhatItWasGiven(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		heard := audit.Entry{Action: audit.Listen, Source: audit.Recording, SourceID: 41, Ticket: 4711, Person: 99}
		kept := audit.Entry{Action: audit.Update, Source: audit.Setting}
		add(t, d, l, agent, heard)
		add(t, d, l, sotto.Desk(), kept)
		add(t, d, l, sotto.Operator(), kept)
		got, next, err := l.List(context.Background(), admin, audit.Filter{})
		if err != nil || next != 0 {
			t.Fatalf("List: next %d, %v", next, err)
		}
		for i := range got {
			if got[i].At.IsZero() || len(got[i].Hash) != 32 {
				t.Errorf("record %d: at %v, hash of %d bytes", i, got[i].At, len(got[i].Hash))
			}
			got[i].At, got[i].Hash = time.Time{}, nil
		}
		want := []audit.Record{
			{ID: 3, ActorKind: audit.ByOperator, Entry: kept},
			{ID: 2, ActorKind: audit.ByDesk, Entry: kept},
			{ID: 1, Actor: 8, ActorKind: audit.ByPerson, Entry: heard},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	ok := audit.Entry{Action: audit.Read, Source: audit.Person, SourceID: 1}
	tests := []struct {
		name  string
		actor sotto.Actor
		entry audit.Entry
	}{
		{"NoAction", admin, audit.Entry{Source: audit.Person}},
		{"NoSource", admin, audit.Entry{Action: audit.Read}},
		{"ActionOfItsOwn", admin, audit.Entry{Action: "Marie Curie rang", Source: audit.Person}},
		{"SourceOfItsOwn", admin, audit.Entry{Action: audit.Read, Source: "+33 1 99 00 00 01"}},
		{"NegativeNumber", admin, audit.Entry{Action: audit.Read, Source: audit.Person, SourceID: -1}},
		{"RoleWithoutPerson", sotto.Actor{Role: sotto.Agent}, ok},
		{"NegativePerson", sotto.Actor{Person: -1}, ok},
	}
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if err := d.Write(context.Background(), func(tx *db.Tx) error { return l.Add(tx, tt.actor, tt.entry) }); err == nil {
					t.Error("added")
				}
			})
		}
		if size, _ := head(t, d, l); size != 0 {
			t.Errorf("size = %d, want 0", size)
		}
	})
}

func TestAddStandsAndFallsWithItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		e := audit.Entry{Action: audit.Destroy, Source: audit.Recording, SourceID: 1, Ticket: 2}
		no := errors.New("no")
		if err := d.Write(context.Background(), func(tx *db.Tx) error { return errors.Join(l.Add(tx, admin, e), no) }); !errors.Is(err, no) {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error { return errors.Join(l.Add(tx, admin, e), l.Add(tx, admin, e)) })
		if r := verify(t, l); !r.Whole() || r.Size != 2 {
			t.Errorf("Verify = %+v, want 2 entries, whole", r)
		}
	})
}

func TestEmptyLogIsWhole(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		size, hash := head(t, d, l)
		if r := verify(t, l); !r.Whole() || size != 0 || !bytes.Equal(r.Head, hash) || !bytes.Equal(hash, audit.Genesis()) {
			t.Errorf("Head = %d, %x; Verify = %+v", size, hash, r)
		}
		if err := l.VerifyAnchor(context.Background(), size, hash); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoHundredWritersMakeOneChain(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				err := d.Write(context.Background(), func(tx *db.Tx) error {
					if err := l.Add(tx, agent, audit.Entry{Action: audit.Read, Source: audit.Ticket, SourceID: int64(i + 1)}); err != nil {
						return err
					}
					if i%4 == 3 {
						return errors.New("no")
					}
					return nil
				})
				if (err != nil) != (i%4 == 3) {
					t.Errorf("write %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		r := verify(t, l)
		size, hash := head(t, d, l)
		if !r.Whole() || r.Size != 150 || r.First != 1 || size != 150 || !bytes.Equal(r.Head, hash) {
			t.Errorf("Verify = %+v, Head = %d", r, size)
		}
		records, _, err := l.List(context.Background(), admin, audit.Filter{Limit: 1000})
		seen := map[int64]bool{}
		for _, rec := range records {
			seen[rec.SourceID] = true
		}
		if err != nil || len(seen) != 150 {
			t.Errorf("%d different entries, %v, want 150", len(seen), err)
		}
	})
}

func TestVerifyReadsMoreThanOnePage(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		write(t, d, func(tx *db.Tx) error {
			for range audit.Page + 10 {
				if err := l.Add(tx, sotto.Desk(), audit.Entry{Action: audit.Read, Source: audit.Ticket}); err != nil {
					return err
				}
			}
			return nil
		})
		if r := verify(t, l); !r.Whole() || r.Size != audit.Page+10 {
			t.Errorf("Verify = %+v", r)
		}
		write(t, d, func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE audit_entry SET source_id = 1 WHERE id = $1", audit.Page+3)
			return err
		})
		if r := verify(t, l); r.Broken != audit.Page+3 {
			t.Errorf("Verify = %+v, want broken at %d", r, audit.Page+3)
		}
	})
}

func TestListFilters(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		// The clock moves with each look, so each entry has its own second.
		add(t, d, l, agent,
			audit.Entry{Action: audit.Read, Source: audit.Ticket, SourceID: 10, Ticket: 10, Person: 99},
			audit.Entry{Action: audit.Listen, Source: audit.Recording, SourceID: 41, Ticket: 10, Person: 99})
		add(t, d, l, admin,
			audit.Entry{Action: audit.Destroy, Source: audit.Recording, SourceID: 41, Ticket: 10, Person: 99},
			audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: 3},
			audit.Entry{Action: audit.Destroy, Source: audit.Line, SourceID: 3})
		all, _, err := l.List(context.Background(), admin, audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		third := all[2].At
		tests := []struct {
			name   string
			filter audit.Filter
			want   []int64
			next   int64
		}{
			{"All", audit.Filter{}, []int64{5, 4, 3, 2, 1}, 0},
			{"Source", audit.Filter{Source: audit.Recording}, []int64{3, 2}, 0},
			{"SourceID", audit.Filter{Source: audit.Recording, SourceID: 40}, nil, 0},
			{"Ticket", audit.Filter{Ticket: 10}, []int64{3, 2, 1}, 0},
			{"Person", audit.Filter{Person: 99}, []int64{3, 2, 1}, 0},
			{"Actor", audit.Filter{Actor: agent.Person}, []int64{2, 1}, 0},
			{"Actions", audit.Filter{Actions: []audit.Action{audit.Destroy, audit.Update}}, []int64{5, 4, 3}, 0},
			{"From", audit.Filter{From: third}, []int64{5, 4, 3}, 0},
			{"To", audit.Filter{To: third}, []int64{2, 1}, 0},
			{"FirstPage", audit.Filter{Limit: 2}, []int64{5, 4}, 4},
			{"SecondPage", audit.Filter{Limit: 2, After: 4}, []int64{3, 2}, 2},
			{"LastPage", audit.Filter{Limit: 2, After: 2}, []int64{1}, 0},
			{"ExactPage", audit.Filter{Limit: 5}, []int64{5, 4, 3, 2, 1}, 0},
			{"PageBefore", audit.Filter{Limit: 2, Before: 2}, []int64{4, 3}, 3},
			{"BeforeTheNewest", audit.Filter{Before: 5}, nil, 0},
			{"Between", audit.Filter{After: 5, Before: 2}, []int64{4, 3}, 0},
			{"Skip", audit.Filter{Skip: 3}, []int64{2, 1}, 0},
			{"Together", audit.Filter{Source: audit.Line, Actor: admin.Person, Actions: []audit.Action{audit.Destroy}, From: third, After: 6, Limit: 9}, []int64{5}, 0},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				records, next, err := l.List(context.Background(), admin, tt.filter)
				if err != nil {
					t.Fatal(err)
				}
				if f := tt.filter; f.Limit == 0 && f.After == 0 && f.Before == 0 && f.Skip == 0 {
					if n, err := l.Count(context.Background(), admin, f); err != nil || n != int64(len(records)) {
						t.Errorf("Count = %d, %v, want %d", n, err, len(records))
					}
				}
				var got []int64
				for _, r := range records {
					got = append(got, r.ID)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || next != tt.next {
					t.Errorf("next = %d, want %d\n%s", next, tt.next, diff)
				}
			})
		}
	})
}

func TestListIsForAdministrators(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, l *audit.Log) {
		add(t, d, l, agent, audit.Entry{Action: audit.Read, Source: audit.Ticket, SourceID: 1})
		tests := []struct {
			name   string
			actor  sotto.Actor
			filter audit.Filter
			want   error
			kind   sotto.Kind
		}{
			{name: "Admin", actor: admin},
			{name: "Operator", actor: sotto.Operator()},
			{name: "Agent", actor: agent, kind: sotto.Denied},
			{name: "EndUser", actor: sotto.Actor{Person: 9, Role: sotto.EndUser}, kind: sotto.Denied},
			{name: "Nobody", actor: sotto.Desk(), kind: sotto.Denied},
			{name: "UnknownSource", actor: admin, filter: audit.Filter{Source: "moon"}, kind: sotto.Invalid},
			{name: "UnknownAction", actor: admin, filter: audit.Filter{Actions: []audit.Action{"fly"}}, kind: sotto.Invalid},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				records, _, err := l.List(context.Background(), tt.actor, tt.filter)
				if tt.kind == 0 {
					if err != nil || len(records) != 1 {
						t.Errorf("List = %d records, %v", len(records), err)
					}
					return
				}
				if sotto.KindOf(err) != tt.kind || len(records) != 0 {
					t.Errorf("List = %d records, %v, want %v", len(records), err, tt.kind)
				}
			})
		}
	})
}

func TestPruneLeavesAWholeLog(t *testing.T) {
	var later atomic.Int64 // years that have passed
	tick := clock()
	now := func() time.Time { return tick().AddDate(int(later.Load()), 0, 0) }
	dbtest.EachConfig(t, now, func(t *testing.T, cfg db.Config) {
		later.Store(0)
		d := dbtest.Open(t, cfg)
		l := audit.New(d)
		e := audit.Entry{Action: audit.Read, Source: audit.Ticket, SourceID: 1}
		add(t, d, l, agent, e, e, e, e, e)
		hash4 := anchorAt(t, d, l, 4)
		all, _, err := l.List(context.Background(), admin, audit.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		prune := func(actor sotto.Actor, before time.Time, want int64, kind sotto.Kind) {
			t.Helper()
			err := d.Write(context.Background(), func(tx *db.Tx) error {
				n, err := l.Prune(tx, actor, before)
				if n != want {
					t.Errorf("Prune = %d, %v, want %d", n, err, want)
				}
				return err
			})
			if (err != nil || kind != 0) && sotto.KindOf(err) != kind {
				t.Errorf("Prune: %v, want %v", err, kind)
			}
		}
		prune(sotto.Desk(), all[0].At, 0, sotto.Invalid) // too young
		later.Store(4)
		prune(agent, all[0].At, 0, sotto.Denied)
		prune(sotto.Desk(), all[4].At, 0, 0) // nothing is that old
		prune(sotto.Desk(), all[0].At, 4, 0)
		if r := verify(t, l); !r.Whole() || r.First != 5 || r.Size != 6 {
			t.Errorf("Verify = %+v, want whole from 5 to 6", r)
		}
		if err := l.VerifyAnchor(context.Background(), 4, hash4); err != nil {
			t.Errorf("the last removed place no longer anchors: %v", err)
		}
		later.Store(8)
		prune(admin, now().AddDate(-audit.Years, 0, -1), 1, 0) // the last entry stays
		add(t, d, l, agent, e)
		if r := verify(t, l); !r.Whole() || r.First != 6 || r.Size != 8 {
			t.Errorf("Verify = %+v, want whole from 6 to 8", r)
		}
		write(t, d, func(tx *db.Tx) error { _, err := tx.Exec("DELETE FROM audit_entry WHERE id = 6"); return err })
		if r := verify(t, l); r.Broken != 6 {
			t.Errorf("Verify = %+v: more is gone than was pruned", r)
		}
	})
}

func anchorAt(t *testing.T, d *db.DB, l *audit.Log, id int64) (hash []byte) {
	t.Helper()
	if err := d.Read(context.Background(), func(tx *db.Tx) (err error) { hash, err = l.HashIn(tx, id); return err }); err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestNoTwoRowsReadTheSame(t *testing.T) {
	encode := func(words [3]string, numbers [3]*int64) []byte {
		return audit.Encode(1, 2, numbers[0], words[0], words[1], words[2], 3, numbers[1], numbers[2], audit.Genesis())
	}
	rapid.Check(t, func(t *rapid.T) {
		// The same letters in other fields, the same numbers in other fields.
		letters := rapid.StringMatching(`[ab\x00]{0,6}`).Draw(t, "letters")
		cut := rapid.IntRange(0, len(letters))
		split := func(label string) [3]string {
			i, k := cut.Draw(t, label), cut.Draw(t, label)
			return [3]string{letters[:min(i, k)], letters[min(i, k):max(i, k)], letters[max(i, k):]}
		}
		null := rapid.Ptr(rapid.Int64Range(0, 1), true)
		numbers := func(label string) [3]*int64 {
			return [3]*int64{null.Draw(t, label), null.Draw(t, label), null.Draw(t, label)}
		}
		aw, bw, an, bn := split("a"), split("b"), numbers("a"), numbers("b")
		if rapid.Bool().Draw(t, "same numbers") {
			bn = an
		}
		same := aw == bw && cmp.Equal(an, bn)
		if same != bytes.Equal(encode(aw, an), encode(bw, bn)) {
			t.Errorf("%q %v and %q %v", aw, an, bw, bn)
		}
	})
}
