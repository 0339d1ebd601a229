// Package queue is the callers who wait, and whose turn it is: it offers the
// caller at the head to the agent whose turn it is among those who may take
// the call, one agent to one caller at a time.
//
// It owns the tables callback and callback_want: a place may be kept without a
// call, as a promise to call back. Who waits on the line is in memory: it is
// over when the process is. One goroutine makes all offers; callers join, take
// offers and leave. It rings nobody and plays nothing: package flow does, and
// says what came of an offer. demand.go says who may take a call, room.go who
// is next; both are plain data.
package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/db"
	"sotto/keyring"
	"sotto/obs"
	"sotto/person"
)

// lookUp is how long the queue waits for the agents' table.
const lookUp = 5 * time.Second

// Config is what a queue is made with. Pause and Log may be zero.
type Config struct {
	DB     *db.DB
	Ring   *keyring.Ring
	People *person.People
	Audit  *audit.Log
	Agents *agent.Agents
	// Pause is how long a caller whom every free agent refused is not offered
	// to them again; 0 is 5 s.
	Pause time.Duration
	Log   *slog.Logger
}

// Queue is the callers who wait. Its methods may be called from any
// goroutine and return at once, also while the database does not answer.
type Queue struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	audit  *audit.Log
	q      db.Queries
	agents *agent.Agents
	log    *slog.Logger
	wake   chan struct{} // something changed: look who can be offered to whom
	over   chan struct{}

	stopping context.Context // ends with Stop
	stop     context.CancelFunc
	work     sync.WaitGroup // callbacks that are carried out

	mu       sync.Mutex // guards what is below
	room     room
	wrapped  time.Time // when the first wrap-up ends
	callBack func(context.Context, *Callback)
}

// Offer is one agent to be rung for one caller. The agent is kept from
// everyone else until the place says what came of it.
type Offer struct {
	agent.Candidate
	Ring time.Duration // how long to ring at most
}

// Place is one caller's place. Its methods may be called from any goroutine.
type Place struct {
	q      *Queue
	offers chan Offer
	ended  chan struct{} // closed when the queue ended the place

	spot // guarded by Queue.mu
}

// New starts a queue. Stop ends it.
func New(cfg Config) *Queue {
	if cfg.Pause == 0 {
		cfg.Pause = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		db: cfg.DB, ring: cfg.Ring, people: cfg.People, audit: cfg.Audit, q: db.Parse(statements),
		agents: cfg.Agents, log: cfg.Log, wake: make(chan struct{}, 1), over: make(chan struct{}),
		room: newRoom(cfg.Pause),
	}
	q.stopping, q.stop = context.WithCancel(context.Background())
	go q.run()
	return q
}

// Stop ends the queue and waits for its goroutines. Places get no more offers.
// The second call does nothing.
func (q *Queue) Stop() {
	q.stop()
	<-q.over
	q.work.Wait()
}

// Join puts a call into the line, behind those who wait already, or before
// them if it has priority. Leave the place. It may be over at once: look at
// Over too.
func (q *Queue) Join(d Demand) *Place { return q.join(d, spot{since: time.Now()}) }

// Rejoin puts a call whose agent was lost back at the head of the line. Its
// longest wait begins anew; what it has waited already counts for the rest.
func (q *Queue) Rejoin(p *Place) *Place {
	q.mu.Lock()
	was := p.spot
	q.mu.Unlock()
	return q.join(was.demand, spot{since: was.since, head: true})
}

func (q *Queue) join(d Demand, s spot) *Place {
	if d.Ring <= 0 {
		d.Ring = defaultRing
	}
	s.demand = d
	if d.Wait > 0 {
		s.deadline = time.Now().Add(d.Wait)
	}
	p := &Place{q: q, offers: make(chan Offer, 1), ended: make(chan struct{}), spot: s}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room.join(p)
	if p.over != "" {
		close(p.ended)
	}
	q.poke()
	return p
}

// Offers gets the agents to be rung, one at a time: the next comes after
// Declined or Missed.
func (p *Place) Offers() <-chan Offer { return p.offers }

// Over is closed when the queue has ended the place: the longest wait is over,
// the line's queue is full, or nobody is there. It is not closed by Accepted
// and Leave, nor while an offer is open.
func (p *Place) Over() <-chan struct{} { return p.ended }

// End returns how the place ended; "" while it has not.
func (p *Place) End() End {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	return p.over
}

// Declined says that the agent offered refused the call: the agent is free
// again and another is looked for.
func (p *Place) Declined() { p.refused(p.q.agents.Denied) }

