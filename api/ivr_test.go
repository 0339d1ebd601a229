package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sotto"
	"sotto/leg/media"
	lines "sotto/line"
)

// menuSound is a greeting for menus.
func (d *desk) menuSound(locale string) int64 {
	d.t.Helper()
	u, err := d.c.Lines.AddGreeting(context.Background(), sotto.Operator(), lines.Draft{Category: lines.MenuGreeting, Locale: locale}, media.Tone(440, time.Second).WAV())
	must(d.t, err)
	return u.ID
}

// TestMenusFromNothingToCallersAsZendesksAre goes the way of a script that
// was written for Zendesk, and publishes at its end.
func TestMenusFromNothingToCallersAsZendesksAre(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		l, sound := d.line(), d.menuSound("en")
		group := d.ask(d.admin, "POST", "/groups", `{"group":{"name":"Sales"}}`).is(201).id("group.id")
		made := d.ask(d.admin, "POST", ivrPath+".json", `{"ivr":{"name":"Reception"}}`).is(201)
		if made.at("ivr.menus.0.default") != true || made.at("ivr.menus.0.name") != "Main menu" || made.at("ivr.live_version") != nil {
			t.Errorf("made: %s", made.raw)
		}
		tree := ivrPath + "/" + made.id("ivr.id")
		if got := made.header.Get("Location"); got != "http://desk.example"+prefix+tree+".json" {
			t.Errorf("Location %q", got)
		}
		first := tree + "/menus/" + made.id("ivr.menus.0.id")
		d.ask(d.admin, "PUT", first, fmt.Sprintf(`{"ivr_menu":{"greeting_id":%d,"repeats":2}}`, sound)).is(200)
		second := d.ask(d.admin, "POST", tree+"/menus", fmt.Sprintf(`{"menu":{"name":"Orders","greeting_id":%d}}`, sound)).is(201)
		key := d.ask(d.admin, "POST", first+"/routes", fmt.Sprintf(
			`{"ivr_route":{"keypress":1,"action":"group","options":{"group_ids":[%s]},"overflow_options":[{"action":"phone-number","options":{"phone_number":"+33199001234"}}]}}`, group)).is(201)
		if key.at("ivr_route.keypress") != "1" || key.at("ivr_route.overflow_options.0.options.phone_number") != "+33199001234" {
			t.Errorf("key: %s", key.raw)
		}
		d.ask(d.admin, "POST", first+"/routes", `{"route":{"keypress":"1","action":"voicemail"}}`).is(422)
		d.ask(d.admin, "POST", first+"/routes", `{"ivr_route":{"keypress":"2","action":"menu","options":{"menu_id":`+second.id("ivr_menu.id")+`}}}`).is(201)
		d.ask(d.admin, "POST", first+"/routes", `{"ivr_route":{"keypress":"default","action":"voicemail"}}`).is(201)
		text := d.ask(d.admin, "POST", tree+"/menus/"+second.id("ivr_menu.id")+"/routes",
			`{"ivr_route":{"keypress":"3","action":"text_back","options":{"sms_text":"See our page."}}}`).is(201)
		if text.at("ivr_route.action") != "textback" || text.at("ivr_route.options.sms_text") != "See our page." {
			t.Errorf("text back: %s", text.raw)
		}
		if got := d.ask(d.agent, "GET", first+"/routes.json").is(200); got.at("count") != 3.0 || got.at("ivr_routes.2.keypress") != "default" {
			t.Errorf("keys: %s", got.raw)
		}
		if got := d.ask(d.agent, "GET", "/channels/voice/ivrs.json").is(200); got.at("count") != 1.0 {
			t.Errorf("trees: %s", got.raw)
		}
		d.ask(d.agent, "POST", tree+"/publish").is(403)
		got := d.ask(d.admin, "POST", tree+"/publish").is(200)
		if got.at("version") != 1.0 || got.at("ivr.live_version") != 1.0 {
			t.Errorf("published: %s", got.raw)
		}
		used := d.ask(d.admin, "PUT", tree, fmt.Sprintf(`{"ivr":{"phone_number_ids":[%d]}}`, l.ID)).is(200)
		if used.at("ivr.phone_number_names.0") != "Support" {
			t.Errorf("used: %s", used.raw)
		}
		d.ask(d.admin, "DELETE", tree).is(409)
		if live, err := d.c.Menus.Live(t.Context(), sotto.MenuID(got.at("ivr.id").(float64))); err != nil || len(live.Plan.Menus) != 2 {
			t.Errorf("live: %+v, %v", live, err)
		}
		d.ask(d.admin, "PUT", tree, `{"ivr":{"phone_number_ids":[]}}`).is(200)
		d.ask(d.admin, "DELETE", tree).is(204)
		d.ask(d.admin, "GET", tree).is(404)
	})
}

