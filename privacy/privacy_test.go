package privacy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/desk"
	"sotto/person"
	"sotto/privacy"
	"sotto/ticket"
)

// each opens a desk on each database.
func each(t *testing.T, f func(t *testing.T, d *desk.Desk, agent sotto.Actor)) {
	t.Helper()
	dbtest.EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) {
		c := desk.DefaultConfig()
		c.Data, c.DatabaseURL, c.LogTo = filepath.Join(t.TempDir(), "data"), cfg.URL, io.Discard
		ctx := context.Background()
		must(t, desk.Init(ctx, c))
		d, err := desk.Open(ctx, c)
		must(t, err)
		t.Cleanup(func() {
			if wrong, err := d.Check(ctx); err != nil || len(wrong) > 0 {
				t.Errorf("check: %v, %v", wrong, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		id, err := d.People.Create(ctx, sotto.Operator(), person.Draft{Name: "Agent Orange", Role: sotto.Agent})
		must(t, err)
		f(t, d, sotto.Actor{Person: id, Role: sotto.Agent})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// customer has a ticket with a file and an objection.
func customer(t *testing.T, d *desk.Desk, agent sotto.Actor, name, phone string) (sotto.PersonID, sotto.TicketID) {
	t.Helper()
	ctx := context.Background()
	id, err := d.People.Create(ctx, agent, person.Draft{Name: name, Phones: []string{phone}, Notes: "likes " + name, Locale: "fr"})
	must(t, err)
	up, err := d.Tickets.Upload(ctx, agent, name+".txt", "text/plain", strings.NewReader("file of "+name))
	must(t, err)
	tk, err := d.Tickets.Open(ctx, agent, ticket.Draft{
		Requester: id, Via: ticket.ByAPI, Subject: "About " + name,
		Comment: ticket.CommentDraft{Body: name + " can be called at " + phone, Public: true, Uploads: []string{up.Token}},
	})
	must(t, err)
	must(t, d.People.Object(ctx, sotto.Operator(), id, person.Marketing))
	return id, tk.ID
}

func archive(t *testing.T, d *desk.Desk, id sotto.PersonID) (raw []byte, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	must(t, d.Rights.WriteArchive(context.Background(), id, &b))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	must(t, err)
	files = map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		files[f.Name] = string(text)
	}
	return b.Bytes(), files
}

func TestExportHoldsEverythingOfThePersonAndNothingOfAnother(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		customer(t, d, agent, "Bob Deuxième", "+33199005678")
		_, files := archive(t, d, ada)
		var doc map[string]any
		must(t, json.Unmarshal([]byte(files["data.json"]), &doc))
		for _, want := range []string{
			`"name": "Ada Premier"`, `"value": "+33199001234"`, `"notes": "likes Ada Premier"`, `"subject": "About Ada Premier"`,
			`"body": "Ada Premier can be called at +33199001234"`, `"name": "Ada Premier.txt"`, `"purpose": "marketing"`,
		} {
			if strings.Count(files["data.json"], want) != 1 {
				t.Errorf("%s stands %d times in data.json", want, strings.Count(files["data.json"], want))
			}
		}
		found := false
		for name, text := range files {
			found = found || (strings.HasPrefix(name, "attachments/") && text == "file of Ada Premier")
			if strings.Contains(text, "Bob") || strings.Contains(text, "199005678") {
				t.Errorf("%s holds another person's data", name)
			}
		}
		if !found {
			t.Error("the attachment is missing")
		}
		if !strings.Contains(files["index.html"], `<html lang="fr">`) || !strings.Contains(files["index.html"], "Vos données") {
			t.Error("the index is not in the person's language")
		}
	})
}

func TestExportOfTheSameDataIsTheSameBytes(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		bob, _ := customer(t, d, agent, "Bob Deuxième", "+33199005678")
		before, _ := archive(t, d, ada)
		_, err := d.Rights.Erase(context.Background(), sotto.Operator(), bob)
		must(t, err)
		after, _ := archive(t, d, ada)
		if !bytes.Equal(before, after) {
			t.Error("erasing Bob changed Ada's export")
		}
	})
}

