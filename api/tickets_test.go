package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sotto/person"
)

func TestTicketFromOpeningToPurging(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ada := d.person(person.Draft{Name: "Ada Example", Emails: []string{"ada@example.org"}})
		made := d.ask(d.agent, "POST", "/tickets.json", fmt.Sprintf(`{"ticket":{"subject":"Broken lamp","requester_id":"%d","priority":"high",
			"comment":{"body":"It does not shine.\nMy card is 4711-0815."},"id":9,"created_at":"0001-01-01T00:00:00Z"}}`, ada)).is(201)
		id := made.id("ticket.id")
		for path, want := range map[string]any{
			"ticket.subject": "Broken lamp", "ticket.status": "new", "ticket.priority": "high", "ticket.requester_id": float64(ada),
			"ticket.submitter_id": float64(d.agent.id), "ticket.description": "It does not shine.\nMy card is 4711-0815.", "ticket.assignee_id": nil,
		} {
			if got := made.at(path); got != want {
				t.Errorf("%s = %v, want %v", path, got, want)
			}
		}
		changed := d.ask(d.agent, "PUT", "/tickets/"+id+".json", fmt.Sprintf(`{"ticket":{"status":"open","assignee_id":%d,"comment":{"html_body":"<p>A note &amp; more</p>","public":false}}}`, d.agent.id)).is(200)
		if changed.at("ticket.status") != "open" || changed.at("ticket.assignee_id") != float64(d.agent.id) {
			t.Errorf("changed: %s", changed.raw)
		}
		if got := d.ask(d.agent, "PUT", "/tickets/"+id, `{"ticket":{"assignee_id":null}}`).is(200).at("ticket.assignee_id"); got != nil {
			t.Errorf("assignee_id = %v after null", got)
		}
		d.ask(d.agent, "PUT", "/tickets/"+id, fmt.Sprintf(`{"ticket":{"requester_id":%d}}`, ada)).is(200)
		d.ask(d.agent, "PUT", "/tickets/"+id, fmt.Sprintf(`{"ticket":{"requester_id":%d}}`, d.agent.id)).is(422).at("details.requester_id")
		comments := d.ask(d.agent, "GET", "/tickets/"+id+"/comments?sort=-created_at").is(200)
		if comments.at("comments.0.body") != "A note & more" || comments.at("comments.0.public") != false || comments.at("count") != 2.0 {
			t.Errorf("comments: %s", comments.raw)
		}
		audits := d.ask(d.agent, "GET", "/tickets/"+id+"/audits").is(200)
		if audits.at("audits.0.events.0.type") != "Create" || audits.at("count").(float64) < 5 {
			t.Errorf("audits: %s", audits.raw)
		}
		for _, path := range []string{"/tickets", "/tickets?sort=-updated_at", fmt.Sprintf("/users/%d/tickets/requested", ada)} {
			if n := d.ask(d.agent, "GET", path).is(200).at("count"); n != 1.0 {
				t.Errorf("%s: %v tickets", path, n)
			}
		}
		d.ask(d.agent, "GET", fmt.Sprintf("/users/%d/tickets/assigned", d.agent.id)).is(200)
		d.ask(d.agent, "GET", "/users/4711/tickets/requested").is(404)
		d.ask(d.agent, "GET", "/tickets/show_many?ids="+id+",4711").is(200)
		if n := d.ask(d.agent, "GET", "/tickets/count").is(200).at("count.value"); n != 1.0 {
			t.Errorf("count = %v", n)
		}
		d.deletion(id)
	})
}

