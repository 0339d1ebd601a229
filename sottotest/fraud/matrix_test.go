package fraud

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"sotto"
	"sotto/agent"
	"sotto/person"
)

// principal is a kind of somebody who asks for a call. become makes one of a
// member of the staff who has a telephone that rings, and perhaps a call.
type principal struct {
	name   string
	role   sotto.Role
	become func(w *world)
}

func principals() []principal {
	change := func(c person.Change) func(w *world) {
		return func(w *world) { check(w.t, w.d.People.Update(context.Background(), sotto.Operator(), w.who.id, c)) }
	}
	yes, user := true, sotto.EndUser
	return []principal{
		{"agent", sotto.Agent, nil},
		{"administrator", sotto.Admin, nil},
		{"suspended agent", sotto.Agent, change(person.Change{Suspended: &yes})},
		{"end user", sotto.Agent, change(person.Change{Role: &user})},
		{"telephone of a deleted agent", sotto.Agent, func(w *world) {
			check(w.t, w.d.People.SoftDelete(context.Background(), sotto.Operator(), w.who.id))
		}},
		{"anonymous", sotto.Agent, func(w *world) { w.who = nil }},
		{"desk rule", sotto.Agent, func(w *world) { w.who = nil }},
	}
}

// destination is a number as somebody writes it, and the number that is called
// for it where it may be: "" for never.
type destination struct{ name, typed, called string }

func destinations() []destination {
	short := []destination{
		{"ordinary, at home", "0199005678", "+33199005678"},
		{"allowed country", "+32470123456", "+32470123456"},
		{"denied country", "+12015550123", ""},
		{"premium", "+33899123456", ""},
		{"satellite", "+881612345678", ""},
		{"shared cost", "+33820123456", ""},
		{"short code", "3631", ""},
		{"own number", front, ""},
		{"malformed", "+3319900", ""},
		{"emergency", "112", "112"},
	}
	if os.Getenv("SOTTO_FRAUD") == "" {
		return short
	}
	return append(short, []destination{
		{"at home, as written abroad", "0033199005678", "+33199005678"},
		{"voice over IP, at home", "+33970123456", "+33970123456"},
		{"free of charge", "+33800123456", "+33800123456"},
		{"allowed country, with zeros", "0032470123456", "+32470123456"},
		{"denied country, with zeros", "0012015550123", ""},
		{"denied country in the allowed one's zone", "+3905491234567", ""},
		{"premium, as written at home", "0899123456", ""},
		{"premium of the world", "+979123456789", ""},
		{"sea", "+870773123456", ""},
		{"personal number", "+447012345678", ""},
		{"short, in another country help", "911", ""},
		{"two numbers", "+33199005678+33899123456", ""},
		{"help for the deaf", "114", "114"},
	}...)
}

// A number with keys behind it (+33199005678,,899) is not among them: where
// numbers are written down (forwarding, callbacks, lines) it is the number
// without the keys, and elsewhere it is none.

// mayAsk is who may take which path: the columns are agent, administrator,
// suspended agent, end user, telephone of a deleted agent, anonymous, desk
// rule. It is written from the rules, not taken from the code.
const mayAsk = `
click       yes yes no no no no no
ticket      yes yes no no no no no
refer       yes yes no no no no no
redirect    yes yes no no no no no
callback    yes yes no no no no yes
menu        no  no  no no no no yes
overflow    no  no  no no no no yes
forward     yes yes no no no no no
transfer    yes yes no no no no no
conference  yes yes no no no no no
text        yes yes no no no no yes
`

// mayCallForHelp are the paths on which somebody asks in that very moment.
const mayCallForHelp = "click ticket refer transfer conference text"

// want is the numbers the carrier must see for a cell.
func want(path string, who principal, to destination) []string {
	for row := range strings.Lines(mayAsk) {
		f := strings.Fields(row)
		if len(f) == 0 || f[0] != path {
			continue
		}
		i := slices.IndexFunc(principals(), func(p principal) bool { return p.name == who.name })
		asks := f[1+i] == "yes"
		if to.name == "emergency" || to.called == "114" {
			asks = asks && who.name != "desk rule" && slices.Contains(strings.Fields(mayCallForHelp), path)
		}
		if asks && to.called != "" {
			return []string{to.called}
		}
	}
	return nil
}

