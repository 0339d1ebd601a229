package flow_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/audit"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/flow"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/line"
	"sotto/recording"
)

// conversation is a caller and an agent who hear each other.
type conversation struct {
	*desk
	t      *testing.T
	caller *legtest.Party
	agent  *legtest.Party
	worker *worker
	call   *call.Call
	over   chan struct{}
}

// Each party hums a tone of its own.
const (
	callerHz, agentHz, otherHz, bossHz = 440, 1000, 1350, 620
)

func converse(t *testing.T) *conversation {
	t.Helper()
	d := newDesk(t, dbtest.SQLite(t))
	d.set(t, func(s *line.Settings) { s.Consent = line.Always })
	c := &conversation{desk: d, t: t, worker: d.hire(t, nil)}
	c.caller, c.over = d.call(t, leg.Caller{Number: camille}, front)
	c.caller.Hum(callerHz)
	c.agent = c.worker.answer(t)
	c.agent.Hum(agentHz)
	c.call = d.in(t, call.Connected)
	eventually(t, "both hear each other", func() bool { return c.caller.Hears(agentHz) && c.agent.Hears(callerHz) })
	return c
}

// do orders something as the agent.
func (c *conversation) do(cmd flow.Command) {
	c.t.Helper()
	check(c.t, c.flow.Command(context.Background(), sotto.Actor{Person: c.worker.id, Role: sotto.Agent}, c.call.ID, cmd))
}

// hear waits until p hears exactly these of the tones, in 300 ms that begin
// after it was asked.
func (c *conversation) hear(p *legtest.Party, what string, tones ...float64) {
	c.t.Helper()
	eventually(c.t, what, func() bool {
		p.Forget()
		<-time.After(300 * time.Millisecond)
		pcm := p.Heard()
		if len(tones) > 0 && len(pcm) < 1600 {
			return false
		}
		for _, hz := range []float64{callerHz, agentHz, otherHz, bossHz} {
			if toneIn(pcm, hz) != slices.Contains(tones, hz) {
				return false
			}
		}
		return true
	})
}

// toneIn reports whether a tone is a good part of the sound.
func toneIn(pcm []int16, hz float64) bool {
	const faint = 32767.0 * 32767.0 / 10000
	power := mediatest.Goertzel(pcm, media.SampleRate, hz)
	return power > faint && power > mediatest.Power(pcm)/5
}

// end lets the caller hang up and returns the legs.
func (c *conversation) end() (call.Record, []call.Leg) {
	c.t.Helper()
	c.caller.HangUp(leg.HungUp)
	done(c.t, c.over)
	r := c.record(c.t)
	legs, err := c.calls.Legs(context.Background(), r.ID)
	check(c.t, err)
	return r, legs
}

// another is a second agent who hums and answers at once.
func (c *conversation) another(hz float64) (*worker, func() *legtest.Party) {
	c.t.Helper()
	w := c.hire(c.t, nil)
	return w, func() *legtest.Party {
		c.t.Helper()
		p := w.answer(c.t)
		p.Hum(hz)
		return p
	}
}

func TestCallerOnHoldHearsMusicAndNobodyHearsTheCaller(t *testing.T) {
	t.Parallel()
	c := converse(t)
	c.do(flow.Command{Do: flow.Hold})
	c.hear(c.agent, "the agent hears nobody")
	c.hear(c.caller, "the caller hears nobody")
	eventually(t, "music", func() bool { return loudness(c.caller.Heard()) > 500 })
	c.do(flow.Command{Do: flow.Resume})
	c.hear(c.caller, "the caller is back", agentHz)
	c.hear(c.agent, "the agent hears the caller", callerHz)
	c.do(flow.Command{Do: flow.Mute})
	c.hear(c.caller, "nobody hears the agent")
	c.do(flow.Command{Do: flow.Unmute})
	c.hear(c.caller, "the agent is heard again", agentHz)
	r, legs := c.end()
	if r.Reason != call.CallerHungUp || r.Holds != 1 || r.Hold <= 0 || r.Hold > time.Minute {
		t.Errorf("%+v", r)
	}
	if i := slices.IndexFunc(legs, func(l call.Leg) bool { return l.Kind == call.CallerLeg }); legs[i].Hold <= 0 || legs[i].Talk <= 0 {
		t.Errorf("legs: %+v", legs)
	}
}

