package api

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sotto/person"
)

func TestPagesByCursorGoBothWays(t *testing.T) {
	d := sqlite(t)
	for i := range 5 {
		d.person(person.Draft{Name: fmt.Sprintf("Person %d", i)})
		d.ask(d.agent, "POST", "/tickets", `{"ticket":{"comment":{"body":"x"}}}`).is(201)
	}
	for list, query := range map[string]string{"users": "", "tickets": "", "audit_logs": "", "tickets#": "sort=-updated_at&"} {
		name := strings.TrimSuffix(list, "#")
		t.Run(list, func(t *testing.T) {
			all := ids(d.ask(d.admin, "GET", "/"+name+"?"+query).is(200), name)
			var forth []string
			path := "/" + name + ".json?" + query + "page%5Bsize%5D=2"
			var last answer
			for path != "" {
				last = d.ask(d.admin, "GET", path).is(200)
				forth = append(forth, ids(last, name)...)
				path = d.follow(last, "links.next")
			}
			if fmt.Sprint(forth) != fmt.Sprint(all) {
				t.Errorf("forwards %v, want %v", forth, all)
			}
			back := ids(last, name)
			for path = d.follow(last, "links.prev"); path != ""; path = d.follow(last, "links.prev") {
				last = d.ask(d.admin, "GET", path).is(200)
				if last.at("meta.has_more") != true && len(ids(last, name)) > 0 {
					t.Errorf("no more after %s", last.raw)
				}
				back = append(ids(last, name), back...)
			}
			if fmt.Sprint(back) != fmt.Sprint(all) {
				t.Errorf("backwards %v, want %v", back, all)
			}
		})
	}
}

// follow returns the path of a link of ours; "" for null.
func (d *desk) follow(a answer, at string) string {
	d.t.Helper()
	link, ok := a.at(at).(string)
	if !ok {
		return ""
	}
	rest, ours := strings.CutPrefix(link, "http://desk.example"+prefix)
	if !ours {
		d.t.Errorf("link %s does not begin with the base URL", link)
	}
	return rest
}

func ids(a answer, list string) (out []string) {
	for i := range a.at(list).([]any) {
		out = append(out, a.id(fmt.Sprintf("%s.%d.id", list, i)))
	}
	return out
}

func TestPagesByNumber(t *testing.T) {
	d := sqlite(t)
	for i := range 5 {
		d.person(person.Draft{Name: fmt.Sprintf("Person %d", i)})
	}
	var all []string
	path := "/users.json?page=1&per_page=3&Access=&Category=0&query="
	for path != "" {
		a := d.ask(d.agent, "GET", path).is(200)
		all = append(all, ids(a, "users")...)
		if a.at("count") != 7.0 {
			t.Errorf("count = %v", a.at("count"))
		}
		path = d.follow(a, "next_page")
	}
	if len(all) != 7 {
		t.Errorf("%d users on all pages", len(all))
	}
	if prev := d.follow(d.ask(d.agent, "GET", "/users?page=2&per_page=3"), "previous_page"); !strings.Contains(prev, "page=1") {
		t.Errorf("previous_page = %q", prev)
	}
	if a := d.ask(d.agent, "GET", "/users?per_page=1000&page=0&role=admin").is(200); len(ids(a, "users")) != 1 {
		t.Errorf("one administrator, got %s", a.raw)
	}
	if a := d.ask(d.agent, "GET", "/users?page=50&role[]=agent").is(200); len(ids(a, "users")) != 0 || a.at("next_page") != nil {
		t.Errorf("beyond the end: %s", a.raw)
	}
}

func TestPageParametersAreChecked(t *testing.T) {
	d := sqlite(t)
	for _, query := range []string{
		"page[size]=0", "page[size]=101", "page[size]=x", "page[after]=%21", "page[after]=eHh4", "page[before]=" + strings.Repeat("A", 300),
		"page[after]=MQ&page[before]=MQ", "page=-1", "page=x", "per_page=x", "page=101&per_page=100", "page=99999999999999999999",
	} {
		if a := d.ask(d.agent, "GET", "/users?"+query); a.status != 400 || a.at("error") != "InvalidPaginationParameter" {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
		if a := d.ask(d.agent, "GET", "/tickets?"+query); a.status != 400 && a.status != 422 {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
}

func TestLinksRepeatNoSearchWords(t *testing.T) {
	d := sqlite(t)
	for i := range 3 {
		d.person(person.Draft{Name: fmt.Sprintf("Ada Number%d", i)})
	}
	a := d.ask(d.agent, "GET", "/users?per_page=1&query=ada&name=Ada&filter[x]=y").is(200)
	u, err := url.Parse(a.at("next_page").(string))
	must(t, err)
	if q := u.Query(); q.Has("query") || q.Has("name") || !q.Has("filter[x]") {
		t.Errorf("next_page = %s", u)
	}
}

func TestLinksBeginWithTheClientsBase(t *testing.T) {
	d := sqlite(t)
	tests := []struct {
		name, url string
		trust     bool
		headers   map[string]string
		want      string
	}{
		{"Host", "http://desk.example:8080/api/v2/users/me", false, nil, "http://desk.example:8080/api/v2/"},
		{"TLS", "https://desk.example/api/v2/users/me", false, nil, "https://desk.example/api/v2/"},
		{"IPv6", "http://[::1]:80/api/v2/users/me", false, nil, "http://[::1]:80/api/v2/"},
		{"Doubled", "http://desk.example/api/v2/api/v2/users/me.json", false, nil, "http://desk.example/api/v2/"},
		{"ForwardedIsNotBelieved", "http://desk.example/api/v2/users/me", false, map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}, "http://desk.example/api/v2/"},
		{"Forwarded", "http://10.0.0.1/api/v2/users/me", true, map[string]string{"X-Forwarded-Host": "desk.example", "X-Forwarded-Proto": "https"}, "https://desk.example/api/v2/"},
		{"ForwardedNonsense", "http://desk.example/api/v2/users/me", true, map[string]string{"X-Forwarded-Proto": "gopher"}, "http://desk.example/api/v2/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := d.c
			c.TrustProxy = tt.trust
			d.api = New(c)
			r := httptest.NewRequest("GET", tt.url, nil)
			r.Header.Set("Authorization", "Bearer "+d.agent.token)
			for name, v := range tt.headers {
				r.Header.Set(name, v)
			}
			if got := d.send(r).is(200).at("user.url").(string); !strings.HasPrefix(got, tt.want) {
				t.Errorf("url = %s, want it below %s", got, tt.want)
			}
		})
	}
	r := httptest.NewRequest("GET", "http://desk.example/api/v2/users/me", nil)
	r.Header.Set("Authorization", "Bearer "+d.agent.token)
	r.Host = `evil.example/"><script>`
	d.send(r).is(400).lacks("evil")
}
