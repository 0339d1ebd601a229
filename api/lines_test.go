package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sotto/leg/media"
)

// number adds a line and returns its id.
func (d *desk) number(body string) string {
	d.t.Helper()
	return d.ask(d.admin, "POST", "/channels/voice/phone_numbers", `{"phone_number":`+body+`}`).is(201).id("phone_number.id")
}

func TestEverySettingOfALine(t *testing.T) {
	d := sqlite(t)
	line := "/channels/voice/phone_numbers/" + d.number(`{"number":"+33199000002","nickname":"Hotline"}`)
	plan := d.ask(d.admin, "POST", "/business_hours/schedules.json", `{"schedule":{"name":"Office","time_zone":"Europe/Paris"}}`).is(201).id("schedule.id")
	menus := d.ask(d.admin, "POST", ivrPath, `{"ivr":{"name":"Menus"}}`).is(201)
	set := d.ask(d.admin, "PUT", line, `{"phone_number":{"line_type":"sip_in","brand":"Exemple","sms_enabled":true,"outbound_enabled":false,"priority":1,
			"group_ids":[7,3,5],"default_group_id":5,"ivr_id":`+menus.id("ivr.id")+`,"schedule_id":`+plan+`,"failover_number":"+33199009997","voicemail":false,"max_queue_size":15,
			"average_wait_announcement":true,"position_announcement":true,"callback_from_queue":true,"wrap_up_enabled":true,"wrap_up_seconds":1200,
			"caller_id":"0199000003","secure_media":true,"overflow_number":"+33199009999","overflow_number_outside_hours":"+33199009998","ring_seconds":120}}`).is(200)
	want := map[string]any{
		"line_type": "sip_in", "brand": "Exemple", "sms_enabled": true, "capabilities.sms": true, "outbound_enabled": false, "priority": 1.0,
		"group_ids.0": 5.0, "group_ids.1": 7.0, "default_group_id": 5.0, "ivr_id": menus.at("ivr.id"), "failover_number": "+33199009997", "max_queue_size": 15.0,
		"average_wait_announcement": true, "position_announcement": true, "callback_from_queue": true, "wrap_up_enabled": true, "wrap_up_seconds": 1200.0,
		"caller_id": "+33199000003", "secure_media": true, "overflow_number": "+33199009999", "overflow_number_outside_hours": "+33199009998",
		"time_zone": "Europe/Paris", "business_hours.0.opens": 540.0, "deleted_at": nil,
	}
	for path, w := range want {
		if got := set.at("phone_number." + path); got != w {
			t.Errorf("%s = %v, want %v", path, got, w)
		}
	}
	// What was read can be sent back and changes nothing.
	again := d.ask(d.admin, "PUT", line, string(set.raw)).is(200)
	for path, w := range want {
		if got := again.at("phone_number." + path); got != w {
			t.Errorf("sent back: %s = %v, want %v", path, got, w)
		}
	}
	cleared := d.ask(d.admin, "PUT", line, `{"phone_number":{"schedule_id":null,"wrap_up_seconds":null,"overflow_number":null,"ivr_id":null,"group_ids":[]}}`).is(200)
	for path, w := range map[string]any{"schedule_id": nil, "wrap_up_seconds": nil, "overflow_number": nil, "ivr_id": nil, "default_group_id": nil} {
		if got := cleared.at("phone_number." + path); got != w {
			t.Errorf("cleared: %s = %v", path, got)
		}
	}
}

