package media

import (
	"net/netip"
	"time"

	"sotto"
)

// Remote is the other end of a port as SDP describes it.
type Remote struct {
	// Addr is where the party wants its audio, and whence it should send.
	Addr netip.AddrPort
	// Law is the law we send in. Both static payload types are always
	// understood when they arrive.
	Law Law
	// PayloadType is what we send Law as: 0, 8, or a dynamic one.
	PayloadType uint8
	// EventType is the payload type of telephone events (RFC 4733) that the
	// party understands; 0 when it takes none.
	EventType uint8
	// EventTypeIn is the payload type we gave for telephone events, when it
	// is not the same as EventType; 0 means it is.
	EventTypeIn uint8
	// Ptime is how much audio a packet of ours holds (RFC 8866 6.4). 0 means
	// 20 ms; what is not a multiple of 10 ms up to 60 ms becomes 20 ms.
	Ptime time.Duration
	// Signal is the address the party's signalling comes from. A party behind
	// a NAT may send its audio from there instead of Addr. The zero value
	// allows the host of Addr only.
	Signal netip.Addr
	// Send is whether the party is to hear anything, Receive whether it is to
	// be heard (RFC 3264 5.1, seen from our side). On hold one or both are false.
	Send, Receive bool
}

// check refuses what cannot work with a socket bound to bound.
func (r *Remote) check(bound netip.Addr) error {
	a := r.Addr.Addr()
	switch {
	case !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || r.Addr.Port() == 0:
		return sotto.FailField("sdp.address", "The party gave no address to send audio to. For hold, keep the old address and say that nothing is sent.")
	case a.Is6() && bound.Is4():
		return sotto.FailField("sdp.address", "The party's audio address is IPv6 and this desk takes audio over IPv4 only. Bind the audio to an IPv6 address.")
	case a.Is4() && bound.Is6() && !bound.IsUnspecified():
		return sotto.FailField("sdp.address", "The party's audio address is IPv4 and this desk takes audio over IPv6 only. Bind the audio to :: or to an IPv4 address.")
	case r.Law != Mulaw && r.Law != Alaw:
		return sotto.FailField("sdp.codec", "Only G.711 µ-law and A-law are spoken here. Offer PCMU or PCMA.")
	case r.PayloadType > 127 || r.EventType > 127 || r.EventTypeIn > 127:
		return sotto.FailField("sdp.codec", "An RTP payload type is at most 127.")
	case r.EventType == r.PayloadType && r.EventType != 0,
		r.EventType == uint8(Alaw), r.EventTypeIn == uint8(Alaw):
		return sotto.FailField("sdp.codec", "Audio and telephone events must have different RTP payload types.")
	}
	return nil
}

// frame is how many samples a packet of ours holds.
func (r *Remote) frame() int {
	t := r.Ptime
	if t <= 0 || t > 60*time.Millisecond || t%(10*time.Millisecond) != 0 {
		t = 20 * time.Millisecond
	}
	return int(samples(t))
}

// kind is what a packet holds.
type kind uint8

const (
	kindUnknown kind = iota
	kindMulaw
	kindAlaw
	kindEvent
)

func (k kind) law() Law {
	if k == kindAlaw {
		return Alaw
	}
	return Mulaw
}

// kind tells what a payload type means on its way in.
func (r *Remote) kind(pt uint8) kind {
	switch {
	case pt != 0 && (pt == r.EventTypeIn || pt == r.EventType):
		return kindEvent
	case pt == uint8(Mulaw):
		return kindMulaw
	case pt == uint8(Alaw):
		return kindAlaw
	case pt == r.PayloadType && r.Law == Alaw:
		return kindAlaw
	case pt == r.PayloadType:
		return kindMulaw
	}
	return kindUnknown
}
