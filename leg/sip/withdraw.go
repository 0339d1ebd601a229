package sip

import "time"

// withdrawal is a CANCEL that came before the call it ends. judge reads the
// messages of a connection in order and the library handles them side by side,
// so the INVITE may still be on the way to us.
type withdrawal struct {
	at  time.Time
	met bool // the call came, and ended because of it
}

// The library remembers the transaction of an INVITE for withdrawnFor (64*T1,
// RFC 3261 17.2.1), so nobody asks about a withdrawal later.
const (
	withdrawnFor  = 32 * time.Second
	maxWithdrawn  = 1000
	withdrawnWait = holdFor / 5
)

func inviteKey(id, tag, branch string) string { return id + "|" + tag + "|" + branch }

// invitedOrWithdrawn finds the call that an INVITE of this branch began. When
// there is none yet, the call will know that it is withdrawn.
func (e *Endpoint) invitedOrWithdrawn(id, tag, branch string) *Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.invites[id+"|"+tag]; c != nil && c.branch == branch {
		return c
	}
	now := time.Now()
	if len(e.withdrawn) >= maxWithdrawn {
		for k, w := range e.withdrawn {
			if now.Sub(w.at) > withdrawnFor {
				delete(e.withdrawn, k)
			}
		}
	}
	if len(e.withdrawn) < maxWithdrawn {
		e.withdrawn[inviteKey(id, tag, branch)] = &withdrawal{at: now}
	}
	return nil
}

// meet reports whether the call that begins now was withdrawn before it came.
// The caller holds e.mu.
func (e *Endpoint) meet(c *Call) bool {
	w := e.withdrawn[inviteKey(c.id, c.d.remoteTag, c.branch)]
	if w == nil || time.Since(w.at) > withdrawnFor {
		return false
	}
	w.met = true
	return true
}

// wasMet reports whether a call came that this CANCEL ended before it began.
func (e *Endpoint) wasMet(id, tag, branch string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.withdrawn[inviteKey(id, tag, branch)]
	return w != nil && w.met
}
