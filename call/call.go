// Package call is a call: its states, its parties' legs, and the one reason
// it ended.
//
// It owns the tables call and call_leg. A call's row is on the disk before
// the call is answered, and its end and its reason are written together,
// once. The caller's number is sealed under the caller's key; a caller who is
// nobody (withheld, or under erasure) gets a key for this call alone, or none.
// Package flow leads calls through their states; package recording and ticket
// write their own rows beside. It knows nothing of queues, prompts or tickets'
// contents, and never removes a call: package erasure unlinks it from the
// person.
package call

import (
	"cmp"
	_ "embed"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sotto"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/obs"
	"sotto/person"
)

//go:embed call.sql
var statements string

// State is where a call is, a word of a closed list.
type State string

// The states.
const (
	Ringing    State = "ringing"   // not answered yet
	Greeting   State = "greeting"  // hears the first words
	Menu       State = "menu"      // chooses in a menu
	Consenting State = "consent"   // hears about recording and decides
	Queued     State = "queued"    // waits for an agent
	Connected  State = "connected" // talks to an agent
	Voicemail  State = "voicemail" // leaves a message
	Ended      State = "ended"     // is over
)

// Direction is who called whom.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// LegKind is whose part in a call a leg is.
type LegKind string

// The kinds of leg. The caller is who the call is with, whoever called whom.
const (
	CallerLeg     LegKind = "caller"
	AgentLeg      LegKind = "agent"
	ExternalLeg   LegKind = "external"   // a number outside that was brought in
	SupervisorLeg LegKind = "supervisor" // listens, whispers or joins
)

// Part is how a leg came into its call.
type Part string

// The parts.
const (
	ByLine       Part = "line"         // it called, or was called, and is what the call is about
	ByOffer      Part = "offer"        // an agent was offered the caller
	ByDialling   Part = "dialled"      // the agent who made the call
	Consultation Part = "consultation" // it was asked while the caller was on hold
	Transfer     Part = "transfer"     // it was given the caller unasked
	Conference   Part = "conference"   // it was added
	Overflow     Part = "overflow"     // nobody took the caller, or a menu led out
	Monitoring   Part = "monitoring"   // it listened
)

// Leg is one party's part in a call, complete when it is over.
type Leg struct {
	Kind       LegKind
	Part       Part           // "" is ByLine for a caller and ByOffer for an agent
	By         sotto.PersonID // the agent who brought it in; 0 for the desk
	Talk       time.Duration  // in the conversation
	Hold       time.Duration  // on hold
	Consult    time.Duration  // asked while the caller was on hold
	Person     sotto.PersonID // the agent who was rung; 0 for the caller
	StartedAt  time.Time
	AnsweredAt time.Time // zero when it never answered
	EndedAt    time.Time
	Cause      leg.Cause
	Quality    media.Quality
	// Issues and WrapUp are known of a leg that was read: what was wrong with
	// the sound, and how long the agent wrote afterwards.
	Issues []media.Issue
	WrapUp time.Duration
}

// maxLegs bounds what is remembered of one call: a caller who waits an hour
// while agents do not answer makes a leg every few seconds.
const maxLegs = 1000

// Call is one call under way. Its methods may be called from any goroutine;
// its exported fields do not change after Begin.
type Call struct {
	ID        sotto.CallID
	Direction Direction
	Line      sotto.LineID   // 0 when nobody's number was called
	Person    sotto.PersonID // who called, or was called, as far as the number tells; 0 for nobody
	Key       sotto.KeyID    // what the caller's side is sealed under; 0 when there is nothing to seal
	InHours   bool
	StartedAt time.Time
	follow    func(State, string) // Arrival.Follow; may be nil

	mu        sync.Mutex // guards what is below
	caller    leg.Caller // empty for nobody, and once the caller is erased
	state     State
	answered  time.Time
	connected time.Time
	agent     sotto.PersonID
	ticket    sotto.TicketID
	consent   string
	voicemail bool
	legs      []Leg
	tally     Tally
}

// Tally is what happened in a conversation, in figures.
type Tally struct {
	Holds   int           // how often the caller was put on hold
	Hold    time.Duration // and for how long in all
	Consult time.Duration // an agent asked somebody else
	Pauses  int           // of the recording
	Paused  time.Duration

	Queued  time.Time     // when the caller began to wait for an agent; zero for never
	Wait    time.Duration // and how long the caller waited in all
	Overdue bool          // the longest wait of the line was over first
	// Overflowed says that the call went on to a number outside since no agent
	// took it.
	Overflowed bool
	Callback   string        // who asked that the caller be called back, a word of package queue; "" for nobody
	Group      sotto.GroupID // the last one the caller was given to; 0 for none
}

