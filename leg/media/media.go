// Package media moves audio: RTP in, RTP out, prompts, digits, bridges, and
// taps for the recorder.
//
// It owns the media sockets (the only ones besides leg/sip's) and the clock of
// the audio, which is the sender's: nothing here is driven by a ticker, so a
// stall of the process is a blip and never a lag. It stores nothing.
package media

// Law is a G.711 companding law (ITU-T G.711).
type Law uint8

// The two laws and their static RTP payload types (RFC 3551 6).
const (
	Mulaw Law = 0
	Alaw  Law = 8
)

// Digit is one key press, decoded from RFC 4733 events. It is never logged
// and never recorded.
type Digit byte

// Frame is a stretch of one party's audio as it came off the wire.
type Frame struct {
	// At is the first sample's place on the leg's own timeline, in samples
	// (8000 a second) since the port was opened. It comes from the RTP
	// timestamp, so loss leaves a gap and reordering does not shuffle.
	At int64
	// Law says how Payload is coded; it may change between frames.
	Law Law
	// Payload holds the samples, one byte each. It is only valid during the
	// call to Push: copy what you keep.
	Payload []byte
}

// Sink takes the frames of one party. Push is called on the relay's own
// goroutine and must neither block nor allocate: what it cannot take at once
// it must count and drop.
type Sink interface {
	Push(f Frame)
}
