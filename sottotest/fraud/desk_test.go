package fraud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/desk"
	"sotto/dial"
	"sotto/flow"
	"sotto/leg/media"
	"sotto/leg/sip"
	"sotto/line"
	"sotto/person"
	"sotto/sottotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long something that must happen may take.
const patience = 30 * time.Second

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// hosts gives each desk addresses of its own, requests each request.
var hosts, requests atomic.Int32

// member is somebody of the staff, with a token and a telephone.
type member struct {
	id     sotto.PersonID
	role   sotto.Role
	email  string
	token  string
	device sotto.DeviceID
	phone  *peer
}

// world is a desk beside a carrier. calm is an agent who talks to a caller all
// the time; who is the one whose money is asked for.
type world struct {
	t       *testing.T
	d       *desk.Desk
	s       *desk.Server
	carrier *peer
	line    line.Line
	calm    *member
	who     *member
	talks   *dialog // the caller of calm
	call    *call.Call
	web     *http.Client

	owner   *member // who answers mine
	phone   *peer   // the owner's
	mine    *dialog // the caller of the owner
	own     *dialog // the owner's side; nil when the call is over
	ownCall *call.Call
}

// front is the desk's own number.
const front = "+33199001234"

// tone is what lines say here: short.
func tone() []byte { return media.Tone(600, 400*time.Millisecond).WAV() }

func newWorld(t *testing.T, role sotto.Role) *world {
	t.Helper()
	ctx, admin := context.Background(), sotto.Operator()
	n := hosts.Add(1)
	host := func(i int) string { return fmt.Sprintf("127.33.%d.%d", n, i) }
	dir := t.TempDir()
	c := sottotest.Config(dir, "", sottotest.Log(t, filepath.Join(dir, "log")))
	carrier := newPeer(t, host(2), "")
	c.TrustProxy = true // so that each request comes from another address: refusals count against it
	c.HTTP, c.SIP, c.MediaTimeout = host(1)+":0", host(1)+":0", 600
	c.Trunks = []desk.Trunk{{Name: "carrier", Addresses: []string{host(2)}, Address: carrier.addr(), KeepAlive: -1}}
	check(t, desk.Init(ctx, c))
	w := &world{t: t, d: sottotest.Open(t, c), carrier: carrier, web: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}}
	s := line.Defaults()
	s.SMS = true
	s.Number, s.Name, s.Voicemail = front, "Accueil", false
	var err error
	w.line, err = w.d.Lines.Create(ctx, admin, s)
	check(t, err)
	for _, c := range []line.Category{line.Greeting, line.Wait} {
		check(t, w.d.Lines.SetSound(ctx, admin, w.line.ID, c, "en", tone()))
	}
	w.calm, w.who = w.hire(host(3), sotto.Agent, "calm"), w.hire(host(4), role, "who")
	check(t, w.d.Dials.SetRules(ctx, admin, dial.Rules{Countries: []string{"BE"}}))
	caps := map[string]int64{}
	for _, name := range dial.Caps() {
		if name != db.DialCallMinutes {
			caps[string(name)] = 10_000
		}
	}
	check(t, w.d.Dials.SetCaps(ctx, admin, caps))
	w.s, err = w.d.Serve(ctx)
	check(t, err)
	t.Cleanup(func() { check(t, w.s.Close()) })
	for _, p := range []*peer{carrier, w.calm.phone, w.who.phone} {
		p.mu.Lock()
		p.desk, err = net.ResolveUDPAddr("udp4", w.s.SIP())
		p.mu.Unlock()
		check(t, err)
	}
	w.calm.phone.say(answer{status: 200})
	check(t, w.d.Agents.SetState(ctx, admin, w.calm.id, agent.Online))
	w.talks, w.call = w.converse(w.calm)
	return w
}

// hire adds somebody of the staff whose telephone is registered.
func (w *world) hire(host string, role sotto.Role, name string) *member {
	w.t.Helper()
	ctx, admin := context.Background(), sotto.Operator()
	m := &member{role: role, email: name + "@desk.example", phone: newPeer(w.t, host, "")}
	var err error
	m.id, err = w.d.People.Create(ctx, admin, person.Draft{Role: role, Name: "Sacha Exemple", Emails: []string{m.email}})
	check(w.t, err)
	d, _, err := w.d.Agents.AddDevice(ctx, admin, m.id)
	check(w.t, err)
	m.device = d.ID
	check(w.t, w.d.Agents.Registered(ctx, d.ID, []sip.Contact{{
		URI: "sip:p@" + m.phone.addr(), From: netip.MustParseAddrPort(m.phone.addr()), CallID: "r", Expires: time.Now().Add(time.Hour),
	}}))
	m.token, _, err = w.d.Accounts.CreateToken(ctx, admin, m.id)
	check(w.t, err)
	return m
}

// converse lets somebody call the line until m answers.
func (w *world) converse(m *member) (*dialog, *call.Call) {
	w.t.Helper()
	caller, status := w.carrier.call(front)
	if status != 200 {
		w.t.Fatalf("the line answers %d", status)
	}
	var c *call.Call
	w.until("the agent talks to the caller", func() bool { c = w.callOf(m); return c != nil })
	return caller, c
}

// callOf is the call in which somebody talks, alone with the caller; nil for
// none.
func (w *world) callOf(m *member) *call.Call {
	for _, c := range w.d.Calls.Live() {
		t, ok := w.s.Flow().Conversation(context.Background(), c.ID)
		if ok && len(t.Parties) == 2 && !slices.ContainsFunc(t.Parties, func(p flow.Party) bool { return p.Place != "talking" }) &&
			t.Parties[1].Person == m.id {
			return c
		}
	}
	return nil
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("still not: %s", what)
		}
	}
}

// ask sends a request of the REST API and returns its status and its answer.
func (w *world) ask(as *member, method, path string, body any) (status int, answer map[string]any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	check(w.t, err)
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+w.s.HTTP()+"/api/v2"+path, bytes.NewReader(b))
	check(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	from := requests.Add(1)
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.%d.%d", from>>8&255, from&255))
	if as != nil {
		req.SetBasicAuth(as.email+"/token", as.token)
	}
	res, err := w.web.Do(req)
	check(w.t, err)
	raw, err := io.ReadAll(res.Body)
	check(w.t, err, res.Body.Close())
	if res.StatusCode != http.StatusNoContent && strings.HasPrefix(res.Header.Get("Content-Type"), "application/") {
		check(w.t, json.Unmarshal(raw, &answer))
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		w.t.Errorf("%s %s: %d %s", method, path, res.StatusCode, raw)
	}
	return res.StatusCode, answer
}

// granted is how many attempts the audit log allows.
func (w *world) granted() (n int) {
	w.t.Helper()
	for after := int64(0); ; {
		page, next, err := w.d.Audit.List(context.Background(), sotto.Operator(), audit.Filter{
			Source: audit.Dial, Actions: []audit.Action{audit.Create}, After: after, Limit: 1000,
		})
		check(w.t, err)
		for range page {
			n++
		}
		if after = next; after == 0 {
			return n
		}
	}
}
