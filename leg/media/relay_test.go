package media_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
)

func TestPlayedToneIsHeardAtItsFrequency(t *testing.T) {
	for _, test := range []struct {
		name string
		how  func(*phone) media.Remote
	}{{"mulaw", mulaw}, {"alaw", alaw}} {
		t.Run(test.name, func(t *testing.T) {
			undisturbed(t, func() error {
				e, f := open(t, media.Config{}), newPhone(t)
				p := connect(t, e, f, test.how(f))
				began := time.Now()
				if err := p.Play(t.Context(), media.Tone(440, 500*time.Millisecond), false); err != nil {
					return err
				}
				if took := time.Since(began); took < 490*time.Millisecond || took > 700*time.Millisecond {
					return fmt.Errorf("500 ms of prompt took %v", took)
				}
				pause(20 * time.Millisecond)
				if n := len(f.heard()); n != 26 || !f.hears(440) {
					return fmt.Errorf("the telephone hears 440 Hz: %v, in %d packets, want 26", f.hears(440), n)
				}
				return nil
			})
		})
	}
}

func TestBridgedPartiesHearEachOther(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b, alaw(b))
	b.next.pt = 8
	var earA, earB mediatest.Ear
	defer pa.Tap(&earA)()
	defer pb.Tap(&earB)()
	unbridge := media.Bridge(pa, pb)
	spin(t, func() { a.hum(media.Mulaw, 440, 600*time.Millisecond) })
	b.hum(media.Alaw, 1000, 600*time.Millisecond)
	eventually(t, "both tones", func() bool { return b.hears(440) && a.hears(1000) })
	if !earA.Hears(440) || !earB.Hears(1000) {
		t.Error("the taps do not hear the party they are on")
	}
	for _, p := range b.heard() {
		if p.pt != 8 {
			t.Fatalf("the A-law party got payload type %d", p.pt)
		}
	}
	for _, f := range earB.Frames() {
		if f.Law != media.Alaw {
			t.Fatal("the tap of the A-law party was given another law")
		}
	}
	eventually(t, "the last frames", func() bool { return len(a.heard()) == 31 && len(b.heard()) == 31 })
	unbridge()
	a.forget()
	b.say(frame(1))
	eventually(t, "the packet at the tap", func() bool { f := earB.Frames(); return f[len(f)-1].Payload[0] == 1 })
	if n := len(a.heard()); n != 0 {
		t.Errorf("%d packets came after the bridge ended", n)
	}
}

func TestRelayPassesEqualLawsThroughUnchanged(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	defer media.Bridge(pa, pb)()
	eventually(t, "the opening silence", func() bool { return len(b.heard()) == 1 })
	want := frame(0)
	for i := range want {
		want[i] = byte(i)
	}
	a.say(want)
	eventually(t, "the packet", func() bool { return len(b.heard()) == 2 })
	if got := b.heard()[1].payload; !bytes.Equal(got, want) {
		t.Error("the payload was changed")
	}
}

func TestSourceSwitchesKeepOneStream(t *testing.T) {
	undisturbed(t, func() error {
		e := open(t, media.Config{})
		a, b := newPhone(t), newPhone(t)
		pa, pb := connect(t, e, a), connect(t, e, b)
		tone := media.Tone(440, 200*time.Millisecond)
		if err := pa.Play(t.Context(), tone, false); err != nil {
			return err
		}
		pause(200 * time.Millisecond)
		unbridge := media.Bridge(pa, pb)
		b.hum(media.Mulaw, 1000, 200*time.Millisecond)
		// In the midst of the talk a prompt takes the ear and gives it back.
		done := make(chan error, 1)
		go func() { done <- pa.Play(context.Background(), tone, false) }()
		b.hum(media.Mulaw, 1000, 600*time.Millisecond)
		if err := <-done; err != nil {
			return err
		}
		unbridge()
		if err := pa.Play(t.Context(), tone, false); err != nil {
			return err
		}
		pause(50 * time.Millisecond)
		return oneStream(a.heard())
	})
}

