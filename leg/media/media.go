// Package media moves audio: RTP in, RTP out, prompts, digits, bridges, and
// taps for the recorder.
//
// It owns the media sockets (the only ones besides leg/sip's) and the clock of
// the audio, which is the sender's: a packet in is a packet out at once, so a
// stall of the process is a blip and never a lag. Prompts alone have a clock
// of ours, one schedule for all. It stores nothing and logs no address.
//
// An Engine holds the sockets. A Port is one party's audio: what arrives from
// that party, and what is sent to it. Many ports share few sockets and are
// told apart by the party's address; who is not a party neither hears nor is
// heard. Package leg/sip opens and connects ports; package call bridges them;
// package recording taps them.
package media

import "time"

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

// Quality is what arrived of one party's audio (RFC 3550 6.4.1).
type Quality struct {
	Received  uint64        // packets, without duplicates
	Lost      uint64        // packets that were numbered and never came
	Duplicate uint64        // packets that came twice
	Jitter    time.Duration // interarrival jitter, smoothed over 16 packets
}
