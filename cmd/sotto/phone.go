package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/sip"
)

type phoneCmd struct {
	Number   string        `arg:"" optional:"" help:"The number to call; without it the telephone registers and waits for a call."`
	Server   string        `default:"127.0.0.1:5060" help:"The desk's SIP address."`
	TCP      bool          `help:"Speak TCP instead of UDP."`
	TLS      bool          `help:"Speak TLS."`
	Roots    string        `placeholder:"PEM" help:"Issuers believed with --tls; the system's without it."`
	Secure   bool          `help:"Encrypt the audio (SRTP) and refuse calls without; say it with --tls."`
	Listen   string        `default:"127.0.0.1:0" help:"Where this telephone listens."`
	User     string        `help:"Its user name: for --wait an agent's telephone, without it it waits where it listens, as a carrier does; for a call the caller's number."`
	Password string        `help:"Its password." env:"SOTTO_PHONE_PASSWORD"`
	Wait     bool          `help:"Register and answer the next call."`
	Ring     time.Duration `help:"With --wait: how long it rings before it is answered."`
	Decline  bool          `help:"With --wait: refuse the call instead."`
	Busy     bool          `help:"With --wait: be busy."`
	Play     string        `placeholder:"WAV" help:"What it says; a tone of 440 Hz without it."`
	Record   string        `placeholder:"WAV" help:"Where to write what it hears."`
	Keys     string        `help:"Keys to press, as 3; with --after."`
	After    time.Duration `default:"2s" help:"When to press the keys, after the call was answered."`
	For      time.Duration `name:"for" default:"10s" help:"How long to stay on the line."`

	watch func(leg.Leg, *listener) // gets the call and what is heard of it, when it is answered; nil for nobody
}

// Do makes one call, or answers one.
func (c *phoneCmd) Do(ctx context.Context, _ *globals, s streams) (err error) {
	clip, err := c.clip(s)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return sotto.FailField("listen", "The address must be host:port, as 127.0.0.1:0.")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return sotto.FailField("listen", "The address must be an IP address with a port.")
	}
	engine, err := media.Open(media.Config{Addr: addr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	p, err := sip.NewPhone(sip.PhoneConfig{
		Server: c.Server, TCP: c.TCP, TLS: c.TLS, Roots: c.roots(s), Secure: c.Secure,
		Listen: c.Listen, Username: c.User, Secret: c.Password, Media: engine,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	defer func() {
		if c.Wait && c.User != "" {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = p.Unregister(ctx) // courtesy: who calls finds it out
		}
	}()
	l, err := c.connect(ctx, p, s)
	if err != nil {
		return err
	}
	return c.talk(ctx, l, clip, s)
}

// connect calls, or registers and waits to be called.
func (c *phoneCmd) connect(ctx context.Context, p *sip.Phone, s streams) (leg.Leg, error) {
	if !c.Wait {
		if c.Number == "" {
			return nil, sotto.Fail(sotto.Invalid, "Say which number to call, or --wait to be called.")
		}
		return p.Call(ctx, c.Number)
	}
	if c.User != "" {
		if err := p.Register(ctx); err != nil {
			return nil, err
		}
		fmt.Fprint(s.out, "registered, ")
	}
	fmt.Fprintln(s.out, "waiting for a call at", p.Addr())
	l, err := p.Next(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(s.out, "rings")
	if c.Decline || c.Busy {
		cause := leg.Rejected
		if c.Busy {
			cause = leg.BusyHere
		}
		l.Hangup(cause)
		<-l.Ended()
		return l, nil
	}
	select {
	case <-time.After(c.Ring):
		return l, l.Answer(ctx)
	case <-l.Ended():
		return l, nil // given up meanwhile
	case <-ctx.Done():
		return l, ctx.Err()
	}
}

// talk plays, presses and listens until time is up or the other side hangs up.
func (c *phoneCmd) talk(ctx context.Context, l leg.Leg, clip media.Clip, s streams) error {
	select {
	case <-l.Ended():
		fmt.Fprintf(s.out, "ended: %s, not answered\n", l.Cause())
		return nil
	default:
		fmt.Fprintln(s.out, "answered")
	}
	var ear listener
	untap := l.Media().Tap(&ear)
	if c.watch != nil {
		c.watch(l, &ear)
	}
	ctx, cancel := context.WithTimeout(ctx, c.For)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { _ = l.Media().Play(ctx, clip, true) }) // ends with the call
	if c.Keys != "" {
		work.Go(func() {
			select {
			case <-time.After(c.After):
				if err := l.Media().SendDigits(ctx, c.Keys); err != nil {
					fmt.Fprintln(s.err, "sotto: the keys were not sent")
				}
			case <-ctx.Done():
			}
		})
	}
	select {
	case <-ctx.Done():
	case <-l.Ended():
	}
	cancel()
	untap()
	l.Hangup(leg.Released)
	work.Wait()
	<-l.Ended()
	fmt.Fprintf(s.out, "ended: %s, heard %.1f s\n", l.Cause(), float64(len(ear.heard))/media.SampleRate)
	if c.Record == "" {
		return nil
	}
	return os.WriteFile(s.absolute(c.Record), media.Clip{Mulaw: ear.heard}.WAV(), 0o600)
}

func (c *phoneCmd) roots(s streams) string {
	if c.Roots == "" {
		return ""
	}
	return s.absolute(c.Roots)
}

func (c *phoneCmd) clip(s streams) (media.Clip, error) {
	if c.Play == "" {
		return media.Tone(440, 2*time.Second), nil
	}
	b, err := os.ReadFile(s.absolute(c.Play))
	if err != nil {
		return media.Clip{}, sotto.FailCause(sotto.NotFound, "The sound file cannot be read.", err)
	}
	return media.ParseWAV(b)
}

// listener keeps what the telephone hears, in its place.
type listener struct {
	mu    sync.Mutex
	began int64
	heard []byte
}

// maxHeard bounds the memory: an hour.
const maxHeard = 3600 * media.SampleRate

// Push keeps a frame.
func (l *listener) Push(f media.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard == nil {
		l.began = f.At
	}
	at := f.At - l.began
	if at < 0 || at+int64(len(f.Payload)) > maxHeard {
		return
	}
	for int64(len(l.heard)) < at+int64(len(f.Payload)) {
		l.heard = append(l.heard, media.Mulaw.Silence())
	}
	for i, b := range f.Payload {
		if f.Law == media.Alaw {
			b = media.EncodeMulaw(media.DecodeAlaw(b))
		}
		l.heard[at+int64(i)] = b
	}
}
