package line

import (
	"time"

	"sotto"
)

// Consent is how a line asks about recording.
type Consent string

// The ways. The caller decides with key 3, or, on a web line, with a tick box
// before the call.
const (
	Always Consent = "always"  // callers are told; a law or a contract demands the recording
	OptIn  Consent = "opt-in"  // recorded only after key 3
	OptOut Consent = "opt-out" // recorded unless key 3
	Never  Consent = "never"   // not recorded and not asked
)

// Kind is where the calls of a line come from.
type Kind string

// The kinds.
const (
	Phone   Kind = "phone"   // a carrier's telephone number
	SIPIn   Kind = "sip-in"  // another telephone system, over SIP
	Digital Kind = "digital" // a web page; the caller ticks a box instead of pressing a key
)

// Turn is whose turn it is among the agents who may take a call.
type Turn string

// The turns.
const (
	LongestIdle Turn = "longest-idle" // whose last call is the longest ago
	RoundRobin  Turn = "round-robin"  // whose last offer is the longest ago
)

// Settings are what an administrator sets on a line.
type Settings struct {
	Kind   Kind
	Number string // E.164, or a SIP user name of letters and digits; a web line has a name
	Name   string // what the desk calls it: Zendesk's nickname
	Brand  string // in whose name it answers; "" for the company's
	Locale string // "en" or "fr"; the language the line speaks and its tickets are in

	// Voice and SMS say what the line takes: calls, texts or both. A web line
	// takes no texts.
	Voice, SMS bool
	// SecureMedia refuses calls that do not come over TLS with SRTP.
	SecureMedia bool
	// Outbound says whether agents may call from this line.
	Outbound bool
	// CallerID is the number shown when the line calls out or forwards, in
	// E.164; "" for its own.
	CallerID string

	Consent Consent
	// KeepCallDays and KeepVoicemailDays are after how many days recordings
	// are deleted by themselves: 1 to 3650; 0 is never.
	KeepCallDays, KeepVoicemailDays int

	// Priority puts the line's callers before those of other lines.
	Priority bool
	// Groups are who is rung: the first is the primary group, the rest follow
	// in order when nobody of it is free. None is every agent.
	Groups []sotto.GroupID
	// Turn is whose turn it is among the agents who may take a call.
	Turn Turn
	// Skills are all asked of an agent, until RelaxSkills is over: whole seconds,
	// at most 60 min; 0 is never.
	Skills      []sotto.SkillID
	RelaxSkills time.Duration
	// Menu is what the caller chooses from; 0 for none.
	Menu sotto.MenuID
	// Schedule is when the line is open; 0 is always. Hours are the same,
	// read from it. An edit that changes Hours and not Schedule makes the line
	// a schedule of its own.
	Schedule sotto.ScheduleID
	Hours    Hours

	Ring     time.Duration // how long one agent is rung: whole seconds, 5 s to 2 min
	Wait     time.Duration // how long a caller waits at most: whole seconds, 0 to 60 min
	MaxQueue int           // how many callers wait at most: 0 to 1500; 0 lets nobody wait
	// AnnounceWait and AnnouncePosition tell a waiting caller the average wait
	// and the place in the queue.
	AnnounceWait, AnnouncePosition bool
	// Callback offers a waiting caller to be called back.
	Callback bool
	// WrapUp gives an agent time after a call, at most WrapUpLimit: whole
	// seconds, 10 s to 20 min; 0 is no limit.
	WrapUp      bool
	WrapUpLimit time.Duration

	// Voicemail says whether messages are taken when nobody answers.
	Voicemail bool
	// TextBack sends a text to a caller nobody talked to and who left no
	// message; TextBackWords is that text, at most 1000 bytes, "" for the desk's
	// own in the line's language. It needs SMS.
	TextBack      bool
	TextBackWords string
	// Overflow and OverflowClosed are external numbers, in E.164, that a call
	// goes on to when no agent takes it in hours, and out of hours. "" is
	// none. A line that takes messages has none.
	Overflow, OverflowClosed string
	// Failover is an external number, in E.164, that the carrier is asked to
	// ring when the desk itself is down. "" is none.
	Failover string
}

// The limits of the settings.
const (
	maxKeepDays   = 3650 // ten years
	maxGroups     = 50
	maxSkills     = 20
	MaxQueueLimit = 1500 // the most callers a line can let wait
	maxWait       = time.Hour
	minRing       = 5 * time.Second
	maxRing       = 2 * time.Minute
	minWrapUp     = 10 * time.Second
	maxWrapUp     = 20 * time.Minute
)

// Defaults are the settings a new line begins with: nothing is recorded until
// somebody chooses so, and what is recorded goes after six months.
func Defaults() Settings {
	return Settings{
		Kind: Phone, Locale: "en", Voice: true, Outbound: true, Consent: Never, KeepCallDays: 180, KeepVoicemailDays: 180,
		Hours: Hours{Zone: "UTC"}, Ring: 30 * time.Second, Wait: 5 * time.Minute, MaxQueue: MaxQueueLimit, Voicemail: true, Turn: LongestIdle,
	}
}

// RingsGroup reports whether the line rings the agents of a group: the
// primary one or one that follows.
func (s Settings) RingsGroup(id sotto.GroupID) bool {
	for _, g := range s.Groups {
		if g == id {
			return true
		}
	}
	return false
}

// OverflowAt returns the external number a call that no agent took goes on
// to; "" for none. inHours says whether the line was open when it was called.
func (s Settings) OverflowAt(inHours bool) string {
	if inHours {
		return s.Overflow
	}
	return s.OverflowClosed
}

// Shown is the number the other side sees when the line calls out or
// forwards; "" when the line has none to show.
func (s Settings) Shown() string {
	if s.CallerID != "" {
		return s.CallerID
	}
	if len(s.Number) > 0 && s.Number[0] == '+' {
		return s.Number
	}
	return ""
}
