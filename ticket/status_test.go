package ticket_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/catalogue"
	"sotto/ticket"
)

func TestStatusFollowsTheRulesPeopleExpect(t *testing.T) {
	all := []ticket.Status{ticket.Fresh, ticket.Open, ticket.Pending, ticket.Hold, ticket.Solved, ticket.Closed}
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		for _, from := range all {
			for _, to := range append(all, ticket.Deleted, "angry") {
				tk, err := d.Open(ctx, d.agent, ticket.Draft{Requester: d.ada.Person, Via: ticket.ByAPI, Status: from})
				must(t, err)
				got, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Status: &to})
				switch {
				case to == ticket.Deleted || to == "angry":
					if from != ticket.Closed {
						wantKind(t, string(from+" to "+to), err, sotto.Invalid)
					}
				case from == ticket.Closed:
					wantKind(t, string(from+" to "+to), err, sotto.Conflict)
				case to == ticket.Fresh && from != ticket.Fresh:
					wantKind(t, string(from+" to "+to), err, sotto.Invalid)
				case err != nil || got.Status != to:
					t.Errorf("%s to %s = %s, %v", from, to, got.Status, err)
				}
				if err == nil && (got.SolvedAt.IsZero() == (to == ticket.Solved) && to != ticket.Closed || got.ClosedAt.IsZero() == (to == ticket.Closed)) {
					t.Errorf("%s to %s: solved at %v, closed at %v", from, to, got.SolvedAt, got.ClosedAt)
				}
			}
		}
	})
}

func TestAReplyOpensWhatWaitedOrWasSolved(t *testing.T) {
	tests := []struct {
		from, byRequester, byAgent ticket.Status
	}{
		{ticket.Fresh, ticket.Fresh, ticket.Fresh},
		{ticket.Open, ticket.Open, ticket.Open},
		{ticket.Pending, ticket.Open, ticket.Pending},
		{ticket.Hold, ticket.Open, ticket.Hold},
		{ticket.Solved, ticket.Open, ticket.Solved},
	}
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		for _, tt := range tests {
			for _, who := range []struct {
				name   string
				actor  sotto.Actor
				author sotto.PersonID
				public bool
				want   ticket.Status
			}{
				{"requester", d.ada, 0, true, tt.byRequester},
				{"agent", d.agent, 0, true, tt.byAgent},
				{"agent for the requester", d.agent, d.ada.Person, true, tt.byRequester},
				{"agent's note of what the requester said", d.agent, d.ada.Person, false, tt.byAgent},
				{"the desk for the requester", sotto.Desk(), d.ada.Person, true, tt.byRequester},
			} {
				tk, err := d.Open(ctx, d.agent, ticket.Draft{Requester: d.ada.Person, Via: ticket.ByAPI, Status: tt.from})
				must(t, err)
				_, err = d.Comment(ctx, who.actor, tk.ID, ticket.CommentDraft{Body: "hello?", Public: who.public, Author: who.author})
				must(t, err)
				if got, err := d.Get(ctx, d.agent, tk.ID); err != nil || got.Status != who.want {
					t.Errorf("%s, comment by %s = %s, %v, want %s", tt.from, who.name, got.Status, err, who.want)
				}
			}
		}
	})
}

func TestAClosedTicketTakesNothingMore(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, c := d.open(t, "subject", "body")
		d.set(t, tk.ID, ticket.Closed)
		word, high, nobody := "new subject", ticket.High, sotto.PersonID(0)
		for name, change := range map[string]ticket.Change{
			"subject": {Subject: &word}, "priority": {Priority: &high}, "assignee": {Assignee: &nobody},
			"comment": {Comment: &ticket.CommentDraft{Body: "x"}},
		} {
			_, err := d.Update(ctx, d.agent, tk.ID, change)
			wantKind(t, name, err, sotto.Conflict)
		}
		for _, a := range []sotto.Actor{d.ada, d.agent, sotto.Desk()} {
			_, err := d.Comment(ctx, a, tk.ID, ticket.CommentDraft{Body: "x"})
			wantKind(t, "Comment", err, sotto.Conflict)
		}
		must(t, d.Correct(ctx, d.agent, tk.ID, c.ID, "body set right"))
		must(t, d.CorrectSubject(ctx, d.agent, tk.ID, "subject set right"))
		if got, err := d.Get(ctx, d.ada, tk.ID); err != nil || got.Subject != "subject set right" || d.comments(t, d.ada, tk.ID)[0].Body != "body set right" {
			t.Errorf("after Correct: %q, %v", got.Subject, err)
		}
		if page, _, err := d.Search(ctx, d.agent, "body right", ticket.Page{}); err != nil || len(page) != 1 {
			t.Errorf("Search for the corrected text = %d, %v", len(page), err)
		}
		must(t, d.Delete(ctx, d.agent, tk.ID))
	})
}

