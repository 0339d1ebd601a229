package media_test

import (
	"testing"
	"time"

	"sotto/leg/media"
)

// BenchmarkTones is one packet of 20 ms looked at.
func BenchmarkTones(b *testing.B) {
	tones := media.NewTones()
	for name, p := range map[string][]byte{
		"Tone": media.Tone(852, 40*time.Millisecond).Mulaw[80:240], "Silence": frame(0xFF),
	} {
		b.Run(name, func(b *testing.B) {
			var ear media.ToneEar
			for b.Loop() {
				tones.In(p, media.Mulaw, &ear)
			}
		})
	}
}
