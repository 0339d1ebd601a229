// Package canary proves that a desk forgets. It invents people each of whose
// words is unique, and finds fragments of those words in raw bytes, in every
// form a copy could have: plain, reversed, UTF-16, hexadecimal, base64, the
// national and the international form of a number, the samples of a voice.
//
// It is the auditor of packages erasure and privacy and shares no code with
// them. Its tests fill every place the catalogue declares, ask for access,
// erase half of the people while the process is killed, restore a backup, and
// search every byte. SOTTO_CANARIES says how many people they invent.
package canary

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"

	"sotto"
	"sotto/leg/media"
)

// Place is where a word of a person is put.
type Place uint8

// The places. Each stands for one kind of value of the desk.
const (
	Name       Place = iota // what the person is called
	Notes                   // what agents must know
	Details                 // what the person told about itself
	External                // the number in another system
	Email                   // the part before the @
	Phone                   // digits
	Subject                 // of the ticket
	Body                    // of the public comment
	Private                 // of the agent's note
	FileName                // of the attachment
	File                    // in the attachment
	UploadName              // of the file that waits to be put on a comment
	Upload                  // in it
	Texted                  // in the text the person sent
	Replied                 // in the text an agent answered with
	CallerName              // what the network calls the caller
	Statement               // bound to the recording
	Contact                 // where a telephone registered: staff only
	Device                  // the telephone's password, made by the desk: staff only
	Voice                   // sound
	places
)

// String names the place for a report.
func (p Place) String() string {
	names := [places]string{
		"name", "notes", "details", "external id", "e-mail", "phone", "subject", "comment", "private comment", "file name", "file",
		"upload name", "upload", "text", "answer to the text", "caller name", "statement", "contact", "telephone password", "voice",
	}
	if p >= places {
		return "nowhere"
	}
	return names[p]
}

// letters are those of words: none of them is a hexadecimal digit, so that no
// word can stand in a hash by chance.
const letters = "ghijklmnopqrstuvwxyz"

const (
	wordLength  = 12 // five fragments of eight
	voiceLength = 16 // samples until a voice repeats itself
	// The country code and 13 digits: longer than any number that was given
	// out, as long as one may be (ITU-T E.164 6.1). See digitsWide.
	country  = "49"
	national = 13
)

// Person is somebody invented.
type Person struct {
	Index int
	Staff bool
	Words [places]string // "" where this person has none

	// What the desk gave the person; not invented.
	ID sotto.PersonID
}

// Population invents n people and, behind them, staff. The same seed gives the
// same people. No two of them share a fragment.
func Population(seed string, n, staff int) []*Person {
	rng := rand.New(rand.NewChaCha8(sha256.Sum256([]byte("sotto canary " + seed))))
	taken := map[string]bool{}
	all := make([]*Person, n+staff)
	for i := range all {
		p := &Person{Index: i, Staff: i >= n}
		for place := range places {
			if p.has(place) {
				p.Words[place] = fresh(rng, place, taken)
			}
		}
		all[i] = p
	}
	return all
}

// has reports whether a word is invented for the place.
func (p *Person) has(place Place) bool {
	switch place {
	case Device:
		return false
	case Contact:
		return p.Staff
	case Subject, Body, Private, FileName, File, Texted, Replied, CallerName, Statement:
		return !p.Staff
	}
	return true
}

// fresh makes a word of which no fragment is anybody's.
func fresh(rng *rand.Rand, place Place, taken map[string]bool) string {
	for {
		word := draw(rng, place)
		parts := windows(word, width(place))
		free := true
		for _, f := range parts {
			free = free && !taken[f]
		}
		if !free {
			continue
		}
		for _, f := range parts {
			taken[f] = true
		}
		return word
	}
}

func draw(rng *rand.Rand, place Place) string {
	switch place {
	case Phone:
		b := []byte(country)
		for len(b) < len(country)+national {
			b = append(b, byte('1'+rng.IntN(9)))
		}
		return string(b)
	case Voice:
		b := make([]byte, voiceLength)
		for i := range b {
			// Not the two codes of silence, which fill what was not heard.
			for b[i] = byte(rng.IntN(256)); b[i]|0x80 == 0xFF; {
				b[i] = byte(rng.IntN(256))
			}
		}
		return string(b)
	}
	b := make([]byte, wordLength)
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return string(b)
}

// Number is the person's telephone number in E.164.
func (p *Person) Number() string { return "+" + p.Words[Phone] }

// NationalNumber is the number as people of its country write it.
func (p *Person) NationalNumber() string { return "0" + strings.TrimPrefix(p.Words[Phone], country) }

// Text is what is put into a place: the word among others that test what is
// done to text on the way.
func (p *Person) Text(place Place) string {
	word := p.Words[place]
	form := [places]string{
		Name: "Anna %s", Notes: "«%s» & <b>Ünïcode</b>\n\"second\" line\t\\", Details: "{\"said\": \"%s 🦜\"}", External: "crm-%s",
		Email: "%s@example.org", Phone: "+%s", Subject: "About %s – été", FileName: "%s.txt", File: "file: %s\n",
		Private: "for us: %s", UploadName: "%s.pdf", Upload: "%%PDF %s\n", CallerName: "%s", Statement: "It was %s, not that.",
	}[place]
	if place == Body {
		return fmt.Sprintf("I am %s & <i>call</i> from %s\nor %s", word, p.Number(), p.NationalNumber())
	}
	return fmt.Sprintf(form, word)
}

// Sound returns n samples of the person's voice in µ-law.
func (p *Person) Sound(n int) []byte {
	b := make([]byte, 0, n+voiceLength)
	for len(b) < n {
		b = append(b, p.Words[Voice]...)
	}
	return b[:n]
}

// pcm is sound as it stands in a WAV file.
func pcm(mulaw []byte) []byte {
	b := make([]byte, 0, 2*len(mulaw))
	for _, c := range mulaw {
		s := media.DecodeMulaw(c)
		b = append(b, byte(s), byte(uint16(s)>>8))
	}
	return b
}
