package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// Form is how a fragment of a word may be written.
type Form uint8

// The forms. Base64 has one for each place in a group of three bytes where
// the fragment may begin.
const (
	Plain Form = iota
	Reversed
	UTF16LE
	UTF16BE
	HexLower
	HexUpper
	Base64At0
	Base64At1
	Base64At2
	PCM // samples of 16 bits, little-endian: a voice only
	forms
)

// String names the form for a report.
func (f Form) String() string {
	names := [forms]string{
		"plain", "reversed", "UTF-16LE", "UTF-16BE", "hex", "HEX", "base64 at 0", "base64 at 1", "base64 at 2", "PCM",
	}
	if f >= forms {
		return "none"
	}
	return names[f]
}

// wide is how many characters of a word are a fragment.
const wide = 8

// digitsWide is how many digits of a number are a fragment when they stand as
// they are. Signed receipts are full of ids of 15 digits and of hexadecimal
// hashes: of 8 digits, with 20,000 such ids and 50,000 fragments, some 100
// would meet by chance, and of 13 one did among ten thousand people. A number of
// 15 digits has two fragments of 14, and its national form is one: nothing of
// it is found that misses more than one digit. In every other form 8 digits are enough,
// because no id or hash looks like them.
const digitsWide = 14

func width(place Place) int {
	if place == Phone {
		return digitsWide
	}
	return wide
}

// windows returns every fragment of n characters. A voice goes round.
func windows(word string, n int) []string {
	var out []string
	for i := 0; i+n <= len(word); i++ {
		out = append(out, word[i:i+n])
	}
	return out
}

// spellings are the ways a word is written down.
func (p *Person) spellings(place Place) []string {
	word := p.Words[place]
	switch {
	case word == "":
		return nil
	case place == Phone:
		return []string{word, p.NationalNumber()}
	case place == Voice:
		return []string{word + word[:wide-1]} // it repeats itself
	}
	return []string{word}
}

// Needles calls f with every form of every fragment of the person's words.
func (p *Person) Needles(f func(place Place, form Form, needle []byte)) {
	for place := range places {
		for _, word := range p.spellings(place) {
			for _, w := range windows(word, width(place)) {
				f(place, Plain, []byte(w))
				f(place, Reversed, reversed(w))
			}
			for _, w := range windows(word, wide) {
				coded(place, w, f)
			}
		}
	}
}

// coded calls f with the forms that are longer than the fragment.
func coded(place Place, w string, f func(Place, Form, []byte)) {
	if place == Voice {
		f(place, PCM, pcm([]byte(w)))
	} else {
		f(place, UTF16LE, inTwoBytes(w, 0))
		f(place, UTF16BE, inTwoBytes(w, 1))
	}
	low := hex.EncodeToString([]byte(w))
	f(place, HexLower, []byte(low))
	f(place, HexUpper, []byte(strings.ToUpper(low)))
	for at := range 3 {
		f(place, Base64At0+Form(at), base64At(w, at))
	}
}

// Exported calls f with the fragments that stand in an archive handed over:
// text, and sound as PCM.
func (p *Person) Exported(f func(place Place, form Form, needle []byte)) {
	p.Needles(func(place Place, form Form, needle []byte) {
		if form == Plain && place != Voice || form == PCM {
			f(place, form, needle)
		}
	})
}

func reversed(w string) []byte {
	b := []byte(w)
	slices.Reverse(b)
	return b
}

// inTwoBytes writes w, which is ASCII, in 16 bits a character; at is where the
// character stands in its two bytes.
func inTwoBytes(w string, at int) []byte {
	b := make([]byte, 2*len(w))
	for i := range len(w) {
		b[2*i+at] = w[i]
	}
	return b
}

// base64At is what base64 makes of w when it begins so many bytes into a group
// of three, without the characters that also depend on its neighbours: ten of
// eight bytes, whatever at is. Both alphabets agree on them, because words are
// ASCII; a voice is looked for in the standard one.
func base64At(w string, at int) []byte {
	text := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{0}, at), w...))
	skip := (8*at + 5) / 6
	return []byte(text[skip : skip+10])
}
