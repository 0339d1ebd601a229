package media

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
		p.guard = new(guard)
	}
}

// guard keeps the tones of keys out of one party's audio. Port.mu guards it.
type guard struct {
	ear     ToneEar
	held    [480]byte // the last packet's audio
	size    int
	law     Law
	tones   [2]bool // in the packet before the held one, and in the held one
	scratch [480]byte
}

// pass puts the last packet's audio in place of this one's, or silence when
// it, the one before it or this one has a tone. key says that a key is being
// pressed by telephone events.
func (g *guard) pass(payload []byte, law Law, t *Tones, key bool) {
	tone := t.In(payload, law, &g.ear) || key
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
