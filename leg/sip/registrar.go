package sip

import (
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"sotto"
	"sotto/leg/sip/message"
)

// maxContacts is how many telephones may register for one device.
const maxContacts = 8

// Contact is one telephone that is registered.
type Contact struct {
	URI     string         // as the telephone wrote it
	From    netip.AddrPort // where it registered from, and where its calls go
	TCP     bool           // over a connection of any kind, which does not outlive us
	TLS     bool           // over TLS
	CallID  string
	Seq     uint32
	Expires time.Time
}

// registrar keeps the telephones' contacts (RFC 3261 10.3).
type registrar struct {
	e *Endpoint

	change sync.Mutex // one REGISTER at a time is stored

	mu      sync.RWMutex
	devices map[sotto.DeviceID][]Contact
	hosts   map[netip.Addr]time.Time // until when there is a contact at a host
	callers map[netip.Addr]time.Time // hosts of telephones that called without registering
}

func newRegistrar(e *Endpoint) *registrar {
	return &registrar{e: e, devices: make(map[sotto.DeviceID][]Contact), hosts: make(map[netip.Addr]time.Time),
		callers: make(map[netip.Addr]time.Time)}
}

// knows reports whether a telephone has registered from a.
func (r *registrar) knows(a netip.Addr) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	until, registered := r.hosts[a]
	called, vouched := r.callers[a]
	if !registered && !vouched {
		return false
	}
	now := r.e.cfg.Clock()
	return now.Before(until) || now.Before(called)
}

// vouch remembers the host of a telephone that has given a password to call,
// for as long as a registration would last.
func (r *registrar) vouch(a netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.e.cfg.Clock()
	for h, until := range r.callers {
		if now.After(until) {
			delete(r.callers, h)
		}
	}
	r.callers[a] = now.Add(r.e.cfg.Timers.MaxExpires)
}

// Contacts returns the telephones that are registered for a device now.
func (e *Endpoint) Contacts(device sotto.DeviceID) []Contact {
	e.reg.mu.RLock()
	defer e.reg.mu.RUnlock()
	now := e.cfg.Clock()
	var l []Contact
	for _, b := range e.reg.devices[device] {
		if b.Expires.After(now) {
			l = append(l, b)
		}
	}
	return l
}

// Restore gives back the contacts of a device that were stored before a
// restart. Those over TCP are lost with their connection.
func (e *Endpoint) Restore(device sotto.DeviceID, contacts []Contact) {
	var l []Contact
	for _, c := range contacts {
		if !c.TCP {
			l = append(l, c)
		}
	}
	e.reg.put(device, l)
}

// Forget ends every registration of a device: it was removed or its password
// changed.
func (e *Endpoint) Forget(device sotto.DeviceID) { e.reg.put(device, nil) }

// put replaces the contacts of a device.
func (r *registrar) put(device sotto.DeviceID, l []Contact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.devices, device)
	if len(l) > 0 {
		r.devices[device] = l
	}
	clear(r.hosts)
	for _, l := range r.devices {
		for _, c := range l {
			if a := c.From.Addr(); c.Expires.After(r.hosts[a]) {
				r.hosts[a] = c.Expires
			}
		}
	}
}

// branches are the places to ring for a device: where each telephone
// registered from, so a call never goes where a Contact merely points.
func (r *registrar) branches(device sotto.DeviceID) []branch {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.e.cfg.Clock()
	var l []branch
	for _, b := range r.devices[device] {
		if b.Expires.After(now) && r.e.reachable(b) {
			l = append(l, branch{uri: b.URI, to: hop{b.From, b.TCP, b.TLS}, fixed: true})
		}
	}
	return l
}

// reachable reports whether a call to c can come about: one that may only be
// encrypted needs TLS, and one over a WebSocket its connection, which nobody
// but the telephone can open (RFC 7118 5).
func (e *Endpoint) reachable(c Contact) bool {
	if e.cfg.SecurePhones && !c.TLS {
		return false
	}
	u, err := message.ParseURI(c.URI)
	if err != nil {
		return false
	}
	way, _ := u.Param("transport")
	if way = strings.ToLower(way); way != "ws" && way != "wss" && !strings.HasSuffix(strings.ToLower(u.Host), ".invalid") {
		return true
	}
	return e.streamAt(hop{c.From, c.TCP, c.TLS}) != nil
}