func TestImpossibleSettingsAreRefusedByName(t *testing.T) {
	d := sqlite(t)
	line := "/channels/voice/phone_numbers/" + d.number(`{"number":"+33199000002"}`)
	d.number(`{"number":"+33199000003"}`)
	for _, c := range []struct{ body, field string }{
		{`{"line_type":"fax"}`, "line_type"},
		{`{"line_type":"digital"}`, "number"},
		{`{"voice_enabled":false}`, "voice_enabled"},
		{`{"priority":2}`, "priority"},
		{`{"group_ids":[1,1]}`, "group_ids"},
		{`{"schedule_id":4711}`, ""},
		{`{"failover_number":"reception"}`, "failover_number"},
		{`{"failover_number":"+33199000003"}`, "failover_number"},
		{`{"overflow_number":"+33199009999"}`, "overflow_number"},
		{`{"voicemail":false,"overflow_number":"+33199000002"}`, "overflow_number"},
		{`{"voicemail":false,"overflow_number_outside_hours":"+33199000003"}`, "overflow_number_outside_hours"},
		{`{"max_wait_seconds":3601}`, "wait_seconds"},
		{`{"max_queue_size":1501}`, "max_queue_size"},
		{`{"max_queue_size":-5}`, "max_queue_size"},
		{`{"ring_seconds":121}`, "ring_seconds"},
		{`{"wrap_up_seconds":60}`, "wrap_up_seconds"},
		{`{"wrap_up_enabled":true,"wrap_up_seconds":9}`, "wrap_up_seconds"},
		{`{"caller_id":"12"}`, "caller_id"},
	} {
		got := d.ask(d.admin, "PUT", line, `{"phone_number":`+c.body+`}`)
		if got.status != 422 && c.field != "" || got.status/100 != 4 || !strings.Contains(string(got.raw), c.field) {
			t.Errorf("%s: %d %s", c.body, got.status, got.raw)
		}
	}
}

func TestSeveralLinesAreChangedTogetherOrNotAtAll(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		one, two := d.number(`{"number":"+33199000002"}`), d.number(`{"number":"+33199000003","priority":1}`)
		many := "/channels/voice/phone_numbers/update_many?ids=" + one + "," + two
		show := func(id, path string) any {
			return d.ask(d.agent, "GET", "/channels/voice/phone_numbers/"+id).is(200).at("phone_number." + path)
		}
		seen := d.ask(d.admin, "PUT", many+"&preview=true", `{"phone_number":{"priority":1,"outbound_enabled":false}}`).is(200)
		if seen.at("preview") != true || len(seen.at("changes").([]any)) != 3 || seen.at("changes.0.from") != "true" || seen.at("changes.0.to") != "false" {
			t.Errorf("preview: %s", seen.raw)
		}
		if show(one, "priority") != 0.0 || show(two, "outbound_enabled") != true {
			t.Error("a preview changed a line")
		}
		if n := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=line&filter[action]=update").at("count"); n != 0.0 {
			t.Errorf("a preview left %v audit entries", n)
		}
		d.ask(d.admin, "PUT", many, `{"phone_number":{"priority":1,"outbound_enabled":false}}`).is(200)
		if show(one, "priority") != 1.0 || show(two, "outbound_enabled") != false {
			t.Error("the change was not kept")
		}
		if n := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=line&filter[action]=update").at("count"); n != 2.0 {
			t.Errorf("%v audit entries, want 2", n)
		}
		d.ask(d.admin, "PUT", many, `{"phone_number":{"number":"+33199000009"}}`).is(422) // the second cannot have it too
		d.ask(d.admin, "PUT", many+",4711", `{"phone_number":{"priority":0}}`).is(404)
		if show(one, "priority") != 1.0 || show(one, "number") != "+33199000002" {
			t.Error("half of a change was kept")
		}
		d.ask(d.agent, "PUT", many, `{"phone_number":{"priority":0}}`).is(403)
	})
}

func TestDeletedLineIsListedAndRecovered(t *testing.T) {
	d := sqlite(t)
	id := d.number(`{"number":"+33199000002"}`)
	line := "/channels/voice/phone_numbers/" + id
	d.ask(d.admin, "DELETE", line).is(204)
	gone := d.ask(d.admin, "GET", "/channels/voice/phone_numbers/deleted").is(200)
	if gone.id("phone_numbers.0.id") != id || gone.at("phone_numbers.0.deleted_at") == nil {
		t.Errorf("deleted: %s", gone.raw)
	}
	d.ask(d.agent, "PUT", line+"/recover", `{}`).is(403)
	d.ask(d.admin, "PUT", line+"/recover", `{}`).is(200)
	d.ask(d.agent, "GET", line).is(200)
}

