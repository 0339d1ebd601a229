package media

import (
	"math"
	"time"
)

// Clip is a prompt: 8 kHz mono. Do not change a clip that is being played.
type Clip struct {
	// Mulaw holds the samples, one byte each.
	Mulaw []byte
}

// Duration is how long the clip plays.
func (c Clip) Duration() time.Duration {
	return time.Duration(len(c.Mulaw)) * time.Second / SampleRate
}

// Tone makes a sine of hz, 10 dB below full scale, faded in and out over 5 ms.
func Tone(hz float64, d time.Duration) Clip {
	const fade = SampleRate / 200
	b := make([]byte, max(0, samples(d)))
	for i := range b {
		amplitude := 0.316 * 32767 * min(1, float64(i)/fade, float64(len(b)-1-i)/fade)
		b[i] = EncodeMulaw(int16(amplitude * math.Sin(2*math.Pi*hz*float64(i)/SampleRate)))
	}
	return Clip{Mulaw: b}
}

func clipOf(pcm []int16) Clip {
	b := make([]byte, len(pcm))
	for i, v := range pcm {
		b[i] = EncodeMulaw(v)
	}
	return Clip{Mulaw: b}
}
