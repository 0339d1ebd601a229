package api

import (
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"sotto/line"
)

func TestRecordingIsHeardAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		p := d.phoned("+33199001234", d.line())
		other := d.phoned("+33199005678", d.anyLine())
		ticket := fmt.Sprintf("/tickets/%d", p.ticket)
		voice := d.ask(d.agent, "GET", ticket+"/comments.json").is(200)
		for path, want := range map[string]any{
			"type": "VoiceComment", "data.from": "+33199001234", "data.to": "+33199000001", "data.call_id": float64(p.call), "data.recording_state": "durable",
			"data.answered_by_id": float64(d.agent.id), "data.outbound": false, "formatted_from": "+33199001234", "data.recording_duration": "0",
		} {
			if got := voice.at("comments.0." + path); got != want {
				t.Errorf("%s = %v, want %v", path, got, want)
			}
		}
		base := fmt.Sprintf("/channels/voice/calls/%d/recordings", p.call)
		url := strings.TrimPrefix(voice.at("comments.0.data.recording_url").(string), "http://desk.example"+prefix)
		if want := fmt.Sprintf("%s/%d.wav", base, p.recording); url != want {
			t.Errorf("recording_url = %s, want %s", url, want)
		}
		d.hear(url)
		for _, path := range []string{
			fmt.Sprintf("%s/%d", base, p.recording), fmt.Sprintf("%s/%d.wav", base, other.recording), base + "/4711.wav", base + "/x.wav",
			"/channels/voice/calls/4711/recordings", fmt.Sprintf("/channels/voice/calls/%d/recordings/%d.wav", other.call, p.recording),
		} {
			if got := d.ask(d.agent, "GET", path); got.status != 404 || got.at("error") != "RecordNotFound" {
				t.Errorf("%s: %d %s", path, got.status, got.raw)
			}
		}
		d.ask(d.agent, "DELETE", base).is(403)
		d.ask(d.admin, "DELETE", base+"/fax").is(400)
		d.ask(d.admin, "DELETE", base+"/voicemail").is(404)
		d.ask(d.admin, "DELETE", base+"/call.json").is(204)
		d.ask(d.admin, "DELETE", base+"/call").is(404)
		d.ask(d.admin, "DELETE", fmt.Sprintf("/channels/voice/calls/%d/recordings.json", other.call)).is(204)
		d.ask(d.agent, "GET", url).is(404)
		d.deletionIsNoted(p)
	})
}

// anyLine returns the line there is.
func (d *desk) anyLine() (l line.Line) {
	d.t.Helper()
	all, err := d.c.Lines.List(d.t.Context())
	must(d.t, err)
	return all[0]
}

// hear fetches a recording whole and in part.
func (d *desk) hear(url string) {
	d.t.Helper()
	whole := d.ask(d.agent, "GET", url).is(200)
	if string(whole.raw[:4]) != "RIFF" || binary.LittleEndian.Uint32(whole.raw[40:]) != uint32(len(whole.raw)-44) || len(whole.raw) != 44+4000*2*2 {
		d.t.Errorf("%d bytes of %q", len(whole.raw), whole.raw[:16])
	}
	r := httptest.NewRequest("GET", "http://desk.example"+prefix+url, nil)
	r.Header.Set("Authorization", "Bearer "+d.agent.token)
	r.Header.Set("Range", "bytes=44-1043")
	part := d.send(r).is(206)
	if string(part.raw) != string(whole.raw[44:1044]) {
		d.t.Error("the range differs from the whole")
	}
	for _, a := range []answer{whole, part} {
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("ETag") != "" || a.header.Get("Last-Modified") != "" {
			d.t.Errorf("headers %v", a.header)
		}
	}
	r.Header.Del("Authorization")
	d.send(r).is(401).lacks("RIFF")
	// Whoever may no longer work here is refused in the middle of listening.
	yes := `{"user":{"suspended":true}}`
	agent := fmt.Sprintf("/users/%d", d.agent.id)
	d.ask(d.admin, "PUT", agent, yes).is(200)
	r.Header.Set("Authorization", "Bearer "+d.agent.token)
	d.send(r).is(401)
	d.ask(d.admin, "PUT", agent, strings.Replace(yes, "true", "false", 1)).is(200)
	d.send(r).is(206)
}