func TestBothKindsOfLinesAreListed(t *testing.T) {
	d := sqlite(t)
	d.number(`{"number":"+33199000002"}`)
	web := d.number(`{"number":"site","nickname":"Web","line_type":"digital"}`)
	if got := d.ask(d.agent, "GET", "/channels/voice/lines.json").is(200); len(got.at("lines").([]any)) != 2 {
		t.Errorf("lines: %s", got.raw)
	}
	if got := d.ask(d.agent, "GET", "/channels/voice/digital_lines").is(200); got.id("digital_lines.0.id") != web || got.at("count") != 1.0 {
		t.Errorf("digital lines: %s", got.raw)
	}
}

func TestOpeningHoursAndHolidays(t *testing.T) {
	d := sqlite(t)
	const all = "/business_hours/schedules"
	made := d.ask(d.admin, "POST", all+".json", `{"schedule":{"name":"Office","time_zone":"Europe/Paris"}}`).is(201)
	plan := all + "/" + made.id("schedule.id")
	if made.at("schedule.intervals.0.start_time") != 1980.0 || made.at("schedule.intervals.0.end_time") != 2460.0 {
		t.Errorf("made: %s", made.raw)
	}
	// A night goes over midnight and comes back in one piece.
	set := d.ask(d.admin, "PUT", plan+"/workweek.json", `{"workweek":{"intervals":[{"start_time":2700,"end_time":3240},{"start_time":0,"end_time":60}]}}`).is(200)
	if set.at("workweek.intervals.1.start_time") != 2700.0 || set.at("workweek.intervals.1.end_time") != 3240.0 || len(set.at("workweek.intervals").([]any)) != 2 {
		t.Errorf("workweek: %s", set.raw)
	}
	for _, c := range []struct{ path, body string }{
		{plan + "/workweek", `{"workweek":{"intervals":[]}}`},
		{plan + "/workweek", `{"workweek":{"intervals":[{"start_time":60,"end_time":60}]}}`},
		{plan + "/workweek", `{"workweek":{"intervals":[{"start_time":60,"end_time":10081}]}}`},
		{plan + "/workweek", `{"workweek":{"intervals":[{"start_time":60,"end_time":120},{"start_time":90,"end_time":130}]}}`},
		{plan, `{"schedule":{"time_zone":"Eastern"}}`}, {plan, `{"schedule":{"name":""}}`},
	} {
		d.ask(d.admin, "PUT", c.path, c.body).is(422)
	}
	day := d.ask(d.admin, "POST", plan+"/holidays.json", `{"holiday":{"name":"Noël","start_date":"2026-12-25","end_date":"2026-12-26"}}`).is(201)
	holiday := plan + "/holidays/" + day.id("holiday.id")
	d.ask(d.admin, "PUT", holiday, `{"holiday":{"end_date":"2026-12-27"}}`).is(200)
	d.ask(d.admin, "PUT", holiday, `{"holiday":{"end_date":"2026-12-24"}}`).is(422)
	if got := d.ask(d.agent, "GET", holiday).is(200); got.at("holiday.end_date") != "2026-12-27" || got.at("holiday.name") != "Noël" {
		t.Errorf("holiday: %s", got.raw)
	}
	if got := d.ask(d.agent, "GET", plan+"/holidays").is(200); got.at("count") != 1.0 {
		t.Errorf("holidays: %s", got.raw)
	}
	line := d.number(`{"number":"+33199000002","schedule_id":` + made.id("schedule.id") + `}`)
	d.ask(d.admin, "DELETE", plan).is(409)
	d.ask(d.admin, "PUT", "/channels/voice/phone_numbers/"+line, `{"phone_number":{"schedule_id":null}}`).is(200)
	d.ask(d.admin, "DELETE", holiday).is(204)
	d.ask(d.admin, "DELETE", plan).is(204)
	d.ask(d.agent, "GET", plan).is(404)
	d.ask(d.agent, "DELETE", fmt.Sprintf("%s/1", all)).is(403)
	if n := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=schedule").at("count"); n != 6.0 {
		t.Errorf("%v audit entries of schedules, want 6", n)
	}
}

