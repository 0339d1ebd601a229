package api

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sotto"
	"sotto/person"
)

func TestUserFromMakingToErasing(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		made := d.ask(d.agent, "POST", "/users.json", `{"user":{"name":"Ada Example","email":"Ada@Example.org","phone":"01 99 00 12 34",
			"external_id":771,"notes":"likes mornings","locale":"fr-FR","verified":true,"photo":{},"created_at":"0001-01-01T00:00:00Z","id":5}}`).is(201)
		id := made.id("user.id")
		if loc := made.header.Get("Location"); loc != "http://desk.example/api/v2/users/"+id+".json" || loc != made.at("user.url") {
			t.Errorf("Location = %q", loc)
		}
		for path, want := range map[string]any{
			"user.email": "ada@example.org", "user.phone": "+33199001234", "user.external_id": "771", "user.locale": "fr", "user.locale_id": 16.0,
			"user.role": "end-user", "user.verified": true, "user.active": true, "user.suspended": false, "user.notes": "likes mornings",
		} {
			if got := made.at(path); got != want {
				t.Errorf("%s = %v, want %v", path, got, want)
			}
		}
		d.ask(d.agent, "PUT", "/users/"+id, `{"user":{"role":"admin"}}`).is(403)
		changed := d.ask(d.agent, "PUT", "/users/"+id+".json", `{"user":{"name":"Ada Right","phone":"+33199009999","email":"second@example.org","suspended":true,"role":"end-user"}}`).is(200)
		if changed.at("user.name") != "Ada Right" || changed.at("user.phone") != "+33199009999" || changed.at("user.email") != "ada@example.org" || changed.at("user.suspended") != true {
			t.Errorf("changed: %s", changed.raw)
		}
		d.ask(d.agent, "GET", "/users/show_many?ids="+id+",999,"+fmt.Sprint(int64(d.admin.id))).is(200)
		if n := d.ask(d.agent, "GET", "/users/search?query=email:second@example.org%20type:user").is(200).at("count"); n != 1.0 {
			t.Errorf("search found %v", n)
		}
		d.ask(d.agent, "DELETE", "/deleted_users/"+id).is(403)
		d.ask(d.admin, "DELETE", "/deleted_users/"+id).is(404) // not among the deleted yet
		if gone := d.ask(d.agent, "DELETE", "/users/"+id).is(200); gone.at("user.active") != false || gone.at("user.name") != "Ada Right" {
			t.Errorf("deleted: %s", gone.raw)
		}
		d.ask(d.agent, "GET", "/deleted_users/"+id).is(200)
		if n := d.ask(d.agent, "GET", "/deleted_users/count").is(200).at("count.value"); n != 1.0 {
			t.Errorf("%v deleted users", n)
		}
		words := []string{"ada ", "right", "example.org", "199001234", "199009999", "mornings"}
		erased := d.ask(d.admin, "DELETE", "/deleted_users/"+id+".json").is(200).lacks(words...)
		if erased.at("deleted_user.name") != permanentlyDeleted || erased.at("deleted_user.email") != nil || erased.at("deleted_user.phone") != nil || erased.id("deleted_user.id") != id {
			t.Errorf("erased: %s", erased.raw)
		}
		d.afterErasure(id, words)
	})
}

// afterErasure looks at everything that still speaks of an erased user.
func (d *desk) afterErasure(id string, words []string) {
	d.t.Helper()
	if n := d.ask(d.admin, "GET", "/users/"+id+"/compliance_deletion_statuses?application=talk").is(200); len(n.at("compliance_deletion_statuses").([]any)) != 2 {
		d.t.Errorf("before the sweep: %s", n.raw)
	}
	d.work()
	statuses := d.ask(d.admin, "GET", "/users/"+id+"/compliance_deletion_statuses").is(200)
	if n := len(statuses.at("compliance_deletion_statuses").([]any)); n != 9 {
		d.t.Errorf("%d statuses, want 3 for each of 3 applications", n)
	}
	if got := d.ask(d.agent, "GET", "/users/"+id).is(200).lacks(words...); got.at("user.name") != permanentlyDeleted || got.at("user.active") != false {
		d.t.Errorf("shown: %s", got.raw)
	}
	d.ask(d.agent, "GET", "/deleted_users").is(200).lacks(words...)
	d.ask(d.agent, "GET", "/users/show_many?ids="+id).is(200).lacks(words...)
	d.ask(d.agent, "PUT", "/users/"+id, `{"user":{"name":"Again"}}`).is(404)
	d.ask(d.agent, "DELETE", "/users/"+id).is(404)
	d.ask(d.agent, "GET", "/users/"+id+"/identities").is(404)
	d.ask(d.admin, "DELETE", "/deleted_users/"+id).is(404)
	d.ask(d.admin, "POST", "/sotto/people/"+id+"/erasure").is(410)
	if n := d.ask(d.agent, "GET", "/users/search?query=ada").is(200).at("count"); n != 0.0 {
		d.t.Errorf("the erased one is found")
	}
}

