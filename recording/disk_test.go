package recording_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sotto"
	"sotto/db/dbtest"
	"sotto/leg/media"
	"sotto/recording"
)

// hang makes every write to a file wait until the test releases it.
func hang(rs *recording.Recordings) (release func()) {
	gate := make(chan struct{})
	rs.Hold(func(sotto.TrackID) { <-gate })
	return sync.OnceFunc(func() { close(gate) })
}

func TestPushNeverWaitsForADiskThatHangs(t *testing.T) {
	d := sqlite(t, recording.Config{Buffer: 1 << 20})
	release := hang(d.rs)
	defer release()
	var all []*mouth
	var recorders []*recording.Recorder
	for range 10 {
		r := d.start()
		recorders = append(recorders, r)
		all = append(all, d.hearCaller(r), d.hearAgent(r))
	}
	slowest := time.Duration(0)
	pcm := tone(440, 0, 160)
	for n := int64(0); n < 30*media.SampleRate; n += 160 {
		f := frame(n, media.Mulaw, pcm)
		for _, m := range all {
			begun := time.Now()
			m.push(f)
			slowest = max(slowest, time.Since(begun))
		}
	}
	if slowest > 200*time.Millisecond {
		t.Errorf("the slowest Push took %v", slowest)
	}
	ctx, cancel := context.WithTimeout(d.ctx, 50*time.Millisecond)
	defer cancel()
	if err := recorders[0].Stop(ctx, recording.NoReason); err == nil {
		t.Error("Stop says the recording is on a disk that hangs")
	}
	release()
	for _, r := range recorders {
		got := d.finish(r)
		for _, track := range got.Tracks {
			if track.State != recording.Durable || track.Lost == 0 || track.Lost+track.Samples < 30*media.SampleRate {
				t.Errorf("%s: what did not fit the buffer is not counted", describe(track))
			}
		}
	}
	if s := d.rs.Stats(); s.Used != 0 {
		t.Errorf("%d blocks are in use afterwards", s.Used)
	}
}

func TestAHangShorterThanTheBufferLosesNothing(t *testing.T) {
	d := sqlite(t, recording.Config{})
	release := hang(d.rs)
	defer release()
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 20*media.SampleRate))
	release()
	if got := d.finish(r).Tracks[0]; got.Lost != 0 || got.Samples != 20*media.SampleRate {
		t.Errorf("track is %s", describe(got))
	}
}

func TestAFullDiskEndsTheRecordingAndNotTheCall(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	d := newDesk(t, dbtest.SQLite(t), dir, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	const said = 60 * media.SampleRate
	for n := 0; n < said; n += 800 {
		if !m.push(frame(int64(n), media.Mulaw, tone(440, n, 800))) {
			t.Fatal("the tap was taken down")
		}
	}
	got := d.finish(r)
	track := got.Tracks[0]
	if got.State != recording.Durable || got.Reason != recording.DiskFull {
		t.Errorf("recording is %s %q", got.State, got.Reason)
	}
	if track.Samples == 0 || track.Samples+track.Lost != said {
		t.Errorf("track is %s, want %d in all", describe(track), said)
	}
	wantTone(t, "what was kept", at(d.listen(r.ID()).left(), int(track.Samples)-1600), 440)

	next := d.start() // the disk is still full
	if err := next.HearCaller((&mouth{}).tap); err == nil {
		t.Error("a track was begun on a full disk")
	}
	if got := d.finish(next); got.State != recording.Lost || got.Reason != recording.DiskFull {
		t.Errorf("recording on a full disk is %s %q", got.State, got.Reason)
	}
}

func TestNoReadableSoundIsInAnyFile(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	pcm := tone(440, 0, 16000)
	d.hearCaller(r).say(0, media.Mulaw, pcm)
	d.hearAgent(r).say(0, media.Alaw, pcm)
	d.finish(r)
	for _, law := range []media.Law{media.Mulaw, media.Alaw} {
		spoken := frame(0, law, pcm).Payload
		for _, path := range d.files() {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i+8 <= 200; i++ { // 200 samples are 11 turns of the tone
				if bytes.Contains(b, spoken[i:i+8]) {
					t.Fatalf("%s holds readable sound", filepath.Base(path))
				}
			}
		}
	}
}

func TestTwoHundredTracksPushedFastLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	seconds := 60
	if raceEnabled {
		seconds = 10
	}
	d := sqlite(t, recording.Config{Buffer: 64 << 20})
	recorders := make([]*recording.Recorder, 100)
	mouths := make([]*mouth, 0, 200)
	for i := range recorders {
		recorders[i] = d.start()
		mouths = append(mouths, d.hearCaller(recorders[i]), d.hearAgent(recorders[i]))
	}
	pcm := tone(440, 0, 160)
	var pushers sync.WaitGroup
	for part := range 4 { // as many readers of sockets
		pushers.Go(func() {
			for n := range seconds * 50 {
				f := frame(int64(n)*160, media.Mulaw, pcm)
				for i := part; i < len(mouths); i += 4 {
					mouths[i].push(f)
				}
				for d.rs.Stats().Ready < 250 { // faster than real time, but not than the disk
					<-time.After(time.Millisecond)
				}
			}
		})
	}
	pushers.Wait()
	for _, r := range recorders {
		for _, track := range d.finish(r).Tracks {
			if track.Samples != int64(seconds)*media.SampleRate || track.Lost != 0 {
				t.Fatalf("track is %s", describe(track))
			}
		}
	}
}

func TestPushAllocatesNothing(t *testing.T) {
	d := sqlite(t, recording.Config{})
	sink := d.rs.NewTrack()
	p := make([]byte, 160)
	var n atomic.Int64
	for _, law := range []media.Law{media.Mulaw, media.Alaw} {
		if got := testing.AllocsPerRun(2000, func() {
			sink.Push(media.Frame{At: n.Add(1) * 160, Law: law, Payload: p})
		}); got != 0 {
			t.Errorf("Push allocates %v times", got)
		}
	}
}

// BenchmarkPush is one frame of 20 ms on its way into a block, with its share
// of the writer who seals and writes it.
func BenchmarkPush(b *testing.B) {
	for name, law := range map[string]media.Law{"Mulaw": media.Mulaw, "Alaw": media.Alaw} {
		b.Run(name, func(b *testing.B) {
			d := sqlite(b, recording.Config{})
			r := d.start()
			m := d.hearCaller(r)
			f := frame(0, law, tone(440, 0, 160))
			b.ReportAllocs()
			b.SetBytes(160)
			b.ResetTimer()
			for i := range b.N {
				f.At = int64(i) * 160
				m.push(f)
				for i%100 == 0 && d.rs.Stats().Ready < 100 {
					<-time.After(100 * time.Microsecond)
				}
			}
			b.StopTimer()
			d.finish(r)
		})
	}
}
