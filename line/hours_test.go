package line

import (
	"testing"
	"time"

	"sotto"
)

func TestOpenGoesByTheClockOnTheWall(t *testing.T) {
	office := Hours{Zone: "Europe/Paris", Spans: []Span{
		{time.Monday, 9 * 60, 12 * 60}, {time.Monday, 14 * 60, 18 * 60}, {time.Sunday, 2 * 60, 3 * 60}, {time.Saturday, 20 * 60, 24 * 60},
	}}
	bank := Hours{Zone: "Europe/Paris", Spans: []Span{{time.Thursday, 0, 1440}, {time.Friday, 0, 1440}, {time.Saturday, 0, 1440}},
		Holidays: []Holiday{{Name: "Noël", First: "2026-12-25", Last: "2026-12-25"}}}
	at := func(zone, text string) time.Time {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		v, err := time.ParseInLocation("2006-01-02 15:04:05", text, loc)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name  string
		hours Hours
		now   time.Time
		want  bool
	}{
		{"no spans at all", Hours{Zone: "Europe/Paris"}, at("UTC", "2026-01-01 03:00:00"), true},
		{"the first second", office, at("Europe/Paris", "2026-01-05 09:00:00"), true},
		{"one second before", office, at("Europe/Paris", "2026-01-05 08:59:59"), false},
		{"the last second", office, at("Europe/Paris", "2026-01-05 11:59:59"), true},
		{"the closing second", office, at("Europe/Paris", "2026-01-05 12:00:00"), false},
		{"the second span", office, at("Europe/Paris", "2026-01-05 17:30:00"), true},
		{"another day", office, at("Europe/Paris", "2026-01-06 10:00:00"), false},
		{"a second before midnight", office, at("Europe/Paris", "2026-01-03 23:59:59"), true},
		{"asked in another zone", office, at("America/New_York", "2026-01-05 03:30:00"), true},
		{"winter time, in UTC", office, at("UTC", "2026-01-05 08:00:00"), true},
		{"summer time, in UTC", office, at("UTC", "2026-07-06 07:00:00"), true},
		{"summer time, an hour early", office, at("UTC", "2026-07-06 06:59:00"), false},
		// 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC, so this hour is not.
		{"just before the skipped hour", office, at("UTC", "2026-03-29 00:59:59"), false},
		{"the skipped hour", office, at("UTC", "2026-03-29 01:00:00"), false},
		// 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC: 02:00 comes twice.
		{"the hour the first time", office, at("UTC", "2026-10-25 00:30:00"), true},
		{"the hour the second time", office, at("UTC", "2026-10-25 01:30:00"), true},
		{"after both", office, at("UTC", "2026-10-25 02:00:00"), false},
		{"the last second before a holiday", bank, at("Europe/Paris", "2026-12-24 23:59:59"), true},
		{"a holiday's first second", bank, at("Europe/Paris", "2026-12-25 00:00:00"), false},
		{"a holiday's last second", bank, at("Europe/Paris", "2026-12-25 23:59:59"), false},
		{"the first second after", bank, at("UTC", "2026-12-25 23:00:00"), true},
		{"a zone that cannot be read counts as UTC", Hours{Zone: "Nowhere", Spans: []Span{{time.Monday, 600, 660}}}, at("UTC", "2026-01-05 10:30:00"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.hours.Open(c.now); got != c.want {
				t.Errorf("Open(%v) = %v, want %v", c.now, got, c.want)
			}
		})
	}
}

func TestHoursThatCannotBeMeantAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		hours Hours
		field string
	}{
		{"no zone", Hours{}, "time_zone"},
		{"the machine's zone", Hours{Zone: "Local"}, "time_zone"},
		{"an unknown zone", Hours{Zone: "Europe/Atlantis"}, "time_zone"},
		{"a path out of the zones", Hours{Zone: "../../etc/passwd"}, "time_zone"},
		{"an eighth day", Hours{Zone: "UTC", Spans: []Span{{7, 0, 10}}}, "hours"},
		{"ends before it begins", Hours{Zone: "UTC", Spans: []Span{{1, 600, 540}}}, "hours"},
		{"no length", Hours{Zone: "UTC", Spans: []Span{{1, 600, 600}}}, "hours"},
		{"beyond midnight", Hours{Zone: "UTC", Spans: []Span{{1, 600, 1441}}}, "hours"},
		{"overlapping", Hours{Zone: "UTC", Spans: []Span{{1, 600, 700}, {1, 540, 601}}}, "hours"},
		{"a nameless holiday", Hours{Zone: "UTC", Holidays: []Holiday{{First: "2026-12-25", Last: "2026-12-25"}}}, "name"},
		{"a day that is none", Hours{Zone: "UTC", Holidays: []Holiday{{Name: "x", First: "2026-02-30", Last: "2026-03-01"}}}, "start_date"},
		{"a holiday that ends first", Hours{Zone: "UTC", Holidays: []Holiday{{Name: "x", First: "2026-12-25", Last: "2026-12-24"}}}, "end_date"},
		{"a holiday of years", Hours{Zone: "UTC", Holidays: []Holiday{{Name: "x", First: "2026-12-25", Last: "2028-12-24"}}}, "end_date"},
		{"OK: a day", Hours{Zone: "UTC", Holidays: []Holiday{{Name: "Noël", First: "2026-12-25", Last: "2026-12-25"}}}, ""},
		{"OK: touching", Hours{Zone: "UTC", Spans: []Span{{1, 600, 700}, {1, 540, 600}}}, ""},
		{"OK: the whole week", Hours{Zone: "Asia/Kathmandu", Spans: []Span{{0, 0, 1440}, {6, 0, 1440}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.hours.check()
			if got := sotto.FieldOf(err); got != c.field || (err != nil) != (c.field != "") {
				t.Errorf("check = %v, want field %q", err, c.field)
			}
		})
	}
}
