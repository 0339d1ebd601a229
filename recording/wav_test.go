package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/iotest"

	"sotto"
	"sotto/leg/media"
	"sotto/recording"
)

// read returns the whole of a WAV.
func read(t *testing.T, w *recording.WAV) []byte {
	t.Helper()
	b, err := io.ReadAll(w)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != w.Size {
		t.Fatalf("%d bytes, Size says %d", len(b), w.Size)
	}
	return b
}

func (d *desk) wav(id sotto.RecordingID) *recording.WAV {
	d.t.Helper()
	w, err := d.rs.WAV(d.ctx, staff, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return w
}

// threeVoices is a recording of a caller and two agents, the second of whom
// comes late.
func (d *desk) threeVoices() sotto.RecordingID {
	d.t.Helper()
	r := d.start()
	caller, first := d.hearCaller(r), d.hearAgent(r)
	caller.say(500, media.Mulaw, tone(440, 0, 30_000), 9, 10)
	first.say(700, media.Mulaw, tone(1000, 0, 20_000))
	d.hearAgent(r).say(12_345, media.Alaw, tone(1800, 0, 25_000))
	d.finish(r)
	return r.ID()
}

func TestReadingInPiecesIsReadingTheWhole(t *testing.T) {
	d := sqlite(t, recording.Config{})
	id := d.threeVoices()
	whole := read(t, d.wav(id))
	if !bytes.Equal(whole, read(t, d.wav(id))) {
		t.Fatal("the same recording gives other bytes")
	}
	w := d.wav(id)
	defer w.Close()
	if err := iotest.TestReader(w, whole); err != nil {
		t.Error(err)
	}
	for range 500 {
		from := rand.Int64N(w.Size)
		n := rand.Int64N(min(40_000, w.Size-from)) + 1
		if _, err := w.Seek(from, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(w, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, whole[from:from+n]) {
			t.Fatalf("bytes %d to %d differ from the whole", from, from+n)
		}
	}
}

func TestServeContentAnswersRanges(t *testing.T) {
	d := sqlite(t, recording.Config{})
	id := d.threeVoices()
	whole := read(t, d.wav(id))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		src := d.wav(id)
		defer src.Close()
		w.Header().Set("Content-Type", "audio/wav")
		http.ServeContent(w, r, "", src.ModTime, src)
	}))
	defer server.Close()
	tests := []struct {
		ask      string
		from, to int
	}{{"", 0, len(whole)}, {"bytes=0-0", 0, 1}, {"bytes=40-47", 40, 48}, {"bytes=1001-77777", 1001, 77778}, {fmt.Sprintf("bytes=%d-", len(whole)-3), len(whole) - 3, len(whole)}, {"bytes=-5000", len(whole) - 5000, len(whole)}}
	for _, tt := range tests {
		req, err := http.NewRequest("GET", server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.ask != "" {
			req.Header.Set("Range", tt.ask)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, whole[tt.from:tt.to]) {
			t.Errorf("Range %q: %d bytes (%s) differ from the slice", tt.ask, len(got), res.Status)
		}
	}
	server.Client().CloseIdleConnections()
}

func TestAgentsAreMixedOnTheRight(t *testing.T) {
	d := sqlite(t, recording.Config{})
	e := d.listen(d.threeVoices())
	wantTone(t, "left", at(e.left(), 15_000), 440)
	right := e.right()
	wantTone(t, "first agent", at(right, 3_000), 1000)
	wantTone(t, "second agent", at(right, 25_000), 1800)
	both := at(right, 14_000)
	for _, hz := range []float64{1000, 1800} {
		if p := goertzel(both, hz); p < 5e7 {
			t.Errorf("together: %v Hz has power %.0f", hz, p)
		}
	}
}

