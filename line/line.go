// Package line is the desk's numbers: what each is called, when it is open,
// what it says, how it asks about recording, and how long it keeps what it
// recorded.
//
// It owns the tables line, line_group, line_skill, schedule, schedule_span, holiday,
// greeting and greeting_use and the blob class greeting. A line belongs to the desk; nothing in it is about a person but
// who uploaded a sound. Package flow asks it who was called and what to play,
// package route whether it is open, package retention how long to keep.
package line

import (
	"context"
	_ "embed"
	"errors"
	"slices"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
	"sotto/locales"
)

//go:embed line.sql
var statements string

// Line is one number of the desk.
type Line struct {
	ID sotto.LineID
	Settings
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // since when it takes no calls; zero while it does
	Greetings []Use     // the sounds of administrators it plays
}

// Lines are the desk's lines. Its methods may be called from any goroutine.
type Lines struct {
	db     *db.DB
	blobs  *blob.Store
	audit  *audit.Log
	q      db.Queries
	region string
	sounds defaults
	words  *locales.Texts

	mu    sync.Mutex
	cache map[int64]Sound // uploaded sounds by greeting; they never change. Guarded by mu.
}

// New uses region (ISO 3166, as "FR") to read numbers written without a
// country code. It fails only when the binary was built from a
// broken sound or text.
func New(d *db.DB, blobs *blob.Store, log *audit.Log, region string) (*Lines, error) {
	sounds, err := loadDefaults()
	if err != nil {
		return nil, err
	}
	words, err := locales.Load()
	if err != nil {
		return nil, err
	}
	return &Lines{db: d, blobs: blobs, audit: log, q: db.Parse(statements), region: region, sounds: sounds, words: words, cache: map[int64]Sound{}}, nil
}

// Create adds a line. A number that another line has is a Conflict.
func (ll *Lines) Create(ctx context.Context, actor sotto.Actor, s Settings) (l Line, err error) {
	defer sotto.Wrap(&err, "line.Create")
	if !actor.IsAdmin() {
		return l, sotto.Fail(sotto.Denied, "Only an administrator may add lines.")
	}
	if err := s.check(ll.region); err != nil {
		return l, err
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		l = Line{ID: sotto.LineID(tx.NewID()), Settings: s, CreatedAt: tx.Now, UpdatedAt: tx.Now}
		if err := ll.free(tx, l); err != nil {
			return err
		}
		if err := ll.settle(tx, actor, Settings{}, &l); err != nil {
			return err
		}
		if _, err := tx.Exec(ll.q["Insert"], append(l.row(), db.Millis(tx.Now), db.Millis(tx.Now))...); err != nil {
			return err
		}
		if err := ll.putGroups(tx, l); err != nil {
			return err
		}
		if err := ll.putSkills(tx, l); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Line, SourceID: int64(l.ID)})
	})
	return l, err
}

// Update changes a line: edit gets its settings as they are. An error of edit
// changes nothing and is returned.
func (ll *Lines) Update(ctx context.Context, actor sotto.Actor, id sotto.LineID, edit func(*Settings) error) (l Line, err error) {
	defer sotto.Wrap(&err, "line.Update(%d)", id)
	if !actor.IsAdmin() {
		return l, sotto.Fail(sotto.Denied, "Only an administrator may change lines.")
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		l, err = ll.update(tx, actor, id, edit)
		return err
	})
	return l, err
}

func (ll *Lines) update(tx *db.Tx, actor sotto.Actor, id sotto.LineID, edit func(*Settings) error) (Line, error) {
	l, err := ll.living(tx, id)
	if err != nil {
		return l, err
	}
	before := l.Settings
	l.Groups, l.Skills, l.Hours.Spans, l.Hours.Holidays = slices.Clone(l.Groups), slices.Clone(l.Skills), slices.Clone(l.Hours.Spans), slices.Clone(l.Hours.Holidays)
	if err := edit(&l.Settings); err != nil {
		return l, err
	}
	if err := l.check(ll.region); err != nil {
		return l, err
	}
	if err := ll.free(tx, l); err != nil {
		return l, err
	}
	if err := ll.settle(tx, actor, before, &l); err != nil {
		return l, err
	}
	l.UpdatedAt = tx.Now
	if _, err := tx.Exec(ll.q["Update"], append(l.row(), db.Millis(tx.Now))...); err != nil {
		return l, err
	}
	if err := ll.putGroups(tx, l); err != nil {
		return l, err
	}
	if err := ll.putSkills(tx, l); err != nil {
		return l, err
	}
	return l, ll.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: int64(id)})
}

// RecoverFor is how long a deleted line can be taken back.
const RecoverFor = 72 * time.Hour

// Delete takes a line out of use: it gets no more calls and its number is
// free. Its calls and recordings stay, and so do its rules about keeping them.
// Recover takes it back within three days.
func (ll *Lines) Delete(ctx context.Context, actor sotto.Actor, id sotto.LineID) (err error) {
	defer sotto.Wrap(&err, "line.Delete(%d)", id)
	if !actor.IsAdmin() {
		return sotto.Fail(sotto.Denied, "Only an administrator may delete lines.")
	}
	return ll.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ll.q["Delete"], int64(id), db.Millis(tx.Now))
		if err != nil {
			return err
		}
		if n == 0 {
			return errNone()
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Destroy, Source: audit.Line, SourceID: int64(id)})
	})
}

