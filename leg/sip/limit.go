package sip

import (
	"net/netip"
	"sync"
	"time"
)

// Limits bound what a source that is nobody may cost. Trunks and telephones
// that have given their password are exempt. A zero field has the given value.
type Limits struct {
	Rate        int // requests a second from one source: 20
	Burst       int // requests at once from one source: 40
	Total       int // requests a second from all such sources: 2000
	Sources     int // sources remembered at one time: 16384
	Connections int // TCP connections at one time: 4096
	PerSource   int // TCP connections of one source that is nobody: 32
}

func (l *Limits) fill() {
	for _, n := range []struct {
		at    *int
		value int
	}{
		{&l.Rate, 20}, {&l.Burst, 40}, {&l.Total, 2000},
		{&l.Sources, 16384}, {&l.Connections, 4096}, {&l.PerSource, 32},
	} {
		if *n.at == 0 {
			*n.at = n.value
		}
	}
}

// budget is a token bucket for each source and one for all of them. It is
// asked before a packet is read, and allocates only when a source is new.
type budget struct {
	limits Limits
	start  time.Time

	mu    sync.Mutex
	by    map[netip.Addr]bucket
	total bucket
}

// bucket holds tokens in thousandths, filled as time passes.
type bucket struct {
	milli int64
	at    time.Duration // since budget.start, monotonic
}

func newBudget(l Limits) *budget {
	b := &budget{limits: l, start: time.Now(), by: make(map[netip.Addr]bucket)}
	b.total.milli = int64(l.Total) * 1000
	return b
}

// take reports whether source may send one more message now.
func (b *budget) take(source netip.Addr) bool {
	if source.Is6() {
		p, _ := source.Prefix(64) // one customer has the whole of a /64
		source = p.Addr()
	}
	now := time.Since(b.start)
	b.mu.Lock()
	defer b.mu.Unlock()
	k, known := b.by[source]
	if !known {
		if len(b.by) >= b.limits.Sources {
			b.forget(now)
		}
		if len(b.by) >= b.limits.Sources {
			return false
		}
		k = bucket{int64(b.limits.Burst) * 1000, now}
	}
	own := k.take(now, b.limits.Rate, b.limits.Burst)
	b.by[source] = k
	return own && b.total.take(now, b.limits.Total, b.limits.Total)
}

func (k *bucket) take(now time.Duration, rate, burst int) bool {
	k.milli = min(k.milli+int64((now-k.at)/time.Microsecond)*int64(rate)/1000, int64(burst)*1000)
	k.at = now
	if k.milli < 1000 {
		return false
	}
	k.milli -= 1000
	return true
}

// forget drops the sources whose bucket is full again: they lose nothing.
func (b *budget) forget(now time.Duration) {
	full := time.Duration(b.limits.Burst) * time.Second / time.Duration(b.limits.Rate)
	for a, k := range b.by {
		if now-k.at > full {
			delete(b.by, a)
		}
	}
}
