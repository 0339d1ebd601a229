// Package queue is the callers who wait: it offers the longest waiting to the
// longest idle agent, one agent to one caller at a time.
//
// It owns no table: who waits is over when the process is. One goroutine
// makes all offers; callers join, take offers and leave. It rings nobody and
// plays nothing: package flow does, and says what came of an offer. How long a
// caller waits and an agent is rung is flow's business too.
package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/obs"
)

// lookUp is how long the queue waits for the agents' table.
const lookUp = 5 * time.Second

// Config is what a queue is made with. Pause and Log may be zero.
type Config struct {
	Agents *agent.Agents
	// Pause is how long a caller whom every idle agent refused is not offered
	// to them again; 0 is 5 s.
	Pause time.Duration
	Log   *slog.Logger
}

// Queue is the callers who wait. Its methods may be called from any
// goroutine and return at once, also while the database does not answer.
type Queue struct {
	agents *agent.Agents
	log    *slog.Logger
	wake   chan struct{} // something changed: look who can be offered to whom
	quit   chan struct{}
	over   chan struct{}
	once   sync.Once

	mu   sync.Mutex
	room room // guarded by mu
}

// Offer is one agent to be rung for one caller. The agent is kept from
// everyone else until the place says what came of it.
type Offer struct{ agent.Candidate }

// Place is one caller's place. Its methods may be called from any goroutine.
type Place struct {
	q      *Queue
	call   sotto.CallID
	since  time.Time
	offers chan Offer

	// guarded by Queue.mu
	offered sotto.PersonID
	tried   map[sotto.PersonID]bool
	again   time.Time
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
		agents: cfg.Agents, log: cfg.Log, wake: make(chan struct{}, 1), quit: make(chan struct{}), over: make(chan struct{}),
		room: room{pause: cfg.Pause},
	}
	go q.run()
	return q
}

// Stop ends the queue and waits for its goroutine. Places get no more offers.
// The second call does nothing.
func (q *Queue) Stop() {
	q.once.Do(func() { close(q.quit) })
	<-q.over
}

// Join puts a call at the end of the line. Leave it.
func (q *Queue) Join(id sotto.CallID) *Place {
	p := &Place{q: q, call: id, since: time.Now(), offers: make(chan Offer, 1), tried: map[sotto.PersonID]bool{}}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room.join(p)
	q.poke()
	return p
}

// Offers gets the agents to be rung, one at a time: the next comes after
// Declined.
func (p *Place) Offers() <-chan Offer { return p.offers }

// Declined says that the agent offered did not take the call: the agent is
// free again and another is looked for.
func (p *Place) Declined() {
	p.q.settle(func(r *room) sotto.PersonID { return r.declined(p, time.Now()) })
}

// Accepted says that the agent offered took the call. The place is over; the
// agent stays taken until agent.Agents.Free.
func (p *Place) Accepted() {
	p.q.settle(func(r *room) sotto.PersonID { r.leave(p); return 0 })
}

// Leave ends the place. An offer that is open is taken back: whoever was
// ringing the agent has stopped. After Accepted, and twice, it does nothing.
func (p *Place) Leave() { p.q.settle(func(r *room) sotto.PersonID { return r.leave(p) }) }

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
	Call    sotto.CallID
	For     time.Duration
	Offered sotto.PersonID // who is rung for the call now; 0 for nobody
}

// Waiting returns who waits, the longest first.
func (q *Queue) Waiting() (all []Waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range q.room.places {
		all = append(all, Waiting{p.call, time.Since(p.since), p.offered})
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
		case <-q.quit:
			return
		}
		q.guard(q.offer)
	}
}

func (q *Queue) next() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.room.next(time.Now())
}

// offer makes the offers there are to make. An agent who becomes busy between
// the look-up and the offer is not taken, and one who goes away is rung in
// vain and declines.
func (q *Queue) offer() {
	if q.next() == 0 {
		return // nobody waits for an offer
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUp)
	defer cancel()
	idle, err := q.agents.LongestIdle(ctx, nil)
	if err != nil {
		q.log.Error("queue: the agents cannot be looked up; callers go on waiting", "err", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.room.match(idle, time.Now()) {
		if !q.agents.Take(m.to.Person) {
			continue
		}
		m.place.offered = m.to.Person
		m.place.offers <- Offer{m.to} // there is room: the last offer was answered
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
