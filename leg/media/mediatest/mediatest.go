// Package mediatest checks sound by its frequency: a tone in, the same
// frequency out. Tests of every package that moves audio use it.
package mediatest

import "sotto/leg/media"

// Goertzel returns the power of hz in samples, as the square of the
// amplitude a pure sine of that power would have: 32767² is full scale.
func Goertzel(samples []int16, rate int, hz float64) float64 { return 0 }

// HasTone reports whether hz carries most of the sound in samples: at least
// half of the whole power and more than -40 dB of full scale.
func HasTone(samples []int16, rate int, hz float64) bool { return false }

// Ear is a media.Sink that remembers what it hears, decoded. The zero value
// is ready; it may be read while it is pushed.
type Ear struct{}

// Push keeps f. It allocates: it is for tests only.
func (e *Ear) Push(f media.Frame) {}

// Samples returns what was heard so far, frame after frame in the order of
// arrival.
func (e *Ear) Samples() []int16 { return nil }

// Frames returns the frames heard so far, with payloads of their own.
func (e *Ear) Frames() []media.Frame { return nil }

// Forget drops what was heard.
func (e *Ear) Forget() {}

// Hears reports whether the last half second heard is the tone hz.
func (e *Ear) Hears(hz float64) bool { return false }
