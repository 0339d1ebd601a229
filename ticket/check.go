package ticket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
)

const (
	// checkPage is how many rows are looked at in one transaction: a long read
	// would keep package db from cleaning its log.
	checkPage = 200
	// maxFindings is where Check stops counting.
	maxFindings = 100
	// settling is how old a file without a row must be to be left over: a
	// younger one may be on its way.
	settling = 24 * time.Hour
)

// Check looks at everything the package owns and returns what does not fit,
// with ids only; nothing when all is well. It reads page by page, so what is
// written meanwhile may be looked at or not.
func (tt *Tickets) Check(ctx context.Context) []string {
	c := &checker{tt: tt}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"ticket", c.tickets}, {"comment", c.comments}, {"attachment", c.attachments}, {"upload", c.uploads},
		{"ticket_word", c.words}, {"blob attachment", c.files(catalogue.Attachment)}, {"blob upload", c.files(catalogue.Upload)},
	} {
		if err := part.run(ctx); err != nil {
			c.say("%s could not be read: %v", part.name, err)
		}
	}
	if c.more > 0 {
		c.found = append(c.found, fmt.Sprintf("and %d more", c.more))
	}
	return c.found
}

type checker struct {
	tt    *Tickets
	found []string
	more  int
}

func (c *checker) say(format string, args ...any) {
	if len(c.found) == maxFindings {
		c.more++
		return
	}
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// opens reports whether a cell could be read; a destroyed key is as good as
// that, but there is nothing more to look at.
func (c *checker) opens(err error, place string, id int64) bool {
	if err != nil && sotto.KindOf(err) != sotto.Gone {
		c.say("%s %d does not open: %v", place, id, err)
	}
	return err == nil
}

// pages calls look with every row of a query by id, page by page.
func pages[T any](ctx context.Context, c *checker, query string, scan func(db.Scanner) (T, error), id func(T) int64, look func(*db.Tx, T) error) error {
	after := int64(0)
	for {
		var rows []T
		err := c.tt.db.Read(ctx, func(tx *db.Tx) (err error) {
			if rows, err = db.All(tx, scan, c.tt.q[query], after, checkPage); err != nil {
				return err
			}
			for _, r := range rows {
				if id(r) <= after {
					return fmt.Errorf("the row after %d has no id that can be read", after)
				}
				after = id(r)
				if err := look(tx, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) < checkPage {
			return err
		}
	}
}

// checked is a row and whether it opened.
type checked[T any] struct {
	row T
	err error
}

// lenient keeps what a scan read and the error it ended with.
func lenient[T any](scan func(db.Scanner) (T, error)) func(db.Scanner) (checked[T], error) {
	return func(s db.Scanner) (checked[T], error) {
		row, err := scan(s)
		return checked[T]{row, err}, nil
	}
}

func (c *checker) tickets(ctx context.Context) error {
	id := func(r checked[Ticket]) int64 { return int64(r.row.ID) }
	return pages(ctx, c, "CheckTickets", lenient(c.tt.scan), id, func(tx *db.Tx, r checked[Ticket]) error {
		t := r.row
		if deleted := t.Status == Deleted; deleted == t.DeletedAt.IsZero() || deleted == t.PurgeAt.IsZero() || deleted == (t.PreviousStatus == "") {
			c.say("ticket %d is %s, and its time of deletion says otherwise", t.ID, t.Status)
		}
		if err := c.events(tx, t); err != nil {
			return err
		}
		if !c.opens(r.err, "ticket.subject", int64(t.ID)) {
			return nil
		}
		return c.index(tx, t.ID, 0, t.Subject)
	})
}

// events holds the ticket's events against what it has become: each change
// begins where the last one of its kind ended.
func (c *checker) events(tx *db.Tx, t Ticket) error {
	now := map[EventKind]string{StatusChanged: string(t.Status), PriorityChanged: string(t.Priority), AssigneeChanged: number(t.Assignee)}
	last := map[EventKind]string{}
	first := true
	err := db.Each(tx, func(s db.Scanner) error {
		e, err := scanEvent(s)
		if err != nil {
			return err
		}
		if first != (e.Kind == Created) || !e.Kind.known() {
			c.say("ticket_event %d of ticket %d is out of order", e.ID, t.ID)
		}
		first = false
		kind, was, becomes := e.Kind, e.Was, e.Becomes
		switch e.Kind {
		case Created:
			last[StatusChanged] = becomes
			return nil
		case MovedToDeleted:
			kind, becomes = StatusChanged, string(Deleted)
		case Restored:
			kind, was = StatusChanged, string(Deleted)
		}
		if _, chained := now[kind]; !chained {
			return nil
		}
		if before, known := last[kind]; known && before != was {
			c.say("ticket_event %d of ticket %d begins elsewhere than the one before ended", e.ID, t.ID)
		}
		last[kind] = becomes
		return nil
	}, c.tt.q["Events"], int64(t.ID), 0, int64(1)<<62, 0)
	for kind, becomes := range last {
		if becomes != now[kind] {
			c.say("ticket %d: its events end with another %s than it has", t.ID, kind)
		}
	}
	if first {
		c.say("ticket %d has no events", t.ID)
	}
	return err
}

func (c *checker) comments(ctx context.Context) error {
	id := func(r checked[Comment]) int64 { return int64(r.row.ID) }
	return pages(ctx, c, "CheckComments", lenient(c.tt.scanComment), id, func(tx *db.Tx, r checked[Comment]) error {
		m := r.row
		if !c.opens(r.err, "comment.body", int64(m.ID)) {
			return nil
		}
		if m.Kind != Text && m.Kind != Voice || (m.Kind == Voice) != (m.Call != 0) || len(m.Body) > 3*MaxBody {
			c.say("comment %d is neither a text nor a voice comment with its call", m.ID)
		}
		return c.index(tx, m.Ticket, m.ID, m.Body)
	})
}

// index holds the search rows against the text: a word that is left over
// after a redaction would be found, one that is missing would not.
func (c *checker) index(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID, text string) error {
	have, err := db.All(tx, func(s db.Scanner) (h []byte, err error) { err = s.Scan(&h); return bytes.Clone(h), err },
		c.tt.q["Words"], int64(id), int64(comment))
	if err != nil {
		return err
	}
	slices.SortFunc(have, bytes.Compare)
	if !slices.EqualFunc(have, c.tt.hashes(text), bytes.Equal) {
		c.say("ticket_word of ticket %d, comment %d: the words are not those of the text", id, comment)
	}
	return nil
}

func (c *checker) attachments(ctx context.Context) error {
	id := func(r checked[Attachment]) int64 { return int64(r.row.ID) }
	return pages(ctx, c, "CheckAttachments", lenient(c.tt.scanAttachment), id, func(tx *db.Tx, r checked[Attachment]) error {
		a := r.row
		c.opens(r.err, "attachment.name", int64(a.ID))
		if ok, err := tx.Has(c.tt.q["HasComment"], int64(a.Comment), int64(a.Ticket)); err != nil || !ok {
			c.say("attachment %d is on comment %d, which ticket %d does not have", a.ID, a.Comment, a.Ticket)
			return err
		}
		if a.RedactedAt.IsZero() {
			return c.file(catalogue.Attachment, int64(a.ID), a.Size)
		}
		left, err := c.tt.blobs.Has(catalogue.Attachment, int64(a.ID))
		if left {
			c.say("attachment %d is redacted and its file is still there", a.ID)
		}
		if a.Size != 0 || (r.err == nil && a.Name != redactedName) {
			c.say("attachment %d is redacted and still has its name or size", a.ID)
		}
		return err
	})
}

func (c *checker) uploads(ctx context.Context) error {
	id := func(r checked[Upload]) int64 { return r.row.ID }
	return pages(ctx, c, "CheckUploads", lenient(c.tt.scanUpload), id, func(_ *db.Tx, r checked[Upload]) error {
		c.opens(r.err, "upload.name", r.row.ID)
		return c.file(catalogue.Upload, r.row.ID, r.row.Size)
	})
}

// file looks whether a row's file is there, whole and opens.
func (c *checker) file(class catalogue.Blob, id, size int64) error {
	_, done, err := c.tt.read(class, id, size)
	switch {
	case err == nil:
		return done()
	case sotto.KindOf(err) != sotto.Gone:
		c.say("%s %d: its file cannot be read: %v", class, id, err)
	}
	return nil
}

func (c *checker) words(ctx context.Context) error {
	return c.tt.db.Read(ctx, func(tx *db.Tx) error {
		return db.Each(tx, func(s db.Scanner) error {
			var id, comment int64
			if err := s.Scan(&id, &comment); err != nil {
				return err
			}
			c.say("ticket_word of ticket %d names comment %d, which is not there", id, comment)
			return nil
		}, c.tt.q["CheckWords"])
	})
}

// files looks for files no row leads to.
func (c *checker) files(class catalogue.Blob) func(context.Context) error {
	return func(ctx context.Context) error {
		return c.tt.orphans(ctx, class, func(id int64) error {
			c.say("%s %d: a file without a row", class, id)
			return nil
		})
	}
}

// Sweep removes files that no row leads to and that are older than a day:
// what a crash between a file and its row left behind. It returns how many
// there were. Package retention calls it.
func (tt *Tickets) Sweep(ctx context.Context) (n int, err error) {
	defer sotto.Wrap(&err, "ticket.Sweep")
	for _, class := range []catalogue.Blob{catalogue.Attachment, catalogue.Upload} {
		err := tt.orphans(ctx, class, func(id int64) error {
			n++
			return tt.removeFile(class, id)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// orphans calls f with the files of a class that should not be there.
func (tt *Tickets) orphans(ctx context.Context, class catalogue.Blob, f func(id int64) error) error {
	batch := make([]int64, 0, checkPage)
	flush := func() error {
		lost, err := tt.rowless(ctx, class, batch)
		batch = batch[:0]
		for _, id := range lost {
			err = errors.Join(err, f(id))
		}
		return err
	}
	err := tt.blobs.Each(class, func(id int64) error {
		if batch = append(batch, id); len(batch) < checkPage {
			return nil
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// rowless returns those of the files that no row leads to any more.
func (tt *Tickets) rowless(ctx context.Context, class catalogue.Blob, ids []int64) (lost []int64, err error) {
	query := tt.q["UploadRow"]
	if class == catalogue.Attachment {
		query = tt.q["AttachmentRow"]
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			if has, err := tx.Has(query, id); err != nil {
				return err
			} else if !has && tx.Now.Sub(db.IDTime(id)) > settling {
				lost = append(lost, id)
			}
		}
		return nil
	})
	return lost, err
}
