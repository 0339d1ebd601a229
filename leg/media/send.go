package media

import (
	"math/rand/v2"
	"time"
)

// source names who feeds a sender: a run of a party's stream, one prompt, one
// string of digits. Equal sources continue one another; 0 is nobody.
type source uint64

// sender is the one stream a party gets: one SSRC, one numbering, one
// timeline, whoever feeds it. Port.mu guards it.
//
// The numbers and timestamps of a source are shifted by an offset that is
// fixed when the source takes over, so that its losses and its order reach
// the party as they were: the party's jitter buffer knows better than we do.
type sender struct {
	ssrc   uint32
	source source
	seqOff uint16
	tsOff  uint32
	reach  int // how far back from seq the source's numbers go

	seq  uint16        // highest number sent
	ts   uint32        // highest timestamp sent
	at   time.Duration // when that was, since the epoch
	span uint32        // samples in that packet
}

func newSender(now time.Duration) sender {
	return sender{ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), ts: rand.Uint32(), at: now}
}

// stamp turns a source's number and timestamp into ours. first is true for
// the first packet of a source, which carries the marker (RFC 3551 4.1); its
// timestamp has advanced by the real time since the last packet. ok is false
// for a packet from before the source took over.
func (o *sender) stamp(src source, seq uint16, ts, span uint32, now time.Duration) (outSeq uint16, outTS uint32, first, ok bool) {
	if src != o.source {
		first = true
		gap := max(uint32(samples(now-o.at)), o.span)
		o.source, o.reach = src, 0
		o.seqOff = o.seq + 1 - seq
		o.tsOff = o.ts + gap - ts
	}
	outSeq, outTS = seq+o.seqOff, ts+o.tsOff
	ahead := int(int16(outSeq - o.seq))
	if ahead <= 0 && -ahead >= o.reach {
		return 0, 0, false, false
	}
	if ahead > 0 {
		o.seq = outSeq
		o.reach = min(o.reach+ahead, 1<<15)
	}
	switch d := int32(outTS - o.ts); {
	case d > 0 || first:
		o.ts, o.at, o.span = outTS, now, span
	case d == 0: // a telephone event grows at one timestamp
		o.span = max(o.span, span)
	}
	return outSeq, outTS, first, true
}

// skip closes the hole that a packet of src leaves when it is not for this
// party, so that the party does not take it for loss.
func (o *sender) skip(src source, seq uint16) {
	if src == o.source && seq+o.seqOff == o.seq+1 {
		o.seqOff--
		o.reach = 0
	}
}

// stop ends the source: whoever comes next, or comes back, takes over anew.
func (o *sender) stop() { o.source = 0 }
