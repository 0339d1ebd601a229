package sip

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg"
	"sotto/leg/sip/message"
)

// Trunk is one carrier.
type Trunk struct {
	// Name identifies the trunk to us, never to a peer.
	Name string
	// Sources are the addresses and prefixes (192.0.2.0/24) whose calls are
	// this trunk's. What such a source says of the caller is believed.
	Sources []string
	// Address is where calls through the trunk are sent, host:port, and the
	// only place its password is ever shown to. "" takes calls only.
	Address string
	// TCP sends over TCP instead of UDP.
	TCP bool
	// Domain is the host in our From and in the number we dial; "" is
	// Address's host.
	Domain string
	// Username and the first line of PasswordFile answer the trunk's
	// challenges, for Realm alone. "" answers none.
	Username     string
	PasswordFile string
	Realm        string
}

// trunk is a Trunk that was read.
type trunk struct {
	Trunk
	prefixes []netip.Prefix
	secret   string
}

func readTrunks(l []Trunk) ([]*trunk, error) {
	var out []*trunk
	for _, t := range l {
		r := &trunk{Trunk: t}
		if t.Name == "" {
			return nil, sotto.FailField("trunk.name", "Give each trunk a name.")
		}
		for _, s := range t.Sources {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				a, err := netip.ParseAddr(s)
				if err != nil {
					return nil, sotto.FailField("trunk.sources", "A trunk's source must be an IP address or a prefix like 192.0.2.0/24.")
				}
				p = netip.PrefixFrom(a, a.BitLen())
			}
			r.prefixes = append(r.prefixes, p.Masked())
		}
		if t.Address != "" {
			if _, _, err := net.SplitHostPort(t.Address); err != nil {
				return nil, sotto.FailField("trunk.address", "A trunk's address must be host:port.")
			}
		}
		if t.PasswordFile != "" {
			b, err := os.ReadFile(t.PasswordFile)
			if err != nil {
				return nil, sotto.FailCause(sotto.Invalid, "The password file of a trunk cannot be read.", err)
			}
			line, _, _ := bytes.Cut(b, []byte{'\n'})
			r.secret = strings.TrimSpace(string(line))
		}
		if r.secret != "" && t.Realm == "" {
			return nil, sotto.FailField("trunk.realm", "A trunk with a password needs the realm it is for.")
		}
		out = append(out, r)
	}
	return out, nil
}

// covers reports whether calls from a are t's.
func (t *trunk) covers(a netip.Addr) bool {
	for _, p := range t.prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hop resolves where the trunk's calls are sent.
func (t *trunk) hop(ctx context.Context) (hop, error) {
	if t.Address == "" {
		return hop{}, sotto.Fail(sotto.Conflict, "This trunk takes calls and places none.")
	}
	a, err := resolve(ctx, t.Address)
	return hop{addr: a, tcp: t.TCP}, err
}

// resolve finds the address behind host:port.
func resolve(ctx context.Context, hostport string) (netip.AddrPort, error) {
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a.Unmap(), uint16(port)), nil
	}
	l, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if len(l) == 0 {
		return netip.AddrPort{}, errors.New("sip: the host has no address")
	}
	return netip.AddrPortFrom(l[0].Unmap(), uint16(port)), nil
}

// domain is the host part of numbers on this trunk.
func (t *trunk) domain() string {
	if t.Domain != "" {
		return t.Domain
	}
	host, _, _ := net.SplitHostPort(t.Address)
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// rank is how far a source is known.
type rank uint8

const (
	nobody  rank = iota
	phone        // an address from which a telephone has registered
	carrier      // a trunk's
)

// whoIs ranks the source of a message by its address, before it is read.
func (e *Endpoint) whoIs(a netip.Addr) rank {
	if e.trunkOf(a) != nil {
		return carrier
	}
	if e.reg.knows(a) {
		return phone
	}
	return nobody
}

func (e *Endpoint) trunkOf(a netip.Addr) *trunk {
	for _, t := range e.trunks {
		if t.covers(a) {
			return t
		}
	}
	return nil
}

// callerOf reads who calls, as a trusted trunk says it: the network's own
// P-Asserted-Identity before the From that the caller may have written
// (RFC 3325 5). A caller who asks for privacy is nobody (RFC 3323 4.2).
func callerOf(m *sip.Request) leg.Caller {
	from, err := message.ParseAddress(get(m, "from"))
	if err != nil || wantsPrivacy(m) || anonymous(from.URI) {
		return leg.Caller{Withheld: true}
	}
	c := leg.Caller{Number: numberOf(from.URI), Name: displayName(from.Name)}
	for _, v := range list(m, "p-asserted-identity") {
		id, err := message.ParseAddress(v)
		if err != nil {
			continue
		}
		if n := numberOf(id.URI); n != "" {
			c.Number = n
			if id.Name != "" {
				c.Name = displayName(id.Name)
			}
			break
		}
	}
	return c
}

// wantsPrivacy reads Privacy: any value but none hides the caller.
func wantsPrivacy(m *sip.Request) bool {
	for _, v := range list(m, "privacy") {
		for p := range strings.SplitSeq(v, ";") {
			switch strings.ToLower(strings.TrimSpace(p)) {
			case "id", "user", "header", "session", "critical":
				return true
			}
		}
	}
	return false
}

// anonymous is RFC 3323 4.1.1.3: a host below .invalid, or the user of that
// name.
func anonymous(uri string) bool {
	u, err := message.ParseURI(uri)
	if err != nil {
		return true
	}
	host := strings.ToLower(u.Host)
	return strings.EqualFold(u.User, "anonymous") || host == "invalid" || strings.HasSuffix(host, ".invalid")
}

// numberOf takes the number out of a sip: or tel: URI: visual separators and
// parameters are stripped, escapes decoded (RFC 3966 5.1). A user that is no
// number is returned as it is, for lines reached by name.
func numberOf(uri string) string {
	u, err := message.ParseURI(uri)
	if err != nil || len(u.User) > 64 {
		return ""
	}
	phone, _ := u.Param("user")
	plain := strings.Map(func(r rune) rune {
		switch r {
		case '-', '.', '(', ')', ' ':
			return -1
		}
		return r
	}, u.User)
	digits := strings.TrimPrefix(plain, "+")
	if u.Scheme == "tel" || strings.EqualFold(phone, "phone") ||
		digits != "" && strings.Trim(digits, "0123456789*#") == "" {
		return printable(plain)
	}
	return printable(u.User)
}

// displayName bounds what a peer may put on a screen.
func displayName(s string) string {
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "")
	}
	return printable(s)
}

// printable drops control characters and bytes that are no text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd || r >= 0x80 && r < 0xa0 ||
			r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1 // also the marks that turn text around
		}
		return r
	}, strings.TrimSpace(s))
}
