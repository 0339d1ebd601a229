package insight

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sotto"
	"sotto/db"
)

// Account is what happened on some lines in a span of time: the calls that
// began in it. Calls to a number that is no line's are not in it.
type Account struct {
	Calls, Inbound  int64
	Abandoned       int64 // hung up while waiting
	OutsideHours    int64
	Exceeded        int64 // waited for the longest time of the line
	Voicemails      int64
	WantedVoicemail int64 // chose it in a menu
	TextBacks       int64 // asked for a text in a menu
	Callbacks       int64 // calls made because a caller left the queue for one
	CallbacksAsked  int64 // calls made because a program or a page asked for one

	Answered   int64 // picked up by the desk, and over
	Duration   time.Duration
	Held       int64 // calls put on hold
	Hold       time.Duration
	Queued     int64 // calls that waited
	Wait       time.Duration
	MaxWait    time.Duration
	MaxWaiting int64 // at once
	Connected  int64 // calls that came in and reached an agent
	ToAnswer   time.Duration
}

// Outbound is how many calls the desk made.
func (a Account) Outbound() int64 { return a.Calls - a.Inbound }

// plus adds another line's.
func (a *Account) plus(o Account) {
	for to, n := range map[*int64]int64{
		&a.Calls: o.Calls, &a.Inbound: o.Inbound, &a.Abandoned: o.Abandoned, &a.OutsideHours: o.OutsideHours, &a.Exceeded: o.Exceeded,
		&a.Voicemails: o.Voicemails, &a.Answered: o.Answered, &a.Held: o.Held, &a.Queued: o.Queued, &a.Connected: o.Connected,
		&a.Callbacks: o.Callbacks, &a.CallbacksAsked: o.CallbacksAsked,
	} {
		*to += n
	}
	for to, d := range map[*time.Duration]time.Duration{&a.Duration: o.Duration, &a.Hold: o.Hold, &a.Wait: o.Wait, &a.ToAnswer: o.ToAnswer} {
		*to += d
	}
	a.MaxWait = max(a.MaxWait, o.MaxWait)
}

// Overview returns the figures of the calls that began from from up to but not
// including to, on the lines named; none is all lines. On a desk of very many
// calls they are up to 15 seconds old.
func (in *Insight) Overview(ctx context.Context, from, to time.Time, lines ...sotto.LineID) (a Account, err error) {
	defer sotto.Wrap(&err, "insight.Overview")
	asked := fmt.Sprint(db.Millis(from), db.Millis(to), lines)
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.db.Now()
	for key, o := range in.known {
		if age := now.Sub(o.at); age < 0 || age >= fresh {
			delete(in.known, key)
		}
	}
	if o, ok := in.known[asked]; ok {
		return o.Account, nil
	}
	began := time.Now()
	if a, err = in.overview(ctx, from, to, lines); err == nil && time.Since(began) > slow {
		in.known[asked] = overview{a, now}
	}
	return a, err
}

func (in *Insight) overview(ctx context.Context, from, to time.Time, lines []sotto.LineID) (a Account, err error) {
	asked := func(line int64) bool { return len(lines) == 0 || slices.Contains(lines, sotto.LineID(line)) }
	var edges []edge
	span := []any{db.Millis(from), db.Millis(to)}
	err = in.db.Read(ctx, func(tx *db.Tx) error {
		a, edges = Account{}, nil
		if err := db.Each(tx, func(s db.Scanner) error {
			line, one, err := scanAccount(s)
			if asked(line) {
				a.plus(one)
			}
			return err
		}, in.q["Account"], span...); err != nil {
			return err
		}
		if err := db.Each(tx, func(s db.Scanner) error {
			var line, n int64
			var action string
			err := s.Scan(&line, &action, &n)
			switch {
			case !asked(line):
			case action == "voicemail":
				a.WantedVoicemail += n
			default:
				a.TextBacks += n
			}
			return err
		}, in.q["MenuChoices"], span...); err != nil {
			return err
		}
		return db.Each(tx, func(s db.Scanner) error {
			var line, at, waited int64
			err := s.Scan(&line, &at, &waited)
			if asked(line) {
				edges = append(edges, edge{at, 1}, edge{at + waited, -1})
			}
			return err
		}, in.q["Waits"], span...)
	})
	a.MaxWaiting = most(edges)
	return a, err
}

func scanAccount(s db.Scanner) (line int64, a Account, err error) {
	var duration, hold, wait, longest, answer int64
	err = s.Scan(&line, &a.Calls, &a.Inbound, &a.Abandoned, &a.OutsideHours, &a.Exceeded, &a.Voicemails, &duration, &a.Answered,
		&hold, &a.Held, &wait, &a.Queued, &longest, &answer, &a.Connected, &a.Callbacks, &a.CallbacksAsked)
	a.Duration, a.Hold, a.Wait, a.MaxWait, a.ToAnswer = millis(duration), millis(hold), millis(wait), millis(longest), millis(answer)
	return line, a, err
}

// edge is one caller more or less who waits.
type edge struct{ at, by int64 }

// most is how many waited at once. Who goes makes room for who comes in the
// same moment.
func most(edges []edge) (top int64) {
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			return int(max(min(a.at-b.at, 1), -1))
		}
		return int(a.by - b.by)
	})
	n := int64(0)
	for _, e := range edges {
		n += e.by
		top = max(top, n)
	}
	return top
}

// OfAgent is what an agent's legs come to in a span of time.
type OfAgent struct {
	Duration            time.Duration // from the answer to the end, in all calls
	ConferencesStarted  int64         // brought somebody in
	ConferencesAccepted int64         // was brought in
}

// Agents returns what agents did in the calls that began from from up to but
// not including to.
func (in *Insight) Agents(ctx context.Context, from, to time.Time) (all map[sotto.PersonID]OfAgent, err error) {
	defer sotto.Wrap(&err, "insight.Agents")
	span := []any{db.Millis(from), db.Millis(to)}
	err = in.db.Read(ctx, func(tx *db.Tx) error {
		all = map[sotto.PersonID]OfAgent{}
		if err := db.Each(tx, func(s db.Scanner) error {
			var id, ms, accepted int64
			err := s.Scan(&id, &ms, &accepted)
			all[sotto.PersonID(id)] = OfAgent{Duration: millis(ms), ConferencesAccepted: accepted}
			return err
		}, in.q["AgentCalls"], span...); err != nil {
			return err
		}
		return db.Each(tx, func(s db.Scanner) error {
			var id, n int64
			err := s.Scan(&id, &n)
			o := all[sotto.PersonID(id)]
			o.ConferencesStarted = n
			all[sotto.PersonID(id)] = o
			return err
		}, in.q["ConferencesStarted"], span...)
	})
	return all, err
}
