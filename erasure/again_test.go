package erasure_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/db"
	"sotto/person"
	"sotto/receipt"
)

// records returns the records of a kind about a person.
func (w *world) records(t *testing.T, kind receipt.Kind, id sotto.PersonID) (all []receipt.Record) {
	t.Helper()
	for rec, err := range w.receipts.Since(0) {
		must(t, err)
		if rec.Kind == kind && rec.Subject == id {
			all = append(all, rec)
		}
	}
	return all
}

func TestIntentIsWrittenOnceHoweverLongARecipientWaits(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		w.refuse = true
		out, err := w.eraser.Person(ctx, sotto.Operator(), id, 0)
		must(t, err)
		for range 3 {
			_, err := w.eraser.Resume(ctx)
			must(t, err)
			if again, err := w.eraser.Run(ctx, out.Erasure); err != nil || len(again.Incomplete) != 1 {
				t.Fatalf("run = %+v, %v", again, err)
			}
		}
		w.refuse = false
		_, err = w.eraser.Run(ctx, out.Erasure)
		must(t, err)
		if n := len(w.records(t, receipt.Intent, id)); n != 1 {
			t.Errorf("%d intents in the log, want 1", n)
		}
	})
}

// TestAnErasureIsDoneByOneAtATime lets many hands finish the same erasure.
func TestAnErasureIsDoneByOneAtATime(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		out, run, err := w.eraser.Shred(ctx, sotto.Operator(), id, 0)
		must(t, err)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i%2 == 0 {
					if got, err := w.eraser.Finish(ctx, run, out); err != nil || got.Receipt == 0 {
						t.Errorf("Finish = %+v, %v", got, err)
					}
					return
				}
				_, _ = w.eraser.Run(ctx, out.Erasure) // done, or somebody is at it
			})
		}
		all.Wait()
		if n := len(w.records(t, receipt.Erasure, id)); n != 1 {
			t.Errorf("%d receipts, want 1", n)
		}
		again, err := w.eraser.Run(ctx, out.Erasure)
		if must(t, err); again.Receipt != w.records(t, receipt.Erasure, id)[0].No {
			t.Errorf("asked again, the receipt is %d", again.Receipt)
		}
	})
}

func TestAReceiptClaimsNoSearchAfterACrash(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		out, _, err := w.eraser.Shred(ctx, sotto.Operator(), id, 0)
		must(t, err)
		w.eraser = w.newEraser() // another process: the words are gone with the first
		_, err = w.eraser.Run(ctx, out.Erasure)
		must(t, err)
		if rec := w.records(t, receipt.Erasure, id)[0]; rec.Scan != (receipt.Scan{}) {
			t.Errorf("the receipt claims a search: %+v", rec.Scan)
		}
		w.mustNotHold(t, "Wilhelmina", "Forgettable", "199001234")
	})
}

// TestWhoeverBreaksOffIsReplacedByAJob: an erasure that is written down is
// finished, also when nobody asks for it again.
func TestWhoeverBreaksOffIsReplacedByAJob(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		_, _, err := w.eraser.Shred(ctx, sotto.Operator(), id, 0)
		must(t, err)
		var due []int64
		must(t, w.db.Read(ctx, func(tx *db.Tx) error {
			due, err = db.All(tx, db.Int, "SELECT ref FROM job WHERE kind = 'erase' AND state = 'waiting' AND due_at <= $1",
				db.Millis(tx.Now.Add(2*time.Minute)))
			return err
		}))
		if len(due) != 1 {
			t.Fatalf("%d jobs wait to finish it, want 1", len(due))
		}
		_, err = w.eraser.Run(ctx, due[0])
		must(t, err)
		if len(w.records(t, receipt.Erasure, id)) != 1 {
			t.Error("no receipt")
		}
	})
}

// TestReplayLeavesWhoCameLater: the number of an erased person calls again and
// becomes somebody new, who has not asked to be forgotten.
func TestReplayLeavesWhoCameLater(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		gone, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		w.refuse = true // the receipt comes only later
		out, err := w.eraser.Person(ctx, sotto.Operator(), gone, 0)
		must(t, err)
		later, _ := w.customer(t, "Nova Newcomer", "+33199001234")
		w.refuse = false
		_, err = w.eraser.Run(ctx, out.Erasure)
		must(t, err)

		again, err := w.eraser.Replay(ctx, 0)
		must(t, err)
		if p, err := w.people.Get(ctx, later); again != 0 || err != nil || p.Name != "Nova Newcomer" {
			t.Errorf("replay did %d again and left %q, %v", again, p.Name, err)
		}
	})
}

// TestReplayErasesWhoIsBack: rows that come back with a copy of the database
// go again, and so does a copy of the person under another number.
func TestReplayErasesWhoIsBack(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var back []sotto.PersonID
		var from = sotto.ReceiptNo(0)
		for i, phone := range []string{"+33199001234", "+33199002345", "+33199003456"} {
			id, err := w.people.Create(ctx, sotto.Operator(), person.Draft{Name: "Wilhelmina Forgettable", Phones: []string{phone}})
			must(t, err)
			p, err := w.people.Get(ctx, id)
			must(t, err)
			back = append(back, id)
			rec := receipt.Record{Kind: receipt.Intent, Subject: id, Tombstones: [][]byte{w.people.Tombstone(person.Phone, phone)}}
			switch i {
			case 0: // as the log has it
				rec.Keys = []sotto.KeyID{p.Key}
			case 1: // a key that only the copy knows
			case 2: // somebody the log knows under another number
				rec.Subject = 4242
			}
			rec.At = time.Now().Add(time.Second)
			_, err = w.receipts.Append(ctx, rec)
			must(t, err)
		}
		again, err := w.eraser.Replay(ctx, from)
		must(t, err)
		if again != len(back) {
			t.Errorf("replay did %d again, want %d", again, len(back))
		}
		for _, id := range back {
			p, err := w.people.Get(ctx, id)
			if err != nil || p.ErasedAt.IsZero() || p.Name != "" {
				t.Errorf("after the replay person %d is %q, erased %v, %v", id, p.Name, p.ErasedAt, err)
			}
		}
		if again, err := w.eraser.Replay(ctx, from); err != nil || again != 0 {
			t.Errorf("the second replay did %d, %v", again, err)
		}
	})
}