func TestGreetingsAreAddedHeardUsedAndRemoved(t *testing.T) {
	d := sqlite(t)
	const all = "/channels/voice/greetings"
	id := d.number(`{"number":"+33199000002","locale":"fr"}`)
	if got := d.ask(d.agent, "GET", "/channels/voice/greeting_categories.json").is(200); got.at("greeting_categories.8.name") != "call_recording_opt_in" || got.at("greeting_categories.8.id") != 9.0 {
		t.Errorf("categories: %s", got.raw)
	}
	if got := d.ask(d.agent, "GET", "/channels/voice/greeting_categories/4").is(200); got.at("greeting_category.name") != "hold" {
		t.Errorf("category: %s", got.raw)
	}
	own := d.ask(d.agent, "GET", all+"/wait_en.json").is(200)
	if own.at("greeting.id") != "wait_en" || own.at("greeting.default") != true || own.at("greeting.category_id") != 3.0 {
		t.Errorf("default: %s", own.raw)
	}
	if b := d.ask(d.agent, "GET", all+"/wait_en/recording.wav").is(200).raw; !strings.HasPrefix(string(b), "RIFF") {
		t.Error("the default cannot be heard")
	}
	made := d.ask(d.admin, "POST", all+".json", `{"greeting":{"category_id":"2","name":"Accueil","locale":"fr"}}`).is(201)
	greeting := all + "/" + made.id("greeting.id")
	if made.at("greeting.pending") != true || made.at("greeting.audio_url") != nil {
		t.Errorf("made: %s", made.raw)
	}
	d.ask(d.admin, "PUT", greeting+"/recording", "hello").is(422)
	sound := string(media.Tone(440, time.Second).WAV())
	set := d.ask(d.admin, "PUT", greeting+"/recording", sound).is(200)
	if set.at("greeting.pending") != false || set.at("greeting.duration_ms") != 1000.0 || set.id("greeting.id") != made.id("greeting.id") {
		t.Errorf("set: %s", set.raw)
	}
	line := "/channels/voice/phone_numbers/" + id
	on := line + "/greetings/" + made.id("greeting.id")
	used := d.ask(d.admin, "PUT", on+"?hours=closed", ``).is(200)
	if used.id("greeting.phone_number_ids.0") != id || used.at("greeting.uses.0.hours") != "closed" || used.at("greeting.active") != true {
		t.Errorf("used: %s", used.raw)
	}
	d.ask(d.admin, "PUT", on+"?hours=noon", ``).is(422)
	if got := d.ask(d.agent, "GET", line).is(200); got.id("phone_number.greeting_ids.0") != made.id("greeting.id") || got.at("phone_number.default_greeting_ids.0") != "available_fr" || got.at("phone_number.categorised_greetings.2") != "available_fr" || strings.Contains(string(got.raw), `"0":`) {
		t.Errorf("the line: %s", got.raw)
	}
	d.ask(d.admin, "DELETE", greeting).is(409)
	d.ask(d.admin, "DELETE", on).is(404) // not at any hours
	d.ask(d.admin, "DELETE", on+"?hours=closed").is(204)
	d.ask(d.admin, "PUT", greeting, `{"greeting":{"name":"Bonjour"}}`).is(200)
	if b := d.ask(d.agent, "GET", greeting+"/recording.wav").is(200).raw; !strings.HasPrefix(string(b), "RIFF") {
		t.Error("it cannot be heard")
	}
	if got := d.ask(d.agent, "GET", all).is(200); got.at("count") != 33.0 {
		t.Errorf("%v greetings, want 32 defaults and one", got.at("count"))
	}
	if got := d.ask(d.admin, "DELETE", greeting).is(200); got.at("greeting.name") != "Bonjour" {
		t.Errorf("removed: %s", got.raw)
	}
	d.ask(d.agent, "GET", greeting).is(404)
	for _, body := range []string{`{"greeting":{"category_id":99}}`, `{"greeting":{"category_id":1,"locale":"de"}}`, `{"greeting":{"name":"x"}}`} {
		d.ask(d.admin, "POST", all, body).is(422)
	}
	d.ask(d.agent, "POST", all, `{"greeting":{"category_id":1,"name":"x"}}`).is(403)
}
