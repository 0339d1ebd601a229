package queue

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/obs"
)

//go:embed queue.sql
var statements string

// A promise to call back is given up after keepPromise, and after maxAttempts
// calls that nobody answered, retryAfter apart.
const (
	keepPromise = 3 * 24 * time.Hour
	maxAttempts = 3
	retryAfter  = 10 * time.Minute
)

// Source is how a promise to call back came about.
type Source string

// The sources.
const (
	FromQueue Source = "queue" // the caller left the line and kept the place
	FromAPI   Source = "api"   // a program asked
)

// Caller is whom to call back. Person is 0 for a number that is nobody's; Key
// is what the number is sealed under.
type Caller struct {
	Person sotto.PersonID
	Key    sotto.KeyID
	Number string
}

// Callback is a promise to call back whose turn has come: its agent is taken
// and to be rung. Ring the agent, say Accepted, Declined or Missed; after
// Accepted call the number and say Kept or NotReached. The agent is freed by
// whoever accepted (agent.Agents.Finish).
type Callback struct {
	ID       sotto.CallbackID
	Line     sotto.LineID
	Call     sotto.CallID // the call that was left; 0 for none
	Source   Source
	Who      Caller
	Attempts int // calls before this one that were not answered
	Offer

	place *Place
}

// Promise turns a place into a promise to call back, which keeps its turn and
// outlives a restart. An open offer is taken back, as by Leave. When it fails
// the caller waits on.
func (p *Place) Promise(ctx context.Context, who Caller) (id sotto.CallbackID, err error) {
	defer sotto.Wrap(&err, "queue.Promise(%d)", p.call())
	p.q.mu.Lock()
	d, since, over := p.demand, p.since, p.over
	p.q.mu.Unlock()
	if over != "" {
		return 0, sotto.Fail(sotto.Conflict, "The caller waits no more.")
	}
	if id, err = p.q.promise(ctx, d, FromQueue, since, func(*db.Tx) (Caller, error) { return who, nil }, nil); err != nil {
		return 0, err
	}
	p.Leave()
	return id, nil
}

func (p *Place) call() sotto.CallID {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	return p.demand.Call
}

// Request promises to call a number back, for a program. Whether the number may
// be called is the dial gate's to say, when its turn has come.
func (q *Queue) Request(ctx context.Context, actor sotto.Actor, d Demand, number string) (id sotto.CallbackID, err error) {
	defer sotto.Wrap(&err, "queue.Request")
	if !actor.IsStaff() {
		return 0, sotto.Fail(sotto.Denied, "Only staff may ask for a callback.")
	}
	number, err = q.people.Number(number)
	if err != nil {
		return 0, err
	}
	d.Call = 0
	identify := func(tx *db.Tx) (Caller, error) {
		person, key, err := q.people.Identify(tx, number, "", "")
		if err == nil {
			err = q.people.Live(tx, person)
		}
		return Caller{person, key, number}, err
	}
	return q.promise(ctx, d, FromAPI, q.db.Now(), identify, func(tx *db.Tx, id int64, who Caller) error {
		return q.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Queue, SourceID: id, Person: who.Person})
	})
}

// promise writes the row and puts the place into the line.
func (q *Queue) promise(ctx context.Context, d Demand, source Source, since time.Time, who func(*db.Tx) (Caller, error), also func(*db.Tx, int64, Caller) error) (sotto.CallbackID, error) {
	if d.Ring <= 0 {
		d.Ring = defaultRing
	}
	var row int64
	err := q.db.Write(ctx, func(tx *db.Tx) error {
		if known, err := tx.Has(q.q["LiveLine"], int64(d.Line)); err != nil || !known {
			return errors.Join(err, sotto.FailField("phone_number_id", "There is no such line."))
		}
		c, err := who(tx)
		if err != nil {
			return err
		}
		if c.Person != 0 {
			if err := q.people.Live(tx, c.Person); err != nil {
				return err
			}
		}
		row = tx.NewID()
		number, err := q.ring.SealText(c.Key, catalogue.CallbackNumber, row, c.Number)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(q.q["Insert"], row, int64(d.Line), db.OrNull(d.Call), db.OrNull(c.Person), db.OrNull(c.Key), number,
			db.Bit(d.Priority), db.OrNull(d.Agent), d.SecondaryAfter.Milliseconds(), d.RelaxAfter.Milliseconds(), d.Ring.Milliseconds(),
			string(d.Turn), string(source), db.Millis(since), db.Millis(tx.Now.Add(keepPromise))); err != nil {
			return err
		}
		if err := q.putWants(tx, row, d); err != nil || also == nil {
			return err
		}
		return also(tx, row, c)
	})
	if err != nil {
		return 0, err
	}
	d.Wait, d.Size, d.NoWait, d.Overflow = 0, 0, false, false
	q.join(d, spot{since: since, callback: sotto.CallbackID(row), source: source})
	return sotto.CallbackID(row), nil
}

