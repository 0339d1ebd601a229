package media

import (
	"math/rand/v2"
	"time"
)

const (
	maxDropout  = 3000 // RFC 3550 A.1: a jump ahead larger than this is a new start
	windowBits  = 128  // packets remembered to tell late from double: 2.5 s
	strayPlaces = 3 * SampleRate
	// switchSilence is how long a stream must be silent before another SSRC
	// from the same address takes its place. It keeps out one who forges the
	// party's address while the party talks, and stragglers of the old stream.
	switchSilence = 60 * time.Millisecond
)

// A party may send a little more audio than time goes by, and what a stall has
// held back at once. Who sends more is a flood, or an echo of ourselves: it
// would fill the disk with a recording and the other party's line.
const (
	paceRate   = SampleRate * 11 / 10 // samples a second
	paceDepth  = 5 * SampleRate       // samples at once
	paceLeast  = 40                   // samples that the smallest packet counts for
	pacePeriod = int64(time.Second / paceRate)
)

// pace is what a party may still send. The zero value is full. Port.mu guards it.
type pace struct {
	used int64 // samples
	at   time.Duration
}

// allow takes n samples from what may be sent and reports whether there was
// enough.
func (c *pace) allow(n int, now time.Duration) bool {
	if back := int64(now-c.at) / pacePeriod; back > 0 {
		c.used = max(0, c.used-back)
		c.at += time.Duration(back * pacePeriod)
	}
	cost := int64(max(n, paceLeast))
	if c.used+cost > paceDepth {
		return false
	}
	c.used += cost
	return true
}

// receiver follows the stream of one party. Port.mu guards it.
type receiver struct {
	started bool
	ssrc    uint32
	last    time.Duration // arrival of the last packet of ssrc, since the epoch
	run     uint32        // counts new starts, so that the sender can splice

	maxSeq uint16    // highest number so far
	badSeq uint32    // the number that would prove a new start; > 0xFFFF is none
	seen   [2]uint64 // bit i: maxSeq-i has come
	count  uint64    // numbers between the first and maxSeq, of this start
	got    uint64    // packets of this start

	placed   bool
	ts       uint32        // timestamp of the newest audio packet
	place    int64         // where its first sample belongs, on the engine's timeline
	at       time.Duration // when it arrived
	jitter16 uint64        // interarrival jitter in samples, times 16

	quality Quality // of earlier starts; Duplicate of all
}

// order finds out whether the packet is new, by its SSRC and number, and
// counts it (RFC 3550 A.1).
func (r *receiver) order(p *packet, now time.Duration) drop {
	if !r.started {
		r.start(p)
	}
	if p.ssrc != r.ssrc {
		if now-r.last < switchSilence {
			return dropForeignStream
		}
		r.start(p)
	}
	d := int(int16(p.seq - r.maxSeq))
	if d > maxDropout || d <= -windowBits {
		if r.badSeq != uint32(p.seq) {
			r.badSeq = uint32(p.seq + 1)
			return dropLate
		}
		r.start(p)
		d = 1
	}
	r.last = now
	if d <= 0 {
		bit := &r.seen[-d/64]
		if *bit&(1<<(-d%64)) != 0 {
			r.quality.Duplicate++
			return dropDuplicate
		}
		*bit |= 1 << (-d % 64)
		r.got++
		return kept
	}
	r.shift(uint(d))
	r.maxSeq = p.seq
	r.badSeq = 1 << 16
	r.count += uint64(d)
	r.got++
	return kept
}

// start begins a new numbering, before the packet p.
func (r *receiver) start(p *packet) {
	r.quality.Received += r.got
	r.quality.Lost += r.lost()
	if r.started {
		r.run++
	}
	r.started, r.placed = true, false
	r.ssrc, r.maxSeq, r.badSeq = p.ssrc, p.seq-1, 1<<16
	r.count, r.got = 0, 0
	r.seen = [2]uint64{^uint64(0), ^uint64(0)} // what was before the first is not wanted
}

// shift moves the window by n numbers and marks the newest as seen.
func (r *receiver) shift(n uint) {
	switch {
	case n >= 128:
		r.seen = [2]uint64{}
	case n >= 64:
		r.seen = [2]uint64{0, r.seen[0] << (n - 64)}
	default:
		r.seen[1] = r.seen[1]<<n | r.seen[0]>>(64-n)
		r.seen[0] <<= n
	}
	r.seen[0] |= 1
}

func (r *receiver) lost() uint64 {
	if r.got >= r.count {
		return 0
	}
	return r.count - r.got
}

// locate returns the place of an audio packet on the engine's timeline, and
// false when it belongs to a stretch of time that is closed. order has kept
// the packet.
func (r *receiver) locate(p *packet, now time.Duration) (place int64, ok bool) {
	here := samples(now)
	newest := p.seq == r.maxSeq
	if r.placed {
		step := int64(int32(p.ts - r.ts))
		place = r.place + step
		if stray := place - here; stray < strayPlaces && stray > -strayPlaces {
			if newest {
				r.measure(step, now)
				r.ts, r.place, r.at = p.ts, place, now
			}
			return place, true
		}
		if !newest {
			return 0, false
		}
		r.run++
	}
	r.placed = true
	r.ts, r.place, r.at = p.ts, here, now
	return here, true
}

// measure adds one interval to the jitter (RFC 3550 6.4.1, A.8).
func (r *receiver) measure(step int64, now time.Duration) {
	d := samples(now-r.at) - step
	if d < 0 {
		d = -d
	}
	r.jitter16 += uint64(d) - (r.jitter16+8)>>4
}

func (r *receiver) report() Quality {
	q := r.quality
	q.Received += r.got
	q.Lost += r.lost()
	q.Jitter = time.Duration(r.jitter16>>4) * time.Second / SampleRate
	return q
}

// samples is how many samples a stretch of time holds.
func samples(d time.Duration) int64 {
	return int64(d/time.Second)*SampleRate + int64(d%time.Second)*SampleRate/int64(time.Second)
}

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

	packets, octets uint32 // sent of this SSRC, about
}

func newSender(now time.Duration) sender {
	return sender{ssrc: rand.Uint32(), seq: uint16(rand.Uint32()) >> 1, ts: rand.Uint32(), at: now}
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
	o.packets++
	o.octets += span
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
