package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/agent"
)

// model is what a queue is, in a few lines: the longest waiting gets the
// longest idle who has not refused; who was refused by all starts over after
// the pause.
type model struct {
	waiting []sotto.CallID
	idle    []sotto.PersonID // in the order of turns
	refused map[sotto.CallID]map[sotto.PersonID]bool
	until   map[sotto.CallID]time.Time
	offered map[sotto.CallID]sotto.PersonID
}

func (m *model) offers(now time.Time) map[sotto.CallID]sotto.PersonID {
	made, free := map[sotto.CallID]sotto.PersonID{}, slices.Clone(m.idle)
	for _, c := range m.waiting {
		if m.offered[c] != 0 {
			continue
		}
		i := slices.IndexFunc(free, func(a sotto.PersonID) bool { return !m.refused[c][a] })
		if i < 0 && len(free) > 0 && !now.Before(m.until[c]) {
			i, m.refused[c] = 0, map[sotto.PersonID]bool{}
		}
		if i >= 0 {
			made[c] = free[i]
			free = slices.Delete(free, i, i+1)
		}
	}
	return made
}

// game is the room and its model, played side by side.
type game struct {
	room   room
	model  model
	places map[sotto.CallID]*Place
	talks  map[sotto.CallID]sotto.PersonID
	now    time.Time
	last   sotto.CallID
}

func newGame() *game {
	return &game{
		room: room{pause: 5 * time.Second}, places: map[sotto.CallID]*Place{}, talks: map[sotto.CallID]sotto.PersonID{},
		now: time.Unix(0, 0),
		model: model{
			refused: map[sotto.CallID]map[sotto.PersonID]bool{}, until: map[sotto.CallID]time.Time{}, offered: map[sotto.CallID]sotto.PersonID{},
			idle: []sotto.PersonID{1, 2, 3},
		},
	}
}

// match makes the offers and compares them with the model's.
func (g *game) match(t *rapid.T) {
	var idle []agent.Candidate
	for _, id := range g.model.idle {
		idle = append(idle, agent.Candidate{Person: id})
	}
	want, got := g.model.offers(g.now), map[sotto.CallID]sotto.PersonID{}
	for _, p := range g.room.match(idle, g.now) {
		p.place.offered = p.to.Person
		got[p.place.call] = p.to.Person
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("offers (-model +room):\n%s", diff)
	}
	for c, a := range got {
		g.model.offered[c] = a
		g.model.idle = slices.DeleteFunc(g.model.idle, func(o sotto.PersonID) bool { return o == a })
	}
}

// pick draws a call that waits; ok is false when there is none.
func (g *game) pick(t *rapid.T, which func(sotto.CallID) bool) (c sotto.CallID, ok bool) {
	some := slices.DeleteFunc(slices.Clone(g.model.waiting), func(c sotto.CallID) bool { return !which(c) })
	if len(some) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(some).Draw(t, "call"), true
}

func (g *game) gone(c sotto.CallID) (offered sotto.PersonID) {
	g.model.waiting = slices.DeleteFunc(g.model.waiting, func(o sotto.CallID) bool { return o == c })
	offered = g.model.offered[c]
	delete(g.model.offered, c)
	return offered
}

func TestRoomFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGame()
		whoever := func(sotto.CallID) bool { return true }
		hasOffer := func(c sotto.CallID) bool { return g.model.offered[c] != 0 }
		t.Repeat(map[string]func(*rapid.T){
			"join": func(*rapid.T) {
				g.last++
				p := &Place{call: g.last, tried: map[sotto.PersonID]bool{}}
				g.room.join(p)
				g.places[g.last], g.model.refused[g.last] = p, map[sotto.PersonID]bool{}
				g.model.waiting = append(g.model.waiting, g.last)
			},
			"leave": func(t *rapid.T) {
				if c, ok := g.pick(t, whoever); ok {
					freed, want := g.room.leave(g.places[c]), g.gone(c)
					g.frees(t, freed, want)
				}
			},
			"decline": func(t *rapid.T) {
				if c, ok := g.pick(t, hasOffer); ok {
					want := g.model.offered[c]
					delete(g.model.offered, c)
					g.model.refused[c][want], g.model.until[c] = true, g.now.Add(5*time.Second)
					g.frees(t, g.room.declined(g.places[c], g.now), want)
				}
			},
			"accept": func(t *rapid.T) {
				if c, ok := g.pick(t, hasOffer); ok {
					g.room.leave(g.places[c])
					g.talks[c] = g.gone(c)
				}
			},
			"hang up": func(t *rapid.T) {
				for c, a := range g.talks {
					delete(g.talks, c)
					g.model.idle = append(g.model.idle, a) // the last in turn
					break
				}
			},
			"time": func(t *rapid.T) {
				g.now = g.now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				g.match(t)
				g.check(t)
			},
		})
	})
}

// frees puts an agent who did not take a call back where the turn was.
func (g *game) frees(t *rapid.T, got, want sotto.PersonID) {
	if got != want {
		t.Fatalf("freed agent %d, want %d", got, want)
	}
	if got != 0 {
		g.model.idle = append([]sotto.PersonID{got}, g.model.idle...)
	}
}

// check is what must hold whatever happened: every agent is in one place, no
// call is lost.
func (g *game) check(t *rapid.T) {
	seen := map[sotto.PersonID]string{}
	note := func(a sotto.PersonID, where string) {
		if seen[a] != "" {
			t.Fatalf("agent %d is %s and %s", a, seen[a], where)
		}
		seen[a] = where
	}
	for _, a := range g.model.idle {
		note(a, "idle")
	}
	for c, a := range g.talks {
		note(a, fmt.Sprint("talking to ", c))
	}
	var order []sotto.CallID
	for _, p := range g.room.places {
		order = append(order, p.call)
		if p.offered != 0 {
			note(p.offered, fmt.Sprint("offered to ", p.call))
		}
	}
	if len(seen) != 3 || !slices.Equal(order, g.model.waiting) {
		t.Fatalf("agents %v, waiting %v, want 3 agents and %v", seen, order, g.model.waiting)
	}
}

func TestRoomSleepsUntilThereIsSomethingToDo(t *testing.T) {
	now := time.Unix(0, 0)
	r := room{pause: 5 * time.Second}
	if d := r.next(now); d != 0 {
		t.Errorf("an empty room wakes after %v", d)
	}
	p := &Place{tried: map[sotto.PersonID]bool{}}
	r.join(p)
	if d := r.next(now); d != time.Second {
		t.Errorf("with one waiting it wakes after %v, want 1s", d)
	}
	p.offered = 7
	if d := r.next(now); d != 0 {
		t.Errorf("with everyone offered it wakes after %v", d)
	}
	r.declined(p, now)
	if d := r.next(now.Add(4700 * time.Millisecond)); d != 300*time.Millisecond {
		t.Errorf("just before the pause is over it wakes after %v, want 300ms", d)
	}
}