func TestAnAgentsExportHoldsNothingCallersSaid(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		customer(t, d, agent, "Ada Premier", "+33199001234")
		_, files := archive(t, d, agent.Person)
		if !strings.Contains(files["data.json"], `"name": "Agent Orange"`) {
			t.Error("the agent's own name is missing")
		}
		for name, text := range files {
			if strings.Contains(text, "Ada Premier") || strings.Contains(text, "199001234") {
				t.Errorf("%s holds a caller's data", name)
			}
		}
	})
}

func TestReportNamesEveryPlaceWithItsReason(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		rep, err := d.Rights.Show(context.Background(), sotto.Operator(), ada)
		must(t, err)
		for _, want := range []string{"person.name", "address.value", "ticket.subject", "comment.body", "attachment.name", "objection.purpose"} {
			i := slices.IndexFunc(rep.Places, func(p privacy.Place) bool { return p.Name == want })
			if i < 0 {
				t.Errorf("%s is not named", want)
				continue
			}
			if p := rep.Places[i]; p.Count != 1 || p.Why == "" || p.Basis == "" || p.Keep == "" || p.Role != catalogue.Caller {
				t.Errorf("%s = %+v", want, p)
			}
		}
		if len(rep.Recipients) == 0 || rep.Rights == "" || rep.Source == "" {
			t.Error("the report leaves questions of GDPR 15 open")
		}
	})
}

func TestCorrectionReachesEveryCopy(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		ada, tk := customer(t, d, agent, "Ada Premier", "+33199001234")
		closed := ticket.Closed
		_, err := d.Tickets.Update(ctx, agent, tk, ticket.Change{Status: &closed})
		must(t, err)
		name := "Ada Seconde"
		done, err := d.Rights.Correct(ctx, sotto.Operator(), ada, privacy.Correction{
			Name: &name, Phones: map[string]string{"+33199001234": "+33199009999"},
		})
		must(t, err)
		if done.Tickets != 1 {
			t.Errorf("corrected %d tickets, want 1", done.Tickets)
		}
		_, files := archive(t, d, ada)
		for _, old := range []string{`"Ada Premier`, "About Ada Premier", "199001234"} {
			if strings.Contains(files["data.json"], old) {
				t.Errorf("%s still stands in the export", old)
			}
		}
		for _, right := range []string{"About Ada Seconde", "Ada Seconde can be called at +33199009999", `"Ada Seconde.txt"`} {
			if !strings.Contains(files["data.json"], right) {
				t.Errorf("%s is missing", right)
			}
		}
		for _, q := range []string{"Ada Premier", "+33199001234"} {
			if found, err := d.People.Find(ctx, q); err != nil || len(found) != 0 {
				t.Errorf("Find(%q) = %d, %v", q, len(found), err)
			}
			if hits, _, err := d.Tickets.Search(ctx, agent, q, ticket.Page{}); err != nil || len(hits) != 0 {
				t.Errorf("Search(%q) = %d, %v", q, len(hits), err)
			}
		}
	})
}

func TestCorrectionOfAnUnknownValueChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		customer(t, d, agent, "Bob Premier", "+33199001235")
		name := "Ada Seconde"
		for _, c := range []struct {
			name string
			c    privacy.Correction
			want sotto.Kind
		}{
			{"not there", privacy.Correction{Name: &name, Phones: map[string]string{"+33199000000": "+33199009999"}}, sotto.Invalid},
			{"no number", privacy.Correction{Name: &name, Phones: map[string]string{"+33199001234": "nonsense"}}, sotto.Invalid},
			{"somebody else's", privacy.Correction{Name: &name, Phones: map[string]string{"+33199001234": "+33199001235"}}, sotto.Conflict},
			{"no recording", privacy.Correction{Name: &name, Statement: "It was not me."}, sotto.Invalid},
			{"unknown recording", privacy.Correction{Name: &name, Recording: 4711, Statement: "It was not me."}, sotto.NotFound},
			{"no statement", privacy.Correction{Name: &name, Recording: 4711}, sotto.Invalid},
			{"nothing", privacy.Correction{}, sotto.Invalid},
		} {
			if _, err := d.Rights.Correct(ctx, sotto.Operator(), ada, c.c); sotto.KindOf(err) != c.want {
				t.Errorf("%s: Correct = %v, want %v", c.name, err, c.want)
			}
			if p, err := d.People.Get(ctx, ada); err != nil || p.Name != "Ada Premier" {
				t.Errorf("%s: half was changed: %q, %v", c.name, p.Name, err)
			}
		}
	})
}

func TestPreviewFindsMentionsInOtherPeoplesTickets(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		_, other := customer(t, d, agent, "Bob Deuxième", "+33199005678")
		_, err := d.Tickets.Comment(ctx, agent, other, ticket.CommentDraft{Body: "He asks for Ada Premier, 01 99 00 12 34"})
		must(t, err)
		p, err := d.Rights.PreviewErasure(ctx, sotto.Operator(), ada)
		must(t, err)
		if len(p.Mentions) != 1 || p.Mentions[0] != other {
			t.Errorf("mentions = %v, want ticket %d", p.Mentions, other)
		}
		if len(p.Places) == 0 || p.OnCall {
			t.Errorf("preview = %+v", p)
		}
	})
}

func TestRequestedArchiveDiesWithItsPerson(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		no, err := d.Rights.RequestExport(ctx, sotto.Operator(), ada)
		must(t, err)
		if _, _, err := d.Rights.OpenExport(ctx, sotto.Operator(), no); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("before it is made = %v, want conflict", err)
		}
		_, err = d.Jobs.RunDue(ctx)
		must(t, err)
		r, _, err := d.Rights.OpenExport(ctx, sotto.Operator(), no)
		must(t, err)
		raw, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		if _, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw))); err != nil {
			t.Errorf("the archive is no zip: %v", err)
		}
		if _, _, err := d.Rights.OpenExport(ctx, agent, no); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("an agent opens it: %v", err)
		}
		_, err = d.Rights.Erase(ctx, sotto.Operator(), ada)
		must(t, err)
		if _, _, err := d.Rights.OpenExport(ctx, sotto.Operator(), no); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("after erasure = %v, want not found", err)
		}
		if has, err := d.Blobs.Has(catalogue.PersonExport, no); err != nil || has {
			t.Errorf("the file is still there: %v, %v", has, err)
		}
	})
}

func TestOnlyAdministratorsHandleRequests(t *testing.T) {
	each(t, func(t *testing.T, d *desk.Desk, agent sotto.Actor) {
		ctx := context.Background()
		ada, _ := customer(t, d, agent, "Ada Premier", "+33199001234")
		refused := map[string]error{}
		_, refused["show"] = d.Rights.Show(ctx, agent, ada)
		_, refused["export"] = d.Rights.Export(ctx, agent, ada, io.Discard)
		_, refused["correct"] = d.Rights.Correct(ctx, agent, ada, privacy.Correction{})
		_, refused["preview"] = d.Rights.PreviewErasure(ctx, agent, ada)
		_, refused["erase"] = d.Rights.Erase(ctx, agent, ada)
		for what, err := range refused {
			if sotto.KindOf(err) != sotto.Denied {
				t.Errorf("%s = %v, want denied", what, err)
			}
		}
		own := sotto.Actor{Person: ada, Role: sotto.EndUser}
		if _, err := d.Rights.Show(ctx, own, ada); err != nil {
			t.Errorf("a person may not see its own data: %v", err)
		}
	})
}
