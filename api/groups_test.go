package api

import (
	"fmt"
	"strings"
	"testing"

	"sotto"
	"sotto/agent"
	"sotto/queue"
)

func TestGroupsAndMemberships(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.ask(d.agent, "POST", "/groups", `{"group":{"name":"x"}}`).is(403)
		d.ask(d.admin, "POST", "/groups", `{"group":{"name":""}}`).is(422)
		d.ask(d.admin, "POST", "/groups", `{}`).is(400)
		sales := d.ask(d.admin, "POST", "/groups.json", `{"group":{"name":"Ventes"}}`).is(201)
		help := d.ask(d.admin, "POST", "/groups", `{"group":{"name":"Aide"}}`).is(201)
		if sales.at("group.default") != true || help.at("group.default") != false {
			t.Errorf("the first is the default: %s %s", sales.raw, help.raw)
		}
		path := fmt.Sprintf("/groups/%.0f", help.at("group.id"))
		d.ask(d.admin, "PUT", path, `{"group":{"name":"Secours","default":true}}`).is(200)
		if got := d.ask(d.agent, "GET", path).is(200); got.at("group.name") != "Secours" || got.at("group.default") != true {
			t.Errorf("changed: %s", got.raw)
		}
		in := fmt.Sprintf(`{"group_membership":{"user_id":%d,"group_id":%.0f}}`, d.agent.id, help.at("group.id"))
		d.ask(d.agent, "POST", "/group_memberships", in).is(403)
		made := d.ask(d.admin, "POST", "/group_memberships", in).is(201)
		d.ask(d.admin, "POST", "/group_memberships", in).is(409)
		if n := d.ask(d.agent, "GET", "/group_memberships.json").is(200).at("count"); n != 1.0 {
			t.Errorf("%v memberships", n)
		}
		d.ask(d.admin, "DELETE", fmt.Sprintf("/group_memberships/%.0f", made.at("group_membership.id"))).is(204)
		d.ask(d.admin, "DELETE", path).is(409) // it is the default now
		d.ask(d.admin, "DELETE", fmt.Sprintf("/groups/%.0f", sales.at("group.id"))).is(204)
		if n := d.ask(d.agent, "GET", "/groups").is(200).at("count"); n != 1.0 {
			t.Errorf("%v groups", n)
		}
		d.ask(d.admin, "GET", "/groups/4711").is(404)
	})
}

func TestFiguresOfTheBoard(t *testing.T) {
	d := sqlite(t)
	mine := fmt.Sprintf("/channels/voice/availabilities/%d", d.agent.id)
	d.ask(d.agent, "PUT", mine, `{"availability":{"agent_state":"transfers_only"}}`).is(200)
	d.ms.Add(60_000)
	d.ask(d.agent, "PUT", mine, `{"availability":{"agent_state":"online"}}`).is(200)
	d.c.Agents.Take(d.agent.id)
	d.c.Agents.Accepted(d.agent.id)
	d.ms.Add(90_000)
	d.c.Agents.Finish(d.agent.id, agent.NoLimit)
	d.ms.Add(30_000)
	if got := d.ask(d.agent, "GET", mine).is(200); got.at("availability.call_status") != "wrap_up" {
		t.Errorf("in wrap-up: %s", got.raw)
	}
	if got := d.ask(d.agent, "PUT", mine, `{"availability":{"wrap_up":false}}`).is(200); got.at("availability.call_status") != nil {
		t.Errorf("after wrap-up: %s", got.raw)
	}
	got := d.ask(d.admin, "GET", "/channels/voice/stats/agents_activity.json").is(200)
	for member, want := range map[string]any{
		"name": "Grace Agentsample", "agent_state": "online", "calls_accepted": 1.0, "total_talk_time": 90.0, "average_talk_time": 90.0,
		"total_wrap_up_time": 30.0, "available_time": 120.0, "transfers_only_time": 60.0, "online_time": 180.0,
	} {
		if have := got.at("agents_activity.0." + member); have != want {
			t.Errorf("%s = %v, want %v", member, have, want)
		}
	}
	if none := d.ask(d.admin, "GET", "/channels/voice/stats/agents_activity?group_ids=4711").is(200); strings.Contains(string(none.raw), "agent_id") {
		t.Errorf("of another group: %s", none.raw)
	}
	d.ask(d.admin, "GET", "/channels/voice/stats/agents_activity?group_ids=x").is(400)
	reason, err := d.c.Agents.AddReason(t.Context(), sotto.Operator(), "Déjeuner", agent.Away)
	must(t, err)
	if got := d.ask(d.agent, "PUT", mine, fmt.Sprintf(`{"availability":{"reason_id":%d}}`, reason.ID)).is(200); got.at("availability.agent_state") != "away" {
		t.Errorf("at lunch: %s", got.raw)
	}
}

func TestCallbackRequests(t *testing.T) {
	d := sqlite(t)
	l := d.line()
	ask := func(line int64, number string) string {
		return fmt.Sprintf(`{"callback_request":{"phone_number_id":%d,"requester_phone_number":%q,"group_ids":[]}}`, line, number)
	}
	made := d.ask(d.agent, "POST", "/channels/voice/callback_requests.json", ask(int64(l.ID), "+33199001234")).is(201)
	if made.at("callback_request.phone_number_id") != float64(l.ID) {
		t.Errorf("made: %s", made.raw)
	}
	d.ask(d.agent, "POST", "/channels/voice/callback_requests", ask(4711, "+33199001234")).is(404)
	d.ask(d.agent, "POST", "/channels/voice/callback_requests", ask(int64(l.ID), "x")).is(422)
	d.ask(d.agent, "POST", "/channels/voice/callback_requests", `{}`).is(400)
	p := d.c.Queue.Join(queue.DemandOf(l, 0))
	defer p.Leave()
	got := d.ask(d.agent, "GET", fmt.Sprintf("/channels/voice/stats/current_queue_activity?phone_number_ids=%d", l.ID)).is(200)
	if got.at("current_queue_activity.calls_waiting") != 1.0 || got.at("current_queue_activity.embeddable_callbacks_waiting") != 1.0 {
		t.Errorf("activity: %s", got.raw)
	}
	if got := d.ask(d.agent, "GET", "/channels/voice/stats/current_queue_activity?phone_number_ids=4711").is(200); got.at("current_queue_activity.calls_waiting") != 0.0 {
		t.Errorf("of another line: %s", got.raw)
	}
}