// deletionIsNoted looks at the ticket's events, the audit log and the voice
// comment after a recording was deleted.
func (d *desk) deletionIsNoted(p phoned) {
	d.t.Helper()
	list := d.ask(d.agent, "GET", fmt.Sprintf("/channels/voice/calls/%d/recordings", p.call)).is(200)
	if list.at("recordings.0.state") != "deleted" || list.at("recordings.0.recording_url") != nil || list.at("recordings.0.deleted_by_id") != float64(d.admin.id) {
		d.t.Errorf("list: %s", list.raw)
	}
	voice := d.ask(d.agent, "GET", fmt.Sprintf("/tickets/%d/comments", p.ticket)).is(200)
	if voice.at("comments.0.data.recording_url") != nil || voice.at("comments.0.data.recording_state") != "deleted" {
		d.t.Errorf("voice comment: %s", voice.raw)
	}
	if audits := d.ask(d.agent, "GET", fmt.Sprintf("/tickets/%d/audits", p.ticket)).is(200); !strings.Contains(string(audits.raw), `"RecordingDeleted"`) {
		d.t.Errorf("the ticket's events do not say it: %s", audits.raw)
	}
	log := d.ask(d.admin, "GET", fmt.Sprintf("/audit_logs.json?filter[source_type]=recording&filter[action]=destroy&filter[ticket_id]=%d", p.ticket)).is(200)
	for path, want := range map[string]any{
		"count": 1.0, "audit_logs.0.actor_name": "Alan Adminsample", "audit_logs.0.action_label": "Deleted", "audit_logs.0.source_type": "recording",
		"audit_logs.0.change_description": fmt.Sprintf("Deleted: recording %d on ticket #%d", p.recording, p.ticket), "audit_logs.0.ip_address": nil,
	} {
		if got := log.at(path); got != want {
			d.t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
	one := d.ask(d.admin, "GET", "/audit_logs/"+log.id("audit_logs.0.id")).is(200)
	if one.at("audit_log.source_id") != float64(p.recording) {
		d.t.Errorf("one entry: %s", one.raw)
	}
}

func TestErasureOfACallerSilencesTheRecording(t *testing.T) {
	d := sqlite(t)
	p := d.phoned("+33199001234", d.line())
	url := fmt.Sprintf("/channels/voice/calls/%d/recordings/%d.wav", p.call, p.recording)
	d.ask(d.agent, "GET", url).is(200)
	d.ask(d.admin, "POST", fmt.Sprintf("/sotto/people/%d/erasure", p.caller)).is(202)
	never := d.ask(d.agent, "GET", "/channels/voice/calls/4711/recordings/4711.wav").is(404)
	for range 2 { // before the sweep, and after
		gone := d.ask(d.agent, "GET", url).is(404)
		if string(gone.raw) != string(never.raw) || gone.header.Get("Accept-Ranges") != "" {
			t.Errorf("erased %s %v, never there %s", gone.raw, gone.header, never.raw)
		}
		d.ask(d.agent, "GET", fmt.Sprintf("/tickets/%d", p.ticket)).is(404)
		d.ask(d.agent, "GET", fmt.Sprintf("/tickets/%d/comments", p.ticket)).is(404)
		d.work()
	}
}

func TestAuditLogFilters(t *testing.T) {
	d := sqlite(t)
	made := d.ask(d.agent, "POST", "/users", `{"user":{"name":"Ada Example"}}`).is(201)
	d.ms.Add(3600_000)
	d.ask(d.agent, "PUT", "/users/"+made.id("user.id"), `{"user":{"notes":"x"}}`).is(200)
	d.ask(d.admin, "DELETE", "/users/"+made.id("user.id")).is(200)
	tests := map[string]float64{
		"filter[source_type]=user&filter[source_id]=" + made.id("user.id"):            3,
		fmt.Sprintf("filter%%5Bactor_id%%5D=%d", d.agent.id):                          2,
		"filter[action][]=update&filter[action][]=destroy":                            2,
		"filter[created_at]=2027-03-01T09:30:00Z&filter[created_at]=2027-03-02":       2,
		"filter[created_at][]=2027-03-01&filter[created_at][]=2027-03-01T09:00:00.5Z": 5,
		"filter[source_type]=token":                                                   2,
	}
	for query, want := range tests {
		if got := d.ask(d.admin, "GET", "/audit_logs?"+query).is(200); got.at("count") != want {
			t.Errorf("%s: %v entries, want %v: %s", query, got.at("count"), want, got.raw)
		}
	}
	for _, query := range []string{
		"filter[source_type]=moon", "filter[action]=fly", "filter[source_id]=x", "filter[actor_id]=-1", "filter[created_at]=2027-03-01",
		"filter[created_at]=2027-02-30&filter[created_at]=2027-03-01", "filter[created_at]=0000-00-00&filter[created_at]=", "filter[ticket_id]=x",
	} {
		d.ask(d.admin, "GET", "/audit_logs?"+query).is(400)
	}
	d.ask(d.agent, "GET", "/audit_logs").is(403)
	d.ask(d.admin, "GET", "/audit_logs/4711").is(404)
	if got := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=token").at("audit_logs.0.actor_name"); got != "Operator" {
		t.Errorf("actor_name = %v", got)
	}
}

func TestLines(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		made := d.ask(d.admin, "POST", "/channels/voice/phone_numbers.json", `{"phone_number":{"number":"01 99 00 00 02","nickname":"Hotline","call_recording_consent":"opt_out",
			"automatic_deletion":{"calls_days":30,"voicemails_days":null},"business_hours":[{"day":1,"opens":540,"closes":1080}],"time_zone":"Europe/Paris"}}`).is(201)
		line := "/channels/voice/phone_numbers/" + made.id("phone_number.id")
		for path, want := range map[string]any{
			"number": "+33199000002", "name": "Hotline", "call_recording_consent": "opt_out", "recorded": true, "automatic_deletion.calls_days": 30.0,
			"automatic_deletion.voicemails_days": nil, "business_hours.0.day": 1.0, "line_type": "phone",
		} {
			if got := made.at("phone_number." + path); got != want {
				t.Errorf("%s = %v, want %v", path, got, want)
			}
		}
		set := d.ask(d.admin, "PUT", line+".json", `{"phone_number":{"call_recording_consent":"never","automatic_deletion":{"calls_days":null},"ring_seconds":30}}`).is(200)
		if set.at("phone_number.recorded") != false || set.at("phone_number.automatic_deletion.calls_days") != nil || set.at("phone_number.ring_seconds") != 30.0 || set.at("phone_number.name") != "Hotline" {
			t.Errorf("set: %s", set.raw)
		}
		for _, body := range []string{
			`{"phone_number":{"call_recording_consent":"sometimes"}}`, `{"phone_number":{"automatic_deletion":{"calls_days":99999999}}}`,
			`{"phone_number":{"automatic_deletion":{"calls_days":5000}}}`, `{"phone_number":{"ring_seconds":99999999999}}`, `{"phone_number":{"name":""}}`,
			`{"phone_number":{"time_zone":"Mars/Olympus"}}`, `{"phone_number":{"business_hours":[{"day":9,"opens":0,"closes":1}]}}`,
		} {
			d.ask(d.admin, "PUT", line, body).is(422)
		}
		d.ask(d.admin, "POST", "/channels/voice/phone_numbers", `{"phone_number":{"token":"abc"}}`).is(422)
		d.ask(d.admin, "POST", "/channels/voice/phone_numbers", `{"phone_number":{"number":"+33199000002"}}`)
		d.ask(d.agent, "PUT", line, `{"phone_number":{"name":"x"}}`).is(403)
		if n := d.ask(d.agent, "GET", "/channels/voice/phone_numbers.json?minimal_mode=true").is(200).at("count"); n != 1.0 {
			t.Errorf("%v lines", n)
		}
		d.ask(d.agent, "GET", line).is(200)
		d.ask(d.admin, "DELETE", line).is(204)
		d.ask(d.agent, "GET", line).is(404)
		d.ask(d.admin, "PUT", line, `{"phone_number":{"name":"x"}}`).is(409)
	})
}

