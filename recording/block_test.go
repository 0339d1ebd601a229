package recording

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestABlockHasOneOwnerAndIsSilentWhenTaken(t *testing.T) {
	p := newPool(4 * slabBytes)
	quit := make(chan struct{})
	var feeder, all sync.WaitGroup
	feeder.Go(func() { p.feed(quit) })
	p.expect(slabSize)
	silent := bytes.Repeat([]byte{silence}, chunk)
	owned := make([]atomic.Bool, 4*slabSize)
	for range 8 {
		all.Go(func() {
			var mine []int32
			for n := range 5000 {
				if n%3 == 2 && len(mine) > 0 {
					i := mine[0]
					mine = mine[1:]
					owned[i].Store(false)
					p.give(i)
					continue
				}
				i := p.take()
				if i == none {
					for _, i := range mine {
						owned[i].Store(false)
						p.give(i)
					}
					mine = nil
					continue
				}
				if owned[i].Swap(true) {
					t.Errorf("block %d was given out twice", i)
					return
				}
				b := p.at(i)
				if !bytes.Equal(b.data[:], silent) || b.count != 0 || b.taken(0, chunk) {
					t.Errorf("block %d is not silent", i)
					return
				}
				b.put(n%chunk, []byte{1}, nil)
				mine = append(mine, i)
			}
			for _, i := range mine {
				owned[i].Store(false)
				p.give(i)
			}
		})
	}
	all.Wait()
	close(quit)
	feeder.Wait()
	if got, want := p.free.Load(), p.made.Load()*slabSize; got != want {
		t.Errorf("%d blocks are free, want %d", got, want)
	}
}

func TestAnEmptyPoolGivesNone(t *testing.T) {
	p := newPool(1)
	for range slabSize {
		if p.take() == none {
			t.Fatal("the pool is smaller than a slab")
		}
	}
	if i := p.take(); i != none {
		t.Errorf("an empty pool gave block %d", i)
	}
}

func TestPutCountsEachSampleOnce(t *testing.T) {
	p := newPool(1)
	rapid.Check(t, func(rt *rapid.T) {
		i := p.take()
		defer p.give(i)
		b := p.at(i)
		var came [chunk]bool
		for range rapid.IntRange(1, 30).Draw(rt, "frames") {
			from := rapid.IntRange(0, chunk-1).Draw(rt, "from")
			n := rapid.IntRange(1, min(chunk-from, 1500)).Draw(rt, "samples")
			b.put(from, make([]byte, n), nil)
			for j := range n {
				came[from+j] = true
			}
		}
		cut := rapid.IntRange(0, chunk).Draw(rt, "cut")
		all, within := int32(0), int64(0)
		for j, c := range came {
			if c {
				all++
				if j < cut {
					within++
				}
			}
			if want := byte(0); c && b.data[j] != want || !c && b.data[j] != silence {
				rt.Fatalf("sample %d is %#x", j, b.data[j])
			}
		}
		if b.count != all || b.within(cut) != within {
			rt.Fatalf("count %d within %d, want %d and %d", b.count, b.within(cut), all, within)
		}
	})
}
