// Package flow is the journey of a call on two pages: Inbound and Outbound. A
// call arrives → line → menu → consent → queue → agent → recording → ticket; a
// call is made → line → gate → agent → the number → consent → recording → ticket.
//
// It owns no table and holds no rules, only the order; each step is one call
// into the package of that name. The files beside the two pages are the steps
// that take more than one line. leg/sip gives it each call; cmd makes it, and
// waits for it before it stops what calls stand on.
package flow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/locales"
	"sotto/obs"
	"sotto/person"
	"sotto/queue"
	"sotto/recording"
	"sotto/route"
	"sotto/thread"
	"sotto/ticket"
)

// Config is what calls need on their way. All fields up to Media are needed;
// the others work at zero.
type Config struct {
	DB         *db.DB
	People     *person.People
	Lines      *line.Lines
	Menus      *route.Menus
	Calls      *call.Calls
	Agents     *agent.Agents
	Queue      *queue.Queue
	Recordings *recording.Recordings
	Tickets    *ticket.Tickets
	Clock      sotto.Clock
	// Dial rings one telephone of an agent and returns when it is answered, or
	// with an error that has a cause (leg.CauseOf). who is what the agent sees.
	// When ctx ends it must give up.
	Dial func(ctx context.Context, device sotto.DeviceID, who leg.Caller) (leg.Leg, error)
	// DialOut calls the number of a grant through a trunk, as Dial does;
	// secure lets nobody on the way listen (leg.Guarded).
	DialOut func(ctx context.Context, grant dial.Grant, who leg.Caller, secure bool) (leg.Leg, error)
	Gate    *dial.Gate
	Audit   *audit.Log
	Media   *media.Engine // of every leg's audio

	Threads *thread.Threads // nil: no caller is texted
	Log     *slog.Logger
	Metrics obs.Metrics
	Times   Times
}

// Times are how long the steps of a call take. A zero field has the given
// value.
type Times struct {
	Key     time.Duration // for key 3 after the notice has ended: 4 s
	Bounce  time.Duration // in which key 3 pressed again is the same press: 1 s
	Message time.Duration // the longest voice message: 5 min
	Silence time.Duration // that ends a voice message: 8 s
	Spoken  time.Duration // of sound that makes a voice message: 500 ms
	Finish  time.Duration // for bringing a recording to the disk: 30 s
	Comfort time.Duration // of music between what a waiting caller is told: 24 s
	Offer   time.Duration // for ringing whom an agent asks, adds or gives a call to: 30 s
	Answer  time.Duration // for ringing a number outside: 60 s
}

func (t *Times) fill() {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{
		{&t.Key, 4 * time.Second}, {&t.Bounce, time.Second}, {&t.Message, 5 * time.Minute}, {&t.Silence, 8 * time.Second},
		{&t.Spoken, 500 * time.Millisecond}, {&t.Finish, 30 * time.Second}, {&t.Offer, 30 * time.Second}, {&t.Comfort, 24 * time.Second}, {&t.Answer, time.Minute},
	} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
}

// Flow leads calls. Its methods may be called from any goroutine.
type Flow struct {
	Config
	words *locales.Texts

	mu      sync.Mutex
	running int                    // calls in Accept; guarded by mu
	over    *sync.Cond             // one of them has ended
	talks   map[sotto.CallID]*talk // where somebody talks; guarded by mu
	made    map[sotto.CallID]made  // calls of the desk's in which nobody talks yet; guarded by mu
}

// New returns a flow. It fails only when the binary was built from broken
// texts.
func New(cfg Config) (*Flow, error) {
	words, err := locales.Load()
	if err != nil {
		return nil, err
	}
	cfg.Times.fill()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Flow{Config: cfg, words: words, talks: map[sotto.CallID]*talk{}, made: map[sotto.CallID]made{}}
	f.over = sync.NewCond(&f.mu)
	f.Agents.TellWrapUps(f.Calls.WrapUp)
	return f, nil
}

// Accept takes an incoming call and returns when it is over: it is what
// sip.Config.Accept wants. This is the one place that logs why a call failed.
func (f *Flow) Accept(ctx context.Context, l leg.Leg) {
	f.count(1)
	defer f.count(-1)
	if err := f.Inbound(ctx, l); err != nil {
		f.Log.Error("flow: a call did not go as it should", "err", err, "stack", stackOf(err))
	}
}

func (f *Flow) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += n
	f.over.Broadcast()
}

// Wait returns when no call is under way. Call it when no more come in: after
// the endpoint was closed, before recordings and database are.
func (f *Flow) Wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.running > 0 {
		f.over.Wait()
	}
}

// Live returns how many calls are under way.
func (f *Flow) Live() int { return len(f.Calls.Live()) }

// Recover ends the calls that a stop without warning cut off and writes on
// their tickets what became of them, so that nobody who called is forgotten.
// Call it once, before the first call.
func (f *Flow) Recover(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "flow.Recover")
	_, err = f.Calls.Recover(ctx, func(tx *db.Tx, r call.Record) error {
		if r.Line == 0 || r.Person == 0 && r.Key == 0 {
			return nil
		}
		l, err := f.Lines.Load(tx, r.Line)
		if err != nil {
			return err
		}
		return unlessErased(f.fileTicket(tx, caseOfRecord(l, r)))
	})
	return err
}
