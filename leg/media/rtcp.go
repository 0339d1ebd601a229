package media

import (
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

const (
	// reportEvery is the mean time between our reports (RFC 3550 6.2); each
	// wait is half to one and a half of it.
	reportEvery = 5 * time.Second
	// maxTrip is the longest round trip that is believed.
	maxTrip = 10 * time.Second
	// ntpEpoch is 1970 in seconds of NTP.
	ntpEpoch = 2208988800

	rtcpSender   = 200 // RFC 3550 12.1
	rtcpReceiver = 201
	rtcpSource   = 202
	rtcpMaxLen   = 8 + 20 + 24 + 28 // a sender report with one block, and a CNAME
)

// control is what a port has said and heard of how the audio arrives (RFC
// 3550 6). Port.mu guards it.
type control struct {
	due   time.Duration // of our next report
	cname [16]byte      // a name for this port alone, by chance

	run               uint32 // of the receiver, when the last report was made
	count, got        uint64 // of the receiver then
	packets           uint32 // sent by then
	lastReport        uint32 // the middle of the NTP time of the party's last sender report
	lastReportArrived time.Duration

	reports uint64  // of the party about us
	lost    float64 // sum of their shares
	trips   uint64
	trip    time.Duration // sum
}

func newControl(now time.Duration) *control {
	c := &control{due: now + wait(reportEvery/2)}
	var b [12]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	binary.BigEndian.PutUint32(b[8:], rand.Uint32())
	base64.StdEncoding.Encode(c.cname[:], b[:])
	return c
}

// wait is d, by chance up to half shorter or longer (RFC 3550 6.3.1).
func wait(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// report sends the party a report when it is time and the party takes them
// on the port of the audio. p.mu is held.
func (p *Port) report(now time.Duration) {
	if !p.remote.RTCPMux || p.s.wire != nil {
		return
	}
	if p.control == nil {
		p.control = newControl(now)
	}
	if now < p.control.due {
		return
	}
	p.control.due = now + wait(reportEvery)
	var room [rtcpMaxLen + 2*maxTag]byte
	b := p.writeReport(room[:0], now)
	if c := p.crypt.Load(); c != nil {
		var err error
		if b, err = c.out.EncryptRTCP(nil, b, nil); err != nil {
			p.e.counters.sendFailed.Add(1)
			return
		}
	}
	if p.s.send(&p.dest, b) != nil {
		p.e.counters.sendFailed.Add(1)
		return
	}
	p.e.counters.out.Add(1)
}

// writeReport appends a compound packet (RFC 3550 6.1): a sender report if we
// have sent since the last, else a receiver report, and our name.
func (p *Port) writeReport(b []byte, now time.Duration) []byte {
	c, o, four := p.control, &p.out, binary.BigEndian.AppendUint32
	blocks := byte(0)
	if p.in.started {
		blocks = 1
	}
	if o.packets != c.packets {
		ntp := p.e.ntp(now)
		b = append(b, 0x80|blocks, rtcpSender, 0, 6+6*blocks)
		b = four(b, o.ssrc)
		b = four(b, uint32(ntp>>32))
		b = four(b, uint32(ntp))
		b = four(b, o.ts+uint32(samples(now-o.at)))
		b = four(b, o.packets)
		b = four(b, o.octets)
		c.packets = o.packets
	} else {
		b = append(b, 0x80|blocks, rtcpReceiver, 0, 1+6*blocks)
		b = four(b, o.ssrc)
	}
	if blocks == 1 {
		b = p.writeBlock(b, now)
	}
	b = append(b, 0x81, rtcpSource, 0, 6)
	b = four(b, o.ssrc)
	b = append(b, 1, byte(len(c.cname)))
	b = append(b, c.cname[:]...)
	return append(b, 0, 0) // the list ends on a word
}

// writeBlock appends what arrived of the party (RFC 3550 6.4.1, A.3).
func (p *Port) writeBlock(b []byte, now time.Duration) []byte {
	c, r, four := p.control, &p.in, binary.BigEndian.AppendUint32
	if c.run != r.run || c.count > r.count {
		c.run, c.count, c.got = r.run, 0, 0
	}
	expected, lost := r.count-c.count, uint64(0)
	if got := r.got - c.got; got < expected {
		lost = (expected - got) << 8 / expected
	}
	c.count, c.got = r.count, r.got
	var since uint32
	if c.lastReport != 0 {
		since = uint32((now - c.lastReportArrived) << 16 / time.Second)
	}
	b = four(b, r.ssrc)
	b = four(b, uint32(min(lost, 255))<<24|uint32(min(r.lost(), 1<<23-1)))
	b = four(b, uint32(r.maxSeq-uint16(r.count))+uint32(r.count))
	b = four(b, uint32(r.jitter16>>4))
	b = four(b, c.lastReport)
	return four(b, since)
}

// ntp is a time on the engine's clock as NTP has it: seconds and 2^-32 of one.
func (e *Engine) ntp(now time.Duration) uint64 {
	t := e.epoch.Add(now)
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// learn takes what the party reports. p.mu is not held.
func (p *Port) learn(b []byte, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || !p.connected {
		return
	}
	r, ok := parseReport(b, p.out.ssrc)
	if !ok {
		return
	}
	if p.control == nil {
		p.control = newControl(now)
	}
	c := p.control
	if r.sender && r.sent != 0 {
		c.lastReport, c.lastReportArrived = r.sent, now
	}
	if !r.about {
		return
	}
	c.reports++
	c.lost += float64(r.lost) / 256
	if r.last == 0 {
		return
	}
	trip := time.Duration(uint32(p.e.ntp(now)>>16)-r.last-r.since) * time.Second >> 16
	if trip < maxTrip {
		c.trips++
		c.trip += trip
	}
}

// said is what a party's report says that is of use to us.
type said struct {
	sender bool
	sent   uint32 // the middle of the NTP time it was sent at
	about  bool   // it says how our stream arrives:
	lost   uint8  // of 256 since the report before
	last   uint32 // sent of our last sender report that it got
	since  uint32 // how long ago that was, in 2^-16 s
}

// parseReport reads a compound packet (RFC 3550 6.4, A.2) for the stream ours.
// ok is false when a length does not fit; nothing of it counts then.
func parseReport(b []byte, ours uint32) (r said, ok bool) {
	for len(b) > 0 {
		if len(b) < 8 || b[0]>>6 != 2 {
			return said{}, false
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size < 8 || size > len(b) {
			return said{}, false
		}
		one := b[:size]
		b = b[size:]
		at := 8
		switch one[1] {
		case rtcpSender:
			at = 28
		case rtcpReceiver:
		default:
			continue
		}
		if size < at+24*int(one[0]&0x1F) {
			return said{}, false
		}
		if one[1] == rtcpSender {
			r.sender, r.sent = true, binary.BigEndian.Uint32(one[10:])
		}
		for range one[0] & 0x1F {
			if binary.BigEndian.Uint32(one[at:]) == ours {
				r.about, r.lost = true, one[at+4]
				r.last, r.since = binary.BigEndian.Uint32(one[at+16:]), binary.BigEndian.Uint32(one[at+20:])
			}
			at += 24
		}
	}
	return r, true
}
