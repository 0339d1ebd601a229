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

// Category is what a sound is for.
type Category string

// The categories.
const (
	Greeting      Category = "greeting"        // the first words a caller hears
	ConsentAlways Category = "consent-always"  // this call is recorded
	ConsentOptIn  Category = "consent-opt-in"  // press 3 to be recorded
	ConsentOptOut Category = "consent-opt-out" // press 3 not to be recorded
	OutOfHours    Category = "out-of-hours"    // the line is closed
	Unavailable   Category = "unavailable"     // nobody took the call in time
	Voicemail     Category = "voicemail"       // leave a message after the tone
	Wait          Category = "wait"            // heard while waiting, again and again
	Goodbye       Category = "goodbye"         // the last words when nobody could help
	Thanks        Category = "thanks"          // the last words after a message
	WrongKey      Category = "wrong-key"       // the key pressed in a menu leads nowhere
)

// MenuGreeting is what a menu says. It is not among Categories: it has no
// default, a line may have many, and a menu names the one it plays.
const MenuGreeting Category = "menu"

// Categories returns every category in the order a call may meet them.
func Categories() []Category {
	return []Category{
		Greeting, ConsentAlways, ConsentOptIn, ConsentOptOut, OutOfHours, Unavailable, Voicemail, Wait, Goodbye, Thanks, WrongKey,
	}
}

// Notice returns the category of the notice that mode demands; "" for none.
func (c Consent) Notice() Category {
	switch c {
	case Always:
		return ConsentAlways
	case OptIn:
		return ConsentOptIn
	case OptOut:
		return ConsentOptOut
	}
	return ""
}

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
	by         map[string]Sound  // "fr/greeting"
	texts      map[string]string // the same keys
	beep, hold media.Clip
}

func loadDefaults() (defaults, error) {
	d := defaults{by: map[string]Sound{}, texts: map[string]string{}}
	var err error
	for _, locale := range locales.Languages() {
		text, e := soundFiles.ReadFile("sound/" + locale + ".txt")
		err = errors.Join(err, e)
		for _, row := range strings.Split(string(text), "\n") {
			if category, said, ok := strings.Cut(row, ": "); ok && !strings.HasPrefix(row, "#") {
				d.texts[locale+"/"+category] = said
			}
		}
		for _, c := range Categories() {
			name := locale + "/" + string(c)
			s, e := embedded(name)
			err = errors.Join(err, e)
			d.by[name] = s
		}
	}
	beep, e1 := embedded("beep")
	hold, e2 := embedded("hold")
	d.beep, d.hold = beep.Clip, hold.Clip
	return d, errors.Join(err, e1, e2)
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
func (ll *Lines) Hold() media.Clip { return ll.sounds.hold }

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

// Sound returns what a line plays for a category in a language: the sound an
// administrator uploaded, or else the desk's own.
func (ll *Lines) Sound(ctx context.Context, id sotto.LineID, c Category, locale string) (s Sound, err error) {
	defer sotto.Wrap(&err, "line.Sound(%d, %s)", id, c)
	if !locales.Speaks(locale) {
		locale = locales.Default
	}
	if s = ll.Own(c, locale); s.Notice == "" {
		return s, sotto.FailField("category", "There is no such category of sounds.")
	}
	var row upload
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		row, err = db.One(tx, scanUpload, ll.q["Greeting"], int64(id), string(c), locale)
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
	if string(s.SHA256[:]) != string(u.sum) {
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
