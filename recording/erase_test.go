package recording_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/leg/media"
	"sotto/recording"
)

// racers push into every mouth as fast as they can until stopped.
func racers(mouths ...*mouth) (stop func()) {
	var done atomic.Bool
	var all sync.WaitGroup
	for _, m := range mouths {
		all.Go(func() {
			pcm := tone(440, 0, 800)
			for n := int64(0); !done.Load(); n += 800 {
				m.push(frame(n, media.Mulaw, pcm))
			}
		})
	}
	return func() {
		done.Store(true)
		all.Wait()
	}
}

func TestNotAByteIsWrittenAfterStopPerson(t *testing.T) {
	tests := []struct {
		name string
		stop func(d *desk, r *recording.Recorder) []sotto.RecordingID
	}{
		{"Caller", func(d *desk, r *recording.Recorder) []sotto.RecordingID {
			d.ring.Freeze(d.callerKey)
			return d.rs.StopPerson(d.callerKey)
		}},
		{"Recording", func(d *desk, r *recording.Recorder) []sotto.RecordingID { return d.rs.StopRecording(r.ID()) }},
		{"Call", func(d *desk, r *recording.Recorder) []sotto.RecordingID { return d.rs.StopCall(d.get(r.ID()).Call) }},
		{"Ticket", func(d *desk, r *recording.Recorder) []sotto.RecordingID {
			ids, err := d.rs.StopTicket(d.ctx, d.onTicket(r))
			if err != nil {
				d.t.Fatal(err)
			}
			return ids
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := sqlite(t, recording.Config{})
			for range 8 {
				r := d.start()
				caller, agent := d.hearCaller(r), d.hearAgent(r)
				before := d.bytesOnDisk()
				stop := racers(caller, agent)
				until(t, "sound on the disk", func() bool { return d.bytesOnDisk() > before+200_000 })
				ids := tt.stop(d, r)
				after := d.bytesOnDisk()
				if len(ids) != 1 || ids[0] != r.ID() {
					t.Errorf("stopped %v, want %d", ids, r.ID())
				}
				if caller.push(frame(0, media.Mulaw, tone(440, 0, 160))) {
					t.Error("the port is still tapped")
				}
				for range 20 {
					d.rs.Tend()
					d.rs.SyncNow()
				}
				if now := d.bytesOnDisk(); now != after {
					t.Errorf("the files grew from %d to %d bytes", after, now)
				}
				stop()
				if err := r.HearCaller(caller.tap); err == nil {
					t.Error("a track was added afterwards")
				}
				d.finish(r)
				if now := d.bytesOnDisk(); now != after {
					t.Errorf("Stop made the files grow from %d to %d bytes", after, now)
				}
				d.ring.Thaw(d.callerKey)
			}
			if s := d.rs.Stats(); s.Live != 0 || s.Used != 0 {
				t.Errorf("afterwards %+v: blocks were not given back", s)
			}
		})
	}
}