func TestUserInputIsRefusedWithAReason(t *testing.T) {
	d := sqlite(t)
	d.person(person.Draft{Name: "Bob Example", Emails: []string{"bob@example.org"}, ExternalID: "crm-1"})
	tests := []struct {
		name, body string
		status     int
		at         string
		want       any
	}{
		{"NotJSON", `{"user":`, 400, "error", "InvalidBody"},
		{"Empty", ``, 400, "error", "InvalidBody"},
		{"Null", `null`, 400, "error", "ParameterMissing"},
		{"NoWrapper", `{"name":"A"}`, 400, "error", "ParameterMissing"},
		{"List", `[]`, 422, "error", "RecordInvalid"},
		{"WrongType", `{"user":{"name":1}}`, 422, "details.name.0.error", "InvalidValue"},
		{"NoName", `{"user":{"email":"c@example.org"}}`, 422, "details.name.0.error", "InvalidValue"},
		{"Blank", `{"user":{"name":"  "}}`, 422, "details.name.0.error", "InvalidValue"},
		{"BadEmail", `{"user":{"name":"A","email":"no"}}`, 422, "details.email.0.error", "InvalidValue"},
		{"TakenEmail", `{"user":{"name":"A","email":"bob@example.org"}}`, 422, "details.email.0.error", "DuplicateValue"},
		{"TakenExternalID", `{"user":{"name":"A","external_id":"crm-1"}}`, 422, "details.external_id.0.error", "DuplicateValue"},
		{"BadPhone", `{"user":{"name":"A","phone":"x"}}`, 422, "details.phone.0.error", "InvalidValue"},
		{"BadRole", `{"user":{"name":"A","role":"owner"}}`, 422, "details.role.0.error", "InvalidValue"},
		{"BadLocale", `{"user":{"name":"A","locale":"tlh"}}`, 422, "details.locale.0.error", "InvalidValue"},
		{"BadLocaleID", `{"user":{"name":"A","locale_id":9}}`, 422, "details.locale.0.error", "InvalidValue"},
		{"BadIdentity", `{"user":{"name":"A","identities":[{"type":"twitter","value":"x"}]}}`, 422, "details.type.0.error", "InvalidValue"},
		{"TooLarge", `{"user":{"name":"` + strings.Repeat("a", maxJSON) + `"}}`, 413, "error", "RequestEntityTooLarge"},
		{"AgentMakesStaff", `{"user":{"name":"A","role":"agent"}}`, 403, "error.title", "Forbidden"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := d.ask(d.agent, "POST", "/users", tt.body).is(tt.status)
			if got.at(tt.at) != tt.want {
				t.Errorf("%s = %v, want %v", tt.at, got.at(tt.at), tt.want)
			}
		})
	}
	if n := d.ask(d.agent, "GET", "/users/count").at("count.value"); n != 3.0 {
		t.Errorf("%v users, want 3: a refused one was made", n)
	}
}

func TestCreateOrUpdateTakesTheRightOne(t *testing.T) {
	d := sqlite(t)
	made := d.ask(d.agent, "POST", "/users/create_or_update", `{"user":{"name":"Ada Example","email":"ada@example.org","external_id":"x1"}}`).is(201)
	for _, body := range []string{
		`{"user":{"name":"Ada One","email":"ada@example.org"}}`,
		`{"user":{"name":"Ada Two","external_id":"x1"}}`,
	} {
		if again := d.ask(d.agent, "POST", "/users/create_or_update.json", body).is(200); again.id("user.id") != made.id("user.id") {
			t.Errorf("another user: %s", again.raw)
		}
	}
	// The words of an address that nobody has also stand in a name.
	d.person(person.Draft{Name: "New Example Org"})
	d.ask(d.agent, "POST", "/users/create_or_update", `{"user":{"name":"Newcomer","email":"new@example.org"}}`).is(201)
}

func TestDestroyManyNeverMeansEverybody(t *testing.T) {
	d := sqlite(t)
	id := d.person(person.Draft{Name: "Ada Example"})
	for _, path := range []string{"/users/destroy_many.json", "/users/destroy_many?ids=", "/users/destroy_many?ids=,", "/deleted_tickets/destroy_many", "/tickets/destroy_many.json"} {
		d.ask(d.admin, "DELETE", path).is(400)
	}
	d.ask(d.admin, "DELETE", "/users/destroy_many?ids=1,x").is(400)
	many := d.ask(d.admin, "DELETE", "/users/destroy_many?ids="+strings.Repeat("1,", 101)).is(400)
	if many.at("error") != "TooManyValues" || many.at("max_count") != 100.0 {
		t.Errorf("101 ids: %s", many.raw)
	}
	if n := d.ask(d.admin, "GET", "/users/count").at("count.value"); n != 3.0 {
		t.Fatalf("%v users left, want 3", n)
	}
	job := d.ask(d.agent, "DELETE", fmt.Sprintf("/users/destroy_many?ids=%d,4711,%d,%d", id, d.agent.id, d.admin.id)).is(200)
	for i, want := range []any{true, false, false, false} {
		if got := job.at(fmt.Sprintf("job_status.results.%d.success", i)); got != want {
			t.Errorf("result %d = %v, want %v: %s", i, got, want, job.raw)
		}
	}
	name := job.at("job_status.id").(string)
	if !strings.HasPrefix(name, "V3-") || len(name) != 35 {
		t.Errorf("job id %q", name)
	}
	d.ask(d.agent, "GET", "/job_statuses/"+name+".json").is(200)
	d.ask(d.admin, "GET", "/job_statuses/"+name).is(404)
	if n := d.ask(d.agent, "GET", "/job_statuses/show_many?ids="+name+",V3-1").is(200).at("count"); n != 1.0 {
		t.Errorf("show_many: %v", n)
	}
	if n := d.ask(d.agent, "GET", "/job_statuses").is(200).at("count"); n != 1.0 {
		t.Errorf("list: %v", n)
	}
	d.ms.Add(keepJobs.Milliseconds() + 1)
	d.ask(d.agent, "GET", "/job_statuses/"+name).is(404)
}

