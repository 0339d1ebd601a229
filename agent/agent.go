// Package agent is the people who answer: who is online, in which groups, with
// which skills and telephones, where those can be rung, and what they did today.
//
// It owns the tables agent, agent_day, agent_group, membership, skill,
// agent_skill, state_reason, direct_line, device and registration. A
// telephone's password, contact and outside number are sealed under its
// agent's key. Package leg/sip asks it for passwords and tells it of
// registrations, package queue who may be rung, api lets agents change their
// state. Who is on a call or in wrap-up is kept in memory: it is over when the
// process is. It never rings anybody.
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
	"sotto/leg/webrtc"
	"sotto/person"
)

//go:embed agent.sql
var statements string

// Agent is one person who answers.
type Agent struct {
	Person    sotto.PersonID
	State     State
	Reason    Reason
	IdleSince time.Time // when the last call ended, or the agent was added
	ChangedAt time.Time // when State last changed
	Status    CallStatus
	StatusAt  time.Time // since when Status; zero for NoCall
	Busy      bool      // is rung or on a call at this moment
}

// Agents is the desk's agents. Its methods may be called from any goroutine.
type Agents struct {
	db     *db.DB
	ring   *keyring.Ring
	people *person.People
	audit  *audit.Log
	q      db.Queries

	settling sync.Mutex // held by Settle
	pairing  sync.Mutex // held by Browser

	mu       sync.Mutex // guards what is below
	duties   map[sotto.PersonID]*duty
	owed     map[dayOf]Tally                                                 // figures that are not written yet
	written  []wrapUp                                                        // that are over and not written
	wrapped  func(*db.Tx, sotto.CallID, sotto.PersonID, time.Duration) error // writes one; nil for nobody
	limit    int                                                             // unanswered offers in a row after which an agent is away; 0 is never
	browsers map[sotto.DeviceID]int
	watchers map[chan struct{}]struct{}
	phones   *sip.Endpoint    // nil until Attach
	pages    *webrtc.Endpoint // nil until AttachPages
}

// New returns the agents of a desk.
func New(d *db.DB, ring *keyring.Ring, people *person.People, log *audit.Log) *Agents {
	return &Agents{
		db: d, ring: ring, people: people, audit: log, q: db.Parse(statements),
		duties: map[sotto.PersonID]*duty{}, owed: map[dayOf]Tally{}, limit: defaultMissed, browsers: map[sotto.DeviceID]int{},
		watchers: map[chan struct{}]struct{}{},
	}
}

// change runs f on an agent that may be written about, makes the agent's row
// if there is none, and writes the audit entry beside it.
func (aa *Agents) change(ctx context.Context, actor sotto.Actor, id sotto.PersonID, e audit.Entry, f func(*db.Tx) error) error {
	if !actor.IsAdmin() && (!actor.IsStaff() || actor.Person != id) {
		return sotto.Fail(sotto.Denied, "You can change your own state and telephones only.")
	}
	return aa.write(ctx, actor, id, e, f)
}

func (aa *Agents) write(ctx context.Context, actor sotto.Actor, id sotto.PersonID, e audit.Entry, f func(*db.Tx) error) error {
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
	d := aa.duties[a.Person]
	if d == nil {
		return a
	}
	aa.lapse(a.Person, d)
	a.Status, a.StatusAt, a.Busy = d.status, d.since, d.status == Offered || d.status == OnCall
	if d.idle.After(a.IdleSince) {
		a.IdleSince = d.idle
	}
	if d.away && a.State == Online {
		a.State, a.Reason = Away, Reason{Unanswered: true}
	}
	return a
}

func scanAgent(s db.Scanner) (a Agent, err error) {
	var idle, changed int64
	var why string
	err = s.Scan((*int64)(&a.Person), (*string)(&a.State), &why, (*int64)(&a.Reason.ID), &idle, &changed)
	a.Reason.Unanswered = why == unanswered
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
