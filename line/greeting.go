package line

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/leg/media"
	"sotto/locales"
)

// maxUpload bounds an uploaded file: ten minutes at 48 kHz stereo.
const maxUpload = 120 << 20

// Uploaded is a sound an administrator put on a line.
type Uploaded struct {
	ID         int64
	Category   Category
	Locale     string
	CreatedAt  time.Time
	UploadedBy sotto.PersonID // 0 once that person is erased, or for the operator
}

// SetSound puts a sound of the administrator's on a line in place of the one
// it played. wav is a WAV file as media.ParseWAV reads it; it is kept at 8 kHz.
// The sound it replaces is kept, since callers' consent may rest on it.
func (ll *Lines) SetSound(ctx context.Context, actor sotto.Actor, id sotto.LineID, c Category, locale string, wav []byte) (err error) {
	defer sotto.Wrap(&err, "line.SetSound(%d, %s)", id, c)
	if err := canChange(actor, c, locale); err != nil {
		return err
	}
	_, err = ll.upload(ctx, wav, func(row int64, sum []byte) error {
		return ll.change(ctx, actor, id, c, locale, func(tx *db.Tx) error { return ll.insertSound(tx, actor, row, id, c, locale, sum) })
	})
	return err
}

// upload brings a sound into the form of a telephone and onto the disk, then
// lets write add its row. What write refuses is removed again.
func (ll *Lines) upload(ctx context.Context, wav []byte, write func(row int64, sum []byte) error) (row int64, err error) {
	if len(wav) > maxUpload {
		return 0, sotto.FailField("file", "The file is too large. A sound is at most ten minutes.")
	}
	clip, err := media.ParseWAV(wav)
	if err != nil {
		return 0, err
	}
	file := clip.WAV()
	if row, err = ll.newID(ctx); err != nil {
		return 0, err
	}
	if err := ll.blobs.Put(greetingClass(), row, bytes.NewReader(file)); err != nil {
		return 0, err
	}
	sum := sha256.Sum256(file)
	if err = write(row, sum[:]); err != nil {
		_, gone := ll.blobs.Delete(greetingClass(), row)
		return 0, errors.Join(err, gone)
	}
	return row, nil
}

func (ll *Lines) insertSound(tx *db.Tx, actor sotto.Actor, row int64, id sotto.LineID, c Category, locale string, sum []byte) error {
	_, err := tx.Exec(ll.q["InsertGreeting"], row, int64(id), string(c), locale, sum, db.Millis(tx.Now), db.OrNull(actor.Person))
	return err
}

// ResetSound lets a line play the desk's own sound again.
func (ll *Lines) ResetSound(ctx context.Context, actor sotto.Actor, id sotto.LineID, c Category, locale string) (err error) {
	defer sotto.Wrap(&err, "line.ResetSound(%d, %s)", id, c)
	if err := canChange(actor, c, locale); err != nil {
		return err
	}
	return ll.change(ctx, actor, id, c, locale, func(*db.Tx) error { return nil })
}

// Sounds returns the sounds that administrators put on a line. What is not
// among them is the desk's own.
func (ll *Lines) Sounds(ctx context.Context, id sotto.LineID) (all []Uploaded, err error) {
	defer sotto.Wrap(&err, "line.Sounds(%d)", id)
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanUploaded, ll.q["Greetings"], int64(id))
		return err
	})
	return all, err
}

func scanUploaded(s db.Scanner) (u Uploaded, err error) {
	var created int64
	var category string
	var by *int64
	err = s.Scan(&u.ID, &category, &u.Locale, &created, &by)
	u.Category, u.CreatedAt, u.UploadedBy = Category(category), db.Time(created), sotto.PersonID(db.Value(by))
	return u, err
}

func canChange(actor sotto.Actor, c Category, locale string) error {
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may change what a line says.")
	}
	if !slices.Contains(Categories(), c) {
		return sotto.FailField("category", "There is no such category of sounds.")
	}
	if !locales.Speaks(locale) {
		return sotto.FailField("locale", "The language of a sound is en or fr.")
	}
	return nil
}

// change takes the sound of a category out of use and lets put add another.
func (ll *Lines) change(ctx context.Context, actor sotto.Actor, id sotto.LineID, c Category, locale string, put func(*db.Tx) error) error {
	return ll.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := ll.living(tx, id); err != nil {
			return err
		}
		if err := tx.Lock("line"); err != nil {
			return err
		}
		if _, err := tx.Exec(ll.q["ReplaceGreeting"], int64(id), string(c), locale, db.Millis(tx.Now)); err != nil {
			return err
		}
		if err := put(tx); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Greeting, SourceID: int64(id)})
	})
}

func (ll *Lines) newID(ctx context.Context) (id int64, err error) {
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		id = tx.NewID()
		return nil
	})
	return id, err
}
