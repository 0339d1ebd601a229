// Package media moves audio: RTP in, RTP out, prompts, digits, who hears whom,
// and taps for the recorder.
//
// It owns the media sockets (the only ones besides leg/sip's) and the clock of
// the audio, which is the sender's: a packet in is a packet out at once (when
// hundreds of calls are up, within Config.Gather), so a stall of the process is
// a blip and never a lag. Prompts, and the sums for those who hear several,
// alone have a clock of ours, one schedule for all. It stores nothing and logs
// no address.
//
// An Engine holds the sockets. A Port is one party's audio: what arrives from
// that party, and what is sent to it. Many ports share few sockets and are
// told apart by the party's address; who is not a party neither hears nor is
// heard. Package leg/sip opens and connects ports; package flow joins them by
// Bridge and Mix; package recording taps them.
package media

import (
	"net/netip"
	"time"

	"sotto"
)

// Law is a G.711 companding law (ITU-T G.711).
type Law uint8

// The two laws and their static RTP payload types (RFC 3551 6).
const (
	Mulaw Law = 0
	Alaw  Law = 8
)

// SampleRate is the number of samples in a second, and of bytes: one each.
const SampleRate = 8000

// Frame is a stretch of one party's audio as it came off the wire.
type Frame struct {
	// At is the first sample's place on the engine's timeline, in samples
	// (8000 a second) since Engine.Epoch. All ports of an engine share it, so
	// two parties' frames with the same At were spoken at the same time. It
	// comes from the RTP timestamp, anchored on the arrival of the stream's
	// first packet: loss leaves a gap and reordering does not shuffle. A new
	// SSRC, or a timestamp that strays more than 3 s from the arrival, anchors
	// again. Engine.Now is the present place.
	At int64
	// Law says how Payload is coded; it may change between frames.
	Law Law
	// Key says that the party pressed a key a moment ago, as telephone events
	// tell: its tone may be in the audio too.
	Key bool
	// Payload holds the samples, one byte each. It is only valid during the
	// call to Push: copy what you keep.
	Payload []byte
}

// Sink takes the frames of one party. Push is called on the relay's own
// goroutine, one call at a time for one tap, and must neither block nor
// allocate: what it cannot take at once it must count and drop. A Push that
// panics takes its tap down and nothing else.
type Sink interface {
	Push(f Frame)
}

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
	// Keys encrypt the audio; the zero value leaves it plain. Other keys than
	// before take over at once, and the old ones decrypt for 2 s more.
	Keys Keys
	// RTCPMux is whether the party takes reports (RTCP) at Addr too, as was
	// agreed (RFC 5761 5.1.1). It is sent none otherwise.
	RTCPMux bool
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
	case r.Keys.check() != nil:
		return r.Keys.check()
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
