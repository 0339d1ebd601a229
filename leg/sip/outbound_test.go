package sip

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/digest"
)

// registered is a telephone of lea's at a host of its own.
func registered(t *testing.T, e *Endpoint, host string) *Phone {
	t.Helper()
	p := openPhone(t, PhoneConfig{
		Server: e.Addr().String(), Listen: host + ":0", Username: "lea", Secret: "correct horse",
	})
	if err := p.Register(soon(t)); err != nil {
		t.Fatalf("Register() = %v", err)
	}
	return p
}

// dial calls t in the background.
func dial(ctx context.Context, e *Endpoint, target Target) <-chan dialed {
	out := make(chan dialed, 1)
	go func() {
		l, err := e.Dial(ctx, target)
		out <- dialed{l, err}
	}()
	return out
}

type dialed struct {
	l   leg.Leg
	err error
}

func TestFirstTelephoneToAnswerHasTheCall(t *testing.T) {
	e := phoneDesk(t, Config{})
	one, two := registered(t, e, "127.0.0.3"), registered(t, e, "127.0.0.4")
	ctx := soon(t)
	rang := make(chan leg.Leg, 4)
	call := dial(ctx, e, Target{
		Device: 7, Caller: leg.Caller{Number: "+33142000001", Name: `A. "Caller"`},
		Ringing: func(l leg.Leg) { rang <- l },
	})
	a, err := one.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b, err := two.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-rang
	if got := b.Caller(); got.Number != "+33142000001" || got.Name != "A. 'Caller'" {
		t.Errorf("the telephone shows %+v", got)
	}
	if err := b.Answer(ctx); err != nil {
		t.Fatalf("Answer() = %v", err)
	}
	r := <-call
	if r.err != nil {
		t.Fatalf("Dial() = %v", r.err)
	}
	ends(t, a, leg.Cancelled)
	b.Hangup(leg.Released)
	ends(t, r.l, leg.HungUp)
	until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
}

func TestTwoTelephonesAnswerAtOnce(t *testing.T) {
	e := phoneDesk(t, Config{})
	phones := []*Phone{registered(t, e, "127.0.0.3"), registered(t, e, "127.0.0.4"), registered(t, e, "127.0.0.5")}
	ctx := soon(t)
	for range 20 {
		call := dial(ctx, e, Target{Device: 7})
		legs := make(chan leg.Leg, len(phones))
		ringing := make([]leg.Leg, len(phones)) // all of them, or the first answer might spare the last the ring
		for i, p := range phones {
			l, err := p.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			ringing[i] = l
		}
		for _, l := range ringing {
			go func() {
				l.Answer(ctx)
				legs <- l
			}()
		}
		r := <-call
		if r.err != nil {
			t.Fatalf("Dial() = %v", r.err)
		}
		r.l.Hangup(leg.Released)
		for range phones {
			select {
			case <-(<-legs).Ended():
			case <-ctx.Done():
				t.Fatal("a telephone still has a call")
			}
		}
	}
	until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
	if n := e.Stats().Panics; n != 0 {
		t.Errorf("Panics = %d", n)
	}
}

func TestDialSaysWhyNobodyAnswered(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		want   leg.Cause
	}{
		{"busy", 486, leg.BusyHere}, {"busy everywhere", 600, leg.BusyHere}, {"declined", 603, leg.Rejected},
		{"nobody there", 480, leg.NoAnswer}, {"rang out", 408, leg.NoAnswer}, {"no such number", 404, leg.Unreachable},
		{"forbidden", 403, leg.Rejected}, {"broken", 503, leg.Unreachable}, {"moved to a premium number", 302, leg.Moved},
		{"a password for a stranger", 407, leg.Rejected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := trunkDesk(t, "")
			p := e.peer
			call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
			p.reply(p.request(gosip.INVITE), tt.status, "x", "", "Contact: <sip:+8821000@example.com>",
				`Proxy-Authenticate: Digest realm="theirs", nonce="n", algorithm=MD5`)
			p.request(gosip.ACK)
			if r := <-call; r.err == nil || leg.CauseOf(r.err) != tt.want {
				t.Errorf("Dial() = %v, want %s", r.err, tt.want)
			}
		})
	}
}

