package api

import "testing"

func TestVoiceSettings(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		const path = "/channels/voice/settings"
		d.line()
		got := d.ask(d.agent, "GET", path+".json").is(200)
		if got.at("settings.auto_away_after") != 3.0 || got.at("settings.agent_confirmation_when_forwarding") != true {
			t.Errorf("settings: %s", got.raw)
		}
		d.ask(d.agent, "PUT", path, `{"settings":{"auto_away_after":5}}`).is(403)
		d.ask(d.admin, "PUT", path, `{"settings":{"auto_away_after":-1}}`).is(422)
		d.ask(d.admin, "PUT", path, `{}`).is(400)
		if got := d.ask(d.admin, "PUT", path, `{"settings":{"auto_away_after":5}}`).is(200); got.at("settings.auto_away_after") != 5.0 {
			t.Errorf("set: %s", got.raw)
		}
		if n := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=setting").is(200).at("count"); n != 1.0 {
			t.Errorf("%v entries in the audit log", n)
		}
	})
}
