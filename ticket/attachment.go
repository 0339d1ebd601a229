package ticket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// redactedName is what stands in the place of a redacted file's name.
const redactedName = "redacted.txt"

// Attachment is a file on a comment, without its bytes.
type Attachment struct {
	ID          sotto.AttachmentID
	Ticket      sotto.TicketID
	Comment     sotto.CommentID
	Name        string
	ContentType string
	Size        int64
	CreatedAt   time.Time
	RedactedAt  time.Time // zero while it was not redacted
}

// File is an attachment to read. Close it.
type File struct {
	Attachment
	io.ReadSeeker
	close func() error
}

// Close ends the reading.
func (f *File) Close() error { return f.close() }

// Attachment opens a file. Staff read every one, the requester those on public
// comments; any other is NotFound. A redacted one is an empty text.
func (tt *Tickets) Attachment(ctx context.Context, actor sotto.Actor, id sotto.AttachmentID) (f *File, err error) {
	defer sotto.Wrap(&err, "ticket.Attachment(%d)", id)
	var a Attachment
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		a, err = db.One(tx, tt.scanAttachment, tt.q["Attachment"], int64(id), db.Bit(actor.IsStaff()), int64(actor.Person))
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return nil, sotto.Fail(sotto.NotFound, "There is no such file.")
	}
	if err != nil {
		return nil, err
	}
	if !a.RedactedAt.IsZero() {
		return &File{a, bytes.NewReader(nil), func() error { return nil }}, nil
	}
	r, done, err := tt.read(catalogue.Attachment, int64(id), a.Size)
	if err != nil {
		return nil, err
	}
	return &File{a, r, done}, nil
}

