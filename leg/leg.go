// Package leg is one party on the line: it rings, answers, plays, reads
// digits and hangs up, whatever wire the party is on.
//
// The kinds of leg live below: leg/sip speaks SIP, leg/media moves the audio.
// Package flow calls them; they know nothing of people, tickets or queues.
package leg

import (
	"context"
	"errors"

	"sotto/leg/media"
)

// Leg is one party on the line. All methods may be called from any goroutine
// and after the end; those that can fail then return an *EndError.
type Leg interface {
	// Caller is who the party says it is. It is never proof of identity.
	Caller() Caller
	// Dialled is the number the party called, as the trunk sent it; for a leg
	// that we called, it is the number we dialled.
	Dialled() string
	// Ring tells the party that it rings here (SIP 180). Optional.
	Ring(ctx context.Context) error
	// Answer takes the call. It returns when the party has confirmed it
	// (SIP ACK) and audio may flow, or with an *EndError that says why it did
	// not come to that. The second call, and a call on a leg that we called,
	// wait for the same.
	Answer(ctx context.Context) error
	// Media is the party's audio. It is constant for the leg's life.
	Media() *media.Port
	// Hangup ends the leg for cause; the second call does nothing. It does
	// not wait for the party.
	Hangup(cause Cause)
	// Ended is closed when the leg is over, whoever ended it.
	Ended() <-chan struct{}
	// Cause says why the leg ended; "" while it has not.
	Cause() Cause
}

// Caller is what a party says about itself on arrival.
type Caller struct {
	Number   string // as the trunk sent it, "" when withheld
	Name     string // display name, may be ""
	Withheld bool   // asked for privacy (RFC 3323) or anonymous: the caller is nobody
	// Diverted is the number that sent the call on to the one it came to, as a
	// trunk that is believed says it (RFC 5806, RFC 7044); "" otherwise.
	Diverted string
}

// Cause is why a leg ended. The list is closed; package call turns causes
// into its one end reason.
type Cause string

// The causes.
const (
	HungUp      Cause = "hung-up"     // the party said good-bye (BYE)
	Cancelled   Cause = "cancelled"   // whoever called gave up before the answer (CANCEL)
	Rejected    Cause = "rejected"    // the party refused our call (4xx, 6xx), or we refused its call
	BusyHere    Cause = "busy"        // the party is on another call (486, 600)
	NoAnswer    Cause = "no-answer"   // it rang and nobody took it (408, 480, our time-out)
	Unreachable Cause = "unreachable" // no route, no registration, transport failed (404, 5xx, I/O)
	MediaLost   Cause = "media-lost"  // no audio for the configured time: the peer is dead
	AckLost     Cause = "ack-lost"    // answered, never confirmed (64*T1 without ACK)
	PeerLost    Cause = "peer-lost"   // the peer no longer answers (session timer, 481, 408 in the dialog)
	Protocol    Cause = "protocol"    // the peer broke the protocol; we ended it
	Fault       Cause = "fault"       // our own fault: code of ours panicked in this leg
	Released    Cause = "released"    // we ended it in the ordinary way
	Shutdown    Cause = "shutdown"    // the desk is stopping
	Insecure    Cause = "insecure"    // its audio or its signalling could be overheard, and may not be
	Moved       Cause = "moved"       // the party asks to be called elsewhere (3xx): EndError.To
)

// EndError is what a method returns when the leg is over.
type EndError struct {
	Cause Cause
	// To is the number that a party with Cause Moved asks to be called at. It
	// is a wish: nobody was called there, and whoever does so asks first
	// whether it may be dialled. It is not part of Error.
	To string
}

// Error returns the cause in words for a log.
func (e *EndError) Error() string { return "leg: ended: " + string(e.Cause) }

// CauseOf returns the cause in err, and Unreachable for an error that is none
// of a leg's own: whatever failed, the party was not reached.
func CauseOf(err error) Cause {
	if e, ok := errors.AsType[*EndError](err); ok {
		return e.Cause
	}
	return Unreachable
}

// Guarded is a leg that can be kept from being overheard on its way.
type Guarded interface {
	Leg
	// Encrypt demands, from now to the end of the leg, that signalling and
	// audio are encrypted (SIP over TLS and SRTP, or WebRTC). A leg that cannot
	// have that ends with Insecure, which Encrypt returns as an *EndError. An
	// offer of the party to go on in the clear is refused later too.
	Encrypt(ctx context.Context) error
}

// Absent is a leg whose party may drop out of the call and come back, as a
// browser does that is reloaded. Its audio stays the same port meanwhile.
type Absent interface {
	Leg
	// Away gets true when the party has dropped out: whoever talked to it
	// should hear music. It gets false when the party is back, and nothing
	// when the leg ends. Only the newest is kept for a reader who comes late.
	Away() <-chan bool
}
