package queue

import (
	"cmp"
	"slices"
	"time"

	"sotto"
	"sotto/agent"
)

// room is who waits, in the order they are served. It is plain data and has no
// clock of its own: whoever calls it says what time it is and who is there.
type room struct {
	places []*Place
	pause  time.Duration
	turns  int64                    // offers made
	last   map[sotto.PersonID]int64 // the number of each agent's last offer
	waits  map[sotto.LineID][]waited
	joined int64
	// callsBack says that promises to call back can be carried out.
	callsBack bool
}

// spot is what the room knows of one place.
type spot struct {
	demand   Demand
	callback sotto.CallbackID // 0 for a caller who is on the line
	source   Source           // of the callback
	// notBefore is when a callback is tried again; zero for at once.
	notBefore time.Time
	since     time.Time
	deadline  time.Time // zero for none
	head      bool      // was served and lost the agent: before everybody else
	no        int64     // order of arrival

	offered sotto.PersonID
	tried   map[sotto.PersonID]bool
	again   time.Time // who was tried is asked again from then on
	over    End
}

// pair is an offer to be made.
type pair struct {
	place *Place
	to    agent.Candidate
}

func newRoom(pause time.Duration) room {
	return room{pause: pause, last: map[sotto.PersonID]int64{}, waits: map[sotto.LineID][]waited{}}
}

// rank is the order in which places are served.
func (s *spot) rank() int {
	switch {
	case s.head:
		return 0
	case s.demand.Priority:
		return 1
	}
	return 2
}

// join puts p where its rank and its waiting time want it. It ends at once
// when the line's queue is full.
func (r *room) join(p *Place) {
	r.joined++
	p.no, p.tried = r.joined, map[sotto.PersonID]bool{}
	if d := p.demand; d.Size > 0 && !p.head && p.callback == 0 && r.waiting(d.Line) >= d.Size {
		p.over = Full
		return
	}
	at, _ := slices.BinarySearchFunc(r.places, p, func(a, b *Place) int {
		return cmp.Or(a.rank()-b.rank(), a.since.Compare(b.since), cmp.Compare(a.no, b.no))
	})
	r.places = slices.Insert(r.places, at, p)
}

// waiting counts the callers on a line who wait.
func (r *room) waiting(line sotto.LineID) (n int) {
	for _, p := range r.places {
		if p.demand.Line == line && p.callback == 0 {
			n++
		}
	}
	return n
}

// leave takes p out with its end and returns the agent it was offered to, 0
// for none. Only the first end counts.
func (r *room) leave(p *Place, why End) (offered sotto.PersonID) {
	r.places = slices.DeleteFunc(r.places, func(o *Place) bool { return o == p })
	if p.over == "" {
		p.over = why
	}
	offered, p.offered = p.offered, 0
	return offered
}

// refused takes back p's offer and returns the agent it was made to, 0 for
// none. The agent is not asked again for p before the others were, nor before
// the pause is over.
func (r *room) refused(p *Place, now time.Time) (offered sotto.PersonID) {
	offered, p.offered = p.offered, 0
	if offered != 0 {
		p.tried[offered] = true
		p.again = now.Add(r.pause)
	}
	return offered
}

// expire takes out the places whose time is over and returns them. An offer
// that is open is waited for: it ends no later than the place.
func (r *room) expire(now time.Time) []*Place {
	return r.takeOut(TimedOut, func(p *Place) bool { return !p.deadline.IsZero() && !now.Before(p.deadline) })
}

// desert takes out the places that nobody who is there can serve, as far as
// they want to know.
func (r *room) desert(there []agent.Candidate, now time.Time) []*Place {
	return r.takeOut(Nobody, func(p *Place) bool {
		d := &p.demand
		if p.callback != 0 || !d.Overflow && d.Agent == 0 {
			return false
		}
		return d.Agent != 0 && p.tried[d.Agent] || d.hopeless(there, now.Sub(p.since))
	})
}

// crowd takes out the places that do not wait and were offered to nobody.
func (r *room) crowd() []*Place {
	return r.takeOut(Full, func(p *Place) bool { return p.demand.NoWait && !p.head && p.callback == 0 })
}

func (r *room) takeOut(why End, which func(*Place) bool) (out []*Place) {
	r.places = slices.DeleteFunc(r.places, func(p *Place) bool {
		if p.offered != 0 || !which(p) {
			return false
		}
		p.over = why
		out = append(out, p)
		return true
	})
	return out
}

// match proposes an agent for each place in turn. there is everybody who is
// there, by number. Nobody is proposed twice.
func (r *room) match(there []agent.Candidate, now time.Time) (pairs []pair) {
	given := map[sotto.PersonID]bool{}
	for _, p := range r.places {
		if p.offered != 0 || p.callback != 0 && (!r.callsBack || now.Before(p.notBefore)) {
			continue
		}
		if c := r.best(p, there, given, now); c != nil {
			pairs = append(pairs, pair{p, *c})
			given[c.Person] = true
		}
	}
	return pairs
}

// best is who is to be offered for p; nil for nobody. Who was tried comes
// again when everybody free was tried and the pause is over.
func (r *room) best(p *Place, there []agent.Candidate, given map[sotto.PersonID]bool, now time.Time) *agent.Candidate {
	d, waited := &p.demand, now.Sub(p.since)
	reach := d.reach(there, waited)
	var best, again *agent.Candidate
	for i := range there {
		c := &there[i]
		if !c.Free || given[c.Person] || d.tier(c, waited) >= reach {
			continue
		}
		to := &best
		if p.tried[c.Person] {
			to = &again
		}
		if *to == nil || r.before(d, c, *to, waited) {
			*to = c
		}
	}
	if best == nil && again != nil && !now.Before(p.again) {
		return again
	}
	return best
}

// before reports whether a is asked before b.
func (r *room) before(d *Demand, a, b *agent.Candidate, waited time.Duration) bool {
	if c := d.tier(a, waited) - d.tier(b, waited); c != 0 {
		return c < 0
	}
	if d.Turn == RoundRobin {
		return cmp.Or(cmp.Compare(r.last[a.Person], r.last[b.Person]), cmp.Compare(a.Person, b.Person)) < 0
	}
	return cmp.Or(a.IdleSince.Compare(b.IdleSince), cmp.Compare(a.Person, b.Person)) < 0
}

// offer notes that a proposed offer is made.
func (r *room) offer(p *Place, to sotto.PersonID) {
	if p.tried[to] {
		clear(p.tried)
	}
	r.turns++
	r.last[to], p.offered = r.turns, to
}

// next is how long the room can be left alone when nothing happens; 0 when
// for ever. It looks again every second while somebody waits, because an agent
// may come back in ways that nobody tells.
func (r *room) next(now time.Time) time.Duration {
	wait := time.Duration(0)
	for _, p := range r.places {
		if p.offered != 0 || p.callback != 0 && !r.callsBack {
			continue
		}
		d := time.Second
		for _, at := range []time.Time{p.again, p.deadline, p.notBefore, p.after(p.demand.SecondaryAfter), p.after(p.demand.RelaxAfter)} {
			if until := at.Sub(now); !at.IsZero() && until > 0 && until < d {
				d = until
			}
		}
		if wait == 0 || d < wait {
			wait = d
		}
	}
	return wait
}

// after is when so much of the wait is over; zero for never.
func (s *spot) after(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return s.since.Add(d)
}
