package ticket

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sotto"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// What holds when the settings say nothing.
const (
	fileMB     = 50 // attachment_max_mb
	uploadDays = 3  // upload_keep_days
	maxName    = 255
)

// Upload is a file that was sent and not yet put on a comment.
type Upload struct {
	ID          int64
	Token       string // what CommentDraft.Uploads wants; the desk keeps a hash of it only
	Name        string
	ContentType string
	Size        int64
	ExpiresAt   time.Time

	person sotto.PersonID
}

// Upload reads a file to its end and keeps it under the uploader's key until a
// comment takes it or it expires. A file that breaks off, or is larger than
// setting attachment_max_mb allows, leaves nothing.
func (tt *Tickets) Upload(ctx context.Context, actor sotto.Actor, name, contentType string, r io.Reader) (u Upload, err error) {
	defer sotto.Wrap(&err, "ticket.Upload")
	u = Upload{Token: rand.Text(), Name: fileName(name), ContentType: knownType(contentType), person: actor.Person}
	var key sotto.KeyID
	var most int64
	err = tt.db.Read(ctx, func(tx *db.Tx) (err error) {
		key, most, err = tt.mayUpload(tx, &u)
		return err
	})
	if err != nil {
		return u, err
	}
	file, err := tt.blobs.Create(catalogue.Upload, u.ID)
	if err != nil {
		return u, err
	}
	if u.Size, err = tt.receive(file, u.ID, key, most, r); err != nil {
		return u, errors.Join(err, file.Abort())
	}
	if err := tt.do("upload file", file.Commit); err != nil {
		_, gone := tt.blobs.Delete(catalogue.Upload, u.ID)
		return u, errors.Join(err, gone)
	}
	refused := false
	err = tt.do("upload row", func() error {
		return tt.db.Write(ctx, func(tx *db.Tx) error {
			err := tt.insertUpload(tx, u, key)
			refused = err != nil
			return err
		})
	})
	if refused { // otherwise the row may be there all the same: Sweep finds out
		_, gone := tt.blobs.Delete(catalogue.Upload, u.ID)
		return u, errors.Join(err, gone)
	}
	return u, err
}

// mayUpload sets the upload's id and expiry and returns the key to seal it
// under and the most bytes it may have.
func (tt *Tickets) mayUpload(tx *db.Tx, u *Upload) (key sotto.KeyID, most int64, err error) {
	k, err := db.One(tx, maybeInt, tt.q["PersonKey"], int64(u.person))
	if errors.Is(err, db.ErrNone) || (err == nil && k == 0) {
		return 0, 0, sotto.Fail(sotto.Denied, "Only a person who is signed in can send files.")
	}
	if err != nil {
		return 0, 0, err
	}
	mb, err := db.Setting(tx, db.AttachmentMaxMB, fileMB)
	if err != nil {
		return 0, 0, err
	}
	days, err := db.Setting(tx, db.UploadKeepDays, uploadDays)
	u.ID = tx.NewID()
	u.ExpiresAt = tx.Now.Add(time.Duration(days) * 24 * time.Hour)
	return sotto.KeyID(k), mb << 20, err
}

// receive seals what r holds into file, most bytes at most.
func (tt *Tickets) receive(file *blob.File, id int64, key sotto.KeyID, most int64, r io.Reader) (int64, error) {
	w, err := tt.ring.NewWriter(file, catalogue.Upload, id, key)
	if err != nil {
		return 0, err
	}
	src := &source{r: r}
	n, err := io.Copy(w, io.LimitReader(src, most+1))
	switch {
	case src.err != nil:
		return 0, sotto.FailCause(sotto.Invalid, "The file did not arrive whole. Send it again.", src.err)
	case err != nil:
		return 0, err
	case n > most:
		return 0, sotto.FailField("file", fmt.Sprintf("The file is larger than %d MB. Send a smaller one, or in parts.", most>>20))
	case n == 0:
		return 0, sotto.FailField("file", "The file is empty.")
	}
	return n, w.Close()
}

// source remembers whether it was the sender who failed, and not the disk.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (tt *Tickets) insertUpload(tx *db.Tx, u Upload, key sotto.KeyID) error {
	if err := tt.people.Live(tx, u.person); err != nil {
		return err
	}
	name, err := tt.ring.SealText(key, catalogue.UploadName, u.ID, u.Name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(tt.q["InsertUpload"], u.ID, tokenHash(u.Token), int64(u.person), name, u.ContentType, u.Size, db.Millis(u.ExpiresAt))
	return err
}

