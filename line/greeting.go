package line

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/leg/media/audio"
	"sotto/locales"
)

// maxGreetings bounds what one list returns.
const maxGreetings = 2000

// Uploaded is a sound of an administrator's.
type Uploaded struct {
	ID         int64
	Category   Category
	Locale     string
	Name       string
	Pending    bool // it has a name and no sound yet
	Duration   time.Duration
	CreatedAt  time.Time
	UploadedBy sotto.PersonID // 0 once that person is erased, or for the operator
	Uses       []Use          // where it is played, on lines that can be recovered too
}

// Draft is what a new sound is called and for.
type Draft struct {
	Category Category
	Locale   string
	Name     string // the category's word when ""
}

// AddGreeting keeps a sound file; nothing plays it yet. file is WAV, MP3 or
// Ogg Opus and is brought to 8 kHz and to one loudness; nil leaves the sound
// for Upload.
func (ll *Lines) AddGreeting(ctx context.Context, actor sotto.Actor, d Draft, file []byte) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.AddGreeting(%s)", d.Category)
	if err := d.check(actor); err != nil {
		return u, err
	}
	err = ll.keep(ctx, 0, file, func(tx *db.Tx, s stored) error {
		u, err = ll.insertGreeting(tx, actor, d, s)
		return err
	})
	return u, err
}

// Upload puts a sound file on a greeting. One that has a sound already is
// replaced by a new greeting that is played in its place: callers' consent may
// rest on the old sound, which is kept. Look at the ID that is returned.
func (ll *Lines) Upload(ctx context.Context, actor sotto.Actor, id int64, file []byte) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.Upload(%d)", id)
	if !actor.IsAdmin() {
		return u, errMayNot()
	}
	if file == nil {
		file = []byte{}
	}
	old, err := ll.Greeting(ctx, id)
	if err != nil {
		return u, err
	}
	if old.Pending {
		return ll.fill(ctx, actor, id, file)
	}
	err = ll.keep(ctx, 0, file, func(tx *db.Tx, s stored) error {
		if old, err = ll.greeting(tx, id); err != nil {
			return err
		}
		u, err = ll.insertGreeting(tx, actor, Draft{Category: old.Category, Locale: old.Locale, Name: old.Name}, s)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ll.q["MoveUses"], id, u.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ll.q["RemoveGreeting"], id, db.Millis(tx.Now)); err != nil {
			return err
		}
		u, err = ll.greeting(tx, u.ID)
		return err
	})
	return u, err
}

// fill puts the first sound on a greeting that has none.
func (ll *Lines) fill(ctx context.Context, actor sotto.Actor, id int64, file []byte) (u Uploaded, err error) {
	err = ll.keep(ctx, id, file, func(tx *db.Tx, s stored) error {
		n, err := tx.Exec(ll.q["FillGreeting"], id, s.sum, s.duration.Milliseconds(), db.OrNull(actor.Person))
		if err != nil {
			return err
		}
		if n == 0 {
			return sotto.Fail(sotto.Conflict, "Somebody else uploaded a sound for this greeting meanwhile. Look at it first.")
		}
		if u, err = ll.greeting(tx, id); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Greeting, SourceID: id})
	})
	return u, err
}

// RenameGreeting changes what the desk calls a sound.
func (ll *Lines) RenameGreeting(ctx context.Context, actor sotto.Actor, id int64, name string) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.RenameGreeting(%d)", id)
	if !actor.IsAdmin() {
		return u, errMayNot()
	}
	if name = strings.TrimSpace(name); name == "" || !plain(name) {
		return u, errGreetingName()
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		if u, err = ll.greeting(tx, id); err != nil {
			return err
		}
		u.Name = name
		if _, err := tx.Exec(ll.q["RenameGreeting"], id, name); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Greeting, SourceID: id})
	})
	return u, err
}

// RemoveGreeting takes a sound out of the list. While something plays it that
// is a Conflict: Uses says what. Its file is kept, since callers' consent may
// rest on it.
func (ll *Lines) RemoveGreeting(ctx context.Context, actor sotto.Actor, id int64) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.RemoveGreeting(%d)", id)
	if !actor.IsAdmin() {
		return u, errMayNot()
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("line"); err != nil {
			return err
		}
		if u, err = ll.greeting(tx, id); err != nil {
			return err
		}
		if len(u.Uses) > 0 {
			return sotto.Fail(sotto.Conflict, "A line plays this sound, or did until it was deleted within three days. Let it play another one first.")
		}
		if _, err := tx.Exec(ll.q["RemoveGreeting"], id, db.Millis(tx.Now)); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Greeting, SourceID: id})
	})
	return u, err
}

// Greetings returns the sounds of administrators, the oldest first, with where
// they are played.
func (ll *Lines) Greetings(ctx context.Context) (all []Uploaded, err error) {
	defer sotto.Wrap(&err, "line.Greetings")
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		if all, err = db.All(tx, scanUploaded, ll.q["Greetings"], maxGreetings); err != nil {
			return err
		}
		for i := range all {
			if all[i].Uses, err = db.All(tx, scanUse, ll.q["UsesOfGreeting"], all[i].ID, db.Millis(tx.Now.Add(-RecoverFor))); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// Greeting returns a sound of an administrator's.
func (ll *Lines) Greeting(ctx context.Context, id int64) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.Greeting(%d)", id)
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		u, err = ll.greeting(tx, id)
		return err
	})
	return u, err
}

