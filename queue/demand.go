package queue

import (
	"slices"
	"time"

	"sotto"
	"sotto/agent"
)

// Turn is whose turn it is among the agents who may take a call.
type Turn string

// The turns.
const (
	LongestIdle Turn = "longest-idle" // whose last call is the longest ago
	RoundRobin  Turn = "round-robin"  // whose last offer is the longest ago
)

// defaultRing is how long an agent is rung when the demand does not say.
const defaultRing = 30 * time.Second

// Demand is what a call asks of the agents. Only Call is needed: a zero field
// asks for nothing.
type Demand struct {
	Call sotto.CallID
	Line sotto.LineID
	// Agent is the only one who may take the call: that of a direct line. The
	// groups and skills then do not count, and the place ends with Nobody when
	// the agent is not there, declines, or lets it ring out.
	Agent sotto.PersonID
	// Groups are those who may take the call; none is everybody. Secondary are
	// asked too after SecondaryAfter (0 is never), and as long as nobody of
	// Groups is there. Who is in Groups comes first.
	Groups, Secondary []sotto.GroupID
	SecondaryAfter    time.Duration
	// Skills are all wanted, until RelaxAfter (0 is never) is over.
	Skills     []sotto.SkillID
	RelaxAfter time.Duration
	Priority   bool          // before all who have none
	Ring       time.Duration // how long one agent is rung at most; 0 is 30 s
	Wait       time.Duration // how long the place lasts at most; 0 is without end
	Size       int           // how many may wait for the line, this one with them; 0 is any number
	// Overflow ends the place with Nobody as soon as no agent is there who may
	// take the call, now or later; without it the caller waits for one.
	Overflow bool
	Turn     Turn // "" is LongestIdle
}

// End is how a place ended.
type End string

// The ends.
const (
	Answered End = "answered"  // an agent took the call
	TimedOut End = "timed-out" // the longest wait is over
	Full     End = "full"      // too many waited already
	Nobody   End = "nobody"    // nobody is there who may take it
	Left     End = "left"      // the caller went
)

// has reports whether some of want are in have.
func has[T comparable](have, want []T) bool {
	return slices.ContainsFunc(want, func(w T) bool { return slices.Contains(have, w) })
}

// tiers of an agent for a demand.
const (
	first  = iota // of the groups, or of any when none are asked for
	second        // of the secondary groups
	never
)

// tier says how an agent stands to a demand after so long a wait. It does not
// ask whether the agent is free.
func (d *Demand) tier(c *agent.Candidate, waited time.Duration) int {
	if d.Agent != 0 {
		if c.Person == d.Agent {
			return first
		}
		return never
	}
	if d.RelaxAfter <= 0 || waited < d.RelaxAfter {
		for _, k := range d.Skills {
			if !slices.Contains(c.Skills, k) {
				return never
			}
		}
	}
	switch {
	case len(d.Groups) == 0 || has(c.Groups, d.Groups):
		return first
	case has(c.Groups, d.Secondary):
		return second
	}
	return never
}

// reach is the last tier that is asked now: the second when it is its time, or
// when nobody of the first is there, free or not.
func (d *Demand) reach(there []agent.Candidate, waited time.Duration) int {
	if len(d.Secondary) == 0 || d.Agent != 0 {
		return first
	}
	if d.SecondaryAfter > 0 && waited >= d.SecondaryAfter {
		return second
	}
	for i := range there {
		if d.tier(&there[i], waited) == first {
			return first
		}
	}
	return second
}

// hopeless reports whether nobody is there who may take the call, now or once
// the skills do not count any more.
func (d *Demand) hopeless(there []agent.Candidate, waited time.Duration) bool {
	if d.RelaxAfter > 0 {
		waited = max(waited, d.RelaxAfter)
	}
	for i := range there {
		if d.tier(&there[i], waited) != never {
			return false
		}
	}
	return true
}