// when is at which moment a way is tried.
type when string

const (
	talking when = "talking" // the principal is, or was, an agent who talks to a caller
	free    when = "free"    // and does not any more
)

// way is one entrance of a path to the trunk. try goes in and returns when
// nothing more can come of it; also is what the carrier is asked for besides,
// by somebody who may.
type way struct {
	name, path string
	when       when
	who        string // the only principal who has it; "" is all but the desk's rules
	whole      bool   // takes numbers with their country alone
	slow       bool   // goes to a few destinations only
	also       func(p principal) []string
	try        func(w *world, number string) outcome
}

// outcome is what whoever goes in is told.
type outcome string

const (
	untold  outcome = "" // the telephone rings in vain, whatever it is
	asked   outcome = "asked"
	refused outcome = "refused"
)

// fits reports whether a principal has a way to go in.
func (y way) fits(p principal, at when) bool {
	if p.name == "desk rule" || y.who != "" { // a rule is nobody's call
		return y.who == p.name && at == free
	}
	return y.when == at
}

// TestFraudMatrix goes every way as everybody to everywhere.
func TestFraudMatrix(t *testing.T) {
	for _, p := range principals() {
		t.Run(strings.ReplaceAll(p.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, p.role)
			cells := 0
			w.answerCall()
			if p.become != nil {
				p.become(w)
			}
			for _, y := range ways() {
				if y.fits(p, talking) {
					cells += w.all(y, p)
				}
			}
			w.endCall()
			for _, y := range ways() {
				if y.fits(p, free) {
					cells += w.all(y, p)
				}
			}
			if seen, granted := len(w.carrier.numbers()), w.granted(); seen != granted {
				t.Errorf("the carrier was asked %d times, the audit log allows %d", seen, granted)
			}
			t.Logf("%d cells, %d calls", cells, len(w.carrier.numbers()))
		})
	}
}

// all goes one way to everywhere.
func (w *world) all(y way, p principal) (cells int) {
	w.t.Helper()
	for _, to := range destinations() {
		if y.slow && !slices.Contains([]string{"ordinary, at home", "denied country", "premium"}, to.name) {
			continue
		}
		before := len(w.carrier.numbers())
		typed := to.typed
		if y.whole && strings.HasPrefix(to.called, "+") {
			typed = to.called
		}
		told := y.try(w, typed)
		w.settle()
		should := want(y.path, p, to)
		if told != untold && (told == asked) != (len(should) > 0) {
			w.t.Errorf("%s by %s to %s (%s): told %q", y.name, p.name, to.name, to.typed, told)
		}
		if y.also != nil {
			should = append(y.also(p), should...)
		}
		if got := w.carrier.numbers()[before:]; !slices.Equal(got, should) {
			w.t.Errorf("%s by %s to %s (%s): the carrier was asked for %q, want %q", y.name, p.name, to.name, to.typed, got, should)
		}
		cells++
	}
	return cells
}

// answerCall lets the principal answer a caller.
func (w *world) answerCall() {
	w.t.Helper()
	w.owner, w.phone = w.who, w.who.phone
	w.phone.say(answer{status: 200})
	check(w.t, w.d.Agents.SetState(context.Background(), sotto.Operator(), w.who.id, agent.Online))
	w.mine, _ = w.converse(w.who)
	w.own, w.ownCall = <-w.phone.incoming, w.callOf(w.who)
}

// settle waits until whoever talks to a caller talks again and nothing rings:
// no call was harmed.
func (w *world) settle() {
	w.t.Helper()
	w.until("the conversations go on", func() bool {
		if w.own != nil {
			select {
			case w.own = <-w.phone.incoming: // given away in vain, and back from the queue
			default:
			}
			if c := w.callOf(w.owner); c == nil {
				return false
			}
		}
		return w.callOf(w.calm) != nil
	})
}

// endCall lets the principal's caller hang up.
func (w *world) endCall() {
	w.t.Helper()
	w.own = nil
	w.phone.say(answer{status: 486})
	w.mine.bye()
	w.until("the principal's call is over", func() bool { return len(w.d.Calls.Live()) == 1 })
}