// Count adds to the call's figures. They are written with its end.
func (c *Call) Count(t Tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tally.Holds += t.Holds
	c.tally.Hold += t.Hold
	c.tally.Consult += t.Consult
	c.tally.Pauses += t.Pauses
	c.tally.Paused += t.Paused
	if c.tally.Queued.IsZero() {
		c.tally.Queued = t.Queued
	}
	c.tally.Wait += t.Wait
	c.tally.Overdue = c.tally.Overdue || t.Overdue
	c.tally.Overflowed = c.tally.Overflowed || t.Overflowed
	c.tally.Callback = cmp.Or(t.Callback, c.tally.Callback)
	c.tally.Group = cmp.Or(t.Group, c.tally.Group)
}

// Calls begins, ends and remembers calls. Its methods may be called from any
// goroutine.
type Calls struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	log    *slog.Logger
	ended  *obs.Counter
	active *obs.Gauge
	q      db.Queries

	mu   sync.Mutex // guards what is below
	live map[sotto.CallID]*Call
	owed []ending // ends that could not be written yet
}

// Config is what calls are made with. Log and Metrics may be zero.
type Config struct {
	DB      *db.DB
	Ring    *keyring.Ring
	People  *person.People
	Log     *slog.Logger
	Metrics obs.Metrics
}

// New returns the calls of a desk. Call Recover before the first Begin.
func New(cfg Config) *Calls {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Calls{
		db: cfg.DB, ring: cfg.Ring, people: cfg.People, log: cfg.Log, q: db.Parse(statements),
		ended: cfg.Metrics.Calls, active: cfg.Metrics.CallsActive, live: map[sotto.CallID]*Call{},
	}
}

// State returns where the call is.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Caller is what the other parties of the call may see of who the call is
// with: who called, or was called. It is
// withheld for nobody, and as soon as the caller is erased.
func (c *Call) Caller() leg.Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caller
}

// Enter brings the call into a state. An ended call stays ended. What only
// Answered, Connect and End may say is not accepted here.
func (c *Call) Enter(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Ended || !slices.Contains([]State{Greeting, Menu, Consenting, Queued, Voicemail}, s) {
		return
	}
	c.state = s
	c.tell()
}

// tell says how far the call is. c.mu is held, so that what is said stays in
// order.
func (c *Call) tell() {
	if c.follow != nil {
		c.follow(c.state, c.consent)
	}
}

// Answered notes that the desk has picked up. It is written with the next
// change of the row: the row itself is there since Begin.
func (c *Call) Answered(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered.IsZero() {
		c.answered = at
	}
}

// Decided notes what the caller decided about recording, a word of package
// recording. It is written with the next change of the row.
func (c *Call) Decided(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consent = outcome
	c.tell()
}

// LeftMessage notes that a voice message was left.
func (c *Call) LeftMessage() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.voicemail = true
}

// AddLeg notes a party's part that is over. Legs are written with the end.
func (c *Call) AddLeg(l Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.legs) < maxLegs {
		c.legs = append(c.legs, l)
	}
}

// Ticket returns the case the call belongs to; 0 while there is none.
func (c *Call) Ticket() sotto.TicketID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ticket
}

// Agent returns who answered; 0 while nobody has.
func (c *Call) Agent() sotto.PersonID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agent
}

// Summary is what is known of a call that is over or under way.
type Summary struct {
	Line        sotto.LineID
	State       State
	Agent       sotto.PersonID
	Ticket      sotto.TicketID
	Voicemail   bool
	StartedAt   time.Time
	AnsweredAt  time.Time // zero when the desk never picked up
	ConnectedAt time.Time // zero when no agent was on
}

// Summary returns what is known now.
func (c *Call) Summary() Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Summary{
		Line: c.Line, State: c.state, Agent: c.agent, Ticket: c.ticket, Voicemail: c.voicemail,
		StartedAt: c.StartedAt, AnsweredAt: c.answered, ConnectedAt: c.connected,
	}
}

// Live returns the calls under way, oldest first.
func (cc *Calls) Live() []*Call {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	all := make([]*Call, 0, len(cc.live))
	for _, c := range cc.live {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Call) int { return int(a.ID - b.ID) })
	return all
}

// Forget drops what the memory holds of the person's number and name in the
// calls under way: no agent who is rung from now on sees them. The calls go on.
// Erasure calls it when it begins.
func (cc *Calls) Forget(id sotto.PersonID) {
	for _, c := range cc.LiveOf(id) {
		c.mu.Lock()
		c.caller = leg.Caller{Withheld: true}
		c.mu.Unlock()
	}
}

// LiveOf returns the calls under way whose caller is the person.
func (cc *Calls) LiveOf(id sotto.PersonID) []*Call {
	return slices.DeleteFunc(cc.Live(), func(c *Call) bool { return id == 0 || c.Person != id })
}
