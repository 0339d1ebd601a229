package media

import "encoding/binary"

const (
	headerLen = 12 // RFC 3550 5.1, without CSRC
	// maxDatagram is the longest packet we take: an Ethernet frame's worth.
	// G.711 needs 492 bytes at 60 ms.
	maxDatagram = 1472
)

// Reason is why a packet was not used. It is a few lower-case words, fit for
// a metric's label.
type Reason string

// The reasons.
const (
	ReasonUnknownSource Reason = "unknown source"  // not a party's address
	ReasonLatching      Reason = "latching"        // perhaps a party behind a NAT; not proved yet
	ReasonOldCall       Reason = "old call"        // a late packet of a call that is over
	ReasonShort         Reason = "short"           // no room for an RTP header
	ReasonHuge          Reason = "huge"            // longer than any audio we take
	ReasonVersion       Reason = "version"         // not RTP version 2
	ReasonOverrun       Reason = "overrun"         // CSRC list or extension longer than the packet
	ReasonPadding       Reason = "padding"         // padding longer than the payload
	ReasonEmpty         Reason = "empty"           // no payload
	ReasonRTCP          Reason = "rtcp"            // RTCP on the same port (RFC 5761 4): read, and no audio
	ReasonPayloadType   Reason = "payload type"    // one we did not negotiate
	ReasonEvent         Reason = "event"           // a malformed telephone event
	ReasonDuplicate     Reason = "duplicate"       // this number came before
	ReasonLate          Reason = "late"            // too old to be of use
	ReasonForeignStream Reason = "foreign stream"  // another SSRC while the party's own goes on
	ReasonFlood         Reason = "flood"           // more audio than time goes by
	ReasonHeld          Reason = "held"            // the party is not to be heard now
	ReasonEarTaken      Reason = "ear taken"       // the other party hears a prompt or digits now
	ReasonDeaf          Reason = "deaf"            // the other party is not to hear now
	ReasonNoEvents      Reason = "no events there" // the other party takes no telephone events, or is not to have this one
	ReasonForged        Reason = "forged"          // not encrypted with the party's key, or played again
	ReasonUnheard       Reason = "not heard"       // nobody hears this of the party now
)

// drop is a Reason as an index of the counters; 0 is "not dropped".
type drop uint8

const (
	kept drop = iota
	dropUnknownSource
	dropLatching
	dropOldCall
	dropShort
	dropHuge
	dropVersion
	dropOverrun
	dropPadding
	dropEmpty
	dropRTCP
	dropPayloadType
	dropEvent
	dropDuplicate
	dropLate
	dropForeignStream
	dropFlood
	dropHeld
	dropEarTaken
	dropDeaf
	dropNoEvents
	dropForged
	dropUnheard
	dropCount
)

// reason names d; the order is that of the constants above.
func (d drop) reason() Reason {
	names := [dropCount]Reason{"", ReasonUnknownSource, ReasonLatching, ReasonOldCall,
		ReasonShort, ReasonHuge, ReasonVersion, ReasonOverrun, ReasonPadding, ReasonEmpty,
		ReasonRTCP, ReasonPayloadType, ReasonEvent, ReasonDuplicate, ReasonLate,
		ReasonForeignStream, ReasonFlood, ReasonHeld, ReasonEarTaken, ReasonDeaf, ReasonNoEvents, ReasonForged,
		ReasonUnheard}
	return names[d]
}

// packet is an RTP packet taken apart; payload points into the datagram.
type packet struct {
	marker  bool
	pt      uint8
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte
}

// parsePacket takes an RTP packet apart (RFC 3550 5.1, 5.3.1). It believes
// no length it has not compared with b.
func parsePacket(b []byte) (packet, drop) {
	if len(b) < headerLen {
		return packet{}, dropShort
	}
	if len(b) > maxDatagram {
		return packet{}, dropHuge
	}
	if b[0]>>6 != 2 {
		return packet{}, dropVersion
	}
	if isRTCP(b) {
		return packet{}, dropRTCP
	}
	p := packet{
		marker: b[1]&0x80 != 0,
		pt:     b[1] & 0x7F,
		seq:    binary.BigEndian.Uint16(b[2:]),
		ts:     binary.BigEndian.Uint32(b[4:]),
		ssrc:   binary.BigEndian.Uint32(b[8:]),
	}
	start, end := headerLen+4*int(b[0]&0x0F), len(b)
	if b[0]&0x10 != 0 {
		if start+4 > end {
			return packet{}, dropOverrun
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	if start > end {
		return packet{}, dropOverrun
	}
	if b[0]&0x20 != 0 && start < end {
		pad := int(b[end-1])
		if pad == 0 || pad > end-start {
			return packet{}, dropPadding
		}
		end -= pad
	}
	if start == end {
		return packet{}, dropEmpty
	}
	p.payload = b[start:end]
	return p, kept
}

// putHeader writes an RTP header without CSRC or extension into b[:12].
func putHeader(b []byte, marker bool, pt uint8, seq uint16, ts, ssrc uint32) {
	b[0] = 0x80
	b[1] = pt & 0x7F
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
}