func TestAssigningAndSolvingGoTogetherWithTheStatus(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", "b")
		got, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Assignee: &d.admin.Person})
		if err != nil || got.Status != ticket.Open || got.Assignee != d.admin.Person {
			t.Errorf("assigning a new ticket = %s, %d, %v", got.Status, got.Assignee, err)
		}
		other, _ := d.open(t, "s", "b")
		if got := d.set(t, other.ID, ticket.Solved); got.Assignee != d.agent.Person {
			t.Errorf("the solver is %d, want %d", got.Assignee, d.agent.Person)
		}
		_, err = d.Update(ctx, d.agent, tk.ID, ticket.Change{Assignee: &d.ada.Person})
		wantKind(t, "assigning to an end user", err, sotto.Invalid)
		urgent, pending := ticket.Urgent, ticket.Pending
		got, err = d.Update(ctx, d.agent, tk.ID, ticket.Change{
			Status: &pending, Priority: &urgent, Comment: &ticket.CommentDraft{Body: "Which colour is the lamp?", Public: true},
		})
		if err != nil || got.Status != ticket.Pending || got.Priority != ticket.Urgent {
			t.Errorf("Update = %+v, %v", got, err)
		}
		want := []string{
			"created >new", "comment >public", "status new>open", "assignee >" + number(d.admin), "comment >public",
			"status open>pending", "priority normal>urgent",
		}
		if diff := cmp.Diff(want, d.events(t, tk.ID)); diff != "" {
			t.Errorf("events: %s", diff)
		}
	})
}

func TestARefusedUpdateLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		tk, _ := d.open(t, "s", "b")
		fresh, open := ticket.Fresh, ticket.Open
		_, err := d.Update(context.Background(), d.agent, tk.ID, ticket.Change{Status: &open})
		must(t, err)
		_, err = d.Update(context.Background(), d.agent, tk.ID, ticket.Change{Status: &fresh, Comment: &ticket.CommentDraft{Body: "gone again"}})
		wantKind(t, "Update", err, sotto.Invalid)
		if n := len(d.comments(t, d.agent, tk.ID)); n != 1 {
			t.Errorf("%d comments, want 1", n)
		}
	})
}

// model is what a ticket is, in as few words as possible.
type model struct {
	status, previous ticket.Status
	assigned         bool
	comments         int
	body             string // of the first comment
}