// onTicket puts the recording on a new ticket.
func (d *desk) onTicket(r *recording.Recorder) (ticket sotto.TicketID) {
	d.t.Helper()
	call := d.get(r.ID()).Call
	d.write(func(tx *db.Tx) error {
		ticket = sotto.TicketID(tx.NewID())
		subject, err := d.ring.SealText(d.callerKey, catalogue.TicketSubject, int64(ticket), "x")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO ticket (id, requester_id, key_id, subject, status, priority, via, created_at, updated_at)
			VALUES ($1, $2, $3, $4, 'open', 'normal', 'voice', 0, 0)`, int64(ticket), int64(d.caller), int64(d.callerKey), subject); err != nil {
			return err
		}
		return d.rs.Attach(tx, call, ticket)
	})
	return ticket
}

func TestForgettingAnAgentSilencesThatVoiceOnly(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		caller, agent := d.hearCaller(r), d.hearAgent(r)
		caller.say(0, media.Mulaw, tone(440, 0, 8000))
		agent.say(0, media.Mulaw, tone(1000, 0, 8000))
		d.ring.Freeze(d.agentKey)
		if ids := d.rs.StopPerson(d.agentKey); len(ids) != 1 {
			t.Errorf("StopPerson touched %v", ids)
		}
		if err := d.ring.Destroy(d.agentKey); err != nil {
			t.Fatal(err)
		}
		if agent.push(frame(8000, media.Mulaw, tone(1000, 0, 160))) {
			t.Error("the agent is still recorded")
		}
		caller.say(8000, media.Mulaw, tone(440, 8000, 8000))
		got := d.finish(r)
		if got.State != recording.Durable || got.Tracks[0].Samples != 16000 || got.Tracks[1].State != recording.Lost {
			t.Errorf("recording is %s: %s, %s", got.State, describe(got.Tracks[0]), describe(got.Tracks[1]))
		}
		e := d.listen(r.ID())
		wantTone(t, "caller", at(e.left(), 14000), 440)
		wantSilence(t, "agent", e.right())
	})
}

func TestForgettingTheCallerErasesTheRecording(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		old := d.start()
		d.hearCaller(old).say(0, media.Mulaw, tone(440, 0, 16000))
		d.finish(old)
		w, err := d.rs.WAV(d.ctx, staff, old.ID())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		b := make([]byte, 100)
		if _, err := w.Read(b); err != nil {
			t.Fatal(err)
		}
		r := d.start()
		d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
		d.ring.Freeze(d.callerKey)
		d.rs.StopPerson(d.callerKey)
		if err := d.ring.Destroy(d.callerKey); err != nil {
			t.Fatal(err)
		}
		if _, err := d.rs.Start(d.ctx, recording.Start{Call: d.call(), Kind: recording.Call, CallerKey: d.callerKey}); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Start for a forgotten caller = %v, want gone", err)
		}
		if err := r.HearAgent((&mouth{}).tap, d.agent, d.agentKey); err == nil {
			t.Error("an agent was added to a recording of a forgotten caller")
		}
		if got := d.finish(r); got.State != recording.Erased || got.Reason != recording.Forgotten {
			t.Errorf("recording is %s %q", got.State, got.Reason)
		}
		if _, err := w.Seek(20_000, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Read(b); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("a play-back under way goes on: %v", err)
		}
		if _, err := d.rs.WAV(d.ctx, staff, old.ID()); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("WAV = %v, want gone", err)
		}
		if n := len(d.files()); n != 1 { // that of old awaits erasure
			t.Errorf("%d files", n)
		}
	})
}

func TestTakingConsentBackShredsWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		caller, agent := d.hearCaller(r), d.hearAgent(r)
		caller.say(0, media.Mulaw, tone(440, 0, 20000))
		agent.say(0, media.Mulaw, tone(440, 0, 20000))
		until(t, "sound on the disk", func() bool { return d.bytesOnDisk() > 30000 })
		if err := r.Stop(d.ctx, recording.ConsentWithdrawn); err != nil {
			t.Fatal(err)
		}
		got := d.get(r.ID())
		if got.State != recording.Deleted || got.Reason != recording.ConsentWithdrawn || got.DeletedAt.IsZero() || len(d.files()) != 0 {
			t.Errorf("recording is %s %q with %d files", got.State, got.Reason, len(d.files()))
		}
		if n := d.count(`SELECT COUNT(*) FROM audit_entry WHERE action = 'destroy' AND source = 'recording' AND source_id = $1`, int64(r.ID())); n != 1 {
			t.Errorf("%d audit entries, want 1", n)
		}
		if _, err := d.rs.WAV(d.ctx, staff, r.ID()); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("WAV = %v, want gone", err)
		}
	})
}

func (d *desk) count(query string, args ...any) (n int64) {
	d.t.Helper()
	if err := d.db.Read(d.ctx, func(tx *db.Tx) (err error) {
		n, err = db.One(tx, db.Int, query, args...)
		return err
	}); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestDeletingARecordingThatIsBeingWritten(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		r := d.start()
		m := d.hearCaller(r)
		m.say(0, media.Mulaw, tone(440, 0, 16000))
		d.rs.StopRecording(r.ID())
		admin := sotto.Actor{Person: d.agent, Role: sotto.Admin}
		d.write(func(tx *db.Tx) error {
			was, err := d.rs.MarkDeleted(tx, r.ID(), admin)
			if err == nil && was.State != recording.Writing {
				t.Errorf("was %s", was.State)
			}
			return err
		})
		if _, err := d.blobs.Delete(catalogue.CallTrack, int64(d.get(r.ID()).Tracks[0].ID)); err != nil {
			t.Fatal(err)
		}
		got := d.finish(r) // the call goes on and ends later
		if got.State != recording.Deleted || got.DeletedBy != d.agent || got.Tracks[0].State != recording.Lost {
			t.Errorf("recording is %s by %d, track %s", got.State, got.DeletedBy, got.Tracks[0].State)
		}
		err := d.db.Write(d.ctx, func(tx *db.Tx) error {
			_, err := d.rs.MarkDeleted(tx, r.ID(), admin)
			return err
		})
		if sotto.KindOf(err) != sotto.Gone {
			t.Errorf("deleting again = %v, want gone", err)
		}
	})
}

func TestAPlayBackEndsWhenItsFileIsDeleted(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 40000))
	got := d.finish(r)
	w, err := d.rs.WAV(d.ctx, staff, r.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	d.write(func(tx *db.Tx) error {
		_, err := d.rs.MarkDeleted(tx, r.ID(), sotto.Desk())
		return err
	})
	if _, err := d.blobs.Delete(catalogue.CallTrack, int64(got.Tracks[0].ID)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seek(100_000, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Read(make([]byte, 1000)); sotto.KindOf(err) != sotto.Gone {
		t.Errorf("Read = %v, want gone", err)
	}
}

func TestAuditChainHolds(t *testing.T) {
	d := sqlite(t, recording.Config{})
	r := d.start()
	d.hearCaller(r).say(0, media.Mulaw, tone(440, 0, 8000))
	d.finish(r)
	for range 3 { // one listening, as a browser asks for it
		d.listen(r.ID())
	}
	other := sotto.Actor{Person: 8, Role: sotto.Admin}
	w, err := d.rs.WAV(d.ctx, other, r.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n := d.count(`SELECT COUNT(*) FROM audit_entry WHERE action = 'listen' AND source_id = $1 AND person_id = $2`, int64(r.ID()), int64(d.caller)); n != 2 {
		t.Errorf("%d listenings in the audit log, want 2", n)
	}
}