func TestLoudVoicesAreClippedAndDoNotWrap(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	loud := make([]int16, 1600)
	for i := range loud {
		loud[i] = 32000
	}
	d.hearAgent(r).say(0, media.Mulaw, loud)
	d.hearAgent(r).say(0, media.Mulaw, loud)
	d.finish(r)
	for _, s := range d.listen(r.ID()).right() {
		if s != 32767 {
			t.Fatalf("sample %d, want 32767", s)
		}
	}
}

func TestOneVoiceAloneIsMono(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
		d.hearAgent(r).say(4000, media.Mulaw, tone(1000, 0, 8000))
		got := d.finish(r)
		w, err := d.rs.TrackWAV(d.ctx, got.Tracks[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		e, err := hear(w)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.channels) != 1 || len(e.left()) != 8000 {
			t.Fatalf("%d channels of %d samples", len(e.channels), len(e.left()))
		}
		wantTone(t, "agent", at(e.left(), 0), 1000)
		var copied bytes.Buffer
		if err := d.rs.WriteTrack(d.ctx, got.Tracks[0].ID, &copied); err != nil || copied.Len() != 44+16000 {
			t.Errorf("WriteTrack wrote %d bytes, %v", copied.Len(), err)
		}
		if _, err := d.rs.TrackWAV(d.ctx, 1); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("TrackWAV of nothing = %v, want not found", err)
		}
	})
}

func TestOnlyStaffMayListen(t *testing.T) {
	d := sqlite(t, recording.Config{})
	kept, gone, live := d.threeVoices(), d.threeVoices(), d.start()
	d.hearCaller(live).say(0, media.Mulaw, tone(440, 0, 800))
	d.exec(`UPDATE recording SET state = 'deleted' WHERE id = $1`, int64(gone))
	admin := sotto.Actor{Person: 9, Role: sotto.Admin}
	caller := sotto.Actor{Person: d.caller, Role: sotto.EndUser}
	never, ok := sotto.NotFound, sotto.Kind(0xFF)
	tests := []struct {
		name  string
		actor sotto.Actor
		id    sotto.RecordingID
		want  sotto.Kind
	}{
		{"AgentKept", staff, kept, ok},
		{"AdminKept", admin, kept, ok},
		{"ShellKept", sotto.Operator(), kept, ok},
		{"AgentGone", staff, gone, sotto.Gone},
		{"AgentLive", staff, live.ID(), sotto.Conflict},
		{"AgentUnknown", staff, 12345, never},
		{"CallerKept", caller, kept, never},
		{"CallerGone", caller, gone, never},
		{"CallerLive", caller, live.ID(), never},
		{"CallerUnknown", caller, 12345, never},
		{"NobodyKept", sotto.Actor{}, kept, never},
		{"NobodyGone", sotto.Actor{}, gone, never},
	}
	says := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := d.rs.WAV(d.ctx, tt.actor, tt.id)
			got := ok
			if err != nil {
				got = sotto.KindOf(err)
			} else {
				_ = w.Close()
			}
			if got != tt.want {
				t.Errorf("WAV = %v, want %v", err, tt.want)
			}
			if tt.want == never {
				says[sotto.SayOf(err)] = true
			}
		})
	}
	if len(says) != 1 {
		t.Errorf("what is not there and what is not yours differ: %v", says)
	}
	for _, actor := range []sotto.Actor{caller, {}} {
		all, err := d.rs.ByCall(d.ctx, actor, d.get(kept).Call)
		if len(all) != 0 || err != nil {
			t.Errorf("ByCall shows %d recordings to %q, %v", len(all), actor.Role, err)
		}
	}
	d.broken = true // gone has files
}

func TestPlayBackTakesLittleMemory(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 8000))
	m.say(3600*8000, media.Mulaw, tone(440, 0, 8000)) // an hour later
	d.finish(r)
	w := d.wav(r.ID())
	defer w.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := io.Copy(io.Discard, w); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grew := after.TotalAlloc - before.TotalAlloc; grew > 2<<20 {
		t.Errorf("an hour of play-back allocated %d bytes", grew)
	}
}
