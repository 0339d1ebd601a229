package recording_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
	"sotto/leg/media"
	"sotto/recording"
)

// crashIn names the folder in which the test binary, started anew, records
// until it is killed.
const crashIn = "SOTTO_TEST_CRASH_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashIn); dir != "" {
		if err := recordUntilKilled(dir); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// crashed is what a killed process was doing.
type crashed struct {
	recording sotto.RecordingID
	said      int64 // samples each party had said by then
}

// recordUntilKilled records two voices in real time and says every 20 ms how
// far they are.
func recordUntilKilled(dir string) error {
	t := &testing.T{} // never fails: the first error ends the process
	base, err := db.Open(context.Background(), db.Config{Path: filepath.Join(dir, "sotto.db"), Create: true, Clock: time.Now})
	if err != nil {
		return err
	}
	d, err := setUp(t, base, filepath.Join(dir, "blobs"), filepath.Join(dir, "keys"), recording.Config{})
	if err != nil {
		return err
	}
	r := d.start()
	caller, agent := d.hearCaller(r), d.hearAgent(r)
	fmt.Println("recording", r.ID())
	tick := time.NewTicker(20 * time.Millisecond)
	for n := 0; ; n += 160 {
		<-tick.C
		caller.say(int64(n), media.Mulaw, tone(440, n, 160))
		agent.say(int64(n)+800, media.Mulaw, tone(1000, n, 160))
		fmt.Println("said", n+160)
	}
}

// crash starts a recording process, lets it say so many samples, and kills it
// the hard way.
func crash(t *testing.T, dir string, say int64) (c crashed) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashIn+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "recording %d", &n); err == nil {
			c.recording = sotto.RecordingID(n)
		}
		if _, err := fmt.Sscanf(lines.Text(), "said %d", &n); err == nil {
			c.said = n
		}
		if c.said >= say {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it still said
		_, _ = fmt.Sscanf(lines.Text(), "said %d", &c.said)
	}
	_ = cmd.Wait() // it was killed
	if c.recording == 0 || c.said < say {
		t.Fatalf("the process did not record: %s", log.String())
	}
	return c
}

func TestKillTakesHalfASecondAtMost(t *testing.T) {
	dir := t.TempDir()
	c := crash(t, dir, 3*media.SampleRate)
	base := dbtest.Open(t, db.Config{Path: filepath.Join(dir, "sotto.db"), Clock: time.Now})
	d, err := setUp(t, base, filepath.Join(dir, "blobs"), filepath.Join(dir, "keys"), recording.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	if wrong := d.rs.Check(d.ctx); len(wrong) == 0 {
		t.Error("Check finds nothing wrong before Recover")
	}
	if err := d.rs.Recover(d.ctx); err != nil {
		t.Fatal(err)
	}
	got := d.get(c.recording)
	if got.State != recording.Durable || got.Reason != recording.CutOff {
		t.Fatalf("recording is %s %q", got.State, got.Reason)
	}
	for _, track := range got.Tracks {
		if missing := c.said - track.Samples; missing > recording.Chunk || track.Samples%recording.Chunk != 0 {
			t.Errorf("%s: %d samples of %d are missing", describe(track), missing, c.said)
		}
	}
	if got.Tracks[1].Offset != 800 {
		t.Errorf("the agent's voice is at %d, want 800: the row knew it after a second", got.Tracks[1].Offset)
	}
	e := d.listen(c.recording)
	wantTone(t, "caller", at(e.left(), 16000), 440)
	wantTone(t, "agent", at(e.right(), 16000), 1000)
	if _, err := d.rs.Prove(d.ctx, c.recording); err != nil {
		t.Errorf("Prove = %v", err)
	}
}

// abandon leaves a recording as a crash would: its row says writing, its
// files end anywhere, and no process knows of it.
func (d *desk) abandon(said int) (id sotto.RecordingID) {
	d.t.Helper()
	r := d.start()
	caller := d.hearCaller(r)
	d.hearAgent(r)
	before := d.bytesOnDisk()
	caller.say(0, media.Mulaw, tone(440, 0, said))
	want := before + int64(said/recording.Chunk*(recording.Chunk+16))
	until(d.t, "the chunks", func() bool { return d.bytesOnDisk() >= want })
	d.rs.StopRecording(r.ID())
	return r.ID()
}

func TestRecoverLeavesNothingWriting(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		whole, torn, empty, forgotten := d.abandon(3*recording.Chunk), d.abandon(2*recording.Chunk), d.abandon(0), d.abandon(recording.Chunk)
		var tracks []int64
		d.write(func(tx *db.Tx) (err error) {
			tracks, err = db.All(tx, db.Int, `SELECT id FROM track WHERE role = 'caller' ORDER BY id`)
			if err != nil {
				return err
			}
			_, err = tx.Exec(`UPDATE track SET caller_key_id = $1 WHERE recording_id = $2`, int64(d.agentKey), int64(forgotten))
			return err
		})
		tear(t, d, tracks[1])
		if err := d.blobs.Put(catalogue.CallTrack, 4242, strings.NewReader("nobody's")); err != nil {
			t.Fatal(err)
		}
		again := recording.New(d.cfg)
		defer func() { _ = again.Stop(d.ctx) }()
		if err := again.Recover(d.ctx); err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name    string
			id      sotto.RecordingID
			state   recording.State
			reason  recording.Reason
			samples int64
		}{
			{"Whole", whole, recording.Durable, recording.CutOff, 3 * recording.Chunk},
			{"Torn", torn, recording.Durable, recording.CutOff, recording.Chunk},
			{"Empty", empty, recording.Lost, recording.CutOff, 0},
		}
		for _, tt := range tests {
			got := d.get(tt.id)
			if got.State != tt.state || got.Reason != tt.reason || got.Tracks[0].Samples != tt.samples || got.EndedAt.IsZero() {
				t.Errorf("%s: recording is %s %q, track %s", tt.name, got.State, got.Reason, describe(got.Tracks[0]))
			}
			if got.Tracks[1].State != recording.Lost {
				t.Errorf("%s: the silent agent's track is %s", tt.name, got.Tracks[1].State)
			}
		}
		if has, err := d.blobs.Has(catalogue.CallTrack, 4242); has || err != nil {
			t.Errorf("the file without a row is there: %v, %v", has, err)
		}
		if wrong := again.Check(d.ctx); len(wrong) != 0 {
			t.Errorf("Check after Recover: %q", wrong)
		}
	})
}

