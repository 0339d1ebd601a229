package agent

import (
	"context"
	"time"

	"sotto"
	"sotto/db"
)

// CallStatus is what an agent's telephone is doing, in Zendesk's words where
// it has one.
type CallStatus string

// The statuses.
const (
	NoCall  CallStatus = ""
	Offered CallStatus = "offered" // is rung, or kept for a call
	OnCall  CallStatus = "on_call"
	WrapUp  CallStatus = "wrap_up" // writes up the last call; takes none
)

// NoLimit is a wrap-up that only the agent ends.
const NoLimit time.Duration = -1

// defaultMissed is how many offers in a row an agent may let ring out before
// the desk sets the state to away.
const defaultMissed = 3

// duty is what the memory knows of one agent.
type duty struct {
	status CallStatus
	since  time.Time    // of status
	until  time.Time    // when a wrap-up ends by itself; zero is never
	call   sotto.CallID // that is written up; 0 for none
	idle   time.Time    // later than what the table says, when it could not be written
	missed int          // offers not answered, in a row
	away   bool         // sent away by the desk, also before it is written
}

// duty returns an agent's; the caller holds mu.
func (aa *Agents) duty(id sotto.PersonID) *duty {
	d := aa.duties[id]
	if d == nil {
		d = &duty{}
		aa.duties[id] = d
	}
	return d
}

// lapse ends a wrap-up whose time is over; the caller holds mu.
func (aa *Agents) lapse(id sotto.PersonID, d *duty) {
	if d.status == WrapUp && !d.until.IsZero() && !aa.db.Now().Before(d.until) {
		aa.endWrapUp(id, d, d.until)
	}
}

func (aa *Agents) endWrapUp(id sotto.PersonID, d *duty, at time.Time) {
	spent := max(at.Sub(d.since), 0)
	aa.count(id, Tally{WrapUps: 1, WrapUp: spent})
	if d.call != 0 && aa.wrapped != nil {
		aa.written = append(aa.written, wrapUp{d.call, id, spent})
	}
	d.status, d.idle = NoCall, at
}

// Take marks an agent as offered and reports whether the agent was free:
// whoever gets true, and no one else, may ring the agent until Free or Finish.
// An agent in wrap-up is not free.
func (aa *Agents) Take(id sotto.PersonID) bool {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	d := aa.duty(id)
	aa.lapse(id, d)
	if d.status != NoCall {
		return false
	}
	d.status, d.since = Offered, aa.db.Now()
	return true
}

// Accepted says that the agent who was taken talks now: the offer counts as
// accepted, and the time talked from here on.
func (aa *Agents) Accepted(id sotto.PersonID) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	d := aa.duty(id)
	d.status, d.since, d.missed = OnCall, aa.db.Now(), 0
	aa.count(id, Tally{Accepted: 1})
}

// Talking says that the agent who was taken talks now in a call that nobody
// offered: one the agent made.
func (aa *Agents) Talking(id sotto.PersonID) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	d := aa.duty(id)
	d.status, d.since = OnCall, aa.db.Now()
}

// Denied counts an offer that the agent declined. Call Free too.
func (aa *Agents) Denied(id sotto.PersonID) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.duty(id).missed = 0
	aa.count(id, Tally{Denied: 1})
}

// Missed counts an offer that the agent did not answer. After too many in a
// row (setting auto_away_after) the agent is away at once, and Settle writes
// it. Call Free too.
func (aa *Agents) Missed(id sotto.PersonID) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	d := aa.duty(id)
	d.missed++
	if aa.limit > 0 && d.missed >= aa.limit {
		d.away = true
	}
	aa.count(id, Tally{Missed: 1})
}

// Free ends Take. talked says that there was a call: then the agent is idle
// from now on, and the last in turn.
func (aa *Agents) Free(id sotto.PersonID, talked bool) {
	if talked {
		aa.Finish(id, 0, 0)
		return
	}
	aa.mu.Lock()
	if d := aa.duty(id); d.status == Offered || d.status == OnCall {
		d.status = NoCall
	}
	aa.mu.Unlock()
	aa.changed()
}

// Finish ends Take after a call. The agent is in wrap-up for at most limit:
// 0 is no wrap-up, NoLimit until EndWrapUp. Then the agent is idle, and the
// last in turn. call is what is written up; 0 for none.
func (aa *Agents) Finish(id sotto.PersonID, limit time.Duration, call sotto.CallID) {
	aa.mu.Lock()
	d, now := aa.duty(id), aa.db.Now()
	if d.status == OnCall {
		aa.count(id, Tally{Talks: 1, Talk: max(now.Sub(d.since), 0)})
	}
	d.status, d.since, d.until, d.idle, d.call = NoCall, now, time.Time{}, now, call
	if limit != 0 {
		d.status = WrapUp
	}
	if limit > 0 {
		d.until = now.Add(limit)
	}
	aa.mu.Unlock()
	aa.changed()
}

// wrapUp is a wrap-up that is over and not yet written on its call.
type wrapUp struct {
	call  sotto.CallID
	agent sotto.PersonID
	spent time.Duration
}

// TellWrapUps says who writes how long an agent wrote up a call: f runs in the
// transaction of Settle. Call it before the first Finish.
func (aa *Agents) TellWrapUps(f func(tx *db.Tx, call sotto.CallID, agent sotto.PersonID, spent time.Duration) error) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.wrapped = f
}

// EndWrapUp ends an agent's wrap-up: agents their own, team leads and
// administrators everyone's. Outside wrap-up it does nothing.
func (aa *Agents) EndWrapUp(_ context.Context, actor sotto.Actor, id sotto.PersonID) error {
	if !actor.IsSupervisor() && (!actor.IsStaff() || actor.Person != id) {
		return sotto.Fail(sotto.Denied, "You can end your own wrap-up only.")
	}
	aa.mu.Lock()
	if d := aa.duty(id); d.status == WrapUp {
		aa.endWrapUp(id, d, aa.db.Now())
	}
	aa.mu.Unlock()
	aa.changed()
	return nil
}

// Talked writes that a call of the agent's is over, so that the order of
// turns survives a restart. It is called in the transaction that ends the
// call, before Free. About an agent who is being erased nothing is written.
func (aa *Agents) Talked(tx *db.Tx, id sotto.PersonID) error {
	_, err := tx.Exec(aa.q["Talked"], int64(id), db.Millis(tx.Now))
	return err
}

// Busy returns how many agents are rung or on a call.
func (aa *Agents) Busy() (n int) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	for _, d := range aa.duties {
		if d.status == Offered || d.status == OnCall {
			n++
		}
	}
	return n
}
