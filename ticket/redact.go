package ticket

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
)

// Black stands for each character that was redacted.
const Black = '▇'

// RedactText blacks out every occurrence of text in a comment, letter by
// letter, also on a closed ticket. It cannot be taken back: the old text is
// nowhere, and the bytes it leaves are wiped soon after. A text that is not
// there is Invalid. Staff only, as for every redaction.
func (tt *Tickets) RedactText(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID, text string) (c Comment, err error) {
	defer sotto.Wrap(&err, "ticket.RedactText(%d, %d)", id, comment)
	return tt.redactComment(ctx, actor, id, comment, nil, func(body string) (string, error) { return blackenText(body, text) })
}

// RedactSpans blacks out what is marked in a comment and redacts files of it,
// all or nothing, also on a closed ticket. The marked text must stand in the
// comment, white space aside.
func (tt *Tickets) RedactSpans(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID, m Marked, files []sotto.AttachmentID) (c Comment, err error) {
	defer sotto.Wrap(&err, "ticket.RedactSpans(%d, %d)", id, comment)
	if len(m.Spans) == 0 && len(files) == 0 {
		return c, sotto.FailField("html_body", "Put <redact> and </redact> around what must go, or name a file.")
	}
	return tt.redactComment(ctx, actor, id, comment, files, func(body string) (string, error) {
		if len(m.Spans) == 0 {
			return body, nil
		}
		return m.blacken(body)
	})
}

// RedactAttachment puts an empty redacted.txt in a file's place, also on a
// closed ticket. The file is overwritten and removed; when it cannot be just
// now, the error says so and a job goes on trying. Doing it twice is fine.
func (tt *Tickets) RedactAttachment(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID, file sotto.AttachmentID) (a Attachment, err error) {
	defer sotto.Wrap(&err, "ticket.RedactAttachment(%d, %d, %d)", id, comment, file)
	c, err := tt.redactComment(ctx, actor, id, comment, []sotto.AttachmentID{file}, func(body string) (string, error) { return body, nil })
	if i := slices.IndexFunc(c.Attachments, func(a Attachment) bool { return a.ID == file }); i >= 0 {
		a = c.Attachments[i]
	}
	return a, err
}

// RedactSubject blacks out every occurrence of text in a ticket's subject.
func (tt *Tickets) RedactSubject(ctx context.Context, actor sotto.Actor, id sotto.TicketID, text string) (t Ticket, err error) {
	defer sotto.Wrap(&err, "ticket.RedactSubject(%d)", id)
	err = tt.redact(ctx, actor, id, func(tx *db.Tx, held Ticket) error {
		subject, err := blackenText(held.Subject, text)
		if err != nil {
			return err
		}
		if err := tt.setSubject(tx, actor, held, subject, SubjectRedacted); err != nil {
			return err
		}
		if t, err = tt.Load(tx, id); err != nil {
			return err
		}
		return tt.audit.Add(tx, actor, redaction(held, audit.Ticket, int64(id)))
	})
	return t, err
}

// redact runs f on a held ticket, and has what it freed wiped from the disk.
func (tt *Tickets) redact(ctx context.Context, actor sotto.Actor, id sotto.TicketID, f func(*db.Tx, Ticket) error) error {
	if !actor.IsStaff() {
		return sotto.Fail(sotto.Denied, "Only staff may redact.")
	}
	return tt.do("redact row", func() error {
		return tt.db.Write(ctx, func(tx *db.Tx) error {
			t, err := tt.hold(tx, actor, id, false)
			if err != nil {
				return err
			}
			if err := tt.jobs.Enqueue(tx, cleanJob, 0, tx.Now); err != nil {
				return err
			}
			return f(tx, t)
		})
	})
}