// deletion deletes a ticket, restores it, and deletes it for good.
func (d *desk) deletion(id string) {
	d.t.Helper()
	d.ask(d.agent, "DELETE", "/deleted_tickets/"+id).is(403)
	d.ask(d.admin, "DELETE", "/deleted_tickets/"+id).is(409)
	d.ask(d.agent, "DELETE", "/tickets/"+id+".json").is(204)
	d.ask(d.agent, "DELETE", "/tickets/"+id).is(404)
	d.ask(d.agent, "GET", "/tickets/"+id).is(404)
	list := d.ask(d.agent, "GET", "/deleted_tickets.json?page%5Bsize%5D=100").is(200)
	if list.at("deleted_tickets.0.actor.name") != "Grace Agentsample" || list.at("deleted_tickets.0.previous_state") != "open" || list.at("meta.has_more") != false {
		d.t.Errorf("deleted: %s", list.raw)
	}
	d.ask(d.agent, "PUT", "/deleted_tickets/"+id+"/restore.json", `{}`).is(200)
	d.ask(d.agent, "GET", "/tickets/"+id).is(200)
	if job := d.ask(d.agent, "DELETE", "/tickets/destroy_many.json?ids="+id+",4711").is(200); job.at("job_status.results.0.success") != true || job.at("job_status.results.1.success") != false {
		d.t.Errorf("job: %s", job.raw)
	}
	d.ask(d.agent, "PUT", "/deleted_tickets/restore_many?ids="+id).is(200)
	d.ask(d.agent, "DELETE", "/tickets/"+id).is(204)
	job := d.ask(d.admin, "DELETE", "/deleted_tickets/"+id+".json").is(200)
	if job.at("job_status.status") != "completed" || job.at("job_status.results.0.success") != true {
		d.t.Errorf("job: %s", job.raw)
	}
	d.ask(d.agent, "PUT", "/deleted_tickets/"+id+"/restore").is(404)
	d.ask(d.agent, "PUT", "/deleted_tickets/restore_many?ids="+id).is(404)
	d.ask(d.admin, "DELETE", "/deleted_tickets/"+id).is(404)
	many := d.ask(d.admin, "DELETE", "/deleted_tickets/destroy_many?ids="+id).is(200)
	if many.at("job_status.results.0.success") != false || many.at("job_status.results.0.error") != "RecordNotFound" {
		d.t.Errorf("many: %s", many.raw)
	}
	log := d.ask(d.admin, "GET", "/audit_logs?filter[source_type]=ticket&filter[action]=destroy").is(200)
	if log.at("count").(float64) < 4 {
		d.t.Errorf("audit: %s", log.raw)
	}
}

func TestTicketInputIsRefusedWithAReason(t *testing.T) {
	d := sqlite(t)
	tests := []struct {
		name, body string
		status     int
		field      string
	}{
		{"NoComment", `{"ticket":{"subject":"x"}}`, 422, "comment"},
		{"EmptyComment", `{"ticket":{"comment":{"body":" "}}}`, 422, "body"},
		{"BadStatus", `{"ticket":{"status":"lost","comment":{"body":"x"}}}`, 422, "status"},
		{"BadPriority", `{"ticket":{"priority":"huge","comment":{"body":"x"}}}`, 422, "priority"},
		{"UnknownRequester", `{"ticket":{"requester_id":4711,"comment":{"body":"x"}}}`, 422, "requester"},
		{"UnknownAssignee", `{"ticket":{"assignee_id":4711,"comment":{"body":"x"}}}`, 422, "assignee"},
		{"BadID", `{"ticket":{"requester_id":"me","comment":{"body":"x"}}}`, 422, "id"},
		{"NegativeID", `{"ticket":{"requester_id":-1,"comment":{"body":"x"}}}`, 422, "id"},
		{"UnknownUpload", `{"ticket":{"comment":{"body":"x","uploads":["nonsense"]}}}`, 422, "uploads"},
		{"TooLong", `{"ticket":{"comment":{"body":"` + strings.Repeat("x", 65<<10) + `"}}}`, 422, "body"},
		{"OpenMark", `{"ticket":{"comment":{"html_body":"<redact>x"}}}`, 422, "html_body"},
		{"NamelessRequester", `{"ticket":{"requester":{"email":"new@example.org"},"comment":{"body":"x"}}}`, 422, "name"},
		{"NoWrapper", `{}`, 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := d.ask(d.agent, "POST", "/tickets", tt.body).is(tt.status)
			if tt.field != "" {
				got.at("details." + tt.field + ".0.description")
			}
		})
	}
	if n := d.ask(d.agent, "GET", "/tickets").at("count"); n != 0.0 {
		t.Errorf("%v tickets", n)
	}
}

func TestRequesterIsFoundOrMade(t *testing.T) {
	d := sqlite(t)
	ada := d.person(person.Draft{Name: "Ada Example", Emails: []string{"ada@example.org"}, Phones: []string{"+33199001234"}})
	for body, want := range map[string]bool{
		`{"name":"X","email":"Ada@example.org"}`:    true,
		`{"name":"X","phone":"01 99 00 12 34"}`:     true,
		`{"name":"Bob","email":"bob@example.org"}`:  false,
		`{"name":"Carol","phone":"+33 199005678"}`:  false,
		`{"name":"Ada Example","phone":"99999999"}`: false,
	} {
		got := d.ask(d.agent, "POST", "/tickets", `{"ticket":{"description":"Hello","requester":`+body+`}}`).is(201).at("ticket.requester_id")
		if (got == float64(ada)) != want {
			t.Errorf("%s: requester %v, Ada is %d", body, got, ada)
		}
	}
}

