package call_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sotto"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/leg"
	"sotto/locales"
	"sotto/obs"
)

// TestEveryEndHasOneReasonStatusAndWords goes from what happened, by way of
// the reason, to what the caller's side is told and what people read.
func TestEveryEndHasOneReasonStatusAndWords(t *testing.T) {
	ours := errors.New("a table is on fire")
	panicked := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = obs.Recovered(p)
			}
		}()
		panic("in a step")
	}()
	words, err := locales.Load()
	if err != nil {
		t.Fatal(err)
	}
	ended := func(c leg.Cause) error { return fmt.Errorf("play: %w", &leg.EndError{Cause: c}) }
	for _, c := range []struct {
		name   string
		at     call.State
		cause  leg.Cause
		err    error
		want   call.Reason
		fault  call.Fault
		status int
		words  string
	}{
		{"CANCEL while it rings", call.Ringing, leg.Cancelled, ended(leg.Cancelled), call.Cancelled, call.ByCaller, 487, "The caller gave up while it rang."},
		{"BYE in the greeting", call.Greeting, leg.HungUp, nil, call.AbandonedInGreeting, call.ByCaller, 200, "The caller hung up during the greeting."},
		{"BYE in a menu", call.Menu, leg.HungUp, ended(leg.HungUp), call.AbandonedInMenu, call.ByCaller, 200, "The caller hung up in the menu."},
		{"BYE at the question", call.Consenting, leg.HungUp, ended(leg.HungUp), call.AbandonedInConsent, call.ByCaller, 200, "The caller hung up while being asked about recording."},
		{"BYE in the queue", call.Queued, leg.HungUp, context.Canceled, call.AbandonedInQueue, call.ByCaller, 200, "The caller hung up while waiting."},
		{"BYE before the message", call.Voicemail, leg.HungUp, nil, call.AbandonedInVoicemail, call.ByCaller, 200, "The caller hung up without leaving a message."},
		{"BYE after the message", call.Voicemail, leg.HungUp, call.Because(call.VoicemailLeft), call.VoicemailLeft, call.ByCaller, 200, "The caller left a voice message."},
		{"a text instead", call.Menu, leg.Released, call.Because(call.TextedBack), call.TextedBack, call.ByCaller, 200, "The caller chose to get a text."},
		{"BYE of the caller", call.Connected, leg.HungUp, nil, call.CallerHungUp, call.ByCaller, 200, "The caller hung up after talking to an agent."},
		{"BYE of the agent", call.Connected, leg.Released, call.Because(call.AgentHungUp), call.AgentHungUp, call.ByAgent, 200, "The agent hung up after talking to the caller."},
		{"the agent's telephone died", call.Connected, "", call.Because(call.AgentLost), call.AgentLost, call.ByNetwork, 200, "The connection to the agent's telephone was lost."},
		{"whom the caller was given to outside hung up", call.Connected, "", call.Because(call.ExternalHungUp), call.ExternalHungUp, call.ByAgent, 200, "The outside number the call was given to hung up."},
		{"BYE on hold", call.Connected, leg.HungUp, call.Because(call.AbandonedOnHold), call.AbandonedOnHold, call.ByCaller, 200, "The caller hung up while on hold."},
		{"the longest time was over", call.Connected, "", call.Because(call.TimeLimit), call.TimeLimit, call.ByDesk, 200, "The longest time for a call outside was over."},
		{"nobody took it", call.Queued, "", fmt.Errorf("queue: %w", call.Because(call.NoAgent)), call.NoAgent, call.ByDesk, 480, "Nobody took the call in time."},
		{"nobody took it, and the caller left at the last words", call.Queued, leg.HungUp, call.Because(call.NoAgent), call.NoAgent, call.ByDesk, 480, "Nobody took the call in time."},
		{"closed", call.Greeting, "", call.Because(call.LineClosed), call.LineClosed, call.ByDesk, 480, "The line was closed."},
		{"nobody's number", call.Ringing, "", call.Because(call.UnknownNumber), call.UnknownNumber, call.ByCaller, 404, "The number that was called does not belong to any line."},
		{"no audio any more", call.Connected, leg.MediaLost, nil, call.CallerLost, call.ByNetwork, 200, "The connection to the caller was lost."},
		{"no session any more", call.Queued, leg.PeerLost, ended(leg.PeerLost), call.CallerLost, call.ByNetwork, 200, "The connection to the caller was lost."},
		{"transport failed", call.Queued, leg.Unreachable, nil, call.CallerLost, call.ByNetwork, 200, "The connection to the caller was lost."},
		{"no ACK", call.Ringing, leg.AckLost, ended(leg.AckLost), call.Unconfirmed, call.ByNetwork, 200, "The caller's network never confirmed that the call was answered."},
		{"an SDP that cannot work", call.Ringing, leg.Protocol, ended(leg.Protocol), call.Protocol, call.ByNetwork, 400, "The caller's network broke the telephone protocol."},
		{"we refused", call.Ringing, leg.Rejected, nil, call.Rejected, call.ByDesk, 603, "The desk refused the call."},
		{"it could be overheard", call.Ringing, leg.Insecure, ended(leg.Insecure), call.Insecure, call.ByCaller, 488, "The line takes encrypted calls only, and this one was not."},
		{"our leg panicked", call.Connected, leg.Fault, nil, call.Failed, call.ByDesk, 500, "The call ended because of an error of the desk."},
		{"a step panicked", call.Queued, "", panicked, call.Failed, call.ByDesk, 500, "The call ended because of an error of the desk."},
		{"a step panicked and the caller left", call.Queued, leg.HungUp, panicked, call.Failed, call.ByDesk, 500, "The call ended because of an error of the desk."},
		{"a step failed", call.Greeting, "", ours, call.Failed, call.ByDesk, 500, "The call ended because of an error of the desk."},
		{"a step failed because the caller left", call.Queued, leg.HungUp, ours, call.AbandonedInQueue, call.ByCaller, 200, "The caller hung up while waiting."},
		{"a journey that says nothing", call.Greeting, "", nil, call.Failed, call.ByDesk, 500, "The call ended because of an error of the desk."},
		{"stopped while it rings", call.Ringing, leg.Shutdown, context.Canceled, call.Shutdown, call.ByDesk, 503, "The call ended because the desk was stopped."},
		{"stopped, the leg not ended yet", call.Queued, "", context.Canceled, call.Shutdown, call.ByDesk, 503, "The call ended because the desk was stopped."},
		{"the cause is in the error alone", call.Queued, "", ended(leg.HungUp), call.AbandonedInQueue, call.ByCaller, 200, "The caller hung up while waiting."},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call.ReasonOf(c.at, c.cause, c.err)
			if got != c.want || got.Fault() != c.fault || got.Status() != c.status {
				t.Errorf("ReasonOf = %s, %s, %d, want %s, %s, %d", got, got.Fault(), got.Status(), c.want, c.fault, c.status)
			}
			if s := words.Text("en", got.Words()); s != c.words {
				t.Errorf("words = %q, want %q", s, c.words)
			}
		})
	}
}

