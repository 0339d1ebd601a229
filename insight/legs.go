package insight

import (
	"context"
	"time"

	"sotto"
	"sotto/call"
	"sotto/db"
	"sotto/leg"
)

// Leg is one party's part in a call that is over.
type Leg struct {
	ID                             int64
	Call                           sotto.CallID
	Kind                           call.LegKind
	Part                           call.Part
	Person                         sotto.PersonID // the agent; 0 for others
	Customer                       sotto.PersonID // whose call it is; 0 for nobody
	By                             sotto.PersonID // the agent who brought the leg in; 0 for the desk
	StartedAt, AnsweredAt, EndedAt time.Time
	CallEndedAt                    time.Time
	Cause                          leg.Cause
	Packets, Lost                  int64
	Jitter                         time.Duration
	Talk, Hold, Consult            time.Duration
}

// Legs returns the legs of the calls that ended at since or later, as Calls
// returns the calls: by the call's end, in whole seconds.
func (in *Insight) Legs(ctx context.Context, since time.Time) (all []Leg, err error) {
	defer sotto.Wrap(&err, "insight.Legs")
	err = in.db.Read(ctx, func(tx *db.Tx) error {
		p, err := in.span(tx, since)
		if err != nil {
			return err
		}
		all, err = db.All(tx, scanLeg, in.q["Legs"], p.args()...)
		return err
	})
	return all, err
}

func scanLeg(s db.Scanner) (l Leg, err error) {
	var started, over, jitter, talk, hold, consult int64
	var answered, ended *int64
	err = s.Scan(&l.ID, (*int64)(&l.Call), (*string)(&l.Kind), (*string)(&l.Part), (*int64)(&l.Person), (*int64)(&l.Customer), (*int64)(&l.By),
		&started, &answered, &ended, &over, (*string)(&l.Cause), &l.Packets, &l.Lost, &jitter, &talk, &hold, &consult)
	l.StartedAt, l.AnsweredAt, l.EndedAt, l.CallEndedAt = db.Time(started), db.TimeOrZero(answered), db.TimeOrZero(ended), db.Time(over)
	l.Jitter = time.Duration(jitter) * time.Microsecond
	l.Talk, l.Hold, l.Consult = millis(talk), millis(hold), millis(consult)
	return l, err
}

// Duration is from the answer to the end.
func (l Leg) Duration() time.Duration { return since(l.AnsweredAt, l.EndedAt) }

// Completion is how the leg ended, a word of reports' closed list; "" for a
// leg that is no agent's and was not answered: the list has no word for it.
func (l Leg) Completion() string {
	declined := l.Cause == leg.Rejected || l.Cause == leg.BusyHere
	switch {
	case !l.AnsweredAt.IsZero() || l.Kind == call.CallerLeg:
		return "completed"
	case l.Kind != call.AgentLeg:
		return ""
	case declined && (l.Part == call.Transfer || l.Part == call.Consultation || l.Part == call.Conference):
		return "agent_transfer_declined"
	case declined:
		return "agent_declined"
	}
	return "agent_missed"
}

// Issue is something that was wrong with the sound, a word of a closed list.
type Issue string

// The issues. NoIssue and Unknown stand alone.
const (
	HighJitter Issue = "high_jitter"      // more than 30 ms
	HighLoss   Issue = "high_packet_loss" // more than 5 % of the packets
	Silence    Issue = "silence"          // answered, and nothing came
	NoIssue    Issue = "none"
	Unknown    Issue = "information_not_available" // not answered, so there was no sound
)

func (i Issue) isOne() bool { return i != NoIssue && i != Unknown }

// The bounds beyond which people notice (ITU-T G.114 and G.113 speak of delay
// and of loss; these are what carriers' reports use).
const (
	noticedJitter = 30 * time.Millisecond
	noticedLoss   = 5 // per cent
)

// Issues is what was wrong with the sound that came from the party.
func (l Leg) Issues() (all []Issue) {
	if l.AnsweredAt.IsZero() {
		return []Issue{Unknown}
	}
	if l.Packets == 0 && l.Duration() >= 2*time.Second {
		all = append(all, Silence)
	}
	if l.Jitter > noticedJitter {
		all = append(all, HighJitter)
	}
	if l.Lost > 0 && l.Lost*100 > (l.Packets+l.Lost)*noticedLoss {
		all = append(all, HighLoss)
	}
	if all == nil {
		return []Issue{NoIssue}
	}
	return all
}
