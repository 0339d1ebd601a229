package sip

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	gosip "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"

	"sotto/leg"
)

// carriers is a desk with trunks one, two and three, each a scripted carrier
// at a host of its own. set changes a trunk before the desk opens.
func carriers(t *testing.T, cfg Config, set func(i int, k *Trunk)) (*Endpoint, []*peer) {
	t.Helper()
	var peers []*peer
	for i, name := range []string{"one", "two", "three"} {
		host := fmt.Sprintf("127.0.0.%d", 21+i)
		p := newPeer(t, host, netip.AddrPort{})
		k := Trunk{Name: name, Sources: []string{host}, Address: p.addr(), Domain: name + ".example.com"}
		if set != nil {
			set(i, &k)
		}
		cfg.Trunks = append(cfg.Trunks, k)
		peers = append(peers, p)
	}
	if cfg.Timers == (Timers{}) {
		cfg.Timers = testTimers()
		cfg.Timers.NoReply = 150 * time.Millisecond
	}
	e := open(t, cfg)
	for _, p := range peers {
		p.desk = e.Addr()
	}
	return e, peers
}

func TestNextTrunkIsTriedWhenOneDoesNotCarryTheCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(i int, k *Trunk)
		say  func(p *peer, invite *gosip.Request)
	}{
		{"it is overloaded", nil, func(p *peer, r *gosip.Request) { p.reply(r, 503, "x", "") }},
		{"it fails", nil, func(p *peer, r *gosip.Request) { p.reply(r, 500, "x", "") }},
		{"it wants a password we have not", nil, func(p *peer, r *gosip.Request) {
			p.reply(r, 407, "x", "", `Proxy-Authenticate: Digest realm="one", nonce="n", algorithm=MD5`)
		}},
		{"it says nothing", nil, func(*peer, *gosip.Request) {}},
		{"its name leads nowhere", func(i int, k *Trunk) {
			if i == 0 {
				k.Address = "no-such-host.invalid:5060"
			}
		}, nil},
		{"nothing listens", func(i int, k *Trunk) {
			if i == 0 {
				k.Address, k.TCP = "127.0.0.21:1", true
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, peers := carriers(t, Config{}, tt.set)
			call := dial(soon(t), e, Target{Trunks: []string{"one", "two"}, Number: "+33142000001"})
			if tt.say != nil {
				tt.say(peers[0], peers[0].request(gosip.INVITE))
			}
			invite := peers[1].request(gosip.INVITE)
			if got, want := invite.Recipient.String(), "sip:+33142000001@two.example.com"; got != want {
				t.Errorf("Request-URI = %s, want %s", got, want)
			}
			peers[1].reply(invite, 200, "y", plainSDP, "Contact: <sip:two@"+peers[1].addr()+">")
			r := <-call
			if r.err != nil {
				t.Fatalf("Dial() = %v", r.err)
			}
			if got := r.l.(*Call).Trunk(); got != "two" {
				t.Errorf("Trunk() = %q, want two", got)
			}
			r.l.Hangup(leg.Released)
			peers[1].reply(peers[1].request(gosip.BYE), 200, "", "")
		})
	}
}

func TestWhatTheCalledPartySaysIsFinal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ring   bool
		status int
		want   leg.Cause
	}{
		{"busy", false, 486, leg.BusyHere}, {"no such number", false, 404, leg.Unreachable},
		{"declined", false, 603, leg.Rejected}, {"moved", false, 302, leg.Moved}, {"rang out", true, 408, leg.NoAnswer},
		{"it rang, then the carrier failed", true, 503, leg.Unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, peers := carriers(t, Config{}, nil)
			rang := make(chan leg.Leg, 1)
			call := dial(soon(t), e, Target{
				Trunks: []string{"one", "two"}, Number: "+33142000001", Ringing: func(l leg.Leg) { rang <- l },
			})
			invite := peers[0].request(gosip.INVITE)
			if tt.ring {
				peers[0].reply(invite, 180, "x", "")
				<-rang
			}
			peers[0].reply(invite, tt.status, "x", "", "Contact: <sip:+8821000@example.com>")
			if r := <-call; leg.CauseOf(r.err) != tt.want {
				t.Errorf("Dial() = %v, want %s", r.err, tt.want)
			}
			none(peers[1], "an INVITE", func(r *gosip.Request) bool { return r.Method == gosip.INVITE })
		})
	}
}

