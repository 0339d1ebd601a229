package outbound

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"sotto"
)

// maxAddrs is how many addresses of a name are tried.
const maxAddrs = 4

// hostForm is a host name in its ASCII form. A last label that begins with a
// digit is no name: parsers differ on whether 127.1 or 0x7f.1 is an address.
var hostForm = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

var errHost = errors.New("no host name and no address")

// hostName returns the one spelling of a host name or an address by which
// hosts are compared.
func hostName(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" || ip.Is4In6() {
			return "", errHost
		}
		return ip.String(), nil
	}
	host = strings.ToLower(host)
	if len(host) > 253 || !hostForm.MatchString(host) {
		return "", errHost
	}
	return host, nil
}

// check refuses every address whose host could be read in two ways, and
// returns the host.
func (c *Client) check(u *url.URL) (host string, err error) {
	no := func(say string) (string, error) { return "", sotto.FailField("url", say) }
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return no("A web address begins with https://.")
	case u.Opaque != "" || u.Host == "":
		return no("The address names no host.")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return no("The address must not hold a user name: put credentials into the settings for them.")
	case u.Fragment != "" || u.RawFragment != "":
		return no("The address must not hold a #: what follows it is never sent.")
	}
	if host, err = hostName(u.Hostname()); err != nil || spelled(u) != u.Host {
		return no("The host must be a name in its ASCII form or a whole IP address.")
	}
	port := u.Port()
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return no("The port must be a number from 1 to 65535.")
	}
	if u.Scheme == "http" && !c.named[host] {
		return no("Use https: over http the copy would travel readable. Hosts inside the own network can be named under allow_hosts.")
	}
	return host, nil
}

// spelled puts a URL's host together from its parts.
func spelled(u *url.URL) string {
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host
}

// resolve returns the addresses that may be dialled for host. One that may not
// makes all of them refused: who answers with a public and a private address
// hopes for the second.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{ip}
	} else {
		found, err := c.lookup(ctx, host)
		if err != nil {
			return nil, peerError(ctx, err)
		}
		for _, ip := range found {
			addrs = append(addrs, ip.Unmap())
		}
	}
	if len(addrs) == 0 {
		return nil, peerError(ctx, errNoAddress)
	}
	for _, ip := range addrs {
		switch c.places.of(ip) {
		case public:
		case inside:
			if !c.named[host] {
				return nil, sotto.Fail(sotto.Invalid, "This host is inside a private network. If it is yours, name it under allow_hosts.")
			}
		default:
			return nil, sotto.Fail(sotto.Invalid, "This host has an address that nothing may be sent to.")
		}
	}
	return addrs[:min(len(addrs), maxAddrs)], nil
}

// place is where an address is, seen from the desk.
type place uint8

const (
	never  place = iota // nothing is ever sent there
	inside              // the own machine or network: only to hosts the configuration names
	public
)

// places are the parts of the address space that are not public, from the
// IANA registries of special-purpose addresses (RFC 6890), and the metadata
// services of clouds.
type places struct{ never, inside []netip.Prefix }

func specialPlaces() places {
	parse := func(texts ...string) (out []netip.Prefix) {
		for _, t := range texts {
			out = append(out, netip.MustParsePrefix(t))
		}
		return out
	}
	return places{
		never: parse(
			"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24",
			"224.0.0.0/4", "240.0.0.0/4",
			"168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::254/128", "fd20:ce::254/128", // metadata at public or private addresses
			"fe80::/10", "fec0::/10", "ff00::/8", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
		),
		inside: parse(
			"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "::1/128", "fc00::/7",
		),
	}
}

// of says where ip is. Of IPv6 only 2000::/3 has been given out; 64:ff9b::/96
// stands for the IPv4 address in its last four bytes (RFC 6052 2.1).
func (p places) of(ip netip.Addr) place {
	if ip.Zone() != "" || ip.Is4In6() {
		return never
	}
	for _, n := range p.never {
		if n.Contains(ip) {
			return never
		}
	}
	for _, n := range p.inside {
		if n.Contains(ip) {
			return inside
		}
	}
	if ip.Is4() || netip.MustParsePrefix("2000::/3").Contains(ip) {
		return public
	}
	if b := ip.As16(); netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		return p.of(netip.AddrFrom4([4]byte(b[12:])))
	}
	return never
}
