package queue

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/agent"
)

// TestRoutingFollowsTheModel plays random desks: agents who come, go, talk and
// wrap up, callers who come, give up, are refused, accepted, lost and put back.
// After each event the room's offers must be those of the model, and nobody may
// be lost or offered twice. SOTTO_SEEDS says how many desks, SOTTO_SEED which.
func TestRoutingFollowsTheModel(t *testing.T) {
	from, seeds := uint64(1), uint64(500)
	if n, err := strconv.ParseUint(os.Getenv("SOTTO_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("SOTTO_SEED"), 10, 64); err == nil {
		from, seeds = n, 1
	}
	made := 0
	for seed := from; seed < from+seeds; seed++ {
		w := newWorld(seed)
		for step := range 80 {
			event := w.event()
			if fault := w.step(); fault != "" {
				t.Fatalf("SOTTO_SEED=%d, step %d, after %s: %s", seed, step, event, fault)
			}
		}
		made += int(w.room.turns)
	}
	if made < int(seeds)*5 {
		t.Errorf("%d offers were made in %d desks: the events do not lead anywhere", made, seeds)
	}
}

// man is an agent as the model sees one, and woman a call.
type man struct {
	agent.Candidate
	there, wraps bool
	turn         int // when last offered
}

type woman struct {
	p       *Place
	d       Demand
	since   time.Time
	until   time.Time
	head    bool
	no      int
	asked   map[sotto.PersonID]bool
	pause   time.Time
	offered sotto.PersonID
	state   string // "waits", "talks", or how it ended
}

type world struct {
	rnd   *rand.Rand
	now   time.Time
	room  room
	men   []*man
	calls []*woman
	talks map[sotto.PersonID]*woman
	turn  int
}

func newWorld(seed uint64) *world {
	w := &world{
		rnd: rand.New(rand.NewPCG(seed, 4711)), now: time.Unix(1_000_000, 0), room: newRoom(5 * time.Second), talks: map[sotto.PersonID]*woman{},
	}
	for i := range 1 + w.rnd.IntN(6) {
		m := &man{there: w.rnd.IntN(4) > 0}
		m.Person, m.Free, m.IdleSince = sotto.PersonID(i+1), true, w.now.Add(-time.Duration(w.rnd.IntN(3))*time.Minute)
		m.Groups, m.Skills = some[sotto.GroupID](w.rnd, 3), some[sotto.SkillID](w.rnd, 2)
		w.men = append(w.men, m)
	}
	return w
}

// some is a random subset of 1 to n.
func some[N ~int64](rnd *rand.Rand, n int) (out []N) {
	for i := range n {
		if rnd.IntN(2) == 0 {
			out = append(out, N(i+1))
		}
	}
	return out
}

func shuffled[T any](rnd *rand.Rand, all []T) []T {
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// The model.

// may says how an agent stands to a call: 1, 2 and so on for its groups, 99 for
// the secondary ones, 0 for not at all.
func (w *world) may(c *woman, m *man, relaxed bool) int {
	if c.d.Agent != 0 {
		return map[bool]int{true: 1}[c.d.Agent == m.Person]
	}
	for _, k := range c.d.Skills {
		if !relaxed && !slices.Contains(m.Skills, k) {
			return 0
		}
	}
	for i, g := range c.d.Groups {
		if slices.Contains(m.Groups, g) {
			return i + 1
		}
	}
	switch {
	case len(c.d.Groups) == 0:
		return 1
	case slices.ContainsFunc(c.d.Secondary, func(g sotto.GroupID) bool { return slices.Contains(m.Groups, g) }):
		return 99
	}
	return 0
}

// offers is what a desk does: the calls that were served already first, then
// those with priority, then the longest waiting; each gets, of the agents who
// are there, free and may take it, one of its first groups before one of its
// second, whoever was not asked yet, in turn.
func (w *world) offers() map[sotto.CallID]sotto.PersonID {
	made, given := map[sotto.CallID]sotto.PersonID{}, map[sotto.PersonID]bool{}
	for _, c := range w.inTurn() {
		waited := w.now.Sub(c.since)
		relaxed := c.d.RelaxAfter > 0 && waited >= c.d.RelaxAfter
		nobody := !slices.ContainsFunc(w.men, func(m *man) bool { return m.there && w.may(c, m, relaxed)%99 > 0 })
		both := nobody || c.d.SecondaryAfter > 0 && waited >= c.d.SecondaryAfter
		could := slices.DeleteFunc(slices.Clone(w.men), func(m *man) bool {
			tier := w.may(c, m, relaxed)
			return !m.there || !m.Free || given[m.Person] || tier == 0 || tier == 99 && !both
		})
		slices.SortFunc(could, func(a, b *man) int {
			turn := a.IdleSince.Compare(b.IdleSince)
			if c.d.Turn == RoundRobin {
				turn = a.turn - b.turn
			}
			return cmp.Or(w.may(c, a, relaxed)-w.may(c, b, relaxed), turn, int(a.Person-b.Person))
		})
		fresh := slices.IndexFunc(could, func(m *man) bool { return !c.asked[m.Person] })
		if fresh < 0 && len(could) > 0 && !w.now.Before(c.pause) {
			fresh = 0
		}
		if fresh >= 0 {
			made[c.d.Call] = could[fresh].Person
			given[could[fresh].Person] = true
		}
	}
	return made
}

// inTurn is the calls that wait for an offer, the next first.
func (w *world) inTurn() []*woman {
	wait := slices.DeleteFunc(slices.Clone(w.calls), func(c *woman) bool { return c.state != "waits" || c.offered != 0 })
	rank := func(c *woman) int {
		if c.head {
			return 0
		}
		if c.d.Priority {
			return 1
		}
		return 2
	}
	slices.SortFunc(wait, func(a, b *woman) int { return cmp.Or(rank(a)-rank(b), a.since.Compare(b.since), a.no-b.no) })
	return wait
}

// ends is which calls end by themselves now, and how.
func (w *world) ends() map[sotto.CallID]End {
	out := map[sotto.CallID]End{}
	for _, c := range w.inTurn() {
		hope := slices.ContainsFunc(w.men, func(m *man) bool {
			relaxes := c.d.RelaxAfter > 0
			return m.there && w.may(c, m, relaxes) > 0
		})
		switch {
		case !c.until.IsZero() && !w.now.Before(c.until):
			out[c.d.Call] = TimedOut
		case (c.d.Overflow || c.d.Agent != 0) && !hope, c.asked[c.d.Agent]:
			out[c.d.Call] = Nobody
		}
	}
	return out
}

// step lets the room do what Queue.offer does, and compares.
func (w *world) step() (fault string) {
	var there []agent.Candidate
	for _, m := range w.men {
		if m.there {
			there = append(there, m.Candidate)
		}
	}
	ended := map[sotto.CallID]End{}
	want := w.ends()
	for _, p := range slices.Concat(w.room.expire(w.now), w.room.desert(there, w.now)) {
		ended[p.demand.Call] = p.over
	}
	if diff := gocmp.Diff(want, ended); diff != "" {
		return "ends (-model +room):\n" + diff
	}
	for id, why := range ended {
		w.calls[id-1].state = string(why)
	}
	made, expected := map[sotto.CallID]sotto.PersonID{}, w.offers()
	order := w.inTurn()
	for _, o := range w.room.match(there, w.now) {
		w.room.offer(o.place, o.to.Person)
		if made[o.place.demand.Call] != 0 {
			return fmt.Sprintf("call %d is offered twice at once", o.place.demand.Call)
		}
		made[o.place.demand.Call] = o.to.Person
	}
	if diff := gocmp.Diff(expected, made); diff != "" {
		return "offers (-model +room):\n" + diff
	}
	for _, c := range order {
		if id := made[c.d.Call]; id != 0 {
			w.take(c, w.men[id-1])
		} else if c.d.NoWait && !c.head {
			c.state = string(Full)
		}
	}
	w.room.crowd()
	return w.check()
}

func (w *world) take(c *woman, m *man) {
	if c.asked[m.Person] {
		c.asked = map[sotto.PersonID]bool{}
	}
	w.turn++
	c.offered, m.Free, m.turn = m.Person, false, w.turn
}

// check is what must hold whatever happened: no call is lost, nobody is in two
// places.
func (w *world) check() string {
	busy := map[sotto.PersonID]int{}
	for id := range w.talks {
		busy[id]++
	}
	inRoom := map[sotto.CallID]bool{}
	for _, p := range w.room.places {
		if inRoom[p.demand.Call] {
			return fmt.Sprintf("call %d waits twice", p.demand.Call)
		}
		inRoom[p.demand.Call] = true
		if p.offered != 0 {
			busy[p.offered]++
		}
	}
	for id, n := range busy {
		if n > 1 {
			return fmt.Sprintf("agent %d is in %d places", id, n)
		}
	}
	for _, c := range w.calls {
		if (c.state == "waits") != inRoom[c.d.Call] {
			return fmt.Sprintf("call %d is %q and in the room: %v", c.d.Call, c.state, inRoom[c.d.Call])
		}
		if c.state == "waits" && c.p.offered != c.offered {
			return fmt.Sprintf("call %d is offered to %d, want %d", c.d.Call, c.p.offered, c.offered)
		}
	}
	return ""
}

// event lets something happen and says what.
func (w *world) event() string {
	w.now = w.now.Add(time.Duration(w.rnd.IntN(8)) * 500 * time.Millisecond)
	switch w.rnd.IntN(12) {
	case 0, 1, 2:
		return w.join()
	case 3, 4:
		return w.answer("accept", func(c *woman, m *man) {
			w.room.leave(c.p, Answered)
			c.state, w.talks[m.Person] = "talks", c
		})
	case 5:
		return w.answer("decline", func(c *woman, m *man) {
			w.room.refused(c.p, w.now)
			c.asked[m.Person], c.pause, m.Free = true, w.now.Add(w.room.pause), true
		})
	case 6:
		return w.hangUp()
	case 7, 8:
		return w.endTalk()
	case 9:
		m := w.men[w.rnd.IntN(len(w.men))]
		m.there = !m.there
		return "come or go"
	case 10:
		for _, m := range w.men {
			if m.wraps {
				m.wraps, m.Free, m.IdleSince = false, true, w.now
				return "end of wrap-up"
			}
		}
	}
	return "time"
}

func (w *world) join() string {
	n := len(w.calls) + 1
	d := Demand{
		Call: sotto.CallID(n), Groups: shuffled(w.rnd, some[sotto.GroupID](w.rnd, 3)), Secondary: some[sotto.GroupID](w.rnd, 3), Skills: some[sotto.SkillID](w.rnd, 2),
		Priority: w.rnd.IntN(5) == 0, Overflow: w.rnd.IntN(6) == 0, Turn: []Turn{LongestIdle, RoundRobin}[w.rnd.IntN(2)],
		SecondaryAfter: []time.Duration{0, 5 * time.Second}[w.rnd.IntN(2)], RelaxAfter: []time.Duration{0, 5 * time.Second}[w.rnd.IntN(2)],
		Wait: []time.Duration{0, 30 * time.Second}[w.rnd.IntN(2)], Size: []int{0, 0, 4}[w.rnd.IntN(3)], NoWait: w.rnd.IntN(6) == 0,
	}
	if w.rnd.IntN(8) == 0 {
		d.Agent = w.men[w.rnd.IntN(len(w.men))].Person
	}
	waiting := 0
	for _, c := range w.calls {
		if c.state == "waits" {
			waiting++
		}
	}
	c := w.put(d, w.now, false, n)
	w.calls = append(w.calls, c)
	if d.Size > 0 && waiting >= d.Size {
		c.state = string(Full)
	}
	return "join"
}

// put makes a place for a call as Queue.join does.
func (w *world) put(d Demand, since time.Time, head bool, no int) *woman {
	c := &woman{d: d, since: since, head: head, no: no, asked: map[sotto.PersonID]bool{}, state: "waits"}
	c.p = &Place{spot: spot{demand: d, since: since, head: head}}
	if d.Wait > 0 {
		c.until = w.now.Add(d.Wait)
		c.p.deadline = c.until
	}
	w.room.join(c.p)
	return c
}

// answer lets a random agent who is offered a call do something.
func (w *world) answer(what string, f func(*woman, *man)) string {
	offered := slices.DeleteFunc(slices.Clone(w.calls), func(c *woman) bool { return c.offered == 0 })
	if len(offered) == 0 {
		return "time"
	}
	c := offered[w.rnd.IntN(len(offered))]
	m := w.men[c.offered-1]
	c.offered = 0
	f(c, m)
	return what
}

// hangUp lets a waiting caller go, rung for or not.
func (w *world) hangUp() string {
	wait := slices.DeleteFunc(slices.Clone(w.calls), func(c *woman) bool { return c.state != "waits" })
	if len(wait) == 0 {
		return "time"
	}
	c := wait[w.rnd.IntN(len(wait))]
	if free := w.room.leave(c.p, Left); free != 0 {
		w.men[free-1].Free = true
	}
	c.state, c.offered = string(Left), 0
	return "hang up"
}

// endTalk ends a talk: the agent wraps up or is free, or is lost and the call
// goes back to the head.
func (w *world) endTalk() string {
	ids := slices.Sorted(maps.Keys(w.talks))
	if len(ids) == 0 {
		return "time"
	}
	id := ids[w.rnd.IntN(len(ids))]
	c, m := w.talks[id], w.men[id-1]
	delete(w.talks, id)
	switch w.rnd.IntN(3) {
	case 0:
		m.wraps = true
		c.state = "over"
		return "end, wrap-up"
	case 1:
		m.there, m.Free, m.IdleSince = false, true, w.now
		w.turn++
		*c = *w.put(c.d, c.since, true, 1000+w.turn)
		return "agent lost"
	}
	m.Free, m.IdleSince, c.state = true, w.now, "over"
	return "end"
}

func TestRoomSleepsUntilThereIsSomethingToDo(t *testing.T) {
	now := time.Unix(0, 0)
	r := newRoom(5 * time.Second)
	if d := r.next(now); d != 0 {
		t.Errorf("an empty room wakes after %v", d)
	}
	p := &Place{spot: spot{since: now, deadline: now.Add(20 * time.Second)}}
	r.join(p)
	if d := r.next(now); d != time.Second {
		t.Errorf("with one waiting it wakes after %v, want 1s", d)
	}
	if d := r.next(now.Add(19600 * time.Millisecond)); d != 400*time.Millisecond {
		t.Errorf("just before the wait is over it wakes after %v, want 400ms", d)
	}
	r.offer(p, 7)
	if d := r.next(now); d != 0 {
		t.Errorf("with everyone offered it wakes after %v", d)
	}
	r.refused(p, now)
	if d := r.next(now.Add(4700 * time.Millisecond)); d != 300*time.Millisecond {
		t.Errorf("just before the pause is over it wakes after %v, want 300ms", d)
	}
}

func TestAverageWaitIsOfTheLastHour(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := newRoom(time.Second)
	for i, long := range []time.Duration{time.Hour, time.Minute, 3 * time.Minute} {
		p := &Place{spot: spot{demand: Demand{Line: 7}, since: now.Add(-long)}}
		r.answered(p, now.Add(time.Duration(i-2)*50*time.Minute))
		r.waits[7][i].long = long
	}
	if got := r.average(nil, now); got != 2*time.Minute {
		t.Errorf("average = %v, want 2m: the first is too old", got)
	}
	if got := r.average(map[sotto.LineID]bool{8: true}, now); got != 0 {
		t.Errorf("average of another line = %v", got)
	}
}
