package mediatest

import (
	"math"
	"testing"
	"time"

	"sotto/leg/media"
)

func TestGoertzelMeasuresTheAmplitudeOfASine(t *testing.T) {
	pcm := make([]int16, 1600)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	if got := math.Sqrt(Goertzel(pcm, 8000, 440)); math.Abs(got-10000) > 50 {
		t.Errorf("amplitude at 440 Hz = %.0f, want 10000", got)
	}
	if got := math.Sqrt(Goertzel(pcm, 8000, 1000)); got > 100 {
		t.Errorf("amplitude at 1000 Hz = %.0f, want nearly 0", got)
	}
}

func TestHasToneTellsTonesFromSilenceAndNoise(t *testing.T) {
	silence := make([]int16, 1600)
	noise := make([]int16, 1600)
	for i := range noise {
		noise[i] = int16(uint32(i) * 2654435761 >> 18)
	}
	tone := Decode(media.Mulaw, media.Tone(440, 200*time.Millisecond).Mulaw)
	for _, test := range []struct {
		name string
		pcm  []int16
		hz   float64
		want bool
	}{
		{"tone", tone, 440, true},
		{"other tone", tone, 600, false},
		{"silence", silence, 440, false},
		{"noise", noise, 440, false},
		{"nothing", nil, 440, false},
	} {
		if got := HasTone(test.pcm, 8000, test.hz); got != test.want {
			t.Errorf("%s: HasTone(%v) = %v, want %v", test.name, test.hz, got, test.want)
		}
	}
}

func TestEarHearsTheLastToneOnly(t *testing.T) {
	var e Ear
	say := func(hz float64) {
		clip := media.Tone(hz, 400*time.Millisecond).Mulaw
		for i := 0; i < len(clip); i += 160 {
			e.Push(media.Frame{At: int64(i), Payload: clip[i : i+160]})
		}
	}
	say(440)
	if !e.Hears(440) || e.Hears(1000) {
		t.Error("after 440 Hz the ear does not hear 440 Hz alone")
	}
	say(1000)
	if e.Hears(440) || !e.Hears(1000) {
		t.Error("after 1000 Hz the ear does not hear 1000 Hz alone")
	}
	if e.Forget(); e.Hears(1000) || len(e.Frames()) != 0 {
		t.Error("the ear did not forget")
	}
}
