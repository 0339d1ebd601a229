package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestOverviewOfTheDay(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		l := d.line()
		mine := fmt.Sprintf("/channels/voice/availabilities/%d", d.agent.id)
		d.ask(d.agent, "PUT", mine, `{"availability":{"agent_state":"online"}}`).is(200)
		d.phoned("+33199001234", l)
		d.ms.Add(60_000)
		d.c.Agents.Take(d.agent.id)
		d.c.Agents.Accepted(d.agent.id)
		d.ms.Add(30_000)
		d.c.Agents.Free(d.agent.id, true)
		got := d.ask(d.admin, "GET", "/channels/voice/stats/account_overview.json").is(200)
		for member, want := range map[string]any{"total_calls": 1.0, "total_inbound_calls": 1.0, "total_outbound_calls": 0.0, "total_voicemails": 0.0} {
			if have := got.at("account_overview." + member); have != want {
				t.Errorf("%s = %v, want %v", member, have, want)
			}
		}
		if got := d.ask(d.admin, "GET", "/channels/voice/stats/account_overview?phone_number_ids=4711").is(200); got.at("account_overview.total_calls") != 0.0 {
			t.Errorf("of another line: %s", got.raw)
		}
		d.ask(d.admin, "GET", "/channels/voice/stats/account_overview?phone_number_ids=x").is(400)
		all := d.ask(d.admin, "GET", "/channels/voice/stats/agents_overview").is(200)
		for member, want := range map[string]any{
			"total_calls_accepted": 1.0, "average_calls_accepted": 1.0, "total_talk_time": 30.0, "average_talk_time": 30.0, "average_online_time": 90.0,
		} {
			if have := all.at("agents_overview." + member); have != want {
				t.Errorf("%s = %v, want %v", member, have, want)
			}
		}
		d.ms.Add(24 * 3600_000)
		if got := d.ask(d.admin, "GET", "/channels/voice/stats/account_overview").is(200); got.at("account_overview.total_calls") != 0.0 {
			t.Errorf("of the next day: %s", got.raw)
		}
	})
}

// TestCallsAreCopiedAsProgramsDo goes the way of a program that copies calls:
// it goes on at end_time until that stays.
func TestCallsAreCopiedAsProgramsDo(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		l := d.line()
		first := d.phoned("+33199001234", l)
		d.ms.Add(5_000)
		d.phoned("+33199005678", l)
		d.ms.Add(60_000)
		since := d.ms.Load()/1000 - 3600
		path := fmt.Sprintf("/channels/voice/stats/incremental/calls.json?start_time=%d", since)
		d.ask(d.agent, "GET", path).is(403)
		got := d.ask(d.admin, "GET", path).is(200).lacks("199001234", "199005678")
		if got.at("count") != 2.0 || got.at("calls.0.id") != float64(first.call) || got.at("calls.0.ticket_id") != float64(first.ticket) ||
			got.at("calls.0.phone_number_id") != float64(l.ID) || got.at("calls.0.completion_status") != "completed" ||
			got.at("calls.0.customer_id") != float64(first.caller) || got.at("calls.0.agent_id") != float64(d.agent.id) {
			t.Errorf("calls: %s", got.raw)
		}
		next := got.at("next_page").(string)
		again := d.ask(d.admin, "GET", strings.TrimPrefix(next, "http://desk.example"+prefix)).is(200)
		if again.at("count") != 1.0 || again.at("end_time") != got.at("end_time") || again.at("next_page") != next {
			t.Errorf("the last second again, and no more: %s", again.raw)
		}
		none := d.ask(d.admin, "GET", fmt.Sprintf("/channels/voice/stats/incremental/calls?start_time=%d", d.ms.Load()/1000)).is(200)
		if none.at("count") != 0.0 || none.at("end_time") != float64(d.ms.Load()/1000) {
			t.Errorf("none: %s", none.raw)
		}
		legs := d.ask(d.admin, "GET", strings.Replace(path, "calls", "legs", 1)).is(200)
		if legs.at("end_time") == nil {
			t.Errorf("legs: %s", legs.raw)
		}
		// Who is forgotten is gone from what is copied from now on.
		d.ask(d.admin, "POST", fmt.Sprintf("/sotto/people/%d/erasure", first.caller)).is(202)
		d.work()
		if got := d.ask(d.admin, "GET", path).is(200); got.at("calls.0.customer_id") != nil {
			t.Errorf("after the erasure: %s", got.raw)
		}
	})
}

func TestCopyingCallsHasItsOwnRate(t *testing.T) {
	d := sqlite(t)
	path := "/channels/voice/stats/incremental/legs?start_time=0"
	for range perMinuteIncremental {
		d.ask(d.admin, "GET", path).is(200)
	}
	if got := d.ask(d.admin, "GET", path).is(429); got.header.Get("Retry-After") == "" {
		t.Errorf("%v", got.header)
	}
	d.ask(d.admin, "GET", "/users/me").is(200)
	d.ms.Add(60_000)
	d.ask(d.admin, "GET", path).is(200)
	for _, wrong := range []string{"", "?start_time=", "?start_time=yesterday", "?start_time=-1", "?start_time=99999999999"} {
		d.ask(d.admin, "GET", "/channels/voice/stats/incremental/calls"+wrong).is(400)
	}
}
