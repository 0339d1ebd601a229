package media

import (
	"encoding/binary"
	"math"
	"time"

	"sotto"
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

// The WAV codings we read (RFC 2361 A).
const (
	wavPCM        = 0x0001
	wavAlaw       = 0x0006
	wavMulaw      = 0x0007
	wavExtensible = 0xFFFE
)

// maxClip is the longest prompt.
const maxClip = 10 * time.Minute

// wavHow ends every complaint about a file.
const wavHow = " Save it as WAV, 16-bit PCM, mono, at 8000 or 16000 Hz."

// wavFormat is the content of a fmt chunk.
type wavFormat struct {
	coding   uint16
	channels int
	rate     int
	bits     int
}

// PCM is sound of one channel, as 16-bit samples.
type PCM struct {
	Rate    int // samples a second
	Samples []int16
}

// At8000 returns the sound at the telephone's rate. Rate is at least 8000 and
// one that ReadWAV takes.
func (p PCM) At8000() []int16 { return resample(p.Samples, p.Rate) }

// Reads reports whether sound of a sample rate can be brought to 8000 Hz here.
func Reads(rate int) bool { return rate >= SampleRate && rate <= 96000 && phases(rate) <= maxPhases }

// ClipOf makes a prompt of samples at 8000 Hz.
func ClipOf(samples []int16) Clip { return clipOf(samples) }

// PCM returns the samples of the clip.
func (c Clip) PCM() []int16 {
	out := make([]int16, len(c.Mulaw))
	for i, b := range c.Mulaw {
		out[i] = DecodeMulaw(b)
	}
	return out
}

// ParseWAV reads a prompt from a WAV file as ReadWAV does, at 8 kHz. A µ-law
// file of 8 kHz mono is taken as it is.
func ParseWAV(b []byte) (Clip, error) {
	format, data, count, err := openWAV(b)
	if err != nil {
		return Clip{}, err
	}
	if format.coding == wavMulaw && format.channels == 1 && format.rate == SampleRate {
		return Clip{Mulaw: append([]byte(nil), data[:count]...)}, nil
	}
	return clipOf(resample(format.decode(data, count), format.rate)), nil
}

// ReadWAV reads a WAV file: PCM of 8, 16, 24 or 32 bits, µ-law or A-law, mono
// or stereo (mixed down), 8000 to 96000 Hz, ten minutes at most. It fails
// with sotto.Invalid and a sentence that says how to save the file instead.
func ReadWAV(b []byte) (PCM, error) {
	format, data, count, err := openWAV(b)
	if err != nil {
		return PCM{}, err
	}
	return PCM{Rate: format.rate, Samples: format.decode(data, count)}, nil
}

// openWAV finds the sound in a file, and how many samples of each channel.
func openWAV(b []byte) (format wavFormat, data []byte, count int, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return format, nil, 0, badWAV("This is not a WAV file.")
	}
	if format, data, err = chunks(b[12:]); err != nil {
		return format, nil, 0, err
	}
	if err := format.check(); err != nil {
		return format, nil, 0, err
	}
	count = len(data) / (format.channels * format.bits / 8)
	if count == 0 {
		return format, nil, 0, badWAV("The file holds no sound.")
	}
	if int64(count) > int64(maxClip/time.Second)*int64(format.rate) {
		return format, nil, 0, badWAV("The recording is longer than 10 minutes; make it shorter.")
	}
	return format, data, count, nil
}

func badWAV(say string) error { return sotto.FailField("file", say+wavHow) }

// chunks finds the format and the sound among the chunks of a WAV file.
func chunks(b []byte) (format wavFormat, data []byte, err error) {
	haveFormat := false
	for len(b) >= 8 {
		name, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if name == "data" && haveFormat {
			// A program that wrote to a pipe could not know the size.
			if size == 0xFFFFFFFF || size == 0 || size == 0x7FFFFFFF {
				size = int64(len(b))
			}
			if size > int64(len(b)) {
				return format, nil, badWAV("The file ends before its sound does; it was cut off. Upload it again.")
			}
			return format, b[:size], nil
		}
		if size > int64(len(b)) {
			return format, nil, badWAV("The file is cut off or damaged.")
		}
		if name == "fmt " {
			if format, err = parseFormat(b[:size]); err != nil {
				return format, nil, err
			}
			haveFormat = true
		}
		b = b[min(size+size&1, int64(len(b))):]
	}
	return format, nil, badWAV("The file holds no sound.")
}

