package recording_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sotto"
	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/recording"
)

// hear reads a WAV to its end, closes it and takes it apart.
func hear(w *recording.WAV) (e ear, err error) {
	b, err := io.ReadAll(w)
	if err = errors.Join(err, w.Close()); err != nil {
		return e, err
	}
	e.head = b[:44]
	n := int(binary.LittleEndian.Uint16(b[22:]))
	e.channels = make([][]int16, n)
	for i := 44; i < len(b); i += 2 {
		c := (i - 44) / 2 % n
		e.channels[c] = append(e.channels[c], int16(binary.LittleEndian.Uint16(b[i:])))
	}
	return e, nil
}

func wantTone(t *testing.T, what string, pcm []int16, hz float64) {
	t.Helper()
	if !mediatest.HasTone(pcm, media.SampleRate, hz) {
		t.Errorf("%s: no tone of %v Hz", what, hz)
	}
}

func wantSilence(t *testing.T, what string, pcm []int16) {
	t.Helper()
	if p := mediatest.Power(pcm); p > 100 {
		t.Errorf("%s: sound of power %.0f, want silence", what, p)
	}
}

func TestTwoVoicesStandWhereTheyWereSpoken(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		caller := d.hearCaller(r)
		caller.say(1_000_000, media.Mulaw, tone(440, 0, 24000))
		agent := d.hearAgent(r) // a second late, and speaks A-law
		agent.say(1_008_000, media.Alaw, tone(1000, 0, 12000))
		got := d.finish(r)
		if got.State != recording.Durable || got.Reason != recording.NoReason || got.Duration.Seconds() != 3 {
			t.Fatalf("recording is %s %q %v long", got.State, got.Reason, got.Duration)
		}
		want := []string{
			"caller durable offset 0 samples 24000 lost 0 chunks 6",
			"agent durable offset 8000 samples 12000 lost 0 chunks 3",
		}
		if diff := cmp.Diff(want, []string{describe(got.Tracks[0]), describe(got.Tracks[1])}); diff != "" {
			t.Error(diff)
		}
		e := d.listen(r.ID())
		if len(e.left()) != 24000 {
			t.Fatalf("%d samples, want 24000", len(e.left()))
		}
		for n := 0; n+1600 <= 24000; n += 1600 {
			wantTone(t, "caller", at(e.left(), n), 440)
			if n >= 8000 && n < 20000 {
				if n+1600 <= 20000 {
					wantTone(t, "agent", at(e.right(), n), 1000)
				}
			} else {
				wantSilence(t, "agent", at(e.right(), n))
			}
		}
	})
}

func TestTheTimelineBeginsAtTheFirstSampleOfAll(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	caller, agent := d.hearCaller(r), d.hearAgent(r)
	caller.say(5000, media.Mulaw, tone(440, 0, 1600))
	agent.say(4200, media.Mulaw, tone(1000, 0, 1600)) // came later and was said before
	got := d.finish(r)
	if got.Tracks[0].Offset != 800 || got.Tracks[1].Offset != 0 || got.Duration.Milliseconds() != 300 {
		t.Errorf("offsets %d and %d, %v long", got.Tracks[0].Offset, got.Tracks[1].Offset, got.Duration)
	}
}

func TestLossLeavesAGapWhereItWas(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	skip := make([]int, 0, 30)
	for i := 100; i < 130; i++ {
		skip = append(skip, i)
	}
	m.say(77, media.Mulaw, tone(440, 0, 48000), skip...)
	got := d.finish(r)
	if want := "caller durable offset 0 samples 48000 lost 4800 chunks 12"; describe(got.Tracks[0]) != want {
		t.Errorf("track is %s, want %s", describe(got.Tracks[0]), want)
	}
	pcm := d.listen(r.ID()).left()
	wantTone(t, "before the gap", at(pcm, 16000-1600), 440)
	wantSilence(t, "gap", pcm[16000:20800])
	wantTone(t, "behind the gap", at(pcm, 20800), 440)
}

