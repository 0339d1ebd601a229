package media

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"sotto"
)

// Suite is how a party's audio is encrypted and proved to be its own, by the
// name that SDP has for it.
type Suite string

// The suites we speak, the best first.
const (
	GCM128     Suite = "AEAD_AES_128_GCM"        // RFC 7714 14.2
	CM128SHA80 Suite = "AES_CM_128_HMAC_SHA1_80" // RFC 4568 6.2.1
	CM128SHA32 Suite = "AES_CM_128_HMAC_SHA1_32" // RFC 4568 6.2.2
)

// KeyLen is how many bytes of master key and salt the suite takes; 0 for one
// we do not speak.
func (s Suite) KeyLen() int {
	switch s {
	case GCM128:
		return gcmKeyLen
	case CM128SHA80, CM128SHA32:
		return cmKeyLen
	}
	return 0
}

const (
	masterLen = 16              // bytes of every master key
	gcmKeyLen = masterLen + 12  // RFC 7714 12
	cmKeyLen  = masterLen + 14  // RFC 3711 8.2
	maxTag    = 16              // bytes a packet grows by at most
	oldKeys   = 2 * time.Second // how long the keys before a change are tried too
)

func (s Suite) profile() srtp.ProtectionProfile {
	switch s {
	case GCM128:
		return srtp.ProtectionProfileAeadAes128Gcm
	case CM128SHA32:
		return srtp.ProtectionProfileAes128CmHmacSha1_32
	}
	return srtp.ProtectionProfileAes128CmHmacSha1_80
}

// Keys encrypt one party's audio both ways (RFC 3711). The zero value is none:
// the audio is plain RTP. No log and no error shows them.
type Keys struct {
	Suite Suite
	// In is the master key and salt that the party encrypts with, Out those
	// that we do: Suite.KeyLen bytes each.
	In, Out string
}

// LogValue hides the keys from every log.
func (k Keys) LogValue() slog.Value { return slog.StringValue("keys") }

// String hides the keys from everything that prints.
func (k Keys) String() string { return "keys" }

// GoString hides the keys from %#v too.
func (k Keys) GoString() string { return "media.Keys{}" }

func (k Keys) check() error {
	if k == (Keys{}) {
		return nil
	}
	n := k.Suite.KeyLen()
	if n == 0 || len(k.In) != n || len(k.Out) != n || k.In == k.Out {
		return sotto.FailField("sdp.crypto", "The keys for encrypted audio do not fit the cipher. Offer another, or call without.")
	}
	return nil
}

// crypt encrypts and decrypts the packets of one port. A port has a new one
// for each change of keys; what did not change is carried over.
type crypt struct {
	keys Keys

	mu    sync.Mutex // guards what follows, the way in
	in    *srtp.Context
	carry *srtp.Context // the new key with the counter of the old one (RFC 3711 3.3.1)
	old   *srtp.Context // the key before, for packets still on their way
	until time.Duration // when old is forgotten
	hdr   rtp.Header
	plain [maxDatagram]byte

	out    *srtp.Context // the way out; Port.mu guards it
	outHdr rtp.Header
}

// newCrypt makes the contexts for k. was is what the port has now, or nil;
// ssrc is the party's stream, if it has one.
func newCrypt(k Keys, was *crypt, ssrc uint32, now time.Duration) (*crypt, error) {
	c := &crypt{keys: k}
	var err error
	if was != nil && was.keys.Suite == k.Suite && was.keys.Out == k.Out {
		c.out = was.out
	} else if c.out, err = newContext(k.Suite, k.Out); err != nil {
		return nil, err
	}
	if was == nil {
		c.in, err = newContext(k.Suite, k.In)
		return c, err
	}
	was.mu.Lock()
	defer was.mu.Unlock()
	if was.keys.Suite == k.Suite && was.keys.In == k.In {
		c.in, c.carry, c.old, c.until = was.in, was.carry, was.old, was.until
		return c, nil
	}
	if c.in, err = newContext(k.Suite, k.In); err != nil {
		return nil, err
	}
	if roc, ok := was.in.ROC(ssrc); ok && roc > 0 {
		if c.carry, err = newContext(k.Suite, k.In); err != nil {
			return nil, err
		}
		c.carry.SetROC(ssrc, roc)
	}
	c.old, c.until = was.in, now+oldKeys
	return c, nil
}

