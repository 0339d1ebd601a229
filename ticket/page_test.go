package ticket_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/ticket"
)

func TestPagesGoBothWays(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		var tickets []ticket.Ticket
		for i := range 5 {
			tk, _ := d.open(t, fmt.Sprintf("Case %d", i), "Hello")
			tickets = append(tickets, tk)
			d.pass(1000)
		}
		list := func(f ticket.Filter, p ticket.Page) (ids []sotto.TicketID, next string) {
			t.Helper()
			page, next, err := d.List(ctx, d.agent, f, p)
			must(t, err)
			for _, tk := range page {
				ids = append(ids, tk.ID)
			}
			return ids, next
		}
		byID := ticket.Filter{Order: ticket.ByID}
		tests := []struct {
			name   string
			filter ticket.Filter
			page   ticket.Page
			want   []sotto.TicketID
			more   bool
		}{
			{"First", byID, ticket.Page{Limit: 2}, []sotto.TicketID{1, 2}, true},
			{"After", byID, ticket.Page{Limit: 2, After: tickets[2].Cursor()}, []sotto.TicketID{4, 5}, false},
			{"Before", byID, ticket.Page{Limit: 2, Before: tickets[3].Cursor()}, []sotto.TicketID{2, 3}, true},
			{"BeforeTheFirst", byID, ticket.Page{Before: tickets[0].Cursor()}, nil, false},
			{"Skip", byID, ticket.Page{Limit: 2, Skip: 1}, []sotto.TicketID{2, 3}, true},
			{"NewestAfter", ticket.Filter{}, ticket.Page{Limit: 2, After: tickets[4].Cursor()}, []sotto.TicketID{4, 3}, true},
			{"NewestBefore", ticket.Filter{}, ticket.Page{Limit: 2, Before: tickets[1].Cursor()}, []sotto.TicketID{4, 3}, true},
			{"NewestSkip", ticket.Filter{}, ticket.Page{Skip: 4}, []sotto.TicketID{1}, false},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got, next := list(tt.filter, tt.page)
				if diff := cmp.Diff(tt.want, got); diff != "" || (next != "") != tt.more {
					t.Errorf("next %q, want more %v\n%s", next, tt.more, diff)
				}
			})
		}
	})
}

func TestCommentsEventsAndDeletedGoBothWays(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, first := d.open(t, "Case", "1")
		ids := []sotto.CommentID{first.ID}
		for range 3 {
			c, err := d.Comment(ctx, d.agent, tk.ID, ticket.CommentDraft{Body: "x", Public: true})
			must(t, err)
			ids = append(ids, c.ID)
		}
		for _, p := range []struct {
			page ticket.Page
			want []sotto.CommentID
		}{
			{ticket.Page{Limit: 2, Before: fmt.Sprint(ids[3])}, ids[1:3]},
			{ticket.Page{Limit: 2, Newest: true, Before: fmt.Sprint(ids[0])}, []sotto.CommentID{ids[2], ids[1]}},
			{ticket.Page{Limit: 2, Skip: 3}, ids[3:]},
		} {
			page, _, err := d.Comments(ctx, d.agent, tk.ID, p.page)
			must(t, err)
			var got []sotto.CommentID
			for _, c := range page {
				got = append(got, c.ID)
			}
			if diff := cmp.Diff(p.want, got); diff != "" {
				t.Errorf("Comments(%+v): %s", p.page, diff)
			}
		}
		events, _, err := d.Events(ctx, d.agent, tk.ID, ticket.Page{})
		must(t, err)
		back, _, err := d.Events(ctx, d.agent, tk.ID, ticket.Page{Before: fmt.Sprint(events[2].ID)})
		must(t, err)
		if diff := cmp.Diff(events[:2], back); diff != "" {
			t.Error(diff)
		}
		for range 2 {
			other, _ := d.open(t, "Another", "x")
			must(t, d.Delete(ctx, d.agent, other.ID))
		}
		must(t, d.Delete(ctx, d.agent, tk.ID))
		deleted, _, err := d.Deleted(ctx, d.agent, ticket.Page{Before: "1", Limit: 1})
		if err != nil || len(deleted) != 1 || deleted[0].ID != 2 {
			t.Errorf("Deleted in front of 1 = %v, %v, want 2", deleted, err)
		}
		comments, err := d.CountComments(ctx, d.agent, tk.ID)
		if sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("CountComments of a deleted ticket = %d, %v", comments, err)
		}
		n, err := d.CountEvents(ctx, d.agent, tk.ID)
		m, err2 := d.CountDeleted(ctx, d.agent)
		if err != nil || err2 != nil || n != int64(len(events))+1 || m != 3 {
			t.Errorf("CountEvents = %d, %v; CountDeleted = %d, %v", n, err, m, err2)
		}
	})
}