// TestStatusMachineDoesWhatTheModelSays draws sequences of everything that can
// happen to a ticket.
func TestStatusMachineDoesWhatTheModelSays(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		tk, first := d.open(t, "s", "abcde")
		m := model{status: ticket.Fresh, comments: 1, body: "abcde"}
		refused := func(what string, err error, when bool) {
			if (err != nil) != when || (err != nil && sotto.KindOf(err) == sotto.Internal) {
				rt.Fatalf("%s on %+v: %v, want refused %v", what, m, err, when)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"set": func(rt *rapid.T) {
				to := rapid.SampledFrom([]ticket.Status{ticket.Fresh, ticket.Open, ticket.Pending, ticket.Hold, ticket.Solved, ticket.Closed}).Draw(rt, "to")
				_, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Status: &to})
				no := m.status == ticket.Closed || m.status == ticket.Deleted || (to == ticket.Fresh && m.status != ticket.Fresh)
				refused("set", err, no)
				if !no {
					m.assigned = m.assigned || (to == ticket.Solved && m.status != ticket.Solved)
					m.status = to
				}
			},
			"assign": func(rt *rapid.T) {
				_, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Assignee: &d.admin.Person})
				no := m.status == ticket.Closed || m.status == ticket.Deleted
				refused("assign", err, no)
				if !no {
					m.assigned = true
					if m.status == ticket.Fresh {
						m.status = ticket.Open
					}
				}
			},
			"comment": func(rt *rapid.T) {
				actor := rapid.SampledFrom([]sotto.Actor{d.ada, d.agent, d.bob}).Draw(rt, "who")
				_, err := d.Comment(ctx, actor, tk.ID, ticket.CommentDraft{Body: "word", Public: true})
				no := m.status == ticket.Closed || m.status == ticket.Deleted || actor == d.bob
				refused("comment", err, no)
				if !no {
					m.comments++
				}
				if !no && actor == d.ada && m.status != ticket.Fresh {
					m.status = ticket.Open
				}
			},
			"redact": func(rt *rapid.T) {
				letter := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "letter")
				black, missing := ticket.BlackenText(m.body, letter)
				_, err := d.RedactText(ctx, d.agent, tk.ID, first.ID, letter)
				no := m.status == ticket.Deleted || missing != nil
				refused("redact", err, no)
				if !no {
					m.body = black
				}
			},
			"delete": func(rt *rapid.T) {
				refused("delete", d.Delete(ctx, d.agent, tk.ID), m.status == ticket.Deleted)
				if m.status != ticket.Deleted {
					m.previous, m.status = m.status, ticket.Deleted
				}
			},
			"restore": func(rt *rapid.T) {
				refused("restore", d.Restore(ctx, d.agent, tk.ID), m.status != ticket.Deleted)
				if m.status == ticket.Deleted {
					m.status = m.previous
				}
			},
			"": func(rt *rapid.T) {
				got, err := d.Get(ctx, d.ada, tk.ID)
				if m.status == ticket.Deleted {
					if sotto.KindOf(err) != sotto.NotFound {
						rt.Fatalf("Get of a deleted ticket = %v", err)
					}
					return
				}
				if err != nil || got.Status != m.status || (got.Assignee != 0) != m.assigned {
					rt.Fatalf("Get = %+v, %v, want %+v", got, err, m)
				}
				if c := d.comments(t, d.ada, tk.ID); len(c) != m.comments || c[0].Body != m.body {
					rt.Fatalf("%d comments, the first %q, want %+v", len(c), c[0].Body, m)
				}
			},
		})
	})
	for _, wrong := range d.Check(ctx) {
		t.Errorf("check: %s", wrong)
	}
}

// TestManyHandsOnOneTicketKeepItsHistoryStraight lets people change, comment
// and redact at the same time; the check at the end reads the events.
func TestManyHandsOnOneTicketKeepItsHistoryStraight(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, c := d.open(t, "s", strings.Repeat("abcdefgh ", 20))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				status := []ticket.Status{ticket.Open, ticket.Pending, ticket.Hold, ticket.Solved}[i%4]
				if _, err := d.Update(ctx, d.agent, tk.ID, ticket.Change{Status: &status}); err != nil {
					t.Errorf("Update = %v", err)
				}
				if _, err := d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Body: "still waiting"}); err != nil {
					t.Errorf("Comment = %v", err)
				}
				if _, err := d.RedactText(ctx, d.agent, tk.ID, c.ID, string("abcdefgh"[i])); err != nil {
					t.Errorf("RedactText = %v", err)
				}
			})
		}
		wg.Wait()
		if got := d.comments(t, d.agent, tk.ID); len(got) != 9 || strings.ContainsAny(got[0].Body, "abcdefgh") {
			t.Errorf("%d comments, the first %q", len(got), got[0].Body)
		}
	})
}

// TestOneOfManyTakesAnUpload lets two comments reach for the same file.
func TestOneOfManyTakesAnUpload(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", "b")
		u, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("only one"))
		must(t, err)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, err := d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Body: "mine", Uploads: []string{u.Token}})
				if err == nil {
					won.Add(1)
				} else if sotto.KindOf(err) != sotto.Invalid {
					t.Errorf("Comment = %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || d.files(t, catalogue.Attachment) != 1 || d.files(t, catalogue.Upload) != 0 {
			t.Errorf("%d won, %d files", won.Load(), d.files(t, catalogue.Attachment))
		}
	})
}
