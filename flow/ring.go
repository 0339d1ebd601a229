package flow

import (
	"context"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/dial"
	"sotto/leg"
	"sotto/queue"
)

// ringOne rings every telephone of one agent until ctx ends; nil and why not
// when none was answered.
func (j *journey) ringOne(ctx context.Context, who agent.Candidate, part call.Part, by sotto.PersonID) (*picked, leg.Cause) {
	kind := call.AgentLeg
	if part == call.Monitoring {
		kind = call.SupervisorLeg
	}
	a, cause := j.ring(ctx, queue.Offer{Candidate: who, Ring: j.f.Times.Offer}, call.Leg{Kind: kind, Part: part, By: by})
	if a != nil {
		j.f.Agents.Talking(who.Person)
	}
	return a, cause
}

// dialOut calls a number outside: there is no other way to one. The grant is
// good for this once.
func (j *journey) dialOut(ctx context.Context, grant dial.Grant) (l leg.Leg, err error) {
	if !j.f.Gate.Use(grant) {
		return nil, sotto.Fail(sotto.Denied, "Nobody allowed this number to be dialled.")
	}
	err = j.guard(func() (err error) {
		l, err = j.f.DialOut(ctx, grant, leg.Caller{Number: j.line.Number})
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}
