package recording

import (
	"context"
	"errors"
	"fmt"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
)

// Check reads every row and every file and returns what is wrong, a sentence
// each, for `sotto check`; nothing when all is well. It runs in the process
// that records, or while none does:
//
//   - a row that says writing belongs to a live recorder,
//   - a recording that says durable has a track that is, and no other has,
//   - a durable track has a file that opens and holds the samples its row
//     says, unless a key of it is gone,
//   - a file has a row, and the row of a recording that is not gone,
//   - a recording that can be heard rests on a consent.
func (rs *Recordings) Check(ctx context.Context) []string {
	c := &checker{rs: rs, ctx: ctx}
	c.orphans()
	for _, id := range c.ids("Unfinished") {
		if !rs.isLive(sotto.RecordingID(id)) {
			c.add("Recording %d says it is being written and nobody writes it.", id)
		}
	}
	for _, q := range []struct{ query, sentence string }{
		{"UnfinishedTracks", "Track %d says it is being written and its recording is over."},
		{"SoundlessRecordings", "Recording %d says it is durable and none of its tracks is."},
		{"UnmarkedTracks", "Track %d says it is durable and its recording is not."},
		{"Unconsented", "Recording %d rests on no consent."},
	} {
		for _, id := range c.ids(q.query) {
			c.add(q.sentence, id)
		}
	}
	for _, id := range c.ids("GoneTracks") {
		if c.has(id) {
			c.add("Track %d belongs to a recording that is gone and still has a file.", id)
		}
	}
	c.tracks()
	return c.wrong
}

// checker gathers what is wrong. It lives as long as one Check.
type checker struct {
	rs    *Recordings
	ctx   context.Context
	wrong []string
}

func (c *checker) add(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// fault is a check that could not be made.
func (c *checker) fault(err error) {
	if err != nil {
		c.add("Recordings could not be checked: %v.", err)
	}
}

// ids returns what a query finds.
func (c *checker) ids(query string) (ids []int64) {
	c.fault(c.rs.db.Read(c.ctx, func(tx *db.Tx) (err error) {
		ids, err = db.All(tx, db.Int, c.rs.q[query])
		return err
	}))
	return ids
}

func (c *checker) has(track int64) bool {
	has, err := c.rs.blobs.Has(catalogue.CallTrack, track)
	c.fault(err)
	return has
}

// orphans adds the files without a row.
func (c *checker) orphans() {
	ids, err := c.rs.orphans(c.ctx)
	c.fault(err)
	for _, id := range ids {
		if c.has(id) { // erasure may have removed both since they were listed
			c.add("Track file %d has no row.", id)
		}
	}
}

// tracks opens every chunk of every durable track.
func (c *checker) tracks() {
	after := int64(0)
	for {
		var page []Track
		if err := c.rs.db.Read(c.ctx, func(tx *db.Tx) (err error) {
			page, err = db.All(tx, scanTrack, c.rs.q["DurableTracks"], after)
			return err
		}); err != nil || len(page) == 0 {
			c.fault(err)
			return
		}
		for _, t := range page {
			after = int64(t.ID)
			if err := c.rs.decode(t); err != nil {
				c.add("Track %d cannot be heard: %v.", t.ID, err)
			}
		}
	}
}

// decode opens every chunk of a track and counts the samples. A track that
// cannot be opened because a key of it is gone is as it should be.
func (rs *Recordings) decode(t Track) (err error) {
	v, err := rs.openVoice(t)
	if err == nil {
		defer func() { err = errors.Join(err, v.close()) }()
	}
	for n := int64(0); n < t.Samples && err == nil; {
		var p []byte
		p, err = v.at(n)
		n += int64(len(p))
	}
	if sotto.KindOf(err) == sotto.Gone && rs.unsealable(t) {
		return nil
	}
	return err
}

// unsealable reports whether nothing can be sealed under the keys of t: one
// was destroyed, or its person is being forgotten just now.
func (rs *Recordings) unsealable(t Track) bool {
	first, second := t.CallerKey, sotto.KeyID(0)
	if t.Role == AgentVoice {
		first, second = t.Key, t.CallerKey
	}
	_, err := rs.ring.NewStream(catalogue.CallTrack, int64(t.ID), first, second)
	return sotto.KindOf(err) == sotto.Gone
}
