package webrtc

import (
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"sotto"
	"sotto/leg"
)

// maxTickets bounds the tickets that nobody has used yet.
const maxTickets = 10_000

// A visitor's address may ask for this many tickets: calls are made by people.
const (
	visitorEvery = 20 * time.Second
	visitorBurst = 5
	visitorLines = 3 // pages open at once from one address
	maxVisits    = 20_000
)

// Pass is what a ticket allows: to be an agent's device, or to call one line.
type Pass struct {
	Device sotto.DeviceID
	// Line is the number that a visitor may call; "" for an agent.
	Line string
	// From is a visitor's address, for the limits. It is kept in memory only.
	From netip.Addr
	// Name is what a visitor says its name is; "" for none.
	Name string
	// Told is what a visitor was shown about recording, and answered.
	Told leg.Told
}

// tickets are those not used yet, by their SHA-256. Endpoint.mu guards them.
type tickets map[[sha256.Size]byte]ticket

type ticket struct {
	pass  Pass
	until time.Time
}

// Ticket returns a word that opens one WebSocket, once, within
// Timers.Ticket. It is a secret until then; it is worth nothing after. It
// fails with sotto.Busy when a visitor's address asks too often, or when
// there are too many.
func (e *Endpoint) Ticket(p Pass) (word string, err error) {
	defer sotto.Wrap(&err, "webrtc.Ticket")
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Clock()
	if e.closed {
		return "", sotto.Fail(sotto.Busy, "The desk is stopping. Try again in a minute.")
	}
	if p.Line != "" && !e.visits.allow(p.From, now) {
		return "", sotto.Fail(sotto.Busy, "Too many calls come from your address. Wait a minute and try again.")
	}
	if len(e.tickets) >= maxTickets {
		for k, t := range e.tickets {
			if !now.Before(t.until) {
				delete(e.tickets, k)
			}
		}
	}
	if len(e.tickets) >= maxTickets {
		return "", sotto.Fail(sotto.Busy, "Too many browsers connect at once. Try again in a minute.")
	}
	word = rand.Text()
	e.tickets[sha256.Sum256([]byte(word))] = ticket{p, now.Add(e.cfg.Timers.Ticket)}
	return word, nil
}

// TicketLife is how long a ticket is good for.
func (e *Endpoint) TicketLife() time.Duration { return e.cfg.Timers.Ticket }

// redeem takes a ticket: the second time it is none. e.mu is held.
func (e *Endpoint) redeem(word string) (Pass, bool) {
	key := sha256.Sum256([]byte(word))
	t, ok := e.tickets[key]
	delete(e.tickets, key)
	return t.pass, ok && e.cfg.Clock().Before(t.until)
}

// visits is how often each address has come. Endpoint.mu guards it.
type visits map[netip.Prefix]*visit

type visit struct {
	asked *rate.Limiter
	open  int // pages connected
}

// network is what counts as one address: an IPv6 subscriber has a /64.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // whoever has no address shares one
	}
	return p
}

// allow counts one ticket.
func (v visits) allow(a netip.Addr, now time.Time) bool {
	at := v.at(a, now)
	return at != nil && at.open < visitorLines && at.asked.AllowN(now, 1)
}

// enter counts a page that opens; false when there are enough. One that comes
// back is not refused.
func (v visits) enter(a netip.Addr, now time.Time, again bool) bool {
	at := v.at(a, now)
	if at == nil || !again && at.open >= visitorLines {
		return false
	}
	at.open++
	return true
}

// leave counts a page that closes.
func (v visits) leave(a netip.Addr) {
	if at := v[network(a)]; at != nil {
		at.open--
	}
}

// at returns the visits of an address; nil when there are too many addresses
// to count any more.
func (v visits) at(a netip.Addr, now time.Time) *visit {
	key := network(a)
	if v[key] == nil {
		if len(v) >= maxVisits {
			for k, old := range v {
				if old.open == 0 && old.asked.TokensAt(now) >= visitorBurst {
					delete(v, k)
				}
			}
		}
		if len(v) >= maxVisits {
			return nil
		}
		v[key] = &visit{asked: rate.NewLimiter(rate.Every(visitorEvery), visitorBurst)}
	}
	return v[key]
}
