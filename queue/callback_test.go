package queue_test

import (
	"context"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/line"
	"sotto/person"
	"sotto/queue"
)

// openLine adds a line to the hall's desk.
func (h *hall) openLine(t *testing.T) line.Line {
	t.Helper()
	lines, err := line.New(h.db, nil, audit.New(h.db), "FR")
	if err != nil {
		t.Fatal(err)
	}
	s := line.Defaults()
	s.Number, s.Name = "+33199000000", "Accueil"
	l, err := lines.Create(context.Background(), sotto.Operator(), s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// caller is a person who may be called back.
func (h *hall) caller(t *testing.T) queue.Caller {
	t.Helper()
	id, err := h.folk.Create(context.Background(), sotto.Operator(), person.Draft{Role: sotto.EndUser, Name: "Camille Exemple", Phones: []string{"+33199001234"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.folk.Get(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return queue.Caller{Person: id, Key: p.Key, Number: "+33199001234"}
}

// taken hands each callback that is carried out to the test, which closes done.
type taken struct {
	*queue.Callback
	done chan struct{}
}

func handle(q *queue.Queue) <-chan taken {
	out := make(chan taken)
	q.Handle(func(ctx context.Context, c *queue.Callback) {
		t := taken{c, make(chan struct{})}
		select {
		case out <- t:
			<-t.done
		case <-ctx.Done():
		}
	})
	return out
}

func nextCallback(t *testing.T, from <-chan taken) taken {
	t.Helper()
	select {
	case c := <-from:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no callback came")
		return taken{}
	}
}

func TestPromiseKeepsThePlaceAndOutlivesARestart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, base *db.DB) {
		ctx := context.Background()
		h := newHall(t, base, 1, time.Millisecond)
		l := h.openLine(t)
		h.online(t, h.people[0], "away")
		first := h.queue.Join(queue.DemandOf(l, 0))
		who := h.caller(t)
		id, err := first.Promise(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Promise(ctx, who); sotto.KindOf(err) != sotto.Conflict || first.End() != queue.Left {
			t.Errorf("a second promise: %v, end %q", err, first.End())
		}
		h.queue.Stop()
		h.queue = h.open(base)
		defer h.queue.Stop()
		if err := h.queue.Restore(ctx); err != nil {
			t.Fatal(err)
		}
		later := h.queue.Join(queue.DemandOf(l, 0))
		defer later.Leave()
		if s := later.Status(); s.Position != 2 {
			t.Errorf("who came later is number %d", s.Position)
		}
		if a := h.queue.Activity(l.ID); a.Waiting != 1 || a.Callbacks != 1 || a.RequestedCallbacks != 0 {
			t.Errorf("Activity = %+v", a)
		}
		calls := handle(h.queue)
		h.online(t, h.people[0], "online")
		c := nextCallback(t, calls)
		if c.ID != id || c.Who != who || c.Candidate.Person != h.people[0] || c.Line != l.ID || c.Ring != l.Ring {
			t.Errorf("callback = %+v", c.Callback)
		}
		later.Leave() // or the agent would be offered there, within the pause
		c.Declined()
		close(c.done)
		c = nextCallback(t, calls) // the only agent is asked again
		c.Accepted()
		if err := c.NotReached(ctx); err != nil {
			t.Fatal(err)
		}
		close(c.done)
		h.agents.Free(h.people[0], true)
		if w := h.queue.Waiting(); len(w) != 1 || w[0].Callback != id || w[0].Offered != 0 {
			t.Errorf("after nobody answered: %+v", w)
		}
		if err := c.Kept(ctx); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, base); n != 0 {
			t.Errorf("%d rows of a promise that was kept", n)
		}
	})
}

func rows(t *testing.T, base *db.DB) (n int64) {
	t.Helper()
	if err := base.Read(context.Background(), func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, "SELECT (SELECT COUNT(*) FROM callback) + (SELECT COUNT(*) FROM callback_want)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPromiseOfSomebodyErasedIsGivenUp(t *testing.T) {
	h := newHall(t, dbtest.SQLite(t), 1, time.Millisecond)
	ctx := context.Background()
	l := h.openLine(t)
	d := queue.DemandOf(l, 0)
	d.Groups, d.Skills = []sotto.GroupID{4711}, nil
	if _, err := h.queue.Request(ctx, sotto.Actor{Role: sotto.EndUser}, d, "+33199001234"); sotto.KindOf(err) != sotto.Denied {
		t.Errorf("a caller asked for it: %v", err)
	}
	if _, err := h.queue.Request(ctx, sotto.Operator(), queue.Demand{Line: 1}, "+33199001234"); sotto.FieldOf(err) != "phone_number_id" {
		t.Errorf("no such line: %v", err)
	}
	d.Groups = nil
	id, err := h.queue.Request(ctx, sotto.Operator(), d, "01 99 00 12 34")
	if err != nil {
		t.Fatal(err)
	}
	c := nextCallback(t, handle(h.queue))
	if c.ID != id || c.Source != queue.FromAPI || c.Who.Number != "+33199001234" || c.Who.Person == 0 {
		t.Errorf("callback = %+v", c.Callback)
	}
	if err := h.ring.Destroy(c.Who.Key); err != nil {
		t.Fatal(err)
	}
	close(c.done) // the handler returned and said nothing: it is put back, and then cannot be read
	for deadline := time.Now().Add(10 * time.Second); len(h.queue.Waiting()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("it still waits")
		}
	}
}
