package recording_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sotto"
	"sotto/leg/media"
	"sotto/recording"
)

func TestAPanicEndsOneTrackOnly(t *testing.T) {
	d := sqlite(t, recording.Config{})
	var victim atomic.Int64
	d.rs.Hold(func(id sotto.TrackID) {
		if int64(id) == victim.Load() {
			panic("a mistake of ours")
		}
	})
	bad, good := d.start(), d.start()
	caller, agent := d.hearCaller(bad), d.hearAgent(bad)
	victim.Store(int64(d.get(bad.ID()).Tracks[0].ID))
	other := d.hearCaller(good)
	for _, m := range []*mouth{caller, agent, other} {
		m.say(0, media.Mulaw, tone(440, 0, 40_000))
	}
	got := d.finish(bad)
	if got.State != recording.Durable || got.Reason != recording.Fault {
		t.Errorf("recording is %s %q", got.State, got.Reason)
	}
	if got.Tracks[0].State != recording.Lost || got.Tracks[0].Lost != 40_000 || got.Tracks[1].Samples != 40_000 {
		t.Errorf("tracks are %s, %s", describe(got.Tracks[0]), describe(got.Tracks[1]))
	}
	if got := d.finish(good); got.Reason != recording.NoReason || got.Tracks[0].Samples != 40_000 {
		t.Errorf("the other recording is %s %q", got.State, got.Reason)
	}
}

// TestAFrozenKeyStopsTheTrackByItself has no StopPerson: sealing fails, and
// not a byte more is written.
func TestAFrozenKeyStopsTheTrackByItself(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	m := d.hearCaller(r)
	m.say(0, media.Mulaw, tone(440, 0, 8000))
	until(t, "a chunk", func() bool { return d.bytesOnDisk() > 4096 })
	d.ring.Freeze(d.callerKey)
	before := d.bytesOnDisk()
	m.say(8000, media.Mulaw, tone(440, 8000, 40_000))
	got := d.finish(r)
	if now := d.bytesOnDisk(); now != before {
		t.Errorf("the file grew from %d to %d bytes", before, now)
	}
	if got.State != recording.Durable || got.Reason != recording.Forgotten || got.Tracks[0].Samples+got.Tracks[0].Lost != 48_000 {
		t.Errorf("recording is %s %q, track %s", got.State, got.Reason, describe(got.Tracks[0]))
	}
}

func TestRowsThatCannotBeWrittenAreTriedAgain(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
	d.exec(`ALTER TABLE track RENAME TO hidden`)
	ctx, cancel := context.WithTimeout(d.ctx, 300*time.Millisecond)
	defer cancel()
	if err := r.Stop(ctx, recording.NoReason); err == nil {
		t.Error("Stop says the rows are final")
	}
	d.exec(`ALTER TABLE hidden RENAME TO track`)
	if got := d.finish(r); got.State != recording.Durable || got.Tracks[0].Samples != 8000 {
		t.Errorf("recording is %s, track %s", got.State, describe(got.Tracks[0]))
	}
}

func TestADeskThatStopsGivesUpOnADatabaseThatFails(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
	d.exec(`ALTER TABLE track RENAME TO hidden`)
	if err := d.rs.Stop(d.ctx); err == nil {
		t.Error("Stop says all is well")
	}
	d.exec(`ALTER TABLE hidden RENAME TO track`)
	again := recording.New(d.cfg)
	defer func() { _ = again.Stop(d.ctx) }()
	if err := again.Recover(d.ctx); err != nil {
		t.Fatal(err)
	}
	if got := d.get(r.ID()); got.State != recording.Durable || got.Tracks[0].Samples != 8000 {
		t.Errorf("recording is %s, track %s", got.State, describe(got.Tracks[0]))
	}
	d.broken = true // its Stop fails again
}

func TestManyTracksAreSyncedTogether(t *testing.T) {
	d := sqlite(t, recording.Config{})
	var all []*recording.Recorder
	for range 20 {
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 5000))
		all = append(all, r)
	}
	until(t, "the chunks", func() bool { return d.bytesOnDisk() == 20*(64+recording.Chunk+16) })
	d.rs.SyncNow()
	d.rs.SyncNow() // nothing is new
	for _, r := range all {
		if got := d.finish(r); got.Tracks[0].Samples != 5000 {
			t.Errorf("track is %s", describe(got.Tracks[0]))
		}
	}
}
