package privacy_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/desk"
	"sotto/job"
	"sotto/privacy"
)

// request writes an open request for erasure, as a process that died right
// behind it would have left.
func request(t *testing.T, d *desk.Desk, who sotto.PersonID) (id int64) {
	t.Helper()
	must(t, d.DB.Write(context.Background(), func(tx *db.Tx) error {
		id = tx.NewID()
		_, err := tx.Exec("INSERT INTO request (id, person_id, kind, state, opened_at) VALUES ($1, $2, 'erasure', 'open', $3)", id, int64(who), db.Millis(tx.Now))
		return err
	}))
	return id
}

func stateOf(t *testing.T, d *desk.Desk, who sotto.PersonID) (out []privacy.Request) {
	t.Helper()
	all, err := d.Rights.Requests(context.Background(), sotto.Operator(), who)
	must(t, err)
	for _, r := range all {
		if r.Kind == privacy.Erasure {
			out = append(out, r)
		}
	}
	return out
}

func TestARequestForErasureDoesNotLapse(t *testing.T) {
	tests := []struct {
		name  string
		leave func(t *testing.T, d *desk.Desk, who sotto.PersonID) (request int64)
	}{
		{"NothingBegan", func(t *testing.T, d *desk.Desk, who sotto.PersonID) int64 { return request(t, d, who) }},
		{"ErasedAndNotClosed", func(t *testing.T, d *desk.Desk, who sotto.PersonID) int64 {
			_, err := d.Eraser.Person(context.Background(), sotto.Operator(), who, 0)
			must(t, err)
			return request(t, d, who)
		}},
		{"UnderWay", func(t *testing.T, d *desk.Desk, who sotto.PersonID) int64 {
			ctx := context.Background()
			id := request(t, d, who)
			out, _, err := d.Eraser.Shred(ctx, sotto.Operator(), who, sotto.RequestID(id))
			must(t, err)
			if err := d.Rights.RunRequest(ctx, id); !errors.As(err, new(job.Again)) {
				t.Errorf("RunRequest while somebody is at it = %v, want to be asked again", err)
			}
			must(t, d.Rights.RunErasure(ctx, out.Erasure))
			return id
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
				ctx := context.Background()
				who, _ := customer(t, d, agent, "Wilhelmina Forgettable", "+33199001234")
				id := tt.leave(t, d, who)
				must(t, d.Rights.Recover(ctx)) // as a desk does when it opens
				for range 2 {
					must(t, d.Rights.RunRequest(ctx, id))
				}
				p, err := d.People.Get(ctx, who)
				must(t, err)
				if got := stateOf(t, d, who); p.ErasedAt.IsZero() || len(got) != 1 || got[0].State != "done" || got[0].Receipt < 0 {
					t.Fatalf("erased %v, requests %+v", p.ErasedAt, got)
				}
				r, err := d.Receipts.Receipt(stateOf(t, d, who)[0].Receipt)
				must(t, err)
				if rec := r.Record(); rec.Subject != who || rec.Kind != "erasure" {
					t.Errorf("the request's receipt is %+v", rec)
				}
			})
		})
	}
}

func TestAnErasureLooksAfterItsRequest(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		who, _ := customer(t, d, agent, "Wilhelmina Forgettable", "+33199001234")
		ctx, hangUp := context.WithCancel(ctx)
		out, err := d.Rights.EraseSoon(ctx, sotto.Operator(), who)
		must(t, err)
		hangUp()
		must(t, d.Rights.RunErasure(context.Background(), out.Erasure))
		if got := stateOf(t, d, who); len(got) != 1 || got[0].State != "done" {
			t.Errorf("requests %+v", got)
		}
	})
}

func TestRecoverRemovesArchivesWithoutARow(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		who, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		kept, err := d.Rights.RequestExport(ctx, sotto.Operator(), who)
		must(t, err)
		must(t, d.Rights.RunExport(ctx, kept))
		must(t, d.Blobs.Put(catalogue.PersonExport, 4242, strings.NewReader("nobody's")))
		must(t, d.Rights.Recover(ctx))
		for id, want := range map[int64]bool{kept: true, 4242: false} {
			if has, err := d.Blobs.Has(catalogue.PersonExport, id); has != want || err != nil {
				t.Errorf("archive %d is there: %v, %v, want %v", id, has, err, want)
			}
		}
	})
}
