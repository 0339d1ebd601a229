package sip

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/digest"
)

// agents are the telephones of the tests: invented people.
func agents() map[string]Credentials {
	return map[string]Credentials{
		"lea":  {Device: 7, Secret: "correct horse"},
		"hugo": {Device: 8, Secret: "battery staple"},
		"mia":  {Device: 9, Secret: "open-sesame"},
	}
}

// phoneAddr is where agents' telephones live; nobody trusts it as such.
const phoneAddr = "127.0.0.3"

func phoneDesk(t *testing.T, cfg Config) *Endpoint {
	t.Helper()
	if cfg.Phones == nil {
		cfg.Phones = book{secrets: agents()}
	}
	return open(t, cfg)
}

// ask sends an out-of-dialog request, answers the challenge with secret if
// there is one, and returns the last answer.
func (s *script) register(user, secret string, alg digest.Algorithm, lines ...string) *gosip.Response {
	s.p.t.Helper()
	s.target, s.to = "sip:desk.example.com", "<sip:"+user+"@desk.example.com>"
	r := s.p.anyAnswer(s.say("REGISTER", "", lines...))
	if r.StatusCode != 401 || secret == "" {
		return r
	}
	auth := "Authorization: " + answerTo(s.p.t, r, alg).Answer(user, secret, "REGISTER", s.target, "abc", 1).String()
	return s.p.anyAnswer(s.say("REGISTER", "", append(lines, auth)...))
}

// answerTo finds the challenge of one algorithm.
func answerTo(t *testing.T, r *gosip.Response, alg digest.Algorithm) digest.Challenge {
	t.Helper()
	for _, h := range r.GetHeaders("www-authenticate") {
		if c, err := digest.ParseChallenge(h.Value()); err == nil && c.Algorithm == alg {
			return c
		}
	}
	t.Fatalf("no %s challenge in\n%s", alg, r)
	return digest.Challenge{}
}

func (p *peer) anyAnswer(seq uint32) *gosip.Response {
	p.t.Helper()
	return next(p, fmt.Sprintf("final answer to request %d", seq), func(r *gosip.Response) bool {
		return r.CSeq().SeqNo == seq && r.StatusCode >= 200
	})
}

func TestRegisterWithEitherAlgorithm(t *testing.T) {
	for _, alg := range []digest.Algorithm{digest.MD5, digest.SHA256} {
		t.Run(string(alg), func(t *testing.T) {
			e := phoneDesk(t, Config{})
			p := newPeer(t, phoneAddr, e.Addr())
			s := p.call("reg")
			r := s.register("lea", "correct horse", alg, "Expires: 600")
			if r.StatusCode != 200 {
				t.Fatalf("status = %d", r.StatusCode)
			}
			if got, want := get(r, "contact"), "<sip:carrier@"+p.addr()+">;expires=600"; got != want {
				t.Errorf("Contact = %q, want %q", got, want)
			}
			l := e.Contacts(7)
			if len(l) != 1 || l[0].From != netip.MustParseAddrPort(p.addr()) {
				t.Errorf("Contacts() = %+v", l)
			}
		})
	}
}

func TestRegisterFollowsTheRFC(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	var stored [][]Contact
	fail := false
	e := phoneDesk(t, Config{Clock: clock, Phones: book{secrets: agents(), stored: func(d sotto.DeviceID, l []Contact) error {
		mu.Lock()
		defer mu.Unlock()
		if fail {
			return errNotStored
		}
		if d != 7 {
			t.Errorf("stored for device %d", d)
		}
		stored = append(stored, l)
		return nil
	}}})
	p := newPeer(t, phoneAddr, e.Addr())
	s := p.call("flow")
	contacts := func(r *gosip.Response) []string {
		var l []string
		for _, h := range r.GetHeaders("contact") {
			l = append(l, strings.Split(strings.TrimPrefix(h.Value(), "<sip:"), "@")[0]+h.Value()[strings.Index(h.Value(), ">"):])
		}
		slices.Sort(l)
		return l
	}
	own := func(lines ...string) []string { return lines }
	for _, step := range []struct {
		name   string
		lines  []string
		wait   time.Duration
		status int
		want   []string
		before func()
	}{
		{name: "a question before", lines: own("No-Contact:"), status: 200},
		{name: "the first", lines: own(), status: 200, want: []string{"carrier>;expires=3600"}},
		{name: "a question", lines: own("No-Contact:"), status: 200, want: []string{"carrier>;expires=3600"}},
		{name: "too brief", lines: own("Expires: 20"), status: 423},
		{name: "a second telephone, for longer than we keep", lines: own("Contact: <sip:two@192.0.2.2>;expires=99999999999"), status: 200,
			want: []string{"carrier>;expires=3600", "two>;expires=3600"}},
		{name: "time passes", wait: 10 * time.Minute, lines: own("Contact: <sip:two@192.0.2.2>;expires=0"), status: 200,
			want: []string{"carrier>;expires=3000"}},
		{name: "star with a time", lines: own("Contact: *", "Expires: 100"), status: 400},
		{name: "star among others", lines: own("Contact: <sip:x@192.0.2.2>", "Contact: *", "Expires: 0"), status: 400},
		{name: "a contact we cannot call", lines: own("Contact: <mailto:lea@example.com>"), status: 400},
		{name: "not stored", lines: own("Contact: <sip:three@192.0.2.2>"), status: 500, before: func() { mu.Lock(); fail = true; mu.Unlock() }},
		{name: "stored again", lines: own("Expires: 600"), status: 200, want: []string{"carrier>;expires=600"},
			before: func() { mu.Lock(); fail = false; mu.Unlock() }},
		{name: "it runs out", wait: 20 * time.Minute, lines: own("Contact: <sip:four@192.0.2.2>"), status: 200, want: []string{"four>;expires=3600"}},
	} {
		if step.before != nil {
			step.before()
		}
		mu.Lock()
		now = now.Add(step.wait)
		mu.Unlock()
		s.id = strings.ReplaceAll("flow "+step.name, " ", "-")
		r := s.registerOnly(step.lines...)
		if r.StatusCode != step.status {
			t.Errorf("%s: status = %d, want %d", step.name, r.StatusCode, step.status)
		}
		if got := contacts(r); step.status == 200 && strings.Join(got, " ") != strings.Join(step.want, " ") {
			t.Errorf("%s: contacts = %v, want %v", step.name, got, step.want)
		}
	}
	if r := s.registerStar(); r.StatusCode != 200 || len(r.GetHeaders("contact")) != 0 {
		t.Errorf("star: %s", r)
	}
	left := len(e.Contacts(7))
	mu.Lock()
	defer mu.Unlock()
	if len(stored) == 0 || len(stored[len(stored)-1]) != 0 || left != 0 {
		t.Errorf("after star there are %d contacts", left)
	}
}

