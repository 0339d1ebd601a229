package flow_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/agent"
	"sotto/call"
	"sotto/db/dbtest"
	"sotto/flow"
	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/line"
	"sotto/queue"
)

const musicHz = 1750

// heardClip reports whether a party heard a good part of a clip: 40 ms of its
// sound to the sample, from its second half.
func heardClip(p *legtest.Party, c media.Clip) bool {
	pcm := p.Heard()
	heard := make([]byte, len(pcm))
	for i, v := range pcm {
		heard[i] = media.EncodeMulaw(v)
	}
	for at := len(c.Mulaw) / 2; at+320 < len(c.Mulaw); at += 320 {
		if loudness(mediatest.Decode(media.Mulaw, c.Mulaw[at:at+320])) > 2000 && bytes.Contains(heard, c.Mulaw[at:at+320]) {
			return true
		}
	}
	return false
}

// plays lets the line play a tone of its own for a category.
func (d *desk) plays(t *testing.T, c line.Category, hz float64) {
	t.Helper()
	check(t, d.lines.SetSound(context.Background(), admin, d.line.ID, c, "fr", wav(media.Tone(hz, 400*time.Millisecond))))
}

func TestMusicOfTheLineIsHeardInTheQueueAndOnHold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.plays(t, line.Hold, musicHz)
	answers := make(chan struct{})
	party := make(chan *legtest.Party, 1)
	w := d.hire(t, func(ctx context.Context) (leg.Leg, error) {
		select {
		case <-answers:
		case <-ctx.Done():
			return nil, &leg.EndError{Cause: leg.Cancelled}
		}
		p := legtest.Take(t, d.engine)
		party <- p
		return p, nil
	})
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	eventually(t, "the music in the queue", func() bool { return p.HeardTone(pitch(line.Wait)) && p.Hears(musicHz) })
	close(answers)
	a := <-party
	a.Hum(agentHz)
	eventually(t, "the agent", func() bool { return p.Hears(agentHz) })
	order := func(do flow.Order) {
		t.Helper()
		check(t, d.flow.Command(context.Background(), sotto.Actor{Person: w.id, Role: sotto.Agent}, d.in(t, call.Connected).ID, flow.Command{Do: do}))
	}
	order(flow.Hold)
	eventually(t, "the music on hold", func() bool { return p.Hears(musicHz) })
	order(flow.Resume)
	eventually(t, "the agent again", func() bool { return p.Hears(agentHz) })
	p.HangUp(leg.HungUp)
	done(t, over)
	a.Gone(t)
}

func TestWaitingCallerHearsThePlaceAndTheAverageWaitAgainAndAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.plays(t, line.Hold, musicHz)
	w := d.hire(t, nil)
	known, first := d.call(t, leg.Caller{Number: camille}, front) // an agent ends this wait, so that there is an average
	a := w.answer(t)
	d.in(t, call.Connected)
	known.HangUp(leg.HungUp)
	done(t, first)
	a.Gone(t)
	check(t, d.agents.SetState(context.Background(), admin, w.id, agent.Away))
	ahead, over := d.call(t, leg.Caller{Number: "+33199005679"}, front)
	d.in(t, call.Queued)
	for _, on := range []bool{false, true} {
		d.set(t, func(s *line.Settings) { s.AnnouncePosition, s.AnnounceWait, s.Locale = on, on, "fr" })
		p, over := d.call(t, leg.Caller{Number: "+33199005680"}, front)
		words := func() int {
			n := 0
			for at, h := 0, p.Heard(); at+1600 <= len(h); at += 800 {
				if toneIn(h[at:at+1600], pitch(line.Wait)) {
					n++
				}
			}
			return n
		}
		eventually(t, "the words, the music and the words again", func() bool {
			was := p.HeardTone(musicHz)
			return was && words() > 4
		})
		second, average := heardClip(p, d.lines.Position("fr", 2)), heardClip(p, d.lines.AverageWait("fr", time.Second))
		if second != on || average != on {
			t.Errorf("announcements on: %v; the caller heard the place: %v, the average: %v", on, second, average)
		}
		p.HangUp(leg.HungUp)
		done(t, over)
	}
	ahead.HangUp(leg.HungUp)
	done(t, over)
}

func TestCallerLeavesTheQueueWithAKeyAndIsPromisedACall(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dbtest.SQLite(t))
	d.plays(t, line.CallbackOffer, 1450)
	d.plays(t, line.CallbackConfirmed, 1550)
	d.set(t, func(s *line.Settings) { s.Callback = true })
	ringing := make(chan struct{}, 8)
	w := d.hire(t, func(ctx context.Context) (leg.Leg, error) {
		ringing <- struct{}{}
		<-ctx.Done()
		return nil, &leg.EndError{Cause: leg.Cancelled}
	})
	p, over := d.call(t, leg.Caller{Number: camille}, front)
	<-ringing // also while an agent is rung
	eventually(t, "the offer", func() bool { return p.HeardTone(1450) })
	p.Press('1')
	done(t, over)
	if !p.HeardTone(1550) {
		t.Error("the caller is not told that the place is kept")
	}
	r := d.record(t)
	if r.Reason != call.CallbackPromised || r.Callback != string(queue.FromQueue) {
		t.Errorf("%+v", r)
	}
	d.wantTicket(t, r, "Rappel promis à "+camille, "sera rappelé")
	kept := d.queue.Waiting()
	if len(kept) != 1 || kept[0].Callback == 0 || kept[0].Call != r.ID {
		t.Fatalf("kept: %+v", kept)
	}
	if n := d.agents.Busy(); n != 0 {
		t.Errorf("%d agents are still kept", n)
	}
	check(t, d.agents.Settle(context.Background()))
	all, err := d.agents.Today(context.Background())
	check(t, err)
	for _, f := range all {
		if f.Person == w.id && f.Missed != 0 {
			t.Error("the agent missed a call that the caller did not want any more")
		}
	}
	d.exec(t, "DELETE FROM callback_want")
	d.exec(t, "UPDATE callback SET expires_at = 1")
	if n, err := d.queue.Expire(context.Background()); err != nil || n != 1 {
		t.Errorf("expired %d, %v", n, err)
	}
}

func TestNobodyIsPromisedACallWithoutANumberOrWithoutTheOffer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		caller leg.Caller
		on     bool
	}{"withheld": {leg.Caller{Withheld: true}, true}, "not offered": {leg.Caller{Number: camille}, false}} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, dbtest.SQLite(t))
			d.plays(t, line.CallbackOffer, 1450)
			d.set(t, func(s *line.Settings) { s.Callback = c.on })
			d.hire(t, silent)
			p, over := d.call(t, c.caller, front)
			eventually(t, "the words", func() bool { return p.HeardTone(pitch(line.Wait)) })
			<-time.After(200 * time.Millisecond)
			p.Press('1')
			<-time.After(400 * time.Millisecond)
			d.in(t, call.Queued)
			if p.HeardTone(1450) {
				t.Error("it is offered")
			}
			p.HangUp(leg.HungUp)
			done(t, over)
			if r := d.record(t); r.Reason != call.AbandonedInQueue || len(d.queue.Waiting()) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}
