package erasure

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
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

// finder searches bytes for any number of needles in one pass. Every needle
// has at least minNeedle bytes; its first eight lead to it.
type finder struct {
	byHead  map[uint64][]found
	filter  []uint64 // a bit for each hash of a head, so that most bytes cost one look
	longest int
}

type found struct {
	needle needle
	whose  int
}

// filterBits is 2 MiB of bits.
const filterBits = 1 << 24

func newFinder() *finder {
	return &finder{byHead: map[uint64][]found{}, filter: make([]uint64, filterBits/64)}
}

func (f *finder) add(n needle, whose int) {
	if len(n) < minNeedle {
		return
	}
	head := binary.LittleEndian.Uint64(n)
	f.byHead[head] = append(f.byHead[head], found{n, whose})
	h := hash(head)
	f.filter[h/64] |= 1 << (h % 64)
	f.longest = max(f.longest, len(n))
}

// hash spreads a head over the filter (Fibonacci hashing).
func hash(head uint64) uint64 { return head * 0x9e3779b97f4a7c15 >> (64 - 24) }

// walk searches every file below dirs and counts each needle's hits under its
// owner. Sealed files are left out: they are ciphertext, and those of the
// person are gone.
func (f *finder) walk(dirs []string, hits []int64) (s receipt.Scan, err error) {
	sealed := map[string]bool{}
	for _, b := range catalogue.Blobs() {
		if b.Sealed {
			sealed[b.Class.String()] = true
		}
	}
	for _, dir := range dirs {
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
			return f.file(path, hits, &s)
		})
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

func (f *finder) file(path string, hits []int64, s *receipt.Scan) error {
	src, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.Files++
	n, err := f.search(src, hits)
	s.Bytes += n
	return errors.Join(err, src.Close())
}

// search reads src in pieces that overlap by the longest needle.
func (f *finder) search(src io.Reader, hits []int64) (total int64, err error) {
	overlap := max(f.longest, minNeedle) - 1
	buf := make([]byte, 0, 1<<20+overlap)
	for {
		n, err := io.ReadFull(src, buf[len(buf):cap(buf)])
		fresh := buf[:len(buf)+n]
		total += int64(n)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return total, err
		}
		f.count(fresh, end, hits)
		if end {
			return total, nil
		}
		keep := min(overlap, len(fresh))
		buf = append(buf[:0], fresh[len(fresh)-keep:]...)
	}
}

// count looks at every place of b where a needle could begin whole. The last
// places are left to the next piece, unless there is none.
func (f *finder) count(b []byte, end bool, hits []int64) {
	limit := len(b) - max(f.longest, minNeedle)
	if end {
		limit = len(b) - minNeedle
	}
	for i := 0; i <= limit; i++ {
		head := binary.LittleEndian.Uint64(b[i:])
		h := hash(head)
		if f.filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, n := range f.byHead[head] {
			if bytes.HasPrefix(b[i:], n.needle) {
				hits[n.whose]++
			}
		}
	}
}
