package api

import "testing"

func TestDiallingIsSetByAdministratorsAndSeenByThem(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		const path = "/sotto/dialling"
		d.ask(d.agent, "GET", path).is(403)
		d.ask(d.agent, "PUT", path, `{"dialling":{"countries":["US"]}}`).is(403)
		if got := d.ask(d.admin, "GET", path).is(200); got.at("dialling.countries.0") != "FR" || got.at("dialling.caps.dial_desk_calls") != nil {
			t.Errorf("%s", got.raw)
		}
		got := d.ask(d.admin, "PUT", path, `{"dialling":{"countries":["be"],"rates":[{"prefix":"+32","micros_per_minute":20000}],"caps":{"dial_desk_calls":4}}}`).is(200)
		for at, want := range map[string]any{
			"dialling.countries.0": "BE", "dialling.rates.0.prefix": "+32", "dialling.caps.dial_desk_calls": 4.0, "dialling.today.calls": 0.0,
		} {
			if got.at(at) != want {
				t.Errorf("%s = %v, want %v", at, got.at(at), want)
			}
		}
		d.ask(d.admin, "PUT", path, `{"dialling":{"countries":["France"]}}`).is(422)
		d.ask(d.admin, "PUT", path, `{"dialling":{"caps":{"ticket_purge_days":4}}}`).is(422)
		d.ask(d.admin, "PUT", path, `{}`).is(400)
	})
}
