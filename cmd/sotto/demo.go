package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sotto"
	"sotto/agent"
	"sotto/desk"
	"sotto/line"
	"sotto/person"
	"sotto/ticket"
)

// The demonstration's own numbers: reserved for fiction, nobody has them.
const (
	demoNumber   = "+33199001000"
	demoNumberEN = "+442079460100"
	demoAdmin    = "admin@sotto.example"
	demoPage     = "demo" // the name of the web line
)

// demoFile holds what the guide prints: invented secrets of an invented desk.
const demoFile = "demo.txt"

type demoCmd struct{}

// Do makes a demonstration desk in the data folder.
func (c *demoCmd) Do(ctx context.Context, g *globals, s streams) error {
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	return makeDemo(ctx, withDemoTrunk(cfg), s)
}

// withDemoTrunk lets this machine call the desk as a carrier would.
func withDemoTrunk(cfg desk.Config) desk.Config {
	if !slices.ContainsFunc(cfg.Trunks, func(t desk.Trunk) bool { return t.Name == "this-machine" }) {
		cfg.Trunks = append(cfg.Trunks, desk.Trunk{Name: "this-machine", Addresses: []string{"127.0.0.0/8"}})
	}
	return cfg
}

// makeDemo fills an empty folder with invented people, three lines and an agent.
func makeDemo(ctx context.Context, cfg desk.Config, s streams) error {
	if err := desk.Init(ctx, cfg); err != nil {
		return err
	}
	return withDesk(ctx, cfg, func(d *desk.Desk) error {
		guide, err := fillDemo(ctx, d)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "made a demonstration desk in %s\n", cfg.Data)
		return os.WriteFile(filepath.Join(cfg.Data, demoFile), []byte(guide), 0o600)
	})
}

func fillDemo(ctx context.Context, d *desk.Desk) (guide string, err error) {
	op := sotto.Operator()
	admin, err := d.People.Create(ctx, op, person.Draft{Role: sotto.Admin, Name: "Odile Exemple", Emails: []string{demoAdmin}, Locale: "fr", Verified: true})
	if err != nil {
		return "", err
	}
	token, _, err := d.Accounts.CreateToken(ctx, op, admin)
	if err != nil {
		return "", err
	}
	answering, err := d.People.Create(ctx, op, person.Draft{Role: sotto.Agent, Name: "Nadia Sample", Emails: []string{"nadia@sotto.example"}, Verified: true})
	if err != nil {
		return "", err
	}
	if err := d.Agents.SetState(ctx, op, answering, agent.Online); err != nil {
		return "", err
	}
	dev, secret, err := d.Agents.AddDevice(ctx, op, answering)
	if err != nil {
		return "", err
	}
	if err := demoLines(ctx, d); err != nil {
		return "", err
	}
	if err := demoTickets(ctx, d, sotto.Actor{Person: answering, Role: sotto.Agent}); err != nil {
		return "", err
	}
	return fmt.Sprintf("admin %s\ntoken %s\nagent %s %s\n", demoAdmin, token, dev.Username, secret), nil
}

func demoLines(ctx context.Context, d *desk.Desk) error {
	for _, l := range []struct {
		number, name, locale string
		kind                 line.Kind
	}{
		{demoNumber, "Service clients", "fr", line.Phone}, {demoNumberEN, "Customer service", "en", line.Phone}, {demoPage, "Customer service", "en", line.Digital},
	} {
		s := line.Defaults()
		s.Number, s.Name, s.Locale, s.Kind, s.Consent, s.KeepVoicemailDays = l.number, l.name, l.locale, l.kind, line.OptOut, 30
		if _, err := d.Lines.Create(ctx, sotto.Operator(), s); err != nil {
			return err
		}
	}
	return nil
}

// demoTickets are a few cases of people who do not exist.
func demoTickets(ctx context.Context, d *desk.Desk, by sotto.Actor) error {
	for _, c := range []struct{ name, phone, mail, locale, subject, text string }{
		{"Camille Fictive", "+33199001201", "camille@client.example", "fr", "Colis non reçu", "Mon colis devait arriver mardi. Pouvez-vous vérifier ?"},
		{"Théo Inventé", "+33199001202", "theo@client.example", "fr", "Facture en double", "J’ai été prélevé deux fois en octobre."},
		{"Robin Madeup", "+442079460203", "robin@client.example", "en", "Cannot sign in", "The reset link says it has expired."},
	} {
		id, err := d.People.Create(ctx, by, person.Draft{Name: c.name, Phones: []string{c.phone}, Emails: []string{c.mail}, Locale: c.locale})
		if err != nil {
			return err
		}
		if _, err := d.Tickets.Open(ctx, by, ticket.Draft{
			Requester: id, Via: ticket.ByWeb, Subject: c.subject, Comment: ticket.CommentDraft{Body: c.text, Public: true},
		}); err != nil {
			return err
		}
	}
	return nil
}

// printDemoGuide says where to go next.
func printDemoGuide(w io.Writer, cfg desk.Config, web, phone string) {
	raw, err := os.ReadFile(filepath.Join(cfg.Data, demoFile))
	if err != nil {
		return
	}
	facts := map[string][]string{}
	for _, l := range strings.Split(string(raw), "\n") {
		if f := strings.Fields(l); len(f) > 1 {
			facts[f[0]] = f[1:]
		}
	}
	data := ""
	if cfg.Data != "data" {
		data = "--data " + cfg.Data + " "
	}
	fmt.Fprintf(w, `
Where to go next
  page       http://%[1]s/
  call       http://%[1]s/call/%[10]s in a browser
  health     curl http://%[1]s/healthz
  agent      %[9]s phone --server %[2]s --wait --user %[3]s --password %[4]s --for 60s
  caller     %[9]s phone --server %[2]s --user +33199001299 --for 30s %[5]s
  tickets    %[9]s %[6]sticket list
  forget     %[9]s %[6]sperson find +33199001299, then %[9]s %[6]sperson erase NUMBER
  REST API   curl -u %[7]s/token:%[8]s http://%[1]s/api/v2/tickets
Start the agent's telephone first, then the caller's, each in a terminal of its own.
`, web, phone, at(facts["agent"], 0), at(facts["agent"], 1), demoNumber, data, demoAdmin, at(facts["token"], 0), os.Args[0], demoPage)
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
