package media

import (
	"math"
	"testing"
)

func TestKnownCodes(t *testing.T) {
	// ITU-T G.711 tables 1 and 2, scaled to 16 bits: the ends of the segments.
	for _, test := range []struct {
		name string
		law  Law
		code byte
		want int16
	}{
		{"mulaw +max", Mulaw, 0x80, 32124}, {"mulaw -max", Mulaw, 0x00, -32124},
		{"mulaw +0", Mulaw, 0xFF, 0}, {"mulaw -0", Mulaw, 0x7F, 0},
		{"mulaw +1", Mulaw, 0xFE, 8}, {"mulaw segment 2", Mulaw, 0xEF, 132}, {"mulaw segment 3", Mulaw, 0xDF, 396},
		{"mulaw segment 8", Mulaw, 0x8F, 16764}, {"mulaw -segment 8", Mulaw, 0x0F, -16764},
		{"alaw +max", Alaw, 0xAA, 32256}, {"alaw -max", Alaw, 0x2A, -32256},
		{"alaw +1", Alaw, 0xD5, 8}, {"alaw -1", Alaw, 0x55, -8},
		{"alaw +2", Alaw, 0xD4, 24}, {"alaw segment 2", Alaw, 0xC5, 264}, {"alaw segment 3", Alaw, 0xF5, 528},
		{"alaw segment 7", Alaw, 0xB5, 8448}, {"alaw segment 8", Alaw, 0xA5, 16896},
	} {
		if got := test.law.Decode(test.code); got != test.want {
			t.Errorf("%s: decode(%#x) = %d, want %d", test.name, test.code, got, test.want)
		}
		if got := test.law.Encode(test.want); got != test.code && test.code != 0x7F {
			t.Errorf("%s: encode(%d) = %#x, want %#x", test.name, test.want, got, test.code)
		}
	}
	if EncodeMulaw(math.MinInt16) != 0 || EncodeMulaw(math.MaxInt16) != 0x80 {
		t.Error("the loudest µ-law samples are not clipped")
	}
	if EncodeAlaw(math.MinInt16) != 0x2A || EncodeAlaw(math.MaxInt16) != 0xAA {
		t.Error("the loudest A-law samples are not clipped")
	}
	for _, l := range []Law{Mulaw, Alaw} {
		if got := l.Encode(0); got != l.Silence() {
			t.Errorf("law %d: encode(0) = %#x, want silence %#x", l, got, l.Silence())
		}
	}
}

func TestCodesAreStableMonotonicAndClose(t *testing.T) {
	for _, l := range []Law{Mulaw, Alaw} {
		for c := range 256 {
			v := l.Decode(byte(c))
			if back := l.Encode(v); back != byte(c) && !(l == Mulaw && c == 0x7F && back == 0xFF) {
				t.Errorf("law %d: encode(decode(%#x)) = %#x", l, c, back)
			}
		}
		last := int16(math.MinInt16)
		for v := math.MinInt16; v <= math.MaxInt16; v++ {
			got := l.Decode(l.Encode(int16(v)))
			if got < last {
				t.Fatalf("law %d: decode(encode(%d)) = %d is less than that of %d: %d", l, v, got, v-1, last)
			}
			last = got
			// Half a step of the segment: 1/33 of the value, and the least step.
			if diff := math.Abs(float64(v) - float64(got)); diff > math.Abs(float64(v))/32+16 && math.Abs(float64(v)) < mulawClip {
				t.Fatalf("law %d: decode(encode(%d)) = %d", l, v, got)
			}
		}
	}
}

func TestTranscodingIsTheTableOfBothLaws(t *testing.T) {
	table := newTranscoder()
	src, dst := make([]byte, 256), make([]byte, 256)
	for i := range src {
		src[i] = byte(i)
	}
	for _, test := range []struct{ from, to Law }{{Mulaw, Alaw}, {Alaw, Mulaw}, {Mulaw, Mulaw}, {Alaw, Alaw}} {
		table.copy(dst, test.to, src, test.from)
		for i := range src {
			want := src[i]
			if test.from != test.to {
				want = test.to.Encode(test.from.Decode(src[i]))
			}
			if dst[i] != want {
				t.Fatalf("%d to %d: code %#x becomes %#x, want %#x", test.from, test.to, i, dst[i], want)
			}
		}
	}
}
