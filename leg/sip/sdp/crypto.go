package sdp

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"sotto/leg/media"
)

// Policy is whether a side takes encrypted audio.
type Policy uint8

// The policies.
const (
	// Plain takes no encrypted audio: whoever reads the signalling has the keys.
	Plain Policy = iota
	// Opportunistic encrypts when the other side can (RFC 8643 3).
	Opportunistic
	// Required takes encrypted audio only.
	Required
)

// maxCrypto is how many a=crypto lines of a stream we read.
const maxCrypto = 16

// Crypto is one a=crypto line: a suite and the key of the side that wrote it
// (RFC 4568 4). No log shows the key.
type Crypto struct {
	Tag   int
	Suite media.Suite
	Key   string // master key and salt, Suite.KeyLen bytes
}

// LogValue hides the key from every log.
func (c Crypto) LogValue() slog.Value { return slog.StringValue("crypto") }

// String hides the key from everything that prints.
func (c Crypto) String() string { return "crypto" }

// GoString hides the key from %#v too.
func (c Crypto) GoString() string { return "sdp.Crypto{}" }

// line writes c with a tag.
func (c Crypto) line(tag int) string {
	return fmt.Sprintf("a=crypto:%d %s inline:%s\r\n", tag, c.Suite, base64.StdEncoding.EncodeToString([]byte(c.Key)))
}

// parseCrypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20". A line that
// asks for what we do not do is as if it were not there (RFC 4568 5.1.2):
// several keys, key identifiers, and session parameters that may not be
// ignored.
func parseCrypto(v string) (Crypto, bool) {
	f := strings.Fields(v)
	if len(f) < 3 {
		return Crypto{}, false
	}
	for _, p := range f[3:] {
		if !strings.HasPrefix(p, "-") {
			return Crypto{}, false
		}
	}
	tag, err := number(f[0], 999999999)
	if err != nil {
		return Crypto{}, false
	}
	c := Crypto{Tag: tag, Suite: media.Suite(f[1])}
	params, ok := strings.CutPrefix(f[2], "inline:")
	if !ok || c.Suite.KeyLen() == 0 || strings.ContainsAny(params, ";:") {
		return Crypto{}, false
	}
	text, _, _ := strings.Cut(params, "|") // the lifetime is longer than any call
	key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(key) != c.Suite.KeyLen() {
		return Crypto{}, false
	}
	c.Key = string(key)
	return c, true
}

// keys finds the first of the peer's lines whose suite we have a key for.
func (m *Media) keys(l *Local) (media.Keys, int) {
	for _, theirs := range m.crypto {
		i := slices.IndexFunc(l.Crypto, func(c Crypto) bool { return c.Suite == theirs.Suite })
		if i >= 0 && l.Crypto[i].Key != theirs.Key { // our own key back is an echo of us
			return media.Keys{Suite: theirs.Suite, In: theirs.Key, Out: l.Crypto[i].Key}, theirs.Tag
		}
	}
	return media.Keys{}, 0
}

// secured finds the keys for a stream and whether the stream may be had as l
// wants it.
func (m *Media) secured(l *Local) (k media.Keys, tag int, ok bool) {
	closed := m.Proto == "RTP/SAVP" || m.Proto == "RTP/SAVPF"
	if !closed && m.Proto != "RTP/AVP" && m.Proto != "RTP/AVPF" {
		return k, 0, false
	}
	if l.Secure == Plain {
		return k, 0, !closed
	}
	k, tag = m.keys(l)
	open := k == media.Keys{}
	return k, tag, !open || !closed && l.Secure != Required
}
