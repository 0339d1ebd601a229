// Package tape is the desk's own recorder, whole, for benchmarks: rows in
// SQLite, a keyring, sealed files that are synced.
package tape

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/media"
	"sotto/obs"
	"sotto/recording"
)

// Tape records calls between one invented caller and one invented agent. Its
// methods are called by one goroutine.
type Tape struct {
	dir      string
	db       *db.DB
	ring     *keyring.Ring
	rs       *recording.Recordings
	caller   [2]int64 // person and key
	agent    [2]int64
	recorded []*recording.Recorder
}

// New makes a recorder in a folder for temporary files.
func New() (t *Tape, err error) {
	t = &Tape{}
	if t.dir, err = os.MkdirTemp("", "tape-*"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(t.dir))
		}
	}()
	keys := filepath.Join(t.dir, "keys")
	if err = keyring.Create(keys); err != nil {
		return nil, err
	}
	if t.ring, err = keyring.Open(keys); err != nil {
		return nil, err
	}
	blobs, err := blob.Open(filepath.Join(t.dir, "blobs"))
	if err != nil {
		return nil, err
	}
	if t.db, err = db.Open(context.Background(), db.Config{Path: filepath.Join(t.dir, "sotto.db"), Create: true, Clock: time.Now}); err != nil {
		return nil, err
	}
	for _, p := range []*[2]int64{&t.caller, &t.agent} {
		if err = t.person(p); err != nil {
			return nil, err
		}
	}
	t.rs = recording.New(recording.Config{
		DB: t.db, Ring: t.ring, Blobs: blobs, Audit: audit.New(t.db), Clock: time.Now, Log: obs.New(obs.Config{}).Log(),
	})
	return t, nil
}

func (t *Tape) person(p *[2]int64) error {
	key, err := t.ring.NewKey()
	if err != nil {
		return err
	}
	return t.db.Write(context.Background(), func(tx *db.Tx) error {
		*p = [2]int64{tx.NewID(), int64(key)}
		_, err := tx.Exec(`INSERT INTO person (id, key_id, role, created_at, updated_at) VALUES ($1, $2, 'agent', 0, 0)`, p[0], p[1])
		return err
	})
}

// Record records a bridged call until Stop.
func (t *Tape) Record(ports [2]*media.Port) error {
	ctx := context.Background()
	var call int64
	if err := t.db.Write(ctx, func(tx *db.Tx) error {
		call = tx.NewID()
		if _, err := tx.Exec(`INSERT INTO call (id, person_id, key_id, direction, state, in_hours, consent, voicemail, started_at, reason)
			VALUES ($1, $2, $3, 'inbound', 'connected', 1, '', 0, 0, '')`, call, t.caller[0], t.caller[1]); err != nil {
			return err
		}
		return t.rs.Consent(tx, recording.Consent{
			Call: sotto.CallID(call), Purpose: recording.Call, Mode: recording.Always, Outcome: recording.NotAsked, Evidence: recording.ByRule,
			NoticeHash: sha256.Sum256(nil), AskedAt: tx.Now, DecidedAt: tx.Now,
		})
	}); err != nil {
		return err
	}
	r, err := t.rs.Start(ctx, recording.Start{Call: sotto.CallID(call), Kind: recording.Call, CallerKey: sotto.KeyID(t.caller[1])})
	if err != nil {
		return err
	}
	t.recorded = append(t.recorded, r)
	if err := r.Caller(ports[0]); err != nil {
		return err
	}
	return r.Agent(ports[1], sotto.PersonID(t.agent[0]), sotto.KeyID(t.agent[1]))
}

// Stop ends every recording, has everything checked, and says what was kept.
func (t *Tape) Stop() (said string, err error) {
	ctx := context.Background()
	begun := time.Now()
	if err := t.rs.Stop(ctx); err != nil {
		return "", err
	}
	took := time.Since(begun)
	var samples, lost int64
	states := map[recording.State]int{}
	for _, r := range t.recorded {
		row, err := t.rs.Get(ctx, sotto.Operator(), r.ID())
		if err != nil {
			return "", err
		}
		states[row.State]++
		for _, track := range row.Tracks {
			samples += track.Samples
			lost += track.Lost
		}
	}
	wrong := t.rs.Check(ctx)
	err = errors.Join(t.db.Close(), t.ring.Close(), os.RemoveAll(t.dir))
	return fmt.Sprintf("recordings %v, %d frames, %d frames missing, ended in %v, %d wrong", states, samples/160, lost/160, took.Round(time.Millisecond), len(wrong)), err
}