// The kinds of what a promise waits for.
const (
	wantGroup     = "group"
	wantSecondary = "secondary"
	wantSkill     = "skill"
)

func (q *Queue) putWants(tx *db.Tx, row int64, d Demand) error {
	put := func(kind string, ref int64) error {
		_, err := tx.Exec(q.q["InsertWant"], tx.NewID(), row, kind, ref)
		return err
	}
	var errs []error
	for _, g := range d.Groups {
		errs = append(errs, put(wantGroup, int64(g)))
	}
	for _, g := range d.Secondary {
		errs = append(errs, put(wantSecondary, int64(g)))
	}
	for _, k := range d.Skills {
		errs = append(errs, put(wantSkill, int64(k)))
	}
	return errors.Join(errs...)
}

// Restore puts the promises of before a restart back into the line. Call it
// once, before Handle.
func (q *Queue) Restore(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "queue.Restore")
	var kept []*Place
	err = q.db.Read(ctx, func(tx *db.Tx) error {
		kept = nil
		by := map[sotto.CallbackID]*Place{}
		if err := db.Each(tx, func(s db.Scanner) error {
			p, err := scanPlace(s)
			kept, by[p.callback] = append(kept, p), p
			return err
		}, q.q["Waiting"], db.Millis(tx.Now)); err != nil {
			return err
		}
		return db.Each(tx, func(s db.Scanner) error {
			var id, ref int64
			var kind string
			err := s.Scan(&id, &kind, &ref)
			if p := by[sotto.CallbackID(id)]; p != nil {
				p.demand.want(kind, ref)
			}
			return err
		}, q.q["Wants"])
	})
	for _, p := range kept {
		q.join(p.demand, p.spot)
	}
	return err
}

func (d *Demand) want(kind string, ref int64) {
	switch kind {
	case wantGroup:
		d.Groups = append(d.Groups, sotto.GroupID(ref))
	case wantSecondary:
		d.Secondary = append(d.Secondary, sotto.GroupID(ref))
	case wantSkill:
		d.Skills = append(d.Skills, sotto.SkillID(ref))
	}
}

func scanPlace(s db.Scanner) (*Place, error) {
	p := &Place{}
	var priority, secondary, relax, ring, since int64
	d := &p.demand
	err := s.Scan((*int64)(&p.callback), (*int64)(&d.Line), (*int64)(&d.Call), &priority, (*int64)(&d.Agent), &secondary, &relax, &ring,
		(*string)(&d.Turn), (*string)(&p.source), &since)
	d.Priority, p.since = priority == 1, db.Time(since)
	for to, ms := range map[*time.Duration]int64{&d.SecondaryAfter: secondary, &d.RelaxAfter: relax, &d.Ring: ring} {
		*to = time.Duration(ms) * time.Millisecond
	}
	return p, err
}

// Handle says who carries out promises to call back; until then they wait. f
// runs in a goroutine of the queue's, which Stop waits for; its context ends
// with Stop. Call it once.
func (q *Queue) Handle(f func(context.Context, *Callback)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.callBack, q.room.callsBack = f, true
	q.poke()
}

