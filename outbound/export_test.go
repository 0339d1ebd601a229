package outbound

import (
	"context"
	"net"
	"net/netip"
)

// Fake puts a name server and a network of the test's own under c. nil leaves
// the real one.
func (c *Client) Fake(lookup func(host string) ([]netip.Addr, error), dial func(to netip.AddrPort) (net.Conn, error)) {
	if lookup != nil {
		c.lookup = func(_ context.Context, host string) ([]netip.Addr, error) { return lookup(host) }
	}
	if dial != nil {
		c.dial = func(_ context.Context, to netip.AddrPort) (net.Conn, error) { return dial(to) }
	}
}

// IsPublic reports whether anything may be sent to ip without it being named.
func IsPublic(ip netip.Addr) bool { return specialPlaces().of(ip) == public }
