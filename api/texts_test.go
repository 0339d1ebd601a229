package api

import (
	"context"
	"fmt"
	"testing"

	"sotto/leg"
	"sotto/line"
	"sotto/thread"
)

func TestTextsAreReadAndWritten(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := context.Background()
		l := d.line()
		_, err := d.c.Lines.Update(ctx, d.admin.actor("admin"), l.ID, func(s *line.Settings) error {
			s.SMS = true
			return nil
		})
		must(t, err)
		const who = "+33199001234"
		must(t, d.c.Threads.Receive(ctx, thread.Incoming{From: leg.Caller{Number: who}, To: l.Number, Body: "Where is my order?", Name: "a"}))
		got := d.ask(d.agent, "GET", "/sotto/texts").is(200)
		ticket := got.id("texts.0.ticket_id")
		if got.at("texts.0.direction") != "inbound" || got.at("texts.0.from") != who || got.at("texts.0.to") != l.Number || got.at("texts.0.status") != "received" {
			t.Errorf("text = %s", got.raw)
		}
		if on := d.ask(d.agent, "GET", "/tickets/"+ticket).is(200); on.at("ticket.via.channel") != "sms" || on.at("ticket.description") != "Where is my order?" {
			t.Errorf("ticket = %s", on.raw)
		}
		d.ask(d.agent, "PUT", "/tickets/"+ticket, `{"ticket":{"comment":{"body":"On its way"}}}`).is(200)
		d.work()
		made := d.ask(d.agent, "POST", "/sotto/texts", `{"text":{"ticket_id":`+ticket+`,"body":"Anything else?"}}`).is(201)
		if made.at("text.status") != "queued" || made.at("text.agent_id") != float64(d.agent.id) || made.at("text.to") != who {
			t.Errorf("text = %s", made.raw)
		}
		all := d.ask(d.agent, "GET", "/sotto/texts?filter[ticket_id]="+ticket+"&page[size]=2").is(200)
		if all.at("texts.0.id") != made.at("text.id") || all.at("texts.1.status") != "sent" || all.at("meta.has_more") != true {
			t.Errorf("texts = %s", all.raw)
		}
		rest := d.ask(d.agent, "GET", "/sotto/texts?page[size]=2&page[after]="+all.at("meta.after_cursor").(string)).is(200)
		if rest.at("texts.0.kind") != "inbound" || rest.at("meta.has_more") != false {
			t.Errorf("texts = %s", rest.raw)
		}
		user := got.id("texts.0.user_id")
		d.ask(d.agent, "PUT", "/sotto/people/"+user+"/objections/texts").is(204)
		no := d.ask(d.agent, "POST", "/sotto/texts", fmt.Sprintf(`{"text":{"phone_number_id":%d,"to":%q,"body":"One more thing"}}`, l.ID, who)).is(201)
		if no.at("text.status") != "failed" || no.at("text.reason") != "stopped" || no.at("text.failure") == nil {
			t.Errorf("text = %s", no.raw)
		}
		events := d.ask(d.agent, "GET", "/tickets/"+ticket+"/audits").is(200)
		found := false
		for _, x := range events.at("audits").([]any) {
			e := x.(map[string]any)["events"].([]any)[0].(map[string]any)
			found = found || e["type"] == "TextDelivery" && e["field_name"] == "failed" && e["value"] == "stopped"
		}
		if !found {
			t.Errorf("events = %s", events.raw)
		}
		d.ask(d.agent, "POST", "/sotto/texts", `{"text":{"ticket_id":`+ticket+`,"body":" "}}`).is(422)
		d.ask(d.agent, "POST", "/sotto/texts", `{"text":{"phone_number_id":4711,"to":"`+who+`","body":"x"}}`).is(422)
		d.ask(d.agent, "POST", "/sotto/texts", `{}`).is(400)
		d.ask(d.agent, "GET", "/sotto/texts?page=2").is(400)
		seen := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=text").is(200)
		if seen.at("count") != float64(3) || seen.at("audit_logs.0.action") == nil {
			t.Errorf("audit = %s", seen.raw)
		}
	})
}