func TestRedaction(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		up := d.upload("card.png", "image/png", "card 4711-0815")
		made := d.ask(d.agent, "POST", "/tickets", `{"ticket":{"subject":"x","comment":{"body":"Card 4711-0815 and 4711-0815, Zoé","uploads":["`+up.at("upload.token").(string)+`"]}}}`).is(201)
		ticket := "/tickets/" + made.id("ticket.id")
		comments := d.ask(d.agent, "GET", ticket+"/comments").is(200)
		comment := comments.id("comments.0.id")
		file := comments.at("comments.0.attachments.0.content_url").(string)
		number := comments.id("comments.0.attachments.0.id")
		d.ask(d.agent, "PUT", ticket, `{"ticket":{"status":"closed"}}`).is(200)

		red := d.ask(d.agent, "PUT", ticket+"/comments/"+comment+"/redact.json", `{"text":"4711-0815"}`).is(200).lacks("4711-0815")
		if red.at("comment.plain_body") != "Card ▇▇▇▇▇▇▇▇▇ and ▇▇▇▇▇▇▇▇▇, Zoé" {
			t.Errorf("redacted: %s", red.raw)
		}
		d.ask(d.agent, "PUT", ticket+"/comments/"+comment+"/redact", `{"text":"4711-0815"}`).is(422)
		d.ask(d.agent, "PUT", "/tickets/4711/comments/"+comment+"/redact", `{"text":"Zoé"}`).is(404)

		// As the Go client sends it: escaped, below the doubled prefix.
		html := strings.ReplaceAll(red.at("comment.html_body").(string), "Zoé", "<redact>Zoé</redact>")
		html = strings.NewReplacer(`"`, `\"`, "\n", `\n`, "<", `\u003c`, ">", `\u003e`).Replace(html)
		marked := d.ask(d.agent, "PUT", "/api/v2/comment_redactions/"+comment+".json", `{"ticket_id":`+made.id("ticket.id")+`,"html_body":"`+html+`"}`).is(200)
		if marked.lacks("Zoé").at("comment.body") != "Card ▇▇▇▇▇▇▇▇▇ and ▇▇▇▇▇▇▇▇▇, ▇▇▇" {
			t.Errorf("marked: %s", marked.raw)
		}
		d.ask(d.agent, "PUT", "/comment_redactions/"+comment, `{"html_body":"x"}`).is(422)
		d.ask(d.agent, "PUT", "/comment_redactions/"+comment, `{"ticket_id":1,"external_attachment_urls":["https://elsewhere.example/1"]}`).is(422)
		d.ask(d.agent, "PUT", ticket+"/comments/"+comment+"/attachments/4711/redact.json", `{}`).is(404)
		gone := d.ask(d.agent, "PUT", "/comment_redactions/"+comment, `{"ticket_id":`+made.id("ticket.id")+`,"external_attachment_urls":["`+file+`"]}`).is(200)
		if gone.at("comment.attachments.0.file_name") != "redacted.txt" || gone.at("comment.attachments.0.deleted") != true {
			t.Errorf("file: %s", gone.raw)
		}
		again := d.ask(d.agent, "PUT", ticket+"/comments/"+comment+"/attachments/"+number+"/redact.json", `{}`).is(200)
		if again.at("attachment.size") != 0.0 {
			t.Errorf("again: %s", again.raw)
		}
		if got := d.ask(d.agent, "GET", "/attachments/"+number+"/content").is(200); len(got.raw) != 0 {
			t.Errorf("the redacted file holds %q", got.raw)
		}
		if hidden := d.ask(d.agent, "PUT", ticket+"/comments/"+comment+"/make_private").is(200); len(hidden.raw) != 0 {
			t.Errorf("a body: %s", hidden.raw)
		}
	})
}

// upload sends a file as the agent.
func (d *desk) upload(name, kind, bytes string) answer {
	d.t.Helper()
	r := httptest.NewRequest("POST", "http://desk.example/api/v2/uploads.json?filename="+name, strings.NewReader(bytes))
	r.Header.Set("Authorization", "Bearer "+d.agent.token)
	r.Header.Set("Content-Type", kind)
	return d.send(r).is(201)
}

