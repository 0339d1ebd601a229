package media

import (
	"encoding/binary"
	"log/slog"
	"strings"
	"time"
)

// Digit is one key press: '0' to '9', '*', '#', 'A' to 'D' (RFC 4733 3.2). It
// is never logged and never recorded.
type Digit byte

// keys lists the digits in the order of their event codes (RFC 4733 3.2).
const keys = "0123456789*#ABCD"

// ParseDigit returns the key that c names, in either case, and whether it
// names one.
func ParseDigit(c byte) (Digit, bool) {
	if c >= 'a' && c <= 'd' {
		c -= 'a' - 'A'
	}
	if strings.IndexByte(keys, c) < 0 {
		return 0, false
	}
	return Digit(c), true
}

// LogValue hides the key from every log.
func (d Digit) LogValue() slog.Value { return slog.StringValue("key") }

// event is the payload of a telephone event (RFC 4733 2.3).
type event struct {
	code     uint8
	end      bool
	duration uint16 // in samples, so far
}

const eventLen = 4

// parseEvent reads the first event of a payload.
func parseEvent(b []byte) (event, bool) {
	if len(b) < eventLen {
		return event{}, false
	}
	return event{code: b[0], end: b[1]&0x80 != 0, duration: binary.BigEndian.Uint16(b[2:])}, true
}

// put writes the event at -10 dBm0, the level of our tones.
func (v event) put(b []byte) {
	b[0], b[1] = v.code, 10
	if v.end {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], v.duration)
}

// sameKey is how long after a packet of a key another of the same key with
// no shorter duration is taken as its continuation although its timestamp
// differs: there are telephones that let the timestamp run.
const sameKey = 60 * time.Millisecond

// keyReader turns event packets into key presses. A press counts when its
// first packet comes, whichever that is: nothing depends on the end packets,
// so their loss loses nothing. Port.mu guards it.
type keyReader struct {
	begun bool
	ssrc  uint32
	ts    uint32 // timestamp of the newest press
	last  event
	at    time.Duration
}

// read returns a digit for the first packet of a press.
func (k *keyReader) read(v event, p *packet, now time.Duration) (Digit, bool) {
	since, last := now-k.at, k.last
	known := k.begun && p.ssrc == k.ssrc
	ahead := int32(p.ts - k.ts)
	if known && ahead < 0 && ahead > -strayPlaces {
		return 0, false // a packet of an earlier press, out of order
	}
	same := known && ahead == 0
	if known && v.code == last.code && !same {
		// RFC 4733 2.5.1.3: a press longer than 8 s goes on in a new segment.
		segment := !p.marker && last.duration == 0xFFFF && ahead == 0xFFFF
		runs := !p.marker && v.duration >= last.duration && since < sameKey
		same = segment || runs
	}
	k.begun, k.ssrc, k.ts, k.at = true, p.ssrc, p.ts, now
	k.last = v
	if same || int(v.code) >= len(keys) {
		return 0, false
	}
	return Digit(keys[v.code]), true
}

// code is the event code of d, which ParseDigit made.
func (d Digit) code() uint8 { return uint8(strings.IndexByte(keys, byte(d))) }
