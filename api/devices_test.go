package api

import (
	"fmt"
	"testing"
)

func TestAgentsAndAdministratorsSayWhereAnAgentIsRung(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		mine, theirs := fmt.Sprintf("/sotto/agents/%d/devices", d.agent.id), fmt.Sprintf("/sotto/agents/%d/devices", d.admin.id)
		d.ask(d.agent, "POST", mine, `{"device":{"kind":"forward","phone_number":"nonsense"}}`).is(422)
		d.ask(d.agent, "POST", mine, `{"device":{"kind":"browser"}}`).is(422)
		d.ask(d.agent, "POST", mine, `{}`).is(400)
		out := d.ask(d.agent, "POST", mine+".json", `{"device":{"kind":"forward","phone_number":"01 99 00 12 34"}}`).is(201)
		if out.at("device.phone_number") != "+33199001234" || out.at("device.password") != nil || out.at("device.rung") != true {
			t.Errorf("%s", out.raw)
		}
		phone := d.ask(d.admin, "POST", mine, `{"device":{"kind":"sip"}}`).is(201)
		if phone.at("device.password") == nil || phone.at("device.username") == nil {
			t.Errorf("%s", phone.raw)
		}
		one := mine + "/" + out.id("device.id")
		if got := d.ask(d.admin, "PUT", one, `{"device":{"rung":false}}`).is(200); got.at("device.rung") != false {
			t.Errorf("%s", got.raw)
		}
		d.ask(d.agent, "PUT", one, `{"device":{"phone_number":"+33199005678"}}`).is(422)
		all := d.ask(d.agent, "GET", mine).is(200)
		if all.at("count") != 2.0 || all.at("devices.0.rung") != false || all.at("devices.1.password") != nil {
			t.Errorf("%s", all.raw)
		}
		// A colleague's are not there.
		d.ask(d.agent, "GET", theirs).is(404).lacks("199001234")
		d.ask(d.agent, "POST", theirs, `{"device":{"kind":"forward","phone_number":"+33199001234"}}`).is(404)
		d.ask(d.admin, "PUT", theirs+"/"+out.id("device.id"), `{"device":{"rung":true}}`).is(404)
		d.ask(d.agent, "DELETE", one).is(204)
		d.ask(d.agent, "DELETE", one).is(404)
		d.ask(d.admin, "GET", "/sotto/agents/4711/devices").is(404)
	})
}
