package sip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sotto"
	"sotto/leg/sip/certificate"
)

// Trunk is one carrier.
type Trunk struct {
	// Name identifies the trunk to us, never to a peer.
	Name string
	// Sources are the addresses and prefixes (192.0.2.0/24) whose calls are
	// this trunk's.
	Sources []string
	// Address is where calls through the trunk are sent, host:port, and the
	// only place its password is ever shown to. "" takes calls only.
	Address string
	// TCP sends over TCP instead of UDP.
	TCP bool
	// TLS sends over TLS instead. The carrier's certificate must be for the
	// host of Address, or for ServerName if that is given, and from an issuer
	// that the system, or RootsFile, trusts; or it must be the one of
	// Fingerprint (SHA-256, hexadecimal), and then nothing else counts.
	TLS         bool
	ServerName  string
	RootsFile   string
	Fingerprint string
	// SecureMedia encrypts the audio of every call (SRTP) and refuses calls
	// without (488), whatever the signalling: the keys travel in it, so say it
	// without TLS only where nobody reads along. Without SecureMedia audio is
	// encrypted over TLS if the carrier does it too.
	SecureMedia bool
	// Domain is the host in our From and in the number we dial; "" is
	// Address's host.
	Domain string
	// Username and the first line of PasswordFile answer the trunk's
	// challenges, for Realm alone. "" answers none.
	Username     string
	PasswordFile string
	Realm        string
	// LargeTCP sends requests of more than 1300 bytes over TCP, where the
	// carrier listens at the same port (RFC 3261 18.1.1).
	LargeTCP bool
	// LateOffer places calls without a description of our audio: the carrier
	// makes the offer, we answer it (RFC 3261 13.2.1).
	LateOffer bool
	// Identity is how the trunk is told who calls.
	Identity Identity
	// TrustIdentity believes the trunk's P-Asserted-Identity before its From
	// (RFC 3325 5). Say so only of a carrier that vouches for it.
	TrustIdentity bool
	// TrustDiversion believes who sent a call on to us (RFC 5806, RFC 7044).
	TrustDiversion bool
	// Numbers is how the trunk writes telephone numbers; Country is its
	// calling code, as 33, for numbers without one.
	Numbers Numbers
	Country string
	// Register tells the carrier at Address where we are, under Username, and
	// again before that runs out. Expires is what is asked for; 0 is an hour.
	Register bool
	Expires  time.Duration
	// KeepAlive is how often the carrier is asked whether it is there
	// (OPTIONS); 0 is never: it counts as up.
	KeepAlive time.Duration
}

// Identity is how a trunk is told who calls.
type Identity string

// The forms of identity.
const (
	CallerFrom     Identity = ""         // the caller's number in From
	CallerAsserted Identity = "asserted" // the same, and in P-Asserted-Identity (RFC 3325 9.1)
	CallerAccount  Identity = "account"  // our account in From, the caller's number in P-Asserted-Identity
)

// trunk is a Trunk that was read.
type trunk struct {
	Trunk
	prefixes []netip.Prefix
	secret   string
	pulse
	client  *tls.Config                    // of a TLS trunk
	dialing sync.Mutex                     // held while a connection is opened
	at      atomic.Pointer[netip.AddrPort] // where its calls went last
}

// identify reads what the carrier's certificate must be.
func (t *trunk) identify(own *certificate.Own) (err error) {
	if !t.TLS || t.Address == "" {
		return nil
	}
	p := certificate.Peer{Name: t.ServerName, Fingerprint: t.Fingerprint, RootsFile: t.RootsFile}
	if p.Name == "" {
		p.Name, _, _ = net.SplitHostPort(t.Address)
	}
	t.client, err = p.Client(own)
	return err
}

// trunkBehind is the TLS trunk that a is an address of.
func (e *Endpoint) trunkBehind(a netip.AddrPort) *trunk {
	for _, t := range e.trunks {
		if at := t.at.Load(); t.client != nil && at != nil && *at == a {
			return t
		}
	}
	if t := e.trunkOf(a.Addr()); t != nil && t.client != nil {
		return t
	}
	return nil
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
		if err := t.check(); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// check finds settings that cannot work together.
func (t *Trunk) check() error {
	switch {
	case !t.Numbers.known():
		return sotto.FailField("trunk.numbers", "A trunk's numbers are plus, plain, zeros or national, or left out.")
	case t.Country != "" && !isDigits(t.Country):
		return sotto.FailField("trunk.country", "A trunk's country is a calling code in digits, as 33.")
	case t.Identity != CallerFrom && t.Identity != CallerAsserted && t.Identity != CallerAccount:
		return sotto.FailField("trunk.identity", "A trunk's identity is asserted or account, or left out.")
	case t.Identity == CallerAccount && t.Username == "":
		return sotto.FailField("trunk.username", "A trunk that is told our account needs its user name.")
	case t.Register && (t.Address == "" || t.Username == ""):
		return sotto.FailField("trunk.register", "A trunk to register with needs an address and a user name.")
	case t.KeepAlive != 0 && t.Address == "":
		return sotto.FailField("trunk.keepalive", "A trunk to be asked whether it is there needs an address.")
	case t.KeepAlive < 0 || t.Expires < 0:
		return sotto.FailField("trunk", "A trunk's times cannot be negative.")
	}
	return nil
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
	if err == nil {
		t.at.Store(&a)
	}
	return hop{addr: a, tcp: t.TCP || t.TLS, tls: t.TLS}, err
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

// account is our user name as the user part of a URI.
func (t *trunk) account() string {
	user, _, _ := strings.Cut(t.Username, "@")
	if s, err := dialable(user); err == nil {
		return s
	}
	return url.PathEscape(user)
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
