package ticket_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/ticket"
)

func (d *desk) due(t *testing.T) (ids []sotto.TicketID) {
	t.Helper()
	must(t, d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		ids, err = d.DuePurge(tx, tx.Now)
		return err
	}))
	return ids
}

func TestDeletedTicketGoesForGoodAfterItsDays(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tests := []struct {
			name   string
			days   int64 // -1: the setting says nothing
			status ticket.Status
			wait   time.Duration
		}{
			{"SevenDays", -1, ticket.Closed, 7 * 24 * time.Hour},
			{"AtOnce", 0, ticket.Open, 0},
			{"OneDay", 1, ticket.Solved, 24 * time.Hour},
		}
		for _, tt := range tests {
			if tt.days >= 0 {
				d.write(t, func(tx *db.Tx) error { return db.SetSetting(tx, db.TicketPurgeDays, tt.days) })
			}
			tk, _ := d.open(t, "Modem", "b")
			d.set(t, tk.ID, tt.status)
			must(t, d.Delete(ctx, d.agent, tk.ID))
			page, _, err := d.Deleted(ctx, d.agent, ticket.Page{Limit: 1})
			must(t, err)
			now := d.db.Now()
			want := []ticket.DeletedTicket{{
				ID: tk.ID, Subject: "Modem", Actor: d.agent.Person, ActorName: "Grace Sample",
				DeletedAt: now, PurgeAt: now.Add(tt.wait), PreviousState: tt.status,
			}}
			if diff := cmp.Diff(want, page); diff != "" {
				t.Errorf("%s: Deleted: %s", tt.name, diff)
			}
			if tt.wait > 0 {
				d.pass(tt.wait - time.Millisecond)
				if slices.Contains(d.due(t), tk.ID) {
					t.Errorf("%s: due a moment too early", tt.name)
				}
				d.pass(time.Millisecond)
			}
			if !slices.Contains(d.due(t), tk.ID) {
				t.Errorf("%s: not due", tt.name)
			}
			events := d.events(t, tk.ID)
			if got, want := events[len(events)-1], fmt.Sprintf("deleted %s>", tt.status); got != want {
				t.Errorf("%s: last event %q, want %q", tt.name, got, want)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("destroy ticket %d by %d of %d", tk.ID, d.agent.Person, d.ada.Person)}, d.audited(t, tk.ID)); diff != "" {
				t.Errorf("%s: audit: %s", tt.name, diff)
			}
		}
	})
}

func TestRestoreBringsBackWhatWasThere(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "Modem", "blinks")
		before := d.set(t, tk.ID, ticket.Solved)
		wantKind(t, "Restore of a living ticket", d.Restore(ctx, d.agent, tk.ID), sotto.NotFound)
		must(t, d.Delete(ctx, d.agent, tk.ID))
		wantKind(t, "Delete again", d.Delete(ctx, d.agent, tk.ID), sotto.NotFound)
		wantKind(t, "Restore by an end user", d.Restore(ctx, d.ada, tk.ID), sotto.Denied)
		d.pass(30 * 24 * time.Hour) // due, and not gone yet
		must(t, d.Restore(ctx, d.admin, tk.ID))
		got, err := d.Get(ctx, d.ada, tk.ID)
		before.UpdatedAt = d.db.Now()
		if diff := cmp.Diff(before, got); diff != "" || err != nil {
			t.Errorf("Get: %v %s", err, diff)
		}
		if len(d.due(t)) != 0 {
			t.Error("a restored ticket is due")
		}
		if page, _, err := d.Search(ctx, d.agent, "blinks", ticket.Page{}); err != nil || len(page) != 1 {
			t.Errorf("Search = %d, %v", len(page), err)
		}
		wantKind(t, "Restore of what never was", d.Restore(ctx, d.admin, 4711), sotto.NotFound)
		if audited := d.audited(t, tk.ID); len(audited) != 2 {
			t.Errorf("audit: %q", audited)
		}
	})
}

func TestTheListOfDeletedTicketsForgetsWhoWasErased(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		first, _ := d.open(t, "one", "b")
		second, _ := d.open(t, "two", "b")
		third, err := d.Open(ctx, d.bob, ticket.Draft{Via: ticket.ByWeb, Subject: "Bob's"})
		must(t, err)
		must(t, d.Delete(ctx, d.agent, first.ID))
		must(t, d.Delete(ctx, sotto.Operator(), second.ID))
		must(t, d.Delete(ctx, d.admin, third.ID))
		d.write(t, func(tx *db.Tx) error {
			if _, err := d.people.Freeze(tx, d.bob.Person); err != nil {
				return err
			}
			_, err := d.people.Freeze(tx, d.agent.Person)
			return err
		})
		var got []string
		p := ticket.Page{Limit: 1}
		for more := true; more; more = p.After != "" {
			page, next, err := d.Deleted(ctx, d.admin, p)
			must(t, err)
			for _, l := range page {
				got = append(got, fmt.Sprintf("%s by %q", l.Subject, l.ActorName))
			}
			p.After = next
		}
		if diff := cmp.Diff([]string{`two by ""`, `one by ""`}, got); diff != "" {
			t.Error(diff)
		}
	})
}