func TestCallerWhoHangsUpOnHoldIsToldApart(t *testing.T) {
	t.Parallel()
	c := converse(t)
	c.do(flow.Command{Do: flow.Hold})
	if r, _ := c.end(); r.Reason != call.AbandonedOnHold {
		t.Errorf("%s", r.Reason)
	}
}

func TestWarmTransferAsksFirstAndThenGivesTheCall(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w, answer := c.another(otherHz)
	c.do(flow.Command{Do: flow.Consult, Agent: w.id})
	other := answer()
	c.hear(c.agent, "the agents hear each other", otherHz)
	c.hear(other, "the agents hear each other", agentHz)
	c.hear(c.caller, "the caller waits")
	c.do(flow.Command{Do: flow.Swap})
	c.hear(c.agent, "the agent is with the caller", callerHz)
	c.hear(other, "the other waits")
	c.do(flow.Command{Do: flow.Swap})
	c.hear(c.agent, "and back", otherHz)
	c.do(flow.Command{Do: flow.Transfer})
	c.agent.Gone(t)
	c.hear(c.caller, "the caller hears the other", otherHz)
	c.hear(other, "the other hears the caller", callerHz)
	eventually(t, "it is the other's call", func() bool { return c.call.Agent() == w.id })
	r, legs := c.end()
	if r.Agent != w.id || r.Consult <= 0 || r.Reason != call.CallerHungUp {
		t.Errorf("%+v", r)
	}
	if !slices.ContainsFunc(legs, func(l call.Leg) bool {
		return l.Person == w.id && l.Part == call.Consultation && l.By == c.worker.id && l.Consult > 0 && l.Talk > 0
	}) {
		t.Errorf("legs: %+v", legs)
	}
}

func TestConferenceOfThreeGoesOnWhenOneLeaves(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w, answer := c.another(otherHz)
	c.do(flow.Command{Do: flow.Consult, Agent: w.id})
	other := answer()
	c.hear(c.agent, "asked", otherHz)
	c.do(flow.Command{Do: flow.Merge})
	c.hear(c.caller, "the caller hears both", agentHz, otherHz)
	c.hear(c.agent, "the agent hears both", callerHz, otherHz)
	c.hear(other, "the other hears both", callerHz, agentHz)
	c.do(flow.Command{Do: flow.Leave})
	c.agent.Gone(t)
	c.hear(c.caller, "the other stays", otherHz)
	if r, _ := c.end(); r.Agent != w.id {
		t.Errorf("%+v", r)
	}
}

func TestCallGivenUnaskedComesBackWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	c := converse(t)
	gone := c.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.Rejected} })
	c.do(flow.Command{Do: flow.Transfer, Agent: gone.id})
	c.agent.Gone(t)
	again := c.worker.answer(t)
	again.Hum(otherHz)
	c.hear(c.caller, "the first agent has the caller back", otherHz)
	r, legs := c.end()
	if r.Reason != call.CallerHungUp || c.count(t, "SELECT COUNT(*) FROM ticket") != 1 {
		t.Errorf("%+v", r)
	}
	if !slices.ContainsFunc(legs, func(l call.Leg) bool {
		return l.Person == gone.id && l.Part == call.Transfer && l.Cause == leg.Rejected
	}) {
		t.Errorf("legs: %+v", legs)
	}
}

func TestAgentWhoseTelephoneDiesLeavesTheCallerAtTheHeadOfTheQueue(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w, answer := c.another(otherHz)
	check(t, c.agents.SetState(context.Background(), admin, c.worker.id, agent.Away)) // so that it is not rung again
	c.agent.HangUp(leg.MediaLost)
	answer()
	c.hear(c.caller, "another agent takes the call", otherHz)
	if r, _ := c.end(); r.Reason != call.CallerHungUp || r.Agent != w.id || c.count(t, "SELECT COUNT(*) FROM ticket") != 1 {
		t.Errorf("%+v", r)
	}
}

