package ticket_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/db"
	"sotto/ticket"
)

// walk returns the numbers of all tickets of a list, page by page.
func (d *desk) walk(t *testing.T, a sotto.Actor, f ticket.Filter, limit int) (ids []sotto.TicketID) {
	t.Helper()
	p := ticket.Page{Limit: limit}
	for more := true; more; more = p.After != "" {
		page, next, err := d.List(context.Background(), a, f, p)
		must(t, err)
		if len(page) > limit {
			t.Fatalf("%d tickets on a page of %d", len(page), limit)
		}
		for _, tk := range page {
			ids = append(ids, tk.ID)
		}
		p.After = next
	}
	return ids
}

func TestListGoesThroughEveryTicketOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		for i := range 6 { // two at the same moment each
			if i%2 == 0 {
				d.pass(time.Second)
			}
			d.open(t, "s", "b")
		}
		other, err := d.Open(ctx, d.bob, ticket.Draft{Via: ticket.ByWeb, Subject: "Bob's"})
		must(t, err)
		d.pass(time.Second)
		d.set(t, 2, ticket.Solved)
		all := []sotto.TicketID{2, 7, 6, 5, 4, 3, 1}
		tests := []struct {
			name   string
			actor  sotto.Actor
			filter ticket.Filter
			want   []sotto.TicketID
		}{
			{"ByUpdated", d.agent, ticket.Filter{}, all},
			{"ByID", d.agent, ticket.Filter{Order: ticket.ByID}, []sotto.TicketID{1, 2, 3, 4, 5, 6, 7}},
			{"Solved", d.agent, ticket.Filter{Status: ticket.Solved}, []sotto.TicketID{2}},
			{"Assigned", d.agent, ticket.Filter{Assignee: d.agent.Person}, []sotto.TicketID{2}},
			{"OfBob", d.agent, ticket.Filter{Requester: d.bob.Person}, []sotto.TicketID{other.ID}},
			{"AsBob", d.bob, ticket.Filter{}, []sotto.TicketID{other.ID}},
			{"AsBobOfAda", d.bob, ticket.Filter{Requester: d.ada.Person}, nil},
			{"AsNobody", sotto.Actor{}, ticket.Filter{}, nil},
		}
		for _, tt := range tests {
			for _, limit := range []int{1, 2, 3, 100} {
				if diff := cmp.Diff(tt.want, d.walk(t, tt.actor, tt.filter, limit)); diff != "" {
					t.Errorf("%s by %d: %s", tt.name, limit, diff)
				}
			}
			if n, err := d.Count(ctx, tt.actor, tt.filter); err != nil || n != int64(len(tt.want)) {
				t.Errorf("%s: Count = %d, %v, want %d", tt.name, n, err, len(tt.want))
			}
		}
		page, _, err := d.ByRequester(ctx, d.agent, d.bob.Person, ticket.Page{})
		if err != nil || len(page) != 1 || page[0].Subject != "Bob's" {
			t.Errorf("ByRequester = %+v, %v", page, err)
		}
	})
}

func TestListsRefuseCursorsThatAreNotTheirs(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	tk, _ := d.open(t, "s", "b")
	for _, after := range []string{"x", "-1", "1-", "-", "0-0", "5-x", "9999999999999999999-1", "0", "1e3"} {
		_, _, err := d.List(ctx, d.agent, ticket.Filter{}, ticket.Page{After: after})
		wantKind(t, "List after "+after, err, sotto.Invalid)
	}
	for _, after := range []string{"x", "-1", "0", "9999999999999999999", "1-1"} {
		_, _, err := d.Comments(ctx, d.agent, tk.ID, ticket.Page{After: after})
		wantKind(t, "Comments after "+after, err, sotto.Invalid)
		_, _, err = d.Events(ctx, d.agent, tk.ID, ticket.Page{After: after})
		wantKind(t, "Events after "+after, err, sotto.Invalid)
		_, _, err = d.Deleted(ctx, d.agent, ticket.Page{After: after})
		wantKind(t, "Deleted after "+after, err, sotto.Invalid)
	}
	_, _, err := d.List(ctx, d.agent, ticket.Filter{}, ticket.Page{Skip: -1})
	wantKind(t, "List from in front of the first", err, sotto.Invalid)
	_, _, err = d.Comments(ctx, d.agent, tk.ID, ticket.Page{Skip: -1})
	wantKind(t, "Comments from in front of the first", err, sotto.Invalid)
	_, _, err = d.List(ctx, d.agent, ticket.Filter{Order: "mood"}, ticket.Page{})
	wantKind(t, "List by mood", err, sotto.Invalid)
	_, _, err = d.List(ctx, d.agent, ticket.Filter{Status: ticket.Deleted}, ticket.Page{})
	wantKind(t, "List of the deleted", err, sotto.Invalid)
}