func TestFilesAreSentAndFetched(t *testing.T) {
	d := sqlite(t)
	up := d.upload("photo.html", "text/html", "<script>0123456789</script>")
	token := up.at("upload.token").(string)
	made := d.ask(d.agent, "POST", "/tickets", `{"ticket":{"comment":{"body":"See","uploads":["`+token+`"]}}}`).is(201)
	file := d.ask(d.agent, "GET", "/tickets/"+made.id("ticket.id")+"/comments").is(200)
	url := strings.TrimPrefix(file.at("comments.0.attachments.0.content_url").(string), "http://desk.example"+prefix)
	number := file.id("comments.0.attachments.0.id")
	if got := d.ask(d.agent, "GET", "/attachments/"+number+".json").is(200); got.at("attachment.file_name") != "photo.html" {
		t.Errorf("shown: %s", got.raw)
	}
	whole := d.ask(d.agent, "GET", url).is(200)
	h := whole.header
	if string(whole.raw) != "<script>0123456789</script>" || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") ||
		h.Get("ETag") != "" || h.Get("Last-Modified") != "" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("downloaded %q with %v", whole.raw, h)
	}
	part := httptest.NewRequest("GET", "http://desk.example"+prefix+url, nil)
	part.Header.Set("Authorization", "Bearer "+d.agent.token)
	part.Header.Set("Range", "bytes=8-17")
	if got := d.send(part).is(206); string(got.raw) != "0123456789" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("range: %q", got.raw)
	}
	part.Header.Set("Range", "bytes=0-1,3-4,6-7")
	if got := d.send(part).is(200); len(got.raw) != len(whole.raw) {
		t.Errorf("several ranges: %q", got.raw)
	}
	part.Header.Set("Range", "bytes=900-")
	d.sendRaw(part, 416)
	part.Header.Del("Authorization")
	part.Header.Set("Range", "bytes=0-1")
	d.send(part).is(401).lacks("script")
	d.ask(d.agent, "DELETE", "/uploads/"+token+".json").is(404) // a comment took it
	other := d.upload("b.txt", "text/plain", "x").at("upload.token").(string)
	d.ask(d.admin, "DELETE", "/uploads/"+other).is(404)
	d.ask(d.agent, "DELETE", "/uploads/"+other+".json").is(204)
	d.ask(d.agent, "POST", "/uploads", "x").is(400)
	d.ask(d.agent, "POST", "/uploads?filename=a&token="+token, "x").is(422)
	d.ask(d.agent, "POST", "/uploads?filename=empty.txt", "").is(422)
}

// sendRaw is for answers that net/http makes and openapi.yaml leaves to HTTP.
func (d *desk) sendRaw(r *http.Request, want int) {
	d.t.Helper()
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	if w.Code != want {
		d.t.Errorf("status = %d, want %d", w.Code, want)
	}
}

func TestSearch(t *testing.T) {
	d := sqlite(t)
	ada := d.person(person.Draft{Name: "Ada Lampmaker", Emails: []string{"ada@example.org"}})
	d.ask(d.agent, "POST", "/tickets", fmt.Sprintf(`{"ticket":{"subject":"Lampmaker wanted","requester_id":%d,"comment":{"body":"x"}}}`, ada)).is(201)
	for path, want := range map[string]float64{
		"/search.json?query=lampmaker":                                2,
		"/search?query=type:ticket%20lampmaker":                       1,
		"/search?query=type:user%20lampmaker":                         1,
		"/search?query=lampmaker%20status:new":                        1,
		"/search?query=nowhere":                                       0,
		fmt.Sprintf("/search?query=type:ticket%%20requester:%d", ada): 1,
	} {
		if got := d.ask(d.agent, "GET", path).is(200); got.at("count") != want || got.at("next_page") != nil {
			t.Errorf("%s: %s, want %v", path, got.raw, want)
		}
	}
	if n := d.ask(d.agent, "GET", "/search/count?query=lampmaker").is(200).at("count"); n != 2.0 {
		t.Errorf("count = %v", n)
	}
	d.ask(d.agent, "GET", "/search").is(400)
	d.ask(d.agent, "GET", "/search?query=type:group%20x").is(400)
	d.ask(d.agent, "GET", "/search?query=status:lost").is(422)
}
