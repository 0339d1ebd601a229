package ticket

import "sotto"

// Status is how far a case has come.
type Status string

// The statuses. A ticket is new until somebody takes it, and never again.
// Closed is final: then only redaction, correction and deletion are left.
const (
	Fresh   Status = "new" // nobody has taken it up
	Open    Status = "open"
	Pending Status = "pending" // waits for the requester
	Hold    Status = "hold"    // waits for somebody else
	Solved  Status = "solved"
	Closed  Status = "closed"
	Deleted Status = "deleted" // restorable until it goes for good
)

// Priority is how much a case presses.
type Priority string

// The priorities, from least to most.
const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
	Urgent Priority = "urgent"
)

// Via is how a case came in.
type Via string

// The ways.
const (
	ByVoice     Via = "voice"
	ByVoicemail Via = "voicemail"
	ByOutbound  Via = "outbound" // the desk called
	ByText      Via = "sms"
	ByAPI       Via = "api"
	ByWeb       Via = "web"
)

func (s Status) check() error {
	switch s {
	case Fresh, Open, Pending, Hold, Solved, Closed:
		return nil
	}
	return sotto.FailField("status", "The status is new, open, pending, hold, solved or closed.")
}

func (p Priority) check() error {
	switch p {
	case Low, Normal, High, Urgent:
		return nil
	}
	return sotto.FailField("priority", "The priority is low, normal, high or urgent.")
}

func (v Via) check() error {
	switch v {
	case ByVoice, ByVoicemail, ByOutbound, ByText, ByAPI, ByWeb:
		return nil
	}
	return sotto.FailField("via", "A ticket comes in by voice, voicemail, outbound, sms, api or web.")
}

// to reports why a ticket may not go from s to next.
func (s Status) to(next Status) error {
	if err := next.check(); err != nil {
		return err
	}
	if s == Closed {
		return errClosed()
	}
	if next == Fresh && s != Fresh {
		return sotto.FailField("status", "A ticket that was taken up does not become new again: make it open.")
	}
	return nil
}

// afterReply returns the status a ticket has once its requester has written
// to it for everyone to see: what was waiting for them, or thought done, is
// open again.
func (s Status) afterReply() Status {
	switch s {
	case Pending, Hold, Solved:
		return Open
	}
	return s
}

func errClosed() error {
	return sotto.Fail(sotto.Conflict, "A closed ticket does not change any more. Open a new one; texts and files can still be redacted and the ticket deleted.")
}
