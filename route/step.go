package route

import (
	"time"
)

// maxSteps is after how many events a call leaves the menus whatever it does:
// nobody is kept in them for ever, however they are laid out.
const maxSteps = 100

// EventKind is what happened to a caller in a menu.
type EventKind uint8

// The events.
const (
	_       EventKind = iota
	Entered           // the call comes to the menus
	Key               // the caller pressed a key, during the greeting or after it
	Said              // the greeting was heard to its end
	Waited            // no key came in time
)

// Event is what happened, and for Key which key. It is never logged or kept.
type Event struct {
	Kind EventKind
	Key  byte
}

// State is where a call is in a plan. The zero State is before Entered; only
// Locale is set by the caller of Step.
type State struct {
	Menu   int64  // where the caller is; 0 before Entered
	Locale string // the language the caller hears
	Said   int    // how often this menu's greeting began
	Steps  int    // events so far
}

// DoKind is what is to be done next.
type DoKind uint8

// What can be done.
const (
	_     DoKind = iota
	Say          // say that the key was wrong if Wrong, then Greeting; a key stops it
	Await        // wait for a key for at most Patience
	Leave        // leave the menus by Route
)

// Do is what is to be done next, and what was done with the event.
type Do struct {
	Kind     DoKind
	Greeting int64 // Say: which sound, 0 for none
	Wrong    bool  // Say: the caller pressed a key that leads nowhere
	Patience time.Duration
	// Route is the way out; the zero Route when no key led anywhere, and the
	// call goes where it would have gone without menus.
	Route Route
	// From is the menu the event happened in, and Took what it came to there:
	// an action, TookInvalid or TookNothing; "" when it came to nothing yet.
	From int64
	Took string
}

// What a step is noted as when no way was taken.
const (
	TookInvalid   = "invalid"   // a wrong key
	TookNothing   = "none"      // no key in time
	TookAbandoned = "abandoned" // the caller hung up; package flow notes it
)

// Step returns where a call is after an event and what is to be done. It is
// pure: it reads nothing but its arguments. After at most 100 events the
// answer is Leave, and so it is in a plan that has nowhere to be.
func (p Plan) Step(s State, e Event) (State, Do) {
	s.Steps++
	if e.Kind == Entered {
		m, ok := p.First()
		if !ok {
			return s, Do{Kind: Leave}
		}
		return enter(s, m, Do{})
	}
	m, ok := p.Menu(s.Menu)
	if !ok || s.Steps > maxSteps {
		return s, Do{Kind: Leave, From: s.Menu}
	}
	switch e.Kind {
	case Said:
		return s, Do{Kind: Await, Patience: time.Duration(m.KeySeconds) * time.Second, From: m.ID}
	case Key:
		if r, ok := m.route(string(e.Key)); ok && isKey(r.Keypress) {
			return p.take(s, m, r, Do{From: m.ID, Took: string(r.Action)})
		}
		return p.again(s, m, Invalid, Do{From: m.ID, Took: TookInvalid, Wrong: true})
	case Waited:
		return p.again(s, m, NoKey, Do{From: m.ID, Took: TookNothing})
	}
	return s, Do{Kind: Leave, From: m.ID}
}

// take goes the way of a route.
func (p Plan) take(s State, m Menu, r Route, did Do) (State, Do) {
	to := m
	switch r.Action {
	case Repeat:
	case ToMenu:
		to, _ = p.Menu(r.Options.MenuID)
	case ToLanguage:
		s.Locale = r.Options.Locale
		if id := r.Options.MenuID; id != 0 {
			to, _ = p.Menu(id)
		}
	default:
		did.Kind, did.Route = Leave, r
		return s, did
	}
	if to.ID == 0 { // a menu that is not there: the check does not let it be published
		did.Kind = Leave
		return s, did
	}
	return enter(s, to, did)
}

// again says the greeting once more, or takes the way out when the repeats are
// used up.
func (p Plan) again(s State, m Menu, key string, did Do) (State, Do) {
	if s.Said <= m.Repeats {
		return enter(s, m, did)
	}
	did.Wrong = false
	if r, ok := m.fallback(key); ok {
		did.Took = string(r.Action)
		return p.take(s, m, r, did)
	}
	did.Kind = Leave
	return s, did
}

// fallback is the way of a caller whose repeats are used up: that of key,
// Invalid or NoKey, or else that of the other.
func (m Menu) fallback(key string) (Route, bool) {
	for _, k := range []string{key, Invalid, NoKey} {
		if r, ok := m.route(k); ok && r.Action != Repeat {
			return r, true
		}
	}
	return Route{}, false
}

// enter begins the greeting of a menu. Coming back to the menu one is in
// counts on, so that silence ends; any other menu begins anew.
func enter(s State, m Menu, did Do) (State, Do) {
	if s.Menu != m.ID {
		s.Menu, s.Said = m.ID, 0
	}
	s.Said++
	did.Kind, did.Greeting = Say, m.Greeting(s.Locale)
	return s, did
}
