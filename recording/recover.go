package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sotto"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/media"
)

// Recover brings what the last run left unfinished into its final state:
// recordings that were being written are durable with what their files hold
// (reason cut-off), or lost, or erased; files without a row are deleted.
// Afterwards no row says writing. Call it before the first Start, when no
// other process uses this database. A recording it cannot read becomes lost,
// its file is kept, and the log says so.
func (rs *Recordings) Recover(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "recording.Recover")
	if rs.Stats().Live > 0 {
		return sotto.Fail(sotto.Conflict, "Recovery comes before the first recording.")
	}
	var ids []sotto.RecordingID
	if err := rs.db.Read(ctx, func(tx *db.Tx) error {
		ids, err = db.All(tx, scanID, rs.q["Unfinished"])
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := rs.recoverOne(ctx, id); err != nil {
			return err
		}
	}
	if err := rs.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(rs.q["LoseStrayTracks"])
		return err
	}); err != nil {
		return err
	}
	return rs.removeOrphans(ctx)
}

func (rs *Recordings) recoverOne(ctx context.Context, id sotto.RecordingID) (err error) {
	defer sotto.Wrap(&err, "recording %d", id)
	var r Recording
	if err := rs.db.Read(ctx, func(tx *db.Tx) error {
		r, err = rs.whole(tx, id)
		return err
	}); err != nil {
		return err
	}
	f := final{id: id, reason: CutOff, started: r.StartedAt}
	callerGone := false
	for _, t := range r.Tracks {
		found, reason := rs.recoverTrack(t)
		f.tracks = append(f.tracks, found)
		f.reason = worse(f.reason, reason)
		callerGone = callerGone || rs.destroyed(t.CallerKey)
	}
	f.align()
	if f.state, f.duration = f.sum(); f.state == Lost && callerGone {
		f.state, f.reason = Erased, Forgotten
	}
	return rs.db.Write(ctx, func(tx *db.Tx) error { return rs.finalize(tx, f) })
}

// align begins the timeline at the first track that has sound.
func (f *final) align() {
	first, found := int64(0), false
	for _, t := range f.tracks {
		if t.state == Durable && (!found || t.offset < first) {
			first, found = t.offset, true
		}
	}
	for i := range f.tracks {
		f.tracks[i].offset = max(0, f.tracks[i].offset-first)
	}
	f.started = f.started.Add(time.Duration(max(0, first)) * time.Second / media.SampleRate)
}

// recoverTrack finds out what the file of a track holds, and removes a file
// that holds nothing or that nobody can open any more.
func (rs *Recordings) recoverTrack(t Track) (f finalTrack, reason Reason) {
	f = finalTrack{id: t.ID, state: Lost, offset: t.Offset, lost: t.Lost}
	samples, chunks, err := rs.salvage(t.ID)
	switch sotto.KindOf(err) {
	case sotto.Gone:
		reason = Forgotten
	case sotto.NotFound:
		return f, NoReason
	default:
		if err != nil {
			rs.log.Error("recording: a track cannot be read after a crash; its file is kept", "track", int64(t.ID), "err", err)
			return f, Unreadable
		}
	}
	if samples == 0 {
		if _, err := rs.blobs.Delete(catalogue.CallTrack, int64(t.ID)); err != nil {
			rs.log.Error("recording: an empty track could not be removed", "track", int64(t.ID), "err", err)
		}
		return f, reason
	}
	f.state, f.samples, f.chunks, f.lost = Durable, samples, chunks, min(f.lost, samples)
	return f, NoReason
}

// salvage counts what can be opened of a track's file, from its beginning,
// and brings it to the disk. A file too short for a header holds nothing.
func (rs *Recordings) salvage(id sotto.TrackID) (samples, chunks int64, err error) {
	defer sotto.Wrap(&err, "track %d", id)
	file, err := rs.blobs.Open(catalogue.CallTrack, int64(id))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if file.Size < keyring.StreamHead {
		return 0, 0, nil
	}
	var head [keyring.StreamHead]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return 0, 0, err
	}
	s, err := rs.ring.OpenStream(catalogue.CallTrack, int64(id), head[:])
	if err != nil {
		return 0, 0, err
	}
	if samples, chunks, err = count(s, file); err != nil {
		return 0, 0, err
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrPermission) { // some systems sync only what may be written
		return 0, 0, err
	}
	return samples, chunks, nil
}

// count opens chunk after chunk until one does not open: a torn tail.
func count(s *keyring.Stream, file *blob.Reader) (samples, chunks int64, err error) {
	var sealed [sealedChunk]byte
	var plain []byte
	for {
		got, err := file.ReadAt(sealed[:], keyring.StreamHead+chunks*sealedChunk)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, fmt.Errorf("chunk %d: %w", chunks, err)
		}
		if got < sealedChunk-chunk {
			return samples, chunks, nil
		}
		last := false
		if plain, err = s.OpenChunk(plain[:0], chunks, false, sealed[:got]); err != nil {
			last = true
			plain, err = s.OpenChunk(plain[:0], chunks, true, sealed[:got])
		}
		if sotto.KindOf(err) == sotto.Gone {
			return 0, 0, err
		}
		if err != nil {
			return samples, chunks, nil
		}
		chunks++
		samples += int64(len(plain))
		if last {
			return samples, chunks, nil
		}
	}
}

// removeOrphans deletes the files no row answers for.
func (rs *Recordings) removeOrphans(ctx context.Context) error {
	orphans, err := rs.orphans(ctx)
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if _, err := rs.blobs.Delete(catalogue.CallTrack, id); err != nil {
			return err
		}
	}
	if len(orphans) > 0 {
		rs.log.Warn("recording: files without a row were deleted", "count", len(orphans))
	}
	return nil
}

// orphans returns the files no row answers for. The files are listed first,
// since a row is there before its file.
func (rs *Recordings) orphans(ctx context.Context) (ids []int64, err error) {
	var files []int64
	if err := rs.blobs.Each(catalogue.CallTrack, func(id int64) error {
		files = append(files, id)
		return nil
	}); err != nil {
		return nil, err
	}
	rows := map[int64]bool{}
	if err := rs.db.Read(ctx, func(tx *db.Tx) error {
		return db.Each(tx, func(s db.Scanner) error {
			id, err := db.Int(s)
			rows[id] = true
			return err
		}, rs.q["TrackIDs"])
	}); err != nil {
		return nil, err
	}
	for _, id := range files {
		if !rows[id] {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
