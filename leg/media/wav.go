package media

import "encoding/binary"

// WAV is the clip as a WAV file: 8 kHz, mono, µ-law (RFC 2361 A). ParseWAV
// reads it back.
func (c Clip) WAV() []byte {
	n := uint32(len(c.Mulaw))
	b := make([]byte, 0, 58+len(c.Mulaw)+1)
	four := func(v uint32) { b = binary.LittleEndian.AppendUint32(b, v) }
	two := func(v uint16) { b = binary.LittleEndian.AppendUint16(b, v) }
	b = append(b, "RIFF"...)
	four(50 + n + n&1)
	b = append(b, "WAVEfmt "...)
	four(18)
	two(7) // µ-law
	two(1)
	four(SampleRate)
	four(SampleRate)
	two(1)
	two(8)
	two(0)
	b = append(b, "fact"...)
	four(4)
	four(n)
	b = append(b, "data"...)
	four(n)
	b = append(b, c.Mulaw...)
	if n&1 == 1 {
		b = append(b, 0)
	}
	return b
}
