package desk

import (
	"context"
	"sync"

	"sotto"
	"sotto/agent"
	"sotto/leg"
	"sotto/leg/sip"
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
