package media

import (
	"context"
	"net/netip"
	"time"
)

// Port is one party's audio. All methods may be called from any goroutine,
// also after Close.
type Port struct {
}

// Local is the address to put into the SDP for the party. It never changes.
func (p *Port) Local() netip.AddrPort { return netip.AddrPort{} }

// Connect says where the party is and what it speaks. It is called again
// after each re-INVITE or UPDATE. With the same Addr it changes the codec and
// the direction only; with another Addr packets of the old one are dropped
// from now on and the latch window starts again. It fails with sotto.Invalid
// when r cannot work, sotto.Conflict when another party of the same socket
// has the address, and ErrClosed.
func (p *Port) Connect(r Remote) error { return ErrClosed }

// Close ends the party's audio: Play returns, Digits is closed, taps hear no
// more, and a bridge loses this side. When it has returned no sink is pushed
// for this port. It must not be called from a Push of the same port.
func (p *Port) Close() {}

// Done is closed when the port is closed, by Close or by the engine.
func (p *Port) Done() <-chan struct{} { return nil }

// SilentFor is the time since a packet came from the party, or since the port
// was opened if none has. Packets count, not sound: a muted telephone is alive.
func (p *Port) SilentFor() time.Duration { return 0 }

// Quality tells what arrived of the party's audio so far.
func (p *Port) Quality() Quality { return Quality{} }

// Play lets the party hear c, in a loop if loop is set, in place of what it
// hears otherwise. It returns nil when the last frame was sent, ctx's error
// when ctx ended first, ErrReplaced when another Play began, and ErrClosed.
// On hold and before Connect the clip runs on unheard.
func (p *Port) Play(ctx context.Context, c Clip, loop bool) error { return ErrClosed }

// Digits are the keys the party pressed, each once, as soon as it is pressed
// (RFC 4733, whatever payload type was negotiated, and InjectDigit). The
// channel holds 64; more are dropped and counted. It is closed by Close.
func (p *Port) Digits() <-chan Digit { return nil }

// InjectDigit adds a key that came another way (SIP INFO). An invalid digit
// is ignored.
func (p *Port) InjectDigit(d Digit) {}

// SendDigits presses keys towards the party, 100 ms each with 100 ms between,
// as RFC 4733 events. It returns when the last was sent. It fails with
// sotto.Invalid when a character is not a key or the party takes no events,
// with ctx's error, and with ErrClosed. Two calls at once are played one after
// the other.
func (p *Port) SendDigits(ctx context.Context, digits string) error { return ErrClosed }

// Tap gives what the party says to s, from the next packet on. A party may
// have several taps. Telephone events never reach a sink. When untap has
// returned, s is not pushed again; untap must not be called from Push.
func (p *Port) Tap(s Sink) (untap func()) { return func() {} }

// Bridge lets two parties hear each other: each packet of one is relayed to
// the other as it comes, transcoded only if their laws differ, and its
// telephone events if the other takes them. A bridge either had before ends.
// A prompt (Play) on one side takes that side's ear while it plays. unbridge
// ends this bridge and no later one; a packet already handed to the system
// may still leave.
func Bridge(a, b *Port) (unbridge func()) { return func() {} }
