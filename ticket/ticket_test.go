package ticket_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/ticket"
)

func TestOpenWritesTheCaseAsItWasTold(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, err := d.Open(ctx, d.agent, ticket.Draft{
			Requester: d.ada.Person, Via: ticket.ByVoice, Subject: " Modem\nblinks ", Priority: ticket.High, Assignee: d.agent.Person,
			Comment: ticket.CommentDraft{Body: "It blinks red.", Public: true},
		})
		must(t, err)
		got, err := d.Get(ctx, d.ada, tk.ID)
		must(t, err)
		key := got.Key
		want := ticket.Ticket{
			ID: 1, Requester: d.ada.Person, Key: key, Assignee: d.agent.Person, Submitter: d.agent.Person, Subject: "Modem blinks",
			Status: ticket.Open, Priority: ticket.High, Via: ticket.ByVoice, CreatedAt: start, UpdatedAt: start,
		}
		if diff := cmp.Diff(want, got); diff != "" || key == 0 {
			t.Errorf("Get: key %d, %s", key, diff)
		}
		if diff := cmp.Diff(want, tk); diff != "" {
			t.Errorf("Open: %s", diff)
		}
		c := d.comments(t, d.ada, tk.ID)
		if len(c) != 1 || c[0].Body != "It blinks red." || c[0].Author != d.agent.Person || !c[0].Public || c[0].Kind != ticket.Text {
			t.Errorf("Comments = %+v", c)
		}
		if diff := cmp.Diff([]string{"created >open", "comment >public"}, d.events(t, tk.ID)); diff != "" {
			t.Errorf("events: %s", diff)
		}
	})
}

func TestOpenRefusesWhatItCannotKeep(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tests := []struct {
			name  string
			actor sotto.Actor
			draft ticket.Draft
			kind  sotto.Kind
			field string
		}{
			{"NoVia", d.agent, ticket.Draft{}, sotto.Invalid, "via"},
			{"OddStatus", d.agent, ticket.Draft{Via: ticket.ByAPI, Status: "angry"}, sotto.Invalid, "status"},
			{"Deleted", d.agent, ticket.Draft{Via: ticket.ByAPI, Status: ticket.Deleted}, sotto.Invalid, "status"},
			{"OddPriority", d.agent, ticket.Draft{Via: ticket.ByAPI, Priority: "angry"}, sotto.Invalid, "priority"},
			{"LongSubject", d.agent, ticket.Draft{Via: ticket.ByAPI, Subject: strings.Repeat("x", 1025)}, sotto.Invalid, "subject"},
			{"BrokenSubject", d.agent, ticket.Draft{Via: ticket.ByAPI, Subject: "\xff"}, sotto.Invalid, "subject"},
			{"NobodyKnown", d.agent, ticket.Draft{Via: ticket.ByAPI, Requester: 4711}, sotto.Invalid, "requester"},
			{"PersonAndKey", d.agent, ticket.Draft{Via: ticket.ByAPI, Requester: d.ada.Person, Key: 1}, sotto.Invalid, "requester"},
			{"NeitherPersonNorKey", sotto.Desk(), ticket.Draft{Via: ticket.ByVoice}, sotto.Invalid, "requester"},
			{"AssignedToAnEndUser", d.agent, ticket.Draft{Via: ticket.ByAPI, Assignee: d.bob.Person}, sotto.Invalid, "assignee"},
			{"ForSomebodyElse", d.ada, ticket.Draft{Via: ticket.ByWeb, Requester: d.bob.Person}, sotto.Denied, ""},
			{"EndUserSetsStatus", d.ada, ticket.Draft{Via: ticket.ByWeb, Status: ticket.Solved}, sotto.Denied, ""},
			{"EndUserGivesKey", d.ada, ticket.Draft{Via: ticket.ByWeb, Key: 1}, sotto.Denied, ""},
			{"NobodySignedIn", sotto.Actor{Role: sotto.EndUser}, ticket.Draft{Via: ticket.ByWeb}, sotto.Denied, ""},
			{"EmptyVoice", d.agent, ticket.Draft{Via: ticket.ByAPI, Comment: ticket.CommentDraft{Kind: ticket.Voice}}, sotto.Invalid, "call"},
			{"StrangeAuthor", d.agent, ticket.Draft{Via: ticket.ByAPI, Requester: d.ada.Person,
				Comment: ticket.CommentDraft{Body: "b", Author: d.bob.Person}}, sotto.Invalid, "author"},
		}
		for _, tt := range tests {
			_, err := d.Open(ctx, tt.actor, tt.draft)
			wantKind(t, tt.name, err, tt.kind)
			if got := sotto.FieldOf(err); got != tt.field {
				t.Errorf("%s: field = %q, want %q", tt.name, got, tt.field)
			}
		}
		if n, err := d.Count(ctx, d.agent, ticket.Filter{}); err != nil || n != 0 {
			t.Errorf("Count = %d, %v, want 0", n, err)
		}
	})
}

