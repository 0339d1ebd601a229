package account

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RetryAfter is how long an address that failed too often waits for its next
// attempt.
const RetryAfter = 6 * time.Second

const (
	burst   = 20    // failures at once
	maxKept = 10000 // addresses remembered
)

// failures counts refused requests by source address. What it holds is lost
// at a restart, and it is bounded: addresses that behaved since are forgotten
// first, and when there are too many others, all that are not remembered
// share one count.
type failures struct {
	mu     sync.Mutex
	by     map[netip.Prefix]*rate.Limiter // guarded by mu
	others *rate.Limiter
	max    int
	swept  time.Time // when forget last ran; guarded by mu
}

func newFailures() *failures {
	return &failures{by: map[netip.Prefix]*rate.Limiter{}, others: newLimiter(), max: maxKept}
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(RetryAfter), burst) }

// tooMany reports whether source must wait.
func (f *failures) tooMany(source netip.Prefix, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.by[source]
	if !ok {
		if len(f.by) < f.max {
			return false
		}
		l = f.others
	}
	return l.TokensAt(now) < 1
}

// count adds a failure of source.
func (f *failures) count(source netip.Prefix, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.by[source]
	if !ok {
		if len(f.by) >= f.max {
			f.forget(now)
		}
		l = f.others
		if len(f.by) < f.max {
			l = newLimiter()
			f.by[source] = l
		}
	}
	l.AllowN(now, 1)
}

// forget drops the addresses that are as good as new, at most once in
// RetryAfter: a flood must not make it the work of every request. f.mu is held.
func (f *failures) forget(now time.Time) {
	if now.Sub(f.swept) < RetryAfter {
		return
	}
	f.swept = now
	for source, l := range f.by {
		if l.TokensAt(now) >= burst {
			delete(f.by, source)
		}
	}
}

// sourceOf returns the network an attempt comes from: the address itself, or
// the /64 of an IPv6 address, which is one customer's.
func sourceOf(remote string) netip.Prefix {
	addr, err := netip.ParseAddrPort(remote)
	ip := addr.Addr()
	if err != nil {
		if ip, err = netip.ParseAddr(remote); err != nil {
			return netip.Prefix{} // whoever has no address shares one
		}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
