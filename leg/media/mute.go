package media

import "math"

// SetMuted says whether what the party says is withheld: while it is on, the
// party's packets are neither relayed nor summed nor given to taps, its keys
// are not relayed, and it counts as alive. Its keys are still read by Digits.
// What was withheld does not look like loss to those who hear it afterwards.
func (p *Port) SetMuted(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.muted && !on {
		p.in.run++
	}
	p.muted = on
}

// SetKeysPrivate says whether the keys the party presses are for us alone.
// While it is on, they are read by Digits and not relayed, and what sounds
// like a key in the party's audio is made silence for everybody, taps too:
// the audio comes one packet later, so that also the beginning of a tone is
// known before it leaves.
func (p *Port) SetKeysPrivate(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !on:
		p.guard = nil
	case p.guard == nil:
		p.guard = newGuard()
	}
}

// The tones of keys (ITU-T Q.23), looked for in blocks of 10 ms.
const (
	toneBlock = 80
	toneCount = 8 // four low, four high
	// toneShare is how much of a block's power the two tones must have, and
	// toneTwist how much stronger one may be: more than ITU-T Q.24 allows a
	// telephone, since a silenced word costs less than a key that is heard.
	toneShare = 0.6
	toneTwist = 20.0
	// toneFaint is the least power of a block: -45 dB of full scale.
	toneFaint = 32767.0 * 32767.0 / 31623
)

// guard keeps the tones of keys out of one party's audio. Port.mu guards it.
type guard struct {
	factors [toneCount]float64 // 2 cos w of each tone
	pair    int                // the pair in the last block; 0 is none

	held    [480]byte // the last packet's audio
	size    int
	law     Law
	tones   [2]bool // in the packet before the held one, and in the held one
	scratch [480]byte
}

func newGuard() *guard {
	g := new(guard)
	for i, hz := range [toneCount]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633} {
		g.factors[i] = 2 * math.Cos(2*math.Pi*hz/SampleRate)
	}
	return g
}

// pass puts the last packet's audio in place of this one's, or silence when
// it, the one before it or this one has a tone. key says that a key is being
// pressed by telephone events.
func (g *guard) pass(payload []byte, law Law, l *[256]int16, key bool) {
	tone := g.hears(payload, l) || key
	silent := g.tones[0] || g.tones[1] || tone || g.size != len(payload) || g.law != law || len(payload) > len(g.held)
	g.tones = [2]bool{g.tones[1], tone}
	last := g.scratch[:copy(g.scratch[:], g.held[:g.size])]
	g.size, g.law = copy(g.held[:], payload), law
	if !silent {
		copy(payload, last)
		return
	}
	for i := range payload {
		payload[i] = law.Silence()
	}
}

// hears reports whether the pair of a key sounds in two blocks on end, the
// last packet's last block among them.
func (g *guard) hears(payload []byte, l *[256]int16) bool {
	found := false
	for ; len(payload) >= toneBlock; payload = payload[toneBlock:] {
		pair := g.block(payload[:toneBlock], l)
		found = found || pair != 0 && pair == g.pair
		g.pair = pair
	}
	return found
}

// block returns the pair of a key that carries most of a block, 0 for none.
func (g *guard) block(payload []byte, l *[256]int16) int {
	var s1, s2 [toneCount]float64
	total := 0.0
	for _, c := range payload {
		v := float64(l[c])
		total += v * v
		for i, k := range g.factors {
			s1[i], s2[i] = v+k*s1[i]-s2[i], s1[i]
		}
	}
	if total *= 2.0 / toneBlock; total < toneFaint {
		return 0
	}
	best := func(from int) (at int, power float64) {
		for i := from; i < from+toneCount/2; i++ {
			if p := s1[i]*s1[i] + s2[i]*s2[i] - g.factors[i]*s1[i]*s2[i]; p > power {
				at, power = i, p
			}
		}
		return at, power * 4 / (toneBlock * toneBlock)
	}
	low, a := best(0)
	high, b := best(toneCount / 2)
	if a+b < toneShare*total || a > toneTwist*b || b > toneTwist*a {
		return 0
	}
	return 1 + low*toneCount + high
}
