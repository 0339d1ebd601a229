package media

import (
	"slices"
	"sync"
	"time"
)

const (
	// hold is how long what arrives waits before it is summed, in samples: 40
	// ms. It is the jitter that a sum forgives.
	hold = 40 * SampleRate / 1000
	// voiceLen is how much of a voice is kept, in samples: the longest packet,
	// the hold before it, and what may come early. A power of two.
	voiceLen = 2048
	// voiceAhead is how early a frame may be, in samples; what is earlier is
	// from a stream that has jumped.
	voiceAhead = 120 * SampleRate / 1000
	// voiceLate is for how long nothing but late frames is taken for jitter.
	voiceLate = 60 * SampleRate / 1000
	// slackWindow is how often a voice is moved to where it belongs, and
	// slackLeast and slackMost what its worst frame may have been early by;
	// slackStep is one move. Clocks of parties differ by some 100 ppm: a move
	// every 100 s or so.
	slackWindow = 2 * SampleRate
	slackLeast  = 10 * SampleRate / 1000
	slackMost   = 60 * SampleRate / 1000
	slackStep   = 10 * SampleRate / 1000
	// keyHold is for how long after an event packet the key goes on.
	keyHold = 80 * time.Millisecond
)

// voice is what one party says, kept for those who hear it in a sum: linear
// samples on the engine's timeline, as the arrival of the frames has it.
type voice struct {
	mu     sync.Mutex // no other lock is taken under it
	ring   [voiceLen]int16
	end    int64  // behind the newest sample in ring
	source source // the run that shift belongs to; 0 is none
	shift  int64  // from a frame's place to its place here
	good   int64  // when a frame last was not late

	since int64 // when the window of slack began
	slack int64 // how early the latest frame of the window was
}

// put keeps a frame that arrived at t. It is late when the sum has gone past
// it.
func (v *voice) put(l *linear, h *heard, payload []byte, t time.Duration) drop {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, n := samples(t), int64(len(payload))
	at := h.place + v.shift
	stray := at+n > now+voiceAhead || at+n <= now-hold && now-v.good > voiceLate
	if v.source != h.source || stray {
		v.source, v.shift, at = h.source, now-h.place, now
		v.end = min(v.end, at)
		v.since, v.slack = now, hold
	}
	slack := at - (now - hold)
	if slack <= -n {
		return dropLate
	}
	v.good = now
	v.measure(now, slack)
	v.silence(at)
	table := l.decode(h.kind.law())
	for i, c := range payload {
		v.ring[(at+int64(i))&(voiceLen-1)] = table[c]
	}
	v.end = max(v.end, at+n)
	return kept
}

// measure moves the voice when its frames came too late or too early
// throughout a window. mu is held.
func (v *voice) measure(now, slack int64) {
	v.slack = min(v.slack, slack)
	if now-v.since < slackWindow {
		return
	}
	switch {
	case v.slack < slackLeast:
		v.shift += slackStep
	case v.slack > slackMost:
		v.shift -= slackStep
	}
	v.since, v.slack = now, voiceLen
}

// silence fills the gap in front of at. mu is held.
func (v *voice) silence(at int64) {
	for i := max(v.end, at-voiceLen); i < at; i++ {
		v.ring[i&(voiceLen-1)] = 0
	}
}

// add adds the samples from from on to sum; what never came is silence.
func (v *voice) add(sum []int32, from int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := max(from, v.end-voiceLen)
	last := min(from+int64(len(sum)), v.end)
	for i := first; i < last; i++ {
		sum[i-from] += int32(v.ring[i&(voiceLen-1)])
	}
}

// blend is the sum that one party hears: a turn of the schedule that ends
// when it is no longer its port's. Port.mu guards what changes.
type blend struct {
	p      *Port
	voices []*voice // replaced, never changed
	source source

	due time.Duration // when the next frame is to be sent
	seq uint16
	ts  uint32
	sum [480]int32

	keyOf    *voice // whose key goes on
	keyUntil time.Duration
}

func newBlend(p *Port) *blend {
	return &blend{p: p, source: source(p.e.ids.Add(1) << 32), due: onGrid(p.e.now())}
}

func (t *blend) port() *Port { return t.p }

func (t *blend) over(error) {}

// step sends the frames that are due; those long overdue are skipped.
func (t *blend) step(w *worker, now time.Duration) (bool, error) {
	p := t.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.seat.blend != t {
		return true, nil
	}
	for t.due <= now {
		n := p.remote.frame()
		switch {
		case now-t.due > overdue:
			w.e.counters.lateFrames.Add(1)
		case !p.connected || !p.remote.Send:
			p.out.stop()
		case p.prompt != nil || p.typing != nil || now < t.keyUntil:
		default:
			t.send(w, n, now)
		}
		t.ts += uint32(n)
		t.due += time.Duration(n) * time.Second / SampleRate
	}
	return false, nil
}

// send sends the sum of n samples. Port.mu is held.
func (t *blend) send(w *worker, n int, now time.Duration) {
	p, sum := t.p, t.sum[:n]
	clear(sum)
	from := samples(t.due) - hold - int64(n)
	for _, v := range t.voices {
		v.add(sum, from)
	}
	seq, ts, first, _ := p.out.stamp(t.source, t.seq, t.ts, uint32(n), now)
	b := w.out.slot(p.s, &p.dest)
	putHeader(b, first, p.remote.PayloadType, seq, ts, p.out.ssrc)
	w.e.tones.linear.encode(b[headerLen:headerLen+n], p.remote.Law, sum)
	w.out.commit(p.seal(b, headerLen+n))
	t.seq++
}

// hearsKey reports whether a packet is a key that is to reach a party that
// hears a sum: one speaker's keys at a time, and no sum while a key goes on.
// p.mu is held.
func (p *Port) hearsKey(h *heard, now time.Duration) bool {
	t := p.seat.blend
	if t == nil || h.kind != kindEvent || h.private || p.remote.EventType == 0 || h.voice == nil || !slices.Contains(t.voices, h.voice) {
		return false
	}
	if t.keyOf != h.voice && now < t.keyUntil {
		return false
	}
	t.keyOf, t.keyUntil = h.voice, now+keyHold
	return true
}

// linear is the way from G.711 to 16-bit samples and back, one table look-up
// a sample.
type linear struct {
	mulaw, alaw [256]int16
	toMulaw     [1 << 14]byte // by the upper 14 bits of a sample
	toAlaw      [1 << 12]byte // by the upper 12
}

func (l *linear) fill() {
	for i := range 256 {
		l.mulaw[i], l.alaw[i] = DecodeMulaw(byte(i)), DecodeAlaw(byte(i))
	}
	for i := range l.toMulaw {
		l.toMulaw[i] = EncodeMulaw(int16(i << 2))
	}
	for i := range l.toAlaw {
		l.toAlaw[i] = EncodeAlaw(int16(i << 4))
	}
}

func (l *linear) decode(law Law) *[256]int16 {
	if law == Alaw {
		return &l.alaw
	}
	return &l.mulaw
}

// encode codes sums in law; what is louder than 16 bits is clipped.
func (l *linear) encode(dst []byte, law Law, sum []int32) {
	if law == Alaw {
		for i, s := range sum {
			dst[i] = l.toAlaw[uint16(max(-32768, min(32767, s)))>>4]
		}
		return
	}
	for i, s := range sum {
		dst[i] = l.toMulaw[uint16(max(-32768, min(32767, s)))>>2]
	}
}
