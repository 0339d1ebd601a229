package call

import (
	"context"
	"errors"
	"slices"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/media"
)

// Record is a call as it is written. Number and Name are empty when the
// caller was withheld, and once the caller is erased.
type Record struct {
	ID          sotto.CallID
	Line        sotto.LineID
	Person      sotto.PersonID
	Key         sotto.KeyID
	Agent       sotto.PersonID
	Ticket      sotto.TicketID
	Direction   Direction
	State       State
	InHours     bool
	Number      string
	Name        string
	Consent     string
	Voicemail   bool
	StartedAt   time.Time
	AnsweredAt  time.Time
	ConnectedAt time.Time
	EndedAt     time.Time // zero while it is under way
	Reason      Reason    // "" while it is under way
	Tally
}

// Tags are the words that a case gets from its calls, those that rules and
// reports look for in other voice desks: call_overflow, and where a caller who
// hung up was, as voice_abandoned_in_queue. None are kept: they follow from the
// calls.
func Tags(all []Record) (tags []string) {
	for _, r := range all {
		if r.Overflowed {
			tags = append(tags, "call_overflow")
		}
		switch word := r.Reason.Completion(); word {
		case "abandoned_in_ivr", "abandoned_in_queue", "abandoned_in_voicemail":
			tags = append(tags, "voice_"+word)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// Get returns a call; NotFound when there is none. It does not ask who
// looks: api does.
func (cc *Calls) Get(ctx context.Context, id sotto.CallID) (r Record, err error) {
	defer sotto.Wrap(&err, "call.Get(%d)", id)
	err = cc.db.Read(ctx, func(tx *db.Tx) error {
		r, err = db.One(tx, cc.scan, cc.q["Get"], int64(id))
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return r, sotto.Fail(sotto.NotFound, "There is no such call.")
	}
	return r, err
}

// Filter says which calls List returns: those that began from From up to but
// not including To, by id, after the call After.
type Filter struct {
	From, To time.Time // a zero To is no bound
	After    sotto.CallID
	Limit    int // at most 1000; 0 is 100
}

// List returns a page of calls, oldest first.
func (cc *Calls) List(ctx context.Context, f Filter) (page []Record, err error) {
	defer sotto.Wrap(&err, "call.List")
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 100
	}
	from, to := int64(0), int64(1<<62)
	if !f.From.IsZero() {
		from = db.Millis(f.From)
	}
	if !f.To.IsZero() {
		to = db.Millis(f.To)
	}
	err = cc.db.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, cc.scan, cc.q["List"], int64(f.After), from, to, f.Limit)
		return err
	})
	return page, err
}

// OfTicket returns the calls of a case, oldest first.
func (cc *Calls) OfTicket(ctx context.Context, id sotto.TicketID) (all []Record, err error) {
	defer sotto.Wrap(&err, "call.OfTicket(%d)", id)
	err = cc.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, cc.scan, cc.q["OfTicket"], int64(id))
		return err
	})
	return all, err
}

// Legs returns the parties' parts in a call that is over, in the order they
// ended.
func (cc *Calls) Legs(ctx context.Context, id sotto.CallID) (all []Leg, err error) {
	defer sotto.Wrap(&err, "call.Legs(%d)", id)
	err = cc.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanLeg, cc.q["Legs"], int64(id))
		return err
	})
	return all, err
}

func (cc *Calls) scan(s db.Scanner) (r Record, err error) {
	var id, inHours, voicemail, started, hold, consult, paused, wait, overdue, overflowed int64
	var line, who, key, agent, ticket, answered, connected, ended, queued, group *int64
	var direction, state, reason string
	var number, name keyring.Sealed
	if err := s.Scan(&id, &line, &who, &key, &agent, &ticket, &direction, &state, &inHours, &number, &name,
		&r.Consent, &voicemail, &started, &answered, &connected, &ended, &reason,
		&r.Holds, &hold, &consult, &r.Pauses, &paused, &queued, &wait, &overdue, &overflowed, &r.Callback, &group); err != nil {
		return r, err
	}
	r.ID, r.Line, r.Person, r.Key = sotto.CallID(id), sotto.LineID(db.Value(line)), sotto.PersonID(db.Value(who)), sotto.KeyID(db.Value(key))
	r.Agent, r.Ticket = sotto.PersonID(db.Value(agent)), sotto.TicketID(db.Value(ticket))
	r.Direction, r.State, r.Reason = Direction(direction), State(state), Reason(reason)
	r.InHours, r.Voicemail, r.StartedAt = inHours == 1, voicemail == 1, db.Time(started)
	r.AnsweredAt, r.ConnectedAt, r.EndedAt = db.TimeOrZero(answered), db.TimeOrZero(connected), db.TimeOrZero(ended)
	r.Hold, r.Consult, r.Paused = millis(hold), millis(consult), millis(paused)
	r.Queued, r.Wait, r.Overdue = db.TimeOrZero(queued), millis(wait), overdue == 1
	r.Overflowed, r.Group = overflowed == 1, sotto.GroupID(db.Value(group))
	if r.Number, err = cc.open(number, catalogue.CallFromNumber, id); err != nil {
		return r, err
	}
	r.Name, err = cc.open(name, catalogue.CallFromName, id)
	return r, err
}

// open reads a sealed text; what was forgotten reads as nothing.
func (cc *Calls) open(v keyring.Sealed, cell catalogue.Cell, id int64) (string, error) {
	text, err := cc.ring.OpenText(v, cell, id)
	if sotto.KindOf(err) == sotto.Gone && err != nil {
		return "", nil
	}
	return text, err
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func scanLeg(s db.Scanner) (l Leg, err error) {
	var kind, cause, part, issues string
	var who, by, answered, ended *int64
	var started, packets, lost, jitter, talk, hold, consult, wrapUp int64
	err = s.Scan(&kind, &who, &started, &answered, &ended, &cause, &packets, &lost, &jitter, &part, &by, &talk, &hold, &consult, &issues, &wrapUp)
	return Leg{
		Kind: LegKind(kind), Part: Part(part), Person: sotto.PersonID(db.Value(who)), By: sotto.PersonID(db.Value(by)), StartedAt: db.Time(started),
		AnsweredAt: db.TimeOrZero(answered), EndedAt: db.TimeOrZero(ended), Cause: leg.Cause(cause),
		Quality: media.Quality{Received: uint64(packets), Lost: uint64(lost), Jitter: time.Duration(jitter) * time.Microsecond},
		Talk:    millis(talk), Hold: millis(hold), Consult: millis(consult), Issues: IssuesOf(issues), WrapUp: millis(wrapUp),
	}, err
}
