// Package outbound is the only HTTP client: every copy of data that leaves the
// desk over HTTP goes through Do, which takes a catalogue.Disclosure that
// answers for it. A disclosure the catalogue does not declare does not compile.
//
// It owns no table and keeps nothing. It never reaches into the desk's own
// network: a name is resolved once, addresses that are not public are refused
// unless the configuration names the host, and the very address that was
// checked is dialled. erasure and privacy call it for notices to recipients,
// provider packages for their carriers.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sotto"
	"sotto/catalogue"
)

// Config says how far the desk reaches. The zero value reaches public
// addresses over https.
type Config struct {
	// AllowHosts are names or addresses, without port, of recipients inside
	// the own network: they may have private and loopback addresses and be
	// reached over plain http. Link-local addresses and the metadata services
	// of clouds stay refused.
	AllowHosts []string
	Timeout    time.Duration  // for the whole exchange; 0: 5 s
	Limit      int64          // bytes of an answer's body that are read; 0: 64 KiB
	Roots      *x509.CertPool // who vouches for recipients; nil: the machine's own list
	Log        *slog.Logger   // one line for each copy that left; nil: none
}

// Client sends. Its methods may be called from any goroutine.
type Client struct {
	cfg    Config
	named  map[string]bool // AllowHosts
	places places
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	dial   func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

// Response is what the recipient answered.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Cut    bool // the body was longer than Config.Limit; Body holds the beginning
}

// New returns a client. It refuses an AllowHosts entry that is no host.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Limit <= 0 {
		cfg.Limit = 64 << 10
	}
	c := &Client{cfg: cfg, named: map[string]bool{}, places: specialPlaces(), lookup: lookup, dial: dial}
	for _, h := range cfg.AllowHosts {
		name, err := hostName(h)
		if err != nil {
			return nil, sotto.FailCause(sotto.Invalid, "An entry of allow_hosts is not a host name or an address without a port.", err)
		}
		c.named[name] = true
	}
	return c, nil
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}

// Do sends req as the copy that d declares and reads the answer. The whole
// exchange ends within Config.Timeout. An answer of any status is no error:
// the caller decides what confirms. A redirect is followed only to the same
// host by the same method. Errors hold no URL and no body: Invalid says that
// the address may not be used, Peer that the recipient failed.
func (c *Client) Do(ctx context.Context, d catalogue.Disclosure, req *http.Request) (_ Response, err error) {
	defer sotto.Wrap(&err, "outbound.Do(%s)", d)
	if d == (catalogue.Disclosure{}) {
		return Response{}, sotto.Fail(sotto.Internal, "Nothing leaves the desk without a declared disclosure.")
	}
	if req == nil || req.URL == nil {
		return Response{}, sotto.Fail(sotto.Internal, "There is no request to send.")
	}
	host, err := c.check(req.URL)
	if err != nil {
		return Response{}, err
	}
	if req.Host != "" && req.Host != req.URL.Host {
		return Response{}, sotto.Fail(sotto.Invalid, "The request names another host than its address.")
	}
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	addrs, err := c.resolve(bounded, host)
	if err != nil {
		return Response{}, err
	}
	resp, err := c.send(bounded, req, addrs)
	if err != nil {
		return Response{}, peerError(ctx, err)
	}
	if log := c.cfg.Log; log != nil {
		log.Info("a copy left the desk", "place", d, "status", resp.Status, "bytes", len(resp.Body),
			"duration_ms", time.Since(began).Milliseconds())
	}
	return resp, nil
}

// Check reports whether address has a form that Do accepts, without resolving
// it: configuration is checked with it at start.
func (c *Client) Check(address string) error {
	u, err := url.Parse(address)
	if err != nil || strings.Contains(address, "#") { // err quotes the address
		return sotto.FailField("url", "This is not a web address, or it holds a #.")
	}
	_, err = c.check(u)
	return err
}

// send makes the exchange with addrs and nobody else. The transport is made
// anew each time, so that no connection is shared between recipients.
func (c *Client) send(ctx context.Context, req *http.Request, addrs []netip.Addr) (Response, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, hostPort string) (net.Conn, error) {
			return c.dialOneOf(ctx, addrs, hostPort)
		},
		TLSClientConfig:        &tls.Config{RootCAs: c.cfg.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true, // Limit counts the bytes that came
		MaxResponseHeaderBytes: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: c.redirect}
	req = req.Clone(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "sotto")
	}
	resp, err := client.Do(req)
	if err != nil {
		return Response{}, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.Limit+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return Response{}, err
	}
	out := Response{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if int64(len(body)) > c.cfg.Limit {
		out.Body, out.Cut = body[:c.cfg.Limit], true
	}
	return out, nil
}

// dialOneOf tries the checked addresses in turn and shares the time between
// them. hostPort's host is the one that was checked: redirects leave it.
func (c *Client) dialOneOf(ctx context.Context, addrs []netip.Addr, hostPort string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil, err
	}
	share := c.cfg.Timeout / time.Duration(len(addrs))
	for _, a := range addrs {
		var conn net.Conn
		each, cancel := context.WithTimeout(ctx, share)
		conn, err = c.dial(each, netip.AddrPortFrom(a, uint16(n)))
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// redirect allows what leads back to the same place by the same method: a
// notice that became a GET on the way would count as confirmed.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	if _, err := c.check(next.URL); err != nil {
		return errElsewhere
	}
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || next.Method != first.Method || len(via) > 3 {
		return errElsewhere
	}
	return nil
}
