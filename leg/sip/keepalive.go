package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto/leg/sip/message"
)

// How many signs in a row change what we think of a trunk: one lost packet
// takes no trunk away, and one lucky one gives none back.
const (
	missesUntilDown = 3
	hitsUntilUp     = 2
)

// pulse is what is known of a trunk's health. A trunk that is never asked
// counts as up.
type pulse struct {
	mu         sync.Mutex
	down       bool
	run        int // signs in a row against what we think
	needs      bool
	registered bool
	since      time.Time
}

// TrunkState is what is known of a trunk now.
type TrunkState struct {
	Name       string
	Up         bool      // it answers and, where it wants a registration, has ours
	Registered bool      // it has our registration
	Since      time.Time // when Up last changed; zero if it never did
}

// Trunks returns the state of each trunk, in the order of the configuration.
func (e *Endpoint) Trunks() []TrunkState {
	l := make([]TrunkState, 0, len(e.trunks))
	for _, t := range e.trunks {
		up := t.isUp()
		t.mu.Lock()
		l = append(l, TrunkState{Name: t.Name, Up: up, Registered: t.registered, Since: t.since})
		t.mu.Unlock()
	}
	return l
}

func (p *pulse) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up()
}

func (p *pulse) up() bool { return !p.down && (p.registered || !p.needs) }

// change applies f and reports whether the trunk came up or went down by it.
func (p *pulse) change(now time.Time, f func()) (up, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.up()
	f()
	up = p.up()
	if up != was {
		p.since = now
	}
	return up, up != was
}

// sign takes one answer, or its absence. unsure is true while signs speak
// against what we think: the next one should come soon.
func (p *pulse) sign(alive bool) (unsure bool) {
	if alive != p.down {
		p.run = 0
		return false
	}
	p.run++
	if alive && p.run >= hitsUntilUp || !alive && p.run >= missesUntilDown {
		p.down, p.run = !alive, 0
		return false
	}
	return true
}

// tell shows the trunk's state to the operator.
func (e *Endpoint) tell(t *trunk, up, changed bool) {
	n := 0.0
	if up {
		n = 1
	}
	e.cfg.Metrics.Trunks.Set(n, t.Name)
	if changed && up {
		e.log.Info("sip: a trunk is up", "trunk", t.Name)
	} else if changed {
		e.log.Warn("sip: a trunk is down", "trunk", t.Name)
	}
}

// watchTrunks begins what goes on for each trunk until the endpoint closes.
func (e *Endpoint) watchTrunks() {
	for _, t := range e.trunks {
		t.needs = t.Register
		e.tell(t, t.up(), false)
		if t.KeepAlive > 0 {
			e.keep(func() { e.keepAlive(t) })
		}
		if t.Register {
			r := newRegistration(e, t, t.account())
			e.keep(func() { e.keepRegistered(t, r) })
		}
	}
}

// keep runs f until the endpoint closes, again after a panic.
func (e *Endpoint) keep(f func()) {
	e.keepers.Go(func() {
		for !e.guard(f) && e.rest(time.Minute) {
		}
	})
}

// rest waits for d. It reports false when the endpoint closes.
func (e *Endpoint) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.ctx.Done():
		return false
	}
}

// keepAlive asks a trunk again and again whether it is there.
func (e *Endpoint) keepAlive(t *trunk) {
	for {
		alive := e.isAlive(t)
		if e.ctx.Err() != nil {
			return
		}
		unsure := false
		up, changed := t.change(e.cfg.Clock(), func() { unsure = t.sign(alive) })
		e.tell(t, up, changed)
		wait := jitter(t.KeepAlive)
		if unsure {
			wait /= 4
		}
		if !e.rest(wait) {
			return
		}
	}
}

// jitter is d, up to a tenth less: trunks are not all asked at once.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

// isAlive sends one OPTIONS (RFC 3261 11). Any answer is a sign of life, a
// challenge too, which is not answered; 503 says that no call will do.
func (e *Endpoint) isAlive(t *trunk) bool {
	ctx, stop := context.WithTimeout(e.ctx, e.cfg.Timers.NoReply)
	defer stop()
	h, err := t.hop(ctx)
	if err != nil {
		return false
	}
	from, _ := e.identity(anyone(), nil, h)
	d := dialog{id: newTag(), target: "sip:" + t.domain(), local: from + ";tag=" + newTag(), remote: "<sip:" + t.domain() + ">"}
	req, err := d.request(sip.OPTIONS, []string{"Contact: " + e.contact(h), "Accept: application/sdp", message.AllowLine}, nil)
	if err != nil {
		return false
	}
	res, err := e.ask(ctx, req, h)
	return err == nil && res.StatusCode != 503
}

// ask sends a request outside of any call and waits for its final answer. It
// fails with ctx's error, or when there is none.
func (e *Endpoint) ask(ctx context.Context, req *sip.Request, h hop) (*sip.Response, error) {
	type result struct {
		res *sip.Response
		err error
	}
	got := make(chan result, 1)
	tx := e.send(req, h, func(res *sip.Response, err error) {
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
		if tx != nil {
			tx.Terminate()
		}
		return nil, ctx.Err()
	}
}

// errUnasked is an answer from where no request went.
var errUnasked = errors.New("sip: the answer came from elsewhere")

// askTrunk is ask for a request to a trunk that may want its password first:
// it is shown where the request went and the answer came from, for the pinned
// realm, once and once more if it was stale. build makes the request anew, with
// the line that answers.
func (e *Endpoint) askTrunk(ctx context.Context, t *trunk, h hop, build func(auth []string) (*sip.Request, error)) (*sip.Response, error) {
	var auth []string
	for range 3 {
		req, err := build(auth)
		if err != nil {
			return nil, err
		}
		res, err := e.ask(ctx, req, h)
		if err != nil {
			return nil, err
		}
		if !source(res).isAt(h) {
			return nil, errUnasked
		}
		line := t.authorization(res, req)
		if line == "" {
			return res, nil
		}
		auth = []string{line}
	}
	return nil, errRefused
}

// errRefused is a trunk that does not take its password.
var errRefused = errors.New("sip: the password is not accepted")
