// Package audio reads the sound files of administrators and makes prompts of
// them: WAV, MP3 and Ogg Opus, brought to 8 kHz and to one loudness, so that
// no line is louder than the next.
//
// It owns nothing and keeps nothing. Package line calls it with files from
// outside: whatever their bytes are, it returns or refuses with a sentence
// that says what to do, and never more than ten minutes of sound.
package audio

import (
	"bytes"
	"fmt"
	"time"

	"sotto"
	"sotto/leg/media"
)

const (
	// MaxBytes is the largest file: ten minutes of stereo WAV at 48 kHz.
	MaxBytes = 120 << 20
	// MaxLength is the longest sound.
	MaxLength = 10 * time.Minute
	// minLength is the shortest sound a person can hear as one.
	minLength = 50 * time.Millisecond
)

// Sound is a file as callers will hear it.
type Sound struct {
	Clip media.Clip
	// Loudness is of the clip, in LUFS (ITU-R BS.1770); Gain is what was added
	// to bring it there, in dB.
	Loudness, Gain float64
}

// Read reads a sound file and levels it. It fails with sotto.Invalid, field
// "file", and a sentence for the person who sent it.
func Read(b []byte) (s Sound, err error) {
	if len(b) > MaxBytes {
		return s, refuse("The file is too large. A sound is at most ten minutes.")
	}
	// The decoders are other people's code, and the bytes are anybody's.
	defer func() {
		if p := recover(); p != nil {
			s, err = Sound{}, &sotto.Error{Kind: sotto.Invalid, Field: "file", Say: "The file is damaged." + how, Cause: fmt.Errorf("decoder panicked: %T", p)}
		}
	}()
	pcm, err := decode(b)
	if err != nil {
		return s, err
	}
	at := pcm.At8000()
	if time.Duration(len(at))*time.Second/media.SampleRate < minLength {
		return s, refuse("The file holds no sound, or hardly any.")
	}
	out, gain, err := level(at)
	if err != nil {
		return s, err
	}
	s.Clip, s.Gain = media.ClipOf(out), gain
	s.Loudness = Loudness(s.Clip.PCM())
	return s, nil
}

// how ends complaints that another way to save the file would help with.
const how = " Save it as WAV (16-bit PCM, mono, 8000 to 48000 Hz), MP3 or Ogg Opus."

func refuse(say string) error { return sotto.FailField("file", say) }

func decode(b []byte) (media.PCM, error) {
	has := func(at int, magic string) bool { return len(b) >= at && bytes.HasPrefix(b[at:], []byte(magic)) }
	switch {
	case has(0, "RIFF"):
		return media.ReadWAV(b)
	case has(0, "OggS"):
		return readOpus(b)
	case has(0, "ID3"), len(b) > 1 && b[0] == 0xFF && b[1]&0xE0 == 0xE0:
		return readMP3(b)
	case has(0, "fLaC"):
		return media.PCM{}, refuse("This is a FLAC file, which cannot be read here." + how)
	case has(4, "ftyp"):
		return media.PCM{}, refuse("This is an MP4 or M4A file with AAC sound, which cannot be read here." + how)
	case has(0, "\x1A\x45\xDF\xA3"):
		return media.PCM{}, refuse("This is a WebM or Matroska file, which cannot be read here." + how)
	}
	return media.PCM{}, refuse("This is not a WAV, MP3 or Ogg Opus file." + how)
}
