package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"
)

// TestFinderFindsEveryFormAtEveryPlace plants one fragment of each form of
// each word, written by other means than the finder's, at places around the
// border of two pieces.
func TestFinderFindsEveryFormAtEveryPlace(t *testing.T) {
	people := Population("finder", 3, 1)
	p := people[0]
	var f Finder
	for _, p := range people {
		f.AddPerson(p)
	}
	f.Build()
	wide := func(s string, big bool) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return b
	}
	word := p.Words[Body][2:10]
	voice := string(p.Sound(40)[13:21])
	number := p.NationalNumber()
	back := func(s string) []byte {
		var b []byte
		for i := range s {
			b = append([]byte{s[i]}, b...)
		}
		return b
	}
	tests := []struct {
		name  string
		plant []byte
		want  Source
	}{
		{"Plain", []byte(word), Source{0, Body, Plain}},
		{"Reversed", back(word), Source{0, Body, Reversed}},
		{"UTF16LE", wide(word, false), Source{0, Body, UTF16LE}},
		{"UTF16BE", wide(word, true), Source{0, Body, UTF16BE}},
		{"Hex", []byte(hex.EncodeToString([]byte(word))), Source{0, Body, HexLower}},
		{"HEX", bytes.ToUpper([]byte(hex.EncodeToString([]byte(word)))), Source{0, Body, HexUpper}},
		{"Base64", []byte(base64.StdEncoding.EncodeToString([]byte("...say " + p.Words[Body] + " now"))), Source{0, Body, Base64At1}},
		{"Base64At1", []byte(base64.RawURLEncoding.EncodeToString([]byte("x" + word + "-"))), Source{0, Body, Base64At1}},
		{"Base64At2", []byte(base64.StdEncoding.EncodeToString([]byte("xy" + word + "-"))), Source{0, Body, Base64At2}},
		{"Base64At0", []byte(base64.StdEncoding.EncodeToString([]byte(word))), Source{0, Body, Base64At0}},
		{"E164", []byte(p.Number()[2:16]), Source{0, Phone, Plain}},
		{"National", []byte(number[:14]), Source{0, Phone, Plain}},
		{"NumberReversed", back(number), Source{0, Phone, Reversed}},
		{"NumberInHex", []byte(hex.EncodeToString([]byte(number[3:11]))), Source{0, Phone, HexLower}},
		{"NumberInUTF16", wide(number[:8], false), Source{0, Phone, UTF16LE}},
		{"NumberInBase64", []byte(base64.StdEncoding.EncodeToString([]byte("tel" + p.Number()))), Source{0, Phone, Base64At1}},
		{"Voice", []byte(voice), Source{0, Voice, Plain}},
		{"VoiceAsPCM", pcm([]byte(voice)), Source{0, Voice, PCM}},
		{"VoiceInBase64", []byte(base64.StdEncoding.EncodeToString([]byte("ab" + voice))), Source{0, Voice, Base64At2}},
		{"SevenLetters", []byte(word[:7]), Source{Person: -1}},
		{"ThirteenDigits", []byte(number[:13]), Source{Person: -1}},
		{"SomebodyElse", []byte("nobody of them"), Source{Person: -1}},
	}
	for _, tt := range tests {
		for _, at := range []int{0, 1, 7, 1<<20 - 30, 1<<20 - 5, 1 << 20, 1<<20 + 13, 1<<20 + 16} {
			for _, tail := range []int{0, 3, 1 << 20} {
				raw := append(bytes.Repeat([]byte{0xa5}, at), tt.plant...)
				raw = append(raw, bytes.Repeat([]byte{0xa5}, tail)...)
				hits := map[Source]int64{}
				n, err := f.Read(bytes.NewReader(raw), func(at int64, from Source) { hits[from] = at })
				if err != nil || n != int64(len(raw)) {
					t.Fatalf("%s: read %d bytes, %v", tt.name, n, err)
				}
				where, found := hits[tt.want]
				if tt.want.Person < 0 && len(hits) > 0 || tt.want.Person == 0 && !found {
					t.Errorf("%s at %d with %d behind: hits %v, want %v", tt.name, at, tail, hits, tt.want)
				}
				if found && (where < int64(at) || where > int64(at+len(tt.plant))) {
					t.Errorf("%s at %d: found at %d", tt.name, at, where)
				}
			}
		}
	}
}

// TestEveryFragmentIsANeedle erases nothing: it looks for each fragment of
// each word of a population, so that none is left out or taken for another's.
func TestEveryFragmentIsANeedle(t *testing.T) {
	people := Population("fragments", 40, 4)
	var f Finder
	for _, p := range people {
		f.AddPerson(p)
	}
	f.Build()
	for _, p := range people {
		for place := range places {
			for _, word := range p.spellings(place) {
				for _, w := range windows(word, width(place)) {
					whose := map[int]bool{}
					f.Bytes([]byte("--"+w+"--"), func(_ int64, from Source) { whose[from.Person] = true })
					if !whose[p.Index] || len(whose) != 1 {
						t.Errorf("a fragment of the %s of person %d is that of %v", place, p.Index, whose)
					}
				}
			}
		}
	}
}

func TestWalkFindsWhatIsInFilesAndNames(t *testing.T) {
	people := Population("walk", 2, 0)
	var f Finder
	f.AddPerson(people[1])
	f.Build()
	dir := t.TempDir()
	for path, text := range map[string]string{
		"clean": "nothing", "deep/down": "here " + people[1].Words[Notes], people[1].Words[Email] + ".txt": "", "other": people[0].Words[Notes],
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rep, err := f.Walk(dir)
	if err != nil || rep.Files != 4 {
		t.Fatalf("walked %d files, %v", rep.Files, err)
	}
	found := map[Place]bool{}
	for _, h := range rep.Hits {
		found[h.Place] = true
	}
	if rep.Total != 10 || !found[Notes] || !found[Email] || len(found) != 2 {
		t.Errorf("%d hits: %v", rep.Total, rep.Hits)
	}
	if _, err := f.Walk(filepath.Join(dir, "not there")); err == nil {
		t.Error("a folder that is not there was searched without an error")
	}
}

func BenchmarkFinder(b *testing.B) {
	var f Finder
	for _, p := range Population("speed", 1000, 0) {
		f.AddPerson(p)
	}
	f.Build()
	raw := bytes.Repeat([]byte("a row of a database, nearly all of it text, and 0123456789. "), 1<<14)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		f.Bytes(raw, func(int64, Source) { b.Fatal("found") })
	}
}
