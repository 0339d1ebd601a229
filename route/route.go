// Package route is where a call goes: to the agents, to a voice message, to
// another number, or to a closed line's last words. Follow knows the line's
// hours; a Plan is menus as data, and Plan.Step their interpreter, a pure
// function that always comes to an end.
//
// It owns the tables ivr, ivr_version and ivr_step: a tree of menus is edited
// as a draft, published as a version that never changes, and rolled back to an
// older one. Which key a caller pressed is never kept, only which way the call
// took. Package flow asks it and goes there; it plays and dials nothing.
package route

import (
	"time"

	"sotto"
	"sotto/line"
)

// Kind is what a destination is.
type Kind string

// The kinds.
const (
	Agents    Kind = "agents"    // wait for an agent
	Voicemail Kind = "voicemail" // leave a message
	Closed    Kind = "closed"    // hear that the line is closed
	External  Kind = "external"  // be connected to a number outside
	TextBack  Kind = "text-back" // get a text, and good-bye
)

// Destination is where a call goes, and how.
type Destination struct {
	Kind Kind
	// First is what is said on arrival.
	First line.Category
	// Overflow is where the call goes when its destination did not take it:
	// Voicemail, Closed when the line takes no messages, or External. It is ""
	// where nothing can follow.
	Overflow Kind
	// Ring is how long one agent is rung, Wait how long the caller waits for
	// all of them. Both are 0 unless Kind is Agents.
	Ring, Wait time.Duration
	// InHours says that the line was open.
	InHours bool

	// Chosen says that the caller chose this destination in a menu.
	Chosen bool
	// Groups are who is asked in place of the line's own; none is those.
	Groups []sotto.GroupID
	// Skills are asked of an agent beside those of the line.
	Skills []sotto.SkillID
	// Agent is the one agent who is asked; 0 is whoever of the groups is free.
	Agent sotto.PersonID
	// External is the number outside, E.164, for the kind External, and Beyond
	// that for the overflow External. They are settings of the desk's own, and go
	// to the trunk through the dial gate only.
	External, Beyond string
	// Text is what the kind TextBack sends.
	Text string
}

// Follow returns where a call to l goes at now.
func Follow(l line.Line, now time.Time) Destination {
	open := l.Hours.Open(now)
	instead, number := instead(l, open)
	switch {
	case !open:
		return Destination{Kind: instead, First: line.OutOfHours, External: number}
	case l.Wait == 0:
		return Destination{Kind: instead, First: line.Greeting, InHours: true, External: number}
	}
	return Destination{Kind: Agents, First: line.Greeting, Overflow: instead, Beyond: number, Ring: l.Ring, Wait: l.Wait, InHours: true}
}

// instead is what a line does with a caller nobody talks to. A line that takes
// messages sends nobody outside.
func instead(l line.Line, open bool) (k Kind, number string) {
	switch number := l.OverflowAt(open); {
	case l.Voicemail:
		return Voicemail, ""
	case number != "":
		return External, number
	}
	return Closed, ""
}

// Through returns where a call goes that was bound for d when a menu sent it
// r's way. The zero Route is none: the caller pressed nothing that helped, and
// the call goes where it would have gone without a menu.
func (d Destination) Through(r Route, l line.Line) Destination {
	out := Destination{First: d.First, InHours: d.InHours, Chosen: true}
	out.Overflow, out.Beyond = d.message()
	switch r.Action {
	case ToGroup:
		out.Kind, out.Ring, out.Wait, out.Groups, out.Skills = Agents, l.Ring, l.Wait, r.Options.GroupIDs, r.Options.SkillIDs
	case ToAgent:
		out.Kind, out.Ring, out.Wait, out.Agent = Agents, l.Ring, l.Wait, r.Options.AgentID
	case ToNumber:
		out.Kind, out.External = External, r.Options.Number
	case ToTextBack:
		out.Kind, out.Text = TextBack, r.OptionText
	case ToVoicemail:
		out.Kind, out.Overflow, out.Beyond = Voicemail, "", ""
	default:
		return d
	}
	for _, o := range r.Overflow {
		switch o.Action {
		case ToVoicemail:
			out.Overflow, out.Beyond = Voicemail, ""
		case ToNumber:
			out.Overflow, out.Beyond = External, o.Options.Number
		}
	}
	return out
}

// message is what d's line does with a caller nobody talks to, and the number
// outside if that is it.
func (d Destination) message() (k Kind, number string) {
	if d.Kind == Agents {
		return d.Overflow, d.Beyond
	}
	return d.Kind, d.External
}
