// Package line is the desk's numbers: what each is called, when it is open,
// what it says, how it asks about recording, and how long it keeps what it
// recorded.
//
// It owns the tables line, line_hours and greeting and the blob class
// greeting. A line belongs to the desk; nothing in it is about a person but
// who uploaded a sound. Package flow asks it who was called and what to play,
// package route whether it is open, package retention how long to keep.
package line

import (
	"context"
	_ "embed"
	"errors"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
)

//go:embed line.sql
var statements string

// Consent is how a line asks about recording.
type Consent string

// The ways. The caller decides with key 3.
const (
	Always Consent = "always"  // callers are told; a law or a contract demands the recording
	OptIn  Consent = "opt-in"  // recorded only after key 3
	OptOut Consent = "opt-out" // recorded unless key 3
	Never  Consent = "never"   // not recorded and not asked
)

// Line is one number of the desk.
type Line struct {
	ID sotto.LineID
	Settings
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // since when it takes no calls; zero while it does
}

// Settings are what an administrator sets on a line.
type Settings struct {
	Number    string // E.164, or a SIP user name of letters and digits
	Name      string
	Locale    string // "en" or "fr"; the language the line speaks and its tickets are in
	Consent   Consent
	Voicemail bool          // whether messages are taken when nobody answers
	Ring      time.Duration // how long one agent is rung: whole seconds, 5 s to 2 min
	Wait      time.Duration // how long a caller waits at most: whole seconds, 0 to 60 min
	Hours     Hours
	// KeepCallDays and KeepVoicemailDays are after how many days recordings
	// are deleted by themselves: 1 to 3650; 0 is never.
	KeepCallDays, KeepVoicemailDays int
}

// Defaults are the settings a new line begins with: nothing is recorded until
// somebody chooses so, and what is recorded goes after six months.
func Defaults() Settings {
	return Settings{
		Locale: "en", Consent: Never, Voicemail: true, Ring: 30 * time.Second, Wait: 5 * time.Minute,
		Hours: Hours{Zone: "UTC"}, KeepCallDays: 180, KeepVoicemailDays: 180,
	}
}

// Lines are the desk's lines. Its methods may be called from any goroutine.
type Lines struct {
	db     *db.DB
	blobs  *blob.Store
	audit  *audit.Log
	q      db.Queries
	region string
	sounds defaults

	mu    sync.Mutex
	cache map[int64]Sound // uploaded sounds by greeting; they never change. Guarded by mu.
}

// New uses region (ISO 3166, as "FR") to read numbers written without a
// country code. It fails only when the binary was built from a broken sound.
func New(d *db.DB, blobs *blob.Store, log *audit.Log, region string) (*Lines, error) {
	sounds, err := loadDefaults()
	if err != nil {
		return nil, err
	}
	return &Lines{db: d, blobs: blobs, audit: log, q: db.Parse(statements), region: region, sounds: sounds, cache: map[int64]Sound{}}, nil
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
		if _, err := tx.Exec(ll.q["Insert"], append(l.row(), db.Millis(tx.Now), db.Millis(tx.Now))...); err != nil {
			return err
		}
		if err := ll.putHours(tx, l); err != nil {
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
		if l, err = ll.living(tx, id); err != nil {
			return err
		}
		if err := edit(&l.Settings); err != nil {
			return err
		}
		if err := l.check(ll.region); err != nil {
			return err
		}
		if err := ll.free(tx, l); err != nil {
			return err
		}
		l.UpdatedAt = tx.Now
		if _, err := tx.Exec(ll.q["Update"], append(l.row(), db.Millis(tx.Now))...); err != nil {
			return err
		}
		if err := ll.putHours(tx, l); err != nil {
			return err
		}
		return ll.audit.Add(tx, actor, audit.Entry{Action: audit.Update, Source: audit.Line, SourceID: int64(id)})
	})
	return l, err
}

// Delete takes a line out of use: it gets no more calls and its number is
// free. Its calls and recordings stay, and so do its rules about keeping them.
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
		if all, err = db.All(tx, scan, ll.q["List"]); err != nil {
			return err
		}
		for i := range all {
			if all[i].Hours.Spans, err = db.All(tx, scanSpan, ll.q["Hours"], int64(all[i].ID)); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
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
		return l, sotto.Fail(sotto.Conflict, "This line was deleted. Add a new one with its number.")
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
	l.Hours.Spans, err = db.All(tx, scanSpan, ll.q["Hours"], int64(l.ID))
	return l, err
}

// free refuses a number that another line in use has.
func (ll *Lines) free(tx *db.Tx, l Line) error {
	if err := tx.Lock("line"); err != nil {
		return err
	}
	taken, err := tx.Has(ll.q["Taken"], l.Number, int64(l.ID))
	if err == nil && taken {
		return &sotto.Error{Kind: sotto.Conflict, Field: "number", Say: "Another line has this number. Delete that line first, or give this one another number."}
	}
	return err
}

// row is the line in the order of the columns, up to its times.
func (l Line) row() []any {
	days := func(n int) any { return db.OrNull(int64(n)) }
	return []any{
		int64(l.ID), l.Number, l.Name, l.Locale, string(l.Consent), db.Bit(l.Voicemail),
		int64(l.Ring / time.Second), int64(l.Wait / time.Second), l.Hours.Zone, days(l.KeepCallDays), days(l.KeepVoicemailDays),
	}
}

func (ll *Lines) putHours(tx *db.Tx, l Line) error {
	if _, err := tx.Exec(ll.q["DeleteHours"], int64(l.ID)); err != nil {
		return err
	}
	for _, s := range l.Hours.Spans {
		if _, err := tx.Exec(ll.q["InsertHours"], int64(l.ID), int64(s.Day), int64(s.Opens), int64(s.Closes)); err != nil {
			return err
		}
	}
	return nil
}

func scan(s db.Scanner) (l Line, err error) {
	var id, voicemail, ring, wait, created, updated int64
	var consent string
	var calls, messages, deleted *int64
	err = s.Scan(&id, &l.Number, &l.Name, &l.Locale, &consent, &voicemail, &ring, &wait, &l.Hours.Zone, &calls, &messages,
		&created, &updated, &deleted)
	l.ID, l.Consent, l.Voicemail = sotto.LineID(id), Consent(consent), voicemail == 1
	l.Ring, l.Wait = time.Duration(ring)*time.Second, time.Duration(wait)*time.Second
	l.KeepCallDays, l.KeepVoicemailDays = int(db.Value(calls)), int(db.Value(messages))
	l.CreatedAt, l.UpdatedAt, l.DeletedAt = db.Time(created), db.Time(updated), db.TimeOrZero(deleted)
	return l, err
}

func scanSpan(s db.Scanner) (Span, error) {
	var day, opens, closes int64
	err := s.Scan(&day, &opens, &closes)
	return Span{Day: time.Weekday(day), Opens: int(opens), Closes: int(closes)}, err
}

// greetingClass is the class of uploaded sounds.
func greetingClass() catalogue.Blob { return catalogue.GreetingSample }