func tokenHash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

func (tt *Tickets) scanUpload(s db.Scanner) (u Upload, err error) {
	var name keyring.Sealed
	var expires int64
	if err := s.Scan(&u.ID, (*int64)(&u.person), &name, &u.ContentType, &u.Size, &expires); err != nil {
		return u, err
	}
	u.ExpiresAt = db.Time(expires)
	u.Name, err = tt.ring.OpenText(name, catalogue.UploadName, u.ID)
	return u, err
}

// upload returns the actor's own upload behind a token.
func (tt *Tickets) upload(tx *db.Tx, actor sotto.Actor, token string) (Upload, error) {
	u, err := db.One(tx, tt.scanUpload, tt.q["Upload"], tokenHash(token), int64(actor.Person), db.Millis(tx.Now))
	if errors.Is(err, db.ErrNone) {
		return u, errNoUpload()
	}
	return u, err
}

func errNoUpload() error {
	return sotto.FailField("uploads", "One of the files is not there: it was never sent, is used already or has expired. Send it again.")
}

// Discard removes an upload of the actor's own that no comment took.
func (tt *Tickets) Discard(ctx context.Context, actor sotto.Actor, token string) (err error) {
	defer sotto.Wrap(&err, "ticket.Discard")
	var u Upload
	err = tt.db.Read(ctx, func(tx *db.Tx) error {
		u, err = tt.upload(tx, actor, token)
		return err
	})
	if err != nil {
		return err
	}
	return tt.removeUpload(ctx, u.ID)
}

// ExpireUploads removes the uploads whose time is over and returns how many
// there were. Package retention calls it.
func (tt *Tickets) ExpireUploads(ctx context.Context) (n int, err error) {
	defer sotto.Wrap(&err, "ticket.ExpireUploads")
	after := int64(0)
	for {
		var ids []int64
		err := tt.db.Read(ctx, func(tx *db.Tx) (err error) {
			ids, err = db.All(tx, db.Int, tt.q["ExpiredUploads"], db.Millis(tx.Now), after)
			return err
		})
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			if err := tt.removeUpload(ctx, id); err != nil {
				return n, err
			}
			n, after = n+1, id
		}
	}
}

// removeUpload removes the file, then the row: whatever fails in between, the
// row is still there to say that something is left to do.
func (tt *Tickets) removeUpload(ctx context.Context, id int64) error {
	err := tt.do("expire file", func() error {
		_, err := tt.blobs.Delete(catalogue.Upload, id)
		return err
	})
	if err != nil {
		return err
	}
	return tt.do("expire row", func() error {
		return tt.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(tt.q["DeleteUpload"], id)
			return err
		})
	})
}

// fileName keeps the last part of a path, without what a terminal or a header
// would obey.
func fileName(name string) string {
	name = norm.NFC.String(strings.ToValidUTF8(name, ""))
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name))
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// knownType returns the media type if it is one of the list: the column is
// readable, so it must not hold what a sender made up, nor the parameters of
// a type, which may name the file.
func knownType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err == nil {
		for _, known := range contentTypes() {
			if t == known {
				return t
			}
		}
	}
	return "application/octet-stream"
}

// contentTypes returns the media types the desk keeps; any other file is
// bytes.
func contentTypes() []string {
	const office = "application/vnd.openxmlformats-officedocument."
	return []string{
		"application/gzip", "application/json", "application/msword", "application/octet-stream", "application/pdf", "application/rtf",
		"application/vnd.ms-excel", "application/vnd.ms-powerpoint", "application/vnd.oasis.opendocument.presentation",
		"application/vnd.oasis.opendocument.spreadsheet", "application/vnd.oasis.opendocument.text",
		office + "presentationml.presentation", office + "spreadsheetml.sheet", office + "wordprocessingml.document",
		"application/x-7z-compressed", "application/x-tar", "application/xml", "application/zip",
		"audio/aac", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg", "audio/opus", "audio/wav", "audio/webm", "audio/x-wav",
		"image/avif", "image/bmp", "image/gif", "image/heic", "image/heif", "image/jpeg", "image/png", "image/svg+xml", "image/tiff", "image/webp",
		"message/rfc822", "text/calendar", "text/csv", "text/html", "text/markdown", "text/plain", "text/vcard", "text/xml",
		"video/3gpp", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime", "video/webm", "video/x-msvideo",
	}
}
