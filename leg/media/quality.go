package media

import "time"

// Quality is how the audio of one party fared, both ways.
type Quality struct {
	Received  uint64        // packets, without duplicates
	Lost      uint64        // packets that were numbered and never came
	Duplicate uint64        // packets that came twice
	Jitter    time.Duration // interarrival jitter, smoothed over 16 packets (RFC 3550 6.4.1)

	// What the party reports of our audio, if it reports (RFC 3550 6.4).
	Reports    uint64
	RemoteLost float64       // the share that did not arrive, 0 to 1; the mean of the reports
	RoundTrip  time.Duration // to the party and back, the mean; 0 when not known
	// Connected is how long ago Connect first gave the party an address.
	Connected time.Duration
}

// Issue is one word about how a call sounded, of a closed list.
type Issue string

// The issues, and from where on they are one.
const (
	HighJitter     Issue = "high_jitter"               // over 30 ms at the end
	HighLatency    Issue = "high_latency"              // a round trip over 300 ms: 150 ms one way (ITU-T G.114)
	HighPacketLoss Issue = "high_packet_loss"          // over 5 % either way
	Silence        Issue = "silence"                   // not a packet in 5 s or more
	NoIssue        Issue = "none"                      // none of these
	NoInformation  Issue = "information_not_available" // not a packet, and not yet 5 s
)

const (
	tooMuchJitter = 30 * time.Millisecond
	tooLongTrip   = 300 * time.Millisecond
	tooMuchLoss   = 0.05
	silentAfter   = 5 * time.Second
)

// Issues returns what was wrong, at least one word. Silence, NoIssue and
// NoInformation stand alone.
func (q Quality) Issues() []Issue {
	switch {
	case q.Received == 0 && q.Connected >= silentAfter:
		return []Issue{Silence}
	case q.Received == 0:
		return []Issue{NoInformation}
	}
	var found []Issue
	if q.Jitter > tooMuchJitter {
		found = append(found, HighJitter)
	}
	if q.RoundTrip > tooLongTrip {
		found = append(found, HighLatency)
	}
	if float64(q.Lost) > tooMuchLoss*float64(q.Received+q.Lost) || q.RemoteLost > tooMuchLoss {
		found = append(found, HighPacketLoss)
	}
	if found == nil {
		return []Issue{NoIssue}
	}
	return found
}

// Quality tells how the party's audio fares so far. A port that was closed
// keeps its last.
func (p *Port) Quality() Quality {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.in.report()
	if c := p.control; c != nil {
		q.Reports = c.reports
		if c.reports > 0 {
			q.RemoteLost = c.lost / float64(c.reports)
		}
		if c.trips > 0 {
			q.RoundTrip = c.trip / time.Duration(c.trips)
		}
	}
	if p.connectedAt != 0 {
		q.Connected = max(0, p.e.now()-p.connectedAt)
	}
	return q
}
