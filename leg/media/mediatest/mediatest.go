// Package mediatest checks sound by its frequency: a tone in, the same
// frequency out. Tests of every package that moves audio use it.
package mediatest

import (
	"math"
	"slices"
	"sync"

	"sotto/leg/media"
)

// Goertzel returns the power of hz in samples, as the square of the
// amplitude a pure sine of that power would have: 32767² is full scale. It is
// sharp to about rate/len(samples) Hz.
func Goertzel(samples []int16, rate int, hz float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	w := 2 * math.Pi * hz / float64(rate)
	k := 2 * math.Cos(w)
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = float64(v)+k*s1-s2, s1
	}
	n := float64(len(samples))
	return 4 * (s1*s1 + s2*s2 - k*s1*s2) / (n * n)
}

// HasTone reports whether hz carries most of the sound in samples: at least
// half of the whole power and more than -40 dB of full scale.
func HasTone(samples []int16, rate int, hz float64) bool {
	const faint = 32767.0 * 32767.0 / 10000
	p := Goertzel(samples, rate, hz)
	return p > faint && p >= Power(samples)/2
}

// Power is the power of all sound in samples, on the scale of Goertzel: a
// pure sine has the same there and here.
func Power(samples []int16) float64 {
	if len(samples) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return 2 * sum / float64(len(samples))
}

// Decode returns the 16-bit samples of G.711.
func Decode(l media.Law, payload []byte) []int16 {
	pcm := make([]int16, len(payload))
	for i, c := range payload {
		pcm[i] = l.Decode(c)
	}
	return pcm
}

// Ear is a media.Sink that remembers what it hears. The zero value is ready;
// it may be read while it is pushed. It allocates: it is for tests only.
type Ear struct {
	mu     sync.Mutex
	frames []media.Frame
}

// Push keeps f.
func (e *Ear) Push(f media.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.Payload = slices.Clone(f.Payload)
	e.frames = append(e.frames, f)
}

// Frames returns the frames heard so far, with payloads of their own.
func (e *Ear) Frames() []media.Frame {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.frames)
}

// Samples returns what was heard so far, decoded, frame after frame in the
// order of arrival.
func (e *Ear) Samples() []int16 {
	var pcm []int16
	for _, f := range e.Frames() {
		pcm = append(pcm, Decode(f.Law, f.Payload)...)
	}
	return pcm
}

// Forget drops what was heard.
func (e *Ear) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.frames = nil
}

// Hears reports whether the last 200 ms heard are the tone hz.
func (e *Ear) Hears(hz float64) bool {
	const span = media.SampleRate / 5
	pcm := e.Samples()
	return len(pcm) >= span && HasTone(pcm[len(pcm)-span:], media.SampleRate, hz)
}
