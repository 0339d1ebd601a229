package queue

import (
	"slices"
	"time"

	"sotto"
	"sotto/agent"
)

// room is who waits, in the order they came. It is plain data: the queue's
// one goroutine owns it.
type room struct {
	places []*Place
	pause  time.Duration
}

// pair is an offer to be made.
type pair struct {
	place *Place
	to    agent.Candidate
}

func (r *room) join(p *Place) { r.places = append(r.places, p) }

// leave takes p out and returns the agent it was offered to, 0 for none.
func (r *room) leave(p *Place) (offered sotto.PersonID) {
	r.places = slices.DeleteFunc(r.places, func(o *Place) bool { return o == p })
	offered, p.offered = p.offered, 0
	return offered
}

// declined takes back p's offer and returns the agent it was made to, 0 for
// none. The agent is not asked again for p before the others were, nor before
// the pause is over.
func (r *room) declined(p *Place, now time.Time) (offered sotto.PersonID) {
	offered, p.offered = p.offered, 0
	if offered != 0 {
		p.tried[offered] = true
		p.again = now.Add(r.pause)
	}
	return offered
}

// match pairs the longest waiting with the longest idle: idle is in the order
// of turns. A caller who was refused by everyone who is idle starts over when
// the pause is over. The pairs are only proposed; offered says which are made.
func (r *room) match(idle []agent.Candidate, now time.Time) (pairs []pair) {
	idle = slices.Clone(idle)
	for _, p := range r.places {
		if len(idle) == 0 {
			break
		}
		if p.offered != 0 {
			continue
		}
		i := slices.IndexFunc(idle, func(c agent.Candidate) bool { return !p.tried[c.Person] })
		if i < 0 && now.Before(p.again) {
			continue
		}
		if i < 0 {
			i = 0
			clear(p.tried)
		}
		pairs = append(pairs, pair{p, idle[i]})
		idle = slices.Delete(idle, i, i+1)
	}
	return pairs
}

// next is how long the room can be left alone when nothing happens; 0 when
// for ever. It looks again every second while somebody waits, because an agent
// may come back in ways that nobody tells.
func (r *room) next(now time.Time) time.Duration {
	wait := time.Duration(0)
	for _, p := range r.places {
		if p.offered != 0 {
			continue
		}
		d := time.Second
		if until := p.again.Sub(now); until > 0 && until < d {
			d = until
		}
		if wait == 0 || d < wait {
			wait = d
		}
	}
	return wait
}
