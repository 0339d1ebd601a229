package webrtc

import (
	"context"
	"errors"

	"sotto"
	"sotto/leg"
	"sotto/obs"
)

// Target is whom to ring.
type Target struct {
	Device sotto.DeviceID
	// Caller is what the page shows.
	Caller leg.Caller
	// Ringing is told once, on a goroutine of its own, when the page shows the
	// call. nil is not told.
	Ringing func(l leg.Leg)
}

// Dial rings an agent's page and returns when the agent has accepted: the
// leg's audio flows. When ctx ends first the call is given up: the error's
// cause is NoAnswer for a deadline and Cancelled otherwise. Every error has a
// cause (leg.CauseOf). A page that is reloaded while it rings goes on ringing.
func (e *Endpoint) Dial(ctx context.Context, t Target) (leg.Leg, error) {
	l, err := e.ring(t)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.taken:
		return l, nil
	case <-l.ended:
		return nil, l.endErr()
	case <-ctx.Done():
		cause := leg.Cancelled
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cause = leg.NoAnswer
		}
		l.end(cause)
		return nil, &leg.EndError{Cause: cause}
	}
}

// ring shows a call on the device's page.
func (e *Endpoint) ring(t Target) (*Leg, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.devices[t.Device]
	switch {
	case e.closed || d == nil || d.session == nil || !d.session.ready():
		return nil, &leg.EndError{Cause: leg.Unreachable}
	case d.leg != nil:
		return nil, &leg.EndError{Cause: leg.BusyHere}
	}
	l, err := e.newLeg(d.session)
	if err != nil {
		return nil, &leg.EndError{Cause: leg.Unreachable}
	}
	l.device, l.caller = t.Device, t.Caller
	d.leg = l
	d.session.send(l.describe().Ring)
	if t.Ringing != nil {
		e.work.Go(func() { e.guard(l, func() { t.Ringing(l) }) })
	}
	return l, nil
}

// call begins a visitor's call, or lets it begin when the audio has a way.
func (s *session) call() {
	s.e.mu.Lock()
	defer s.e.mu.Unlock()
	if s.peer != nil && !s.peer.up && !s.ready() && s.pass.Line != "" {
		s.calls = true // the page may know a moment before us that there is a way
		return
	}
	s.begins()
}

// begins begins a visitor's call. e.mu is held.
func (s *session) begins() {
	e := s.e
	switch {
	case s.pass.Line == "" || e.cfg.Accept == nil || e.closed || s.over:
		s.send(Problem{Code: "no-call"})
		return
	case s.visitor != nil:
		s.send(Problem{Code: "busy"})
		return
	case !s.ready():
		s.send(Problem{Code: "no-audio"})
		return
	}
	l, err := e.newLeg(s)
	if err != nil {
		s.send(Problem{Code: "busy"})
		return
	}
	l.dialled, l.told = s.pass.Line, s.pass.Told
	l.caller = leg.Caller{Name: s.pass.Name, Withheld: s.pass.Name == ""} // a visitor is nobody, every time
	l.carry(s.peer)
	s.visitor = l
	e.work.Go(func() {
		e.guard(l, func() { e.cfg.Accept(l.ctx, l) })
		l.end(leg.Released) // when the journey forgot to
	})
}

// guard keeps a panic of one call to that call.
func (e *Endpoint) guard(l *Leg, f func()) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("webrtc: a call made us panic; it is ended", "err", obs.Recovered(p))
			l.end(leg.Fault)
		}
	}()
	f()
}

// waits reports whether the leg is not answered yet.
func (l *Leg) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == ringing
}
