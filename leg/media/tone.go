package media

import "math"

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

// Tones finds the tones of keys in audio. It does not change and may be used
// for any number of parties at once.
type Tones struct {
	factors [toneCount]float64 // 2 cos w of each tone
	linear  linear
}

// NewTones returns what finds the tones of keys.
func NewTones() *Tones {
	t := new(Tones)
	for i, hz := range [toneCount]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633} {
		t.factors[i] = 2 * math.Cos(2*math.Pi*hz/SampleRate)
	}
	t.linear.fill()
	return t
}

// ToneEar is what Tones remembers of one party. The zero value is a party that
// has said nothing.
type ToneEar struct {
	pair int // in the last block; 0 is none
	law  Law
	part [toneBlock]byte // of a block whose end has not come
	n    int
}

// In reports whether the pair of a key sounds in two blocks of 10 ms on end,
// the last of which ends in this packet. Blocks go over from packet to packet:
// the first may begin 239 samples before it.
func (t *Tones) In(payload []byte, law Law, ear *ToneEar) (found bool) {
	if ear.law != law {
		*ear = ToneEar{law: law}
	}
	l := t.linear.decode(law)
	for len(payload) > 0 {
		block := payload[:min(len(payload), toneBlock)]
		if ear.n > 0 || len(block) < toneBlock {
			block = block[:copy(ear.part[ear.n:], block)]
			ear.n += len(block)
		}
		payload = payload[len(block):]
		if ear.n > 0 {
			if ear.n < toneBlock {
				break
			}
			block, ear.n = ear.part[:], 0
		}
		now := t.block(block, l)
		found = found || now != 0 && now == ear.pair
		ear.pair = now
	}
	return found
}

// block returns the pair of a key that carries most of a block, 0 for none.
func (t *Tones) block(payload []byte, l *[256]int16) int {
	sum := int64(0)
	for _, c := range payload {
		v := int64(l[c])
		sum += v * v
	}
	total := float64(sum) * 2 / toneBlock
	if total < toneFaint {
		return 0
	}
	low, a := t.strongest(payload, l, 0)
	if a < total*toneShare/(1+toneTwist) { // no high tone could make up for it
		return 0
	}
	high, b := t.strongest(payload, l, toneCount/2)
	if a+b < toneShare*total || a > toneTwist*b || b > toneTwist*a {
		return 0
	}
	return 1 + low*toneCount + high
}

// strongest returns which of four tones is the strongest in a block, and its
// power (the algorithm of Goertzel).
func (t *Tones) strongest(payload []byte, l *[256]int16, from int) (at int, power float64) {
	k0, k1, k2, k3 := t.factors[from], t.factors[from+1], t.factors[from+2], t.factors[from+3]
	var a0, b0, a1, b1, a2, b2, a3, b3 float64
	for _, c := range payload {
		v := float64(l[c]) // v-b waits for nothing, so that a step takes a product and a sum
		a0, b0 = k0*a0+(v-b0), a0
		a1, b1 = k1*a1+(v-b1), a1
		a2, b2 = k2*a2+(v-b2), a2
		a3, b3 = k3*a3+(v-b3), a3
	}
	for i, p := range [4]float64{
		a0*a0 + b0*b0 - k0*a0*b0, a1*a1 + b1*b1 - k1*a1*b1, a2*a2 + b2*b2 - k2*a2*b2, a3*a3 + b3*b3 - k3*a3*b3,
	} {
		if p > power {
			at, power = from+i, p
		}
	}
	return at, power * 4 / (toneBlock * toneBlock)
}
