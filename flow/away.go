package flow

import (
	"context"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/leg"
	"sotto/recording"
)

// attend watches for what a party may do beside talking: drop out and come
// back, as a page does that is reloaded, and press keys that are orders.
func (t *talk) attend(p *party) {
	if l, ok := p.leg.(leg.Absent); ok {
		t.until(p, "away", l.Away(), func(on bool) { t.setAway(p, on) })
	}
	if p.kind == call.AgentLeg {
		t.aside("agent's keys", func() error { return t.readKeys(p) })
	}
}

// until posts what comes from a channel for as long as the party is there.
func (t *talk) until(p *party, step string, from <-chan bool, do func(bool)) {
	t.aside(step, func() error {
		for {
			select {
			case on := <-from:
				t.post(func() { do(on) })
			case <-p.leg.Ended():
				return nil
			case <-t.done:
				return nil
			}
		}
	})
}

// setAway notes that a party has dropped out for a moment, or is back. One who
// does not come back ends its leg.
func (t *talk) setAway(p *party, on bool) {
	if slices.Contains(t.parties, p) {
		p.away = on
	}
}

// alone reports whether the caller talks to nobody since everybody else has
// dropped out.
func (t *talk) alone() bool {
	some := false
	for _, p := range t.others() {
		if p.place == talking {
			if !p.away {
				return false
			}
			some = true
		}
	}
	return some && t.caller().place == talking
}

// tellHeld tells the pages of agents whether the caller is on hold.
func (t *talk) tellHeld() {
	on := t.caller().place == onHold
	for _, p := range t.agents() {
		if l, ok := p.leg.(interface{ SetHeld(bool) }); ok && p.told != on {
			p.told = on
			l.SetHeld(on)
		}
	}
}

// keyWithin is how fast the keys of an order follow each other.
const keyWithin = 3 * time.Second

// readKeys heeds the orders an agent gives by keys, for telephones that have
// no other way: **1 pauses the recording or lets it go on, **9 makes the call
// private. Other keys are the conversation's.
func (t *talk) readKeys(p *party) error {
	last, at := "", time.Time{}
	for {
		select {
		case key, ok := <-p.leg.Media().Digits():
			if !ok {
				return nil
			}
			if time.Since(at) > keyWithin {
				last = ""
			}
			last, at = last[max(0, len(last)-2):]+string(rune(key)), time.Now()
			keys := last // the next key is another order
			t.post(func() { t.heed(p, keys) })
		case <-t.done:
			return nil
		}
	}
}

// heed obeys the keys of an agent who is in the call still.
func (t *talk) heed(p *party, keys string) {
	if !slices.Contains(t.parties, p) {
		return
	}
	by := sotto.Actor{Person: p.person, Role: sotto.Agent}
	var err error
	switch keys {
	case "**1":
		err = t.pause(by, !t.paused)
	case "**9":
		err = t.setPrivate(by)
	}
	if err != nil && sotto.KindOf(err) != sotto.Conflict { // a call that is not recorded needs no pause
		t.j.f.Log.Error("flow: what an agent's keys ask for was not done", "call", int64(t.j.call.ID), "err", err)
	}
}

// setPrivate makes a call one that is nobody's but those in it: what was
// recorded is shredded, and nobody may listen. It cannot be taken back.
func (t *talk) setPrivate(actor sotto.Actor) error {
	t.j.mu.Lock()
	was := t.j.private
	t.j.private, t.j.asked.record = true, false
	t.j.mu.Unlock()
	if was {
		return nil
	}
	if p := t.supervisor(); p != nil {
		t.remove(p, leg.Released)
	}
	t.beep(t.caller(), t.agents())
	t.aside("private", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		stopped := t.j.stopRecording(recording.ConsentWithdrawn)
		if err := t.j.f.DB.Write(ctx, func(tx *db.Tx) error {
			return t.j.f.Audit.Add(tx, actor, audit.Entry{
				Action: audit.Restrict, Source: audit.Call, SourceID: int64(t.j.call.ID), Ticket: t.j.call.Ticket(), Person: t.j.call.Person,
			})
		}); err != nil {
			return err
		}
		return stopped
	})
	return nil
}

// isPrivate reports whether an agent made the call private.
func (j *journey) isPrivate() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.private
}
