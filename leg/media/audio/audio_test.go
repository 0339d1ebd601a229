package audio

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sine makes samples of a sine, in dB of full scale.
func sine(rate int, hz, dB float64, d time.Duration) []int16 {
	out := make([]int16, int(d.Seconds()*float64(rate)))
	for i := range out {
		out[i] = int16(32767 * math.Pow(10, dB/20) * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return out
}

// wavOf writes PCM as WAV files have it.
func wavOf(samples []int16, rate, channels, bits int) []byte {
	var data []byte
	for _, v := range samples {
		for range channels {
			switch bits {
			case 8:
				data = append(data, byte(int(v)>>8+128))
			case 24:
				data = append(data, 0, byte(v), byte(v>>8))
			case 32:
				data = append(data, 0, 0, byte(v), byte(v>>8))
			default:
				data = binary.LittleEndian.AppendUint16(data, uint16(v))
			}
		}
	}
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 16, 0, 0, 0, 1, 0, byte(channels), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = append(b, byte(channels*bits/8), 0, byte(bits), 0)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(len(data)))
	return append(b, data...)
}

func TestFilesOfEveryKindAreReadAsTheSameTone(t *testing.T) {
	files := map[string][]byte{"µ-law": media.Tone(1000, time.Second).WAV()}
	for _, name := range []string{"tone44.mp3", "tonevbr.mp3", "tone48.opus", "tonespeech.opus", "tonehybrid.opus"} {
		files[name] = file(t, name)
	}
	for _, rate := range []int{8000, 11025, 16000, 22050, 32000, 44100, 48000} {
		for _, bits := range []int{8, 16, 24, 32} {
			files[strings.Join([]string{"wav", string(rune('0' + bits/8)), string(rune('a' + rate/8000))}, "")] = wavOf(sine(rate, 1000, -24, time.Second), rate, 1+bits/8%2, bits)
		}
	}
	for name, b := range files {
		s, err := Read(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l := s.Clip.Duration(); l < 980*time.Millisecond || l > 1120*time.Millisecond {
			t.Errorf("%s plays %v", name, l)
		}
		pcm := s.Clip.PCM()
		if !mediatest.HasTone(pcm[1000:7000], media.SampleRate, 1000) {
			t.Errorf("%s is not the tone", name)
		}
		if math.Abs(s.Loudness-Target) > 0.5 {
			t.Errorf("%s is at %.1f LUFS, want %.1f", name, s.Loudness, Target)
		}
	}
}

func TestSpeechIsBroughtToTheTarget(t *testing.T) {
	for _, name := range []string{"said.mp3", "said.opus"} {
		s, err := Read(file(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		if peak := TruePeak(s.Clip.PCM()); peak > Ceiling+0.4 {
			t.Errorf("%s peaks at %.2f dB, want at most %.1f", name, peak, Ceiling)
		}
		if math.Abs(s.Loudness-Target) > 0.7 {
			t.Errorf("%s is at %.1f LUFS, want %.1f (gain %.1f dB)", name, s.Loudness, Target, s.Gain)
		}
		if l := s.Clip.Duration(); l < 1500*time.Millisecond || l > 3*time.Second {
			t.Errorf("%s plays %v", name, l)
		}
	}
}

func TestLoudnessIsWhatTheStandardSays(t *testing.T) {
	// EBU Tech 3341: a sine of 1 kHz at -23 dBFS in one channel reads -26 LUFS
	// (the -23 of its test are two channels).
	if got := loudness(toFloat(sine(48000, 1000, -23, 5*time.Second)), 48000); math.Abs(got+26) > 0.1 {
		t.Errorf("at 48 kHz: %.2f LUFS, want -26", got)
	}
	if got := Loudness(sine(8000, 1000, -23, 5*time.Second)); math.Abs(got+26) > 0.2 {
		t.Errorf("at 8 kHz: %.2f LUFS, want -26", got)
	}
	// The gate leaves silence out: half of it silent reads the same.
	half := append(sine(8000, 1000, -23, 5*time.Second), make([]int16, 40000)...)
	if got := Loudness(half); math.Abs(got+26) > 0.3 {
		t.Errorf("with silence: %.2f LUFS, want -26", got)
	}
	if got := Loudness(make([]int16, 8000)); !math.IsInf(got, -1) {
		t.Errorf("silence: %v", got)
	}
	// The weighting: low tones count less.
	if low, mid := Loudness(sine(8000, 60, -23, 2*time.Second)), Loudness(sine(8000, 1000, -23, 2*time.Second)); low > mid-2 {
		t.Errorf("60 Hz reads %.1f, 1 kHz %.1f", low, mid)
	}
}

func TestTruePeakIsFoundBetweenSamples(t *testing.T) {
	// A quarter of the rate, shifted by an eighth: no sample is at the peak.
	x := make([]int16, 8000)
	for i := range x {
		x[i] = int16(16384 * math.Sin(math.Pi/2*float64(i)+math.Pi/4))
	}
	if got := TruePeak(x); math.Abs(got+6.02) > 0.3 {
		t.Errorf("true peak %.2f dB, want -6 (the samples' is -9)", got)
	}
}

func TestLimiterHoldsTheCeilingAndTheLoudness(t *testing.T) {
	// Quiet speech-like sound with a click ten times as high each half second.
	x := sine(8000, 500, -30, 4*time.Second)
	for i := 0; i < len(x); i += 4000 {
		for j := range 8 {
			x[i+j] = 20000
		}
	}
	s, err := Read(wavOf(x, 8000, 1, 16))
	if err != nil {
		t.Fatal(err)
	}
	if peak := TruePeak(s.Clip.PCM()); peak > Ceiling+0.4 {
		t.Errorf("peaks at %.2f dB", peak)
	}
	if math.Abs(s.Loudness-Target) > 1 {
		t.Errorf("%.1f LUFS, want %.1f", s.Loudness, Target)
	}
}

func TestLoudAndQuietFilesEndUpAlike(t *testing.T) {
	for _, dB := range []float64{-50, -30, -10, -0.1} {
		s, err := Read(wavOf(sine(16000, 800, dB, 2*time.Second), 16000, 1, 16))
		if err != nil || math.Abs(s.Loudness-Target) > 0.5 {
			t.Errorf("%v dB becomes %.1f LUFS, %v", dB, s.Loudness, err)
		}
	}
}

func TestFilesThatCannotBeReadAreRefusedWithASentence(t *testing.T) {
	whole := map[string][]byte{"mp3": file(t, "tone44.mp3"), "opus": file(t, "tone48.opus"), "wav": wavOf(sine(8000, 1000, -20, time.Second), 8000, 1, 16)}
	cases := map[string]struct {
		b    []byte
		says string
	}{
		"empty":         {nil, "not a WAV"},
		"text":          {[]byte("hello"), "not a WAV"},
		"flac":          {[]byte("fLaC\x00\x00\x00\x22"), "FLAC"},
		"m4a":           {[]byte("\x00\x00\x00\x20ftypM4A "), "AAC"},
		"webm":          {[]byte("\x1A\x45\xDF\xA3"), "WebM"},
		"vorbis":        {[]byte("OggS\x00\x02" + strings.Repeat("\x00", 40)), "Opus"},
		"silence":       {wavOf(make([]int16, 8000), 8000, 1, 16), "silent"},
		"a click":       {wavOf(make([]int16, 80), 8000, 1, 16), "hardly any"},
		"slow":          {wavOf(sine(6000, 1000, -20, time.Second), 6000, 1, 16), "sample rate"},
		"12 bits":       {wavOf(sine(8000, 1000, -20, time.Second), 8000, 1, 12), "samples"},
		"too long":      {wavOf(make([]int16, 8000*601), 8000, 1, 16), "10 minutes"},
		"an ID3 alone":  {[]byte("ID3\x04\x00\x00\x00\x00\x00\x01\x00"), "MP3"},
		"an ID3 cut":    {[]byte("ID3\x04\x00\x00\x7F\x7F\x7F\x7F"), "cut off"},
		"mp3 of 22 kHz": {file(t, "tone22.mp3"), "32000"},
		"mp3 and more":  {append(append([]byte(nil), whole["mp3"]...), "garbage at the end"...), "damaged"},
	}
	for kind, b := range whole {
		for _, part := range []int{3, 5, 7} {
			cases[kind+" cut "+string(rune('0'+part))] = struct {
				b    []byte
				says string
			}{b[:len(b)*part/8], "cut off"}
		}
	}
	for name, c := range cases {
		_, err := Read(c.b)
		if sotto.KindOf(err) != sotto.Invalid || sotto.FieldOf(err) != "file" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want a sentence with %q", name, err, c.says)
		}
	}
}

// FuzzRead feeds what an administrator may upload: whatever the bytes are, it
// is a prompt of at most ten minutes or a sentence about the file.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"tone44.mp3", "tonespeech.opus", "tonehybrid.opus", "said.mp3"} {
		b := file(f, name)
		f.Add(b[:min(len(b), 3000)])
	}
	f.Add(file(f, "tonespeech.opus"))
	f.Add(wavOf(sine(8000, 1000, -20, 100*time.Millisecond), 8000, 2, 24))
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00"))
	f.Add([]byte{0xFF, 0xFB, 0x90, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Read(b)
		if err != nil {
			if sotto.KindOf(err) != sotto.Invalid || sotto.FieldOf(err) != "file" {
				t.Fatalf("refused as %v: %v", sotto.KindOf(err), err)
			}
			return
		}
		if l := s.Clip.Duration(); l < minLength || l > MaxLength+time.Second {
			t.Errorf("plays %v", l)
		}
	})
}
