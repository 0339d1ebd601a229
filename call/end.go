package call

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

// Connect notes and writes that an agent is on. also runs first in the same
// transaction, for what belongs to it (the ticket); it may be nil. A call is
// connected whatever the disk says: if also fails it is written without it,
// if the disk fails with the end of the call, and the error is returned. It
// fails with sotto.Conflict when the call is over.
func (cc *Calls) Connect(ctx context.Context, c *Call, agent sotto.PersonID, also func(*db.Tx) error) (err error) {
	defer sotto.Wrap(&err, "call.Connect(%d)", c.ID)
	if !c.connect(agent, cc.db.Now()) {
		return sotto.Fail(sotto.Conflict, "The call is over.")
	}
	if err = cc.writeConnect(ctx, c, also); err != nil && also != nil {
		err = errors.Join(err, cc.writeConnect(ctx, c, nil))
	}
	return err
}

// connect brings the call into the state; false when it is over.
func (c *Call) connect(agent sotto.PersonID, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Ended {
		return false
	}
	c.state, c.agent, c.connected = Connected, agent, now
	c.tell()
	return true
}

func (cc *Calls) writeConnect(ctx context.Context, c *Call, also func(*db.Tx) error) error {
	return cc.db.Write(ctx, func(tx *db.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		r := c.row()
		_, err := tx.Exec(cc.q["Connect"], int64(c.ID), string(Connected), r.agent, r.consent, r.answered, r.connected)
		return err
	})
}

// SetTicket writes which case a call belongs to, in the caller's transaction.
func (cc *Calls) SetTicket(tx *db.Tx, id sotto.CallID, ticket sotto.TicketID) error {
	if _, err := tx.Exec(cc.q["SetTicket"], int64(id), db.OrNull(ticket)); err != nil {
		return err
	}
	tx.After(func() {
		cc.mu.Lock()
		c := cc.live[id]
		cc.mu.Unlock()
		if c != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.ticket = ticket
		}
	})
	return nil
}

// ending is the end of a call as it is written.
type ending struct {
	call   *Call
	reason Reason
	at     time.Time
	row    row
	legs   []Leg
	also   func(*db.Tx) error // what is to be written with it; nil for nothing
	tries  int                // how often also failed where the end alone was taken
}

// maxTries is how often what goes with an end is tried again beside calls that
// begin and end.
const maxTries = 20

// row is what changes during a call.
type row struct {
	agent     any
	consent   string
	voicemail int64
	answered  any
	connected any
	tally     Tally
}

func (c *Call) row() row {
	c.mu.Lock()
	defer c.mu.Unlock()
	return row{
		agent: db.OrNull(c.agent), consent: c.consent, voicemail: db.Bit(c.voicemail),
		answered: db.MillisOrNull(c.answered), connected: db.MillisOrNull(c.connected),
		tally: c.tally,
	}
}

// End writes when and why the call ended, its legs, and in the same
// transaction what also adds (the ticket); also may be nil. Only the first
// End of a call counts: the others do nothing and return nil.
//
// A call ends whatever happens. If also fails it is tried once more, since two
// transactions may have met; then the end is written without it, and also's
// error is returned. What the database did not take, the end or also, is tried
// again with each Begin and End that follows, so also must be right later too;
// Recover ends the call after a restart. ctx may be done already.
func (cc *Calls) End(ctx context.Context, c *Call, why Reason, also func(*db.Tx) error) (err error) {
	defer sotto.Wrap(&err, "call.End(%d)", c.ID)
	if why.Fault() == "" {
		why = Failed // not of the list: our fault
	}
	if !c.close() {
		return nil
	}
	cc.mu.Lock()
	delete(cc.live, c.ID)
	cc.mu.Unlock()
	cc.active.Add(-1)
	cc.ended.Add(1, string(why))
	ctx = context.WithoutCancel(ctx)
	e := ending{call: c, reason: why, at: cc.db.Now(), row: c.row(), legs: c.allLegs(), also: also}
	if err = cc.write(ctx, e, also); err != nil && also != nil && sotto.KindOf(err) == sotto.Internal {
		err = cc.write(ctx, e, also)
	}
	if err == nil {
		cc.Settle(ctx)
		return nil
	}
	alone := cc.write(ctx, e, nil)
	cc.mu.Lock()
	cc.owed = append(cc.owed, e)
	cc.mu.Unlock()
	return errors.Join(err, alone)
}

