package call

import (
	"context"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
)

// Watch is how a supervisor is in somebody else's call.
type Watch string

// The ways.
const (
	Listen  Watch = "listen"  // hears everybody, is heard by nobody
	Whisper Watch = "whisper" // is heard by the agent alone
	Barge   Watch = "barge"   // is heard by everybody
)

// Monitored is one time somebody was in another's call.
type Monitored struct {
	ID         int64
	Call       sotto.CallID
	Ticket     sotto.TicketID
	Agent      sotto.PersonID // whose call it was; 0 once nobody knows
	Supervisor sotto.PersonID
	Action     Watch
	StartedAt  time.Time
	EndedAt    time.Time // zero while it goes on
}

// BeginMonitoring writes that a supervisor begins to listen, whisper or barge,
// with the audit entry, before anything is heard. m.ID and m.StartedAt are
// made here.
func (cc *Calls) BeginMonitoring(ctx context.Context, log *audit.Log, actor sotto.Actor, m Monitored) (id int64, err error) {
	defer sotto.Wrap(&err, "call.BeginMonitoring(%d)", m.Call)
	err = cc.db.Write(ctx, func(tx *db.Tx) error {
		id = tx.NewID()
		if _, err := tx.Exec(cc.q["InsertMonitoring"], id, int64(m.Call), db.OrNull(m.Ticket), db.OrNull(m.Agent),
			db.OrNull(m.Supervisor), string(m.Action), db.Millis(tx.Now)); err != nil {
			return err
		}
		return log.Add(tx, actor, audit.Entry{Action: audit.Listen, Source: audit.Call, SourceID: int64(m.Call), Ticket: m.Ticket, Person: m.Agent})
	})
	return id, err
}

// EndMonitoring writes that it is over. The second call does nothing.
func (cc *Calls) EndMonitoring(ctx context.Context, id int64) (err error) {
	defer sotto.Wrap(&err, "call.EndMonitoring(%d)", id)
	return cc.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(cc.q["EndMonitoring"], id, db.Millis(tx.Now))
		return err
	})
}

// Monitorings returns a page of the monitoring history, oldest first, behind
// after; at most 1000, 0 is 100. Only administrators may read it.
func (cc *Calls) Monitorings(ctx context.Context, actor sotto.Actor, after int64, limit int) (page []Monitored, err error) {
	defer sotto.Wrap(&err, "call.Monitorings")
	if !actor.IsAdmin() {
		return nil, sotto.Fail(sotto.Denied, "Only administrators may read who listened to whom.")
	}
	if limit <= 0 || limit > 1000 {
		limit = 100
	}
	err = cc.db.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, scanMonitored, cc.q["Monitorings"], after, limit)
		return err
	})
	return page, err
}

func scanMonitored(s db.Scanner) (m Monitored, err error) {
	var ticket, agent, supervisor, ended *int64
	var started int64
	err = s.Scan(&m.ID, (*int64)(&m.Call), &ticket, &agent, &supervisor, (*string)(&m.Action), &started, &ended)
	m.Ticket, m.Agent = sotto.TicketID(db.Value(ticket)), sotto.PersonID(db.Value(agent))
	m.Supervisor, m.StartedAt, m.EndedAt = sotto.PersonID(db.Value(supervisor)), db.Time(started), db.TimeOrZero(ended)
	return m, err
}

// Handover notes and writes that another agent has the call now; 0 is nobody.
func (cc *Calls) Handover(ctx context.Context, c *Call, agent sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "call.Handover(%d)", c.ID)
	c.mu.Lock()
	if c.state != Ended && agent != 0 {
		c.agent, c.state = agent, Connected
	}
	c.mu.Unlock()
	if agent == 0 {
		return nil
	}
	return cc.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(cc.q["Handover"], int64(c.ID), int64(agent))
		return err
	})
}
