package queue

import (
	"math"
	"slices"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/line"
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
	// Groups are those who may take the call, in order: the next is asked when
	// nobody of the one before is free. None is everybody. Secondary come after
	// them, and are asked only after SecondaryAfter (0 is never), or as long as
	// nobody of Groups is there, free or not.
	Groups, Secondary []sotto.GroupID
	SecondaryAfter    time.Duration
	// Skills are all wanted, until RelaxAfter (0 is never) is over.
	Skills     []sotto.SkillID
	RelaxAfter time.Duration
	Priority   bool          // before all who have none
	Ring       time.Duration // how long one agent is rung at most; 0 is 30 s
	Wait       time.Duration // how long the place lasts at most; 0 is without end
	Size       int           // how many may wait for the line, this one with them; 0 is any number
	// NoWait ends the place with Full unless somebody is free at once.
	NoWait bool
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

// DemandOf is what a call to a line asks for: the line's groups, its place, its
// times. Whom the line rings alone (agent.Agents.Direct), and what a
// menu chose, are the caller's to add.
func DemandOf(l line.Line, call sotto.CallID) Demand {
	return Demand{
		Call: call, Line: l.ID, Groups: l.Groups, Priority: l.Priority, Ring: l.Ring, Wait: l.Wait,
		Size: l.MaxQueue, NoWait: l.MaxQueue == 0,
		Turn: Turn(l.Turn), Skills: l.Skills, RelaxAfter: l.RelaxSkills,
	}
}

// never is the tier of who may not take a call.
const never = math.MaxInt

// tier says how an agent stands to a demand after so long a wait: the place of
// its group, the lowest first. It does not ask whether the agent is free.
func (d *Demand) tier(c *agent.Candidate, waited time.Duration) int {
	if d.Agent != 0 {
		if c.Person == d.Agent {
			return 0
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
	if len(d.Groups) == 0 {
		return 0
	}
	for i, g := range d.Groups {
		if slices.Contains(c.Groups, g) {
			return i
		}
	}
	for _, g := range d.Secondary {
		if slices.Contains(c.Groups, g) {
			return len(d.Groups)
		}
	}
	return never
}

// reach is the first tier that is not asked now: the secondary groups are when
// it is their time, or when nobody of the others is there, free or not.
func (d *Demand) reach(there []agent.Candidate, waited time.Duration) int {
	if len(d.Secondary) == 0 || d.SecondaryAfter > 0 && waited >= d.SecondaryAfter {
		return never
	}
	for i := range there {
		if d.tier(&there[i], waited) < len(d.Groups) {
			return len(d.Groups)
		}
	}
	return never
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
