package sip

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sotto"
	"sotto/leg"
)

// Target is whom to call: a registered telephone, or a number through a trunk.
type Target struct {
	// Device rings every telephone registered for it; the first to answer has
	// the call.
	Device sotto.DeviceID
	// Trunks are the names of the carriers to place the call with, in order.
	// The next one is tried when one has no connection, does not answer, fails
	// (5xx) or takes no password of ours, as long as nothing rang. What the
	// called party says (busy, declined, no such number) is final. A trunk
	// that is known to be down is tried after those that are not.
	Trunks []string
	// Number is who is called. The caller of Dial has asked whether it may be
	// dialled at all.
	Number string
	// Caller is what the party sees. The zero value is nobody in particular. A
	// withheld caller's number is told to a trunk that asks for it
	// (CallerAsserted, CallerAccount), and the trunk tells nobody.
	Caller leg.Caller
	// Secure calls over TLS only, with encrypted audio only (leg.Guarded): other
	// trunks and telephones are left out. With none left the call ends with
	// leg.Insecure.
	Secure bool
	// Ringing is told once for each leg, on a goroutine of its own, when the
	// party rings. The leg may already carry what the network plays.
	Ringing func(l leg.Leg)
	// Early is told once for each leg, in the same way, when what the network
	// plays before the answer can be heard on it (183 with a description):
	// play no ringing of our own over it.
	Early func(l leg.Leg)
}

// through are the trunks of t in the order in which they are tried, without
// those that would let the call be overheard and may not.
func (e *Endpoint) through(t Target) ([]*trunk, error) {
	var up, down []*trunk
	for _, name := range t.Trunks {
		k := e.trunkNamed(name)
		switch {
		case k == nil:
			return nil, sotto.Fail(sotto.NotFound, "There is no trunk of this name.")
		case t.Secure && !k.TLS:
		case k.isUp():
			up = append(up, k)
		default:
			down = append(down, k)
		}
	}
	if len(t.Trunks) > 0 && len(up)+len(down) == 0 {
		return nil, sotto.FailCause(sotto.Conflict, "No trunk can carry an encrypted call.", &leg.EndError{Cause: leg.Insecure})
	}
	return append(up, down...), nil
}