func TestMenusThatLeadAstrayAreNotPublished(t *testing.T) {
	d := sqlite(t)
	sound := d.menuSound("fr")
	tree := d.ask(d.admin, "POST", ivrPath, fmt.Sprintf(`{"ivr":{"name":"Accueil","menus":[
		{"id":5,"name":"Premier","default":true,"greeting_id":%d,"routes":[
			{"id":7,"keypress":"1","action":"group","options":{"group_ids":[4711]}},
			{"id":8,"keypress":"2","action":"phone_number","options":{"phone_number":"0199001234"}}]}]}}`, sound)).is(201)
	at := ivrPath + "/" + tree.id("ivr.id")
	if got := tree.at("ivr.menus.0.greetings.0.locale"); got != "fr" {
		t.Errorf("the greeting speaks %v", got)
	}
	got := d.ask(d.admin, "POST", at+"/publish?locale=fr").is(422)
	details := got.at("details").(map[string]any)
	if diff := cmp.Diff([]string{"menus.5.routes.7", "menus.5.routes.8"}, slices.Sorted(maps.Keys(details))); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	said := fmt.Sprint(details["menus.5.routes.8"])
	if !strings.Contains(said, "« Premier »") || !strings.Contains(said, "la touche 2") || !strings.Contains(said, "not-e164") {
		t.Errorf("said: %s", said)
	}
	check := d.ask(d.agent, "GET", at+"/check").is(200)
	if check.at("publishable") != false || check.at("findings.0.menu_id") != 5.0 || check.at("findings.0.keypress") != "1" {
		t.Errorf("check: %s", check.raw)
	}
	if got := d.ask(d.admin, "GET", at).is(200).at("ivr.live_version"); got != nil {
		t.Errorf("live: %v", got)
	}
	wrong := d.ask(d.admin, "PUT", at, `{"ivr":{"menus":[{"name":"Premier","routes":[{"keypress":"4","action":"dance"}]}]}}`).is(422)
	if say := string(wrong.raw); !strings.Contains(say, "Premier") || !strings.Contains(say, "Key 4") || !strings.Contains(say, `"action"`) {
		t.Errorf("the menu and the key are not named: %s", say)
	}
	for name, body := range map[string]string{
		"no such key":      `{"ivr":{"menus":[{"name":"P","routes":[{"keypress":"12","action":"voicemail"}]}]}}`,
		"no such line":     `{"ivr":{"phone_number_ids":[4711]}}`,
		"no such greeting": `{"ivr":{"menus":[{"name":"P","greeting_id":4711}]}}`,
		"an id twice":      `{"ivr":{"menus":[{"id":1,"name":"P"},{"id":1,"name":"Q"}]}}`,
		"no name":          `{"ivr":{"name":""}}`,
		"a wrong type":     `{"ivr":{"menus":"none"}}`,
		"not an object":    `{"ivr":5}`,
	} {
		if got := d.ask(d.admin, "PUT", at, body); got.status != 422 {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	d.ask(d.admin, "PUT", at, `{"ivr":null}`).is(400)
	d.ask(d.admin, "PUT", fmt.Sprintf("/channels/voice/phone_numbers/%d", d.line().ID), `{"phone_number":{"ivr_id":4711}}`).is(422)
}

func TestMenusAreRolledBack(t *testing.T) {
	d := sqlite(t)
	sound := d.menuSound("en")
	draft := func(key string) string {
		return fmt.Sprintf(`{"ivr":{"name":"Menus","menus":[{"name":"First","default":true,"greeting_id":%d,"routes":[{"keypress":%q,"action":"voicemail"}]}]}}`, sound, key)
	}
	tree := ivrPath + "/" + d.ask(d.admin, "POST", ivrPath, draft("1")).is(201).id("ivr.id")
	d.ask(d.admin, "POST", tree+"/publish").is(200)
	d.ask(d.admin, "PUT", tree, draft("2")).is(200)
	if n := d.ask(d.admin, "POST", tree+"/publish").is(200).at("version"); n != 2.0 {
		t.Errorf("version %v", n)
	}
	d.ask(d.agent, "POST", tree+"/rollback", `{"version":1}`).is(403)
	d.ask(d.admin, "POST", tree+"/rollback", `{"version":9}`).is(404)
	back := d.ask(d.admin, "POST", tree+"/rollback", `{"version":1}`).is(200)
	if back.at("version") != 1.0 || back.at("ivr.menus.0.routes.0.keypress") != "2" {
		t.Errorf("the draft stays, the live one is the first: %s", back.raw)
	}
	all := d.ask(d.agent, "GET", tree+"/versions").is(200)
	if all.at("count") != 2.0 || all.at("versions.0.live") != true || all.at("versions.0.menus.0.routes.0.keypress") != "1" {
		t.Errorf("versions: %s", all.raw)
	}
	log := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=menu").is(200)
	if n := log.at("count"); n.(float64) < 4 {
		t.Errorf("%v entries in the audit log", n)
	}
}

func TestMenusAndKeysAreTakenAway(t *testing.T) {
	d := sqlite(t)
	made := d.ask(d.admin, "POST", ivrPath, `{"ivr":{"name":"Menus","menus":[
		{"name":"A","default":true,"routes":[{"keypress":"1","action":"voicemail"}]},{"name":"B"}]}}`).is(201)
	tree := ivrPath + "/" + made.id("ivr.id")
	first, second := tree+"/menus/"+made.id("ivr.menus.0.id"), tree+"/menus/"+made.id("ivr.menus.1.id")
	d.ask(d.admin, "DELETE", first).is(409)
	if got := d.ask(d.admin, "PUT", second, `{"ivr_menu":{"default":true}}`).is(200); got.at("ivr_menu.default") != true {
		t.Errorf("first now: %s", got.raw)
	}
	key := first + "/routes/" + made.id("ivr.menus.0.routes.0.id")
	if got := d.ask(d.admin, "PUT", key, `{"ivr_route":{"action":"language","options":{"locale":"fr"},"option_text":"Français"}}`).is(200); got.at("ivr_route.options.locale") != "fr" {
		t.Errorf("key: %s", got.raw)
	}
	d.ask(d.agent, "GET", key).is(200)
	d.ask(d.admin, "DELETE", key).is(204)
	d.ask(d.admin, "GET", key).is(404)
	d.ask(d.admin, "DELETE", first).is(204)
	if got := d.ask(d.agent, "GET", tree+"/menus?page[size]=1").is(200); got.at("ivr_menus.0.name") != "B" || got.at("meta.has_more") != false {
		t.Errorf("left: %s", got.raw)
	}
}

func TestWhatIsReadIsWhatMayBeWritten(t *testing.T) {
	d := sqlite(t)
	made := d.ask(d.admin, "POST", ivrPath, fmt.Sprintf(`{"ivr":{"name":"Menus","menus":[{"name":"A","default":true,"greeting_id":%d,"routes":[
		{"keypress":"*","action":"repeat"},{"keypress":"default","action":"textback","options":{"sms_text":"Hello"}},{"keypress":"invalid","action":"voicemail"}]}]}}`, d.menuSound("fr"))).is(201)
	r := httptest.NewRequest(http.MethodPut, "http://desk.example"+prefix+ivrPath+"/"+made.id("ivr.id"), strings.NewReader(string(made.raw)))
	r.Header.Set("Authorization", "Bearer "+d.admin.token)
	again := d.send(r).is(200)
	if diff := cmp.Diff(made.at("ivr.menus"), again.at("ivr.menus")); diff != "" {
		t.Errorf("(-made +again):\n%s", diff)
	}
}