// Preview returns a sound of an administrator's as callers hear it. One that
// is still pending is a Conflict.
func (ll *Lines) Preview(ctx context.Context, id int64) (s Sound, err error) {
	defer sotto.Wrap(&err, "line.Preview(%d)", id)
	u, err := ll.Greeting(ctx, id)
	if err != nil {
		return s, err
	}
	if u.Pending {
		return s, sotto.Fail(sotto.Conflict, "This greeting has no sound yet. Upload one.")
	}
	return ll.uploaded(upload{id: id})
}

func errMayNot() error {
	return sotto.Fail(sotto.Denied, "Only an administrator may change what a line says.")
}

func errGreetingName() error {
	return sotto.FailField("name", "Give the greeting a name of at most 255 bytes.")
}

func (d *Draft) check(actor sotto.Actor) error {
	if !actor.IsAdmin() {
		return errMayNot()
	}
	if d.Category.ID() == 0 {
		return sotto.FailField("category", "There is no such category of sounds.")
	}
	if !locales.Speaks(d.Locale) {
		return sotto.FailField("locale", "The language of a sound is en or fr.")
	}
	if d.Name = strings.TrimSpace(d.Name); d.Name == "" {
		d.Name = d.Category.Word()
	}
	if !plain(d.Name) {
		return errGreetingName()
	}
	return nil
}

// stored is a file that is on the disk, and its hash. A greeting without a
// sound has none.
type stored struct {
	id       int64
	sum      []byte
	duration time.Duration
}

// keep levels a file, writes it and runs put in a transaction; when that
// fails the file is removed. id is the greeting's; 0 gets a new one.
func (ll *Lines) keep(ctx context.Context, id int64, file []byte, put func(*db.Tx, stored) error) (err error) {
	s := stored{id: id}
	if s.id == 0 {
		if s.id, err = ll.newID(ctx); err != nil {
			return err
		}
	}
	if file == nil {
		return ll.db.Write(ctx, func(tx *db.Tx) error { return put(tx, s) })
	}
	sound, err := audio.Read(file)
	if err != nil {
		return err
	}
	wav := sound.Clip.WAV()
	sum := sha256.Sum256(wav)
	s.sum, s.duration = sum[:], sound.Clip.Duration()
	if err := ll.blobs.Put(greetingClass(), s.id, bytes.NewReader(wav)); err != nil {
		return err
	}
	if err = ll.db.Write(ctx, func(tx *db.Tx) error { return put(tx, s) }); err != nil {
		_, gone := ll.blobs.Delete(greetingClass(), s.id)
		return errors.Join(err, gone)
	}
	return nil
}

func (ll *Lines) insertGreeting(tx *db.Tx, actor sotto.Actor, d Draft, s stored) (Uploaded, error) {
	if d.Name == "" {
		d.Name = d.Category.Word()
	}
	u := Uploaded{
		ID: s.id, Category: d.Category, Locale: d.Locale, Name: d.Name, Pending: s.sum == nil, Duration: s.duration, CreatedAt: tx.Now, UploadedBy: actor.Person,
	}
	var sum any
	if s.sum != nil {
		sum = s.sum
	}
	_, err := tx.Exec(ll.q["InsertGreeting"], s.id, string(d.Category), d.Locale, d.Name, sum, s.duration.Milliseconds(), db.Millis(tx.Now), db.OrNull(actor.Person))
	if err != nil {
		return u, err
	}
	return u, ll.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Greeting, SourceID: s.id})
}

func (ll *Lines) greeting(tx *db.Tx, id int64) (Uploaded, error) {
	u, err := db.One(tx, scanUploaded, ll.q["GreetingByID"], id)
	if errors.Is(err, db.ErrNone) {
		return u, sotto.Fail(sotto.NotFound, "There is no such greeting.")
	}
	if err == nil {
		u.Uses, err = db.All(tx, scanUse, ll.q["UsesOfGreeting"], id, db.Millis(tx.Now.Add(-RecoverFor)))
	}
	return u, err
}

func scanUploaded(s db.Scanner) (u Uploaded, err error) {
	var created, duration int64
	var category string
	var sum []byte
	var by *int64
	err = s.Scan(&u.ID, &category, &u.Locale, &u.Name, &sum, &duration, &created, &by)
	u.Category, u.CreatedAt, u.UploadedBy = Category(category), db.Time(created), sotto.PersonID(db.Value(by))
	u.Duration, u.Pending = time.Duration(duration)*time.Millisecond, sum == nil
	return u, err
}

func (ll *Lines) newID(ctx context.Context) (id int64, err error) {
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		id = tx.NewID()
		return nil
	})
	return id, err
}
