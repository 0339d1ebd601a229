package recording

import (
	"context"
	"errors"
	"time"

	"sotto"
	"sotto/db"
)

// Role is whose voice a track holds.
type Role string

// The roles.
const (
	CallerVoice Role = "caller"
	AgentVoice  Role = "agent"
)

// Recording is a recording's row with its tracks.
type Recording struct {
	ID        sotto.RecordingID
	Call      sotto.CallID
	Caller    sotto.PersonID // 0 when nobody is known
	Ticket    sotto.TicketID // 0 when there is none yet
	Line      sotto.LineID
	Kind      Kind
	State     State
	Reason    Reason
	StartedAt time.Time
	EndedAt   time.Time // zero while it is written
	Duration  time.Duration
	DeletedAt time.Time
	DeletedBy sotto.PersonID // 0 for a rule
	Tracks    []Track
	Pauses    []Pause
}

// Track is a track's row. Places and lengths are in samples, 8000 a second.
type Track struct {
	ID        sotto.TrackID
	Recording sotto.RecordingID
	Agent     sotto.PersonID // 0 on the caller's
	Role      Role
	Key       sotto.KeyID // the agent's, 0 on the caller's
	CallerKey sotto.KeyID
	Offset    int64 // where on the recording's timeline it begins
	Samples   int64 // in the file
	Lost      int64 // never came, or could not be written
	Chunks    int64
	State     State
}

// noRecording is the one answer for what is not there and what is not yours.
func noRecording() error { return sotto.Fail(sotto.NotFound, "There is no such recording.") }

// Get returns a recording to staff. Everyone else is told that there is none.
func (rs *Recordings) Get(ctx context.Context, actor sotto.Actor, id sotto.RecordingID) (r Recording, err error) {
	defer sotto.Wrap(&err, "recording.Get(%d)", id)
	if !actor.IsStaff() {
		return r, noRecording()
	}
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		r, err = rs.whole(tx, id)
		return err
	})
	return r, err
}

// ByCall returns the recordings of a call to staff, oldest first, and nothing
// to everyone else.
func (rs *Recordings) ByCall(ctx context.Context, actor sotto.Actor, call sotto.CallID) (_ []Recording, err error) {
	defer sotto.Wrap(&err, "recording.ByCall(%d)", call)
	return rs.list(ctx, actor, "RecordingsOfCall", int64(call))
}

// ByTicket returns the recordings of a ticket to staff, oldest first, and
// nothing to everyone else.
func (rs *Recordings) ByTicket(ctx context.Context, actor sotto.Actor, ticket sotto.TicketID) (_ []Recording, err error) {
	defer sotto.Wrap(&err, "recording.ByTicket(%d)", ticket)
	return rs.list(ctx, actor, "RecordingsOfTicket", int64(ticket))
}

func (rs *Recordings) list(ctx context.Context, actor sotto.Actor, query string, of int64) (all []Recording, err error) {
	if !actor.IsStaff() {
		return nil, nil
	}
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanRecording, rs.q[query], of)
		if err != nil {
			return err
		}
		for i := range all {
			if err := rs.fill(tx, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// State returns how far a recording has come; NotFound when it is gone.
func (rs *Recordings) State(ctx context.Context, id sotto.RecordingID) (s State, err error) {
	defer sotto.Wrap(&err, "recording.State(%d)", id)
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		r, err := rs.one(tx, id)
		s = r.State
		return err
	})
	return s, err
}

// Attach puts the recordings of a call on a ticket.
func (rs *Recordings) Attach(tx *db.Tx, call sotto.CallID, ticket sotto.TicketID) (err error) {
	defer sotto.Wrap(&err, "recording.Attach(%d, %d)", call, ticket)
	_, err = tx.Exec(rs.q["Attach"], int64(call), int64(ticket))
	return err
}

// MarkDeleted says on the row that actor deleted the sound, and returns what
// the recording was, without its tracks. It fails with NotFound when there is
// none, and Gone when it was deleted before. It removes no file and writes no
// audit entry: package erasure does, in the same transaction, and halts a
// recording that is still written.
func (rs *Recordings) MarkDeleted(tx *db.Tx, id sotto.RecordingID, actor sotto.Actor) (was Recording, err error) {
	defer sotto.Wrap(&err, "recording.MarkDeleted(%d)", id)
	if was, err = rs.one(tx, id); err != nil {
		return was, err
	}
	n, err := tx.Exec(rs.q["MarkDeleted"], int64(id), db.Millis(tx.Now), db.OrNull(actor.Person))
	if err == nil && n == 0 {
		err = errErased()
	}
	if err != nil {
		return was, err
	}
	_, err = tx.Exec(rs.q["SilenceTracks"], int64(id))
	return was, err
}

