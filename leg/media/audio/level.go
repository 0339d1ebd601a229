package audio

import (
	"math"

	"sotto/leg/media"
)

const (
	// Target is how loud every prompt is, in LUFS: what a voice of a telephone
	// call has, so that prompts and people are alike.
	Target = -20.0
	// Ceiling is the highest true peak, in dB of full scale.
	Ceiling = -2.0
	// quietest is the loudness below which a file holds nothing but noise.
	quietest = -60.0
)

// level brings sound at 8 kHz to Target with its true peaks below Ceiling,
// and returns the gain in dB.
func level(pcm []int16) ([]int16, float64, error) {
	x := withoutDC(toFloat(pcm))
	was := loudness(x, media.SampleRate)
	if was < quietest {
		return nil, 0, refuse("The file is silent, or too quiet to be understood. Record it louder.")
	}
	gain := Target - was
	var out []float64
	// The limiter takes loudness away; what it takes is added before it, up to
	// 6 dB more.
	for range 4 {
		out = limited(x, math.Pow(10, gain/20))
		miss := Target - loudness(out, media.SampleRate)
		if math.Abs(miss) < 0.1 || gain+miss > Target-was+6 {
			break
		}
		gain += miss
	}
	is := make([]int16, len(out))
	for i, v := range out {
		is[i] = clamp(v * 32768)
	}
	return is, gain, nil
}

// withoutDC takes a constant away, slowly enough to leave all that is heard.
func withoutDC(x []float64) []float64 {
	out := make([]float64, len(x))
	var before, y float64
	for i, v := range x {
		y = v - before + 0.995*y
		before, out[i] = v, y
	}
	return out
}

// reach is how far the limiter looks ahead and behind: 5 ms.
const reach = media.SampleRate / 200

// limited multiplies by gain and lowers, smoothly, the places around true
// peaks above Ceiling.
func limited(x []float64, gain float64) []float64 {
	ceiling := math.Pow(10, Ceiling/20)
	n := len(x)
	need := make([]float64, n)
	for i, p := range peaks(x) {
		need[i] = min(1, ceiling/max(p*gain, 1e-9))
	}
	// The least of a window, then the mean of one as wide: below need
	// everywhere, and without edges.
	least := make([]float64, n)
	for i := range least {
		least[i] = 1
	}
	for i, v := range need {
		if v == 1 {
			continue
		}
		for j := max(0, i-reach); j <= min(n-1, i+reach); j++ {
			least[j] = min(least[j], v)
		}
	}
	out := make([]float64, n)
	sum, at := 0.0, func(i int) float64 { return least[min(max(i, 0), n-1)] }
	for j := -reach; j <= reach; j++ {
		sum += at(j)
	}
	for i, v := range x {
		out[i] = v * gain * sum / (2*reach + 1)
		sum += at(i+reach+1) - at(i-reach)
	}
	return out
}

// peaks returns, for each sample, the highest level at it and up to the next
// one: the signal is read at four times its rate (ITU-R BS.1770-4 annex 2).
func peaks(x []float64) []float64 {
	const half = 16
	var table [4][2 * half]float64
	for phase := range table {
		for k := range table[phase] {
			d := float64(k-half+1) - float64(phase)/4
			w := 0.5 + 0.5*math.Cos(math.Pi*d/(half+1))
			table[phase][k] = w
			if d != 0 {
				table[phase][k] = w * math.Sin(math.Pi*d) / (math.Pi * d)
			}
		}
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Abs(v)
		for phase := 1; phase < 4; phase++ {
			sum := 0.0
			for k, c := range table[phase] {
				if j := i - half + 1 + k; j >= 0 && j < len(x) {
					sum += c * x[j]
				}
			}
			out[i] = max(out[i], math.Abs(sum))
		}
	}
	return out
}

// TruePeak is the highest true peak of samples at 8 kHz, in dB of full scale
// (ITU-R BS.1770-4 annex 2).
func TruePeak(pcm []int16) float64 {
	highest := 0.0
	for _, p := range peaks(toFloat(pcm)) {
		highest = max(highest, p)
	}
	return 20 * math.Log10(highest)
}