func TestCommentsGoPageByPageInBothOrders(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", "0")
		for i := range 4 {
			_, err := d.Comment(ctx, d.agent, tk.ID, ticket.CommentDraft{Body: fmt.Sprint(i + 1), Public: i%2 == 0})
			must(t, err)
		}
		for _, tt := range []struct {
			actor  sotto.Actor
			newest bool
			want   string
		}{{d.agent, false, "01234"}, {d.agent, true, "43210"}, {d.ada, false, "013"}, {d.ada, true, "310"}} {
			got := ""
			p := ticket.Page{Limit: 2, Newest: tt.newest}
			for more := true; more; more = p.After != "" {
				page, next, err := d.Comments(ctx, tt.actor, tk.ID, p)
				must(t, err)
				for _, c := range page {
					got += c.Body
				}
				p.After = next
			}
			if got != tt.want {
				t.Errorf("newest %v: %s, want %s", tt.newest, got, tt.want)
			}
		}
	})
}

func TestACommentHasAnEnd(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", strings.Repeat("é", ticket.MaxBody/2))
		tests := []struct {
			name  string
			draft ticket.CommentDraft
			field string
		}{
			{"TooLong", ticket.CommentDraft{Body: strings.Repeat("x", ticket.MaxBody+1)}, "body"},
			{"Empty", ticket.CommentDraft{}, "body"},
			{"Blank", ticket.CommentDraft{Body: " \n"}, "body"},
			{"NotUTF8", ticket.CommentDraft{Body: "a\xff"}, "body"},
			{"OddKind", ticket.CommentDraft{Body: "a", Kind: "video"}, "kind"},
			{"VoiceOfNothing", ticket.CommentDraft{Body: "a", Kind: ticket.Voice}, "call"},
			{"TextOfACall", ticket.CommentDraft{Body: "a", Call: 7}, "call"},
			{"TooManyFiles", ticket.CommentDraft{Uploads: make([]string, 51)}, "uploads"},
			{"UnknownFile", ticket.CommentDraft{Uploads: []string{"x"}}, "uploads"},
		}
		for _, tt := range tests {
			_, err := d.Comment(ctx, d.agent, tk.ID, tt.draft)
			wantKind(t, tt.name, err, sotto.Invalid, "xxx")
			if got := sotto.FieldOf(err); got != tt.field {
				t.Errorf("%s: field %q, want %q", tt.name, got, tt.field)
			}
		}
		err := d.db.Write(ctx, func(tx *db.Tx) error {
			_, err := d.CommentTx(tx, d.agent, tk.ID, ticket.CommentDraft{Uploads: []string{"x"}})
			return err
		})
		wantKind(t, "uploads inside a transaction", err, sotto.Internal)
	})
}

func TestEventsOfOtherPackagesComeFromTheList(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		tk, _ := d.open(t, "s", "b")
		d.write(t, func(tx *db.Tx) error {
			if err := d.AddEvent(tx, tk.ID, d.admin, ticket.RecordingDeleted, 99); err != nil {
				return err
			}
			if err := d.AttachCall(tx, tk.ID, sotto.Desk(), 7, 8); err != nil {
				return err
			}
			return d.AttachCall(tx, tk.ID, sotto.Desk(), 8, 9)
		})
		err := d.db.Write(context.Background(), func(tx *db.Tx) error { return d.AddEvent(tx, tk.ID, d.admin, "Ada was angry", 0) })
		wantKind(t, "AddEvent of anything", err, sotto.Internal)
		err = d.db.Write(context.Background(), func(tx *db.Tx) error { return d.AttachCall(tx, tk.ID, d.ada, 7) })
		wantKind(t, "AttachCall by an end user", err, sotto.Denied)
		want := []string{"created >new", "comment >public", "recording-deleted", "call", "call", "call"}
		if diff := cmp.Diff(want, d.events(t, tk.ID)); diff != "" {
			t.Error(diff)
		}
		list, next, err := d.Events(context.Background(), d.agent, tk.ID, ticket.Page{Limit: 3})
		if err != nil || len(list) != 3 || next == "" || list[2].Object != 99 || list[2].Actor != d.admin.Person {
			t.Errorf("Events = %+v, %q, %v", list, next, err)
		}
	})
}

func FuzzReadCursor(f *testing.F) {
	for _, s := range []string{"", "1-1", "0-1", "-1-1", "1--1", "99999999999999999999-1", "1-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if at, id, err := ticket.ReadCursor(in); err == nil && (at < 0 || id < 1) {
			t.Errorf("ReadCursor(%q) = %d, %d", in, at, id)
		}
	})
}
