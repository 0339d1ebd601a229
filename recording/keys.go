package recording

import "sotto/leg/media"

// keyMargin is how much of a tone, in samples, may lie in the audio before the
// two blocks that media.Tones finds it in, and behind them.
const keyMargin = 160

// keyless is where the keys that a party pressed were, with a margin at both
// ends. It is silent there. track.mu guards it.
type keyless struct {
	pair     int   // what media.Tones remembers
	from, to int64 // places on the track
}

// hush looks for a key in the frame at a place and reports whether the frame
// is to be silent. What came before it is made silent too: a block goes to the
// writers only when the margin behind it has come.
func (t *track) hush(at int64, f media.Frame) bool {
	end := at + int64(len(f.Payload))
	k := &t.pressed
	found, pair := t.rs.tones.In(f.Payload, f.Law, k.pair)
	k.pair = pair
	if found || f.Key {
		if at-keyMargin > k.to {
			k.from = at - keyMargin
		}
		k.from, k.to = min(k.from, at-keyMargin), max(k.to, end+keyMargin)
		t.silence(at-keyMargin, at)
	}
	return at < k.to && end > k.from
}

// silence wipes what is between two places and has not gone to the writers.
// mu is held.
func (t *track) silence(from, to int64) {
	for at := max(from, t.next<<chunkBits, 0); at < to; {
		n := at >> chunkBits
		end := min(to, (n+1)<<chunkBits)
		if i := t.open[n%slots]; i != none && n < t.next+slots {
			b := t.rs.pool.at(i)
			for j := at & (chunk - 1); j < end-n<<chunkBits; j++ {
				b.data[j] = silence
			}
		}
		at = end
	}
}
