package queue

import (
	"time"

	"sotto"
)

// The average wait is the mean of the last waits on the line that an agent
// ended, at most recentWaits of them and none older than recentFor. A caller
// is told it as the wait to be expected.
const (
	recentWaits = 20
	recentFor   = time.Hour
)

// waited is one wait that an agent ended.
type waited struct {
	at   time.Time
	long time.Duration
}

// answered notes how long p waited.
func (r *room) answered(p *Place, now time.Time) {
	if p.callback != 0 {
		return
	}
	l := append(r.waits[p.demand.Line], waited{now, now.Sub(p.since)})
	r.waits[p.demand.Line] = l[max(len(l)-recentWaits, 0):]
}

// average is the average wait on some lines, none for all; 0 when nobody was
// answered lately.
func (r *room) average(lines map[sotto.LineID]bool, now time.Time) time.Duration {
	var sum time.Duration
	n := time.Duration(0)
	for line, all := range r.waits {
		if len(lines) > 0 && !lines[line] {
			continue
		}
		for _, w := range all {
			if now.Sub(w.at) <= recentFor {
				sum += w.long
				n++
			}
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// Status is where a place stands.
type Status struct {
	Position int           // 1 is the next on its line to be offered; 0 when the place is over
	Waited   time.Duration // so far
	Average  time.Duration // of the last waits on the line; 0 when it is not known
}

// Status returns where the place stands now.
func (p *Place) Status() Status {
	p.q.mu.Lock()
	defer p.q.mu.Unlock()
	now := time.Now()
	s := Status{Waited: now.Sub(p.since), Average: p.q.room.average(map[sotto.LineID]bool{p.demand.Line: true}, now)}
	for _, o := range p.q.room.places {
		if o.demand.Line == p.demand.Line {
			s.Position++
		}
		if o == p {
			return s
		}
	}
	s.Position = 0
	return s
}

// Activity is the queue of some lines at this moment.
type Activity struct {
	Waiting   int // callers on the line
	Callbacks int // promises to call back
	// RequestedCallbacks are those of Callbacks that were asked for through the
	// API.
	RequestedCallbacks int
	Longest            time.Duration // the longest wait of those on the line
	Average            time.Duration // of the last waits, see Status
}

// Activity returns the queue of some lines; none is all of them.
func (q *Queue) Activity(lines ...sotto.LineID) (a Activity) {
	some := map[sotto.LineID]bool{}
	for _, l := range lines {
		some[l] = true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, p := range q.room.places {
		switch {
		case len(some) > 0 && !some[p.demand.Line]:
		case p.callback != 0:
			a.Callbacks++
			if p.source == FromAPI {
				a.RequestedCallbacks++
			}
		default:
			a.Waiting++
			a.Longest = max(a.Longest, now.Sub(p.since))
		}
	}
	a.Average = q.room.average(some, now)
	return a
}
