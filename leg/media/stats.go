package media

import "sync/atomic"

// Stats is what the engine has done since Open.
type Stats struct {
	In, Out    uint64            // packets received and sent
	Dropped    map[Reason]uint64 // packets not used, by reason; only those that occurred
	SendFailed uint64            // packets the system did not take
	Ports      int               // ports open now
	Sockets    int               // sockets bound now
	SinkPanics uint64            // taps taken down because Push panicked
	SlowPushes uint64            // calls of Push that took more than 20 ms
	Panics     uint64            // ports closed because their packet made us panic
	LateFrames uint64            // prompt frames skipped after a stall
	LostDigits uint64            // digits nobody read in time
}

// counters are the engine's own, counted by any goroutine.
type counters struct {
	in, out, sendFailed, sinkPanics, slowPushes, panics, lateFrames, lostDigits atomic.Uint64

	dropped [dropCount]atomic.Uint64
}

func (c *counters) drop(d drop) {
	if d != kept {
		c.dropped[d].Add(1)
	}
}

// Stats returns the counters. They never go back.
func (e *Engine) Stats() Stats {
	c := &e.counters
	s := Stats{
		In: c.in.Load(), Out: c.out.Load(), SendFailed: c.sendFailed.Load(),
		SinkPanics: c.sinkPanics.Load(), SlowPushes: c.slowPushes.Load(), Panics: c.panics.Load(),
		LateFrames: c.lateFrames.Load(), LostDigits: c.lostDigits.Load(),
		Dropped: map[Reason]uint64{},
	}
	for d := range dropCount {
		if n := c.dropped[d].Load(); n > 0 {
			s.Dropped[d.reason()] = n
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Ports, s.Sockets = len(e.open), len(e.sockets)
	return s
}
