package flow

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db"
	"sotto/dial"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/line"
	"sotto/recording"
)

// talk is a conversation: who is in it, and who hears whom. The goroutine of
// run owns it; whoever else wants something of it posts a function. What its
// own helpers find out (a leg ended, somebody answered) is posted too.
type talk struct {
	j    *journey
	ctx  context.Context // the caller's
	mix  *media.Mix
	mail chan func()
	done chan struct{} // closed when run has returned: mail is read no more
	work sync.WaitGroup

	// The goroutine of run owns what is below.
	parties []*party // the caller first
	ringing *ringing // who is rung now; nil for nobody
	asked   *party   // whom the agent asks while the caller is on hold; nil for nobody
	paused  bool     // an agent paused the recording
	taped   bool     // the recorder is not paused, as far as we told it
	since   time.Time
	noted   func() // waits until the last end of a pause is written
	over    error

	pauseRow int64 // of the last pause; whoever writes its ends has it, one after the other
}

// place is where a party is in a conversation.
type place string

const (
	talking place = "talking"
	onHold  place = "hold" // hears music, is heard by nobody
	away    place = "away" // only for show: talking, and dropped out for a moment
)

// party is one leg in a conversation.
type party struct {
	leg    leg.Leg
	kind   call.LegKind
	part   call.Part
	person sotto.PersonID // 0 for a caller and a number outside
	key    sotto.KeyID    // what an agent's voice is sealed under
	by     sotto.PersonID
	grant  dial.Grant // of a number outside
	since  time.Time  // since when that costs

	started, answered time.Time

	place  place
	moved  time.Time // since when it is there
	talked time.Duration
	held   time.Duration
	asked  time.Duration // talked while the caller was on hold
	muted  bool
	away   bool          // dropped out for a moment
	told   bool          // its page was told that the caller is on hold
	heard  []*media.Port // whom it hears now
	quiet  func()        // ends its music; nil when it hears none
	limit  *time.Timer   // of a number outside

	watch   call.Watch // of a supervisor
	watchID int64
	target  *party // whose call it is
}

// errBack is the end of a conversation that leaves the caller without anybody:
// back to the head of the queue.
var errBack = errors.New("flow: the caller goes back to the queue")

// talk lets caller and agent talk until either has gone, or both are with
// others; then the others are let go at once, whatever the disk is doing.
func (j *journey) talk(ctx context.Context, a *picked) (err error) {
	t := &talk{
		j: j, ctx: ctx, mix: j.f.Media.NewMix(), mail: make(chan func(), 16), done: make(chan struct{}), taped: true, since: j.f.Clock(),
		noted: func() {},
	}
	t.add(&party{leg: j.caller, kind: call.CallerLeg, started: j.call.StartedAt, answered: j.answered})
	first := &party{
		leg: a.leg, kind: call.AgentLeg, part: a.part, person: a.who.Person, key: a.who.Key, started: a.startedAt, answered: a.answerAt,
		grant: a.grant, since: a.since,
	}
	if a.who.Person == 0 {
		first.kind = call.ExternalLeg
	}
	t.add(first)
	wait, stop := func() {}, func() {}
	defer func() {
		j.f.leave(j.call.ID)
		close(t.done)
		err = errors.Join(err, j.guard(func() error { t.end(); return nil }))
		stop()
		wait()
		t.work.Wait()
	}()
	drain(j.caller.Media())
	t.arrange()
	t.hush(false)
	wait = j.aside("connect", func() error { return j.connected(ctx, first) })
	stop = j.listen(ctx, nil)
	j.f.enter(j.call.ID, t)
	return t.run()
}

// run does what is posted until the conversation is over.
func (t *talk) run() error {
	for t.over == nil {
		select {
		case <-t.ctx.Done():
			return t.callerGone()
		case f := <-t.mail:
			f()
		}
		if t.over == nil && t.ctx.Err() == nil {
			t.arrange()
			t.tape()
		}
	}
	if t.ctx.Err() != nil {
		return t.callerGone()
	}
	return t.over
}

// callerGone is the end by the caller's side; one who hung up on hold had
// enough of it.
func (t *talk) callerGone() error {
	if c := t.caller(); c.leg.Cause() == leg.HungUp && c.place == onHold {
		return call.Because(call.AbandonedOnHold)
	}
	return context.Cause(t.ctx)
}

// post lets the owner do f; false when the conversation is over.
func (t *talk) post(f func()) bool {
	select {
	case t.mail <- f:
		return true
	case <-t.done:
		return false
	}
}

// aside runs f beside the conversation, which waits for it at its end.
func (t *talk) aside(step string, f func() error) {
	wait := t.j.aside(step, f)
	t.work.Go(wait)
}

func (t *talk) caller() *party { return t.parties[0] }