func TestIdentities(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		id := fmt.Sprint(int64(d.person(person.Draft{Name: "Ada Example", Phones: []string{"+33199001234"}})))
		other := fmt.Sprint(int64(d.person(person.Draft{Name: "Bob Example", Emails: []string{"bob@example.org"}})))
		base := "/users/" + id + "/identities"
		one := d.ask(d.agent, "POST", base+".json", `{"identity":{"type":"email","value":"Ada@Example.org"}}`).is(201)
		two := d.ask(d.agent, "POST", base, `{"identity":{"type":"phone_number","value":"+33199005555","primary":true}}`).is(201)
		if one.at("identity.value") != "ada@example.org" || one.at("identity.primary") != true || two.at("identity.primary") != true {
			t.Errorf("made: %s %s", one.raw, two.raw)
		}
		d.ask(d.agent, "POST", base, `{"identity":{"type":"email","value":"bob@example.org"}}`).is(422)
		d.ask(d.agent, "POST", base, `{"identity":{"type":"email"}}`).is(422)
		list := d.ask(d.agent, "GET", base+"?page[size]=2").is(200)
		if n := len(list.at("identities").([]any)); n != 2 || list.at("meta.has_more") != true {
			t.Errorf("first page: %s", list.raw)
		}
		row := base + "/" + one.id("identity.id")
		if got := d.ask(d.agent, "PUT", row, `{"identity":{"value":"ada@second.example"}}`).is(200); got.at("identity.value") != "ada@second.example" {
			t.Errorf("corrected: %s", got.raw)
		}
		primary := d.ask(d.agent, "PUT", base+"/"+list.id("identities.0.id")+"/make_primary.json", `{}`).is(200)
		if primary.at("identities.0.primary") != true || primary.at("identities.2.primary") != false {
			t.Errorf("primary: %s", primary.raw)
		}
		// An identity of somebody else's under this user is none.
		foreign := d.ask(d.agent, "GET", "/users/"+other+"/identities/"+one.id("identity.id"))
		unknown := d.ask(d.agent, "GET", "/users/"+other+"/identities/4711")
		if foreign.is(404); string(foreign.raw) != string(unknown.is(404).raw) {
			t.Errorf("foreign %s, unknown %s", foreign.raw, unknown.raw)
		}
		d.ask(d.agent, "DELETE", "/users/"+other+"/identities/"+one.id("identity.id")).is(404)
		d.ask(d.agent, "GET", row).is(200)
		d.ask(d.agent, "DELETE", row).is(204)
		d.ask(d.agent, "GET", row).is(404)
	})
}

func TestNobodyLocksThemselvesOut(t *testing.T) {
	d := sqlite(t)
	me := fmt.Sprint(int64(d.admin.id))
	d.ask(d.admin, "DELETE", "/users/"+me).is(403)
	d.ask(d.admin, "PUT", "/users/"+me, `{"user":{"suspended":true}}`).is(403)
	d.ask(d.admin, "POST", "/sotto/people/"+me+"/erasure").is(403)
	d.ask(d.admin, "GET", "/users/me.json").is(200)
}

func TestUserWithoutANameIsShownByNumber(t *testing.T) {
	d := sqlite(t)
	id := d.person(person.Draft{Phones: []string{"+33199001234"}})
	if got := d.ask(d.agent, "GET", fmt.Sprintf("/users/%d", id)).is(200).at("user.name"); got != "Caller +33199001234" {
		t.Errorf("name = %v", got)
	}
	related := d.ask(d.agent, "GET", fmt.Sprintf("/users/%d/related", id)).is(200)
	if related.at("user_related.requested_tickets") != 0.0 {
		t.Errorf("related: %s", related.raw)
	}
	d.ask(d.agent, "GET", "/users/autocomplete?phone=%2B33199001234").is(200)
	d.ask(d.agent, "GET", "/users/search").is(422)
	must(t, d.c.People.Update(context.Background(), sotto.Operator(), id, person.Change{}))
}
