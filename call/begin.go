package call

import (
	"context"
	"strings"
	"unicode"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg"
)

// Arrival is what is known when a call rings.
type Arrival struct {
	Direction Direction    // "" is Inbound
	Caller    leg.Caller   // who calls; of an outgoing call, who is called
	Line      sotto.LineID // 0 when the number is nobody's
	Locale    string       // the language of a caller we do not know yet
	InHours   bool
	// Follow is told each time the call has come further or a decision about
	// recording was taken. It must not wait, nor call the Call. nil is not told.
	Follow func(s State, consent string)
}

// who is whose call it is.
type who struct {
	person       sotto.PersonID
	key          sotto.KeyID
	number, name string
}

// Begin writes that a call rings and returns it. When it returns nil the row
// is on the disk, so the call may be answered. A number becomes a person here.
//
// The caller is nobody when the number is withheld, is no number, or is that
// of a person being erased; about the last nothing is kept, not even the
// number. A call to a number that is no line's has no caller either, and an
// emergency number is nobody's.
func (cc *Calls) Begin(ctx context.Context, a Arrival) (c *Call, err error) {
	defer sotto.Wrap(&err, "call.Begin")
	cc.Settle(ctx)
	for _, identify := range cc.ways(a) {
		c, err = cc.begin(ctx, a, identify)
		if kind := sotto.KindOf(err); err == nil || kind != sotto.Conflict && kind != sotto.Gone && kind != sotto.Invalid {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	cc.mu.Lock()
	cc.live[c.ID] = c
	cc.mu.Unlock()
	cc.active.Add(1)
	return c, nil
}

// ways are how to find out whose call it is, the best first; the next is
// tried when one is refused. Conflict means that the number became a person
// in the same moment, or belongs to one who is being erased: a second look
// tells which.
func (cc *Calls) ways(a Arrival) []func(*db.Tx) (who, error) {
	nobody := func(*db.Tx) (who, error) { return who{}, nil }
	if a.Line == 0 {
		return []func(*db.Tx) (who, error){nobody}
	}
	number, name := clean(a.Caller.Number), clean(a.Caller.Name)
	if a.Caller.Withheld {
		return []func(*db.Tx) (who, error){cc.stranger("", "")}
	}
	if number == "" {
		return []func(*db.Tx) (who, error){cc.stranger("", name)} // a name alone is nobody's either
	}
	known := func(tx *db.Tx) (who, error) {
		id, key, err := cc.people.Identify(tx, number, name, a.Locale)
		if err == nil {
			err = cc.people.Live(tx, id)
		}
		return who{id, key, number, name}, err
	}
	short := a.Direction == Outbound && !strings.HasPrefix(number, "+")
	if short || strings.Trim(number, "+0123456789()-. ") != "" {
		return []func(*db.Tx) (who, error){cc.stranger(number, name)} // a SIP user name or an emergency number is nobody's own
	}
	return []func(*db.Tx) (who, error){known, known, cc.stranger("", "")}
}

// stranger is a caller who is nobody: a key for this call alone, so that its
// sound can be forgotten too.
func (cc *Calls) stranger(number, name string) func(*db.Tx) (who, error) {
	return func(*db.Tx) (who, error) {
		key, err := cc.ring.NewKey()
		return who{key: key, number: number, name: name}, err
	}
}

func (cc *Calls) begin(ctx context.Context, a Arrival, identify func(*db.Tx) (who, error)) (*Call, error) {
	if a.Direction == "" {
		a.Direction = Inbound
	}
	var c *Call
	err := cc.db.Write(ctx, func(tx *db.Tx) error {
		w, err := identify(tx)
		if err != nil {
			return err
		}
		c = &Call{
			ID: sotto.CallID(tx.NewID()), Direction: a.Direction, Line: a.Line, Person: w.person, Key: w.key, InHours: a.InHours, StartedAt: tx.Now,
			caller: leg.Caller{Number: w.number, Name: w.name, Withheld: w.number == ""}, state: Ringing, follow: a.Follow,
		}
		number, err := cc.seal(c, catalogue.CallFromNumber, w.number)
		if err != nil {
			return err
		}
		name, err := cc.seal(c, catalogue.CallFromName, w.name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(cc.q["Insert"], int64(c.ID), db.OrNull(c.Line), db.OrNull(c.Person), db.OrNull(c.Key), string(a.Direction),
			string(Ringing), db.Bit(c.InHours), number, name, db.Millis(tx.Now))
		return err
	})
	return c, err
}

func (cc *Calls) seal(c *Call, cell catalogue.Cell, text string) (keyring.Sealed, error) {
	if text == "" {
		return keyring.Sealed{}, nil
	}
	return cc.ring.SealText(c.Key, cell, int64(c.ID), text)
}

// clean bounds what a network says about a caller, and takes out what is not
// seen: control characters, and marks that turn the direction of a text.
func clean(text string) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
	if len(text) > 255 {
		return ""
	}
	return text
}
