package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// maxUsed bounds the memory of nonces in use: one per phone and registration
// is the ordinary number.
const maxUsed = 65536

// Verdict is what a nonce is worth.
type Verdict uint8

// The verdicts.
const (
	Forged Verdict = iota // not ours, or given to another address
	Stale                 // ours, but too old or used with this count before
	Fresh                 // ours and not used with this count before
)

// Nonces gives out nonces and takes each at most once per count. A nonce
// given out costs no memory: it carries its own time and proof. Only one that
// came back with the right password is remembered, until it is too old.
type Nonces struct {
	key  [32]byte
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	used map[string]window
}

// window remembers which counts of a nonce were used: all above high are
// free, bit i stands for high-i.
type window struct {
	high uint32
	bits uint64
	dies time.Time
}

// NewNonces makes nonces that live for life by the clock now.
func NewNonces(life time.Duration, now func() time.Time) *Nonces {
	n := &Nonces{life: life, now: now, used: make(map[string]window)}
	rand.Read(n.key[:])
	return n
}

// Issue makes a nonce for one address.
func (n *Nonces) Issue(peer netip.Addr) string {
	var b [32]byte
	binary.BigEndian.PutUint64(b[:8], uint64(n.now().UnixMilli()))
	rand.Read(b[8:16])
	copy(b[16:], n.proof(b[:16], peer))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Take judges a nonce that came back from peer with count nc and, when it is
// Fresh, marks the count used. Call it only after the password was found
// right: it is what costs memory.
func (n *Nonces) Take(nonce string, peer netip.Addr, nc uint32) Verdict {
	v, dies := n.judge(nonce, peer)
	if v != Fresh {
		return v
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w, known := n.used[nonce]
	if !known {
		if len(n.used) >= maxUsed {
			n.sweep()
		}
		if len(n.used) >= maxUsed {
			return Stale
		}
		w.dies = dies
	}
	if !w.take(nc) {
		return Stale
	}
	n.used[nonce] = w
	return Fresh
}

// Judge tells what a nonce is worth without using it up.
func (n *Nonces) Judge(nonce string, peer netip.Addr) Verdict {
	v, _ := n.judge(nonce, peer)
	return v
}

func (n *Nonces) judge(nonce string, peer netip.Addr) (Verdict, time.Time) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 32 || !hmac.Equal(b[16:], n.proof(b[:16], peer)) {
		return Forged, time.Time{}
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8])))
	dies := made.Add(n.life)
	if now := n.now(); now.After(dies) || now.Before(made.Add(-n.life)) {
		return Stale, dies
	}
	return Fresh, dies
}

func (n *Nonces) proof(b []byte, peer netip.Addr) []byte {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(b)
	h.Write(peer.Unmap().AsSlice())
	return h.Sum(nil)[:16]
}

// sweep forgets the dead; the lock is held.
func (n *Nonces) sweep() {
	now := n.now()
	for k, w := range n.used {
		if now.After(w.dies) {
			delete(n.used, k)
		}
	}
}

// take marks count nc; it reports false when nc was used or is too far behind.
func (w *window) take(nc uint32) bool {
	switch {
	case nc == 0:
		return false
	case nc > w.high:
		shift := nc - w.high
		if shift >= 64 {
			w.bits = 0
		} else {
			w.bits <<= shift
		}
		w.high, w.bits = nc, w.bits|1
		return true
	}
	back := w.high - nc
	if back >= 64 || w.bits&(1<<back) != 0 {
		return false
	}
	w.bits |= 1 << back
	return true
}
