package dial

import (
	"errors"

	"sotto"
)

// Reason is why somebody may or may not dial. The list is closed.
type Reason string

// The reasons. The first two let the call be made.
const (
	Allowed          Reason = "allowed"
	AllowedEmergency Reason = "emergency"
	NotAllowed       Reason = "not-allowed"   // who asks may not dial in this way
	NoNumber         Reason = "malformed"     // it is no number, or one that nobody has
	ShortNumber      Reason = "short-code"    // a short number whose price nobody can tell
	DeskNumber       Reason = "own-number"    // a line of this desk
	PremiumNumber    Reason = "premium"       // a premium-rate number
	SharedCostNumber Reason = "shared-cost"   // a shared-cost number
	SpecialNumber    Reason = "special"       // a personal, pager or company-wide number
	SatelliteNumber  Reason = "satellite"     // a satellite or a network without a country
	Country          Reason = "country"       // the country is not allowed
	Objection        Reason = "objection"     // who has the number does not want such calls
	AgentCalls       Reason = "agent-calls"   // the agent has as many calls as allowed
	DeskCalls        Reason = "desk-calls"    // the desk has
	AgentMinutes     Reason = "agent-minutes" // the agent's minutes of the day are used up
	DeskMinutes      Reason = "desk-minutes"  // the desk's are
	AgentCost        Reason = "agent-cost"    // the agent's money of the day is used up
	DeskCost         Reason = "desk-cost"     // the desk's is
	AgentTexts       Reason = "agent-texts"   // the agent's texts of the day are used up
	DeskTexts        Reason = "desk-texts"    // the desk's are
)

// Reasons returns every reason why somebody may not dial.
func Reasons() []Reason {
	return []Reason{
		NotAllowed, NoNumber, ShortNumber, DeskNumber, PremiumNumber, SharedCostNumber, SpecialNumber, SatelliteNumber, Country,
		Objection, AgentCalls, DeskCalls, AgentMinutes, DeskMinutes, AgentCost, DeskCost,
		AgentTexts, DeskTexts,
	}
}

// Words is the key of the reason's words in package locales.
func (r Reason) Words() string { return "dial.refused." + string(r) }

// Refusal is the cause in an error of Authorize that says no.
type Refusal struct{ Reason Reason }

// Error returns the reason.
func (r *Refusal) Error() string { return "dial: refused: " + string(r.Reason) }

// ReasonOf returns the reason in err; "" when there is none.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return ""
}

// refuse makes the error of a refusal.
func (g *Gate) refuse(why Reason) error {
	e := &sotto.Error{Kind: sotto.Denied, Say: g.words.Text("en", why.Words()), Cause: &Refusal{why}}
	switch why {
	case NoNumber:
		e.Kind, e.Field = sotto.Invalid, "number"
	case AgentCalls, DeskCalls:
		e.Kind = sotto.Conflict
	}
	return e
}