// others are the ones the caller may talk to.
func (t *talk) others() (all []*party) {
	for _, p := range t.parties[1:] {
		if p.kind != call.SupervisorLeg {
			all = append(all, p)
		}
	}
	return all
}

// agents are the agents among them, the first one's call it is.
func (t *talk) agents() []*party {
	return slices.DeleteFunc(t.others(), func(p *party) bool { return p.kind != call.AgentLeg })
}

// add brings a leg in and watches for its end.
func (t *talk) add(p *party) {
	p.place, p.moved = talking, t.j.f.Clock()
	t.parties = append(t.parties, p)
	t.unmute(p)
	t.attend(p)
	if p.kind != call.CallerLeg {
		t.aside("watch", func() error {
			select {
			case <-p.leg.Ended():
				t.post(func() { t.lost(p) })
			case <-t.done:
			}
			return nil
		})
	}
	t.wishes(p)
	if most := p.grant.Max(); most > 0 {
		p.limit = time.AfterFunc(most-p.costing(), func() { t.post(func() { t.timeUp(p) }) })
	}
}

// arrange brings the matrix in line with where everybody is.
func (t *talk) arrange() {
	for _, p := range t.parties {
		var heard []*media.Port
		for _, q := range t.parties {
			if p.hears(q) {
				heard = append(heard, q.leg.Media())
			}
		}
		if !slices.Equal(heard, p.heard) {
			t.mix.Hears(p.leg.Media(), heard...)
			p.heard = heard
		}
		t.music(p)
	}
	t.tellHeld()
}

// hears is the matrix: a listening supervisor hears all and is heard by
// nobody, a whispering one by the agent alone.
func (p *party) hears(q *party) bool {
	if p == q || p.place != talking || q.place != talking || p.away || q.away || q.muted {
		return false
	}
	switch q.watch {
	case call.Listen:
		return false
	case call.Whisper:
		return p == q.target
	}
	return true
}

// music plays to whoever is on hold, and to a caller who is alone for a moment.
func (t *talk) music(p *party) {
	on := p.place == onHold || p == t.caller() && t.alone()
	switch {
	case on && p.quiet == nil:
		p.quiet = t.j.during(t.ctx, "music", func(ctx context.Context) error {
			_ = p.leg.Media().Play(ctx, t.j.sound(ctx, line.Hold).Clip, true) // ends with the hold, or with the leg
			return nil
		})
	case !on && p.quiet != nil:
		p.quiet()
		p.quiet = nil
	}
}

// move brings a party to a place and counts the time at the one before.
func (t *talk) move(p *party, to place) {
	now := t.j.f.Clock()
	spent := max(now.Sub(p.moved), 0)
	p.moved = now
	switch {
	case p.place == onHold:
		p.held += spent
		if p == t.caller() {
			t.figure(agent.Tally{Hold: spent})
		}
	case p == t.asked:
		p.asked += spent
	default:
		p.talked += spent
	}
	if p == t.caller() && p.place != to && to == onHold {
		t.j.call.Count(call.Tally{Holds: 1})
		t.figure(agent.Tally{Holds: 1})
	}
	p.place = to
}

// figure adds to the day of the agent whose call it is, if there is one.
func (t *talk) figure(tally agent.Tally) {
	if all := t.agents(); len(all) > 0 {
		t.j.f.Agents.Count(all[0].person, tally)
	}
}

// lost is what follows when a leg has ended by itself.
func (t *talk) lost(p *party) {
	if !slices.Contains(t.parties, p) {
		return
	}
	cause := p.leg.Cause()
	t.remove(p, leg.Released)
	if p.kind == call.SupervisorLeg || t.over != nil {
		return
	}
	if p == t.asked {
		t.endConsultation()
		return
	}
	if len(t.others()) > 0 {
		t.carryOn()
		return
	}
	if t.ringing != nil && t.ringing.part != call.Conference && cause == leg.HungUp {
		t.ringing.part = call.Transfer // hung up while it rang there: the caller is to go there
		return
	}
	t.over = endOf(p, cause)
}

// endOf says how a conversation ends whose last other party has gone.
func endOf(p *party, cause leg.Cause) error {
	switch {
	case cause == leg.Shutdown:
		return call.Because(call.Shutdown)
	case cause == leg.Fault:
		return call.Because(call.Failed)
	case p.kind == call.ExternalLeg:
		return call.Because(call.ExternalHungUp)
	case cause == leg.HungUp || cause == leg.Released:
		return call.Because(call.AgentHungUp)
	}
	return errBack
}

// carryOn lets those who stay talk: an agent who hangs up while asking
// somebody gives the caller to them.
func (t *talk) carryOn() {
	if t.asked != nil {
		t.give(t.asked)
		return
	}
	t.noAgentLeft()
}

