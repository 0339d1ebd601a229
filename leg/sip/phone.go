package sip

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip/message"
)

// PhoneConfig is one telephone. Server and Listen are needed.
type PhoneConfig struct {
	Server   string // host:port of the desk, or of any SIP server
	TCP      bool   // speak TCP instead of UDP
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

	mu      sync.Mutex
	id      string
	seq     uint32
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
	p := &Phone{user: cfg.Username, calls: make(chan leg.Leg, 16), id: newTag()}
	c := Config{
		UDP: cfg.Listen, Media: cfg.Media, Timers: cfg.Timers, Log: cfg.Log, Accept: p.take,
		Trunks: []Trunk{{
			Name: phoneServer, Sources: []string{at.Addr().String()},
			Address: at.String(), TCP: cfg.TCP,
		}},
	}
	if cfg.TCP {
		c.UDP, c.TCP = "", cfg.Listen
	}
	if p.e, err = Open(c); err != nil {
		return nil, err
	}
	p.server = p.e.trunks[0]
	p.server.Username, p.server.secret, p.server.Realm = cfg.Username, cfg.Secret, cfg.Realm
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
	return p.e.Dial(ctx, Target{Trunk: phoneServer, Number: number, Caller: leg.Caller{Number: p.user}})
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

func (p *Phone) register(ctx context.Context, expires int) (err error) {
	defer sotto.Wrap(&err, "sip.Register")
	h, err := p.server.hop(ctx)
	if err != nil {
		return err
	}
	var auth []string
	for range 3 {
		req, err := p.registration(h, expires, auth)
		if err != nil {
			return err
		}
		res, err := p.ask(ctx, req, h)
		if err != nil {
			return sotto.FailCause(sotto.Peer, "The server does not answer.", err)
		}
		line := ""
		switch {
		case res.IsSuccess():
			p.again(res, expires)
			return nil
		case res.StatusCode == 423:
			if n, ok := seconds(res, "min-expires"); ok && expires > 0 {
				expires = n
			}
			continue
		case source(res) == h:
			line = p.server.authorization(res, req)
		}
		if line == "" {
			return sotto.Fail(sotto.Denied, "The server refuses the registration: "+message.ReasonOf(res.StatusCode)+".")
		}
		auth = []string{line}
	}
	return sotto.Fail(sotto.Denied, "The server does not accept the password.")
}

// registration makes the next REGISTER (RFC 3261 10.2).
func (p *Phone) registration(h hop, expires int, auth []string) (*sip.Request, error) {
	p.mu.Lock()
	p.seq++
	seq := p.seq
	p.mu.Unlock()
	host := p.server.domain()
	aor := "<sip:" + p.user + "@" + host + ">"
	d := dialog{id: p.id, target: "sip:" + host, local: aor + ";tag=" + newTag(), remote: aor}
	contact := p.e.contact(h)
	contact = "<sip:" + p.user + "@" + contact[len("<sip:"):]
	lines := append([]string{"Contact: " + contact, "Expires: " + strconv.Itoa(expires)}, auth...)
	return d.numbered(sip.REGISTER, seq, lines, nil)
}

// ask sends a request outside of any call and waits for its final answer.
func (p *Phone) ask(ctx context.Context, req *sip.Request, h hop) (*sip.Response, error) {
	type result struct {
		res *sip.Response
		err error
	}
	got := make(chan result, 1)
	p.e.send(req, h, func(res *sip.Response, err error) {
		if err == nil && res.StatusCode < 200 {
			return
		}
		select {
		case got <- result{res, err}:
		default:
		}
	})
	select {
	case r := <-got:
		return r.res, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// again refreshes the registration when half of what was granted has passed.
func (p *Phone) again(res *sip.Response, asked int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stopTimers(p.refresh)
	if asked == 0 || p.closed {
		return
	}
	life := time.Duration(asked) * time.Second
	for _, v := range list(res, "contact") {
		a, err := message.ParseAddress(v)
		if err != nil {
			continue
		}
		if v, ok := a.Param("expires"); ok {
			if n, ok := message.Seconds(v); ok {
				life = min(life, time.Duration(n)*time.Second)
			}
		}
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