// carryOut runs the handler for an offer that was made to a promise; q.mu is
// held.
func (q *Queue) carryOut(p *Place, o Offer) {
	f, no := q.callBack, q.room.turns
	q.work.Go(func() {
		ctx, cancel := context.WithCancel(q.stopping)
		defer cancel()
		defer func() { // what was not settled is put back
			if v := recover(); v != nil {
				e := obs.Recovered(v)
				q.log.Error("queue: panic in a callback", "err", e, "stack", e.Stack)
			}
			p.putBack(no)
		}()
		c, err := q.load(ctx, p, o)
		if err != nil {
			if kind := sotto.KindOf(err); kind == sotto.NotFound || kind == sotto.Gone {
				p.Leave() // kept, given up or erased meanwhile
				return
			}
			q.log.Error("queue: a promise to call back cannot be read; it is tried again", "err", err)
			return
		}
		f(ctx, c)
	})
}

// putBack frees an agent of whom the handler said nothing: the offer of that
// number, and no later one.
func (p *Place) putBack(no int64) {
	p.q.settle(func(r *room) sotto.PersonID {
		if r.last[p.offered] != no {
			return 0
		}
		return r.refused(p, time.Now())
	})
}

func (q *Queue) load(ctx context.Context, p *Place, o Offer) (*Callback, error) {
	c := &Callback{ID: p.callback, Line: p.demand.Line, Call: p.demand.Call, Source: p.source, Offer: o, place: p}
	err := q.db.Read(ctx, func(tx *db.Tx) error {
		var sealed keyring.Sealed
		_, err := db.One(tx, func(s db.Scanner) (struct{}, error) {
			var attempts int64
			err := s.Scan((*int64)(&c.Who.Person), (*int64)(&c.Who.Key), &sealed, &attempts)
			c.Attempts = int(attempts)
			return struct{}{}, err
		}, q.q["Load"], int64(p.callback), db.Millis(tx.Now))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "There is no such callback.")
		}
		if err != nil {
			return err
		}
		c.Who.Number, err = q.ring.OpenText(sealed, catalogue.CallbackNumber, int64(p.callback))
		return err
	})
	return c, err
}

// Accepted says that the agent took the callback; the agent is on a call from
// now on. The promise stays written until Kept.
func (c *Callback) Accepted() { c.place.Accepted() }

// Declined says that the agent refused; another is looked for.
func (c *Callback) Declined() { c.place.Declined() }

// Missed says that the agent did not answer; another is looked for.
func (c *Callback) Missed() { c.place.Missed() }

// Kept forgets the promise: the caller was reached, or may not be called. An
// agent who was not rung yet is free again.
func (c *Callback) Kept(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "queue.Kept(%d)", c.ID)
	c.place.Leave()
	return c.place.q.forget(ctx, c.ID)
}

// NotReached says that the caller did not answer, or may not be called just now;
// an agent who was not rung yet is free again. The promise is tried again
// later at the place it has, three times in all.
func (c *Callback) NotReached(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "queue.NotReached(%d)", c.ID)
	c.place.Leave()
	q := c.place.q
	if c.Attempts+1 >= maxAttempts {
		return q.forget(ctx, c.ID)
	}
	if err := q.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q.q["Attempt"], int64(c.ID))
		return err
	}); err != nil {
		return err
	}
	q.mu.Lock()
	was := c.place.spot
	q.mu.Unlock()
	q.join(was.demand, spot{since: was.since, callback: was.callback, source: was.source, notBefore: time.Now().Add(retryAfter)})
	return nil
}

func (q *Queue) forget(ctx context.Context, id sotto.CallbackID) error {
	return q.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q.q["Delete"], int64(id))
		return err
	})
}

// Expire gives up promises that are too old and returns how many.
func (q *Queue) Expire(ctx context.Context) (n int, err error) {
	defer sotto.Wrap(&err, "queue.Expire")
	var old []int64
	err = q.db.Write(ctx, func(tx *db.Tx) error {
		if old, err = db.All(tx, db.Int, q.q["Expired"], db.Millis(tx.Now)); err != nil {
			return err
		}
		for _, id := range old {
			if _, err := tx.Exec(q.q["Delete"], id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	gone := map[sotto.CallbackID]bool{}
	for _, id := range old {
		gone[sotto.CallbackID(id)] = true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room.takeOut(Left, func(p *Place) bool { return gone[p.callback] })
	return len(old), nil
}