func TestTransferOutsideGoesThroughTheGateAndEndsTheRecording(t *testing.T) {
	t.Parallel()
	c := converse(t)
	out := make(chan *legtest.Party, 1)
	c.mu.Lock()
	c.trunk = func(_ context.Context, number string) (leg.Leg, error) {
		if number != "+33199009999" {
			t.Errorf("the trunk was asked for another number")
		}
		p := legtest.Take(t, c.engine)
		out <- p
		return p, nil
	}
	c.mu.Unlock()
	ctx, me := context.Background(), sotto.Actor{Person: c.worker.id, Role: sotto.Agent}
	for _, number := range []string{"+12015550123", "+881612345678", front, "junk"} {
		if err := c.flow.Command(ctx, me, c.call.ID, flow.Command{Do: flow.Transfer, Number: number}); err == nil {
			t.Fatal("a number that may not be dialled was")
		}
	}
	c.do(flow.Command{Do: flow.Transfer, Number: "01 99 00 99 99"})
	far := <-out
	far.Hum(otherHz)
	c.agent.Gone(t)
	c.hear(c.caller, "the number outside has the caller", otherHz)
	c.hear(far, "and hears the caller", callerHz)
	eventually(t, "the recording has ended", func() bool {
		all, err := c.recordings.ByCall(ctx, admin, c.call.ID)
		check(t, err)
		return len(all) == 1 && all[0].State == recording.Durable
	})
	far.HangUp(leg.HungUp)
	done(t, c.over)
	if r := c.record(t); r.Reason != call.ExternalHungUp {
		t.Errorf("%+v", r)
	}
	if u, err := c.gate.Used(ctx, c.worker.id); err != nil || u.Calls != 0 || u.Seconds == 0 || u.Seconds > 60 {
		t.Errorf("the account of the day: %+v, %v", u, err)
	}
}

func TestPauseLeavesSilenceInTheRecordingExactlyThere(t *testing.T) {
	t.Parallel()
	c := converse(t)
	eventually(t, "it is recorded", func() bool { return c.bytesOnDisk(t) > 2*8000 })
	c.do(flow.Command{Do: flow.PauseRecording})
	c.caller.Hum(700)
	c.agent.Hum(1700)
	eventually(t, "both said something in the pause", func() bool { return c.caller.Hears(1700) && c.agent.Hears(700) })
	<-time.After(500 * time.Millisecond)
	c.caller.Hum(callerHz)
	c.agent.Hum(agentHz)
	c.hear(c.caller, "the pause is over", agentHz)
	c.hear(c.agent, "the pause is over", callerHz)
	c.do(flow.Command{Do: flow.ResumeRecording})
	<-time.After(time.Second)
	r, _ := c.end()
	if r.Pauses != 1 || r.Paused < 500*time.Millisecond {
		t.Errorf("%+v", r)
	}
	all, err := c.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	for i, pcm := range c.sound(t, all[0].ID) {
		quiet := 0
		for n := 0; n+160 <= len(pcm); n += 160 {
			if loudness(pcm[n:n+160]) == 0 {
				quiet++
			}
			if toneIn(pcm[n:n+160], []float64{700, 1700}[i]) {
				t.Fatalf("voice %d: what was said in the pause is in the recording", i)
			}
		}
		if quiet < 25 || quiet*20 > int(r.Paused.Milliseconds())+1500 {
			t.Errorf("voice %d: %d ms of silence for a pause of %v", i, quiet*20, r.Paused)
		}
	}
	pauses := all[0].Pauses
	if len(pauses) != 1 || pauses[0].By != c.worker.id || pauses[0].EndedAt.Sub(pauses[0].StartedAt).Round(20*time.Millisecond) != r.Paused.Round(20*time.Millisecond) {
		t.Errorf("the pauses of the recording: %+v; the call was paused for %v", pauses, r.Paused)
	}
	list, _, err := audit.New(c.db).List(context.Background(), admin, audit.Filter{Actions: []audit.Action{audit.Pause, audit.Resume}})
	if err != nil || len(list) != 2 {
		t.Errorf("the audit log has %d entries of the pause: %v", len(list), err)
	}
}

