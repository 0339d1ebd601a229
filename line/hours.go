package line

import (
	"slices"
	"time"
	_ "time/tzdata" // opening hours must not depend on what the machine has installed

	"sotto"
)

// day is how many minutes a span can reach to.
const day = 24 * 60

// Hours are when a line is open, on the clock on the wall of Zone. No spans
// at all are always open.
type Hours struct {
	Zone  string // IANA, as "Europe/Paris"
	Spans []Span
}

// Span is one stretch of a weekday, from Opens up to but not including
// Closes, in minutes after midnight. 24:00 is 1440.
type Span struct {
	Day           time.Weekday
	Opens, Closes int
}

// Open reports whether the line is open at now. It goes by the clock on the
// wall: an hour that summer time skips is not open, one that comes twice is
// open twice. A zone that cannot be read counts as UTC; check refuses it
// before it is stored.
func (h Hours) Open(now time.Time) bool {
	if len(h.Spans) == 0 {
		return true
	}
	zone, err := time.LoadLocation(h.Zone)
	if err != nil {
		zone = time.UTC
	}
	local := now.In(zone)
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(h.Spans, func(s Span) bool {
		return s.Day == local.Weekday() && s.Opens <= minute && minute < s.Closes
	})
}

// check refuses hours that cannot be meant, and sorts the spans.
func (h *Hours) check() error {
	if h.Zone == "" || h.Zone == "Local" {
		return sotto.FailField("time_zone", "Name the time zone of the opening hours, as Europe/Paris.")
	}
	if _, err := time.LoadLocation(h.Zone); err != nil {
		return sotto.FailField("time_zone", "There is no such time zone. Write it as Europe/Paris.")
	}
	h.Spans = slices.Clone(h.Spans)
	slices.SortFunc(h.Spans, func(a, b Span) int {
		if a.Day != b.Day {
			return int(a.Day) - int(b.Day)
		}
		return a.Opens - b.Opens
	})
	for i, s := range h.Spans {
		switch {
		case s.Day < time.Sunday || s.Day > time.Saturday:
			return sotto.FailField("hours", "A weekday is 0 (Sunday) to 6 (Saturday).")
		case s.Opens < 0 || s.Closes > day || s.Opens >= s.Closes:
			return sotto.FailField("hours", "Opening hours must end after they begin, on the same day. Give two spans for a night.")
		case i > 0 && h.Spans[i-1].Day == s.Day && s.Opens < h.Spans[i-1].Closes:
			return sotto.FailField("hours", "Two opening hours of one day overlap. Join them.")
		}
	}
	return nil
}
