package flow

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/call"
	"sotto/db"
	"sotto/recording"
)

// recordAgent lets the recording of the call hear an agent too; it begins with
// the first one. The voices of numbers outside and of supervisors are never
// recorded.
func (j *journey) recordAgent(ctx context.Context, p *party) error {
	j.mu.Lock()
	r, allowed := j.recorder, j.asked.record
	j.mu.Unlock()
	if r != nil {
		if !allowed || p.kind != call.AgentLeg {
			return nil
		}
		return r.Agent(p.leg.Media(), p.person, p.key)
	}
	return j.record(ctx, recording.Call, func(r *recording.Recorder) error {
		err := r.Caller(j.caller.Media())
		if p.kind == call.AgentLeg {
			err = errors.Join(err, r.Agent(p.leg.Media(), p.person, p.key))
		}
		return err
	})
}

// tape pauses the recording while an agent says so and while the caller is on
// hold, or alone for a moment: what is said then is not for it.
func (t *talk) tape() {
	if on := !t.paused && t.caller().place == talking && !t.alone(); on != t.taped {
		t.taped = on
		t.hush(!on)
	}
}

func (t *talk) hush(on bool) {
	t.j.mu.Lock()
	defer t.j.mu.Unlock()
	t.j.hushed = on
	if t.j.recorder == nil {
		return
	}
	if on {
		t.j.recorder.Pause()
	} else {
		t.j.recorder.Resume()
	}
}

// pause stops the recording for a while, or lets it go on: it is in the audit
// log and a tone tells everybody. From the moment it returns nothing that is
// said is recorded.
func (t *talk) pause(actor sotto.Actor, on bool) error {
	t.j.mu.Lock()
	recorded := t.j.recorder != nil && t.j.asked.record
	t.j.mu.Unlock()
	if !recorded {
		return sotto.Fail(sotto.Conflict, "This call is not recorded.")
	}
	if t.paused == on {
		return nil
	}
	t.setPaused(on)
	t.tape()
	t.beep(t.caller(), t.agents())
	action := audit.Resume
	if on {
		action = audit.Pause
	}
	t.notePause(actor, action)
	return nil
}

// setPaused counts a pause, and keeps the keys the caller presses in it from
// everybody: it is for what nobody may keep.
func (t *talk) setPaused(on bool) {
	now := t.j.f.Clock()
	if on {
		t.since = now
		t.j.call.Count(call.Tally{Pauses: 1})
	} else {
		t.j.call.Count(call.Tally{Paused: max(now.Sub(t.since), 0)})
	}
	t.paused = on
	t.caller().leg.Media().SetKeysPrivate(on)
}

// notePause writes that a pause begins or ends, its ends in their order, with
// an entry of the audit log. One that ends with the conversation has none:
// action is "" then.
func (t *talk) notePause(actor sotto.Actor, action audit.Action) {
	at, before := t.j.f.Clock(), t.noted
	t.noted = t.j.aside("pause", func() error {
		before()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return t.j.f.DB.Write(ctx, func(tx *db.Tx) (err error) {
			if action == audit.Pause {
				t.pauseRow, err = t.j.f.Recordings.BeginPause(tx, t.j.recordingID(), actor.Person, at)
			} else {
				err = t.j.f.Recordings.EndPause(tx, t.pauseRow, at)
			}
			if err != nil || action == "" {
				return err
			}
			return t.j.f.Audit.Add(tx, actor, audit.Entry{
				Action: action, Source: audit.Recording, SourceID: int64(t.j.recordingID()), Ticket: t.j.call.Ticket(), Person: t.j.call.Person,
			})
		})
	})
	t.work.Go(t.noted)
}

// recordingID is the recording of the call; 0 while there is none.
func (j *journey) recordingID() sotto.RecordingID {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recorder == nil {
		return 0
	}
	return j.recorder.ID()
}

// endRecording ends the recording for the rest of the call: with
// recording.NoReason what there is stays, else it is shredded.
func (j *journey) endRecording(why recording.Reason) error {
	j.mu.Lock()
	j.asked.record = false
	j.mu.Unlock()
	return j.stopRecording(why)
}
