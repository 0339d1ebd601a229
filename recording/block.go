package recording

import (
	"math/bits"
	"sync/atomic"

	"sotto/keyring"
)

const (
	chunk     = keyring.ChunkSize // samples in a chunk, and bytes
	chunkBits = 12                // chunk is 1<<chunkBits
	silence   = 0xFF              // the µ-law code of a sample of 0
	none      = int32(-1)         // no block
)

// block is one chunk of a track while it is gathered. Whoever took it out of
// the pool owns it. It holds no pointer, so that the collector need not look
// into the buffer.
type block struct {
	data    [chunk]byte        // silence where nothing came
	covered [chunk / 64]uint64 // bit i: sample i came
	count   int32              // bits set in covered
	next    int32              // the block behind it in a track's queue
	before  int64              // whole chunks of silence to write before it
	used    bool               // data was filled with silence once
	below   atomic.Int32       // the block below it in the pool
}

// put lays p at from, where nothing came before; the first to come stays.
// recode turns each byte into µ-law and may be nil.
func (b *block) put(from int, p []byte, recode *[256]byte) {
	to := from + len(p)
	if b.taken(from, to) {
		b.putSlow(from, p, recode)
		return
	}
	dst := b.data[from:to]
	if recode == nil {
		copy(dst, p)
	} else {
		for i, c := range p {
			dst[i] = recode[c]
		}
	}
	for w := from / 64; w*64 < to; w++ {
		b.covered[w] |= mask(w, from, to)
	}
	b.count += int32(len(p))
}

// putSlow is put where something came before.
func (b *block) putSlow(from int, p []byte, recode *[256]byte) {
	for i, c := range p {
		at := from + i
		if b.covered[at/64]&(1<<(at%64)) != 0 {
			continue
		}
		if recode != nil {
			c = recode[c]
		}
		b.data[at] = c
		b.covered[at/64] |= 1 << (at % 64)
		b.count++
	}
}

// taken reports whether a sample in [from, to) came before.
func (b *block) taken(from, to int) bool {
	for w := from / 64; w*64 < to; w++ {
		if b.covered[w]&mask(w, from, to) != 0 {
			return true
		}
	}
	return false
}

// within returns how many of the first n samples came.
func (b *block) within(n int) int64 {
	if n == chunk {
		return int64(b.count)
	}
	sum := 0
	for w := 0; w*64 < n; w++ {
		sum += bits.OnesCount64(b.covered[w] & mask(w, 0, n))
	}
	return int64(sum)
}

// mask has the bits of word w that lie in [from, to) set.
func mask(w, from, to int) uint64 {
	m := ^uint64(0)
	if lo := from - w*64; lo > 0 {
		m <<= lo
	}
	if hi := to - w*64; hi < 64 {
		m &= 1<<hi - 1
	}
	return m
}

const (
	slabBits = 8 // blocks are made 256 at a time: 1.2 MB
	slabSize = 1 << slabBits
)

type slab [slabSize]block

// pool is the buffer of all tracks: a stack of free blocks without a lock, so
// that taking one neither waits nor allocates. feed makes more, ahead of need.
type pool struct {
	slabs   []atomic.Pointer[slab] // block i is in slab i/256
	made    atomic.Int64           // slabs that are there
	top     atomic.Uint64          // version<<32 | block+1; the version keeps a slow taker from a stale below
	free    atomic.Int64           // blocks on the stack
	reserve atomic.Int64           // how many should be
	hungry  chan struct{}          // holds one when free fell below reserve
}

// newPool makes a pool that grows to about size bytes; 0 means 32 MiB.
func newPool(size int64) *pool {
	if size <= 0 {
		size = 32 << 20
	}
	slabs := max(1, (size+slabBytes/2)/slabBytes)
	p := &pool{slabs: make([]atomic.Pointer[slab], slabs), hungry: make(chan struct{}, 1)}
	p.expect(0)
	p.grow()
	return p
}

// slabBytes is the memory of a slab, as good as.
const slabBytes = slabSize * (chunk + chunk/8 + 32)

// at returns block i.
func (p *pool) at(i int32) *block { return &p.slabs[i>>slabBits].Load()[i&(slabSize-1)] }

// expect keeps blocks ready for so many tracks: all may need one at once.
func (p *pool) expect(tracks int) { p.reserve.Store(int64(tracks) + slabSize/2) }

// feed makes blocks when they become few, until quit is closed.
func (p *pool) feed(quit <-chan struct{}) {
	for {
		for p.free.Load() < p.reserve.Load() && p.grow() {
		}
		select {
		case <-p.hungry:
		case <-quit:
			return
		}
	}
}

// grow makes one slab; false when the pool is as large as it may be. It is
// called by one goroutine at a time.
func (p *pool) grow() bool {
	n := p.made.Load()
	if n == int64(len(p.slabs)) {
		return false
	}
	p.slabs[n].Store(new(slab))
	p.made.Store(n + 1)
	for i := slabSize - 1; i >= 0; i-- {
		p.push(int32(n<<slabBits) + int32(i))
	}
	return true
}

// take returns a block of silence, or none.
func (p *pool) take() int32 {
	for {
		top := p.top.Load()
		i := int32(uint32(top)) - 1
		if i < 0 {
			p.call()
			return none
		}
		if p.top.CompareAndSwap(top, stacked(top, p.at(i).below.Load())) {
			if p.free.Add(-1) < p.reserve.Load() {
				p.call()
			}
			b := p.at(i)
			if !b.used {
				b.used = true
				b.wipe()
			}
			return i
		}
	}
}

// call wakes feed, if there is something it can do.
func (p *pool) call() {
	if p.made.Load() == int64(len(p.slabs)) {
		return
	}
	select {
	case p.hungry <- struct{}{}:
	default:
	}
}

// give takes a block back. What was said does not stay in it.
func (p *pool) give(i int32) {
	b := p.at(i)
	b.wipe()
	b.covered = [chunk / 64]uint64{}
	b.count, b.before, b.next = 0, 0, none
	p.push(i)
}

func (p *pool) push(i int32) {
	for {
		top := p.top.Load()
		p.at(i).below.Store(int32(uint32(top)) - 1)
		if p.top.CompareAndSwap(top, stacked(top, i)) {
			p.free.Add(1)
			return
		}
	}
}

func stacked(top uint64, i int32) uint64 { return (top>>32+1)<<32 | uint64(uint32(i+1)) }

// wipe makes the block silent.
func (b *block) wipe() {
	b.data[0] = silence
	for n := 1; n < chunk; n *= 2 {
		copy(b.data[n:], b.data[:n])
	}
}
