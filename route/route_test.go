package route_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto/line"
	"sotto/route"
)

func TestFollow(t *testing.T) {
	monday := time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)
	open := line.Hours{Zone: "UTC", Spans: []line.Span{{Day: time.Monday, Opens: 540, Closes: 1080}}}
	for _, c := range []struct {
		name      string
		hours     line.Hours
		voicemail bool
		wait      time.Duration
		at        time.Time
		want      route.Destination
	}{
		{"open, messages taken", open, true, time.Minute, monday,
			route.Destination{Kind: route.Agents, First: line.Greeting, Overflow: route.Voicemail, Ring: 20 * time.Second, Wait: time.Minute, InHours: true}},
		{"open, no messages", open, false, time.Minute, monday,
			route.Destination{Kind: route.Agents, First: line.Greeting, Overflow: route.Closed, Ring: 20 * time.Second, Wait: time.Minute, InHours: true}},
		{"always open", line.Hours{Zone: "UTC"}, true, time.Minute, monday.Add(12 * time.Hour),
			route.Destination{Kind: route.Agents, First: line.Greeting, Overflow: route.Voicemail, Ring: 20 * time.Second, Wait: time.Minute, InHours: true}},
		{"closed, messages taken", open, true, time.Minute, monday.Add(12 * time.Hour),
			route.Destination{Kind: route.Voicemail, First: line.OutOfHours}},
		{"closed, no messages", open, false, time.Minute, monday.Add(-time.Hour),
			route.Destination{Kind: route.Closed, First: line.OutOfHours}},
		{"an answering machine", open, true, 0, monday,
			route.Destination{Kind: route.Voicemail, First: line.Greeting, InHours: true}},
		{"an announcement", open, false, 0, monday,
			route.Destination{Kind: route.Closed, First: line.Greeting, InHours: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := line.Line{Settings: line.Settings{Hours: c.hours, Voicemail: c.voicemail, Ring: 20 * time.Second, Wait: c.wait}}
			if diff := cmp.Diff(c.want, route.Follow(l, c.at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
