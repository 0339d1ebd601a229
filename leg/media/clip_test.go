package media_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

// wav makes a file of one second; each channel is a sine of its frequency.
func wav(coding uint16, rate int, hz ...float64) []byte {
	width := 2
	if coding == 6 || coding == 7 {
		width = 1
	}
	var data []byte
	for i := range rate {
		for _, f := range hz {
			v := int16(10000 * math.Sin(2*math.Pi*f*float64(i)/float64(rate)))
			switch coding {
			case 6:
				data = append(data, media.EncodeAlaw(v))
			case 7:
				data = append(data, media.EncodeMulaw(v))
			default:
				data = binary.LittleEndian.AppendUint16(data, uint16(v))
			}
		}
	}
	return riff(append(chunk("fmt ", format(coding, len(hz), rate, 8*width)), chunk("data", data)...))
}

func riff(chunks []byte) []byte {
	return append(append([]byte("RIFF\x00\x00\x00\x00"), "WAVE"...), chunks...)
}

func chunk(name string, b []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(name), uint32(len(b)))
	out = append(out, b...)
	if len(b)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

func format(coding uint16, channels, rate, bits int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, coding)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	return binary.LittleEndian.AppendUint16(b, uint16(bits))
}

func heard(c media.Clip) []int16 { return mediatest.Decode(media.Mulaw, c.Mulaw) }

func TestWAVOfEachKindKeepsItsTone(t *testing.T) {
	for _, test := range []struct {
		name   string
		coding uint16
		rate   int
	}{
		{"pcm 8000", 1, 8000}, {"pcm 11025", 1, 11025}, {"pcm 12000", 1, 12000}, {"pcm 16000", 1, 16000},
		{"pcm 22050", 1, 22050}, {"pcm 24000", 1, 24000}, {"pcm 32000", 1, 32000}, {"pcm 44100", 1, 44100},
		{"pcm 48000", 1, 48000}, {"pcm 96000", 1, 96000}, {"alaw 8000", 6, 8000}, {"mulaw 8000", 7, 8000}, {"mulaw 16000", 7, 16000},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, hz := range []float64{300, 1000, 3000} {
				clip, err := media.ParseWAV(wav(test.coding, test.rate, hz))
				if err != nil {
					t.Fatal(err)
				}
				if d := clip.Duration(); d != time.Second {
					t.Errorf("%v Hz: duration %v, want 1s", hz, d)
				}
				if !mediatest.HasTone(heard(clip), 8000, hz) {
					t.Errorf("%v Hz is gone", hz)
				}
				if got := math.Sqrt(mediatest.Goertzel(heard(clip), 8000, hz)); got < 9000 || got > 11000 {
					t.Errorf("%v Hz has amplitude %.0f, want 10000", hz, got)
				}
			}
		})
	}
}

func TestStereoIsMixedDown(t *testing.T) {
	clip, err := media.ParseWAV(wav(1, 16000, 440, 1000))
	if err != nil {
		t.Fatal(err)
	}
	for _, hz := range []float64{440, 1000} {
		if got := math.Sqrt(mediatest.Goertzel(heard(clip), 8000, hz)); got < 4500 || got > 5500 {
			t.Errorf("%v Hz has amplitude %.0f, want 5000", hz, got)
		}
	}
}

func TestResamplingDoesNotFoldHighTonesDown(t *testing.T) {
	for _, rate := range []int{16000, 44100, 48000} {
		for _, hz := range []float64{4800, 6000, 7000} {
			clip, err := media.ParseWAV(wav(1, rate, hz))
			if err != nil {
				t.Fatal(err)
			}
			if p := math.Sqrt(mediatest.Power(heard(clip)[100:7900])); p > 100 { // -40 dB
				t.Errorf("%v Hz at %d leaves amplitude %.0f, want less than 100 of 10000", hz, rate, p)
			}
		}
	}
}