// Due returns recordings whose line's automatic deletion has come: calls and
// voice messages have a time each, in days of 24 hours from the recording's
// end. It returns 1000 at most; ask again when they are gone.
func (rs *Recordings) Due(tx *db.Tx, now time.Time) (ids []sotto.RecordingID, err error) {
	defer sotto.Wrap(&err, "recording.Due")
	return db.All(tx, scanID, rs.q["Due"], db.Millis(now))
}

func (rs *Recordings) idsOfTicket(ctx context.Context, ticket sotto.TicketID) (ids []sotto.RecordingID, err error) {
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		ids, err = db.All(tx, scanID, rs.q["IDsOfTicket"], int64(ticket))
		return err
	})
	return ids, err
}

// one returns a recording without its tracks.
func (rs *Recordings) one(tx *db.Tx, id sotto.RecordingID) (Recording, error) {
	r, err := db.One(tx, scanRecording, rs.q["Recording"], int64(id))
	if errors.Is(err, db.ErrNone) {
		return r, noRecording()
	}
	return r, err
}

// whole returns a recording with its tracks and pauses.
func (rs *Recordings) whole(tx *db.Tx, id sotto.RecordingID) (Recording, error) {
	r, err := rs.one(tx, id)
	if err != nil {
		return r, err
	}
	return r, rs.fill(tx, &r)
}

// fill reads what stands in other tables: the tracks and the pauses.
func (rs *Recordings) fill(tx *db.Tx, r *Recording) (err error) {
	if r.Tracks, err = db.All(tx, scanTrack, rs.q["Tracks"], int64(r.ID)); err != nil {
		return err
	}
	r.Pauses, err = db.All(tx, scanPause, rs.q["Pauses"], int64(r.ID))
	return err
}

func scanID(s db.Scanner) (id sotto.RecordingID, err error) {
	err = s.Scan((*int64)(&id))
	return id, err
}

func scanRecording(s db.Scanner) (r Recording, err error) {
	var ticket *sotto.TicketID
	var line *sotto.LineID
	var deleter, caller *sotto.PersonID
	var started, length int64
	var ended, deleted *int64
	err = s.Scan(&r.ID, &r.Call, &ticket, &line, &r.Kind, &r.State, &r.Reason, &started, &ended, &length, &deleted, &deleter, &caller)
	r.Ticket, r.Line, r.DeletedBy, r.Caller = db.Value(ticket), db.Value(line), db.Value(deleter), db.Value(caller)
	r.StartedAt, r.EndedAt, r.DeletedAt = db.Time(started), db.TimeOrZero(ended), db.TimeOrZero(deleted)
	r.Duration = time.Duration(length) * time.Millisecond
	return r, err
}

func scanTrack(s db.Scanner) (t Track, err error) {
	var agent *sotto.PersonID
	err = s.Scan(&t.ID, &t.Recording, &agent, &t.Role, &t.Key, &t.CallerKey, &t.Offset, &t.Samples, &t.Lost, &t.Chunks, &t.State)
	t.Agent = db.Value(agent)
	return t, err
}

// Pause is a stretch that somebody kept out of a recording: it is silent
// there, on every track.
type Pause struct {
	By        sotto.PersonID // who paused; 0 for the operator, and once that person is erased
	StartedAt time.Time
	EndedAt   time.Time // zero while it goes on
}

// BeginPause writes that somebody paused a recording at a moment, and returns
// the row's number for EndPause. The recorder is paused by Recorder.Pause.
func (rs *Recordings) BeginPause(tx *db.Tx, id sotto.RecordingID, by sotto.PersonID, at time.Time) (row int64, err error) {
	defer sotto.Wrap(&err, "recording.BeginPause(%d)", id)
	row = tx.NewID()
	_, err = tx.Exec(rs.q["InsertPause"], row, int64(id), db.OrNull(by), db.Millis(at))
	return row, err
}

// EndPause writes when a pause was over. The second call does nothing, and the
// end of the recording ends it too.
func (rs *Recordings) EndPause(tx *db.Tx, row int64, at time.Time) (err error) {
	defer sotto.Wrap(&err, "recording.EndPause")
	_, err = tx.Exec(rs.q["EndPause"], row, db.Millis(at))
	return err
}

func scanPause(s db.Scanner) (p Pause, err error) {
	var by *sotto.PersonID
	var started int64
	var ended *int64
	err = s.Scan(&by, &started, &ended)
	p.By, p.StartedAt, p.EndedAt = db.Value(by), db.Time(started), db.TimeOrZero(ended)
	return p, err
}
