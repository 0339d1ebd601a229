package media

import (
	"slices"
	"time"
)

// Mix is a matrix of who hears whom among the ports of one engine. What it can
// say, with C a caller, A an agent, S a supervisor, X a third party:
//
//	two parties     C hears A;    A hears C
//	hold            C hears none, and music by Play; A hears none
//	listen          C hears A;    A hears C;     S hears A, C
//	whisper         C hears A;    A hears C, S;  S hears A, C
//	barge           C hears A, S; A hears C, S;  S hears A, C
//	conference      C hears A, X; A hears C, X;  X hears A, C
//	consultation    C hears none; A hears X;     X hears A
//
// Whoever hears one party gets its packets as they come, by Bridge's rules.
// Whoever hears two or more gets their sum every 20 ms (or the party's own
// packet time), 40 to 60 ms after it was said. A party never hears itself. The
// keys (RFC 4733) of one who is heard are relayed to a listener that takes
// them; the sum pauses for the listener meanwhile. A prompt (Play) on a port
// takes that party's ear while it plays; the others go on. The stream of a
// party stays one stream (SSRC, numbers, time) however its row changes.
//
// All methods may be called from any goroutine, but not from a Push.
type Mix struct {
	e *Engine

	// Engine.mu guards these.
	closed  bool
	members []*Port
}

// seat is a port's place in a matrix.
type seat struct {
	// Engine.mu guards these.
	mix      *Mix
	speakers []*Port // whom the port is to hear

	// Port.mu guards these. Slices are replaced, never changed.
	listeners []*Port // who hears the port
	alone     *Port   // the one the port hears, whose packets are relayed
	blend     *blend  // what the port hears of two or more
	voice     *voice  // what the port says, while somebody hears it in a sum
}

// NewMix makes an empty matrix: nobody hears anybody.
func (e *Engine) NewMix() *Mix { return &Mix{e: e} }

// Hears replaces whom listener hears; with no speakers it hears nobody. All
// of them are members from now on, and leave the Mix or bridge they were in.
// A closed port, a port of another engine and listener itself are not heard.
// When Hears has returned, nothing of one who is not heard any more is sent;
// a packet already handed to the system may still arrive. It does nothing
// after Close.
func (m *Mix) Hears(listener *Port, speakers ...*Port) {
	for _, b := range m.hears(listener, speakers) {
		m.e.schedule.add(b)
	}
}

func (m *Mix) hears(listener *Port, speakers []*Port) (begun []*blend) {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	if m.closed || !m.join(listener) {
		return nil
	}
	listener.seat.speakers = nil
	for _, p := range speakers {
		if p != listener && !slices.Contains(listener.seat.speakers, p) && m.join(p) {
			listener.seat.speakers = append(listener.seat.speakers, p)
		}
	}
	return m.wire()
}

// Leave takes p out: it hears nobody and nobody hears it. It does nothing
// when p is not a member.
func (m *Mix) Leave(p *Port) {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	if p.seat.mix == m {
		p.stand()
	}
}

// Close takes everybody out. The second call does nothing.
func (m *Mix) Close() {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	m.closed = true
	for len(m.members) > 0 {
		m.members[0].stand()
	}
}

// join makes p a member; false when it cannot be. Engine.mu is held.
func (m *Mix) join(p *Port) bool {
	if _, open := m.e.open[p]; !open {
		return false
	}
	if p.seat.mix != m {
		p.stand()
		p.seat.mix = m
		m.members = append(m.members, p)
	}
	return true
}

// stand takes p out of its Mix, if it is in one. Engine.mu is held.
func (p *Port) stand() {
	m := p.seat.mix
	if m == nil {
		return
	}
	m.members = slices.DeleteFunc(m.members, func(q *Port) bool { return q == p })
	for _, q := range m.members {
		q.seat.speakers = slices.DeleteFunc(q.seat.speakers, func(s *Port) bool { return s == p })
	}
	p.mu.Lock()
	p.seat = seat{}
	p.mu.Unlock()
	m.wire() // who hears fewer begins no sum
}

// wire brings the members in line with the matrix and returns the sums that
// are to begin. Engine.mu is held.
func (m *Mix) wire() (begun []*blend) {
	for _, p := range m.members {
		m.wireSpeaker(p)
	}
	for _, p := range m.members {
		if b := p.wireListener(); b != nil {
			begun = append(begun, b)
		}
	}
	return begun
}

// wireSpeaker tells p who hears it.
func (m *Mix) wireSpeaker(p *Port) {
	var listeners []*Port
	summed := false
	for _, q := range m.members {
		if slices.Contains(q.seat.speakers, p) {
			listeners = append(listeners, q)
			summed = summed || len(q.seat.speakers) > 1
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seat.listeners = listeners
	switch {
	case !summed:
		p.seat.voice = nil
	case p.seat.voice == nil:
		p.seat.voice = new(voice)
	}
}

// wireListener tells p whom it hears, and returns its sum if that begins.
func (p *Port) wireListener() (begun *blend) {
	var voices []*voice
	for _, s := range p.seat.speakers {
		s.mu.Lock()
		voices = append(voices, s.seat.voice)
		s.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.seat.alone
	p.seat.alone = nil
	if len(voices) == 1 {
		p.seat.alone = p.seat.speakers[0]
	}
	if p.seat.alone != before && p.prompt == nil && p.typing == nil {
		p.out.stop() // what was said unheard is not lost audio
	}
	switch len(voices) {
	case 0, 1:
		p.seat.blend = nil
	default:
		if p.seat.blend == nil {
			begun = newBlend(p)
			p.seat.blend = begun
		}
		p.seat.blend.voices = voices
	}
	return begun
}

// spread lets everybody who hears p hear its packet. It is kept when one of
// them could use it.
func (p *Port) spread(w *worker, pkt *packet, h *heard, now time.Duration) drop {
	result, used := dropUnheard, false
	switch {
	case h.kind == kindUnknown:
		result = dropPayloadType
	case h.kind != kindEvent && h.voice != nil:
		result = h.voice.put(&w.e.tones.linear, h, pkt.payload, now)
		used = result == kept
	}
	for _, l := range h.listeners {
		switch why := l.relay(w, pkt, h, p, now); why {
		case kept:
			used = true
		case dropUnheard:
		default:
			result = why
		}
	}
	if used {
		return kept
	}
	return result
}

// Bridge lets two parties of one engine hear each other: each packet of one
// is relayed to the other as it comes, transcoded only if their laws differ,
// and its telephone events if the other takes them. It is a Mix of the two: a
// bridge or Mix either was in before is left. A prompt (Play) on one side
// takes that side's ear while it plays. unbridge ends this bridge and no later
// one; a packet already handed to the system may still leave. A closed port
// joins no bridge.
func Bridge(a, b *Port) (unbridge func()) {
	m := a.e.NewMix()
	m.Hears(a, b)
	m.Hears(b, a)
	return m.Close
}
