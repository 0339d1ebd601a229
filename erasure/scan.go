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
type needle struct {
	text []byte
	lead string // of the tail of a number: the digits before it
}

// minNeedle is the shortest fragment that is looked for: shorter ones occur
// by chance.
const minNeedle = 8

// Receipts and logs are full of ids of 15 digits and of hexadecimal hashes. In
// those of ten thousand erasures some hundred numbers of eight digits occur by
// chance, so one with fewer than safeDigits counts only where it stands alone.
const safeDigits = 13

// lookBack is how much of what stands before a number decides about it.
const lookBack = 16

// needlesOf returns what must not stand in any byte after the erasure: the
// person's name and addresses, the tail of each number as it is written
// without its country code, each in the encodings a copy could have.
func needlesOf(p person.Person) []needle {
	var out []needle
	add := func(word, lead string) {
		if len(word) < minNeedle {
			return
		}
		for _, text := range encodings(word) {
			out = append(out, needle{text, lead})
		}
	}
	add(p.Name, "")
	add(p.ExternalID, "")
	for _, a := range p.Addresses {
		add(a.Value, "")
		if tail := len(a.Value) - minNeedle; a.Kind == person.Phone && tail > 0 {
			add(a.Value[tail:], strings.TrimPrefix(a.Value[:tail], "+"))
		}
	}
	return out
}

// encodings returns w as UTF-8, UTF-16, hexadecimal and base64.
func encodings(w string) [][]byte {
	raw := []byte(w)
	wide := make([]byte, 0, 2*len(w))
	for _, u := range utf16.Encode([]rune(w)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	out := [][]byte{raw, wide, []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw)))}
	for shift := range 3 {
		// What base64 makes of w depends on where w begins in a group of 3;
		// the first and last characters also depend on the neighbours.
		padded := append(bytes.Repeat([]byte{0}, shift), raw...)
		text := base64.StdEncoding.EncodeToString(padded[:len(padded)/3*3])
		if shift > 0 {
			text = text[4:]
		}
		if len(text) >= minNeedle {
			out = append(out, []byte(text))
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
	needle
	alone bool // counts only where it is no part of a longer token
	whose int
}

// filterBits is 2 MiB of bits.
const filterBits = 1 << 24

func newFinder() *finder {
	return &finder{byHead: map[uint64][]found{}, filter: make([]uint64, filterBits/64)}
}

func (f *finder) add(n needle, whose int) {
	if len(n.text) < minNeedle {
		return
	}
	head := binary.LittleEndian.Uint64(n.text)
	alone := len(n.text) < safeDigits && !bytes.ContainsFunc(n.text, func(r rune) bool { return r < '0' || r > '9' })
	f.byHead[head] = append(f.byHead[head], found{n, alone, whose})
	h := hash(head)
	f.filter[h/64] |= 1 << (h % 64)
	f.longest = max(f.longest, len(n.text))
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
	overlap := max(f.longest, minNeedle) + lookBack
	buf := make([]byte, 0, 1<<20+overlap)
	for first := 0; ; first = lookBack {
		n, err := io.ReadFull(src, buf[len(buf):cap(buf)])
		fresh := buf[:len(buf)+n]
		total += int64(n)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return total, err
		}
		f.count(fresh, first, end, hits)
		if end {
			return total, nil
		}
		keep := min(overlap, len(fresh)) // the first piece is longer than that, or the last
		buf = append(buf[:0], fresh[len(fresh)-keep:]...)
	}
}

// count looks at every place of b from first on where a needle could begin
// whole, with the byte after it. The last places are left to the next piece,
// unless there is none.
func (f *finder) count(b []byte, first int, end bool, hits []int64) {
	limit := len(b) - max(f.longest, minNeedle) - 1
	if end {
		limit = len(b) - minNeedle
	}
	for i := first; i <= limit; i++ {
		head := binary.LittleEndian.Uint64(b[i:])
		h := hash(head)
		if f.filter[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, n := range f.byHead[head] {
			if bytes.HasPrefix(b[i:], n.text) && (!n.alone || n.standsAlone(b, i)) {
				hits[n.whose]++
			}
		}
	}
}

// standsAlone reports whether the digits at b[i:] are no part of a longer
// token: an id, a hash. Before the tail of a number may stand what belongs to
// it: more of its own digits, and the prefix 0 or 00.
func (n found) standsAlone(b []byte, i int) bool {
	if end := i + len(n.text); end < len(b) && isHex(b[end]) {
		return false
	}
	from := i
	for from > max(0, i-lookBack) && isHex(b[from-1]) {
		from--
	}
	before := string(b[from:i])
	for _, prefix := range []string{"", "0", "00"} {
		if own, ok := strings.CutPrefix(before, prefix); ok && strings.HasSuffix(n.lead, own) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
