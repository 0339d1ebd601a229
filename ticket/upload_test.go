package ticket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/ticket"
)

// files returns how many files of a class there are.
func (d *desk) files(t *testing.T, class catalogue.Blob) (n int) {
	t.Helper()
	must(t, d.blobs.Each(class, func(int64) error { n++; return nil }))
	return n
}

func (d *desk) uploads(t *testing.T) (n int64) {
	t.Helper()
	must(t, d.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, "SELECT COUNT(*) FROM upload")
		return err
	}))
	return n
}

func TestAFileArrivesWholeAndIsReadFromAnyPoint(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		want := bytes.Repeat([]byte("0123456789abcdef"), 3000) // over several chunks
		u, err := d.Upload(ctx, d.ada, "photo.png", "image/png; name=photo.png", iotest.HalfReader(bytes.NewReader(want)))
		must(t, err)
		if u.Size != int64(len(want)) || u.ContentType != "image/png" || u.Name != "photo.png" || !u.ExpiresAt.Equal(start.Add(72*time.Hour)) {
			t.Errorf("Upload = %+v", u)
		}
		tk, err := d.Open(ctx, d.ada, ticket.Draft{Via: ticket.ByWeb, Subject: "s", Comment: ticket.CommentDraft{Uploads: []string{u.Token}}})
		must(t, err)
		if d.files(t, catalogue.Upload) != 0 || d.uploads(t) != 0 || d.files(t, catalogue.Attachment) != 1 {
			t.Error("the upload is still there, or the attachment is not")
		}
		a := d.comments(t, d.ada, tk.ID)[0].Attachments[0]
		f, err := d.Attachment(ctx, d.ada, a.ID)
		must(t, err)
		if f.Name != "photo.png" || f.ContentType != "image/png" || f.Size != u.Size {
			t.Errorf("File = %+v", f.Attachment)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("read %d bytes, %v, want %d", len(got), err, len(want))
		}
		_, err = f.Seek(-5, io.SeekEnd)
		must(t, err)
		if got, err := io.ReadAll(f); err != nil || string(got) != "bcdef" {
			t.Errorf("the end = %q, %v", got, err)
		}
		must(t, f.Close())
		_, err = d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Uploads: []string{u.Token}})
		wantKind(t, "using a token twice", err, sotto.Invalid)
		_, err = d.Attachment(ctx, d.ada, a.ID+1)
		wantKind(t, "a file that never was", err, sotto.NotFound)
	})
}

func TestATakenFileIsInTheAuditLogAndALookAtItsNameIsNot(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		u, err := d.Upload(ctx, d.ada, "a.txt", "text/plain", strings.NewReader("what was sent"))
		must(t, err)
		tk, err := d.Open(ctx, d.ada, ticket.Draft{Via: ticket.ByWeb, Subject: "s", Comment: ticket.CommentDraft{Uploads: []string{u.Token}}})
		must(t, err)
		a := d.comments(t, d.ada, tk.ID)[0].Attachments[0]
		f, err := d.Attachment(ctx, d.agent, a.ID)
		must(t, err)
		must(t, f.Close())
		_, err = d.Download(ctx, d.agent, a.ID+1)
		wantKind(t, "a file that never was", err, sotto.NotFound)
		f, err = d.Download(ctx, d.agent, a.ID)
		must(t, err)
		got, err := io.ReadAll(f)
		must(t, err)
		must(t, f.Close())
		log, _, err := d.audit.List(ctx, sotto.Operator(), audit.Filter{Source: audit.Attachment, Limit: 10})
		must(t, err)
		want := audit.Entry{Action: audit.Download, Source: audit.Attachment, SourceID: int64(a.ID), Ticket: tk.ID, Person: d.ada.Person}
		if string(got) != "what was sent" || len(log) != 1 || log[0].Entry != want || log[0].Actor != d.agent.Person {
			t.Errorf("read %q; the log has %+v, want %+v", got, log, want)
		}
	})
}

func TestAttachmentIsSealedUnderTheTicketsKey(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		u, err := d.Upload(ctx, d.agent, "a.txt", "text/plain", strings.NewReader("what the agent sent"))
		must(t, err)
		tk, err := d.Open(ctx, d.agent, ticket.Draft{Requester: d.ada.Person, Via: ticket.ByAPI, Comment: ticket.CommentDraft{Uploads: []string{u.Token}}})
		must(t, err)
		a := d.comments(t, d.agent, tk.ID)[0].Attachments[0]
		must(t, d.ring.Destroy(tk.Key))
		_, err = d.Attachment(ctx, d.agent, a.ID)
		wantKind(t, "a file of a forgotten person", err, sotto.Gone)
	})
}