func newContext(s Suite, key string) (*srtp.Context, error) {
	c, err := srtp.CreateContext([]byte(key[:masterLen]), []byte(key[masterLen:]), s.profile(),
		srtp.SRTPReplayProtection(windowBits), srtp.SRTCPReplayProtection(windowBits))
	if err != nil {
		return nil, sotto.Fail(sotto.Internal, "The keys for encrypted audio cannot be used.") // err might show them
	}
	return c, nil
}

// open decrypts b in place. A packet that is not the party's own, or came
// before, changes nothing.
func (c *crypt) open(b []byte, now time.Duration) ([]byte, drop) {
	if len(b) < headerLen {
		return nil, dropShort
	}
	if len(b) > maxDatagram {
		return nil, dropHuge
	}
	if b[0]>>6 != 2 {
		return nil, dropVersion
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now >= c.until {
		c.old = nil
	}
	for _, one := range [...]*srtp.Context{c.in, c.carry, c.old} {
		if one == nil {
			continue
		}
		plain, err := c.decrypt(one, b)
		if err != nil {
			continue
		}
		switch one {
		case c.in:
			c.carry = nil
		case c.carry:
			c.in, c.carry = one, nil
		}
		return b[:copy(b, plain)], kept
	}
	return nil, dropForged
}

func (c *crypt) decrypt(one *srtp.Context, b []byte) ([]byte, error) {
	if isRTCP(b) {
		return one.DecryptRTCP(c.plain[:0], b, nil)
	}
	return one.DecryptRTP(c.plain[:0], b, &c.hdr)
}

// isRTCP tells RTCP from RTP on one port (RFC 5761 4).
func isRTCP(b []byte) bool { return b[1] >= 192 && b[1] <= 223 }

// seal encrypts the packet b[:n] in place and returns how long it is now, 0
// when it must not be sent. b has room for maxTag more. Port.mu is held.
func (p *Port) seal(b []byte, n int) int {
	c := p.crypt.Load()
	if c == nil {
		return n
	}
	sealed, err := c.out.EncryptRTP(b[:n], b[:n], &c.outHdr)
	if err != nil || len(sealed) > len(b) || &sealed[0] != &b[0] {
		p.e.counters.sendFailed.Add(1) // the key is worn out (RFC 3711 9.2); plain is no way out
		return 0
	}
	return len(sealed)
}

// secure gives the port the keys of its party. Port.mu is held.
func (p *Port) secure(k Keys, now time.Duration) error {
	was := p.crypt.Load()
	if k == (Keys{}) {
		p.crypt.Store(nil)
		return nil
	}
	if was != nil && was.keys == k {
		return nil
	}
	c, err := newCrypt(k, was, p.in.ssrc, now)
	if err != nil {
		return err
	}
	if was == nil || was.out != c.out {
		p.out.restart()
	}
	p.crypt.Store(c)
	return nil
}

// restart begins a stream of another SSRC, for another key: its counter is 0
// for everybody (RFC 3711 3.3.1), and its first number leaves no doubt about
// that when packets are lost (RFC 4568 6.4).
func (o *sender) restart() {
	o.ssrc, o.seq = rand.Uint32(), uint16(rand.Uint32())>>1
	o.source, o.reach = 0, 0
	o.packets, o.octets = 0, 0
}

// proves reports whether a packet from a stranger shows that it is the
// party's: it was encrypted with its key. It is true for plain audio, which
// has no better proof than numbers in sequence. b is decrypted.
func (p *Port) proves(b []byte, now time.Duration) (sealed, ok bool) {
	c := p.crypt.Load()
	if c == nil {
		return false, true
	}
	_, why := c.open(b, now)
	return true, why == kept
}
