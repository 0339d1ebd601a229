package media

import "time"

// Clip is a prompt: 8 kHz mono. Do not change a clip that is being played.
type Clip struct {
	// Mulaw holds the samples, one byte each.
	Mulaw []byte
}

// Duration is how long the clip plays.
func (c Clip) Duration() time.Duration {
	return time.Duration(len(c.Mulaw)) * time.Second / SampleRate
}

// Tone makes a sine of hz, -10 dBm0, faded in and out over 5 ms.
func Tone(hz float64, d time.Duration) Clip { return Clip{} }

// ParseWAV reads a prompt from a WAV file: 16-bit PCM, µ-law or A-law, mono
// or stereo (mixed down), at a common sample rate. It fails with
// sotto.Invalid and a sentence that says how to save the file instead.
func ParseWAV(b []byte) (Clip, error) { return Clip{}, nil }
