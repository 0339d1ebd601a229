package erasure

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"sotto/catalogue"
	"sotto/person"
	"sotto/receipt"
)

// needle is one form of one of the person's own words.
type needle []byte

// minNeedle is the shortest fragment that is looked for: shorter ones occur
// by chance.
const minNeedle = 8

// needlesOf returns what must not stand in any byte after the erasure: the
// person's name and addresses, the tail of each number as it is written
// without its country code, each in the encodings a copy could have.
func needlesOf(p person.Person) []needle {
	words := []string{p.Name, p.ExternalID}
	for _, a := range p.Addresses {
		words = append(words, a.Value)
		if a.Kind == person.Phone && len(a.Value) > minNeedle {
			words = append(words, a.Value[len(a.Value)-minNeedle:])
		}
	}
	var out []needle
	for _, w := range words {
		if len(w) >= minNeedle {
			out = append(out, encodings(w)...)
		}
	}
	return out
}

// encodings returns w as UTF-8, UTF-16, hexadecimal and base64.
func encodings(w string) []needle {
	raw := []byte(w)
	wide := make([]byte, 0, 2*len(w))
	for _, u := range utf16.Encode([]rune(w)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	out := []needle{raw, wide, needle(hex.EncodeToString(raw)), needle(strings.ToUpper(hex.EncodeToString(raw)))}
	for shift := range 3 {
		// What base64 makes of w depends on where w begins in a group of 3;
		// the first and last characters also depend on the neighbours.
		padded := append(bytes.Repeat([]byte{0}, shift), raw...)
		text := base64.StdEncoding.EncodeToString(padded[:len(padded)/3*3])
		if shift > 0 {
			text = text[4:]
		}
		if len(text) >= minNeedle {
			out = append(out, needle(text))
		}
	}
	return out
}

// scan searches the raw bytes of the scan folders. Sealed files are left out:
// they are ciphertext, and those of the person are gone.
func (e *Eraser) scan(needles []needle) (s receipt.Scan, err error) {
	sealed := map[string]bool{}
	for _, b := range catalogue.Blobs() {
		if b.Sealed {
			sealed[b.Class.String()] = true
		}
	}
	for _, dir := range e.c.ScanDirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // removed meanwhile
			case err != nil:
				return err
			case d.IsDir() && sealed[d.Name()]:
				return filepath.SkipDir
			case !d.Type().IsRegular():
				return nil
			}
			return scanFile(path, needles, &s)
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func scanFile(path string, needles []needle, s *receipt.Scan) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Files++
	err = search(bufio.NewReaderSize(f, 1<<20), needles, s)
	return errors.Join(err, f.Close())
}

// search reads src in pieces that overlap by the longest needle.
func search(src io.Reader, needles []needle, s *receipt.Scan) error {
	overlap := 0
	for _, n := range needles {
		overlap = max(overlap, len(n)-1)
	}
	buf := make([]byte, 0, 1<<20+overlap)
	for {
		n, err := io.ReadFull(src, buf[len(buf):cap(buf)])
		fresh := buf[:len(buf)+n]
		s.Bytes += int64(n)
		for _, nd := range needles {
			if bytes.Contains(fresh, nd) {
				s.Hits++
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		keep := min(overlap, len(fresh))
		buf = append(buf[:0], fresh[len(fresh)-keep:]...)
	}
}
