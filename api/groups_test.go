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

func TestMembershipsOneByOneAndManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		group := func(name string) string {
			return d.ask(d.admin, "POST", "/groups", `{"group":{"name":"`+name+`"}}`).is(201).id("group.id")
		}
		sales, help := group("Sales"), group("Help")
		other := d.staff("Otto Other", "otto@desk.example", sotto.Agent)
		pair := func(who sotto.PersonID, group string) string {
			return fmt.Sprintf(`{"user_id":%d,"group_id":%s}`, who, group)
		}
		many := `{"group_memberships":[` + pair(d.agent.id, sales) + "," + pair(d.agent.id, help) + "," + pair(d.agent.id, help) + "," + pair(other.id, help) + `]}`
		d.ask(d.agent, "POST", "/group_memberships/create_many", many).is(403)
		job := d.ask(d.admin, "POST", "/group_memberships/create_many.json", many).is(200)
		if job.at("job_status.total") != 4.0 || job.at("job_status.results.0.status") != "Created" || job.at("job_status.results.2.success") != false {
			t.Errorf("job: %s", job.raw)
		}
		d.ask(d.admin, "GET", "/job_statuses/"+job.at("job_status.id").(string)).is(200)
		mine := fmt.Sprintf("/users/%d/group_memberships", d.agent.id)
		all := d.ask(d.agent, "GET", mine).is(200)
		if all.at("count") != 2.0 || all.at("group_memberships.0.default") != true || all.at("group_memberships.1.default") != false {
			t.Errorf("memberships: %s", all.raw)
		}
		second := all.id("group_memberships.1.id")
		d.ask(d.agent, "PUT", mine+"/"+second+"/make_default").is(403)
		d.ask(d.admin, "PUT", fmt.Sprintf("/users/%d/group_memberships/%s/make_default", other.id, second)).is(404)
		if got := d.ask(d.admin, "PUT", mine+"/"+second+"/make_default").is(200); got.at("group_memberships.0.default") != false || got.at("group_memberships.1.default") != true {
			t.Errorf("the second is the default: %s", got.raw)
		}
		if got := d.ask(d.agent, "GET", "/group_memberships/"+second).is(200); got.id("group_membership.group_id") != help {
			t.Errorf("one: %s", got.raw)
		}
		d.ask(d.agent, "GET", "/group_memberships/4711").is(404)
		if n := d.ask(d.agent, "GET", "/groups/"+help+"/memberships").is(200).at("count"); n != 2.0 {
			t.Errorf("%v in the group", n)
		}
		if got := d.ask(d.agent, "GET", fmt.Sprintf("/users/%d/groups?page[size]=1", other.id)).is(200); got.at("groups.0.name") != "Help" || got.at("meta.has_more") != false {
			t.Errorf("groups of the other: %s", got.raw)
		}
		if n := d.ask(d.agent, "GET", "/groups/count.json").is(200).at("count.value"); n != 2.0 {
			t.Errorf("%v groups", n)
		}
		d.ask(d.admin, "DELETE", "/group_memberships/destroy_many").is(400)
		d.ask(d.admin, "DELETE", "/group_memberships/destroy_many?ids="+second+","+all.id("group_memberships.0.id")).is(200)
		if n := d.ask(d.agent, "GET", "/group_memberships").is(200).at("count"); n != 1.0 {
			t.Errorf("%v are left", n)
		}
	})
}

func TestSkillsAndReasons(t *testing.T) {
	d := sqlite(t)
	french := d.ask(d.admin, "POST", "/sotto/skills", `{"skill":{"name":"French"}}`).is(201).id("skill.id")
	d.ask(d.admin, "POST", "/sotto/skills", `{"skill":{"name":""}}`).is(422)
	d.ask(d.agent, "POST", "/sotto/skills", `{"skill":{"name":"German"}}`).is(403)
	own := fmt.Sprintf("/sotto/agents/%d/skills", d.agent.id)
	d.ask(d.agent, "PUT", own+"/"+french).is(403)
	d.ask(d.admin, "PUT", own+"/4711").is(404)
	if got := d.ask(d.admin, "PUT", own+"/"+french).is(200); got.at("skills.0.name") != "French" {
		t.Errorf("skills: %s", got.raw)
	}
	d.ask(d.admin, "DELETE", own+"/"+french).is(204)
	d.ask(d.admin, "DELETE", own+"/"+french).is(404)
	d.ask(d.admin, "DELETE", "/sotto/skills/"+french).is(204)
	d.ask(d.admin, "DELETE", "/sotto/skills/"+french).is(404)
	lunch := d.ask(d.admin, "POST", "/sotto/state_reasons", `{"reason":{"name":"Lunch","agent_state":"away"}}`).is(201).id("reason.id")
	d.ask(d.admin, "POST", "/sotto/state_reasons", `{"reason":{"name":"Nap","agent_state":"asleep"}}`).is(422)
	d.ask(d.agent, "PUT", fmt.Sprintf("/channels/voice/availabilities/%d", d.agent.id), `{"availability":{"reason_id":`+lunch+`}}`).is(200)
	if got := d.ask(d.agent, "GET", "/channels/voice/availabilities.json").is(200); got.at("availabilities.0.agent_state") != "away" || got.id("availabilities.0.reason_id") != lunch {
		t.Errorf("who is there: %s", got.raw)
	}
	d.ask(d.admin, "DELETE", "/sotto/state_reasons/"+lunch).is(204)
	if got := d.ask(d.agent, "GET", "/sotto/state_reasons").is(200); got.at("count") != 0.0 {
		t.Errorf("reasons: %s", got.raw)
	}
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
	d.c.Agents.Finish(d.agent.id, agent.NoLimit, 0)
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

func TestCallbacksAreAskedForInMeasure(t *testing.T) {
	d := sqlite(t)
	ask := fmt.Sprintf(`{"callback_request":{"phone_number_id":%d,"requester_phone_number":"+33199001234"}}`, d.line().ID)
	for range callbacksAtOnce {
		d.ask(d.agent, "POST", "/channels/voice/callback_requests", ask).is(201)
	}
	if got := d.ask(d.agent, "POST", "/channels/voice/callback_requests", ask).is(429); got.header.Get("Retry-After") == "" {
		t.Errorf("%v", got.header)
	}
	d.ms.Add(600_000)
	d.ask(d.agent, "POST", "/channels/voice/callback_requests", ask).is(201)
}