func TestWAVWithOtherChunksAndUnknownSizesIsRead(t *testing.T) {
	plain := wav(7, 8000, 440)
	data := plain[len(plain)-8000:]
	fmtChunk := chunk("fmt ", format(7, 1, 8000, 8))
	piped := append(append([]byte(nil), fmtChunk...), "data\xff\xff\xff\xff"...)
	extensible := append(format(0xFFFE, 1, 8000, 8), 22, 0, 8, 0, 4, 0, 0, 0, 7, 0)
	extensible = append(extensible, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	for _, test := range []struct {
		name string
		file []byte
	}{
		{"list before", riff(append(append(chunk("LIST", []byte("odd")), fmtChunk...), chunk("data", data)...))},
		{"list after", riff(append(append(append([]byte(nil), fmtChunk...), chunk("data", data)...), chunk("LIST", []byte("x"))...))},
		{"piped", riff(append(piped, data...))},
		{"extensible", riff(append(chunk("fmt ", extensible), chunk("data", data)...))},
	} {
		clip, err := media.ParseWAV(test.file)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if string(clip.Mulaw) != string(data) {
			t.Errorf("%s: the samples were changed", test.name)
		}
	}
}

func TestUnreadableWAVSaysWhatToDo(t *testing.T) {
	good := wav(1, 8000, 440)
	with := func(f []byte) []byte { return riff(append(chunk("fmt ", f), chunk("data", make([]byte, 960))...)) }
	for _, test := range []struct {
		name string
		file []byte
		say  string
	}{
		{"nothing", nil, "not a WAV"},
		{"mp3", []byte("ID3\x04 and so on and on"), "not a WAV"},
		{"no chunks", riff(nil), "no sound"},
		{"no data", riff(chunk("fmt ", format(1, 1, 8000, 16))), "no sound"},
		{"empty data", riff(append(chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", nil)...)), "no sound"},
		{"cut off", good[:len(good)-9], "cut off"},
		{"chunk too long", riff([]byte("LIST\xff\xff\xff\x7f")), "cut off"},
		{"short format", riff(append(chunk("fmt ", []byte{1, 0}), chunk("data", []byte{1, 2})...)), "format"},
		{"mp3 in wav", with(format(0x55, 1, 8000, 16)), "compressed"},
		{"float", with(format(3, 1, 8000, 32)), "compressed"},
		{"12 bits", with(format(1, 1, 8000, 12)), "samples"},
		{"16 bits of µ-law", with(format(7, 1, 8000, 16)), "samples"},
		{"6 channels", with(format(1, 6, 8000, 16)), "channels"},
		{"0 channels", with(format(1, 0, 8000, 16)), "channels"},
		{"0 Hz", with(format(1, 1, 0, 16)), "rate"},
		{"4 GHz", with(format(1, 1, math.MaxUint32, 16)), "rate"},
		{"7999 Hz", with(format(1, 1, 7999, 16)), "rate"},
		{"prime rate", with(format(1, 1, 44101, 16)), "rate"},
		{"11 minutes", riff(append(chunk("fmt ", format(7, 1, 8000, 8)), chunk("data", make([]byte, 11*60*8000))...)), "10 minutes"},
	} {
		_, err := media.ParseWAV(test.file)
		if sotto.KindOf(err) != sotto.Invalid || sotto.FieldOf(err) != "file" {
			t.Errorf("%s: error %v, want an invalid file", test.name, err)
			continue
		}
		if say := sotto.SayOf(err); !strings.Contains(say, test.say) || !strings.Contains(say, "Save it as WAV") {
			t.Errorf("%s: says %q, want it to say %q and what to do", test.name, say, test.say)
		}
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(wav(1, 8000, 440)[:500])
	f.Add(riff(append(chunk("fmt ", format(7, 1, 8000, 8)), chunk("data", []byte("sound"))...)))
	f.Add(riff(append(chunk("fmt ", format(6, 2, 16000, 8)), chunk("data", []byte("more sound"))...)))
	f.Add(riff(append(chunk("fmt ", format(1, 2, 44100, 16)), chunk("data", []byte("stereo sound"))...)))
	f.Add(riff(append(chunk("fmt ", format(0xFFFE, 1, 48000, 16)), "data\xff\xff\xff\xffabc"...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		clip, err := media.ParseWAV(b)
		if err != nil {
			if sotto.KindOf(err) != sotto.Invalid {
				t.Fatalf("kind %v", sotto.KindOf(err))
			}
			return
		}
		if len(clip.Mulaw) == 0 || len(clip.Mulaw) > len(b) {
			t.Fatalf("%d samples out of %d bytes", len(clip.Mulaw), len(b))
		}
	})
}

func TestToneHasItsFrequencyAndLength(t *testing.T) {
	for _, hz := range []float64{300, 440, 1000, 3000} {
		clip := media.Tone(hz, 500*time.Millisecond)
		if clip.Duration() != 500*time.Millisecond || !mediatest.HasTone(heard(clip), 8000, hz) {
			t.Errorf("Tone(%v) is another", hz)
		}
	}
	if n := len(media.Tone(440, -time.Second).Mulaw); n != 0 {
		t.Errorf("a tone of negative length has %d samples", n)
	}
}
