package line

import (
	"context"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// When is at which hours of a line a sound is played.
type When string

// The hours.
const (
	AnyTime    When = "any"
	WhenOpen   When = "open"   // only while the line is open
	WhenClosed When = "closed" // only while it is closed
)

func whenOf(open bool) When {
	if open {
		return WhenOpen
	}
	return WhenClosed
}

// Place is where a sound is played: on a line, at some of its hours.
type Place struct {
	Line sotto.LineID
	When When
}

// Use is one place where a sound is played.
type Use struct {
	Greeting int64
	Place
	Category Category
	Locale   string
}

// UseGreeting lets a line play a sound, in place of what it played for that
// category, language and hours. Using it twice does nothing. What a menu says
// is named by the menu.
func (ll *Lines) UseGreeting(ctx context.Context, actor sotto.Actor, id int64, at Place) (u Uploaded, err error) {
	defer sotto.Wrap(&err, "line.UseGreeting(%d)", id)
	if err := at.check(actor); err != nil {
		return u, err
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		if u, err = ll.greeting(tx, id); err != nil {
			return err
		}
		if u.Pending {
			return sotto.Fail(sotto.Conflict, "This greeting has no sound yet. Upload one.")
		}
		if u.Category == MenuGreeting {
			return sotto.FailField("greeting_id", "What a menu says is named by the menu. Put the greeting's number into it.")
		}
		if _, err := ll.put(tx, actor, u, at); err != nil {
			return err
		}
		u, err = ll.greeting(tx, id)
		return err
	})
	return u, err
}

// StopGreeting lets a place play the desk's own sound of a category again.
func (ll *Lines) StopGreeting(ctx context.Context, actor sotto.Actor, at Place, c Category, locale string) (err error) {
	defer sotto.Wrap(&err, "line.StopGreeting(%s)", c)
	if err := at.check(actor); err != nil {
		return err
	}
	return ll.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ll.q["DeleteUse"], int64(at.Line), string(c), locale, string(at.When))
		if err != nil {
			return err
		}
		if n == 0 {
			return sotto.Fail(sotto.NotFound, "No such sound is played there.")
		}
		return ll.audit.Add(tx, actor, at.entry())
	})
}

// SetSound puts a sound file on a line, at all hours, in place of the one it
// played. The sound it replaces is kept, since callers' consent may rest on it.
func (ll *Lines) SetSound(ctx context.Context, actor sotto.Actor, id sotto.LineID, c Category, locale string, file []byte) (err error) {
	return ll.SetSoundAt(ctx, actor, Place{Line: id, When: AnyTime}, c, locale, file)
}

// SetSoundAt is SetSound for the hours when the line is open, or closed.
func (ll *Lines) SetSoundAt(ctx context.Context, actor sotto.Actor, at Place, c Category, locale string, file []byte) (err error) {
	defer sotto.Wrap(&err, "line.SetSoundAt(%d, %s)", at.Line, c)
	d := Draft{Category: c, Locale: locale}
	if err := d.check(actor); err != nil {
		return err
	}
	if c == MenuGreeting {
		return sotto.FailField("category", "There is no such category of sounds.")
	}
	if err := at.check(actor); err != nil {
		return err
	}
	if file == nil {
		file = []byte{}
	}
	return ll.keep(ctx, 0, file, func(tx *db.Tx, s stored) error {
		u, err := ll.insertGreeting(tx, actor, d, s)
		if err != nil {
			return err
		}
		old, err := ll.put(tx, actor, u, at)
		if err != nil || old == 0 {
			return err
		}
		_, err = tx.Exec(ll.q["RemoveUnused"], old, db.Millis(tx.Now))
		return err
	})
}

// ResetSound lets a line play the desk's own sound again, at all hours.
func (ll *Lines) ResetSound(ctx context.Context, actor sotto.Actor, id sotto.LineID, c Category, locale string) (err error) {
	defer sotto.Wrap(&err, "line.ResetSound(%d, %s)", id, c)
	d := Draft{Category: c, Locale: locale}
	if err := d.check(actor); err != nil {
		return err
	}
	if c == MenuGreeting {
		return sotto.FailField("category", "There is no such category of sounds.")
	}
	return ll.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := ll.living(tx, id); err != nil {
			return err
		}
		at := Place{Line: id}
		for _, at.When = range []When{AnyTime, WhenOpen, WhenClosed} {
			old, err := ll.take(tx, at, c, locale)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ll.q["RemoveUnused"], old, db.Millis(tx.Now)); err != nil {
				return err
			}
		}
		return ll.audit.Add(tx, actor, at.entry())
	})
}

// Sounds returns the sounds of administrators that a line plays. What is not
// among them is the desk's own.
func (ll *Lines) Sounds(ctx context.Context, id sotto.LineID) (all []Uploaded, err error) {
	defer sotto.Wrap(&err, "line.Sounds(%d)", id)
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		uses, err := db.All(tx, scanUse, ll.q["UsesOfLine"], int64(id))
		if err != nil {
			return err
		}
		all = nil
		for _, use := range uses {
			u, err := ll.greeting(tx, use.Greeting)
			if err != nil {
				return err
			}
			all = append(all, u)
		}
		return nil
	})
	return all, err
}

func (p Place) check(actor sotto.Actor) error {
	switch {
	case !actor.IsAdmin():
		return errMayNot()
	case p.When != AnyTime && p.When != WhenOpen && p.When != WhenClosed:
		return sotto.FailField("hours", "A sound is played at any hours, or while the line is open or closed.")
	}
	return nil
}

func (p Place) entry() audit.Entry {
	return audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: int64(p.Line)}
}

// take ends the use of a place and returns the sound it was of; 0 for none.
func (ll *Lines) take(tx *db.Tx, at Place, c Category, locale string) (old int64, err error) {
	key := []any{int64(at.Line), string(c), locale, string(at.When)}
	all, err := db.All(tx, db.Int, ll.q["UsedAt"], key...)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	_, err = tx.Exec(ll.q["DeleteUse"], key...)
	return all[0], err
}

// put plays u at a place and returns the sound that was played there; 0 for
// none.
func (ll *Lines) put(tx *db.Tx, actor sotto.Actor, u Uploaded, at Place) (old int64, err error) {
	if _, err := ll.living(tx, at.Line); err != nil {
		return 0, err
	}
	if err := tx.Lock("line"); err != nil {
		return 0, err
	}
	if old, err = ll.take(tx, at, u.Category, u.Locale); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ll.q["InsertUse"], int64(at.Line), string(u.Category), u.Locale, string(at.When), u.ID)
	if err != nil {
		return 0, err
	}
	return old, ll.audit.Add(tx, actor, at.entry())
}

func scanUse(s db.Scanner) (u Use, err error) {
	err = s.Scan((*int64)(&u.Line), (*string)(&u.Category), &u.Locale, (*string)(&u.When), &u.Greeting)
	return u, err
}
