package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"time"

	"github.com/pion/opus"
	"github.com/pion/opus/pkg/oggreader"

	"sotto/leg/media"
)

// opusRate is the rate Opus counts in (RFC 7845 4).
const opusRate = 48000

// readOpus decodes an Ogg Opus file of one or two channels. RFC 7845
func readOpus(b []byte) (media.PCM, error) {
	r, head, err := oggreader.NewWith(bytes.NewReader(b))
	if err != nil {
		return media.PCM{}, refuse("This Ogg file holds no Opus sound, or is damaged." + how)
	}
	if head.ChannelMap != 0 || head.Channels < 1 || head.Channels > 2 {
		return media.PCM{}, refuse("The file has more than two channels." + how)
	}
	d, err := opus.NewDecoderWithOutput(opusRate, 1)
	if err != nil {
		return media.PCM{}, err
	}
	if _, _, err := r.ParseNextPacket(); err != nil { // the comment header
		return media.PCM{}, errCut()
	}
	out, length, err := decodeOpus(r, &d)
	if err != nil {
		return media.PCM{}, err
	}
	// The granule position of the last page says how many samples there are,
	// from before the pre-skip on (RFC 7845 4.4).
	if length == 0 || length > uint64(len(out)) {
		return media.PCM{}, errCut()
	}
	out = out[min(int(head.PreSkip), int(length)):length]
	gain := math.Pow(10, float64(int16(head.OutputGain))/256/20) // RFC 7845 5.1
	pcm := make([]int16, len(out))
	for i, v := range out {
		pcm[i] = clamp(float64(v) * gain * 32767)
	}
	return media.PCM{Rate: opusRate, Samples: pcm}, nil
}

// decodeOpus decodes every packet and returns the last page's position.
func decodeOpus(r *oggreader.OggReader, d *opus.Decoder) (out []float32, length uint64, err error) {
	frame := make([]float32, opusRate*120/1000) // a packet is at most 120 ms
	for {
		packet, page, err := r.ParseNextPacket()
		if errors.Is(err, io.EOF) {
			return out, length, nil
		}
		if err != nil {
			return nil, 0, errCut()
		}
		n, err := d.DecodeToFloat32(packet, frame)
		if err != nil || n > len(frame) {
			return nil, 0, refuse("The Opus sound is damaged." + how)
		}
		if out = append(out, frame[:n]...); len(out) > int(MaxLength/time.Second+1)*opusRate {
			return nil, 0, refuse("The recording is longer than 10 minutes; make it shorter.")
		}
		if page.GranulePosition != math.MaxUint64 { // no packet ends on that page
			length = page.GranulePosition
		}
	}
}

// clamp makes a 16-bit sample.
func clamp(v float64) int16 {
	return int16(math.Round(max(-32768, min(32767, v))))
}
