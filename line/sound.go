package line

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"sotto"
	"sotto/db"
	"sotto/leg/media"
	"sotto/locales"
)

//go:embed sound/en sound/fr sound/*.wav sound/*.txt
var soundFiles embed.FS

// Sound is one sound as a caller hears it.
type Sound struct {
	Clip media.Clip
	// SHA256 is of the sound's file, the default's or the uploaded one's: what
	// proves later what a caller was told (GDPR 7(1)).
	SHA256 [sha256.Size]byte
	// Notice names the sound for people: "default/fr/greeting" or "greeting/4711".
	Notice string
}

// defaults are the embedded sounds.
type defaults struct {
	by    map[string]Sound  // "fr/greeting", "fr/position-1"
	texts map[string]string // the same keys, without the music
	beep  media.Clip
}

func loadDefaults() (defaults, error) {
	d := defaults{by: map[string]Sound{}, texts: map[string]string{}}
	var err error
	for _, locale := range locales.Languages() {
		text, e := soundFiles.ReadFile("sound/" + locale + ".txt")
		err = errors.Join(err, e)
		for _, row := range strings.Split(string(text), "\n") {
			if category, said, ok := strings.Cut(row, ": "); ok && !strings.HasPrefix(row, "#") {
				name := locale + "/" + category
				d.texts[name] = said
				s, e := embedded(name)
				err = errors.Join(err, e)
				d.by[name] = s
			}
		}
		hold, e := embedded(string(Hold)) // music has no language
		err = errors.Join(err, e)
		d.by[locale+"/"+string(Hold)] = hold
	}
	beep, e := embedded("beep")
	d.beep = beep.Clip
	return d, errors.Join(err, e)
}

func embedded(name string) (Sound, error) {
	b, err := soundFiles.ReadFile("sound/" + name + ".wav")
	if err != nil {
		return Sound{}, fmt.Errorf("line: sound %s: %w", name, err)
	}
	clip, err := media.ParseWAV(b)
	if err != nil {
		return Sound{}, fmt.Errorf("line: sound %s: %w", name, err)
	}
	return Sound{Clip: clip, SHA256: sha256.Sum256(b), Notice: "default/" + name}, nil
}

// Beep is the tone before a voice message.
func (ll *Lines) Beep() media.Clip { return ll.sounds.beep }

// Hold is what a waiting caller hears between the words: 12 s of quiet music,
// made to be repeated. It stands for the ringing tone too.
func (ll *Lines) Hold() media.Clip { return ll.sounds.by["en/"+string(Hold)].Clip }

// Text is what the default sound of a category says.
func (ll *Lines) Text(c Category, locale string) string { return ll.sounds.texts[locale+"/"+string(c)] }

// Own returns the desk's own sound of a category: what is played when an
// uploaded one cannot be read.
func (ll *Lines) Own(c Category, locale string) Sound {
	if !locales.Speaks(locale) {
		locale = locales.Default
	}
	return ll.sounds.by[locale+"/"+string(c)]
}

// Sound returns what a line plays now for a category in a language: the sound
// an administrator uploaded, or else the desk's own. Hear is the same for a
// call that began at another hour.
func (ll *Lines) Sound(ctx context.Context, id sotto.LineID, c Category, locale string) (s Sound, err error) {
	defer sotto.Wrap(&err, "line.Sound(%d, %s)", id, c)
	open := true
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		l, err := ll.Load(tx, id)
		open = l.Hours.Open(tx.Now)
		return err
	})
	if err != nil && sotto.KindOf(err) != sotto.NotFound {
		return s, err
	}
	return ll.Hear(ctx, id, open, c, locale)
}

// Hear returns what a line plays to a caller who called while it was open, or
// closed. A sound for those hours goes before one for any.
func (ll *Lines) Hear(ctx context.Context, id sotto.LineID, open bool, c Category, locale string) (s Sound, err error) {
	defer sotto.Wrap(&err, "line.Hear(%d, %s)", id, c)
	if !locales.Speaks(locale) {
		locale = locales.Default
	}
	if s = ll.Own(c, locale); s.Notice == "" {
		return s, sotto.FailField("category", "There is no such category of sounds.")
	}
	var row upload
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		row, err = db.One(tx, scanUpload, ll.q["Heard"], int64(id), string(c), locale, string(whenOf(open)))
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return ll.uploaded(row)
}

// upload is a row of greeting as far as playing it needs.
type upload struct {
	id  int64
	sum []byte
}

func scanUpload(s db.Scanner) (u upload, err error) {
	err = s.Scan(&u.id, &u.sum)
	return u, err
}

// uploaded reads an uploaded sound once and keeps it: lines are few, and the
// file of a row never changes.
func (ll *Lines) uploaded(u upload) (Sound, error) {
	ll.mu.Lock()
	defer ll.mu.Unlock()
	if s, ok := ll.cache[u.id]; ok {
		return s, nil
	}
	b, err := ll.read(u.id)
	if err != nil {
		return Sound{}, err
	}
	s := Sound{SHA256: sha256.Sum256(b), Notice: fmt.Sprintf("greeting/%d", u.id)}
	if len(u.sum) > 0 && string(s.SHA256[:]) != string(u.sum) {
		return Sound{}, fmt.Errorf("the file of greeting %d is not the one that was uploaded", u.id)
	}
	if s.Clip, err = media.ParseWAV(b); err != nil {
		return Sound{}, err
	}
	ll.cache[u.id] = s
	return s, nil
}

func (ll *Lines) read(id int64) (_ []byte, err error) {
	r, err := ll.blobs.Open(greetingClass(), id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}