func TestReorderingWithinTwoSecondsIsHealed(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	pcm := tone(440, 0, 80000)
	order := make([]int, len(pcm)/160)
	key := make([]float64, len(order))
	for i := range order {
		order[i], key[i] = i, float64(i)+rand.Float64()*99 // 99 frames of 20 ms
	}
	key[0] = -1 // the first frame begins the track
	slices.SortFunc(order, func(a, b int) int {
		if key[a] < key[b] {
			return -1
		}
		return 1
	})
	for _, i := range order {
		m.push(frame(int64(i)*160, media.Mulaw, pcm[i*160:(i+1)*160]))
	}
	if got := d.finish(r).Tracks[0]; got.Samples != 80000 || got.Lost != 0 {
		t.Errorf("track is %s, want nothing lost", describe(got))
	}
	if diff := cmp.Diff(coded(pcm), d.listen(r.ID()).left()); diff != "" {
		t.Error("what was heard is not what was said")
	}
}

// coded is what G.711 makes of pcm.
func coded(pcm []int16) []int16 {
	out := make([]int16, len(pcm))
	for i, s := range pcm {
		out[i] = media.DecodeMulaw(media.EncodeMulaw(s))
	}
	return out
}

func TestWhatComesTooLateIsCountedAsLost(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 48000), 5)
	m.push(frame(5*160, media.Mulaw, tone(440, 800, 160))) // six seconds late
	if got := d.finish(r).Tracks[0]; got.Samples != 48000 || got.Lost != 160 {
		t.Errorf("track is %s, want 160 lost", describe(got))
	}
}

func TestAWholeChunkIsWrittenAtOnce(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, recording.Chunk))
	until(t, "the first chunk", func() bool { return d.bytesOnDisk() == 64+recording.Chunk+16 })
}

func TestAPartyThatFallsSilentBehindAGapIsWritten(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 2*recording.Chunk+160), 3)
	for range 6 {
		d.rs.Tend()
	}
	until(t, "both chunks", func() bool { return d.bytesOnDisk() == 64+2*(recording.Chunk+16) })
}

func TestALongHoldIsSilence(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 8000))
	m.say(600*8000, media.Mulaw, tone(440, 0, 8000)) // ten minutes later
	got := d.finish(r).Tracks[0]
	if got.Samples != 601*8000 || got.Lost != 599*8000 {
		t.Errorf("track is %s", describe(got))
	}
	if s := d.rs.Stats(); s.Live != 0 || s.Used != 0 {
		t.Errorf("afterwards %+v: blocks were not given back", s)
	}
	pcm := d.listen(r.ID()).left()
	wantTone(t, "before", at(pcm, 4000), 440)
	wantSilence(t, "hold", pcm[8000:600*8000])
	wantTone(t, "after", at(pcm, 600*8000), 440)
}

func TestAFrameOfAnotherTimelineIsIgnored(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 800))
	m.push(frame(1<<50, media.Mulaw, tone(440, 0, 160)))
	m.push(frame(-1<<50, media.Mulaw, tone(440, 0, 160)))
	m.say(800, media.Mulaw, tone(440, 800, 800))
	if got := d.finish(r).Tracks[0]; got.Samples != 1600 || got.Lost != 0 {
		t.Errorf("track is %s", describe(got))
	}
}

func TestPauseIsSilenceThatIsNotLost(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 8000))
	r.Pause()
	m.say(8000, media.Alaw, tone(440, 0, 8000))
	agent := d.hearAgent(r) // whoever joins is paused as well
	agent.say(12000, media.Mulaw, tone(1000, 0, 4000))
	r.Resume()
	m.say(16000, media.Mulaw, tone(440, 0, 8000))
	agent.say(16000, media.Mulaw, tone(1000, 0, 8000))
	got := d.finish(r)
	if got.Tracks[0].Lost != 0 || got.Tracks[1].Lost != 0 {
		t.Errorf("lost: %s, %s", describe(got.Tracks[0]), describe(got.Tracks[1]))
	}
	e := d.listen(r.ID())
	wantTone(t, "before", at(e.left(), 4000), 440)
	wantSilence(t, "pause", e.left()[8000:16000])
	wantSilence(t, "pause", e.right()[8000:16000])
	wantTone(t, "after", at(e.left(), 16000), 440)
	wantTone(t, "after", at(e.right(), 16000), 1000)
}