func TestRecoverOfAForgottenCallerIsErased(t *testing.T) {
	d := sqlite(t, recording.Config{})
	id := d.abandon(recording.Chunk)
	if err := d.ring.Destroy(d.callerKey); err != nil {
		t.Fatal(err)
	}
	again := recording.New(d.cfg)
	defer func() { _ = again.Stop(d.ctx) }()
	if err := again.Recover(d.ctx); err != nil {
		t.Fatal(err)
	}
	if got := d.get(id); got.State != recording.Erased || got.Reason != recording.Forgotten || len(d.files()) != 0 {
		t.Errorf("recording is %s %q with %d files", got.State, got.Reason, len(d.files()))
	}
}

// tear cuts a track's file off in the middle of its last chunk.
func tear(t *testing.T, d *desk, track int64) {
	t.Helper()
	for _, path := range d.files() {
		if filepath.Base(path) != fmt.Sprint(track) {
			continue
		}
		st, err := os.Stat(path)
		if err == nil {
			err = os.Truncate(path, st.Size()-100)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("track %d has no file", track)
}

func TestRecoverRefusesWhileSomebodyRecords(t *testing.T) {
	d := sqlite(t, recording.Config{})
	d.start()
	if err := d.rs.Recover(d.ctx); sotto.KindOf(err) != sotto.Conflict {
		t.Errorf("Recover = %v, want conflict", err)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(d *desk, r recording.Recording)
		want  string
	}{
		{"FileGone", func(d *desk, r recording.Recording) { _ = os.Remove(d.files()[0]) }, "cannot be heard"},
		{"FileShort", func(d *desk, r recording.Recording) { _ = os.Truncate(d.files()[0], 64+100) }, "cannot be heard"},
		{"FileShredded", func(d *desk, r recording.Recording) {
			f, _ := os.OpenFile(d.files()[0], os.O_WRONLY, 0)
			_, _ = f.WriteAt(make([]byte, keyring.StreamHead), 0)
			_ = f.Close()
		}, "cannot be heard"},
		{"FileWithoutRow", func(d *desk, r recording.Recording) { _ = d.blobs.Put(catalogue.CallTrack, 99, strings.NewReader("x")) }, "Track file 99 has no row"},
		{"Writing", func(d *desk, r recording.Recording) { d.set(r, "state = 'writing'") }, "says it is being written"},
		{"Deleted", func(d *desk, r recording.Recording) { d.set(r, "state = 'deleted'") }, "is gone and still has a file"},
		{"NoConsent", func(d *desk, r recording.Recording) { d.exec("UPDATE consent SET outcome = 'refused'") }, "rests on no consent"},
		{"NoTrack", func(d *desk, r recording.Recording) { d.exec("UPDATE track SET state = 'lost'") }, "none of its tracks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := sqlite(t, recording.Config{})
			r := d.start()
			d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
			got := d.finish(r)
			if wrong := d.rs.Check(d.ctx); len(wrong) != 0 {
				t.Fatalf("Check before = %q", wrong)
			}
			tt.spoil(d, got)
			wrong := d.rs.Check(d.ctx)
			if !strings.Contains(strings.Join(wrong, "\n"), tt.want) {
				t.Errorf("Check = %q, want %q", wrong, tt.want)
			}
			d.broken = true
		})
	}
}