func (tt *Tickets) redactComment(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID,
	files []sotto.AttachmentID, blacken func(body string) (string, error),
) (c Comment, err error) {
	err = tt.redact(ctx, actor, id, func(tx *db.Tx, t Ticket) error {
		if c, err = tt.load(tx, id, comment); err != nil {
			return err
		}
		entries, err := tt.blackFiles(tx, actor, t, c, files)
		if err != nil {
			return err
		}
		body, err := blacken(c.Body)
		if err != nil {
			return err
		}
		if body != c.Body {
			c.Body, c.RedactedAt = body, tx.Now
			if err := tt.setBody(tx, actor, t, c, CommentRedacted); err != nil {
				return err
			}
			entries = append(entries, redaction(t, audit.Comment, int64(comment)))
		}
		if c, err = tt.load(tx, id, comment); err != nil {
			return err
		}
		for _, e := range entries {
			if err := tt.audit.Add(tx, actor, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Comment{}, err
	}
	for _, f := range files {
		if gone := tt.removeFile(catalogue.Attachment, int64(f)); gone != nil {
			err = errors.Join(err, sotto.FailCause(sotto.Busy, "The file is taken off the ticket but could not be removed yet; it will be.", gone))
		}
	}
	return c, err
}

func redaction(t Ticket, source audit.Source, id int64) audit.Entry {
	return audit.Entry{Action: audit.Redact, Source: source, SourceID: id, Ticket: t.ID, Person: t.Requester}
}

// blackFiles redacts the rows of files and enqueues the removal of their
// bytes. What was redacted before is left as it is.
func (tt *Tickets) blackFiles(tx *db.Tx, actor sotto.Actor, t Ticket, c Comment, files []sotto.AttachmentID) (entries []audit.Entry, err error) {
	for _, f := range files {
		a, err := tt.attachment(tx, t.ID, c.ID, f)
		if err != nil {
			return nil, err
		}
		if !a.RedactedAt.IsZero() {
			continue
		}
		name, err := tt.ring.SealText(t.Key, catalogue.AttachmentName, int64(f), redactedName)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(tt.q["RedactAttachment"], int64(f), name, db.Millis(tx.Now)); err != nil {
			return nil, err
		}
		if err := tt.jobs.Enqueue(tx, removeAttachmentJob, int64(f), tx.Now); err != nil {
			return nil, err
		}
		if err := tt.note(tx, t.ID, actor, Event{Kind: AttachmentRedacted, Object: int64(f)}); err != nil {
			return nil, err
		}
		entries = append(entries, redaction(t, audit.Attachment, int64(f)))
	}
	if len(entries) > 0 {
		err = tt.touch(tx, t.ID)
	}
	return entries, err
}

// blackenText blacks out every occurrence of text in body, overlapping ones
// too.
func blackenText(body, text string) (string, error) {
	text = norm.NFC.String(text)
	if strings.Trim(text, string(Black)+" \t\r\n") == "" {
		return "", sotto.FailField("text", "Say which text must go.")
	}
	found, want := []rune(body), []rune(text)
	var spans []Span
	for _, at := range occurrences(found, want) {
		spans = append(spans, Span{at, at + len(want)})
	}
	if len(spans) == 0 {
		return "", sotto.FailField("text", "This text is not there. It is compared letter by letter, capitals and accents included.")
	}
	return blackenSpans(found, spans), nil
}

func blackenSpans(body []rune, spans []Span) string {
	for _, s := range spans {
		for i := s.From; i < s.To; i++ {
			body[i] = Black
		}
	}
	return string(body)
}

// occurrences returns every place where want begins in text, in one pass
// (Knuth, Morris, Pratt): nobody can slow the desk down with a text that
// nearly matches everywhere.
func occurrences(text, want []rune) []int {
	if len(want) == 0 {
		return nil
	}
	back := make([]int, len(want)) // the longest proper border of each prefix
	for i, k := 1, 0; i < len(want); i++ {
		for k > 0 && want[i] != want[k] {
			k = back[k-1]
		}
		if want[i] == want[k] {
			k++
		}
		back[i] = k
	}
	var out []int
	k := 0
	for i, r := range text {
		for k > 0 && r != want[k] {
			k = back[k-1]
		}
		if r == want[k] {
			k++
		}
		if k == len(want) {
			out = append(out, i+1-k)
			k = back[k-1]
		}
	}
	return out
}
