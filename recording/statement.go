package recording

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
)

// maxStatement is how long a statement may be, in bytes.
const maxStatement = 20_000

// Statement is what a person says is not right in a recording. Sound is not
// edited; the statement stays beside it (GDPR 16).
type Statement struct {
	ID        int64
	Recording sotto.RecordingID
	Text      string
	CreatedAt time.Time
}

// Statement binds text to a recording, sealed under the caller's key. Staff
// write it for the person who asked.
func (rs *Recordings) Statement(ctx context.Context, actor sotto.Actor, id sotto.RecordingID, text string) (err error) {
	defer sotto.Wrap(&err, "recording.Statement(%d)", id)
	if !actor.IsStaff() {
		return noRecording()
	}
	if err := CheckStatement(text); err != nil {
		return err
	}
	return rs.db.Write(ctx, func(tx *db.Tx) error { return rs.addStatement(tx, actor, id, strings.TrimSpace(text)) })
}

// CheckStatement refuses a text that Statement would refuse.
func CheckStatement(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return sotto.FailField("text", "Write what is not right in the recording.")
	case len(text) > maxStatement:
		return sotto.FailField("text", "The statement is too long. Shorten it to 20,000 characters.")
	case !utf8.ValidString(text):
		return sotto.FailField("text", "The statement is not readable text.")
	}
	return nil
}

func (rs *Recordings) addStatement(tx *db.Tx, actor sotto.Actor, recording sotto.RecordingID, text string) error {
	r, err := rs.one(tx, recording)
	if err != nil {
		return err
	}
	key, err := db.One(tx, func(s db.Scanner) (key sotto.KeyID, err error) {
		var p *sotto.KeyID
		err = s.Scan(&p)
		return db.Value(p), err
	}, rs.q["CallerKey"], int64(recording))
	if err != nil {
		return err
	}
	if key == 0 {
		return errErased()
	}
	id := tx.NewID()
	body, err := rs.ring.SealText(key, catalogue.StatementBody, id, text)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(rs.q["InsertStatement"], id, int64(recording), body, db.Millis(tx.Now)); err != nil {
		return err
	}
	return rs.audit.Add(tx, actor, audit.Entry{Action: audit.Create, Source: audit.Statement, SourceID: id, Ticket: r.Ticket, Person: r.Caller})
}

// Statements returns the statements bound to a recording to staff, oldest
// first, and nothing to everyone else.
func (rs *Recordings) Statements(ctx context.Context, actor sotto.Actor, id sotto.RecordingID) (all []Statement, err error) {
	defer sotto.Wrap(&err, "recording.Statements(%d)", id)
	if !actor.IsStaff() {
		return nil, nil
	}
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, rs.scanStatement, rs.q["Statements"], int64(id))
		return err
	})
	return all, err
}

func (rs *Recordings) scanStatement(s db.Scanner) (st Statement, err error) {
	var body keyring.Sealed
	var created int64
	if err := s.Scan(&st.ID, &st.Recording, &body, &created); err != nil {
		return st, err
	}
	st.CreatedAt = db.Time(created)
	st.Text, err = rs.ring.OpenText(body, catalogue.StatementBody, st.ID)
	return st, err
}