// close makes the call ended; false when it was.
func (c *Call) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Ended {
		return false
	}
	c.state = Ended
	return true
}

func (c *Call) allLegs() []Leg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.legs
}

// write brings an end to the disk. also comes first, because it may hold the
// person's row, which erasure holds before the call's.
func (cc *Calls) write(ctx context.Context, e ending, also func(*db.Tx) error) error {
	return cc.db.Write(ctx, func(tx *db.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		id := int64(e.call.ID)
		n, err := tx.Exec(cc.q["End"], id, string(Ended), e.row.agent, e.row.consent, e.row.voicemail, e.row.answered, e.row.connected,
			db.Millis(e.at), string(e.reason), e.row.tally.Holds, e.row.tally.Hold.Milliseconds(), e.row.tally.Consult.Milliseconds(),
			e.row.tally.Pauses, e.row.tally.Paused.Milliseconds(),
			db.MillisOrNull(e.row.tally.Queued), e.row.tally.Wait.Milliseconds(), db.Bit(e.row.tally.Overdue),
			db.Bit(e.row.tally.Overflowed), e.row.tally.Callback, db.OrNull(e.row.tally.Group))
		if err != nil || n == 0 {
			return err
		}
		for _, l := range e.legs {
			if err := cc.writeLeg(tx, id, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (cc *Calls) writeLeg(tx *db.Tx, id int64, l Leg) error {
	if l.Part == "" {
		l.Part = ByLine
		if l.Kind == AgentLeg {
			l.Part = ByOffer
		}
	}
	_, err := tx.Exec(cc.q["InsertLeg"], tx.NewID(), id, db.OrNull(l.Person), string(l.Kind), db.Millis(l.StartedAt),
		db.MillisOrNull(l.AnsweredAt), db.MillisOrNull(l.EndedAt), string(l.Cause),
		int64(l.Quality.Received), int64(l.Quality.Lost), l.Quality.Jitter.Microseconds(),
		string(l.Part), db.OrNull(l.By), l.Talk.Milliseconds(), l.Hold.Milliseconds(), l.Consult.Milliseconds(),
		words(l), l.WrapUp.Milliseconds())
	return err
}

// Settle writes the ends that are owed, if there are any, each with what goes
// with it. What fails again stays owed. Begin and End do it too.
func (cc *Calls) Settle(ctx context.Context) {
	cc.mu.Lock()
	owed := cc.owed
	cc.owed = nil
	cc.mu.Unlock()
	var still []ending
	for i, e := range owed {
		err := cc.write(ctx, e, e.also)
		if err != nil && cc.write(ctx, e, nil) != nil {
			still = append(still, owed[i:]...) // the database takes nothing
			break
		}
		if e.tries++; err != nil && e.tries < maxTries {
			still = append(still, e)
		}
	}
	cc.mu.Lock()
	defer cc.mu.Unlock()
	cc.owed = append(still, cc.owed...)
}

// Owed returns how many ends are not on the disk yet.
func (cc *Calls) Owed() int {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	return len(cc.owed)
}

// Recover ends the calls that a stop without warning left open, at the last
// moment something is known of each, and returns them. also writes what
// follows from such an end, in the transaction that writes it, so that another
// stop in between loses neither; it may be nil. Call Recover once, before the
// first Begin.
func (cc *Calls) Recover(ctx context.Context, also func(*db.Tx, Record) error) (found []Record, err error) {
	defer sotto.Wrap(&err, "call.Recover")
	if err = cc.db.Write(ctx, func(tx *db.Tx) error {
		if found, err = db.All(tx, cc.scan, cc.q["Open"]); err != nil {
			return err
		}
		_, err = tx.Exec(cc.q["CutMonitoring"])
		return err
	}); err != nil {
		return nil, err
	}
	for i := range found {
		r := &found[i]
		r.State, r.Reason, r.EndedAt = Ended, Crashed, latest(r.StartedAt, r.AnsweredAt, r.ConnectedAt)
		if err := cc.db.Write(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(cc.q["Crash"], int64(r.ID), string(Ended), db.Millis(r.EndedAt), string(Crashed)); err != nil || also == nil {
				return err
			}
			return also(tx, *r)
		}); err != nil {
			return found[:i], err
		}
	}
	if len(found) > 0 {
		cc.ended.Add(float64(len(found)), string(Crashed))
		cc.log.Warn("calls were cut off when the desk stopped", "count", len(found))
	}
	return found, nil
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