func TestAvailabilities(t *testing.T) {
	d := sqlite(t)
	mine := fmt.Sprintf("/channels/voice/availabilities/%d", d.agent.id)
	d.ask(d.agent, "GET", mine).is(404) // no agent yet
	set := d.ask(d.agent, "PUT", mine+".json", `{"availability":{"agent_state":"online","via":"client"}}`).is(200)
	if set.at("availability.available") != true || set.at("availability.agent_state") != "online" || set.at("availability.call_status") != nil {
		t.Errorf("online: %s", set.raw)
	}
	if off := d.ask(d.admin, "PUT", mine, `{"availability":{"available":false}}`).is(200); off.at("availability.status") != "not_available" || off.at("availability.agent_state") != "offline" {
		t.Errorf("offline: %s", off.raw)
	}
	d.ask(d.agent, "PUT", mine, `{"availability":{"agent_state":"asleep"}}`).is(422)
	d.ask(d.agent, "PUT", mine, `{}`).is(400)
	d.ask(d.agent, "PUT", fmt.Sprintf("/channels/voice/availabilities/%d", d.admin.id), `{"availability":{"agent_state":"away"}}`).is(403)
	d.ask(d.admin, "PUT", "/channels/voice/availabilities/4711", `{"availability":{"agent_state":"away"}}`).is(404)
}

func TestAutomaticDeletionIsShownBeforeItIsSaved(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		l := d.line()
		d.phoned("+33199001234", l)
		d.ms.Add(10 * 24 * 3600_000)
		d.phoned("+33199001234", l)
		path := fmt.Sprintf("/channels/voice/phone_numbers/%d/automatic_deletion", l.ID)
		for query, want := range map[string]float64{"?calls_days=11": 0, "?calls_days=10": 1, "?calls_days=1&voicemails_days=1": 1, "": 0} {
			if got := d.ask(d.admin, "GET", path+query).is(200); got.at("automatic_deletion.calls_due") != want || got.at("automatic_deletion.voicemails_due") != 0.0 {
				t.Errorf("%q: %s, want %v", query, got.raw, want)
			}
		}
		d.ask(d.admin, "GET", path+"?calls_days=x").is(400)
		d.ask(d.admin, "GET", path+"?calls_days=99999").is(400)
	})
}