// Missed says that the agent offered did not answer, and could have: it counts
// towards being sent away. Apart from that it is Declined.
func (p *Place) Missed() { p.refused(p.q.agents.Missed) }

func (p *Place) refused(count func(sotto.PersonID)) {
	p.q.settle(func(r *room) sotto.PersonID {
		id := r.refused(p, time.Now())
		if id != 0 {
			count(id)
		}
		return id
	})
}

// Accepted says that the agent offered took the call. The place is over; the
// agent stays taken until agent.Agents.Finish or Free.
func (p *Place) Accepted() {
	p.q.settle(func(r *room) sotto.PersonID {
		if p.offered != 0 {
			r.answered(p, time.Now())
			p.q.agents.Accepted(r.leave(p, Answered))
		}
		return 0
	})
}

// Leave ends the place. An offer that is open is taken back: whoever was
// ringing the agent has stopped. After Accepted, and twice, it does nothing.
func (p *Place) Leave() { p.q.settle(func(r *room) sotto.PersonID { return r.leave(p, Left) }) }

// settle changes the room and frees the agent that f returns, if any.
func (q *Queue) settle(f func(*room) sotto.PersonID) {
	q.mu.Lock()
	free := f(&q.room)
	q.poke()
	q.mu.Unlock()
	if free != 0 {
		q.agents.Free(free, false)
	}
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Waiting is one caller who waits.
type Waiting struct {
	Call     sotto.CallID
	Callback sotto.CallbackID // 0 for a caller on the line
	Line     sotto.LineID
	For      time.Duration
	Offered  sotto.PersonID // who is rung for the call now; 0 for nobody
}

// Waiting returns who waits, in the order they are served.
func (q *Queue) Waiting() (all []Waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.room.places {
		all = append(all, Waiting{p.demand.Call, p.callback, p.demand.Line, time.Since(p.since), p.offered})
	}
	return all
}

// run makes offers until Stop.
func (q *Queue) run() {
	defer close(q.over)
	changed, stop := q.agents.Watch()
	defer stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if d := q.next(); d > 0 {
			timer.Reset(d)
		}
		select {
		case <-q.wake:
		case <-changed:
		case <-timer.C:
		case <-q.stopping.Done():
			q.guard(q.write)
			return
		}
		q.guard(q.offer)
		q.guard(q.write)
	}
}

func (q *Queue) next() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.room.next(time.Now())
	if wrapped := time.Until(q.wrapped); d > 0 && wrapped > 0 {
		d = min(d, wrapped)
	}
	return d
}

// offer ends the places whose time is over and makes the offers there are to
// make. An agent who becomes busy between the look-up and the offer is not
// taken, and one who goes away is rung in vain and declines.
func (q *Queue) offer() {
	q.mu.Lock()
	q.close(q.room.expire(time.Now()))
	idle := q.room.next(time.Now()) == 0
	q.mu.Unlock()
	if idle {
		return // nobody waits for an offer
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUp)
	defer cancel()
	there, err := q.agents.Roster(ctx)
	if err != nil {
		q.log.Error("queue: the agents cannot be looked up; callers go on waiting", "err", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wrapped = there.Next
	now := time.Now()
	q.close(q.room.desert(there.Agents, now))
	for _, m := range q.room.match(there.Agents, now) {
		if !q.agents.Take(m.to.Person) {
			continue
		}
		q.room.offer(m.place, m.to.Person)
		ring := m.place.demand.Ring
		if at := m.place.deadline; !at.IsZero() {
			ring = min(ring, max(at.Sub(now), 0))
		}
		if m.place.callback != 0 {
			q.carryOut(m.place, Offer{m.to, ring})
			continue
		}
		m.place.offers <- Offer{m.to, ring} // there is room: the last offer was answered
	}
	q.close(q.room.crowd())
}

// close tells the places that the queue has ended them.
func (q *Queue) close(places []*Place) {
	for _, p := range places {
		close(p.ended)
	}
}

// write brings to the tables what the agents' memory owes them.
func (q *Queue) write() {
	ctx, cancel := context.WithTimeout(context.Background(), lookUp)
	defer cancel()
	if err := q.agents.Settle(ctx); err != nil {
		q.log.Error("queue: the agents' figures cannot be written; they are kept for later", "err", err)
	}
}

// guard runs f; a panic costs what f did and nothing else.
func (q *Queue) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			e := obs.Recovered(p)
			q.log.Error("queue: panic", "err", e, "stack", e.Stack)
		}
	}()
	f()
}
