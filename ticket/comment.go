package ticket

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// MaxBody is the most bytes a comment may have.
const MaxBody = 64 << 10

// maxFiles is the most files one comment may bring.
const maxFiles = 50

// CommentKind is what a comment is made of.
type CommentKind string

// The kinds of comment. A voice comment points to a call; its body may be
// empty.
const (
	Text  CommentKind = "text"
	Voice CommentKind = "voice"
)

// Comment is one thing said on a ticket, opened.
type Comment struct {
	ID          sotto.CommentID
	Ticket      sotto.TicketID
	Author      sotto.PersonID // 0 for the desk itself
	Public      bool           // the requester may read it
	Kind        CommentKind
	Body        string
	Call        sotto.CallID // 0 for none
	CreatedAt   time.Time
	RedactedAt  time.Time // zero while nothing was blacked out
	Attachments []Attachment
}

// CommentDraft is what a comment is made from.
type CommentDraft struct {
	Author  sotto.PersonID // the actor when 0; the desk and staff may name the requester or one of the staff
	Public  bool           // what end users write is always public
	Kind    CommentKind    // Text when empty
	Body    string         // plain text, at most MaxBody bytes
	Call    sotto.CallID   // the call a voice comment is about
	Uploads []string       // tokens of the actor's own uploads
}

func (c CommentDraft) none() bool {
	return c.Body == "" && c.Call == 0 && c.Kind == "" && len(c.Uploads) == 0
}

// prepared is a comment that was checked, with its search words: that is done
// outside the transaction, which others wait for.
type prepared struct {
	CommentDraft
	words [][]byte
}

func (tt *Tickets) prepare(actor sotto.Actor, c CommentDraft) (p prepared, err error) {
	if c.Kind == "" {
		c.Kind = Text
	}
	if c.Author == 0 {
		c.Author = actor.Person
	}
	if !writes(actor) {
		if c.Author != actor.Person || c.Kind != Text || c.Call != 0 {
			return p, sotto.Fail(sotto.Denied, "You can write in your own name only.")
		}
		c.Public = true
	}
	if c.Kind != Text && c.Kind != Voice {
		return p, sotto.FailField("kind", "A comment is text or voice.")
	}
	if (c.Kind == Voice) != (c.Call != 0) {
		return p, sotto.FailField("call", "A voice comment, and no other, names its call.")
	}
	if c.Body, err = normalBody(c.Body); err != nil {
		return p, err
	}
	if c.Kind == Text && strings.TrimSpace(c.Body) == "" && len(c.Uploads) == 0 {
		return p, sotto.FailField("body", "The comment is empty. Write something or add a file.")
	}
	if len(c.Uploads) > maxFiles {
		return p, sotto.FailField("uploads", "A comment takes at most 50 files. Put the rest into another comment.")
	}
	return prepared{c, tt.hashes(c.Body)}, nil
}

// normalBody brings a text into NFC: redaction compares letters, and the same
// letter must not have two spellings.
func normalBody(s string) (string, error) {
	if len(s) > MaxBody {
		return "", errLong()
	}
	if !utf8.ValidString(s) {
		return "", sotto.FailField("body", "The comment is not valid UTF-8.")
	}
	if s = norm.NFC.String(s); len(s) > MaxBody {
		return "", errLong()
	}
	return s, nil
}

func errLong() error {
	return sotto.FailField("body", "The comment is longer than 64 kB. Shorten it, or add it as a file.")
}

func errUploadsInTx() error {
	return sotto.Fail(sotto.Internal, "a comment with uploads is not written inside another transaction")
}

// Comment writes a comment. Staff write on every ticket, end users on their
// own; any other ticket is NotFound. A closed ticket takes none. What the
// requester writes for all to see opens a ticket that waited or was solved.
func (tt *Tickets) Comment(ctx context.Context, actor sotto.Actor, id sotto.TicketID, c CommentDraft) (out Comment, err error) {
	defer sotto.Wrap(&err, "ticket.Comment(%d)", id)
	p, err := tt.prepare(actor, c)
	if err != nil {
		return out, err
	}
	files, err := tt.bring(ctx, actor, p.Uploads, tt.keyOf(actor, id))
	if err != nil {
		return out, err
	}
	err = tt.place(ctx, files, func(tx *db.Tx) error {
		out, err = tt.comment(tx, actor, id, p, files)
		return err
	})
	return out, err
}

// CommentTx is Comment inside a transaction, for flow. It takes no uploads.
func (tt *Tickets) CommentTx(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, c CommentDraft) (out Comment, err error) {
	defer sotto.Wrap(&err, "ticket.CommentTx(%d)", id)
	p, err := tt.prepare(actor, c)
	if err != nil {
		return out, err
	}
	if len(p.Uploads) > 0 {
		return out, errUploadsInTx()
	}
	return tt.comment(tx, actor, id, p, nil)
}

// keyOf returns the key of a ticket the actor may write on.
func (tt *Tickets) keyOf(actor sotto.Actor, id sotto.TicketID) func(*db.Tx) (sotto.KeyID, error) {
	return func(tx *db.Tx) (sotto.KeyID, error) {
		t, err := tt.see(tx, actor, id)
		return t.Key, err
	}
}

