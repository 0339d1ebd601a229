package call

import (
	"slices"
	"strings"
	"time"

	"sotto"
	"sotto/db"
	"sotto/leg"
	"sotto/leg/media"
)

// Completion is how a leg came out, a word of a closed list that other voice
// desks' reports use too.
type Completion string

// The ways.
const (
	Completed            Completion = "completed"               // it was in the call, or the caller went while it rang
	AgentMissed          Completion = "agent_missed"            // it rang out, or could not be rung
	AgentDeclined        Completion = "agent_declined"          // the agent refused the caller
	AgentTransferRefused Completion = "agent_transfer_declined" // the agent refused a caller whom a colleague gave
)

// Completion returns how the leg came out.
func (l Leg) Completion() Completion {
	if l.Kind != AgentLeg || !l.AnsweredAt.IsZero() {
		return Completed
	}
	switch l.Cause {
	case leg.Rejected, leg.BusyHere:
		if l.Part == Transfer || l.Part == Consultation || l.Part == Conference {
			return AgentTransferRefused
		}
		return AgentDeclined
	case leg.Cancelled, leg.Shutdown:
		return Completed
	}
	return AgentMissed
}

// words is what was wrong with a leg's sound, as it is written; a leg that was
// never answered had none.
func words(l Leg) string {
	issues := l.Quality.Issues()
	if l.AnsweredAt.IsZero() {
		issues = []media.Issue{media.NoInformation}
	}
	all := make([]string, len(issues))
	for i, issue := range issues {
		all[i] = string(issue)
	}
	return strings.Join(all, ",")
}

// IssuesOf reads the issues of a leg as they are written in its row.
func IssuesOf(written string) (all []media.Issue) {
	for word := range strings.SplitSeq(written, ",") {
		if word != "" {
			all = append(all, media.Issue(word))
		}
	}
	return all
}

// Issues is what was wrong with the sound of a call: everything that was with
// one of its legs, or one word that nothing was or that nothing is known.
func Issues(legs []Leg) (all []media.Issue) {
	good := false
	for _, l := range legs {
		for _, issue := range l.Issues {
			switch {
			case issue == media.NoIssue:
				good = true
			case issue != media.NoInformation && !slices.Contains(all, issue):
				all = append(all, issue)
			}
		}
	}
	switch {
	case len(all) > 0:
		return all
	case good:
		return []media.Issue{media.NoIssue}
	}
	return []media.Issue{media.NoInformation}
}

// WrapUp adds to the time an agent wrote after a call, on the last leg of the
// agent's that was answered.
func (cc *Calls) WrapUp(tx *db.Tx, id sotto.CallID, agent sotto.PersonID, spent time.Duration) (err error) {
	defer sotto.Wrap(&err, "call.WrapUp(%d)", id)
	cc.mu.Lock()
	c := cc.live[id]
	cc.mu.Unlock()
	if c != nil && c.wroteUp(agent, spent) {
		return nil
	}
	_, err = tx.Exec(cc.q["WrapUp"], int64(id), int64(agent), max(spent, 0).Milliseconds())
	return err
}

// wroteUp notes it on a call that goes on without the agent; false when the
// call is over.
func (c *Call) wroteUp(agent sotto.PersonID, spent time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == Ended {
		return false
	}
	for i := range slices.Backward(c.legs) {
		if l := &c.legs[i]; l.Person == agent && !l.AnsweredAt.IsZero() {
			l.WrapUp += max(spent, 0)
			return true
		}
	}
	return true
}
