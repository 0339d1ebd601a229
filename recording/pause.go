package recording

import (
	"time"

	"sotto"
	"sotto/db"
)

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
