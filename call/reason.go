package call

import (
	"context"
	"errors"

	"sotto/leg"
	"sotto/obs"
)

// Reason is why a call ended. The list is closed; each call has exactly one.
type Reason string

// The reasons.
const (
	CallerHungUp         Reason = "caller-hung-up"         // after talking to an agent
	AgentHungUp          Reason = "agent-hung-up"          // after talking to the caller
	VoicemailLeft        Reason = "voicemail-left"         // a message was left
	TextedBack           Reason = "texted-back"            // the caller chose to be written to
	ExternalHungUp       Reason = "external-hung-up"       // whom the call was given to outside hung up
	CallbackPromised     Reason = "callback-promised"      // the caller left the queue to be called back
	AbandonedOnHold      Reason = "abandoned-on-hold"      // the caller hung up while on hold
	TimeLimit            Reason = "time-limit"             // the longest time of a call outside was over
	Cancelled            Reason = "cancelled"              // the caller gave up while it rang
	AbandonedInGreeting  Reason = "abandoned-in-greeting"  // hung up during the first words
	AbandonedInMenu      Reason = "abandoned-in-menu"      // hung up in a menu
	AbandonedInConsent   Reason = "abandoned-in-consent"   // hung up while being asked about recording
	AbandonedInQueue     Reason = "abandoned-in-queue"     // hung up while waiting
	AbandonedInVoicemail Reason = "abandoned-in-voicemail" // hung up without leaving a message
	AgentNotReached      Reason = "agent-not-reached"      // the agent who was to make a call did not answer
	AgentGaveUp          Reason = "agent-gave-up"          // the agent hung up before anybody was reached
	NotAnswered          Reason = "not-answered"           // nobody answered at the number that the desk called
	CalledBusy           Reason = "called-busy"            // it was busy
	CalledRejected       Reason = "called-rejected"        // the call was rejected there
	NotReached           Reason = "not-reached"            // no network brought the call there
	NoAgent              Reason = "no-agent"               // nobody took it in time and messages are not taken
	LineClosed           Reason = "line-closed"            // out of hours and messages are not taken
	UnknownNumber        Reason = "unknown-number"         // the number that was called is no line's
	CallerLost           Reason = "caller-lost"            // the caller's side fell silent or went away
	AgentLost            Reason = "agent-lost"             // the agent's telephone fell silent or went away
	Unconfirmed          Reason = "unconfirmed"            // answered, and the caller's side never confirmed it
	Protocol             Reason = "protocol"               // the caller's side broke the telephone protocol
	Rejected             Reason = "rejected"               // the desk refused the call
	Insecure             Reason = "insecure"               // the line takes encrypted calls only
	Failed               Reason = "failed"                 // an error of the desk
	Shutdown             Reason = "shutdown"               // the desk was stopped in good order
	Crashed              Reason = "crashed"                // the desk stopped without warning; found at the next start
)

// Fault is whose doing the end was.
type Fault string

// The faults.
const (
	ByCaller  Fault = "caller"
	ByAgent   Fault = "agent"
	ByDesk    Fault = "desk"
	ByNetwork Fault = "network"
)

// outcome is what one reason means elsewhere.
type outcome struct {
	reason Reason
	fault  Fault
	// status is the SIP status that tells the caller's side of this end, had
	// the call not been answered before; 200 when it ends only after an answer.
	status int
	// completion is the word other voice desks' reports use for it.
	completion string
}

// outcomes is the one table of reasons. Their words are in package locales,
// under "call.reason." and the reason.
func outcomes() []outcome {
	return []outcome{
		{CallerHungUp, ByCaller, 200, "completed"},
		{AgentHungUp, ByAgent, 200, "completed"},
		{VoicemailLeft, ByCaller, 200, "completed"},
		{TextedBack, ByCaller, 200, "completed"},
		{ExternalHungUp, ByAgent, 200, "completed"},
		{CallbackPromised, ByCaller, 200, "completed"},
		{AbandonedOnHold, ByCaller, 200, "abandoned_on_hold"},
		{TimeLimit, ByDesk, 200, "completed"},
		{Cancelled, ByCaller, 487, "not_answered"},
		{AbandonedInGreeting, ByCaller, 200, "abandoned_in_ivr"},
		{AbandonedInMenu, ByCaller, 200, "abandoned_in_ivr"},
		{AbandonedInConsent, ByCaller, 200, "abandoned_in_ivr"},
		{AbandonedInQueue, ByCaller, 200, "abandoned_in_queue"},
		{AbandonedInVoicemail, ByCaller, 200, "abandoned_in_voicemail"},
		{AgentNotReached, ByAgent, 480, "not_answered"},
		{AgentGaveUp, ByAgent, 487, "not_answered"},
		{NotAnswered, ByCaller, 480, "not_answered"},
		{CalledBusy, ByCaller, 486, "not_answered"},
		{CalledRejected, ByCaller, 603, "not_answered"},
		{NotReached, ByNetwork, 503, "failed"},
		{NoAgent, ByDesk, 480, "not_answered"},
		{LineClosed, ByDesk, 480, "not_answered"},
		{UnknownNumber, ByCaller, 404, "failed"},
		{CallerLost, ByNetwork, 200, "failed"},
		{AgentLost, ByNetwork, 200, "failed"},
		{Unconfirmed, ByNetwork, 200, "failed"},
		{Protocol, ByNetwork, 400, "failed"},
		{Rejected, ByDesk, 603, "failed"},
		{Insecure, ByCaller, 488, "failed"},
		{Failed, ByDesk, 500, "failed"},
		{Shutdown, ByDesk, 503, "failed"},
		{Crashed, ByDesk, 503, "failed"},
	}
}