func TestAVoiceMessageIsMono(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.startKind(recording.Voicemail)
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
	d.finish(r)
	e := d.listen(r.ID())
	if len(e.channels) != 1 || len(e.left()) != 8000 {
		t.Fatalf("%d channels of %d samples", len(e.channels), len(e.left()))
	}
	wantTone(t, "message", at(e.left(), 0), 440)
}

func TestARecordingOfNothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		d.hearCaller(r)
		got := d.finish(r)
		if got.State != recording.Lost || got.Reason != recording.NoAudio || len(d.files()) != 0 {
			t.Errorf("recording is %s %q with %d files", got.State, got.Reason, len(d.files()))
		}
		if _, err := d.rs.WAV(d.ctx, staff, r.ID()); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("WAV = %v, want not found", err)
		}
	})
}

func TestStopTwiceAndAddAfterwards(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 800))
	first := d.finish(r)
	if diff := cmp.Diff(first, d.finish(r)); diff != "" {
		t.Errorf("the second Stop changed the rows: %s", diff)
	}
	if m.push(frame(800, media.Mulaw, tone(440, 0, 160))) {
		t.Error("the port is tapped after Stop")
	}
	if err := r.HearCaller(m.tap); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("Caller after Stop = %v, want conflict", err)
	}
	if err := r.Stop(d.ctx, recording.DiskFull); sotto.KindOf(err) != sotto.Invalid {
		t.Errorf("Stop for a full disk = %v, want invalid", err)
	}
}

// TestPlacementAgreesWithAModel draws frames of odd lengths, late, double,
// overlapping and lost, and compares the file with a plain array.
func TestPlacementAgreesWithAModel(t *testing.T) {
	d := sqlite(t, recording.Config{})
	rapid.Check(t, func(rt *rapid.T) {
		r := d.start()
		m := d.hearCaller(r)
		base := rapid.Int64Range(0, 1<<40).Draw(rt, "base")
		var model []int // code of each place, -1 for none
		front := int64(0)
		for i := range rapid.IntRange(1, 120).Draw(rt, "frames") {
			n := rapid.IntRange(1, 480).Draw(rt, "samples")
			at := front + rapid.Int64Range(-15000, 6000).Draw(rt, "step")
			if i == 0 {
				at = 0
			}
			p := make([]byte, n)
			for j := range p {
				p[j] = byte(rapid.IntRange(0, 0xFE).Draw(rt, "code")%0x7F + i%2)
			}
			m.push(media.Frame{At: base + at, Payload: p})
			for j, c := range p {
				place := at + int64(j)
				for int64(len(model)) <= place {
					model = append(model, -1)
				}
				if place >= 0 && model[place] < 0 {
					model[place] = int(c)
				}
			}
			front = max(front, at+int64(n))
		}
		got := d.finish(r)
		pcm := d.listen(r.ID()).left()
		lost := int64(0)
		if len(pcm) != len(model) {
			rt.Fatalf("%d samples, want %d", len(pcm), len(model))
		}
		for i, c := range model {
			want := int16(0)
			if c < 0 {
				lost++
			} else {
				want = media.DecodeMulaw(byte(c))
			}
			if pcm[i] != want {
				rt.Fatalf("sample %d = %d, want %d", i, pcm[i], want)
			}
		}
		if got.Tracks[0].Lost != lost {
			rt.Fatalf("lost %d, want %d", got.Tracks[0].Lost, lost)
		}
	})
}