func TestTicketNumbersHaveNoGaps(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for want := range sotto.TicketID(3) {
			_, err := d.Open(context.Background(), d.agent, ticket.Draft{Via: ticket.ByAPI, Requester: 4711})
			wantKind(t, "Open", err, sotto.Invalid)
			if tk, _ := d.open(t, "s", "b"); tk.ID != want+1 {
				t.Errorf("number %d, want %d", tk.ID, want+1)
			}
		}
	})
}

func TestCallerWhoWithheldTheNumberHasAKeyAndNoPerson(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		key, err := d.ring.NewKey()
		must(t, err)
		var id sotto.TicketID
		d.write(t, func(tx *db.Tx) error {
			tk, err := d.OpenTx(tx, sotto.Desk(), ticket.Draft{
				Key: key, Via: ticket.ByVoicemail, Subject: "Voice message",
				Comment: ticket.CommentDraft{Kind: ticket.Voice, Call: 77, Public: true},
			})
			id = tk.ID
			return err
		})
		tk, err := d.Get(context.Background(), d.agent, id)
		if err != nil || tk.Requester != 0 || tk.Key != key || tk.Subject != "Voice message" {
			t.Errorf("Get = %+v, %v", tk, err)
		}
		if c := d.comments(t, d.agent, id); len(c) != 1 || c[0].Call != 77 || c[0].Kind != ticket.Voice {
			t.Errorf("Comments = %+v", c)
		}
		_, err = d.Get(context.Background(), d.ada, id)
		wantKind(t, "Get by an end user", err, sotto.NotFound)
		_, err = d.Get(context.Background(), sotto.Actor{}, id)
		wantKind(t, "Get by nobody", err, sotto.NotFound)
		must(t, d.ring.Destroy(key))
		if page, _, err := d.List(context.Background(), d.agent, ticket.Filter{}, ticket.Page{}); err != nil || len(page) != 0 {
			t.Errorf("List after the key is gone = %v, %v, want nothing", page, err)
		}
		_, err = d.Get(context.Background(), d.agent, id)
		wantKind(t, "Get after the key is gone", err, sotto.Gone)
	})
}

func TestNothingIsWrittenAboutAPersonUnderErasure(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, c := d.open(t, "Sealed subject", "Sealed body")
		d.write(t, func(tx *db.Tx) error { _, err := d.people.Freeze(tx, d.ada.Person); return err })
		_, err := d.Open(ctx, d.agent, ticket.Draft{Requester: d.ada.Person, Via: ticket.ByVoice})
		wantKind(t, "Open", err, sotto.Gone)
		_, err = d.Comment(ctx, d.agent, tk.ID, ticket.CommentDraft{Body: "x"})
		wantKind(t, "Comment", err, sotto.Gone)
		_, err = d.RedactText(ctx, d.agent, tk.ID, c.ID, "body")
		wantKind(t, "RedactText", err, sotto.Gone)
		wantKind(t, "Delete", d.Delete(ctx, d.agent, tk.ID), sotto.Gone)
		_, err = d.Get(ctx, d.agent, tk.ID)
		wantKind(t, "Get", err, sotto.Gone)
		_, err = d.Upload(ctx, d.ada, "a.txt", "text/plain", strings.NewReader("x"))
		wantKind(t, "Upload", err, sotto.Denied)
		if page, _, err := d.List(ctx, d.agent, ticket.Filter{}, ticket.Page{}); err != nil || len(page) != 0 {
			t.Errorf("List = %v, %v, want nothing", page, err)
		}
		if n, err := d.Count(ctx, d.agent, ticket.Filter{}); err != nil || n != 0 {
			t.Errorf("Count = %d, %v, want 0", n, err)
		}
	})
}

func TestATicketThatIsGoingForGoodIsLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", "b")
		must(t, d.Delete(ctx, d.agent, tk.ID))
		d.write(t, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO erasure (id, subject, subject_id, state, opened_at, commitment)
				VALUES ($1, 'ticket', $2, 'frozen', 0, '')`, tx.NewID(), int64(tk.ID))
			return err
		})
		wantKind(t, "Restore", d.Restore(ctx, d.agent, tk.ID), sotto.Gone)
	})
}

func TestNoTextIsInTheDatabaseFile(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	secrets := []string{"Zwetschgenkuchen", "Pflaumenmus", "Heidelbeeren", "streuselkuchen.pdf", "0199007788", "quarkspeise"}
	tk, c := d.open(t, secrets[0]+" kaputt", "Bitte "+secrets[1]+" schicken, "+secrets[4])
	_, err := d.Comment(ctx, d.agent, tk.ID, ticket.CommentDraft{Body: secrets[2]})
	must(t, err)
	u, err := d.Upload(ctx, d.ada, secrets[3], "application/x-"+secrets[5], strings.NewReader(strings.Repeat(secrets[1], 999)))
	must(t, err)
	_, err = d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Uploads: []string{u.Token}})
	must(t, err)
	_, err = d.RedactText(ctx, d.agent, tk.ID, c.ID, secrets[1])
	must(t, err)
	_, err = d.Upload(ctx, d.ada, secrets[3], "text/plain; name="+secrets[5], strings.NewReader(secrets[1]))
	must(t, err)
	must(t, d.db.Close())
	for _, root := range []string{d.dir, filepath.Dir(d.file)} {
		must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			for _, s := range secrets {
				for _, form := range []string{s, strings.ToLower(s), base64.StdEncoding.EncodeToString([]byte(s)), u.Token} {
					if bytes.Contains(raw, []byte(form)) || strings.Contains(path, form) {
						t.Errorf("%s holds %q", path, form)
					}
				}
			}
			return err
		}))
	}
}

func TestASealedTextOpensOnlyWhereItBelongs(t *testing.T) {
	d := one(t)
	a, ca := d.open(t, "first", "body one")
	_, cb := d.open(t, "second", "body two")
	d.write(t, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE comment SET body = (SELECT body FROM comment WHERE id = $1) WHERE id = $2", int64(cb.ID), int64(ca.ID))
		return err
	})
	if _, _, err := d.Comments(context.Background(), d.agent, a.ID, ticket.Page{}); err == nil {
		t.Error("a text that was copied from another comment is shown")
	}
	if found := d.Check(context.Background()); len(found) != 1 || !strings.Contains(found[0], "does not open") {
		t.Errorf("Check = %q", found)
	}
}

func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	tests := []struct {
		name string
		harm string // run with the ticket's and the comment's number
		want string
	}{
		{"Word left over", "INSERT INTO ticket_word (hash, ticket_id, comment_id) VALUES ($2, $1, $3)", "the words are not those of the text"},
		{"Word missing", "DELETE FROM ticket_word WHERE ticket_id = $1 AND comment_id = $3 AND $2 IS NOT NULL", "the words are not those of the text"},
		{"Word of no comment", "INSERT INTO ticket_word (hash, ticket_id, comment_id) VALUES ($2, $1, $3 + 1)", "which is not there"},
		{"Status without event", "UPDATE ticket SET status = 'solved' WHERE id = $1 AND $2 IS NOT NULL AND $3 > 0", "its events end with another status"},
		{"Half deleted", "UPDATE ticket SET purge_at = 1 WHERE id = $1 AND $2 IS NOT NULL AND $3 > 0", "its time of deletion says otherwise"},
		{"No events", "DELETE FROM ticket_event WHERE ticket_id = $1 AND $2 IS NOT NULL AND $3 > 0", "has no events"},
		{"Event out of order", "UPDATE ticket_event SET kind = 'mood' WHERE kind = 'comment' AND ticket_id = $1 AND $2 IS NOT NULL AND $3 > 0", "out of order"},
		{"File gone", "INSERT INTO attachment (id, ticket_id, comment_id, name, content_type, size, created_at) SELECT 5, $1, $3, body, 'text/plain', 1, 1 FROM comment WHERE id = $3 AND $2 IS NOT NULL", "its file cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := one(t)
			tk, c := d.open(t, "subject", "body")
			d.write(t, func(tx *db.Tx) error {
				_, err := tx.Exec(tt.harm, int64(tk.ID), d.ring.Hash(catalogue.TicketWordIndex, "harm"), int64(c.ID))
				return err
			})
			if found := strings.Join(d.Check(context.Background()), "\n"); !strings.Contains(found, tt.want) {
				t.Errorf("Check = %q, want %q", found, tt.want)
			}
		})
	}
}

func TestSweepRemovesOnlyWhatIsLeftOver(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		kept, err := d.Upload(ctx, d.ada, "kept.txt", "text/plain", strings.NewReader("kept"))
		must(t, err)
		var orphan int64
		must(t, d.db.Read(ctx, func(tx *db.Tx) error { orphan = tx.NewID(); return nil }))
		must(t, d.blobs.Put(catalogue.Attachment, orphan, strings.NewReader("lost")))
		if n, err := d.Sweep(ctx); err != nil || n != 0 {
			t.Errorf("Sweep of a fresh file = %d, %v, want 0", n, err)
		}
		d.pass(25 * time.Hour)
		if found := d.Check(ctx); len(found) != 1 {
			t.Errorf("Check = %q, want the file without a row", found)
		}
		if n, err := d.Sweep(ctx); err != nil || n != 1 {
			t.Errorf("Sweep = %d, %v, want 1", n, err)
		}
		if has, err := d.blobs.Has(catalogue.Upload, kept.ID); err != nil || !has {
			t.Errorf("the upload is gone too: %v", err)
		}
	})
}