// oneStream checks what a party may rely on: one SSRC, numbers that go on by
// one, timestamps that go on as time does, and a marker at each of the six
// sources (silence at Connect, prompt, talk, prompt, talk, prompt).
func oneStream(got []rtp) error {
	// Two threads send; at a switch their packets may cross.
	slices.SortStableFunc(got, func(p, q rtp) int { return int(int16(p.seq - q.seq)) })
	marks := 0
	for i, p := range got {
		if p.marker {
			marks++
		}
		if i == 0 {
			continue
		}
		last := got[i-1]
		if p.ssrc != last.ssrc || p.seq != last.seq+1 {
			return fmt.Errorf("packet %d: stream %x number %d after %x %d", i, p.ssrc, p.seq, last.ssrc, last.seq)
		}
		real, stamped := p.at.Sub(last.at), time.Duration(int32(p.ts-last.ts))*time.Second/8000
		if d := real - stamped; stamped <= 0 || d > 50*time.Millisecond || d < -50*time.Millisecond {
			return fmt.Errorf("packet %d: the timestamp went on by %v in %v", i, stamped, real)
		}
	}
	if marks != 6 {
		return fmt.Errorf("%d markers, want 6", marks)
	}
	return nil
}

func TestNewPlayReplacesTheOld(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	first := make(chan error, 1)
	go func() { first <- p.Play(context.Background(), media.Tone(440, time.Minute), false) }()
	eventually(t, "440 Hz", func() bool { return f.hears(440) })
	playing(t, p, 1000)
	if err := <-first; !errors.Is(err, media.ErrReplaced) {
		t.Errorf("the first Play returned %v, want ErrReplaced", err)
	}
	eventually(t, "1000 Hz", func() bool { return f.hears(1000) })
}