func TestMovedPartyIsHandedUpAndNotCalled(t *testing.T) {
	for _, tt := range []struct {
		contact, want string
		cause         leg.Cause
	}{
		{"<sip:+8821000@example.com>", "+8821000", leg.Moved},
		{"<mailto:a@example.com>, <tel:+33-1-42-00-00-02>", "+33142000002", leg.Moved},
		{`<sip:a%22b@example.com>`, "", leg.Unreachable},
	} {
		e, peers := carriers(t, Config{}, nil)
		call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001"})
		peers[0].reply(peers[0].request(gosip.INVITE), 302, "x", "", "Contact: "+tt.contact)
		r := <-call
		want := &leg.EndError{Cause: tt.cause, To: tt.want}
		if diff := cmp.Diff(error(want), r.err); diff != "" {
			t.Errorf("Dial(), Contact %s (-want +got):\n%s", tt.contact, diff)
		}
		if strings.Contains(r.err.Error(), "882") {
			t.Errorf("the error tells the number: %v", r.err)
		}
	}
}

func TestTrunkIsToldWhoCallsAsItWantsIt(t *testing.T) {
	named := leg.Caller{Number: "+33970000000", Name: "Sotto"}
	hidden := leg.Caller{Number: "+33970000000", Name: "Sotto", Withheld: true}
	for _, tt := range []struct {
		name                    string
		set                     Trunk
		caller                  leg.Caller
		from, asserted, privacy string
	}{
		{"in From", Trunk{}, named, `"Sotto" <sip:+33970000000@one.example.com>`, "", ""},
		{"asserted", Trunk{Identity: CallerAsserted}, named, `"Sotto" <sip:+33970000000@one.example.com>`, "<sip:+33970000000@one.example.com>", ""},
		{"our account", Trunk{Identity: CallerAccount, Username: "acc7@carrier"}, named,
			`"Sotto" <sip:acc7@one.example.com>`, "<sip:+33970000000@one.example.com>", ""},
		{"withheld", Trunk{}, hidden, `"Anonymous" <sip:anonymous@anonymous.invalid>`, "", "id"},
		{"withheld, asserted to the carrier", Trunk{Identity: CallerAsserted}, hidden,
			`"Anonymous" <sip:anonymous@anonymous.invalid>`, "<sip:+33970000000@one.example.com>", "id"},
		{"nobody in particular", Trunk{Identity: CallerAsserted}, leg.Caller{}, "<sip:sotto@one.example.com>", "", ""},
		{"in the carrier's form", Trunk{Identity: CallerAsserted, Numbers: NumbersNational, Country: "33"}, named,
			`"Sotto" <sip:0970000000@one.example.com>`, "<sip:0970000000@one.example.com>", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, peers := carriers(t, Config{}, func(i int, k *Trunk) {
				k.Identity, k.Username, k.Numbers, k.Country = tt.set.Identity, tt.set.Username, tt.set.Numbers, tt.set.Country
			})
			call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001", Caller: tt.caller})
			invite := peers[0].request(gosip.INVITE)
			peers[0].reply(invite, 486, "x", "")
			<-call
			from, _, _ := strings.Cut(get(invite, "from"), ";tag=")
			got := []string{from, get(invite, "p-asserted-identity"), get(invite, "privacy")}
			if diff := cmp.Diff([]string{tt.from, tt.asserted, tt.privacy}, got); diff != "" {
				t.Errorf("From, P-Asserted-Identity, Privacy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNumbersAreWrittenAndReadInTheCarriersForm(t *testing.T) {
	for _, tt := range []struct {
		form        Numbers
		ours, wires string
	}{
		{NumbersAsIs, "+33142000001", "+33142000001"}, {NumbersPlus, "+33142000001", "+33142000001"},
		{NumbersPlain, "+33142000001", "33142000001"}, {NumbersZeros, "+33142000001", "0033142000001"},
		{NumbersNational, "+33142000001", "0142000001"}, {NumbersNational, "+442079460000", "00442079460000"},
		{NumbersPlain, "112", "112"}, {NumbersNational, "3631", "3631"}, {NumbersZeros, "reception", "reception"},
	} {
		if got := tt.form.write(tt.ours, "33"); got != tt.wires {
			t.Errorf("%q.write(%q) = %q, want %q", tt.form, tt.ours, got, tt.wires)
		}
		if got := tt.form.read(tt.wires, "33"); got != tt.ours {
			t.Errorf("%q.read(%q) = %q, want %q", tt.form, tt.wires, got, tt.ours)
		}
	}
}

func TestRingingAndEarlySoundAreTold(t *testing.T) {
	e, peers := carriers(t, Config{Media: engine(t, "127.0.0.1")}, nil)
	p := peers[0]
	rang, early := make(chan leg.Leg, 4), make(chan leg.Leg, 4)
	call := dial(soon(t), e, Target{
		Trunks: []string{"one"}, Number: "+33142000001",
		Ringing: func(l leg.Leg) { rang <- l }, Early: func(l leg.Leg) { early <- l },
	})
	invite := p.request(gosip.INVITE)
	p.reply(invite, 100, "", "")
	p.reply(invite, 180, "x", "")
	l := (<-rang).(*Call)
	if len(early) != 0 || l.PostDial() <= 0 {
		t.Errorf("early sound told = %d, PostDial() = %v", len(early), l.PostDial())
	}
	sdp := strings.ReplaceAll(plainSDP, "127.0.0.2", "127.0.0.21")
	p.reply(invite, 183, "x", sdp)
	if got := <-early; got.Media() == nil {
		t.Error("no audio before the answer")
	}
	p.reply(invite, 183, "x", sdp)
	p.reply(invite, 200, "x", sdp, "Contact: <sip:one@"+p.addr()+">")
	r := <-call
	if r.err != nil {
		t.Fatal(r.err)
	}
	if len(rang)+len(early) != 0 {
		t.Error("told more than once")
	}
	r.l.Hangup(leg.Released)
	p.reply(p.request(gosip.BYE), 200, "", "")
}

func TestLargeRequestsGoOverTCPWhereTheTrunkHasIt(t *testing.T) {
	long := leg.Caller{Number: "+33970000000", Name: strings.Repeat("Sotto ", 20)}
	t.Run("it has", func(t *testing.T) {
		k := open(t, Config{
			UDP: "127.0.0.24:0", TCP: "127.0.0.24:0",
			Trunks: []Trunk{{Name: "desk", Sources: []string{"127.0.0.1"}}},
			Accept: func(ctx context.Context, l leg.Leg) {
				if l.Answer(ctx) == nil {
					<-l.Ended()
				}
			},
		})
		e, _ := carriers(t, Config{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"}, func(i int, c *Trunk) {
			c.Address, c.Sources, c.LargeTCP = k.AddrTCP().String(), []string{"127.0.0.24"}, true
			c.Domain = strings.Repeat("d", 60) + "." + strings.Repeat("e", 60) + "." + strings.Repeat("f", 60) + ".example.com"
		})
		l, err := e.Dial(soon(t), Target{Trunks: []string{"one"}, Number: "+33142000001", Caller: long})
		if err != nil {
			t.Fatalf("Dial() = %v", err)
		}
		if c := l.(*Call); !c.dial.branch.to.tcp {
			t.Error("a large request went over UDP")
		}
		l.Hangup(leg.Released)
	})
	t.Run("it has not after all", func(t *testing.T) {
		e, peers := carriers(t, Config{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"}, func(_ int, k *Trunk) {
			k.LargeTCP = true
			k.Domain = strings.Repeat("d", 60) + "." + strings.Repeat("e", 60) + "." + strings.Repeat("f", 60) + ".example.com"
		})
		call := dial(soon(t), e, Target{Trunks: []string{"one"}, Number: "+33142000001", Caller: long})
		peers[0].reply(peers[0].request(gosip.INVITE), 486, "x", "")
		if r := <-call; leg.CauseOf(r.err) != leg.BusyHere {
			t.Errorf("Dial() = %v", r.err)
		}
	})
}
