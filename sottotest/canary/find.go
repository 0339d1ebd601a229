package canary

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"slices"
)

// Source says whose fragment was found, and in which form.
type Source struct {
	Person int // index
	Place  Place
	Form   Form
}

func (s Source) pack() uint32 {
	return uint32(s.Person)<<10 | uint32(s.Place)<<4 | uint32(s.Form)
}

func unpack(v uint32) Source {
	return Source{int(v >> 10), Place(v >> 4 & 63), Form(v & 15)}
}

// Finder finds any number of needles in one pass over the bytes. Fill it
// first; then it may be used by any number of goroutines.
//
// The eight bytes at each offset are looked up in a filter of bits. Where the
// filter agrees, the bytes are hashed at each length that needles have and
// looked up in a table. The hash has 64 bits; two needles of the same length
// that share one would be taken for each other, which at ten million needles
// happens once in 300,000 runs, and only adds a hit.
type Finder struct {
	filter []uint64
	shift  int
	hashes []uint64 // open addressing; 0 is free
	source []uint32
	mask   uint64
	count  int

	pending []pending
}

type pending struct {
	head, hash uint64
	source     uint32
}

// lengths are those that needles may have: a fragment as it is, ten
// characters of base64, fourteen digits, a fragment in twice its length.
var lengths = [...]int{8, 10, 14, 16}

const longest = 16

// Add adds a needle. Of two that are equal the first is reported.
func (f *Finder) Add(needle []byte, from Source) {
	if !slices.Contains(lengths[:], len(needle)) {
		panic("canary: a needle of this length is never looked for")
	}
	head := binary.LittleEndian.Uint64(needle)
	f.pending = append(f.pending, pending{head, hash(needle, len(needle)), from.pack()})
}

// AddPerson adds every form of every fragment of p.
func (f *Finder) AddPerson(p *Person) {
	p.Needles(func(place Place, form Form, needle []byte) { f.Add(needle, Source{p.Index, place, form}) })
}

// Build makes the finder ready; nothing is added afterwards.
func (f *Finder) Build() *Finder {
	bitsWanted := max(16, bits.Len(uint(len(f.pending)*32)))
	f.filter, f.shift = make([]uint64, 1<<bitsWanted/64), 64-bitsWanted
	size := 1 << max(4, bits.Len(uint(len(f.pending)*2)))
	f.hashes, f.source, f.mask = make([]uint64, size), make([]uint32, size), uint64(size-1)
	for _, p := range f.pending {
		bit := spread(p.head) >> f.shift
		f.filter[bit/64] |= 1 << (bit % 64)
		f.insert(p)
	}
	f.pending = nil
	return f
}

func (f *Finder) insert(p pending) {
	for i := p.hash & f.mask; ; i = (i + 1) & f.mask {
		switch f.hashes[i] {
		case 0:
			f.hashes[i], f.source[i] = p.hash, p.source
			f.count++
			return
		case p.hash:
			return
		}
	}
}

// Count is how many different needles there are.
func (f *Finder) Count() int { return f.count }

// spread mixes a head (Fibonacci hashing).
func spread(head uint64) uint64 { return head * 0x9e3779b97f4a7c15 }

// hash reads n bytes of b. It is never 0.
func hash(b []byte, n int) uint64 {
	h := spread(binary.LittleEndian.Uint64(b)) ^ uint64(n)
	switch n {
	case 10:
		h ^= uint64(binary.LittleEndian.Uint16(b[8:]))
	case 14:
		h ^= binary.LittleEndian.Uint64(b[6:])
	case 16:
		h ^= binary.LittleEndian.Uint64(b[8:])
	}
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	h = (h ^ h>>29) * 0xbf58476d1ce4e5b9
	return h ^ h>>32 | 1
}

// Bytes calls hit for each needle in b.
func (f *Finder) Bytes(b []byte, hit func(at int64, from Source)) {
	f.window(b, 0, len(b)-lengths[0], hit)
}

// window looks at the places of b from the first on up to and with last.
func (f *Finder) window(b []byte, base int64, last int, hit func(at int64, from Source)) {
	for i := 0; i <= last; i++ {
		bit := spread(binary.LittleEndian.Uint64(b[i:])) >> f.shift
		if f.filter[bit/64]&(1<<(bit%64)) == 0 {
			continue
		}
		for _, n := range lengths {
			if i+n > len(b) {
				break
			}
			if from, ok := f.lookUp(hash(b[i:], n)); ok {
				hit(base+int64(i), from)
			}
		}
	}
}

func (f *Finder) lookUp(h uint64) (Source, bool) {
	for i := h & f.mask; f.hashes[i] != 0; i = (i + 1) & f.mask {
		if f.hashes[i] == h {
			return unpack(f.source[i]), true
		}
	}
	return Source{}, false
}

// Read searches src to its end and returns how long it was. Pieces overlap, so
// that a needle across two of them is found.
func (f *Finder) Read(src io.Reader, hit func(at int64, from Source)) (length int64, err error) {
	const piece = 1 << 20
	buf := make([]byte, 0, piece+longest)
	base := int64(0)
	for {
		n, err := io.ReadFull(src, buf[len(buf):cap(buf)])
		b := buf[:len(buf)+n]
		length += int64(n)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return length, err
		}
		if end {
			f.window(b, base, len(b)-lengths[0], hit)
			return length, nil
		}
		keep := longest - 1
		f.window(b, base, len(b)-longest, hit)
		base += int64(len(b) - keep)
		buf = append(buf[:0], b[len(b)-keep:]...)
	}
}