// registerOnly registers lea; its own Contact is left out when lines has one.
func (s *script) registerOnly(lines ...string) *gosip.Response {
	s.p.t.Helper()
	return s.register("lea", "correct horse", digest.SHA256, lines...)
}

func (s *script) registerStar() *gosip.Response {
	return s.registerOnly("Contact: *", "Expires: 0")
}

func TestAnOldRegisterComesLate(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := newPeer(t, phoneAddr, e.Addr())
	s := p.call("late-register")
	s.seq = 10
	if r := s.registerOnly(); r.StatusCode != 200 {
		t.Fatalf("status = %d", r.StatusCode)
	}
	s.seq = 4
	if r := s.registerOnly("Expires: 0"); r.StatusCode != 500 {
		t.Errorf("an old REGISTER: %d, want 500", r.StatusCode)
	}
	if len(e.Contacts(7)) != 1 {
		t.Error("it was carried out")
	}
}

func TestKnownAndUnknownTelephonesGetTheSameAnswer(t *testing.T) {
	e := phoneDesk(t, Config{AcceptPhone: func(context.Context, leg.Leg, sotto.DeviceID) { t.Error("a call came in") }})
	for _, method := range []string{"REGISTER", "INVITE"} {
		var first string
		for i, who := range []struct{ user, secret string }{
			{"lea", ""}, {"nobody", ""}, {"lea", "wrong"}, {"nobody", "wrong"}, {"hugo", "correct horse"},
		} {
			p := newPeer(t, "127.0.0."+fmt.Sprint(20+i), e.Addr())
			s := p.call("who")
			r := s.sayAs(method, who.user, who.secret)
			// All but the nonce, our tag and what is echoed is the same.
			var text string
			for _, h := range r.GetHeaders("www-authenticate") {
				c, err := digest.ParseChallenge(h.Value())
				if err != nil || c.Stale {
					t.Errorf("%s %s: %q, %v", method, who.user, h.Value(), err)
				}
				text += strings.ReplaceAll(h.Value(), c.Nonce, "N") + "\n"
			}
			if n := len(r.Headers()); n != 8 {
				t.Errorf("%s as %s: %d header fields", method, who.user, n)
			}
			if first == "" {
				first = text
			}
			if r.StatusCode != 401 || text != first {
				t.Errorf("%s as %s: %d\n%s\nwant\n%s", method, who.user, r.StatusCode, text, first)
			}
		}
	}
	if n := len(e.liveCalls()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// sayAs sends a request as user, with a password if there is one.
func (s *script) sayAs(method, user, secret string) *gosip.Response {
	s.p.t.Helper()
	body := ""
	if method == "INVITE" {
		body = plainSDP
	}
	s.target, s.to = "sip:desk.example.com", "<sip:"+user+"@desk.example.com>"
	r := s.p.anyAnswer(s.say(method, body))
	if secret == "" {
		return r
	}
	auth := answerTo(s.p.t, r, digest.SHA256).Answer(user, secret, method, s.target, "abc", 1)
	return s.p.anyAnswer(s.say(method, body, "Authorization: "+auth.String()))
}

func TestANonceIsNotTakenTwice(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	e := phoneDesk(t, Config{Clock: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	p := newPeer(t, phoneAddr, e.Addr())
	s := p.call("replay")
	s.target, s.to = "sip:desk.example.com", "<sip:lea@desk.example.com>"
	c := answerTo(t, p.anyAnswer(s.say("REGISTER", "")), digest.SHA256)
	auth := func(nc uint32) string {
		return "Authorization: " + c.Answer("lea", "correct horse", "REGISTER", s.target, "abc", nc).String()
	}
	stale := func(r *gosip.Response) bool { return r.StatusCode == 401 && answerTo(t, r, digest.MD5).Stale }
	if r := p.anyAnswer(s.say("REGISTER", "", auth(1))); r.StatusCode != 200 {
		t.Fatalf("the first time: %d", r.StatusCode)
	}
	if r := p.anyAnswer(s.say("REGISTER", "", auth(1))); !stale(r) {
		t.Errorf("the same count again: %s", r)
	}
	if r := p.anyAnswer(s.say("REGISTER", "", auth(2))); r.StatusCode != 200 {
		t.Errorf("the next count: %d", r.StatusCode)
	}
	thief := newPeer(t, "127.0.0.4", e.Addr()).call("thief")
	thief.target, thief.to = s.target, s.to
	if r := thief.p.anyAnswer(thief.say("REGISTER", "", auth(3))); r.StatusCode != 401 || stale(r) {
		t.Errorf("from another address: %s", r)
	}
	mu.Lock()
	now = now.Add(time.Hour)
	mu.Unlock()
	if r := p.anyAnswer(s.say("REGISTER", "", auth(4))); !stale(r) {
		t.Errorf("an hour later: %s", r)
	}
}

func TestNobodyGetsNothing(t *testing.T) {
	e := phoneDesk(t, Config{Accept: func(context.Context, leg.Leg) { t.Error("a call came in") }})
	p := newPeer(t, "127.0.0.66", e.Addr())
	for method, want := range map[string]int{
		"INVITE": 401, "REGISTER": 401, "OPTIONS": 401, "BYE": 481, "CANCEL": 481, "UPDATE": 481, "INFO": 481,
		"PRACK": 481, "MESSAGE": 405, "SUBSCRIBE": 405, "NOTIFY": 405, "PUBLISH": 405, "REFER": 603,
	} {
		p.answer(want, p.call(method).say(method, ""))
	}
}

func TestTelephoneRegistersAndPlacesACall(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "UDP", true: "TCP"}[tcp], func(t *testing.T) {
			devices := make(chan sotto.DeviceID, 1)
			e := phoneDesk(t, Config{AcceptPhone: func(ctx context.Context, l leg.Leg, d sotto.DeviceID) {
				if err := l.Answer(ctx); err != nil {
					t.Errorf("Answer() = %v", err)
				}
				devices <- d
				<-l.Ended()
			}})
			at := e.Addr()
			if tcp {
				at = e.AddrTCP()
			}
			p := openPhone(t, PhoneConfig{
				Server: at.String(), TCP: tcp, Listen: phoneAddr + ":0", Username: "lea", Secret: "correct horse",
			})
			ctx := soon(t)
			if err := p.Register(ctx); err != nil {
				t.Fatalf("Register() = %v", err)
			}
			if n := len(e.Contacts(7)); n != 1 {
				t.Errorf("%d contacts", n)
			}
			l, err := p.Call(ctx, "+33970000000")
			if err != nil {
				t.Fatalf("Call() = %v", err)
			}
			if d := <-devices; d != 7 {
				t.Errorf("device = %d, want 7", d)
			}
			l.Hangup(leg.Released)
			ends(t, l, leg.Released)
			if err := p.Unregister(ctx); err != nil {
				t.Errorf("Unregister() = %v", err)
			}
			if n := len(e.Contacts(7)); n != 0 {
				t.Errorf("%d contacts after Unregister", n)
			}
		})
	}
}

func TestTelephoneOfOursTakesACall(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "UDP", true: "TCP"}[tcp], func(t *testing.T) {
			e := phoneDesk(t, Config{})
			at := e.Addr()
			if tcp {
				at = e.AddrTCP()
			}
			p := openPhone(t, PhoneConfig{
				Server: at.String(), TCP: tcp, Listen: phoneAddr + ":0", Username: "lea", Secret: "correct horse",
			})
			ctx := soon(t)
			if err := p.Register(ctx); err != nil {
				t.Fatalf("Register() = %v", err)
			}
			answered := make(chan error, 1)
			go func() {
				l, err := p.Next(ctx)
				if err == nil {
					err = l.Answer(ctx)
				}
				answered <- err
			}()
			l, err := e.Dial(ctx, Target{Device: 7, Caller: leg.Caller{Number: "+33142000001"}})
			if err != nil {
				t.Fatalf("Dial() = %v", err)
			}
			if err := <-answered; err != nil {
				t.Errorf("Answer() = %v", err)
			}
			l.Hangup(leg.Released)
			ends(t, l, leg.Released)
		})
	}
}

func TestRegisterWithAWrongPasswordIsDenied(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := openPhone(t, PhoneConfig{Server: e.Addr().String(), Listen: phoneAddr + ":0", Username: "lea", Secret: "wrong"})
	if err := p.Register(soon(t)); sotto.KindOf(err) != sotto.Denied {
		t.Errorf("Register() = %v, want %v", err, sotto.Denied)
	}
}
