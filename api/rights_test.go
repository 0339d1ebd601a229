package api

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"sotto/person"
	"sotto/receipt"
)

func TestTheFiveRights(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		p := d.phoned("+33199001234", d.line())
		ada := fmt.Sprintf("/sotto/people/%d", p.caller)
		d.ask(d.agent, "PUT", fmt.Sprintf("/users/%d", p.caller), `{"user":{"name":"Ada Wrongname","email":"ada@example.org"}}`).is(200)
		d.ask(d.agent, "PUT", fmt.Sprintf("/tickets/%d", p.ticket), `{"ticket":{"comment":{"body":"Ada Wrongname asks to be called back"}}}`).is(200)
		mention := d.ask(d.agent, "POST", "/tickets", `{"ticket":{"comment":{"body":"Call Ada Wrongname about this"}}}`).is(201)

		access := d.ask(d.admin, "GET", ada+"/access").is(200).lacks("wrongname", "199001234")
		if n := len(access.at("access.places").([]any)); n < 20 {
			t.Errorf("%d places", n)
		}
		d.archive(ada)

		preview := d.ask(d.admin, "GET", ada+"/erasure").is(200)
		if got := preview.at("preview.mentioned_in_tickets").([]any); len(got) != 1 || jsonInt(got[0].(float64)) != mention.id("ticket.id") || preview.at("preview.on_call") != false {
			t.Errorf("preview: %s", preview.raw)
		}

		d.ask(d.agent, "PUT", ada+"/objections/marketing").is(204)
		d.ask(d.agent, "PUT", ada+"/objections/everything").is(422)
		if got := d.ask(d.agent, "GET", ada+"/objections").is(200).at("objections.0.purpose"); got != "marketing" {
			t.Errorf("objection to %v", got)
		}
		d.ask(d.agent, "DELETE", ada+"/objections/marketing").is(204)

		right := d.ask(d.admin, "PUT", ada+"/correction", fmt.Sprintf(`{"correction":{"name":"Ada Rightname","emails":[{"from":"ada@example.org","to":"ada@right.example"}],
			"recording_id":%d,"statement":"I said ten, not two."}}`, p.recording)).is(200)
		if right.at("correction.tickets") != 1.0 {
			t.Errorf("corrected: %s", right.raw)
		}
		d.ask(d.agent, "GET", fmt.Sprintf("/tickets/%d/comments", p.ticket)).is(200).lacks("wrongname")
		d.ask(d.admin, "PUT", ada+"/correction", `{"correction":{"emails":[{"from":"nobody@example.org","to":"x@example.org"}]}}`).is(422)
		d.ask(d.admin, "PUT", ada+"/correction", `{}`).is(400)

		d.eraseAndVerify(ada)
		requests := d.ask(d.admin, "GET", ada+"/requests").is(200)
		if n := len(requests.at("requests").([]any)); n < 5 {
			t.Errorf("%d requests: %s", n, requests.raw)
		}
	})
}

// archive orders, waits for and opens an export.
func (d *desk) archive(subject string) {
	d.t.Helper()
	ordered := d.ask(d.admin, "POST", subject+"/exports").is(202)
	path := subject + "/exports/" + ordered.id("export.id")
	d.ask(d.admin, "GET", path).is(409)
	d.work()
	got := d.ask(d.admin, "GET", path).is(200)
	z, err := zip.NewReader(bytes.NewReader(got.raw), int64(len(got.raw)))
	must(d.t, err)
	if !slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "data.json" }) {
		d.t.Error("no data.json in the archive")
	}
	other := d.person(person.Draft{Name: "Bob Example"})
	foreign := d.ask(d.admin, "GET", fmt.Sprintf("/sotto/people/%d/exports/%s", other, ordered.id("export.id"))).is(404)
	unknown := d.ask(d.admin, "GET", fmt.Sprintf("/sotto/people/%d/exports/4711", other)).is(404)
	if !bytes.Equal(foreign.raw, unknown.raw) {
		d.t.Errorf("foreign %s, unknown %s", foreign.raw, unknown.raw)
	}
	d.ask(d.agent, "GET", path).is(404)
	d.ask(d.agent, "POST", subject+"/exports").is(403)
	d.ask(d.agent, "GET", subject+"/access").is(403)
	d.ask(d.agent, "GET", fmt.Sprintf("/sotto/people/%d/access", d.agent.id)).is(200)
}

// eraseAndVerify erases and checks the receipt as the person could.
func (d *desk) eraseAndVerify(subject string) {
	d.t.Helper()
	d.ask(d.agent, "POST", subject+"/erasure").is(403)
	out := d.ask(d.admin, "POST", subject+"/erasure").is(202)
	d.ask(d.admin, "GET", subject+"/erasure").is(410)
	d.ask(d.admin, "GET", subject+"/objections").is(410)
	d.work()
	size, _ := d.c.Receipts.Head()
	file := d.ask(d.admin, "GET", fmt.Sprintf("/sotto/receipts/%d", size-1)).is(200)
	v, err := receipt.Verify(bytes.NewReader(file.raw), d.c.Receipts.Key())
	must(d.t, err)
	nonce, err := hex.DecodeString(out.at("erasure.nonce").(string))
	must(d.t, err)
	if v.Kind != string(receipt.Erasure) || !v.About([32]byte(nonce), out.at("erasure.identity").(string)) {
		d.t.Errorf("the receipt %+v is not about the person", v)
	}
	d.ask(d.admin, "GET", fmt.Sprintf("/sotto/receipts/%d", size+10)).is(404)
	d.ask(d.admin, "GET", "/sotto/receipts/-1").is(404)
	d.ask(d.agent, "GET", "/sotto/receipts/0").is(403)
	d.ask(d.admin, "GET", subject+"/erasure").is(410)
}