func TestPauseThatNobodyEndedEndsWithTheCall(t *testing.T) {
	t.Parallel()
	c := converse(t)
	eventually(t, "it is recorded", func() bool { return c.bytesOnDisk(t) > 8000 })
	c.do(flow.Command{Do: flow.PauseRecording})
	c.caller.Press('7')
	c.caller.Dial("4711")
	eventually(t, "the keys are pressed", c.caller.Said)
	<-time.After(200 * time.Millisecond)
	if c.agent.HeardKeys() != "" || keysIn(c.agent.Heard()) != "" {
		t.Error("the agent hears a key that was pressed in a pause")
	}
	r, _ := c.end()
	all, err := c.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	if p := all[0].Pauses; len(p) != 1 || p[0].EndedAt.IsZero() || r.Paused < 200*time.Millisecond {
		t.Errorf("pauses %+v; %v", p, r.Paused)
	}
}

// keysIn is every key whose tones can be made out in 25 ms of the sound.
func keysIn(pcm []int16) string {
	low, high := [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633}
	best := func(w []int16, tones [4]float64) (at int, most float64) {
		for i, hz := range tones {
			if p := mediatest.Goertzel(w, media.SampleRate, hz); p > most {
				at, most = i, p
			}
		}
		return at, most
	}
	var found []byte
	for i := 0; i+200 <= len(pcm); i += 40 {
		w := pcm[i : i+200]
		l, a := best(w, low)
		h, b := best(w, high)
		if all := mediatest.Power(w); all > 150*150 && a+b > all/2 && a < 20*b && b < 20*a {
			found = append(found, "123A456B789C*0#D"[4*l+h])
		}
	}
	return string(found)
}

func TestNoKeyPressedInACallCanBeDecodedFromWhatIsStored(t *testing.T) {
	t.Parallel()
	c := converse(t)
	eventually(t, "it is recorded", func() bool { return c.bytesOnDisk(t) > 8000 })
	const all = "123A456B789C*0#D"
	c.caller.Dial(all)
	c.agent.Dial("D#0*C987B654A321")
	for _, k := range []byte(all) {
		c.caller.Press(k)
	}
	eventually(t, "the keys are pressed", func() bool { return c.caller.Said() && c.agent.Said() })
	if c.agent.HeardKeys() == "" || keysIn(c.agent.Heard()) == "" {
		t.Error("outside a pause the agent does not hear what the caller presses")
	}
	c.hear(c.agent, "the call goes on", callerHz)
	r, _ := c.end()
	stored, err := c.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	for i, pcm := range c.sound(t, stored[0].ID) {
		if keys := keysIn(pcm); keys != "" {
			t.Errorf("voice %d: the keys %s can be decoded", i, keys)
		}
		if hz := []float64{callerHz, agentHz}[i]; !toneIn(pcm[len(pcm)-1600:], hz) {
			t.Errorf("voice %d: nothing of what was said is there", i)
		}
	}
}

func TestAgentMutedBeforeTheRecordingBeganIsNotInIt(t *testing.T) {
	t.Parallel()
	c := converse(t)
	c.do(flow.Command{Do: flow.Mute})
	w, answer := c.another(otherHz)
	c.do(flow.Command{Do: flow.Conference, Agent: w.id})
	answer()
	c.hear(c.caller, "the other is heard, the muted one is not", otherHz)
	<-time.After(300 * time.Millisecond)
	r, _ := c.end()
	all, err := c.recordings.ByCall(context.Background(), admin, r.ID)
	check(t, err)
	pcm := c.sound(t, all[0].ID)
	if len(pcm) != 2 || toneIn(pcm[1][len(pcm[1])-1600:], agentHz) || !toneIn(pcm[1][len(pcm[1])-1600:], otherHz) {
		t.Error("who was muted is in the recording, or who was not is missing")
	}
}

