package line

import (
	"cmp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // opening hours must not depend on what the machine has installed

	"sotto"
)

// day is how many minutes a span can reach to.
const day = 24 * 60

// The limits of hours.
const (
	maxSpans    = 7 * 24
	maxHolidays = 500
)

// Hours are when a line is open, on the clock on the wall of Zone. No spans
// at all are always open.
type Hours struct {
	Zone     string // IANA, as "Europe/Paris"
	Spans    []Span
	Holidays []Holiday // days it is closed on; they mean nothing without spans
}

// Span is one stretch of a weekday, from Opens up to but not including
// Closes, in minutes after midnight. 24:00 is 1440.
type Span struct {
	Day           time.Weekday
	Opens, Closes int
}

// Holiday is days on which a line is closed all day.
type Holiday struct {
	ID          int64 // 0 until it is stored
	Name        string
	First, Last string // days, as "2026-12-25"; both are closed
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
	date := local.Format(time.DateOnly)
	if slices.ContainsFunc(h.Holidays, func(d Holiday) bool { return d.First <= date && date <= d.Last }) {
		return false
	}
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(h.Spans, func(s Span) bool {
		return s.Day == local.Weekday() && s.Opens <= minute && minute < s.Closes
	})
}

func (h Hours) equal(o Hours) bool {
	return h.Zone == o.Zone && slices.Equal(h.Spans, o.Spans) && slices.Equal(h.Holidays, o.Holidays)
}

// check refuses hours that cannot be meant, and sorts them.
func (h *Hours) check() error {
	if h.Zone == "" || h.Zone == "Local" {
		return sotto.FailField("time_zone", "Name the time zone of the opening hours, as Europe/Paris.")
	}
	if _, err := time.LoadLocation(h.Zone); err != nil {
		return sotto.FailField("time_zone", "There is no such time zone. Write it as Europe/Paris.")
	}
	if len(h.Spans) > maxSpans {
		return sotto.FailField("hours", "Opening hours are at most 168 spans a week.")
	}
	h.Spans = slices.Clone(h.Spans)
	slices.SortFunc(h.Spans, func(a, b Span) int { return cmp.Or(int(a.Day)-int(b.Day), a.Opens-b.Opens) })
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
	return h.checkHolidays()
}

func (h *Hours) checkHolidays() error {
	if len(h.Holidays) > maxHolidays {
		return sotto.FailField("holidays", "A schedule has at most 500 holidays.")
	}
	h.Holidays = slices.Clone(h.Holidays)
	for i := range h.Holidays {
		d := &h.Holidays[i]
		d.Name = strings.TrimSpace(d.Name)
		first, err1 := time.Parse(time.DateOnly, d.First)
		last, err2 := time.Parse(time.DateOnly, d.Last)
		switch {
		case d.Name == "" || !plain(d.Name):
			return sotto.FailField("name", "Give the holiday a name of at most 255 bytes.")
		case err1 != nil || first.Year() < 2000 || first.Year() > 2999:
			return sotto.FailField("start_date", "Write the first day of the holiday as 2026-12-25.")
		case err2 != nil || last.Before(first):
			return sotto.FailField("end_date", "Write the last day of the holiday as 2026-12-26; it is not before the first.")
		case last.Sub(first) > 366*24*time.Hour:
			return sotto.FailField("end_date", "A holiday is at most a year long.")
		}
	}
	slices.SortStableFunc(h.Holidays, func(a, b Holiday) int {
		return cmp.Or(strings.Compare(a.First, b.First), strings.Compare(a.Last, b.Last), cmp.Compare(a.ID, b.ID))
	})
	return nil
}
