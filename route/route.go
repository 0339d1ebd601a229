// Package route is where a call goes: to the agents, to a voice message, or
// to a closed line's last words. It is data and one pure function; menus will
// be more data for the same function.
//
// It owns nothing and does nothing: package flow asks it and goes there.
package route

import (
	"time"

	"sotto/line"
)

// Kind is what a destination is.
type Kind string

// The kinds.
const (
	Agents    Kind = "agents"    // wait for an agent
	Voicemail Kind = "voicemail" // leave a message
	Closed    Kind = "closed"    // hear that the line is closed
)

// Destination is where a call goes, and how.
type Destination struct {
	Kind Kind
	// First is what is said on arrival.
	First line.Category
	// Overflow is where the call goes when no agent took it: Voicemail, or
	// Closed when the line takes no messages. It is "" unless Kind is Agents.
	Overflow Kind
	// Ring is how long one agent is rung, Wait how long the caller waits for
	// all of them. Both are 0 unless Kind is Agents.
	Ring, Wait time.Duration
	// InHours says that the line was open.
	InHours bool
}

// Follow returns where a call to l goes at now.
func Follow(l line.Line, now time.Time) Destination {
	message := Closed
	if l.Voicemail {
		message = Voicemail
	}
	switch {
	case !l.Hours.Open(now):
		return Destination{Kind: message, First: line.OutOfHours}
	case l.Wait == 0:
		return Destination{Kind: message, First: line.Greeting, InHours: true}
	}
	return Destination{Kind: Agents, First: line.Greeting, Overflow: message, Ring: l.Ring, Wait: l.Wait, InHours: true}
}