// deskWithTrunk is a desk and the carrier its calls go to.
type deskWithTrunk struct {
	*Endpoint
	peer *peer
}

// trunkDesk places calls with a scripted carrier; secret is its password.
func trunkDesk(t *testing.T, secret string) deskWithTrunk {
	t.Helper()
	p := newPeer(t, peerAddr, netip.AddrPort{})
	trunk := Trunk{Name: "carrier", Sources: []string{peerAddr}, Address: p.addr(), Domain: "carrier.example.com"}
	if secret != "" {
		trunk.Username, trunk.Realm = "desk", "carrier"
		trunk.PasswordFile = filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(trunk.PasswordFile, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := open(t, Config{Trunks: []Trunk{trunk}})
	p.desk = e.Addr()
	return deskWithTrunk{e, p}
}

func TestDialWithoutContactsOrTrunkFailsAtOnce(t *testing.T) {
	e := trunkDesk(t, "")
	for _, tt := range []struct {
		target Target
		want   sotto.Kind
	}{
		{Target{Trunks: []string{"other"}, Number: "1"}, sotto.NotFound},
		{Target{Trunks: []string{"carrier"}, Number: "1@evil.example"}, sotto.Invalid},
		{Target{Trunks: []string{"carrier"}, Number: "1;maddr=192.0.2.1"}, sotto.Invalid},
		{Target{Trunks: []string{"carrier"}, Number: ""}, sotto.Invalid},
	} {
		if _, err := e.Dial(soon(t), tt.target); sotto.KindOf(err) != tt.want {
			t.Errorf("Dial(%+v) = %v, want %v", tt.target, err, tt.want)
		}
	}
	if _, err := e.Dial(soon(t), Target{Device: 7}); leg.CauseOf(err) != leg.Unreachable {
		t.Errorf("Dial of a device that is not registered = %v", err)
	}
}

func TestDialGivenUpIsCancelled(t *testing.T) {
	for _, tt := range []struct {
		name  string
		heard bool // the carrier says 180 first
	}{{"while it rings", true}, {"before anything is heard", false}} {
		t.Run(tt.name, func(t *testing.T) {
			e := trunkDesk(t, "")
			p := e.peer
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			call := dial(ctx, e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
			invite := p.request(gosip.INVITE)
			if tt.heard {
				p.reply(invite, 180, "x", "")
				until(t, "it rings", func() bool { return ringing(e.Endpoint) })
			}
			stop()
			if r := <-call; leg.CauseOf(r.err) != leg.Cancelled {
				t.Errorf("Dial() = %v", r.err)
			}
			if !tt.heard { // RFC 3261 9.1: not before a provisional answer
				none(p, "a CANCEL", func(r *gosip.Request) bool { return r.Method == gosip.CANCEL })
				p.reply(invite, 180, "x", "")
			}
			cancel := p.request(gosip.CANCEL)
			if a, b := cancel.Via().Value(), invite.Via().Value(); a != b {
				t.Errorf("CANCEL has Via %s, INVITE %s", a, b)
			}
			p.reply(cancel, 200, "x", "")
			p.reply(invite, 487, "x", "")
			p.request(gosip.ACK)
			until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
		})
	}
}

// ringing reports whether a call of ours has heard something.
func ringing(e *Endpoint) bool {
	heard := make(chan bool, 1)
	for _, c := range e.liveCalls() {
		if c.mail.post(func() { heard <- c.dial.heard }) && <-heard {
			return true
		}
	}
	return false
}

func TestAnswerThatCrossedTheCancelIsConfirmedAndEnded(t *testing.T) {
	e := trunkDesk(t, "")
	p := e.peer
	ctx, stop := context.WithCancel(context.Background())
	call := dial(ctx, e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
	invite := p.request(gosip.INVITE)
	p.reply(invite, 180, "x", "")
	until(t, "it rings", func() bool { return ringing(e.Endpoint) })
	stop()
	<-call
	p.reply(p.request(gosip.CANCEL), 200, "x", "")
	contact := "Contact: <sip:carrier@" + p.addr() + ">"
	p.reply(invite, 200, "x", plainSDP, contact)
	p.request(gosip.ACK)
	p.reply(p.request(gosip.BYE), 200, "", "")
	p.reply(invite, 200, "x", plainSDP, contact) // the ACK was lost
	p.request(gosip.ACK)
}

func TestSecondAnswerOfAForkIsEnded(t *testing.T) {
	e := trunkDesk(t, "")
	p := e.peer
	call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
	invite := p.request(gosip.INVITE)
	contact := "Contact: <sip:carrier@" + p.addr() + ">"
	p.reply(invite, 200, "one", plainSDP, contact)
	p.request(gosip.ACK)
	r := <-call
	if r.err != nil {
		t.Fatalf("Dial() = %v", r.err)
	}
	p.reply(invite, 200, "two", plainSDP, contact)
	for _, method := range []gosip.RequestMethod{gosip.ACK, gosip.BYE} {
		if _, to := tags(p.request(method)); to != "two" {
			t.Errorf("%s for %q, want two", method, to)
		}
	}
	p.reply(invite, 200, "one", plainSDP, contact) // its ACK was lost
	if _, to := tags(p.request(gosip.ACK)); to != "one" {
		t.Errorf("ACK for %q, want one", to)
	}
	r.l.Hangup(leg.Released)
	if _, to := tags(p.request(gosip.BYE)); to != "one" {
		t.Errorf("BYE for %q, want one", to)
	}
}

func TestTrunkGetsThePasswordAndNobodyElse(t *testing.T) {
	challenge := func(realm string) string {
		return fmt.Sprintf(`Digest realm=%q, nonce="n1", algorithm=SHA-256, qop="auth"`, realm)
	}
	hasPassword := func(r *gosip.Request) bool {
		return r.GetHeader("authorization") != nil || r.GetHeader("proxy-authorization") != nil
	}
	t.Run("the trunk", func(t *testing.T) {
		e := trunkDesk(t, "trunk secret")
		p := e.peer
		call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
		first := p.request(gosip.INVITE)
		if hasPassword(first) {
			t.Error("the password is shown before it is asked for")
		}
		p.reply(first, 407, "x", "", "Proxy-Authenticate: "+challenge("carrier"))
		second := next(p, "INVITE", func(r *gosip.Request) bool {
			return r.Method == gosip.INVITE && r.CSeq().SeqNo > first.CSeq().SeqNo
		})
		c, err := digest.ParseCredentials(get(second, "proxy-authorization"))
		if err != nil || !c.Verify("INVITE", "trunk secret") || c.URI != second.Recipient.String() {
			t.Errorf("Proxy-Authorization = %+v, %v", c, err)
		}
		p.reply(second, 200, "y", plainSDP, "Contact: <sip:carrier@"+p.addr()+">")
		r := <-call
		if r.err != nil {
			t.Fatalf("Dial() = %v", r.err)
		}
		r.l.Hangup(leg.Released)
		bye := p.request(gosip.BYE)
		p.reply(bye, 407, "", "", "Proxy-Authenticate: "+challenge("carrier"))
		again := next(p, "BYE", func(r *gosip.Request) bool { return r.Method == gosip.BYE && r.CSeq().SeqNo > bye.CSeq().SeqNo })
		if !hasPassword(again) {
			t.Error("the trunk gets no password for BYE")
		}
		p.reply(again, 200, "", "")
	})
	t.Run("another realm", func(t *testing.T) {
		e := trunkDesk(t, "trunk secret")
		p := e.peer
		call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
		p.reply(p.request(gosip.INVITE), 401, "x", "", "WWW-Authenticate: "+challenge("elsewhere"))
		if r := <-call; leg.CauseOf(r.err) != leg.Rejected {
			t.Errorf("Dial() = %v", r.err)
		}
		none(p, "a password", func(r *gosip.Request) bool { return hasPassword(r) })
	})
	t.Run("a wrong password is not tried for ever", func(t *testing.T) {
		e := trunkDesk(t, "trunk secret")
		p := e.peer
		call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
		last := uint32(0)
		for range 3 {
			req := next(p, "INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE && r.CSeq().SeqNo > last })
			last = req.CSeq().SeqNo
			p.reply(req, 401, "x", "", "WWW-Authenticate: "+challenge("carrier"))
		}
		if r := <-call; leg.CauseOf(r.err) != leg.Rejected {
			t.Errorf("Dial() = %v", r.err)
		}
	})
	t.Run("a called party that moves in between", func(t *testing.T) {
		e := trunkDesk(t, "trunk secret")
		p := e.peer
		rogue := newPeer(t, "127.0.0.99", e.Addr())
		call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
		// Its Contact leads to itself, past the trunk; there it asks for the
		// trunk's realm on BYE.
		p.reply(p.request(gosip.INVITE), 200, "y", plainSDP, "Contact: <sip:rogue@"+rogue.addr()+">")
		rogue.request(gosip.ACK)
		r := <-call
		if r.err != nil {
			t.Fatalf("Dial() = %v", r.err)
		}
		r.l.Hangup(leg.Released)
		bye := rogue.request(gosip.BYE)
		if hasPassword(bye) {
			t.Fatal("the password leaked")
		}
		rogue.reply(bye, 407, "", "", "Proxy-Authenticate: "+challenge("carrier"))
		until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
		none(rogue, "a password", func(r *gosip.Request) bool { return hasPassword(r) })
	})
}

func TestWithheldCallerIsNobodyOnTheTrunk(t *testing.T) {
	e := trunkDesk(t, "")
	ctx, stop := context.WithCancel(context.Background())
	call := dial(ctx, e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001", Caller: leg.Caller{Number: "+331", Withheld: true}})
	invite := e.peer.request(gosip.INVITE)
	if from := get(invite, "from"); !strings.Contains(from, "anonymous.invalid") || get(invite, "privacy") != "id" {
		t.Errorf("From = %s, Privacy = %s", from, get(invite, "privacy"))
	}
	if got, want := invite.Recipient.String(), "sip:+33142000001@carrier.example.com"; got != want {
		t.Errorf("Request-URI = %s, want %s", got, want)
	}
	stop()
	<-call
}

func TestDialGivesTheCarrierTheSessionIntervalItWants(t *testing.T) {
	e := trunkDesk(t, "")
	p := e.peer
	call := dial(soon(t), e.Endpoint, Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
	first := p.request(gosip.INVITE)
	p.reply(first, 422, "x", "", "Min-SE: 7200")
	second := next(p, "INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE && r.CSeq().SeqNo > first.CSeq().SeqNo })
	if got := get(second, "session-expires"); got != "7200" {
		t.Errorf("Session-Expires = %q, want 7200", got)
	}
	p.reply(second, 200, "y", plainSDP, "Contact: <sip:carrier@"+p.addr()+">", "Session-Expires: 7200;refresher=uas")
	r := <-call
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.l.Hangup(leg.Released)
	p.reply(p.request(gosip.BYE), 200, "", "")
}

func TestNoAnswerInTimeIsNoAnswer(t *testing.T) {
	e := phoneDesk(t, Config{})
	p := registered(t, e, phoneAddr)
	ctx, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer stop()
	call := dial(ctx, e, Target{Device: 7})
	l, err := p.Next(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if r := <-call; leg.CauseOf(r.err) != leg.NoAnswer {
		t.Errorf("Dial() = %v, want %s", r.err, leg.NoAnswer)
	}
	ends(t, l, leg.Cancelled)
}
