package recording_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/recording"
)

// The tones of keys (ITU-T Q.23), and which key a pair is.
var (
	lowTones  = [4]float64{697, 770, 852, 941}
	highTones = [4]float64{1209, 1336, 1477, 1633}
)

const keyNames = "123A456B789C*0#D"

// pressed is a key as a telephone without events sends it, from place at on.
func pressed(key byte, pcm []int16, at, n int, loud float64) {
	k := strings.IndexByte(keyNames, key)
	for i := range n {
		x := 2 * math.Pi * float64(i) / media.SampleRate
		pcm[at+i] += int16(loud * (math.Sin(lowTones[k/4]*x) + 0.8*math.Sin(highTones[k%4]*x)))
	}
}

// decode is every key that somebody who listens closely could make out: it
// looks at 13 and at 25 ms at once, at every 3 ms, and asks for less than a
// telephone exchange would.
func decode(pcm []int16) string {
	const faint = 150.0 * 150.0
	found := map[byte]bool{}
	for _, span := range []int{105, 205} {
		for at := 0; at+span <= len(pcm); at += 24 {
			w := pcm[at : at+span]
			if all := mediatest.Power(w); all > faint {
				if key, share := loudestKey(w); share > all/2 {
					found[key] = true
				}
			}
		}
	}
	var keys []byte
	for i := range keyNames {
		if found[keyNames[i]] {
			keys = append(keys, keyNames[i])
		}
	}
	return string(keys)
}

func loudestKey(w []int16) (key byte, power float64) {
	best := func(tones [4]float64) (at int, most float64) {
		for i, hz := range tones {
			if p := mediatest.Goertzel(w, media.SampleRate, hz); p > most {
				at, most = i, p
			}
		}
		return at, most
	}
	low, a := best(lowTones)
	high, b := best(highTones)
	if a > 20*b || b > 20*a {
		return 0, 0
	}
	return keyNames[4*low+high], a + b
}

// TestNoKeyCanBeDecodedFromAStoredTrack presses all 16 keys as tones in the
// audio: at every place of a packet and of a chunk, short and long, loud and
// soft, in both laws, with packets of several lengths.
func TestNoKeyCanBeDecodedFromAStoredTrack(t *testing.T) {
	for _, law := range []media.Law{media.Mulaw, media.Alaw} {
		for _, packet := range []int{40, 80, 160, 240, 480} {
			t.Run(fmt.Sprintf("law %d, packets of %d", law, packet), func(t *testing.T) {
				t.Parallel()
				d := sqlite(t, recording.Config{})
				pcm := tone(300, 0, 16*4*2500+24000)
				for i := range pcm {
					pcm[i] /= 8
				}
				said := make([]int16, len(pcm))
				copy(said, pcm)
				at := 4000
				for i := range 4 * len(keyNames) {
					n := 320 + 37*(i%20)                           // 40 to 130 ms
					loud := []float64{8000, 3000, 1200, 500}[i/16] // 500 is -39 dB of full scale
					for j := at; j < at+n; j++ {
						said[j] = 0 // one who presses a key does not speak
					}
					pressed(keyNames[i%16], said, at, n, loud)
					at += 2400 + 13*i%160
					if i == 20 {
						at += 4096 - (at+100)%4096 // across the end of a chunk
					}
				}
				if got := decode(said); got != keyNames {
					t.Fatalf("the detector finds only %q in what was said", got)
				}
				m, r := &mouth{}, d.start()
				if err := r.HearCaller(m.tap); err != nil {
					t.Fatal(err)
				}
				for i := 0; i+packet <= len(said); i += packet {
					m.push(frame(int64(i), law, said[i:i+packet]))
				}
				got := d.finish(r)
				if got.Tracks[0].Lost != 0 {
					t.Errorf("%s: silence is no loss", describe(got.Tracks[0]))
				}
				stored := d.listen(r.ID()).left()
				if keys := decode(stored); keys != "" {
					t.Errorf("the keys %s can be decoded", keys)
				}
				wantTone(t, "what was said before the keys", stored[800:3200], 300)
				quiet := 0
				for i := 4000; i+80 <= at; i += 80 {
					if mediatest.Power(stored[i:i+80]) == 0 {
						quiet++
					}
				}
				if share := float64(quiet*80) / float64(at-4000); share > 0.8 {
					t.Errorf("%.0f %% of the sound between the keys is gone", 100*share)
				}
			})
		}
	}
}

// TestKeyPressedAsEventTakesItsToneAlong is a gateway that sends an event and
// leaves a little of the tone in the audio.
func TestKeyPressedAsEventTakesItsToneAlong(t *testing.T) {
	d := sqlite(t, recording.Config{})
	m, r := &mouth{}, d.start()
	if err := r.HearCaller(m.tap); err != nil {
		t.Fatal(err)
	}
	said := make([]int16, 8000)
	pressed('7', said, 4000+40, 100, 9000) // 12 ms
	for i := 0; i < 50; i++ {
		f := frame(int64(i*160), media.Mulaw, said[i*160:i*160+160])
		f.Key = i == 26
		m.push(f)
	}
	d.finish(r)
	if keys := decode(d.listen(r.ID()).left()); keys != "" || decode(said) != "7" {
		t.Errorf("the keys %q can be decoded; %q was pressed", keys, decode(said))
	}
}
