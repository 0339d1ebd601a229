package sip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"pgregory.net/rapid"

	"sotto"
	"sotto/leg/sip/digest"
)

// stateOf is what the desk thinks of its first trunk.
func stateOf(e *Endpoint) TrunkState { return e.Trunks()[0] }

// first only the trunk one is asked or registers.
func onlyOne(f func(k *Trunk)) func(int, *Trunk) {
	return func(i int, k *Trunk) {
		if i == 0 {
			f(k)
		}
	}
}

func TestTrunkThatDoesNotAnswerIsTriedLast(t *testing.T) {
	cfg := Config{Timers: testTimers()}
	cfg.Timers.NoReply = 40 * time.Millisecond
	e, peers := carriers(t, cfg, onlyOne(func(k *Trunk) { k.KeepAlive = 40 * time.Millisecond }))
	one := peers[0]
	for range 2 { // it is asked again and again; a challenge is a sign of life and gets no password
		r := one.request(gosip.OPTIONS)
		if r.GetHeader("authorization") != nil {
			t.Error("OPTIONS shows a password")
		}
		one.reply(r, 401, "x", "", `WWW-Authenticate: Digest realm="one", nonce="n", algorithm=MD5`)
	}
	if s := stateOf(e); !s.Up || s.Name != "one" {
		t.Errorf("state = %+v", s)
	}
	until(t, "the trunk is down", func() bool { return !stateOf(e).Up }) // nobody answers now
	if stateOf(e).Since.IsZero() {
		t.Error("Since is zero")
	}
	call := dial(soon(t), e, Target{Trunks: []string{"one", "two"}, Number: "+33142000001"})
	peers[1].reply(peers[1].request(gosip.INVITE), 486, "x", "")
	<-call
	none(one, "an INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE })
	// It is the last resort all the same.
	call = dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
	one.reply(one.request(gosip.INVITE), 486, "x", "")
	<-call
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stateOf(e).Up {
			one.reply(one.request(gosip.OPTIONS), 200, "x", "")
		}
	}()
	until(t, "the trunk is up", func() bool { return stateOf(e).Up })
	<-done
}

func TestPulseChangesOnlyAfterSignsInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pulse
		up, misses, hits := true, 0, 0
		for _, alive := range rapid.SliceOfN(rapid.Bool(), 1, 60).Draw(t, "signs") {
			p.sign(alive)
			if alive {
				misses, hits = 0, hits+1
			} else {
				misses, hits = misses+1, 0
			}
			if up && misses == missesUntilDown {
				up, hits = false, 0
			} else if !up && hits == hitsUntilUp {
				up, misses = true, 0
			}
			if p.isUp() != up {
				t.Fatalf("up = %v, want %v", p.isUp(), up)
			}
		}
	})
}

// withPassword gives a trunk an account.
func withPassword(t *testing.T, k *Trunk, secret string) {
	t.Helper()
	k.Username, k.Realm = "acc7", "carrier"
	k.PasswordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(k.PasswordFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTrunkIsRegisteredWithRefreshedAndLeft(t *testing.T) {
	t.Parallel()
	for _, alg := range []digest.Algorithm{digest.SHA256, digest.MD5} {
		t.Run(string(alg), func(t *testing.T) {
			e, peers := carriers(t, Config{}, onlyOne(func(k *Trunk) {
				withPassword(t, k, "trunk secret")
				k.Register = true
			}))
			one := peers[0]
			if stateOf(e).Up {
				t.Error("up before it is registered")
			}
			first := one.request("REGISTER")
			if got, want := first.Recipient.String(), "sip:one.example.com"; got != want {
				t.Errorf("Request-URI = %s, want %s", got, want)
			}
			one.reply(first, 401, "x", "", fmt.Sprintf(`WWW-Authenticate: Digest realm="carrier", nonce="n1", algorithm=%s, qop="auth"`, alg))
			second := one.request("REGISTER")
			c, err := digest.ParseCredentials(get(second, "authorization"))
			if err != nil || c.Algorithm != alg || !c.Verify("REGISTER", "trunk secret") {
				t.Errorf("Authorization = %+v, %v", c, err)
			}
			if get(second, "call-id") != get(first, "call-id") || second.CSeq().SeqNo <= first.CSeq().SeqNo {
				t.Error("the second REGISTER is not the first one's successor")
			}
			one.reply(second, 423, "x", "", "Min-Expires: 7200")
			third := one.request("REGISTER")
			if got := get(third, "expires"); got != "7200" {
				t.Errorf("Expires = %s, want 7200", got)
			}
			one.reply(third, 200, "x", "", "Contact: <sip:another@192.0.2.1>;expires=1", "Contact: "+get(third, "contact")+";expires=2")
			until(t, "it is registered", func() bool { s := stateOf(e); return s.Registered && s.Up })
			again := one.request("REGISTER") // a second or so later
			one.reply(again, 200, "x", "", "Contact: "+get(again, "contact")+";expires=3600")
			over := make(chan error, 1)
			go func() { over <- e.Close() }()
			last := next(one, "REGISTER to leave", func(r *gosip.Request) bool {
				return r.Method == "REGISTER" && get(r, "expires") == "0"
			})
			one.reply(last, 200, "x", "")
			if err := <-over; err != nil {
				t.Errorf("Close() = %v", err)
			}
			if stateOf(e).Registered {
				t.Error("still registered after Close")
			}
		})
	}
}

func TestFailedRegistrationIsTriedAgainEverLater(t *testing.T) {
	e := &Endpoint{cfg: Config{Timers: Timers{}}}
	e.cfg.Timers.fill()
	lost := sotto.FailCause(sotto.Peer, "No answer.", errors.New("gone"))
	for _, tt := range []struct {
		failures int
		err      error
		most     time.Duration
	}{
		{1, lost, 8 * time.Second}, {2, lost, 16 * time.Second}, {5, lost, 128 * time.Second},
		{9, lost, 10 * time.Minute}, {200, lost, 10 * time.Minute},
		{1, sotto.Fail(sotto.Denied, "No."), 10 * time.Minute},
	} {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := e.backOff(tt.failures, tt.err)
			if d < tt.most/2 || d > tt.most {
				t.Errorf("backOff(%d, %v) = %v, want %v to %v", tt.failures, tt.err, d, tt.most/2, tt.most)
			}
			seen[d] = true
		}
		if len(seen) < 10 {
			t.Errorf("backOff(%d) has %d values of 50: all desks would come at once", tt.failures, len(seen))
		}
	}
}
