package audio

import (
	"math"

	"sotto/leg/media"
)

// biquad is a filter of second order, in direct form.
type biquad struct {
	b0, b1, b2, a1, a2 float64
	x1, x2, y1, y2     float64
}

func (f *biquad) step(x float64) float64 {
	y := f.b0*x + f.b1*f.x1 + f.b2*f.x2 - f.a1*f.y1 - f.a2*f.y2
	f.x2, f.x1, f.y2, f.y1 = f.x1, x, f.y1, y
	return y
}

// kWeighting are the two filters of ITU-R BS.1770 for a sample rate: the
// shelf of the head and the high-pass. The standard gives coefficients for
// 48 kHz only; these are the analogue filters behind them, by the bilinear
// transform.
func kWeighting(rate float64) (shelf, high biquad) {
	k := math.Tan(math.Pi * 1681.974450955533 / rate)
	const q, gain = 0.7071752369554196, 3.999843853973347
	vh := math.Pow(10, gain/20)
	vb := math.Pow(vh, 0.4996667741545416)
	a0 := 1 + k/q + k*k
	shelf = biquad{
		b0: (vh + vb*k/q + k*k) / a0, b1: 2 * (k*k - vh) / a0, b2: (vh - vb*k/q + k*k) / a0,
		a1: 2 * (k*k - 1) / a0, a2: (1 - k/q + k*k) / a0,
	}
	k = math.Tan(math.Pi * 38.13547087602444 / rate)
	const q2 = 0.5003270373238773
	a0 = 1 + k/q2 + k*k
	high = biquad{b0: 1, b1: -2, b2: 1, a1: 2 * (k*k - 1) / a0, a2: (1 - k/q2 + k*k) / a0}
	return shelf, high
}

// Loudness is the integrated loudness of samples at 8 kHz, one channel, in
// LUFS (ITU-R BS.1770-4): K-weighted, in blocks of 400 ms that overlap by three
// quarters, gated at -70 LUFS and at 10 LU below what is left. Silence is
// minus infinity.
func Loudness(pcm []int16) float64 { return loudness(toFloat(pcm), media.SampleRate) }

func loudness(x []float64, rate int) float64 {
	shelf, high := kWeighting(float64(rate))
	step := rate / 10
	sums := make([]float64, (len(x)+step-1)/step) // energy of each 100 ms
	for i, v := range x {
		y := high.step(shelf.step(v))
		sums[i/step] += y * y
	}
	var blocks []float64
	for i := 0; i+4 <= len(x)/step; i++ {
		blocks = append(blocks, (sums[i]+sums[i+1]+sums[i+2]+sums[i+3])/float64(4*step))
	}
	if len(blocks) == 0 { // shorter than a block
		total := 0.0
		for _, s := range sums {
			total += s
		}
		blocks = []float64{total / float64(max(1, len(x)))}
	}
	quiet := gated(blocks, -70)
	return lufs(gated(blocks, lufs(quiet)-10))
}

// gated is the mean of the blocks that are louder than a threshold in LUFS;
// 0 when none is.
func gated(blocks []float64, threshold float64) float64 {
	sum, n := 0.0, 0
	for _, b := range blocks {
		if lufs(b) > threshold && lufs(b) > -70 {
			sum, n = sum+b, n+1
		}
	}
	return sum / float64(max(1, n))
}

func lufs(power float64) float64 { return -0.691 + 10*math.Log10(power) }

func toFloat(pcm []int16) []float64 {
	x := make([]float64, len(pcm))
	for i, v := range pcm {
		x[i] = float64(v) / 32768
	}
	return x
}
