package media

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// slowPush is how long a Push may take before it is counted as slow.
const slowPush = 20 * time.Millisecond

// worker is one goroutine that moves packets: it gathers what is to be sent
// and what is to be pushed, so that sending comes first.
type worker struct {
	e       *Engine
	out     *outbox
	pushes  []push
	current *Port // whose packet is in hand, for take's recover
}

// push is a frame on its way to the taps of a port.
type push struct {
	taps  []*tap
	frame Frame
}

// tap is a Sink on a Port.
type tap struct {
	mu   sync.Mutex // held while the sink is pushed
	sink Sink
	off  bool
}

// stop ends the tap. When it returns the sink is not pushed again.
func (t *tap) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.off = true
}

func (t *tap) push(f Frame, c *counters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.off {
		return
	}
	defer func() {
		if recover() != nil {
			t.off = true
			c.sinkPanics.Add(1)
		}
	}()
	t.sink.Push(f)
}

// take moves one datagram that came to s from src. b is valid until flush. A
// panic closes the port of the packet and nothing else.
func (w *worker) take(s *socket, src netip.AddrPort, b []byte, now time.Duration) {
	w.current = nil
	defer func() {
		if cause := recover(); cause != nil {
			w.e.panicked(w.current)
		}
	}()
	p, why := s.find(src), kept
	if p == nil {
		p, why = w.e.adopt(s, src, b, now)
	}
	if why == kept {
		w.current = p
		why = p.receive(w, src, b, now)
	}
	w.e.counters.drop(why)
}

// panicked counts a panic of ours and ends the port it came from.
func (e *Engine) panicked(p *Port) {
	e.counters.panics.Add(1)
	e.log.Error("media: a packet made us panic; its port is closed")
	if p != nil {
		p.Close()
	}
}

// flush sends what was gathered and then pushes to the taps: a slow sink
// comes after every packet of its batch.
func (w *worker) flush() {
	w.out.flush()
	if len(w.pushes) == 0 {
		return
	}
	before := w.e.now()
	for i := range w.pushes {
		for _, t := range w.pushes[i].taps {
			t.push(w.pushes[i].frame, &w.e.counters)
			after := w.e.now()
			if after-before > slowPush {
				w.e.counters.slowPushes.Add(1)
			}
			before = after
		}
		w.pushes[i] = push{}
	}
	w.pushes = w.pushes[:0]
}

// heard is a packet of a party, understood.
type heard struct {
	kind      kind
	place     int64
	source    source
	event     event
	listeners []*Port
	voice     *voice
	private   bool // a key that is not for others
	key       bool // audio while a key is pressed
	taps      []*tap
}

// receive understands a packet, relays it and lets the taps have it.
func (p *Port) receive(w *worker, src netip.AddrPort, b []byte, now time.Duration) drop {
	if c := p.crypt.Load(); c != nil {
		var why drop
		if b, why = c.open(b, now); why != kept {
			return why
		}
	}
	pkt, why := parsePacket(b)
	h, why := p.hear(src, &pkt, why, now)
	if why == dropRTCP {
		p.learn(b, now)
	}
	if why != kept {
		return why
	}
	if h.kind == kindUnknown {
		why = dropPayloadType
	}
	if len(h.listeners) > 0 {
		why = p.spread(w, &pkt, &h, now)
	}
	if len(h.taps) > 0 {
		w.pushes = append(w.pushes, push{h.taps, Frame{At: h.place, Law: h.kind.law(), Key: h.key, Payload: pkt.payload}})
	}
	return why
}

// hear decides whether the packet is the party's and is to be heard. why is
// what parsePacket found.
func (p *Port) hear(src netip.AddrPort, pkt *packet, why drop, now time.Duration) (h heard, _ drop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.connected || why != kept && src != p.source {
		return h, dropUnknownSource
	}
	if why == kept && p.ban.hits(pkt.ssrc, now) {
		return h, dropOldCall
	}
	if why == kept && !p.accept(src, now) {
		return h, dropUnknownSource
	}
	if why == kept || why == dropRTCP {
		p.heard.Store(int64(now))
	}
	if why != kept {
		return h, why
	}
	if why := p.in.order(pkt, now); why != kept {
		return h, why
	}
	if !p.pace.allow(len(pkt.payload), now) {
		return h, dropFlood
	}
	if !p.remote.Receive {
		return h, dropHeld
	}
	why = p.understand(pkt, &h, now)
	h.source = source(p.id<<32 | uint64(p.in.run))
	h.listeners, h.voice = p.seat.listeners, p.seat.voice
	return h, why
}

// understand finds out what a packet of the party holds: a key is handed to
// its reader, audio gets its place. p.mu is held.
func (p *Port) understand(pkt *packet, h *heard, now time.Duration) drop {
	var ok bool
	switch h.kind = p.remote.kind(pkt.pt); h.kind {
	case kindUnknown: // comfort noise, say: relay closes the gap it leaves
		return kept
	case kindEvent:
		if h.event, ok = parseEvent(pkt.payload); !ok {
			return dropEvent
		}
		if d, ok := p.keys.read(h.event, pkt, now); ok {
			p.press(d)
		}
		h.private = p.guard != nil
		return kept
	}
	if h.place, ok = p.in.locate(pkt, now); !ok {
		return dropLate
	}
	h.key = p.keys.begun && now-p.keys.at < keyHold
	if p.guard != nil {
		p.guard.pass(pkt.payload, h.kind.law(), p.e.tones, h.key)
	}
	h.taps = p.taps
	return kept
}

// relay lets p hear a packet of another party, unless p hears it in a sum or
// not any more.
func (p *Port) relay(w *worker, pkt *packet, h *heard, from *Port, now time.Duration) drop {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seat.alone != from && !p.hearsKey(h, now) {
		return dropUnheard
	}
	if p.closed || !p.connected || !p.remote.Send {
		p.out.stop()
		return dropDeaf
	}
	if p.prompt != nil || p.typing != nil {
		return dropEarTaken
	}
	span, pt := len(pkt.payload), p.remote.PayloadType
	switch h.kind {
	case kindUnknown:
		p.out.skip(h.source, pkt.seq)
		return dropPayloadType
	case kindEvent:
		span, pt = int(h.event.duration), p.remote.EventType
		if pt == 0 || h.private {
			p.out.skip(h.source, pkt.seq)
			return dropNoEvents
		}
	}
	seq, ts, first, ok := p.out.stamp(h.source, pkt.seq, pkt.ts, uint32(span), now)
	if !ok {
		return dropLate
	}
	b := w.out.slot(p.s, &p.dest)
	putHeader(b, first || pkt.marker, pt, seq, ts, p.out.ssrc)
	if h.kind == kindEvent {
		copy(b[headerLen:], pkt.payload)
	} else {
		p.e.table.copy(b[headerLen:headerLen+len(pkt.payload)], p.remote.Law, pkt.payload, h.kind.law())
	}
	w.out.commit(p.seal(b, headerLen+len(pkt.payload)))
	return kept
}

// Tap gives what the party says to s, from the next packet on. A party may
// have several taps. Telephone events never reach a sink. When untap has
// returned, s is not pushed again; untap must not be called from Push.
func (p *Port) Tap(s Sink) (untap func()) {
	t := &tap{sink: s}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return func() {}
	}
	p.taps = append(slices.Clone(p.taps), t)
	return func() {
		p.mu.Lock()
		p.taps = slices.DeleteFunc(slices.Clone(p.taps), func(o *tap) bool { return o == t })
		p.mu.Unlock()
		t.stop()
	}
}
