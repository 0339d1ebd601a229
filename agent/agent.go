// Package agent is the people who answer: who is online, which telephones
// they have, where those are registered, and whose turn it is.
//
// It owns the tables agent, device and registration. A telephone's password
// and contact are sealed under its agent's key. Package leg/sip asks it for
// passwords and tells it of registrations, package queue whose turn it is,
// api lets agents change their state. Who is on a call is kept in memory: it
// is over when the process is. It never rings anybody.
package agent

import (
	"context"
	_ "embed"
	"errors"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/sip"
	"sotto/person"
)

//go:embed agent.sql
var statements string

// State is whether an agent takes calls.
type State string

// The states.
const (
	Online  State = "online"  // calls are offered
	Away    State = "away"    // works here now, takes no calls
	Offline State = "offline" // does not work now
)

// Agent is one person who answers.
type Agent struct {
	Person    sotto.PersonID
	State     State
	IdleSince time.Time // when the last call ended, or the agent was added
	ChangedAt time.Time // when State last changed
	Busy      bool      // is rung or on a call at this moment
}

// Agents is the desk's agents. Its methods may be called from any goroutine.
type Agents struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	audit  *audit.Log
	q      db.Queries

	mu       sync.Mutex // guards what is below
	busy     map[sotto.PersonID]bool
	idle     map[sotto.PersonID]time.Time // later than what the table says, when it could not be written
	watchers map[chan struct{}]struct{}
	phones   *sip.Endpoint // nil until Attach
}

// New returns the agents of a desk.
func New(d *db.DB, ring *keyring.Ring, people *person.People, log *audit.Log) *Agents {
	return &Agents{
		db: d, ring: ring, people: people, audit: log, q: db.Parse(statements),
		busy: map[sotto.PersonID]bool{}, idle: map[sotto.PersonID]time.Time{}, watchers: map[chan struct{}]struct{}{},
	}
}

// SetState says whether an agent takes calls. Agents set their own,
// administrators everyone's. The first time makes the person an agent; only
// staff can be one. A call under way goes on.
func (aa *Agents) SetState(ctx context.Context, actor sotto.Actor, id sotto.PersonID, s State) (err error) {
	defer sotto.Wrap(&err, "agent.SetState(%d)", id)
	if s != Online && s != Away && s != Offline {
		return sotto.FailField("state", "The state of an agent is online, away or offline.")
	}
	err = aa.change(ctx, actor, id, audit.Entry{Action: audit.Update, Source: audit.Agent}, func(tx *db.Tx) error {
		_, err := tx.Exec(aa.q["SetState"], int64(id), string(s), db.Millis(tx.Now))
		return err
	})
	if err == nil {
		aa.changed()
	}
	return err
}

// change runs f on an agent that may be written about, makes the agent's row
// if there is none, and writes the audit entry beside it.
func (aa *Agents) change(ctx context.Context, actor sotto.Actor, id sotto.PersonID, e audit.Entry, f func(*db.Tx) error) error {
	if !actor.IsAdmin() && (!actor.IsStaff() || actor.Person != id) {
		return sotto.Fail(sotto.Denied, "You can change your own state and telephones only.")
	}
	return aa.db.Write(ctx, func(tx *db.Tx) error {
		staff, err := tx.Has(aa.q["IsStaff"], int64(id))
		if err != nil {
			return err
		}
		if !staff {
			return sotto.Fail(sotto.NotFound, "There is no such agent. Make the person an agent first.")
		}
		if err := aa.people.Live(tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(aa.q["Insert"], int64(id), string(Offline), db.Millis(tx.Now)); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		if e.SourceID == 0 {
			e.SourceID = int64(id)
		}
		e.Person = id
		return aa.audit.Add(tx, actor, e)
	})
}

// Get returns an agent; NotFound for a person who is none.
func (aa *Agents) Get(ctx context.Context, id sotto.PersonID) (a Agent, err error) {
	defer sotto.Wrap(&err, "agent.Get(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		a, err = db.One(tx, scanAgent, aa.q["Get"], int64(id))
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return a, sotto.Fail(sotto.NotFound, "There is no such agent.")
	}
	return aa.now(a), err
}

// List returns every agent by number.
func (aa *Agents) List(ctx context.Context) (all []Agent, err error) {
	defer sotto.Wrap(&err, "agent.List")
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanAgent, aa.q["List"])
		return err
	})
	for i := range all {
		all[i] = aa.now(all[i])
	}
	return all, err
}

// now adds what only the memory knows.
func (aa *Agents) now(a Agent) Agent {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	a.Busy = aa.busy[a.Person]
	if t := aa.idle[a.Person]; t.After(a.IdleSince) {
		a.IdleSince = t
	}
	return a
}

func scanAgent(s db.Scanner) (a Agent, err error) {
	var idle, changed int64
	err = s.Scan((*int64)(&a.Person), (*string)(&a.State), &idle, &changed)
	a.IdleSince, a.ChangedAt = db.Time(idle), db.Time(changed)
	return a, err
}

// Watch returns a channel that gets a value when somebody may have become
// free to take a call, and stop, which ends that. Values do not pile up.
func (aa *Agents) Watch() (_ <-chan struct{}, stop func()) {
	w := make(chan struct{}, 1)
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.watchers[w] = struct{}{}
	return w, func() {
		aa.mu.Lock()
		defer aa.mu.Unlock()
		delete(aa.watchers, w)
	}
}

func (aa *Agents) changed() {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	for w := range aa.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}