func TestAFileThatBreaksOffLeavesNothing(t *testing.T) {
	broken := errors.New("the line is dead")
	tests := []struct {
		name string
		r    io.Reader
		kind sotto.Kind
	}{
		{"AtOnce", iotest.ErrReader(broken), sotto.Invalid},
		{"InTheFirstChunk", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), sotto.Invalid},
		{"Later", io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(broken)), sotto.Invalid},
		{"TooLarge", bytes.NewReader(make([]byte, 1<<20+1)), sotto.Invalid},
		{"Empty", strings.NewReader(""), sotto.Invalid},
	}
	each(t, func(t *testing.T, d *desk) {
		d.write(t, func(tx *db.Tx) error { return db.SetSetting(tx, db.AttachmentMaxMB, 1) })
		for _, tt := range tests {
			_, err := d.Upload(context.Background(), d.ada, "a.bin", "", tt.r)
			wantKind(t, tt.name, err, tt.kind)
			if d.files(t, catalogue.Upload) != 0 || d.uploads(t) != 0 {
				t.Errorf("%s: something is left", tt.name)
			}
		}
		if _, err := d.Upload(context.Background(), d.ada, "a.bin", "", bytes.NewReader(make([]byte, 1<<20))); err != nil {
			t.Errorf("a file of just the size = %v", err)
		}
		_, err := d.Upload(context.Background(), sotto.Operator(), "a.bin", "", strings.NewReader("x"))
		wantKind(t, "Upload by nobody", err, sotto.Denied)
	})
}

func TestUnusedUploadsExpire(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		old, err := d.Upload(ctx, d.ada, "old.txt", "", strings.NewReader("old"))
		must(t, err)
		d.pass(24 * time.Hour)
		young, err := d.Upload(ctx, d.ada, "young.txt", "", strings.NewReader("young"))
		must(t, err)
		if n, err := d.ExpireUploads(ctx); err != nil || n != 0 {
			t.Errorf("ExpireUploads = %d, %v, want 0", n, err)
		}
		d.pass(48 * time.Hour)
		_, err = d.Open(ctx, d.ada, ticket.Draft{Via: ticket.ByWeb, Comment: ticket.CommentDraft{Uploads: []string{old.Token}}})
		wantKind(t, "using an expired file", err, sotto.Invalid)
		if n, err := d.ExpireUploads(ctx); err != nil || n != 1 {
			t.Errorf("ExpireUploads = %d, %v, want 1", n, err)
		}
		if d.files(t, catalogue.Upload) != 1 || d.uploads(t) != 1 {
			t.Error("the young one is gone, or the old one is not")
		}
		must(t, d.Discard(ctx, d.ada, young.Token))
		if d.files(t, catalogue.Upload) != 0 || d.uploads(t) != 0 {
			t.Error("Discard left something")
		}
	})
}

func TestARefusedCommentLeavesItsFileToBeUsedAgain(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		tk, _ := d.open(t, "s", "b")
		d.set(t, tk.ID, ticket.Closed)
		u, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("again"))
		must(t, err)
		_, err = d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Uploads: []string{u.Token}})
		wantKind(t, "Comment", err, sotto.Conflict)
		_, err = d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Uploads: []string{u.Token, u.Token}})
		wantKind(t, "the same file twice", err, sotto.Invalid)
		if d.files(t, catalogue.Attachment) != 0 || d.files(t, catalogue.Upload) != 1 {
			t.Error("a copy is left, or the upload is gone")
		}
		other, _ := d.open(t, "s", "b")
		_, err = d.Comment(ctx, d.ada, other.ID, ticket.CommentDraft{Uploads: []string{u.Token}})
		must(t, err)
	})
}

func TestFileNamesAreNoPathsAndNoHeaders(t *testing.T) {
	long := strings.Repeat("é", 200)
	for in, want := range map[string]string{
		"photo.png": "photo.png", "/etc/passwd": "passwd", `C:\Users\x\a.doc`: "a.doc", "a\r\nSet-Cookie: b": "aSet-Cookie: b",
		"": "file", "..": "file", " . ": "file", "../": "file", "invoice\u202efdp.exe": "invoicefdp.exe", "a\xffb": "ab",
		"e\u0301.txt": "é.txt", long: strings.Repeat("é", 127),
	} {
		if got := ticket.FileName(in); got != want {
			t.Errorf("FileName(%q) = %q, want %q", in, got, want)
		}
	}
}