func (e *Endpoint) trunkNamed(name string) *trunk {
	for _, k := range e.trunks {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// dialResult is how one branch came out.
type dialResult struct {
	call *Call
	err  error
	last bool // no other branch is to be waited for (6xx)
	next bool // this trunk did not carry the call: another one may
}

// Dial calls t and returns when the party has answered: the leg's audio may
// flow. When ctx ends first the call is given up: the error's cause is
// NoAnswer for a deadline and Cancelled otherwise. Every error has a cause
// (leg.CauseOf). A party that has moved (3xx) is not followed: the cause is
// leg.Moved and the error says where to (RFC 3261 8.1.3.4).
func (e *Endpoint) Dial(ctx context.Context, t Target) (_ leg.Leg, err error) {
	trunks, err := e.through(t)
	if err != nil {
		return nil, err
	}
	if len(trunks) == 0 {
		l := e.reg.branches(t.Device)
		if l = slices.DeleteFunc(l, func(b branch) bool { return t.Secure && !b.to.tls }); len(l) == 0 {
			return nil, &leg.EndError{Cause: leg.Unreachable}
		}
		return e.ring(ctx, t, nil, l, false).leg()
	}
	if _, err := dialable(t.Number); err != nil {
		return nil, err
	}
	var r dialResult
	for i, k := range trunks {
		r = dialResult{err: &leg.EndError{Cause: leg.Unreachable}, next: true}
		if h, err := k.hop(ctx); err == nil {
			user, _ := dialable(k.Numbers.write(t.Number, k.Country))
			b := branch{uri: "sip:" + user + "@" + k.domain(), to: h}
			r = e.ring(ctx, t, k, []branch{b}, i < len(trunks)-1)
		}
		if !r.next || ctx.Err() != nil {
			break
		}
		e.log.Warn("sip: a trunk did not carry a call", "trunk", k.Name)
	}
	return r.leg()
}

func (r dialResult) leg() (leg.Leg, error) {
	if r.err != nil {
		return nil, r.err // and no *Call in an interface that is not nil
	}
	return r.call, nil
}

// ring calls all branches at once. spare says that another trunk is waiting.
func (e *Endpoint) ring(ctx context.Context, t Target, k *trunk, branches []branch, spare bool) dialResult {
	results := make(chan dialResult, 2*len(branches))
	var calls []*Call
	for _, b := range branches {
		c := e.newCall(newTag(), true)
		c.origin = origin{trunk: k, device: t.Device}
		c.dialled, c.caller, c.guarded = t.Number, t.Caller, t.Secure
		c.dial = &dialOut{target: t, branch: b, results: results, spare: spare}
		c.d = dialog{id: c.id, localTag: c.tag, target: b.uri, peer: b.to, fixed: b.fixed}
		if !c.openPort(nil) || !c.start() {
			c.cancel()
			if c.port != nil {
				c.port.Close()
			}
			continue
		}
		calls = append(calls, c)
		c.mail.post(func() { c.sendInvite(nil) })
	}
	if len(calls) == 0 {
		return dialResult{err: &leg.EndError{Cause: leg.Unreachable}}
	}
	return first(ctx, calls, results)
}

// first waits for the first answer and gives up the other calls.
func first(ctx context.Context, calls []*Call, results <-chan dialResult) dialResult {
	best := dialResult{err: &leg.EndError{Cause: leg.Unreachable}}
	for i := range calls {
		var r dialResult
		select {
		case r = <-results:
		case <-ctx.Done():
			cause := leg.Cancelled
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				cause = leg.NoAnswer
			}
			hangupAll(calls, nil, cause)
			return dialResult{err: &leg.EndError{Cause: cause}}
		}
		if r.err == nil {
			hangupAll(calls, r.call, leg.Cancelled)
			return r
		}
		if i == 0 || r.last || says(r.err) > says(best.err) {
			best = r
		}
		if r.last {
			break
		}
	}
	hangupAll(calls, nil, leg.Cancelled)
	return best
}

func hangupAll(calls []*Call, but *Call, cause leg.Cause) {
	for _, c := range calls {
		if c != but {
			c.Hangup(cause)
		}
	}
}

// says ranks causes by how much they say when several telephones refused.
func says(err error) int {
	switch leg.CauseOf(err) {
	case leg.BusyHere:
		return 4
	case leg.Rejected:
		return 3
	case leg.NoAnswer:
		return 2
	case leg.Moved:
		return 1
	}
	return 0
}

// dialable is the user part for a number: digits, and what names of lines
// hold. Anything else could end the URI and begin another.
func dialable(number string) (string, error) {
	ok := number != "" && len(number) <= 64
	for _, c := range []byte(number) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("+*#-_.", c) < 0 {
			ok = false
		}
	}
	if !ok {
		return "", sotto.FailField("number", "Dial digits, or the name of a line without spaces.")
	}
	return strings.ReplaceAll(number, "#", "%23"), nil
}

// causeOf is what a final status says about a call of ours.
func causeOf(status int) leg.Cause {
	switch status {
	case 486, 600:
		return leg.BusyHere
	case 408, 480, 487:
		return leg.NoAnswer
	case 404, 410, 484, 485, 604:
		return leg.Unreachable
	}
	if status < 400 || status >= 500 && status < 600 {
		return leg.Unreachable
	}
	return leg.Rejected
}

// isTrunks reports whether a final status speaks of the trunk and not of the
// party: another trunk may do better. Once it rang nothing else is tried.
func isTrunks(status int) bool {
	return status >= 500 && status < 600 || status == 401 || status == 407
}
