package agent

import (
	"context"
	"slices"

	"sotto"
	"sotto/leg/webrtc"
)

// Browser returns the device that rings in the actor's own page, made the
// first time it is asked for. Only staff have one. Present says when it can be
// rung.
func (aa *Agents) Browser(ctx context.Context, actor sotto.Actor) (d Device, err error) {
	defer sotto.Wrap(&err, "agent.Browser(%d)", actor.Person)
	aa.pairing.Lock() // two pages that open at once share one device
	defer aa.pairing.Unlock()
	all, err := aa.Devices(ctx, actor.Person)
	if err != nil {
		return d, err
	}
	if i := slices.IndexFunc(all, func(d Device) bool { return d.Kind == Browser }); i >= 0 {
		return all[i], nil
	}
	return aa.AddBrowser(ctx, actor, actor.Person)
}

// AttachPages lets a device that is taken away, or whose agent may not work
// here any more, close its page. Call it once, when the endpoint is open.
func (aa *Agents) AttachPages(pages *webrtc.Endpoint) {
	aa.mu.Lock()
	defer aa.mu.Unlock()
	aa.pages = pages
}