// fault makes one step fail, before it happens or after.
func fault(step string, happened bool) func(string, func() error) error {
	return func(at string, do func() error) error {
		if at != step {
			return do()
		}
		if happened {
			if err := do(); err != nil {
				return err
			}
		}
		return fmt.Errorf("fault at %s", at)
	}
}

// TestEachWriteToTwoPlacesMayFail breaks every step between a file and its
// row, in both ways. Afterwards nothing may be out of order, what was said to
// have worked must be there, and what is left over must be swept.
func TestEachWriteToTwoPlacesMayFail(t *testing.T) {
	ctx := context.Background()
	upload := func(d *desk, s *scene) error {
		_, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("new"))
		return err
	}
	attach := func(d *desk, s *scene) error {
		u, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("new"))
		if err != nil {
			return err
		}
		_, err = d.Comment(ctx, d.ada, s.id, ticket.CommentDraft{Body: "see file", Uploads: []string{u.Token}})
		return err
	}
	redact := func(d *desk, s *scene) error {
		_, err := d.RedactAttachment(ctx, d.agent, s.id, s.public, s.filed)
		return err
	}
	expire := func(d *desk, s *scene) error {
		if _, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("new")); err != nil {
			return err
		}
		d.pass(73 * time.Hour)
		_, err := d.ExpireUploads(ctx)
		return err
	}
	tests := []struct {
		step string
		do   func(*desk, *scene) error
		ok   bool // the deed is done all the same, and says so
	}{
		{"upload file", upload, false}, {"upload row", upload, false},
		{"attachment file", attach, false}, {"comment row", attach, false}, {"remove upload", attach, true},
		{"redact row", redact, false}, {"remove attachment", redact, false},
		{"expire file", expire, false}, {"expire row", expire, false},
	}
	each(t, func(t *testing.T, d *desk) {
		for _, tt := range tests {
			for _, happened := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/happened=%v", tt.step, happened), func(t *testing.T) {
					s := newScene(t, d)
					s.public = d.comments(t, d.agent, s.id)[1].ID // the one with the file
					d.SetFault(fault(tt.step, happened))
					if err := tt.do(d, s); (err == nil) != tt.ok {
						t.Errorf("err = %v, want done %v", err, tt.ok)
					}
					d.SetFault(nil)
					d.work(t) // what was enqueued
					if found := d.Check(ctx); len(found) > 0 && !strings.HasPrefix(tt.step, "expire") {
						t.Errorf("check after the jobs: %q", found)
					}
					d.mend(t)
					redacted := tt.step == "remove attachment" || tt.step == "redact row" && happened
					if has, err := d.blobs.Has(catalogue.Attachment, int64(s.filed)); err != nil || has == redacted {
						t.Errorf("the file of the redaction is there: %v, %v", has, err)
					}
				})
			}
		}
	})
}

// mend lets the time pass after which leftovers are removed, and looks.
func (d *desk) mend(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	d.pass(74 * time.Hour)
	if _, err := d.ExpireUploads(ctx); err != nil {
		t.Error(err)
	}
	if _, err := d.Sweep(ctx); err != nil {
		t.Error(err)
	}
	if n := d.files(t, catalogue.Upload); n != 0 {
		t.Errorf("%d uploads are left over", n)
	}
	for _, wrong := range d.Check(ctx) {
		t.Errorf("check: %s", wrong)
	}
}

func TestAFullOrBrokenDiskLeavesNoRow(t *testing.T) {
	d := one(t)
	ctx := context.Background()
	tk, _ := d.open(t, "s", "b")
	u, err := d.Upload(ctx, d.ada, "a.txt", "", strings.NewReader("x"))
	must(t, err)
	for _, class := range []catalogue.Blob{catalogue.Attachment, catalogue.Upload} {
		dir := filepath.Join(d.dir, "blobs", class.String())
		must(t, os.Rename(dir, dir+".away"))
		must(t, os.WriteFile(dir, nil, 0o600)) // where a folder should be
		if class == catalogue.Attachment {
			_, err = d.Comment(ctx, d.ada, tk.ID, ticket.CommentDraft{Body: "x", Uploads: []string{u.Token}})
		} else {
			_, err = d.Upload(ctx, d.ada, "b.txt", "", strings.NewReader("x"))
		}
		if err == nil {
			t.Errorf("%s: no error", class)
		}
		must(t, os.Remove(dir))
		must(t, os.Rename(dir+".away", dir))
	}
	if n := len(d.comments(t, d.ada, tk.ID)); n != 1 || d.uploads(t) != 1 {
		t.Errorf("%d comments and %d uploads, want 1 and 1", n, d.uploads(t))
	}
	for _, wrong := range d.Check(ctx) {
		t.Errorf("check: %s", wrong)
	}
}
