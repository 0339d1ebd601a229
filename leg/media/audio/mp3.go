package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/hajimehoshi/go-mp3"

	"sotto/leg/media"
)

// readMP3 decodes an MPEG audio file of layer III. The frames are walked
// first: the decoder takes a file that was cut off for a shorter one.
func readMP3(b []byte) (media.PCM, error) {
	stream, rate, samples, err := walkMP3(b)
	if err != nil {
		return media.PCM{}, err
	}
	// Without Seek the decoder does not walk the file once more.
	d, err := mp3.NewDecoder(struct{ io.Reader }{bytes.NewReader(stream)})
	if err != nil {
		return media.PCM{}, refuse("The MP3 file is damaged." + how)
	}
	out := make([]int16, 0, samples)
	buf := make([]byte, 4096)
	for len(out) < samples {
		n, err := io.ReadFull(d, buf)
		for i := 0; i+4 <= n; i += 4 { // always two channels
			left, right := int(int16(binary.LittleEndian.Uint16(buf[i:]))), int(int16(binary.LittleEndian.Uint16(buf[i+2:])))
			out = append(out, int16((left+right)/2))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return media.PCM{}, refuse("The MP3 file is damaged." + how)
		}
	}
	return media.PCM{Rate: rate, Samples: out}, nil
}

// walkMP3 finds the frames between the tags, and what they hold.
func walkMP3(b []byte) (stream []byte, rate, samples int, err error) {
	if bytes.HasPrefix(b, []byte("ID3")) {
		if len(b) < 10 {
			return nil, 0, 0, errCut()
		}
		size := 10 + (int(b[6]&0x7F)<<21 | int(b[7]&0x7F)<<14 | int(b[8]&0x7F)<<7 | int(b[9]&0x7F))
		if b[5]&0x10 != 0 {
			size += 10 // a footer
		}
		if size > len(b) {
			return nil, 0, 0, errCut()
		}
		b = b[size:]
	}
	b = bytes.TrimLeft(b, "\x00")
	at := 0
	for at+4 <= len(b) {
		f, ok := parseMP3Frame(b[at:])
		if !ok {
			break
		}
		if rate != 0 && f.rate != rate {
			return nil, 0, 0, refuse("The sample rate changes within the MP3 file." + how)
		}
		if at+f.size > len(b) {
			return nil, 0, 0, errCut()
		}
		rate, samples, at = f.rate, samples+f.samples, at+f.size
		if samples > int(MaxLength/time.Second)*rate {
			return nil, 0, 0, refuse("The recording is longer than 10 minutes; make it shorter.")
		}
	}
	rest := bytes.TrimLeft(b[at:], "\x00")
	switch {
	case rate == 0:
		return nil, 0, 0, refuse("This MP3 file cannot be read here: only MPEG-1 layer III of 32000, 44100 or 48000 Hz can." + how)
	case len(rest) > 0 && !bytes.HasPrefix(rest, []byte("TAG")) && !bytes.HasPrefix(rest, []byte("APETAGEX")) && !bytes.HasPrefix(rest, []byte("LYRICSBEGIN")):
		return nil, 0, 0, refuse("The MP3 file is damaged or was cut off. Upload it again.")
	}
	return b[:at], rate, samples, nil
}

func errCut() error {
	return refuse("The file ends before its sound does; it was cut off. Upload it again.")
}

type mp3Frame struct{ size, rate, samples int }

// parseMP3Frame reads a frame header of MPEG-1, layer III (ISO/IEC 11172-3
// 2.4.2.3). MPEG-2, below 32 kHz, is not read: the decoder makes noise of it.
func parseMP3Frame(b []byte) (f mp3Frame, ok bool) {
	h := binary.BigEndian.Uint32(b)
	rates := [3]int{44100, 48000, 32000}
	kbit := [15]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
	bits, speed := h>>12&15, h>>10&3
	if h>>17 != 0x7FFD || bits == 0 || bits == 15 || speed == 3 {
		return f, false
	}
	f.rate, f.samples = rates[speed], 1152
	f.size = 144*kbit[bits]*1000/f.rate + int(h>>9&1)
	return f, true
}