// Download opens a file as Attachment does, and writes into the audit log that
// the actor took a copy before a byte of it is read.
func (tt *Tickets) Download(ctx context.Context, actor sotto.Actor, id sotto.AttachmentID) (f *File, err error) {
	defer sotto.Wrap(&err, "ticket.Download(%d)", id)
	if f, err = tt.Attachment(ctx, actor, id); err != nil {
		return nil, err
	}
	err = tt.db.Write(ctx, func(tx *db.Tx) error {
		whose, err := db.One(tx, maybeInt, tt.q["Requester"], int64(f.Ticket))
		if err != nil {
			return err
		}
		return tt.audit.Add(tx, actor, audit.Entry{
			Action: audit.Download, Source: audit.Attachment, SourceID: int64(id), Ticket: f.Ticket, Person: sotto.PersonID(whose),
		})
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read opens a sealed file, which must be whole and of the size its row says.
func (tt *Tickets) read(class catalogue.Blob, id, size int64) (*keyring.Reader, func() error, error) {
	b, err := tt.blobs.Open(class, id)
	if err != nil {
		return nil, nil, err
	}
	r, err := tt.ring.NewReader(b, b.Size, class, id)
	if err == nil && (!r.Whole() || r.Size() != size) {
		err = sotto.Fail(sotto.Internal, "a file is shorter than its row says")
	}
	if err != nil {
		return nil, nil, errors.Join(err, b.Close())
	}
	return r, b.Close, nil
}

func (tt *Tickets) scanAttachment(s db.Scanner) (a Attachment, err error) {
	var name keyring.Sealed
	var created int64
	var redacted *int64
	if err := s.Scan((*int64)(&a.ID), (*int64)(&a.Ticket), (*int64)(&a.Comment), &name, &a.ContentType, &a.Size, &created, &redacted); err != nil {
		return a, err
	}
	a.CreatedAt, a.RedactedAt = db.Time(created), db.TimeOrZero(redacted)
	a.Name, err = tt.ring.OpenText(name, catalogue.AttachmentName, int64(a.ID))
	return a, err
}

// addAttachments puts the files of a page of comments on them.
func (tt *Tickets) addAttachments(tx *db.Tx, id sotto.TicketID, page []Comment) error {
	if len(page) == 0 {
		return nil
	}
	at := map[sotto.CommentID]int{}
	first, last := page[0].ID, page[0].ID
	for i, c := range page {
		at[c.ID] = i
		first, last = min(first, c.ID), max(last, c.ID)
	}
	files, err := db.All(tx, tt.scanAttachment, tt.q["Attachments"], int64(id), int64(first), int64(last))
	for _, a := range files {
		if i, ok := at[a.Comment]; ok {
			page[i].Attachments = append(page[i].Attachments, a)
		}
	}
	return err
}

// carried is an upload whose file was copied under the ticket's key and waits
// for its comment to be written.
type carried struct {
	Upload
	id  int64 // the attachment's
	key sotto.KeyID
}

// bring copies the actor's uploads under the key of the ticket they will be
// on. Nothing leads to the copies yet; place makes them count or removes them.
func (tt *Tickets) bring(ctx context.Context, actor sotto.Actor, tokens []string, key func(*db.Tx) (sotto.KeyID, error)) (files []carried, err error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		k, err := key(tx)
		if err != nil {
			return err
		}
		seen := map[int64]bool{}
		for _, token := range tokens {
			u, err := tt.upload(tx, actor, token)
			if err != nil {
				return err
			}
			if seen[u.ID] {
				return sotto.FailField("uploads", "The same file is named twice.")
			}
			seen[u.ID] = true
			files = append(files, carried{u, tx.NewID(), k})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		if err := tt.copyFile(f); err != nil {
			return nil, errors.Join(err, tt.drop(files[:i+1]))
		}
	}
	return files, nil
}

func (tt *Tickets) copyFile(f carried) (err error) {
	src, done, err := tt.read(catalogue.Upload, f.ID, f.Size)
	if kind := sotto.KindOf(err); err != nil && (kind == sotto.NotFound || kind == sotto.Gone) {
		return errNoUpload() // taken or expired this very moment
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	dst, err := tt.blobs.Create(catalogue.Attachment, f.id)
	if err != nil {
		return err
	}
	w, err := tt.ring.NewWriter(dst, catalogue.Attachment, f.id, f.key)
	if err == nil {
		_, err = io.Copy(w, src)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return errors.Join(err, dst.Abort())
	}
	return tt.do("attachment file", dst.Commit)
}

// drop removes copies that no row leads to.
func (tt *Tickets) drop(files []carried) (err error) {
	for _, f := range files {
		_, gone := tt.blobs.Delete(catalogue.Attachment, f.id)
		err = errors.Join(err, gone)
	}
	return err
}

// place runs f, which writes the rows of the carried files, and then removes
// what is not needed any more: the uploads if f was written, the copies if it
// was refused. When the database cannot say which, nothing is removed: Sweep
// finds out.
func (tt *Tickets) place(ctx context.Context, files []carried, f func(*db.Tx) error) error {
	refused := false
	err := tt.do("comment row", func() error {
		return tt.db.Write(ctx, func(tx *db.Tx) error {
			err := f(tx)
			refused = err != nil
			return err
		})
	})
	if refused {
		return errors.Join(err, tt.drop(files))
	}
	if err != nil {
		return err
	}
	for _, u := range files {
		// The job of attach tries again for as long as this fails.
		_ = tt.removeFile(catalogue.Upload, u.ID)
	}
	return nil
}

func (tt *Tickets) removeFile(class catalogue.Blob, id int64) error {
	return tt.do("remove "+class.String(), func() error {
		_, err := tt.blobs.Delete(class, id)
		return err
	})
}

// attach writes the rows of carried files and takes their uploads away.
func (tt *Tickets) attach(tx *db.Tx, actor sotto.Actor, t Ticket, c sotto.CommentID, files []carried) (out []Attachment, err error) {
	for _, f := range files {
		if f.key != t.Key {
			return nil, sotto.Fail(sotto.Conflict, "The ticket changed while the files were put on it. Try again.")
		}
		n, err := tx.Exec(tt.q["DeleteUpload"], f.ID)
		if err == nil && n == 0 {
			err = errNoUpload()
		}
		if err != nil {
			return nil, err
		}
		if err := tt.jobs.Enqueue(tx, removeUploadJob, f.ID, tx.Now); err != nil {
			return nil, err
		}
		a := Attachment{
			ID: sotto.AttachmentID(f.id), Ticket: t.ID, Comment: c, Name: f.Name, ContentType: f.ContentType, Size: f.Size, CreatedAt: tx.Now,
		}
		name, err := tt.ring.SealText(t.Key, catalogue.AttachmentName, f.id, a.Name)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(tt.q["InsertAttachment"], f.id, int64(t.ID), int64(c), name, a.ContentType, a.Size, db.Millis(tx.Now)); err != nil {
			return nil, err
		}
		if err := tt.note(tx, t.ID, actor, Event{Kind: Attached, Object: f.id}); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Rename sets a file's name right, also on a closed ticket (GDPR 16).
func (tt *Tickets) Rename(ctx context.Context, actor sotto.Actor, id sotto.TicketID, comment sotto.CommentID, file sotto.AttachmentID, name string) (err error) {
	defer sotto.Wrap(&err, "ticket.Rename(%d, %d, %d)", id, comment, file)
	return tt.correct(ctx, actor, id, audit.Entry{Source: audit.Attachment, SourceID: int64(file)}, func(tx *db.Tx, t Ticket) error {
		a, err := tt.attachment(tx, id, comment, file)
		if err != nil {
			return err
		}
		if !a.RedactedAt.IsZero() {
			return sotto.Fail(sotto.Conflict, "This file was redacted; its name is gone.")
		}
		sealed, err := tt.ring.SealText(t.Key, catalogue.AttachmentName, int64(file), fileName(name))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(tt.q["RenameAttachment"], int64(file), sealed); err != nil {
			return err
		}
		if err := tt.note(tx, id, actor, Event{Kind: AttachmentRenamed, Object: int64(file)}); err != nil {
			return err
		}
		return tt.touch(tx, id)
	})
}

// attachment returns one file of a comment.
func (tt *Tickets) attachment(tx *db.Tx, id sotto.TicketID, comment sotto.CommentID, file sotto.AttachmentID) (Attachment, error) {
	a, err := db.One(tx, tt.scanAttachment, tt.q["AttachmentOf"], int64(file), int64(id), int64(comment))
	if errors.Is(err, db.ErrNone) {
		return a, sotto.Fail(sotto.NotFound, "This comment has no such file.")
	}
	return a, err
}
