package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/message"
)

// registration is what one registrar knows of us (RFC 3261 10.2): a carrier,
// or for a Phone the desk.
type registration struct {
	e    *Endpoint
	t    *trunk
	user string
	id   string // the same for all of them (RFC 3261 10.2)

	mu  sync.Mutex
	seq uint32
}

func newRegistration(e *Endpoint, t *trunk, user string) *registration {
	return &registration{e: e, t: t, user: user, id: newTag()}
}

// say tells the registrar where we are for so many seconds, 0 to leave. It
// returns how long that is granted, or after a refusal how long the registrar
// wants to be left alone. It fails with sotto.Denied when the registrar
// refuses and sotto.Peer when it does not answer.
func (r *registration) say(ctx context.Context, expires int) (_ time.Duration, err error) {
	defer sotto.Wrap(&err, "sip.Register")
	h, err := r.t.hop(ctx)
	if err != nil {
		return 0, err
	}
	for range 2 {
		res, err := r.e.askTrunk(ctx, r.t, h, func(auth []string) (*sip.Request, error) {
			return r.request(h, expires, auth)
		})
		switch {
		case errors.Is(err, errRefused):
			return 0, sotto.Fail(sotto.Denied, "The server does not accept the password.")
		case err != nil:
			return 0, sotto.FailCause(sotto.Peer, "The server does not answer.", err)
		case res.IsSuccess():
			return r.granted(res, h, expires), nil
		}
		if n, ok := seconds(res, "min-expires"); ok && res.StatusCode == 423 && expires > 0 && n > expires {
			expires = n // RFC 3261 10.2.8
			continue
		}
		kind := sotto.Denied
		if res.StatusCode == 408 || res.StatusCode >= 500 && res.StatusCode < 600 {
			kind = sotto.Peer
		}
		n, _ := seconds(res, "retry-after")
		return time.Duration(min(n, 3600)) * time.Second,
			sotto.Fail(kind, "The server refuses the registration: "+message.ReasonOf(res.StatusCode)+".")
	}
	return 0, sotto.Fail(sotto.Denied, "The server wants ever longer registrations.")
}

// request makes the next REGISTER (RFC 3261 10.2).
func (r *registration) request(h hop, expires int, auth []string) (*sip.Request, error) {
	r.mu.Lock()
	r.seq++
	seq := r.seq
	r.mu.Unlock()
	host := r.t.domain()
	aor := "<sip:" + r.user + "@" + host + ">"
	d := dialog{id: r.id, target: "sip:" + host, local: aor + ";tag=" + newTag(), remote: aor}
	lines := append([]string{"Contact: " + r.contact(h), "Expires: " + strconv.Itoa(expires)}, auth...)
	return d.numbered(sip.REGISTER, seq, lines, nil)
}

func (r *registration) contact(h hop) string {
	return "<sip:" + r.user + "@" + strings.TrimPrefix(r.e.contact(h), "<sip:")
}

// granted is how long the registration lives, as the answer says it of our
// contact, or of all (RFC 3261 10.2.4).
func (r *registration) granted(res *sip.Response, h hop, asked int) time.Duration {
	life := asked
	if n, ok := seconds(res, "expires"); ok {
		life = min(life, n)
	}
	own := strings.Trim(r.contact(h), "<>")
	for _, v := range list(res, "contact") {
		a, err := message.ParseAddress(v)
		if err != nil || !strings.EqualFold(a.URI, own) {
			continue
		}
		if v, ok := a.Param("expires"); ok {
			if n, ok := message.Seconds(v); ok {
				life = min(asked, n)
			}
		}
	}
	return time.Duration(life) * time.Second
}

// keepRegistered registers with a trunk until the endpoint closes, then takes
// the registration back.
func (e *Endpoint) keepRegistered(t *trunk, r *registration) {
	expires := int(t.Expires / time.Second)
	if expires <= 0 {
		expires = 3600
	}
	failures := 0
	for {
		ctx, stop := context.WithTimeout(e.ctx, 32*time.Second)
		life, err := r.say(ctx, expires)
		stop()
		if e.ctx.Err() != nil {
			break
		}
		e.noteRegistered(t, err == nil && life > 0)
		wait := life/2 + rand.N(life/4+1) // well before it runs out, and not all trunks at once
		if err == nil {
			failures = 0
		} else {
			failures++
			wait = max(life, e.backOff(failures, err))
			e.log.Warn("sip: not registered with a trunk", "trunk", t.Name, "err", err)
		}
		if !e.rest(max(wait, time.Second)) {
			break
		}
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(e.ctx), e.cfg.Timers.Close)
	defer stop()
	_, _ = r.say(ctx, 0) // it runs out by itself if this fails
	e.noteRegistered(t, false)
}

// backOff is how long to wait after so many failures in a row: doubled each
// time, at random in its upper half, so that a carrier that comes back is not
// met by all its customers at once (RFC 5626 4.5). A registrar that refuses is
// left alone for longest: more tries would lock the account.
func (e *Endpoint) backOff(failures int, err error) time.Duration {
	t := &e.cfg.Timers
	wait := t.MaxRetry
	if sotto.KindOf(err) != sotto.Denied && failures < 20 {
		wait = min(wait, t.Retry<<failures)
	}
	return wait/2 + rand.N(wait/2+1)
}

// noteRegistered says whether the trunk has our registration.
func (e *Endpoint) noteRegistered(t *trunk, is bool) {
	up, changed := t.change(e.cfg.Clock(), func() { t.registered = is })
	n := 0.0
	if is {
		n = 1
	}
	e.cfg.Metrics.Registered.Set(n, t.Name)
	e.tell(t, up, changed && e.ctx.Err() == nil)
}

// anyone is a caller who is nobody in particular.
func anyone() leg.Caller { return leg.Caller{} }
