package media

import (
	"slices"
	"sync"
	"time"
)

const (
	// tick is the grid that prompts and digits are sent on. Every packet time
	// is a multiple of it, so a stream has no jitter of ours.
	tick = 5 * time.Millisecond
	// overdue is how late a prompt's frame may be sent; later ones are skipped,
	// so that a stall cuts a prompt and never delays it.
	overdue = 60 * time.Millisecond
	// tidyEvery is how often addresses and sockets are tidied up, and
	// keepAlive how long a party who may hear is left without a packet.
	tidyEvery = time.Second
	keepAlive = 5 * time.Second
)

// turn is something that is sent to one party by our clock.
type turn interface {
	// step sends what is due and reports whether the turn is over, and why
	// before its time.
	step(w *worker, now time.Duration) (bool, error)
	// over tells whoever waits that the turn has ended, and why. It is called
	// once, after the last step.
	over(err error)
	// port is the party.
	port() *Port
}

// schedule is the one goroutine that sends by our clock, for all ports.
type schedule struct {
	e    *Engine
	w    worker
	wake chan struct{}
	quit chan struct{}
	once sync.Once
	done chan struct{}

	mu    sync.Mutex
	turns []turn
}

func newSchedule(e *Engine) *schedule {
	return &schedule{
		e: e, w: worker{e: e, out: newOutbox(e)},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// run sends what is due until stop.
func (s *schedule) run() {
	defer close(s.done)
	timer := time.NewTimer(tidyEvery)
	defer timer.Stop()
	tidyAt := tidyEvery
	for {
		select {
		case <-s.quit:
			return
		case <-s.wake:
		case <-timer.C:
		}
		busy := s.step(s.e.now())
		now := s.e.now()
		if now >= tidyAt {
			s.e.tidy(now)
			s.e.keepAlive(now)
			tidyAt = now + tidyEvery
		}
		wait := tidyAt - now
		if busy {
			wait = min(wait, onGrid(now)-now)
		}
		timer.Reset(wait)
	}
}

// onGrid is the first tick after t.
func onGrid(t time.Duration) time.Duration { return t.Truncate(tick) + tick }

// step lets every turn send what is due, and reports whether any goes on.
func (s *schedule) step(now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns = slices.DeleteFunc(s.turns, func(t turn) bool {
		over, err := s.stepOne(t, now)
		if over {
			t.over(err)
		}
		return over
	})
	s.w.out.flush()
	return len(s.turns) > 0
}

// stepOne keeps a panic of one party's turn to that party.
func (s *schedule) stepOne(t turn, now time.Duration) (over bool, err error) {
	defer func() {
		if recover() != nil {
			over, err = true, ErrClosed
			// Close waits for schedule.mu, which is held here.
			s.e.work.Go(func() { s.e.panicked(t.port()) })
		}
	}()
	return t.step(&s.w, now)
}

// add begins a turn.
func (s *schedule) add(t turn) {
	s.mu.Lock()
	s.turns = append(s.turns, t)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// end ends a turn for err, if it goes on.
func (s *schedule) end(t turn, err error) {
	s.endAll(err, func(o turn) bool { return o == t })
}

// drop ends every turn of a closed port.
func (s *schedule) drop(p *Port) {
	s.endAll(ErrClosed, func(t turn) bool { return t.port() == p })
}

func (s *schedule) endAll(err error, match func(turn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns = slices.DeleteFunc(s.turns, func(t turn) bool {
		if match(t) {
			t.over(err)
			return true
		}
		return false
	})
}

// stop ends the goroutine and every turn.
func (s *schedule) stop() {
	s.once.Do(func() { close(s.quit) })
	<-s.done
	s.endAll(ErrClosed, func(turn) bool { return true })
}

// keepAlive sends a frame of silence to every party that may hear and has
// been sent nothing for a while (RFC 6263 4.1).
func (e *Engine) keepAlive(now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range e.open {
		p.mu.Lock()
		if p.connected && p.remote.Send && now-p.out.at > keepAlive {
			p.sayNothing(now)
		}
		p.mu.Unlock()
	}
}
