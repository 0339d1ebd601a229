package webrtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"

	"sotto"
)

const (
	// A page whose checks of the way (RFC 7675) stay away this long is told
	// apart from one that only missed a few.
	iceDisconnected = 10 * time.Second
	iceFailed       = 30 * time.Second
	// certificateLife is how long one certificate is used; pion's is valid for
	// a month less a day.
	certificateLife = 7 * 24 * time.Hour
	readBuffer      = 4 << 20
	// tcpProof is how soon a TCP connection must prove whose it is.
	tcpProof = 5 * time.Second
)

// transport is what all peer connections share: the port, the certificate and
// what may be spoken.
type transport struct {
	mux   *ice.UDPMuxDefault
	tcp   ice.TCPMux // nil without
	local netip.AddrPort
	real  netip.AddrPort // local as the system has it, reachable from here
	api   *pion.API

	mu   sync.Mutex
	cert *pion.Certificate // guarded by mu
	made time.Time
}

// openTransport binds the port.
func openTransport(cfg Config) (*transport, error) {
	addr, advertise := cfg.Addr, cfg.Advertise
	host := addr.Addr().Unmap()
	switch {
	case !host.IsValid():
		return nil, sotto.FailField("webrtc", "Give the address of this machine that browsers send audio to.")
	case host.IsUnspecified() && !advertise.IsValid():
		return nil, sotto.FailField("media_advertise", "The address for browsers is any. Give the address that they can reach.")
	}
	network := "udp4"
	if host.Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, addr.Port())))
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, sotto.FailCause(sotto.Invalid, "The address for browsers is not an address of this machine.", err)
	case err != nil:
		return nil, sotto.FailCause(sotto.Busy, "The port for the audio of browsers is in use by another program.", err)
	}
	for size := readBuffer; size >= 1<<16 && conn.SetReadBuffer(size) != nil; size /= 2 {
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	here := netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	if host.IsUnspecified() {
		here = netip.AddrPortFrom(loopbackOf(host), local.Port())
	}
	if advertise.IsValid() {
		local = netip.AddrPortFrom(advertise.Unmap(), local.Port())
	}
	quiet := quietly()
	t := &transport{local: local, real: here}
	t.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: quiet.NewLogger("ice")})
	if cfg.TCP.IsValid() {
		if t.tcp, err = openTCP(cfg.TCP, cfg.MaxBrowsers, quiet); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	if t.api, err = newAPI(t.mux, t.tcp, host, local.Addr(), quiet); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// quietly keeps pion silent: it would log addresses.
func quietly() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
}

// openTCP listens for browsers that reach us over TCP alone (RFC 6544). Who
// does not prove at once to be the browser of a page is let go.
func openTCP(addr netip.AddrPort, most int, quiet logging.LoggerFactory) (ice.TCPMux, error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, sotto.FailCause(sotto.Busy, "The TCP address for browsers is in use, or is not an address of this machine.", err)
	}
	return ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: &bounded{Listener: l, free: make(chan struct{}, most)}, Logger: quiet.NewLogger("ice"), ReadBufferSize: 50,
		WriteBufferSize: 64 << 10, FirstStunBindTimeout: tcpProof, AliveDurationForConnFromStun: tcpProof,
	}), nil
}

func loopbackOf(host netip.Addr) netip.Addr {
	if host.Is6() {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// newAPI says what is spoken and how: G.711 and telephone events, nothing
// rewritten on the way, and only over the one port, or the two with TCP.
func newAPI(mux ice.UDPMux, tcp ice.TCPMux, host, advertise netip.Addr, quiet logging.LoggerFactory) (*pion.API, error) {
	s := pion.SettingEngine{LoggerFactory: quiet}
	s.SetLite(true) // RFC 8445 2.5: our address is known, the browser does the looking
	s.SetICEUDPMux(mux)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(host.IsLoopback())
	s.SetICETimeouts(iceDisconnected, iceFailed, 2*time.Second)
	s.DisableActiveTCP(true)
	over := []pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeTCP4}
	if host.Is6() {
		over = []pion.NetworkType{pion.NetworkTypeUDP6, pion.NetworkTypeTCP6}
	}
	s.SetNetworkTypes(over[:1])
	if tcp != nil {
		s.SetICETCPMux(tcp)
		s.SetNetworkTypes(over)
	}
	if advertise != host {
		if err := s.SetICEAddressRewriteRules(pion.ICEAddressRewriteRule{
			External: []string{advertise.String()}, AsCandidateType: pion.ICECandidateTypeHost, Mode: pion.ICEAddressRewriteReplace,
		}); err != nil {
			return nil, err
		}
	}
	// The browser begins DTLS when its way to us is proved; what claims to be
	// its ClientHello from elsewhere does not reach the handshake.
	if err := s.SetAnsweringDTLSRole(pion.DTLSRoleServer); err != nil {
		return nil, err
	}
	m := &pion.MediaEngine{}
	for _, c := range []pion.RTPCodecParameters{
		{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}, PayloadType: 0},
		{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMA, ClockRate: 8000}, PayloadType: 8},
		{RTPCodecCapability: pion.RTPCodecCapability{MimeType: mimeEvent, ClockRate: 8000}, PayloadType: 101},
	} {
		if err := m.RegisterCodec(c, pion.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	return pion.NewAPI(pion.WithSettingEngine(s), pion.WithMediaEngine(m), pion.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

// mimeEvent is RFC 4733's.
const mimeEvent = "audio/telephone-event"

// newConnection makes a peer connection with the certificate of the week.
func (t *transport) newConnection() (*pion.PeerConnection, error) {
	cert, err := t.certificate(time.Now())
	if err != nil {
		return nil, err
	}
	return t.api.NewPeerConnection(pion.Configuration{Certificates: []pion.Certificate{*cert}})
}

// certificate returns one that is good for weeks: making it is most of the
// work of a new peer connection.
func (t *transport) certificate(now time.Time) (*pion.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cert != nil && now.Sub(t.made) < certificateLife {
		return t.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if t.cert, err = pion.GenerateCertificate(key); err != nil {
		return nil, err
	}
	t.made = now
	return t.cert, nil
}

// close gives the port back, after every peer connection was closed.
func (t *transport) close() error {
	if t.tcp == nil {
		return t.mux.Close()
	}
	return errors.Join(t.mux.Close(), t.tcp.Close())
}