// Recover takes a deleted line back into use, as it was. After three days, or
// when its number was given to another line, that is a Conflict. Recovering a
// line in use does nothing.
func (ll *Lines) Recover(ctx context.Context, actor sotto.Actor, id sotto.LineID) (l Line, err error) {
	defer sotto.Wrap(&err, "line.Recover(%d)", id)
	if !actor.IsAdmin() {
		return l, sotto.Fail(sotto.Denied, "Only an administrator may recover lines.")
	}
	err = ll.db.Write(ctx, func(tx *db.Tx) error {
		if l, err = ll.Load(tx, id); err != nil || l.DeletedAt.IsZero() {
			return err
		}
		if tx.Now.Sub(l.DeletedAt) > RecoverFor {
			return sotto.Fail(sotto.Conflict, "A deleted line can be recovered for three days only. Add a new line with its number.")
		}
		if err := ll.free(tx, l); err != nil {
			return err
		}
		l.DeletedAt, l.UpdatedAt = time.Time{}, tx.Now
		if _, err := tx.Exec(ll.q["Recover"], int64(id), db.Millis(tx.Now)); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Restore, Source: audit.Line, SourceID: int64(id)})
	})
	return l, err
}

// Deleted returns the lines that can still be recovered, the last deleted one
// first.
func (ll *Lines) Deleted(ctx context.Context) (all []Line, err error) {
	defer sotto.Wrap(&err, "line.Deleted")
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		all, err = ll.many(tx, ll.q["Deleted"], db.Millis(tx.Now.Add(-RecoverFor)))
		return err
	})
	return all, err
}

// Get returns a line, a deleted one too.
func (ll *Lines) Get(ctx context.Context, id sotto.LineID) (l Line, err error) {
	defer sotto.Wrap(&err, "line.Get(%d)", id)
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		l, err = ll.Load(tx, id)
		return err
	})
	return l, err
}

// Load is Get inside a transaction.
func (ll *Lines) Load(tx *db.Tx, id sotto.LineID) (Line, error) {
	return ll.one(tx, ll.q["Get"], int64(id))
}

// List returns the lines in use, by name.
func (ll *Lines) List(ctx context.Context) (all []Line, err error) {
	defer sotto.Wrap(&err, "line.List")
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		all, err = ll.many(tx, ll.q["List"])
		return err
	})
	return all, err
}

func (ll *Lines) many(tx *db.Tx, query string, args ...any) ([]Line, error) {
	all, err := db.All(tx, scan, query, args...)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := ll.complete(tx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ByNumber returns the line that was called. dialled is the number as the
// trunk sent it: in E.164, with a national prefix, without its plus, or a
// SIP user name.
func (ll *Lines) ByNumber(ctx context.Context, dialled string) (l Line, err error) {
	defer sotto.Wrap(&err, "line.ByNumber")
	err = ll.db.Read(ctx, func(tx *db.Tx) error {
		for _, number := range readings(dialled, ll.region) {
			l, err = ll.one(tx, ll.q["ByNumber"], number)
			if sotto.KindOf(err) != sotto.NotFound {
				return err
			}
		}
		return errNone()
	})
	return l, err
}

func errNone() error { return sotto.Fail(sotto.NotFound, "There is no such line.") }

func (ll *Lines) living(tx *db.Tx, id sotto.LineID) (Line, error) {
	l, err := ll.Load(tx, id)
	if err == nil && !l.DeletedAt.IsZero() {
		return l, sotto.Fail(sotto.Conflict, "This line was deleted. Recover it within three days, or add a new one with its number.")
	}
	return l, err
}

func (ll *Lines) one(tx *db.Tx, query string, args ...any) (Line, error) {
	l, err := db.One(tx, scan, query, args...)
	if errors.Is(err, db.ErrNone) {
		return l, errNone()
	}
	if err != nil {
		return l, err
	}
	return l, ll.complete(tx, &l)
}

// free refuses a number that another line in use has, and numbers to go on to
// that are lines of the desk: such a call would never leave it.
func (ll *Lines) free(tx *db.Tx, l Line) error {
	if err := tx.Lock("line"); err != nil {
		return err
	}
	taken, err := tx.Has(ll.q["Taken"], l.Number, int64(l.ID))
	if err == nil && taken {
		return &sotto.Error{Kind: sotto.Conflict, Field: "number", Say: "Another line has this number. Delete that line first, or give this one another number."}
	}
	if err != nil {
		return err
	}
	target, err := tx.Has(ll.q["Target"], l.Number, int64(l.ID))
	if err == nil && target {
		return &sotto.Error{Kind: sotto.Conflict, Field: "number", Say: "Another line sends its calls on to this number. Change that line first."}
	}
	for field, number := range map[string]string{
		"failover_number": l.Failover, "overflow_number": l.Overflow, "overflow_number_outside_hours": l.OverflowClosed,
	} {
		if err != nil || number == "" {
			continue
		}
		if taken, err = tx.Has(ll.q["Taken"], number, int64(l.ID)); err == nil && taken {
			return sotto.FailField(field, "This is a number of the desk. Give a number outside it.")
		}
	}
	return err
}

// greetingClass is the class of uploaded sounds.
func greetingClass() catalogue.Blob { return catalogue.GreetingSample }