func TestSupervisorListensWhispersAndBarges(t *testing.T) {
	t.Parallel()
	c := converse(t)
	w := c.hire(t, nil)
	boss := sotto.Actor{Person: w.id, Role: sotto.Admin}
	ctx := context.Background()
	order := func(do flow.Order) {
		t.Helper()
		check(t, c.flow.Command(ctx, boss, c.call.ID, flow.Command{Do: do}))
	}
	if err := c.flow.Command(ctx, sotto.Actor{Person: w.id, Role: sotto.Agent}, c.call.ID, flow.Command{Do: flow.Listen}); sotto.KindOf(err) != sotto.Denied {
		t.Fatalf("an agent listens: %v", err)
	}
	if err := c.flow.Command(ctx, boss, c.call.ID, flow.Command{Do: flow.Hold}); sotto.KindOf(err) != sotto.Denied {
		t.Fatalf("a supervisor holds another's call: %v", err)
	}
	order(flow.Listen)
	b := w.answer(t)
	b.Hum(bossHz)
	c.hear(b, "the supervisor hears both", callerHz, agentHz)
	c.hear(c.agent, "nobody hears the supervisor", callerHz)
	c.hear(c.caller, "nobody hears the supervisor", agentHz)
	order(flow.Whisper)
	c.hear(c.agent, "the agent hears the whisper", callerHz, bossHz)
	c.hear(c.caller, "the caller does not", agentHz)
	order(flow.Barge)
	c.hear(c.caller, "all hear the supervisor", agentHz, bossHz)
	c.hear(c.agent, "all hear the supervisor", callerHz, bossHz)
	other := sotto.Actor{Person: c.hire(t, nil).id, Role: sotto.Admin}
	if err := c.flow.Command(ctx, other, c.call.ID, flow.Command{Do: flow.Listen}); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("two listen: %v", err)
	}
	order(flow.Quit)
	b.Gone(t)
	c.hear(c.caller, "the supervisor is gone", agentHz)
	r, _ := c.end()
	var history []call.Monitored
	eventually(t, "the history is written", func() (whole bool) {
		var err error
		history, err = c.calls.Monitorings(ctx, admin, 0, 0)
		check(t, err)
		return len(history) == 3 && !history[2].EndedAt.IsZero()
	})
	for i, want := range []call.Watch{call.Listen, call.Whisper, call.Barge} {
		if m := history[i]; m.Action != want || m.Supervisor != w.id || m.Agent != c.worker.id || m.Call != r.ID || m.Ticket != r.Ticket || m.EndedAt.IsZero() {
			t.Errorf("%+v", m)
		}
	}
}

// loudness is the greatest deviation from silence.
func loudness(pcm []int16) (most int16) {
	for _, v := range pcm {
		most = max(most, v, -v)
	}
	return most
}

func TestFiguresOfACallSayWhoDidWhat(t *testing.T) {
	t.Parallel()
	c := converse(t)
	c.set(t, func(s *line.Settings) { s.WrapUp = true })
	refuses := c.hire(t, func(context.Context) (leg.Leg, error) { return nil, &leg.EndError{Cause: leg.Rejected} })
	ctx := context.Background()
	check(t, c.agents.SetState(ctx, admin, refuses.id, agent.TransfersOnly))
	c.do(flow.Command{Do: flow.Hold})
	c.hear(c.caller, "on hold")
	c.do(flow.Command{Do: flow.Resume})
	c.do(flow.Command{Do: flow.Consult, Agent: refuses.id})
	c.hear(c.caller, "the colleague does not want to", agentHz)
	w, answer := c.another(otherHz)
	c.do(flow.Command{Do: flow.Transfer, Agent: w.id})
	answer()
	c.hear(c.caller, "given away", otherHz)
	r, legs := c.end()
	if r.Queued.IsZero() || r.Wait < 0 || r.Holds != 3 || r.Overdue {
		t.Errorf("%+v", r)
	}
	for _, l := range legs {
		want := call.Completed
		if l.Person == refuses.id {
			want = call.AgentTransferRefused
		}
		if l.Completion() != want || len(l.Issues) == 0 {
			t.Errorf("%s of %d: %s, %v", l.Kind, l.Person, l.Completion(), l.Issues)
		}
	}
	check(t, c.agents.Settle(ctx))
	all, err := c.agents.Today(ctx)
	check(t, err)
	for _, f := range all {
		switch f.Person {
		case c.worker.id:
			if f.Holds < 2 || f.Hold <= 0 || f.TransfersStarted != 1 || f.Accepted != 1 {
				t.Errorf("who gave the call: %+v", f)
			}
		case w.id:
			if f.TransfersAccepted != 1 {
				t.Errorf("who got the call: %+v", f)
			}
		}
	}
}
