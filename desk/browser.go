package desk

import (
	"cmp"
	"context"
	"net/netip"
	"sync"

	"sotto"
	"sotto/agent"
	"sotto/leg"
	"sotto/leg/sip"
	"sotto/leg/sip/certificate"
	"sotto/leg/webrtc"
)

// dial rings one device of an agent: a telephone, or the page that is open.
func (s *Server) dial(ctx context.Context, device sotto.DeviceID, who leg.Caller) (leg.Leg, error) {
	d, err := s.d.Agents.Device(ctx, device)
	if err != nil {
		return nil, err
	}
	if d.Kind == agent.Browser {
		return s.pages.Dial(ctx, webrtc.Target{Device: device, Caller: who})
	}
	return s.phone.Dial(ctx, sip.Target{Device: device, Caller: who})
}

// presence turns what the pages say into what the agents want to know.
type presence struct {
	agents *agent.Agents
	mu     *sync.Mutex
	gone   map[sotto.DeviceID]func() // guarded by mu
}

func newPresence(agents *agent.Agents) presence {
	return presence{agents, &sync.Mutex{}, map[sotto.DeviceID]func(){}}
}

// note is webrtc.Config.Present.
func (p presence) note(device sotto.DeviceID, here bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := p.gone[device]
	switch {
	case here && gone == nil:
		p.gone[device] = p.agents.Present(device)
	case !here && gone != nil:
		delete(p.gone, device)
		gone()
	}
}

// checkPages finds what browsers could not work with.
func (c Config) checkPages() error {
	_, err := c.pagesAddr()
	_, e2 := addrPort("webrtc_tcp", c.WebRTCTCP)
	_, e3 := addrPort("turn", c.Turn)
	if (c.TurnCert == "") != (c.TurnKey == "") {
		return sotto.FailField("turn_certificate", "To relay over TLS, name the files of a certificate and its key.")
	}
	return cmp.Or(err, e2, e3)
}

// pages is where browsers send their audio, with the relay's certificate.
func (c Config) pages() (w webrtc.Config, err error) {
	if err := c.checkPages(); err != nil {
		return w, err
	}
	w.Origins, w.Turn.Host = c.WebOrigins, c.TurnHost
	w.Addr, _ = c.pagesAddr() // they were checked
	w.TCP, _ = addrPort("webrtc_tcp", c.WebRTCTCP)
	w.Turn.Addr, _ = addrPort("turn", c.Turn)
	if c.TurnCert != "" {
		own, err := certificate.Load(c.TurnCert, c.TurnKey)
		if err != nil {
			return w, err
		}
		w.Turn.TLS = own.Server()
	}
	return w, nil
}

// addrPort reads an address of a setting; "" is none.
func addrPort(setting, value string) (a netip.AddrPort, err error) {
	if value == "" {
		return a, nil
	}
	if a, err = netip.ParseAddrPort(value); err != nil {
		return a, sotto.FailField(setting, "The address in "+setting+" must be an IP address with a port, as 192.0.2.10:443.")
	}
	return a, nil
}
