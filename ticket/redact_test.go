package ticket_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/ticket"
)

func TestRedactTextReplacesEveryOccurrence(t *testing.T) {
	tests := []struct{ name, body, text, want string }{
		{"Number", "my id is 847564!", "847564", "my id is ▇▇▇▇▇▇!"},
		{"Twice", "Ada and Ada", "Ada", "▇▇▇ and ▇▇▇"},
		{"Overlapping", "aaaa", "aaa", "▇▇▇▇"},
		{"Accents count once", "José went", "José", "▇▇▇▇ went"},
		{"Composed finds decomposed", "Jose\u0301 went", "José", "▇▇▇▇ went"},
		{"Decomposed finds composed", "José went", "Jose\u0301", "▇▇▇▇ went"},
		{"Over lines", "a\nb c", "a\nb", "▇▇▇ c"},
		{"Not ASCII", "日本語の名前", "本語", "日▇▇の名前"},
		{"Nearly", "Adam, Ada", "Adam", "▇▇▇▇, Ada"},
		{"Capitals count", "ADA Ada", "Ada", "ADA ▇▇▇"},
	}
	each(t, func(t *testing.T, d *desk) {
		for _, tt := range tests {
			tk, c := d.open(t, "s", tt.body)
			got, err := d.RedactText(context.Background(), d.agent, tk.ID, c.ID, tt.text)
			if err != nil || got.Body != tt.want || got.RedactedAt.IsZero() {
				t.Errorf("%s: RedactText(%q, %q) = %q, %v, want %q", tt.name, tt.body, tt.text, got.Body, err, tt.want)
			}
			if got := d.comments(t, d.ada, tk.ID)[0].Body; got != tt.want {
				t.Errorf("%s: kept %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

func TestRedactTextSaysWhenThereIsNothingToRedact(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, c := d.open(t, "subject", "Wackelkontakt")
		other, oc := d.open(t, "s", "b")
		for _, text := range []string{"wackelkontakt", "x", "", "  ", "▇▇"} {
			_, err := d.RedactText(ctx, d.agent, tk.ID, c.ID, text)
			wantKind(t, fmt.Sprintf("RedactText(%q)", text), err, sotto.Invalid, "ackelkontakt")
			_, err = d.RedactSubject(ctx, d.agent, tk.ID, text)
			wantKind(t, fmt.Sprintf("RedactSubject(%q)", text), err, sotto.Invalid, "ackelkontakt")
		}
		_, err := d.RedactText(ctx, d.agent, tk.ID, oc.ID, "b")
		wantKind(t, "a comment of another ticket", err, sotto.NotFound)
		_, err = d.RedactAttachment(ctx, d.agent, tk.ID, c.ID, 4711)
		wantKind(t, "a file that is not there", err, sotto.NotFound)
		_, err = d.RedactText(ctx, d.agent, 4711, c.ID, "b")
		wantKind(t, "a ticket that is not there", err, sotto.NotFound)
		if diff := cmp.Diff([]string{"created >new", "comment >public"}, d.events(t, other.ID)); diff != "" {
			t.Errorf("events: %s", diff)
		}
		d.work(t)
		if len(d.audited(t, tk.ID)) != 0 || d.cleans != 0 {
			t.Errorf("refused redactions left %q and %d cleanings", d.audited(t, tk.ID), d.cleans)
		}
	})
}

func TestRedactionWorksOnAClosedTicket(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		s := newScene(t, d)
		photo := d.comments(t, d.ada, s.id)[1]
		d.set(t, s.id, ticket.Closed)
		_, err := d.RedactText(ctx, d.agent, s.id, s.public, secretWord)
		must(t, err)
		_, err = d.RedactSubject(ctx, d.agent, s.id, secretWord)
		must(t, err)
		a, err := d.RedactAttachment(ctx, d.agent, s.id, photo.ID, s.filed)
		must(t, err)
		if a.Name != "redacted.txt" || a.Size != 0 || a.RedactedAt.IsZero() {
			t.Errorf("RedactAttachment = %+v", a)
		}
		_, err = d.RedactText(ctx, d.agent, s.id, photo.ID, secretWord)
		must(t, err)
		tk, err := d.Get(ctx, d.ada, s.id)
		if err != nil || tk.Subject != strings.Repeat("▇", len(secretWord)) || tk.Status != ticket.Closed {
			t.Errorf("Get = %+v, %v", tk, err)
		}
		if all := fmt.Sprint(d.comments(t, d.agent, s.id)); strings.Contains(all, secretWord) {
			t.Errorf("the word is still there: %s", all)
		}
		if page, _, err := d.Search(ctx, d.agent, secretWord, ticket.Page{}); err != nil || len(page) != 0 {
			t.Errorf("Search finds what was redacted: %d, %v", len(page), err)
		}
		if page, _, err := d.Search(ctx, d.agent, "it is the", ticket.Page{}); err != nil || len(page) != 1 {
			t.Errorf("Search for what is left = %d, %v, want 1", len(page), err)
		}
		want := []string{"status new>closed", "comment-redacted", "subject-redacted", "attachment-redacted", "comment-redacted"}
		events := d.events(t, s.id)
		if diff := cmp.Diff(want, events[len(events)-len(want):]); diff != "" {
			t.Errorf("events at the end: %s", diff)
		}
		wantAudit := []string{
			fmt.Sprintf("redact comment %d by %d of %d", photo.ID, d.agent.Person, d.ada.Person),
			fmt.Sprintf("redact attachment %d by %d of %d", s.filed, d.agent.Person, d.ada.Person),
			fmt.Sprintf("redact ticket %d by %d of %d", s.id, d.agent.Person, d.ada.Person),
			fmt.Sprintf("redact comment %d by %d of %d", s.public, d.agent.Person, d.ada.Person),
		}
		if diff := cmp.Diff(wantAudit, d.audited(t, s.id)); diff != "" {
			t.Errorf("audit: %s", diff)
		}
		d.work(t)
		if d.cleans == 0 {
			t.Error("nobody asked for the freed bytes to be wiped")
		}
	})
}

func TestARedactedFileIsAnEmptyText(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		s := newScene(t, d)
		photo := d.comments(t, d.ada, s.id)[1]
		open, err := d.Attachment(ctx, d.ada, s.filed)
		must(t, err)
		defer open.Close()
		for range 2 { // the second time changes nothing
			_, err := d.RedactAttachment(ctx, d.agent, s.id, photo.ID, s.filed)
			must(t, err)
		}
		if has, err := d.blobs.Has(catalogue.Attachment, int64(s.filed)); err != nil || has {
			t.Errorf("the file is still there: %v", err)
		}
		f, err := d.Attachment(ctx, d.ada, s.filed)
		must(t, err)
		text, err := io.ReadAll(f)
		if err != nil || len(text) != 0 || f.Name != "redacted.txt" || f.ContentType != "text/plain" || f.Size != 0 {
			t.Errorf("Attachment = %+v with %d bytes, %v", f.Attachment, len(text), err)
		}
		must(t, f.Close())
		if n := len(d.audited(t, s.id)); n != 1 {
			t.Errorf("%d audit entries, want 1", n)
		}
		wantKind(t, "Rename", d.Rename(ctx, d.agent, s.id, photo.ID, s.filed, "again.txt"), sotto.Conflict)
	})
}

func TestRedactSpansDoesAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		s := newScene(t, d)
		photo := d.comments(t, d.ada, s.id)[1]
		wrong, err := ticket.ReadMarked("<div>something <redact>else</redact></div>")
		must(t, err)
		_, err = d.RedactSpans(ctx, d.agent, s.id, photo.ID, wrong, []sotto.AttachmentID{s.filed})
		wantKind(t, "a text that is not the comment's", err, sotto.Invalid)
		if has, err := d.blobs.Has(catalogue.Attachment, int64(s.filed)); err != nil || !has {
			t.Errorf("the file is gone: %v", err)
		}
		right, err := ticket.ReadMarked(`<div class="zd-comment" dir="auto">photo of <redact>` + secretWord + `</redact></div>`)
		must(t, err)
		c, err := d.RedactSpans(ctx, d.agent, s.id, photo.ID, right, []sotto.AttachmentID{s.filed})
		must(t, err)
		if want := "photo of " + strings.Repeat("▇", len(secretWord)); c.Body != want || c.Attachments[0].Name != "redacted.txt" {
			t.Errorf("RedactSpans = %+v, want %q", c, want)
		}
		only, err := d.RedactSpans(ctx, d.agent, s.id, s.private, ticket.Marked{}, []sotto.AttachmentID{s.noteFiled})
		if err != nil || only.Body != secretNote || !only.RedactedAt.IsZero() || only.Attachments[0].Size != 0 {
			t.Errorf("a file alone = %+v, %v", only, err)
		}
		_, err = d.RedactSpans(ctx, d.agent, s.id, s.private, ticket.Marked{}, nil)
		wantKind(t, "nothing marked", err, sotto.Invalid)
	})
}

func TestRedactionLeavesNoOldBytesOnceCleaned(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	tk, c := d.open(t, "s", "Wackelkontakt")
	sealed := func() (b []byte) {
		must(t, d.db.Read(ctx, func(tx *db.Tx) (err error) {
			b, err = db.One(tx, func(s db.Scanner) (b []byte, err error) { err = s.Scan(&b); return }, "SELECT body FROM comment WHERE id = $1", int64(c.ID))
			return err
		}))
		return b
	}
	old := sealed()
	if !d.onDisk(t, old) {
		t.Fatal("the test does not see what is on the disk")
	}
	_, err := d.RedactText(ctx, d.agent, tk.ID, c.ID, "Wackel")
	must(t, err)
	must(t, d.db.Clean(ctx)) // what the job does
	if d.onDisk(t, old) {
		t.Error("the old text, which its key still opens, is on the disk")
	}
	if !d.onDisk(t, sealed()) {
		t.Error("the new text is not")
	}
}

// TestBlackenTextLeavesNothingOfTheText draws texts with few letters, so that
// everything overlaps.
func TestBlackenTextLeavesNothingOfTheText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.StringOfN(rapid.RuneFrom([]rune("abé ")), 0, 60, -1).Draw(rt, "body")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abé")), 1, 5, -1).Draw(rt, "text")
		got, err := ticket.BlackenText(body, text)
		if (err == nil) != strings.Contains(body, text) {
			rt.Fatalf("BlackenText(%q, %q) = %v", body, text, err)
		}
		if err != nil {
			return
		}
		want, have, sought := []rune(body), []rune(body), []rune(text)
		for i := range len(have) - len(sought) + 1 { // the slow way
			if string(have[i:i+len(sought)]) == text {
				for j := range sought {
					want[i+j] = ticket.Black
				}
			}
		}
		if got != string(want) {
			rt.Fatalf("BlackenText(%q, %q) = %q, want %q", body, text, got, string(want))
		}
	})
}
