package queue_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/leg/sip"
	"sotto/person"
	"sotto/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hall is a queue with agents who are online.
type hall struct {
	db     *db.DB
	ring   *keyring.Ring
	folk   *person.People
	agents *agent.Agents
	queue  *queue.Queue
	people []sotto.PersonID
	pause  time.Duration
}

func (h *hall) open(base *db.DB) *queue.Queue {
	return queue.New(queue.Config{DB: base, Ring: h.ring, People: h.folk, Audit: audit.New(base), Agents: h.agents, Pause: h.pause})
}

func newHall(t *testing.T, base *db.DB, agents int, pause time.Duration) *hall {
	t.Helper()
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(base)
	people := person.New(base, ring, log, "FR")
	h := &hall{db: base, ring: ring, folk: people, agents: agent.New(base, ring, people, log)}
	for range agents {
		id, err := people.Create(ctx, sotto.Operator(), person.Draft{Role: sotto.Agent, Name: "Robin Exemple"})
		if err != nil {
			t.Fatal(err)
		}
		device, _, err := h.agents.AddDevice(ctx, sotto.Operator(), id)
		if err != nil {
			t.Fatal(err)
		}
		where := []sip.Contact{{URI: "sip:a@192.0.2.1", From: netip.MustParseAddrPort("192.0.2.1:5060"), Expires: base.Now().Add(time.Hour)}}
		if err := h.agents.Registered(ctx, device.ID, where); err != nil {
			t.Fatal(err)
		}
		h.people = append(h.people, id)
		h.online(t, id, agent.Online)
	}
	h.pause = pause
	h.queue = h.open(base)
	t.Cleanup(func() {
		h.queue.Stop()
		h.queue.Stop()
		if n := h.agents.Busy(); n != 0 {
			t.Errorf("%d agents are still taken", n)
		}
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// join puts a call into the line that asks for nothing.
func (h *hall) join(id sotto.CallID) *queue.Place { return h.queue.Join(queue.Demand{Call: id}) }

func (h *hall) online(t *testing.T, id sotto.PersonID, s agent.State) {
	t.Helper()
	if err := h.agents.SetState(context.Background(), sotto.Operator(), id, s); err != nil {
		t.Fatal(err)
	}
}

// next is the next offer of a place.
func next(t *testing.T, p *queue.Place) queue.Offer {
	t.Helper()
	select {
	case o := <-p.Offers():
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("no offer came")
		return queue.Offer{}
	}
}

func none(t *testing.T, p *queue.Place) {
	t.Helper()
	select {
	case o := <-p.Offers():
		t.Errorf("offered agent %d, want nobody", o.Person)
	default:
	}
}

func TestLongestWaitingGetsTheLongestIdle(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		h := newHall(t, base, 2, time.Hour)
		first, second, third := h.join(1), h.join(2), h.join(3)
		a, b := next(t, first), next(t, second)
		if a.Person != h.people[0] || b.Person != h.people[1] {
			t.Errorf("offered %d and %d, want %v", a.Person, b.Person, h.people)
		}
		first.Declined() // the agent goes to the third, who waits, and has not asked them
		if o := next(t, third); o.Person != h.people[0] {
			t.Errorf("the third was offered %d", o.Person)
		}
		none(t, first)
		second.Declined()
		if o := next(t, first); o.Person != h.people[1] {
			t.Errorf("the first was offered %d", o.Person)
		}
		if w := h.queue.Waiting(); len(w) != 3 || w[0].Call != 1 || w[0].Offered != h.people[1] || w[1].Offered != 0 || w[2].Call != 3 {
			t.Errorf("Waiting = %+v", w)
		}
		first.Accepted()
		first.Leave()
		if h.agents.Busy() != 2 {
			t.Errorf("%d agents are taken, want 2", h.agents.Busy())
		}
		h.agents.Free(h.people[1], true)
		none(t, second) // who has refused this caller is not asked again before the pause is over
		second.Leave()
		third.Leave()
	})
}

func TestCallerIsOfferedToTheSameAgentsAgainAfterThePause(t *testing.T) {
	h := newHall(t, dbtest.SQLite(t), 1, time.Millisecond)
	p := h.join(1)
	defer p.Leave()
	for range 3 {
		if o := next(t, p); o.Person != h.people[0] {
			t.Fatalf("offered %d", o.Person)
		}
		p.Declined()
	}
}

func TestAgentWhoComesOnlineIsOfferedAtOnce(t *testing.T) {
	h := newHall(t, dbtest.SQLite(t), 1, time.Hour)
	h.online(t, h.people[0], agent.Away)
	p := h.join(1)
	defer p.Leave()
	none(t, p)
	h.online(t, h.people[0], agent.Online)
	next(t, p)
}

// TestNoCallIsLostAndNoAgentIsOfferedTwice lets many callers come at once,
// half of whom give up, and agents who refuse every other call.
func TestNoCallIsLostAndNoAgentIsOfferedTwice(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		h := newHall(t, base, 3, time.Millisecond)
		var mu sync.Mutex
		rung := map[sotto.PersonID]sotto.CallID{}
		ring := func(a sotto.PersonID, c sotto.CallID) {
			mu.Lock()
			defer mu.Unlock()
			if other, ok := rung[a]; ok {
				t.Errorf("agent %d is offered to call %d while with call %d", a, c, other)
			}
			rung[a] = c
		}
		hung := func(a sotto.PersonID) {
			mu.Lock()
			defer mu.Unlock()
			delete(rung, a)
		}
		served := make(chan sotto.CallID, 40)
		var callers sync.WaitGroup
		for i := range 40 {
			callers.Go(func() {
				c := sotto.CallID(i + 1)
				p := h.join(c)
				defer p.Leave()
				for refusals := 0; ; refusals++ {
					o := next(t, p)
					ring(o.Person, c)
					hung(o.Person)
					switch {
					case i%4 == 3: // the caller hangs up while the agent is rung
						served <- c
						return
					case refusals < i%3:
						p.Declined()
					default:
						ring(o.Person, c)
						p.Accepted()
						hung(o.Person)
						h.agents.Free(o.Person, true)
						served <- c
						return
					}
				}
			})
		}
		callers.Wait()
		close(served)
		seen := map[string]bool{}
		for c := range served {
			seen[fmt.Sprint(c)] = true
		}
		if len(seen) != 40 || len(h.queue.Waiting()) != 0 {
			t.Errorf("%d of 40 callers were served, %d still wait", len(seen), len(h.queue.Waiting()))
		}
	})
}