func (tt *Tickets) comment(tx *db.Tx, actor sotto.Actor, id sotto.TicketID, p prepared, files []carried) (out Comment, err error) {
	t, err := tt.hold(tx, actor, id, false)
	if err != nil {
		return out, err
	}
	if t.Status == Closed {
		return out, errClosed()
	}
	if out, err = tt.write(tx, actor, t, p, files); err != nil {
		return out, err
	}
	next := t
	if p.fromRequester(t) {
		next.Status = t.Status.afterReply()
	}
	return out, tt.apply(tx, actor, t, next)
}

func (c CommentDraft) fromRequester(t Ticket) bool {
	return c.Public && c.Author != 0 && c.Author == t.Requester
}

// write writes a comment with its files on a ticket that is held or new.
func (tt *Tickets) write(tx *db.Tx, actor sotto.Actor, t Ticket, p prepared, files []carried) (c Comment, err error) {
	if p.Author != actor.Person && p.Author != t.Requester {
		ok, err := tx.Has(tt.q["PersonStaff"], int64(p.Author))
		if err == nil && !ok {
			err = sotto.FailField("author", "A comment is written by the requester or one of the staff.")
		}
		if err != nil {
			return c, err
		}
	}
	c = Comment{
		ID: sotto.CommentID(tx.NewID()), Ticket: t.ID, Author: p.Author, Public: p.Public, Kind: p.Kind, Body: p.Body,
		Call: p.Call, CreatedAt: tx.Now,
	}
	body, err := tt.ring.SealText(t.Key, catalogue.CommentBody, int64(c.ID), c.Body)
	if err != nil {
		return c, err
	}
	if _, err := tx.Exec(tt.q["InsertComment"], int64(c.ID), int64(t.ID), db.OrNull(c.Author), db.Bit(c.Public), string(c.Kind),
		body, db.OrNull(c.Call), db.Millis(tx.Now)); err != nil {
		return c, err
	}
	if err := tt.index(tx, t.ID, c.ID, p.words); err != nil {
		return c, err
	}
	side := "private"
	if c.Public {
		side = "public"
	}
	if err := tt.note(tx, t.ID, actor, Event{Kind: Commented, Becomes: side, Object: int64(c.ID)}); err != nil {
		return c, err
	}
	if c.Attachments, err = tt.attach(tx, actor, t, c.ID, files); err != nil {
		return c, err
	}
	if tt.answered != nil && t.Via == ByText && c.Public && c.Kind == Text && c.Body != "" && actor.IsStaff() && c.Author != t.Requester {
		err = tt.answered(tx, t, c)
	}
	return c, err
}

// Comments returns a page of a ticket's comments, oldest first unless
// p.Newest, and the cursor of the next page. Staff see all; the requester
// sees the public ones. On any other ticket it is NotFound.
func (tt *Tickets) Comments(ctx context.Context, actor sotto.Actor, id sotto.TicketID, p Page) (page []Comment, next string, err error) {
	defer sotto.Wrap(&err, "ticket.Comments(%d)", id)
	from, down, err := p.bound()
	if err != nil {
		return nil, "", err
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		if _, err := tt.see(tx, actor, id); err != nil {
			return err
		}
		query := "Comments"
		if down {
			query = "CommentsNewest"
		}
		rows, err := db.All(tx, tt.scanComment, tt.q[query], int64(id), from, db.Bit(actor.IsStaff()), p.limit()+1, p.Skip)
		if err != nil {
			return err
		}
		page, next = cutPage(p, rows, func(c Comment) string { return number(c.ID) })
		return tt.addAttachments(tx, id, page)
	})
	return page, next, err
}

// LoadComment returns one comment of a ticket without asking who looks. It is
// for the packages that work inside a transaction.
func (tt *Tickets) LoadComment(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID) (c Comment, err error) {
	defer sotto.Wrap(&err, "ticket.LoadComment(%d, %d)", id, comment)
	return tt.load(tx, id, comment)
}

// load returns one comment of a ticket with its files.
func (tt *Tickets) load(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID) (Comment, error) {
	c, err := db.One(tx, tt.scanComment, tt.q["Comment"], int64(comment), int64(id))
	if errors.Is(err, db.ErrNone) {
		return c, sotto.Fail(sotto.NotFound, "This ticket has no such comment.")
	}
	if err != nil {
		return c, err
	}
	one := []Comment{c}
	err = tt.addAttachments(tx, id, one)
	return one[0], err
}

func (tt *Tickets) scanComment(s db.Scanner) (c Comment, err error) {
	var author *sotto.PersonID
	var call *sotto.CallID
	var public, created int64
	var redacted *int64
	var body keyring.Sealed
	if err := s.Scan((*int64)(&c.ID), (*int64)(&c.Ticket), &author, &public, (*string)(&c.Kind), &body, &call, &created, &redacted); err != nil {
		return c, err
	}
	c.Author, c.Call, c.Public = db.Value(author), db.Value(call), public == 1
	c.CreatedAt, c.RedactedAt = db.Time(created), db.TimeOrZero(redacted)
	c.Body, err = tt.ring.OpenText(body, catalogue.CommentBody, int64(c.ID))
	return c, err
}
