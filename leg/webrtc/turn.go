package webrtc

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"sotto"
)

// Turn says where browsers come in whose network lets no UDP through: over
// TCP (RFC 8656), or over TLS, which a network takes for a web page. The zero
// value is nowhere.
type Turn struct {
	// Addr is the TCP address of this machine; port 0 lets the system choose.
	Addr netip.AddrPort
	// Host is the name or address that browsers are told; "" is Config.Advertise.
	Host string
	// TLS is our certificate; nil takes connections without TLS.
	TLS *tls.Config
}

const (
	turnRealm = "sotto"
	// relaysEach is how many ways one page may have at once: the present one,
	// the one it looks for, and what a restart left behind.
	relaysEach = 6
	// A connection that says nothing is let go after this long.
	turnSilence = 2 * time.Minute
)

// Relay is how a page comes in over TCP. It is good for as long as the page
// is open.
type Relay struct {
	URL        string `json:"url"` // RFC 7065
	Username   string `json:"username"`
	Credential string `json:"credential"`
}

// relay is a TURN server that leads to our own port for audio and nowhere
// else: whoever has a credential reaches through it what everybody reaches
// without.
type relay struct {
	server *turn.Server
	url    string
	target target

	mu    sync.Mutex
	pages map[string]*admitted // by username; guarded by mu
}

// admitted is one page.
type admitted struct {
	key  []byte
	used int // ways it has now
}

// target is our port for audio: as browsers are told, and as it is.
type target struct{ told, real netip.AddrPort }

// openRelay listens at t.Addr.
func openRelay(t Turn, to target, most int, quiet logging.LoggerFactory) (_ *relay, err error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(t.Addr))
	if err != nil {
		return nil, sotto.FailCause(sotto.Busy, "The address for browsers without UDP is in use, or is not an address of this machine.", err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	r := &relay{target: to, pages: map[string]*admitted{}}
	host, scheme := t.Host, "turn:"
	if host == "" {
		host = to.told.Addr().String()
	}
	var listener net.Listener = &bounded{Listener: l, free: make(chan struct{}, most)}
	if t.TLS != nil {
		listener, scheme = tls.NewListener(listener, t.TLS), "turns:"
	}
	r.url = scheme + net.JoinHostPort(host, strconv.Itoa(int(at.Port()))) + "?transport=tcp"
	r.server, err = turn.NewServer(turn.ServerConfig{
		Realm: turnRealm, AuthHandler: r.key, QuotaHandler: r.quota, LoggerFactory: quiet,
		EventHandler: turn.EventHandler{
			OnAllocationCreated: func(_, _ net.Addr, _, user, _ string, _ net.Addr, _ int) { r.count(user, 1) },
			OnAllocationDeleted: func(_, _ net.Addr, _, user, _ string) { r.count(user, -1) },
		},
		ListenerConfigs: []turn.ListenerConfig{{
			Listener: listener, RelayAddressGenerator: r,
			PermissionHandler: func(_ net.Addr, peer net.IP) bool {
				a, ok := netip.AddrFromSlice(peer)
				return ok && a.Unmap() == to.told.Addr()
			},
		}},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return r, nil
}

// close ends every way and waits.
func (r *relay) close() error {
	if r == nil {
		return nil
	}
	return r.server.Close()
}

// admit gives a page a credential. A nil relay gives none.
func (r *relay) admit() *Relay {
	if r == nil {
		return nil
	}
	c := &Relay{URL: r.url, Username: rand.Text(), Credential: rand.Text()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages[c.Username] = &admitted{key: turn.GenerateAuthKey(c.Username, turnRealm, c.Credential)}
	return c
}

// dismiss ends a credential: no new way, and none is kept up longer than it
// was granted for.
func (r *relay) dismiss(c *Relay) {
	if r == nil || c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pages, c.Username)
}

// key is the AuthHandler.
func (r *relay) key(q *turn.RequestAttributes) (string, []byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pages[q.Username]
	if p == nil {
		return "", nil, false
	}
	return q.Username, p.key, true
}

// quota is the QuotaHandler.
func (r *relay) quota(user, _ string, _ net.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pages[user]
	return p != nil && p.used < relaysEach
}

func (r *relay) count(user string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pages[user]; p != nil {
		p.used += n
	}
}

// Validate is for the server.
func (r *relay) Validate() error { return nil }

// AllocatePacketConn makes one way to our port.
func (r *relay) AllocatePacketConn(turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.target.real.Addr(), 0)))
	if err != nil {
		return nil, nil, err
	}
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &way{UDPConn: conn, target: r.target}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(r.target.told.Addr(), at.Port())), nil
}

var errNoTCP = errors.New("webrtc: this relay leads to one UDP port")

// AllocateListener refuses: nobody is called back over TCP (RFC 6062).
func (r *relay) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCP
}

// AllocateConn refuses: nobody is called over TCP (RFC 6062).
func (r *relay) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errNoTCP }

// way is a socket that speaks with our port alone.
type way struct {
	*net.UDPConn
	target target
}

// WriteTo drops what is for anybody else: the server asks nobody which port
// of an address a packet may go to.
func (w *way) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok || netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port()) != w.target.told {
		return 0, errNoWay
	}
	return w.WriteToUDPAddrPort(b, w.target.real)
}

// ReadFrom returns what our port sends.
func (w *way) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := w.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == w.target.real {
			return n, net.UDPAddrFromAddrPort(w.target.told), nil
		}
	}
}

// bounded is a listener that has so many connections at once and lets go of
// those that say nothing.
type bounded struct {
	net.Listener
	free chan struct{}
}

// Accept waits for a place first.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &guest{Conn: c, leave: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			_ = c.Close() // there is no place: the other side sees it
		}
	}
}

type guest struct {
	net.Conn
	leave func()
}

// Read gives up on a silent connection.
func (g *guest) Read(b []byte) (int, error) {
	if err := g.SetReadDeadline(time.Now().Add(turnSilence)); err != nil {
		return 0, err
	}
	return g.Conn.Read(b)
}

// Close gives the place back.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
