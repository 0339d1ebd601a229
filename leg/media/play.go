package media

import (
	"context"
	"slices"
	"sync"
	"time"

	"sotto"
)

// prompt is a clip on its way to one party. Port.mu guards what changes.
type prompt struct {
	p      *Port
	clip   Clip
	loop   bool
	source source
	done   chan error // gets one value

	at  int           // next sample of the clip
	due time.Duration // when it is to be sent
	seq uint16
	ts  uint32
	buf [480]byte
}

// Play lets the party hear c, in a loop if loop is set, in place of what it
// hears otherwise. It returns nil when the clip has been heard, ctx's error
// when ctx ended first, ErrReplaced when another Play began, and ErrClosed.
// On hold and before Connect the clip runs on unheard.
func (p *Port) Play(ctx context.Context, c Clip, loop bool) error {
	if len(c.Mulaw) == 0 {
		return nil
	}
	t := &prompt{
		p: p, clip: c, loop: loop, done: make(chan error, 1),
		source: source(p.e.ids.Add(1) << 32), due: onGrid(p.e.now()),
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.prompt = t // the old one ends at its next step
	p.mu.Unlock()
	p.e.schedule.add(t)
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		p.e.schedule.end(t, ctx.Err())
	case <-p.done:
		p.e.schedule.end(t, ErrClosed)
	}
	return <-t.done
}

func (t *prompt) port() *Port { return t.p }

// over gives the ear back.
func (t *prompt) over(err error) {
	t.p.mu.Lock()
	if t.p.prompt == t {
		t.p.prompt = nil
	}
	t.p.mu.Unlock()
	t.done <- err
}

// step sends the frames that are due; those long overdue are skipped.
func (t *prompt) step(w *worker, now time.Duration) (bool, error) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if t.p.prompt != t {
		return true, ErrReplaced
	}
	for t.due <= now {
		if t.at >= len(t.clip.Mulaw) {
			return true, nil
		}
		n := t.p.remote.frame()
		switch {
		case now-t.due > overdue:
			w.e.counters.lateFrames.Add(1)
			t.at += n
		case !t.p.connected || !t.p.remote.Send || t.p.typing != nil:
			t.at += n
		default:
			t.send(w, n, now)
		}
		if t.loop {
			t.at %= len(t.clip.Mulaw)
		}
		t.ts += uint32(n)
		t.due += time.Duration(n) * time.Second / SampleRate
	}
	return false, nil
}

// send sends the next n samples; after the clip's end comes silence, or its
// beginning. Port.mu is held.
func (t *prompt) send(w *worker, n int, now time.Duration) {
	p := t.p
	seq, ts, first, _ := p.out.stamp(t.source, t.seq, t.ts, uint32(n), now)
	b := w.out.slot(p.s, &p.dest)
	putHeader(b, first, p.remote.PayloadType, seq, ts, p.out.ssrc)
	audio := t.buf[:n]
	for filled := 0; filled < n; {
		if t.at >= len(t.clip.Mulaw) {
			if !t.loop {
				for i := filled; i < n; i++ {
					audio[i] = mulawSilence
				}
				break
			}
			t.at = 0
		}
		c := copy(audio[filled:], t.clip.Mulaw[t.at:])
		filled += c
		t.at += c
	}
	p.e.table.copy(b[headerLen:headerLen+n], p.remote.Law, audio, Mulaw)
	w.out.commit(p.seal(b, headerLen+n))
	t.seq++
}

// A key is pressed for keyTicks packets, its end is sent keyEnds times
// (RFC 4733 2.5.1.4), and keyPause packets of nothing follow.
const (
	keyPacket = 20 * time.Millisecond
	keyTicks  = 4
	keyEnds   = 3
	keyPause  = 3
)

// typing is a string of keys on its way to one party. Port.mu guards what
// changes.
type typing struct {
	p      *Port
	codes  []uint8
	source source
	done   chan error // gets one value

	step20 int           // packet times since the key was pressed
	due    time.Duration // of the next packet
	ts     uint32        // of the press
	seq    uint16
}

