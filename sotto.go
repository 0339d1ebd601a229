// Package sotto holds the words every other package shares: typed ids, the
// acting person, and the kinds of error.
//
// It has nouns only. It imports the standard library alone, holds no SQL, no
// JSON tag and no interface, and nothing here has a table behind it: a call
// lives in package call, a ticket in package ticket.
package sotto

import "time"

// PersonID names one person the desk knows: a caller, an agent, an
// administrator or a third party. It is never reused, not even after erasure.
type PersonID int64

// KeyID names one slot of the keyring. It says nothing about whose key it is.
type KeyID int64

// CallID names one call: all legs from the first ring to the end reason.
type CallID int64

// LegID names one party's part in a call.
type LegID int64

// LineID names one number, with its greeting, hours and recording policy.
type LineID int64

// GroupID names one group of agents.
type GroupID int64

// MenuID names one tree of menus a caller chooses from with keys, in all its
// versions.
type MenuID int64

// ScheduleID names opening hours that several lines may share.
type ScheduleID int64

// TicketID is the number people read aloud: "ticket 4711".
type TicketID int64

// CommentID names one comment on a ticket, public or private.
type CommentID int64

// AttachmentID names one file on a comment.
type AttachmentID int64

// RecordingID names one recording: the tracks of one call or one voice message.
type RecordingID int64

// TrackID names one voice in a recording.
type TrackID int64

// DeviceID names one telephone an agent signs in with.
type DeviceID int64

// SkillID names one skill a call may ask for.
type SkillID int64

// ReasonID names one reason to be away that an administrator made.
type ReasonID int64

// CallbackID names one promise to call back.
type CallbackID int64

// TextID names one text message, in or out.
type TextID int64

// RequestID names what a person asked under privacy law.
type RequestID int64

// ReceiptNo is the position of a receipt in the signed log, counted from 0.
type ReceiptNo int64

// Clock tells the time. It is passed in wherever a wall-clock time is stored
// or compared, so that tests can live years in a second.
type Clock func() time.Time

// Role is what a person may do in the desk.
type Role string

// The roles, from least to most.
const (
	EndUser  Role = "end-user"
	Agent    Role = "agent"
	TeamLead Role = "team-lead" // an agent who may listen to others, see their figures and set their states
	Admin    Role = "admin"
)

// Staff reports whether the role works here: only staff may sign in.
func (r Role) Staff() bool { return r == Agent || r == TeamLead || r == Admin }

// Actor is who acts: it is an argument of everything the audit log records.
// The zero Actor is the desk itself (a timer, a retention rule).
type Actor struct {
	Person PersonID
	Role   Role
	// Shell is true when the operator acts through the command line on the
	// machine itself; such an actor may do what an administrator may.
	Shell bool
}

// Desk is the actor of everything that no person asked for.
func Desk() Actor { return Actor{} }

// Operator is the actor of a command typed on the desk's own machine.
func Operator() Actor { return Actor{Shell: true} }

// IsAdmin reports whether a may administer the desk.
func (a Actor) IsAdmin() bool { return a.Shell || a.Role == Admin }

// IsSupervisor reports whether a may be in other people's calls, see what each
// agent did and say who takes calls: team leads and administrators.
func (a Actor) IsSupervisor() bool { return a.IsAdmin() || a.Role == TeamLead }

// IsStaff reports whether a may see other people's data at all.
func (a Actor) IsStaff() bool { return a.Shell || a.Role.Staff() }