func TestPlayEndsWithItsContextAndItsPort(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Play(ctx, media.Tone(440, time.Minute), true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Play returned %v, want the context's error", err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Play(context.Background(), media.Tone(440, time.Minute), true) }()
	f.forget()
	eventually(t, "sound", func() bool { return len(f.heard()) > 0 })
	p.Close()
	if err := <-done; !errors.Is(err, media.ErrClosed) {
		t.Errorf("Play returned %v, want ErrClosed", err)
	}
	pause(50 * time.Millisecond) // what is on its way arrives
	if err := p.Play(t.Context(), media.Tone(440, time.Minute), true); !errors.Is(err, media.ErrClosed) {
		t.Errorf("Play after Close returned %v, want ErrClosed", err)
	}
	f.forget()
	pause(60 * time.Millisecond)
	if n := len(f.heard()); n != 0 {
		t.Errorf("%d packets came after Close", n)
	}
}

func TestLoopedClipGoesOnWithoutAGap(t *testing.T) {
	clip := media.Clip{Mulaw: []byte{1, 2, 3, 4, 5, 6, 7}}
	undisturbed(t, func() error {
		e, f := open(t, media.Config{}), newPhone(t)
		p := connect(t, e, f)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := p.Play(ctx, clip, true); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		var all []byte
		for _, g := range f.heard() {
			if g.payload[0] != 0xFF { // the silence at Connect
				all = append(all, g.payload...)
			}
		}
		if len(all) < 1000 {
			return fmt.Errorf("heard %d samples", len(all))
		}
		for i, c := range all {
			if want := clip.Mulaw[i%7]; c != want {
				return fmt.Errorf("sample %d = %d, want %d", i, c, want)
			}
		}
		return nil
	})
}

func TestHoldSilencesAndResumes(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	defer media.Bridge(pa, pb)()
	var ear mediatest.Ear
	defer pa.Tap(&ear)()
	a.say(frame(1))
	eventually(t, "sound before hold", func() bool { return len(b.heard()) == 2 && len(a.heard()) == 1 })
	held := mulaw(a)
	held.Send, held.Receive = false, false
	if err := pa.Connect(held); err != nil {
		t.Fatal(err)
	}
	a.forget()
	for range 20 {
		a.say(frame(2))
		b.say(frame(3))
	}
	eventually(t, "40 packets refused", func() bool {
		d := e.Stats().Dropped
		return d[media.ReasonHeld] == 20 && d[media.ReasonDeaf] == 20
	})
	if pa.SilentFor() > time.Second {
		t.Error("a party on hold that sends packets counts as silent")
	}
	if err := pa.Connect(mulaw(a)); err != nil {
		t.Fatal(err)
	}
	a.say(frame(4))
	b.say(frame(5))
	eventually(t, "sound after hold", func() bool { return len(b.heard()) == 3 && len(a.heard()) == 1 })
	got := b.heard()
	if got[2].seq != got[1].seq+1 || !got[2].marker || got[2].payload[0] != 4 {
		t.Errorf("after hold came %+v", got[2])
	}
	for _, f := range ear.Frames() {
		if f.Payload[0] == 2 {
			t.Error("the tap heard what was said on hold")
		}
	}
}

// badSink panics on its first push.
type badSink struct{}

func (badSink) Push(media.Frame) { panic("a sink's bug") }

// lateSink takes its time on each push.
type lateSink struct{}

func (lateSink) Push(media.Frame) { pause(400 * time.Millisecond) }

func TestPanickingSinkLosesItsTapAndNothingElse(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	defer media.Bridge(pa, pb)()
	var ear mediatest.Ear
	defer pa.Tap(badSink{})()
	defer pa.Tap(&ear)()
	for range 5 {
		a.say(frame(7))
	}
	eventually(t, "5 packets", func() bool { return len(b.heard()) == 6 && len(ear.Frames()) == 5 })
	if s := e.Stats(); s.SinkPanics != 1 || s.Panics != 0 {
		t.Errorf("counted %d sink panics and %d of ours, want 1 and 0", s.SinkPanics, s.Panics)
	}
}

func TestSlowSinkIsPushedAfterTheRelay(t *testing.T) {
	e := open(t, media.Config{})
	a, b := newPhone(t), newPhone(t)
	pa, pb := connect(t, e, a), connect(t, e, b)
	defer media.Bridge(pa, pb)()
	defer pa.Tap(lateSink{})()
	began := time.Now()
	a.say(frame(7))
	eventually(t, "the packet", func() bool { return len(b.heard()) == 2 })
	if d := b.heard()[1].at.Sub(began); d > 300*time.Millisecond {
		t.Errorf("the packet came after %v: the sink was first", d)
	}
	eventually(t, "the count", func() bool { return e.Stats().SlowPushes == 1 })
}

func TestUntapStopsThePushes(t *testing.T) {
	e, f := open(t, media.Config{}), newPhone(t)
	p := connect(t, e, f)
	var ear mediatest.Ear
	untap := p.Tap(&ear)
	f.say(frame(1))
	eventually(t, "a frame", func() bool { return len(ear.Frames()) == 1 })
	untap()
	f.say(frame(2))
	eventually(t, "the second packet", func() bool { return p.Quality().Received == 2 })
	if n := len(ear.Frames()); n != 1 {
		t.Errorf("%d frames after untap, want 1", n)
	}
	untap()
}

func TestPartyThatHearsNothingIsKeptAlive(t *testing.T) {
	t.Parallel() // it takes 6 s
	e, f := open(t, media.Config{}), newPhone(t)
	connect(t, e, f)
	began := time.Now()
	eventually(t, "silence at Connect", func() bool { return len(f.heard()) == 1 })
	pause(5 * time.Second)
	eventually(t, "silence after 5 s", func() bool { return len(f.heard()) == 2 })
	if d := time.Since(began); d > 7*time.Second {
		t.Errorf("it took %v", d)
	}
}