func parseFormat(b []byte) (wavFormat, error) {
	if len(b) < 16 {
		return wavFormat{}, badWAV("The file's format cannot be read.")
	}
	f := wavFormat{
		coding:   binary.LittleEndian.Uint16(b),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(min(binary.LittleEndian.Uint32(b[4:]), math.MaxInt32)),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.coding == wavExtensible && len(b) >= 26 {
		f.coding = binary.LittleEndian.Uint16(b[24:])
	}
	return f, nil
}

func (f wavFormat) check() error {
	switch {
	case f.coding != wavPCM && f.coding != wavMulaw && f.coding != wavAlaw:
		return badWAV("The file is compressed in a way that cannot be read here.")
	case f.coding == wavPCM && f.bits != 8 && f.bits != 16 && f.bits != 24 && f.bits != 32, f.coding != wavPCM && f.bits != 8:
		return badWAV("The samples have a size that cannot be read here.")
	case f.channels != 1 && f.channels != 2:
		return badWAV("The file has more than two channels, or none.")
	case !Reads(f.rate):
		return badWAV("The sample rate cannot be read here.")
	}
	return nil
}

// decode returns count samples, mixed down to one channel.
func (f wavFormat) decode(data []byte, count int) []int16 {
	pcm := make([]int16, count)
	for i := range pcm {
		sum := 0
		for c := range f.channels {
			switch at := i*f.channels + c; f.coding {
			case wavPCM:
				sum += f.linear(data, at)
			case wavAlaw:
				sum += int(DecodeAlaw(data[at]))
			default:
				sum += int(DecodeMulaw(data[at]))
			}
		}
		pcm[i] = int16(sum / f.channels)
	}
	return pcm
}

// linear reads the 16 highest bits of a PCM sample. 8 bits have no sign.
func (f wavFormat) linear(data []byte, at int) int {
	if f.bits == 8 {
		return (int(data[at]) - 128) << 8
	}
	width := f.bits / 8
	return int(int16(binary.LittleEndian.Uint16(data[at*width+width-2:])))
}

const (
	// maxPhases bounds the filter table; 11025 Hz needs 320.
	maxPhases = 640
	// lobes is how many zero crossings of the sinc lie on each side.
	lobes = 24
	// passband is the part of 4 kHz that is kept: 3.7 kHz, above the
	// telephone's 3.4.
	passband = 0.925
)

// phases is how many different places an output sample takes between two
// input samples.
func phases(rate int) int {
	a, b := rate, SampleRate
	for b != 0 {
		a, b = b, a%b
	}
	return SampleRate / a
}

// resample brings pcm from rate, at least 8000, to 8000 by a low-pass and
// interpolation in one: a sinc under a Blackman window, one set of
// coefficients for each phase.
func resample(pcm []int16, rate int) []int16 {
	if rate == SampleRate {
		return pcm
	}
	n := phases(rate)
	step := rate * n / SampleRate // in units of 1/n input sample
	ratio := float64(rate) / SampleRate
	half := int(math.Ceil(lobes * ratio))
	table := make([][]float64, n)
	for phase := range table {
		table[phase] = lowPass(float64(phase)/float64(n), half, passband/ratio)
	}
	out := make([]int16, (len(pcm)*n+step-1)/step)
	for i := range out {
		at, phase := i*step/n, i*step%n
		sum := 0.0
		first := at - half + 1
		for k, c := range table[phase] {
			if j := first + k; j >= 0 && j < len(pcm) {
				sum += c * float64(pcm[j])
			}
		}
		out[i] = int16(math.Round(max(-32768, min(32767, sum))))
	}
	return out
}

// lowPass makes the coefficients for an output sample that lies fraction of
// an input sample after the one at index half-1. cut is relative to half the
// input rate.
func lowPass(fraction float64, half int, cut float64) []float64 {
	c := make([]float64, 2*half)
	total := 0.0
	for k := range c {
		x := float64(k-half+1) - fraction
		w := x / float64(half)
		if w <= -1 || w >= 1 {
			continue
		}
		c[k] = 0.42 + 0.5*math.Cos(math.Pi*w) + 0.08*math.Cos(2*math.Pi*w)
		if y := math.Pi * x * cut; y != 0 {
			c[k] *= math.Sin(y) / y
		}
		total += c[k]
	}
	for k := range c {
		c[k] /= total
	}
	return c
}

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