// register carries out a REGISTER whose sender gave the device's password
// (RFC 3261 10.3). It runs on a goroutine of its own.
func (r *registrar) register(req *sip.Request, tx *sip.ServerTx, c Credentials) {
	reply := func(status int, lines ...string) { respond(req, tx, status, newTag(), nil, lines...) }
	r.change.Lock()
	defer r.change.Unlock()
	now := r.e.cfg.Clock()
	l, status, changed := r.merge(req, c.Device, now)
	if status != 200 {
		var lines []string
		if status == 423 {
			lines = append(lines, "Min-Expires: "+strconv.Itoa(int(r.e.cfg.Timers.MinExpires/time.Second)))
		}
		reply(status, lines...)
		return
	}
	if changed {
		if err := r.e.cfg.Phones.Registered(r.e.ctx, c.Device, slices.Clone(l)); err != nil {
			if r.e.ctx.Err() != nil {
				reply(503) // we are closing, which is no fault
				return
			}
			r.e.log.Error("sip: registration not stored", "device", int64(c.Device), "err", err)
			reply(500)
			return
		}
		r.put(c.Device, l)
	}
	lines := []string{"Date: " + now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}
	for _, b := range l {
		left := int(b.Expires.Sub(now).Round(time.Second) / time.Second)
		lines = append(lines, "Contact: <"+b.URI+">;expires="+strconv.Itoa(left))
	}
	reply(200, lines...)
}

// merge applies the Contact fields of m to the bindings there are; nothing is
// changed unless all of it can be (RFC 3261 10.3 step 7).
func (r *registrar) merge(req *sip.Request, device sotto.DeviceID, now time.Time) (l []Contact, status int, changed bool) {
	r.mu.RLock()
	for _, b := range r.devices[device] {
		if b.Expires.After(now) {
			l = append(l, b)
		} else {
			changed = true
		}
	}
	r.mu.RUnlock()
	wanted := list(req, "contact")
	if len(wanted) == 0 {
		return l, 200, changed // a question
	}
	if wanted[0] == "*" {
		n, ok := seconds(req, "expires")
		if len(wanted) != 1 || !ok || n != 0 {
			return nil, 400, false
		}
		for _, b := range l {
			if b.CallID == get(req, "call-id") && b.Seq >= req.CSeq().SeqNo {
				return nil, 500, false
			}
		}
		return nil, 200, true
	}
	for _, v := range wanted {
		a, err := message.ParseAddress(v)
		if err != nil {
			return nil, 400, false
		}
		u, err := message.ParseURI(a.URI)
		if err != nil || u.Scheme != "sip" && (u.Scheme != "sips" || !source(req).tls) || strings.Contains(a.URI, "?") {
			return nil, 400, false
		}
		life, status := r.life(req, a)
		if status != 200 {
			return nil, status, false
		}
		if l, status = bind(l, req, a.URI, life, now); status != 200 {
			return nil, status, false
		}
	}
	sort.Slice(l, func(i, j int) bool { return l[i].URI < l[j].URI })
	return l, 200, true
}

// life is how long a contact is registered: what it asks for, within our
// bounds (RFC 3261 10.3 step 7).
func (r *registrar) life(req *sip.Request, a message.Address) (time.Duration, int) {
	t := &r.e.cfg.Timers
	life := t.MaxExpires
	asked, ok := 0, false
	if v, has := a.Param("expires"); has {
		if n, err := strconv.ParseUint(v, 10, 31); err == nil {
			asked, ok = int(n), true
		}
	} else {
		asked, ok = seconds(req, "expires")
	}
	if ok {
		life = time.Duration(asked) * time.Second
	}
	if life > 0 && life < t.MinExpires {
		return 0, 423
	}
	return min(life, t.MaxExpires), 200
}

// bind adds, refreshes or removes one contact.
func bind(l []Contact, req *sip.Request, uri string, life time.Duration, now time.Time) ([]Contact, int) {
	h := source(req)
	b := Contact{
		URI: uri, From: h.addr, TCP: h.tcp, TLS: h.tls, CallID: get(req, "call-id"),
		Seq: req.CSeq().SeqNo, Expires: now.Add(life),
	}
	for i := range l {
		if l[i].URI != uri {
			continue
		}
		if l[i].CallID == b.CallID && l[i].Seq >= b.Seq {
			return nil, 500 // an old REGISTER comes late
		}
		if life == 0 {
			return append(l[:i:i], l[i+1:]...), 200
		}
		l[i] = b
		return l, 200
	}
	if life == 0 {
		return l, 200
	}
	if len(l) == maxContacts {
		return nil, 403
	}
	return append(l, b), 200
}