// Reasons returns every reason.
func Reasons() []Reason {
	var all []Reason
	for _, o := range outcomes() {
		all = append(all, o.reason)
	}
	return all
}

func (r Reason) outcome() outcome {
	for _, o := range outcomes() {
		if o.reason == r {
			return o
		}
	}
	return outcome{}
}

// Fault returns whose doing the end was; "" for a word that is no reason.
func (r Reason) Fault() Fault { return r.outcome().fault }

// Status returns the SIP status of a call that ends so before it is answered.
func (r Reason) Status() int { return r.outcome().status }

// Completion returns the word for reports: completed, not_answered, failed,
// abandoned_on_hold,
// or abandoned_in_ivr, _queue or _voicemail.
func (r Reason) Completion() string { return r.outcome().completion }

// Words is the key of the reason's words in package locales.
func (r Reason) Words() string { return "call.reason." + string(r) }

// Cause returns the cause for which the caller's leg is hung up at such an
// end. leg/sip makes Status of it while the call is not answered.
func (r Reason) Cause() leg.Cause {
	switch r {
	case UnknownNumber:
		return leg.Unreachable
	case Rejected:
		return leg.Rejected
	case Insecure:
		return leg.Insecure
	case Failed, Crashed:
		return leg.Fault
	case Shutdown:
		return leg.Shutdown
	case Protocol:
		return leg.Protocol
	}
	return leg.Released
}

// Ending is the error that ends a call in good order, for its reason.
type Ending struct{ Reason Reason }

// Error returns the reason.
func (e *Ending) Error() string { return "call: ended: " + string(e.Reason) }

// Because makes the error that ends a call for r.
func Because(r Reason) error { return &Ending{r} }

// ReasonOf names the one reason of a call's end. at is where the call was,
// cause the caller's leg's own ("" while it has not ended), err what stopped
// the journey: an Ending says it outright; a panic or an error of ours is a
// failure unless the caller's leg had ended, which is why it came to that.
func ReasonOf(at State, cause leg.Cause, err error) Reason {
	if e, ok := errors.AsType[*Ending](err); ok {
		return e.Reason
	}
	if _, ok := errors.AsType[*obs.Panic](err); ok {
		return Failed
	}
	if e, ok := errors.AsType[*leg.EndError](err); ok && cause == "" {
		cause = e.Cause
	}
	switch cause {
	case leg.HungUp, leg.Cancelled:
		return left(at)
	case leg.MediaLost, leg.PeerLost, leg.Unreachable, leg.Moved:
		return CallerLost
	case leg.AckLost:
		return Unconfirmed
	case leg.Protocol:
		return Protocol
	case leg.Rejected, leg.BusyHere:
		return Rejected
	case leg.Insecure:
		return Insecure
	case leg.Shutdown:
		return Shutdown
	case leg.NoAnswer:
		return Cancelled
	}
	if cause == "" && errors.Is(err, context.Canceled) {
		return Shutdown
	}
	return Failed
}

// NotReachedBy names the reason of a call that the desk made and that nobody
// took, by the cause the called party's leg ended for.
func NotReachedBy(cause leg.Cause) Reason {
	switch cause {
	case leg.NoAnswer, leg.Cancelled:
		return NotAnswered
	case leg.BusyHere:
		return CalledBusy
	case leg.Rejected:
		return CalledRejected
	case leg.Shutdown:
		return Shutdown
	case leg.Fault:
		return Failed
	}
	return NotReached
}

// left is the reason of a caller who hung up, by where the call was.
func left(at State) Reason {
	switch at {
	case Ringing:
		return Cancelled
	case Greeting:
		return AbandonedInGreeting
	case Menu:
		return AbandonedInMenu
	case Consenting:
		return AbandonedInConsent
	case Queued:
		return AbandonedInQueue
	case Voicemail:
		return AbandonedInVoicemail
	}
	return CallerHungUp
}
