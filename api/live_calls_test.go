package api

import (
	"fmt"
	"testing"
)

func TestOrdersToACallThatIsOverFindNone(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		p := d.phoned("+33199001234", d.line())
		if got := d.ask(d.agent, "GET", "/channels/voice/calls/live.json").is(200); got.at("count") != 0.0 {
			t.Errorf("%s", got.raw)
		}
		if got := d.ask(d.agent, "POST", fmt.Sprintf("/channels/voice/calls/%d/hold", p.call)); got.status < 400 || got.status >= 500 {
			t.Errorf("%d %s", got.status, got.raw)
		}
	})
}
