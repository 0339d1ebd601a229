package sip

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// PhoneConfig is one telephone. Server and Listen are needed.
type PhoneConfig struct {
	Server   string // host:port of the desk, or of any SIP server
	TCP      bool   // speak TCP instead of UDP
	TLS      bool   // speak TLS; the server's certificate must be for its name and from RootsFile
	Roots    string // PEM file of trusted issuers; "" is the system's
	Secure   bool   // take and place calls with encrypted audio only
	Listen   string // host:port to listen on, like 127.0.0.1:0
	Username string // what it registers as
	Secret   string // its password, shown to Server and Realm alone
	Realm    string // "" is "sotto"
	Media    *media.Engine
	Timers   Timers
	Log      *slog.Logger
}

// Phone is a small telephone: it registers with a server, takes calls from it
// and places calls through it. It is what `sotto phone` runs and what tests
// call with; it speaks through the same code as the desk.
type Phone struct {
	e      *Endpoint
	server *trunk
	user   string
	calls  chan leg.Leg
	where  *registration

	mu      sync.Mutex
	refresh *time.Timer
	closed  bool
}

// phoneServer is the name of the phone's one trunk.
const phoneServer = "server"

// NewPhone opens a telephone. It fails like Open.
func NewPhone(cfg PhoneConfig) (_ *Phone, err error) {
	defer sotto.Wrap(&err, "sip.NewPhone")
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	at, err := resolve(ctx, cfg.Server)
	if err != nil {
		return nil, sotto.FailCause(sotto.Invalid, "The telephone's server must be host:port and exist.", err)
	}
	if cfg.Realm == "" {
		cfg.Realm = "sotto"
	}
	p := &Phone{user: cfg.Username, calls: make(chan leg.Leg, 16)}
	name, _, _ := net.SplitHostPort(cfg.Server)
	c := Config{
		UDP: cfg.Listen, Media: cfg.Media, Timers: cfg.Timers, Log: cfg.Log, Accept: p.take,
		Trunks: []Trunk{{
			Name: phoneServer, Sources: []string{at.Addr().String()},
			Address: at.String(), TCP: cfg.TCP, TLS: cfg.TLS, RootsFile: cfg.Roots, SecureMedia: cfg.Secure,
		}},
	}
	c.Trunks[0].ServerName = name
	if cfg.TCP {
		c.UDP, c.TCP = "", cfg.Listen
	}
	if p.e, err = Open(c); err != nil {
		return nil, err
	}
	p.server = p.e.trunks[0]
	p.server.Username, p.server.secret, p.server.Realm = cfg.Username, cfg.Secret, cfg.Realm
	p.where = newRegistration(p.e, p.server, cfg.Username)
	return p, nil
}

// take keeps a call that comes in until it is over; more than nobody asks for
// are busy.
func (p *Phone) take(ctx context.Context, l leg.Leg) {
	l.Ring(ctx)
	select {
	case p.calls <- l:
		<-l.Ended()
	default:
		l.Hangup(leg.BusyHere)
	}
}

// Next returns the next call that comes in; it rings already. Answer or hang
// it up. It fails with ctx's error.
func (p *Phone) Next(ctx context.Context) (leg.Leg, error) {
	select {
	case l := <-p.calls:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Call places a call and returns when it is answered, like Endpoint.Dial.
func (p *Phone) Call(ctx context.Context, number string) (leg.Leg, error) {
	return p.e.Dial(ctx, Target{Trunks: []string{phoneServer}, Number: number, Caller: leg.Caller{Number: p.user}})
}

// Close ends calls and the telephone, without telling the server that it is
// gone: call Unregister first to do that.
func (p *Phone) Close() error {
	p.mu.Lock()
	p.closed = true
	stopTimers(p.refresh)
	p.mu.Unlock()
	return p.e.Close()
}

// Register tells the server where we are, and again before that runs out,
// until Close. It fails with sotto.Denied when the password is wrong and
// sotto.Peer when the server does not answer.
func (p *Phone) Register(ctx context.Context) error {
	return p.register(ctx, 3600)
}

// Unregister tells the server that we take no calls any more.
func (p *Phone) Unregister(ctx context.Context) error { return p.register(ctx, 0) }

func (p *Phone) register(ctx context.Context, expires int) error {
	life, err := p.where.say(ctx, expires)
	if err == nil {
		p.again(life)
	}
	return err
}

// again refreshes the registration when half of what was granted has passed.
func (p *Phone) again(life time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stopTimers(p.refresh)
	if life == 0 || p.closed {
		return
	}
	p.refresh = p.e.after(max(life/2, time.Second), func() {
		ctx, stop := context.WithTimeout(p.e.ctx, 32*time.Second)
		defer stop()
		if err := p.Register(ctx); err != nil {
			p.e.log.Warn("sip: registration not refreshed", "err", err)
		}
	})
}

// Addr is where the telephone listens.
func (p *Phone) Addr() string {
	if a := p.e.Addr(); a.IsValid() {
		return a.String()
	}
	return p.e.AddrTCP().String()
}
