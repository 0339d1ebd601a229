package media

import "math/bits"

// mulawBias and mulawClip are the constants of the µ-law segments in 16-bit
// samples (ITU-T G.711 table 2a, scaled by 4).
const (
	mulawBias = 132
	mulawClip = 32635
)

// mulawSilence and alawSilence are the codes of a sample of 0.
const (
	mulawSilence = 0xFF
	alawSilence  = 0xD5
)

// EncodeMulaw codes a 16-bit sample in µ-law (ITU-T G.711 table 2). Louder
// samples than 32635 are clipped.
func EncodeMulaw(v int16) byte {
	sign, m := 0, int(v)
	if m < 0 {
		sign, m = 0x80, -m
	}
	m = min(m, mulawClip) + mulawBias
	segment := bits.Len(uint(m)>>7) - 1
	return ^byte(sign | segment<<4 | (m>>(segment+3))&0x0F)
}

// DecodeMulaw returns the 16-bit sample of a µ-law code.
func DecodeMulaw(c byte) int16 {
	c = ^c
	m := (int(c&0x0F)<<3+mulawBias)<<(c>>4&7) - mulawBias
	if c&0x80 != 0 {
		return int16(-m)
	}
	return int16(m)
}

// EncodeAlaw codes a 16-bit sample in A-law (ITU-T G.711 table 1).
func EncodeAlaw(v int16) byte {
	sign, m := byte(0x80), int(v)>>4
	if v < 0 {
		sign, m = 0, int(^v)>>4
	}
	if segment := bits.Len(uint(m)) - 4; segment > 0 {
		m = segment<<4 | (m>>(segment-1))&0x0F
	}
	return (sign | byte(m)) ^ 0x55
}

// DecodeAlaw returns the 16-bit sample of an A-law code.
func DecodeAlaw(c byte) int16 {
	c ^= 0x55
	m := int(c&0x0F)<<4 + 8
	if segment := c >> 4 & 7; segment > 0 {
		m = (m + 0x100) << (segment - 1)
	}
	if c&0x80 == 0 {
		return int16(-m)
	}
	return int16(m)
}

// Decode returns the 16-bit sample of a code of law l.
func (l Law) Decode(c byte) int16 {
	if l == Alaw {
		return DecodeAlaw(c)
	}
	return DecodeMulaw(c)
}

// Encode codes a 16-bit sample in law l.
func (l Law) Encode(v int16) byte {
	if l == Alaw {
		return EncodeAlaw(v)
	}
	return EncodeMulaw(v)
}

// Silence is the code of a sample of 0 in law l.
func (l Law) Silence() byte {
	if l == Alaw {
		return alawSilence
	}
	return mulawSilence
}

// transcoder holds both ways between the laws, one table look-up a sample.
type transcoder struct {
	toAlaw, toMulaw [256]byte
}

func newTranscoder() *transcoder {
	t := new(transcoder)
	for i := range 256 {
		t.toAlaw[i] = EncodeAlaw(DecodeMulaw(byte(i)))
		t.toMulaw[i] = EncodeMulaw(DecodeAlaw(byte(i)))
	}
	return t
}

// copy puts src, coded in from, into dst, coded in to. dst must be as long.
func (t *transcoder) copy(dst []byte, to Law, src []byte, from Law) {
	if to == from {
		copy(dst, src)
		return
	}
	table := &t.toMulaw
	if to == Alaw {
		table = &t.toAlaw
	}
	dst = dst[:len(src)]
	for i, c := range src {
		dst[i] = table[c]
	}
}