// SendDigits presses keys towards the party, 100 ms each with 100 ms between,
// as RFC 4733 events; the party hears nothing else meanwhile. It returns when
// the last was sent. It fails with sotto.Invalid when a character is not a
// key, with sotto.Conflict when the party takes no events, with ctx's error,
// and with ErrClosed. Two calls at once are played one after the other.
func (p *Port) SendDigits(ctx context.Context, digits string) error {
	t := &typing{p: p, done: make(chan error, 1), source: source(p.e.ids.Add(1) << 32)}
	for i := range len(digits) {
		d, ok := ParseDigit(digits[i])
		if !ok {
			return sotto.FailField("digits", "Only 0 to 9, *, # and A to D can be pressed.")
		}
		t.codes = append(t.codes, d.code())
	}
	select {
	case p.hand <- struct{}{}:
		defer func() { <-p.hand }()
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return ErrClosed
	}
	if err := p.beginTyping(t); err != nil || len(t.codes) == 0 {
		return err
	}
	p.e.schedule.add(t)
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		p.e.schedule.end(t, ctx.Err())
	case <-p.done:
		p.e.schedule.end(t, ErrClosed)
	}
	return <-t.done
}

// beginTyping takes the ear for t, if there is anything to send.
func (p *Port) beginTyping(t *typing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(t.codes) == 0:
		return nil
	case !p.connected || p.remote.EventType == 0:
		return sotto.Fail(sotto.Conflict, "The other side takes no key presses in its audio stream.")
	}
	t.due = onGrid(p.e.now())
	p.typing = t
	return nil
}

func (t *typing) port() *Port { return t.p }

// over gives the ear back.
func (t *typing) over(err error) {
	t.p.mu.Lock()
	if t.p.typing == t {
		t.p.typing = nil
	}
	t.p.mu.Unlock()
	t.done <- err
}

// step sends the packets that are due. After a stall the rest is late, not
// shorter: a key must not be lost.
func (t *typing) step(w *worker, now time.Duration) (bool, error) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if now-t.due > overdue {
		t.due = now.Truncate(tick)
	}
	for ; t.due <= now; t.due += keyPacket {
		if len(t.codes) == 0 {
			return true, nil
		}
		if t.step20 < keyTicks+keyEnds {
			t.send(w, now)
		}
		if t.step20++; t.step20 == keyTicks+keyEnds+keyPause {
			t.step20, t.codes = 0, t.codes[1:]
		}
	}
	return false, nil
}

// send sends one packet of the key in hand. Port.mu is held.
func (t *typing) send(w *worker, now time.Duration) {
	p, packet := t.p, int(samples(keyPacket))
	if t.step20 == 0 {
		t.ts = uint32(samples(now))
	}
	v := event{code: t.codes[0], end: t.step20 >= keyTicks, duration: uint16(packet * (min(t.step20, keyTicks) + 1))}
	if !p.connected || !p.remote.Send || p.remote.EventType == 0 {
		return
	}
	seq, ts, _, _ := p.out.stamp(t.source, t.seq, t.ts, uint32(v.duration), now)
	b := w.out.slot(p.s, &p.dest)
	putHeader(b, t.step20 == 0, p.remote.EventType, seq, ts, p.out.ssrc)
	v.put(b[headerLen:])
	w.out.commit(p.seal(b, headerLen+eventLen))
	t.seq++
}

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
// been sent nothing for a while (RFC 6263 4.1), and the reports that are due.
func (e *Engine) keepAlive(now time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for p := range e.open {
		p.mu.Lock()
		if p.connected && p.remote.Send && now-p.out.at > keepAlive {
			p.sayNothing(now)
		}
		if p.connected {
			p.report(now)
		}
		p.mu.Unlock()
	}
}