// noAgentLeft ends the recording when the caller is with a number outside
// alone: nobody of the desk hears it, so the desk does not either.
func (t *talk) noAgentLeft() {
	if len(t.agents()) == 0 {
		t.aside("stop", func() error { return t.j.endRecording(recording.NoReason) })
	}
}

// timeUp ends a leg outside whose longest time is over.
func (t *talk) timeUp(p *party) {
	if !slices.Contains(t.parties, p) {
		return
	}
	if p.kind != call.CallerLeg {
		t.remove(p, leg.Released)
		if len(t.others()) > 0 {
			t.carryOn()
			return
		}
		if p.kind == call.AgentLeg { // it was the agent's number that cost: others may take the caller
			t.over = errBack
			return
		}
	}
	t.over = call.Because(call.TimeLimit)
}

// remove takes a party out and notes its part. The caller's is noted by end.
func (t *talk) remove(p *party, cause leg.Cause) {
	t.move(p, p.place)
	if p.limit != nil {
		p.limit.Stop()
	}
	if p.quiet != nil {
		p.quiet()
		p.quiet = nil
	}
	t.mix.Leave(p.leg.Media())
	if p.kind == call.CallerLeg {
		t.j.call.Count(call.Tally{Hold: p.held})
		t.j.callerTimes.Talk, t.j.callerTimes.Hold = t.j.callerTimes.Talk+p.talked, t.j.callerTimes.Hold+p.held
		return
	}
	t.parties = slices.DeleteFunc(t.parties, func(q *party) bool { return p == q })
	t.unwatch(p)
	for _, q := range slices.Clone(t.parties) {
		if q.target == p {
			t.remove(q, leg.Released) // a supervisor leaves with the agent
		}
	}
	t.j.call.Count(call.Tally{Consult: p.asked})
	t.aside("hang up", func() error {
		hangup(p.leg, cause)
		t.j.f.Metrics.Legs.Add(-1)
		t.j.call.AddLeg(p.asLeg(t.j.f.Clock()))
		return t.j.release(p)
	})
}

// release frees who had the leg: an agent for the next call, a right to dial
// for the day's account.
func (j *journey) release(p *party) (err error) {
	ctx := context.Background()
	if p.grant.ID() != 0 {
		err = j.f.Gate.Done(ctx, p.grant, p.costing())
	}
	switch {
	case p.person == 0:
	case p.kind == call.AgentLeg:
		err = errors.Join(err, j.f.DB.Write(ctx, func(tx *db.Tx) error { return j.f.Agents.Talked(tx, p.person) }))
		j.freeAgent(p.person)
	default:
		j.f.Agents.Free(p.person, false)
	}
	return err
}

// costing is how long a number outside has cost money: from its answer, which
// for an agent who was reached there is before the agent took the call.
func (p *party) costing() time.Duration {
	if p.since.IsZero() {
		return time.Since(p.answered)
	}
	return time.Since(p.since)
}

// asLeg is a party's part as it is written.
func (p *party) asLeg(now time.Time) call.Leg {
	return call.Leg{
		Kind: p.kind, Part: p.part, Person: p.person, By: p.by, StartedAt: p.started, AnsweredAt: p.answered, EndedAt: now,
		Cause: p.leg.Cause(), Quality: quality(p.leg), Talk: p.talked, Hold: p.held, Consult: p.asked,
	}
}

// end lets everybody go but the caller, who may go back to the queue.
func (t *talk) end() {
	cause := leg.Released
	if c := t.j.caller.Cause(); c == leg.Shutdown || c == "" && errors.Is(context.Cause(t.ctx), context.Canceled) {
		cause = leg.Shutdown
	}
	if t.ringing != nil {
		t.ringing.cancel()
	}
	if t.paused {
		t.setPaused(false)
		t.notePause(sotto.Desk(), "")
	}
	for _, p := range slices.Backward(slices.Clone(t.parties)) {
		if p.kind == call.CallerLeg || slices.Contains(t.parties, p) {
			t.remove(p, cause)
		}
	}
	t.mix.Close()
	t.hush(true) // whoever waits again is not recorded
}

// connected writes what follows from an agent, or a number outside, being on: the row, the ticket,
// and the recording of both voices. Nobody waits for it to be heard.
func (j *journey) connected(ctx context.Context, p *party) error {
	ctx = context.WithoutCancel(ctx)
	wrote := j.f.Calls.Connect(ctx, j.call, p.person, func(tx *db.Tx) error {
		if j.call.Ticket() != 0 {
			return nil // came back from the queue
		}
		return j.openTicket(tx, p.person)
	})
	return errors.Join(wrote, j.recordAgent(ctx, p))
}
