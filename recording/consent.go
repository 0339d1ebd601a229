package recording

import (
	"context"
	"errors"
	"slices"
	"time"

	"sotto"
	"sotto/db"
	"sotto/leg/media"
)

// Mode is a line's rule about recording.
type Mode string

// The modes.
const (
	Always Mode = "always"  // the caller is told; no key is asked for
	OptIn  Mode = "opt-in"  // recorded only after key 3
	OptOut Mode = "opt-out" // recorded unless key 3 is pressed
	Never  Mode = "never"
)

// Outcome is what came of asking.
type Outcome string

// The outcomes.
const (
	Granted   Outcome = "granted"
	Refused   Outcome = "refused"
	Withdrawn Outcome = "withdrawn" // granted, and taken back later
	NotAsked  Outcome = "not-asked" // the rule left no choice
)

// Evidence is what shows the outcome.
type Evidence string

// The evidence.
const (
	ByKey       Evidence = "key-3"
	WithoutKey  Evidence = "no-key" // the notice ended and key 3 was not pressed
	ByRule      Evidence = "rule"
	ByTick      Evidence = "tick"    // the box on the page was ticked
	WithoutTick Evidence = "no-tick" // it was not
)

// consentKey is the key the notice asks for.
const consentKey media.Digit = '3'

// Decision is what a line's rule and the caller's key come to.
type Decision struct {
	Record   bool
	Outcome  Outcome // "" while it is open: the notice has not ended
	Evidence Evidence
}

// Decide applies mode. key is the key the caller pressed, 0 for none; every
// key but 3 counts as none. ended says that the notice was heard to its end.
// Key 3 counts at once, also in the middle of the notice: who presses it has
// chosen. Without it nothing is decided before the notice has ended, and
// nothing recorded. An unknown mode is Never.
func Decide(mode Mode, key media.Digit, ended bool) Decision {
	pressed := key == consentKey
	open := Decision{}
	switch {
	case mode == Always && ended:
		return Decision{true, NotAsked, ByRule}
	case mode == OptIn && pressed:
		return Decision{true, Granted, ByKey}
	case mode == OptIn && ended:
		return Decision{false, Refused, WithoutKey}
	case mode == OptOut && pressed:
		return Decision{false, Refused, ByKey}
	case mode == OptOut && ended:
		return Decision{true, Granted, WithoutKey}
	case mode == Always || mode == OptIn || mode == OptOut:
		return open
	}
	return Decision{false, NotAsked, ByRule}
}

// DecideTick applies mode to the box on a page: it says yes where the line
// asks first, and no where it records unless told otherwise. A box is never
// ticked beforehand (GDPR 4(11), CJEU C-673/17).
func DecideTick(mode Mode, ticked bool) Decision {
	d := Decide(mode, 0, true)
	if ticked {
		d = Decide(mode, consentKey, true)
	}
	switch d.Evidence {
	case ByKey:
		d.Evidence = ByTick
	case WithoutKey:
		d.Evidence = WithoutTick
	}
	return d
}

// Consent is one time a caller was told about recording and decided: what
// GDPR 7(1) asks to be able to show.
type Consent struct {
	Call       sotto.CallID
	Purpose    Kind
	Mode       Mode
	Outcome    Outcome
	Evidence   Evidence
	Notice     string   // which notice was played, a word or a number
	Locale     string   // the language it was played in
	NoticeHash [32]byte // SHA-256 of the very sound
	AskedAt    time.Time
	DecidedAt  time.Time
}

// allows reports whether c lets the call be recorded.
func (c Consent) allows() bool {
	return c.Outcome == Granted || c.Outcome == NotAsked && c.Mode == Always
}

func (c Consent) check() error {
	switch {
	case c.Purpose != Call && c.Purpose != Voicemail:
		return sotto.FailField("purpose", "The purpose of a consent is call or voicemail.")
	case !slices.Contains([]Mode{Always, OptIn, OptOut, Never}, c.Mode):
		return sotto.FailField("mode", "The mode of a consent is always, opt-in, opt-out or never.")
	case !slices.Contains([]Outcome{Granted, Refused, Withdrawn, NotAsked}, c.Outcome):
		return sotto.FailField("outcome", "The outcome of a consent is granted, refused, withdrawn or not-asked.")
	case !slices.Contains([]Evidence{ByKey, WithoutKey, ByRule, ByTick, WithoutTick}, c.Evidence):
		return sotto.FailField("evidence", "The evidence of a consent is key-3, no-key, tick, no-tick or rule.")
	case len(c.Notice) > 64 || len(c.Locale) > 16:
		return sotto.FailField("notice", "The notice and its language are named by a word.")
	case c.AskedAt.IsZero() || c.DecidedAt.IsZero():
		return sotto.FailField("decided_at", "A consent says when it was asked for and decided.")
	}
	return nil
}

// Consent writes down what the caller was told and decided. The last one of a
// call and purpose holds; none is ever changed. Start reads it.
func (rs *Recordings) Consent(tx *db.Tx, c Consent) (err error) {
	defer sotto.Wrap(&err, "recording.Consent(%d)", c.Call)
	if err := c.check(); err != nil {
		return err
	}
	_, err = tx.Exec(rs.q["InsertConsent"], tx.NewID(), int64(c.Call), string(c.Purpose), string(c.Mode), string(c.Outcome),
		string(c.Evidence), c.Notice, c.Locale, c.NoticeHash[:], db.Millis(c.AskedAt), db.Millis(c.DecidedAt))
	return err
}

// consented reports whether the last decision allows the call to be recorded.
func (rs *Recordings) consented(tx *db.Tx, call sotto.CallID, purpose Kind) (bool, error) {
	c, err := db.One(tx, scanConsent, rs.q["LastConsent"], int64(call), string(purpose))
	if errors.Is(err, db.ErrNone) {
		return false, nil
	}
	return err == nil && c.allows(), err
}

// Prove returns the consent a recording rests on: the notice, the language,
// the sound's hash, and the caller's act. NotFound when there is none, or no
// such recording.
func (rs *Recordings) Prove(ctx context.Context, id sotto.RecordingID) (c Consent, err error) {
	defer sotto.Wrap(&err, "recording.Prove(%d)", id)
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		r, err := rs.one(tx, id)
		if err != nil {
			return err
		}
		c, err = db.One(tx, scanConsent, rs.q["ConsentThatAllows"], int64(r.Call), string(r.Kind))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "There is no consent on record for this recording.")
		}
		return err
	})
	return c, err
}

func scanConsent(s db.Scanner) (c Consent, err error) {
	var hash []byte
	var asked, decided int64
	err = s.Scan((*int64)(&c.Call), &c.Purpose, &c.Mode, &c.Outcome, &c.Evidence, &c.Notice, &c.Locale, &hash, &asked, &decided)
	copy(c.NoticeHash[:], hash)
	c.AskedAt, c.DecidedAt = db.Time(asked), db.Time(decided)
	return c, err
}