func TestEveryReasonIsWhole(t *testing.T) {
	words, err := locales.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range call.Reasons() {
		if r.Fault() == "" || r.Status() < 200 || r.Completion() == "" || r.Cause() == "" {
			t.Errorf("%s: fault %q, status %d, completion %q, cause %q", r, r.Fault(), r.Status(), r.Completion(), r.Cause())
		}
		for _, l := range locales.Languages() {
			if s := words.Text(l, r.Words()); !words.Has(l, r.Words()) || !strings.HasSuffix(s, ".") {
				t.Errorf("%s has no sentence in %s: %q", r, l, s)
			}
		}
	}
}

func TestTagsFollowFromCalls(t *testing.T) {
	for _, c := range []struct {
		all  []call.Record
		want []string
	}{
		{nil, nil},
		{[]call.Record{{Reason: call.CallerHungUp}, {Reason: call.Cancelled}}, nil},
		{[]call.Record{{Reason: call.ExternalHungUp, Tally: call.Tally{Overflowed: true}}, {Reason: call.AbandonedInQueue}, {Reason: call.AbandonedInQueue}}, []string{"call_overflow", "voice_abandoned_in_queue"}},
		{[]call.Record{{Reason: call.AbandonedInMenu}, {Reason: call.AbandonedInVoicemail}}, []string{"voice_abandoned_in_ivr", "voice_abandoned_in_voicemail"}},
	} {
		if got := call.Tags(c.all); !slices.Equal(got, c.want) {
			t.Errorf("Tags = %q, want %q", got, c.want)
		}
	}
}

// TestCallStatesFollowTheModel draws events and compares with the few lines
// that say what a call is.
func TestCallStatesFollowTheModel(t *testing.T) {
	d := newDesk(t, dbtest.SQLite(t))
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		c, err := d.calls.Begin(ctx, call.Arrival{Line: d.line, Caller: leg.Caller{Withheld: true}})
		if err != nil {
			t.Fatal(err)
		}
		model, reason := call.Ringing, call.Reason("")
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				s := rapid.SampledFrom([]call.State{call.Ringing, call.Greeting, call.Menu, call.Consenting, call.Queued, call.Connected, call.Voicemail, call.Ended, "asleep"}).Draw(t, "state")
				c.Enter(s)
				switch s {
				case call.Greeting, call.Menu, call.Consenting, call.Queued, call.Voicemail:
					if model != call.Ended {
						model = s
					}
				}
			},
			"connect": func(t *rapid.T) {
				err := d.calls.Connect(ctx, c, 0, nil)
				if (err == nil) != (model != call.Ended) || err != nil && sotto.KindOf(err) != sotto.Conflict {
					t.Fatalf("Connect in %s: %v", model, err)
				}
				if err == nil {
					model = call.Connected
				}
			},
			"end": func(t *rapid.T) {
				why := rapid.SampledFrom(call.Reasons()).Draw(t, "why")
				if err := d.calls.End(ctx, c, why, nil); err != nil {
					t.Fatal(err)
				}
				if model != call.Ended {
					model, reason = call.Ended, why
				}
			},
			"": func(t *rapid.T) {
				r, err := d.calls.Get(ctx, c.ID)
				if err != nil || c.State() != model || r.Reason != reason || r.EndedAt.IsZero() != (reason == "") {
					t.Fatalf("state %s, reason %q, ended %v, %v; want %s, %q", c.State(), r.Reason, r.EndedAt, err, model, reason)
				}
			},
		})
		if err := d.calls.End(ctx, c, call.Failed, nil); err != nil {
			t.Fatal(err)
		}
	})
	if live := d.calls.Live(); len(live) != 0 {
		t.Errorf("%d calls live on", len(live))
	}
}
