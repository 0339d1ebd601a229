package recording

import (
	"context"
	"slices"

	"sotto"
)

// StopPerson halts every live track that is sealed under one of the keys:
// what is in memory is dropped, and when it has returned not one more byte is
// written for them; it waits for the disk if need be. Freeze the keys first
// (keyring.Ring.Freeze), or a track may be added behind it. The call goes on,
// and so do tracks under other keys. It returns the recordings it touched.
// Their rows and files are the caller's to remove; a row that nobody removes
// becomes final when the call ends. It must not be called inside a
// transaction.
func (rs *Recordings) StopPerson(keys ...sotto.KeyID) []sotto.RecordingID {
	return rs.halt(
		func(r *Recorder) bool { return slices.Contains(keys, r.callerKey) },
		func(t *track) bool { return t.key != 0 && slices.Contains(keys, t.key) })
}

// StopRecording is StopPerson for whole recordings.
func (rs *Recordings) StopRecording(ids ...sotto.RecordingID) []sotto.RecordingID {
	return rs.halt(func(r *Recorder) bool { return r.id != 0 && slices.Contains(ids, r.id) }, nobody)
}

// StopCall is StopPerson for the recordings of a call.
func (rs *Recordings) StopCall(call sotto.CallID) []sotto.RecordingID {
	return rs.halt(func(r *Recorder) bool { return r.call == call }, nobody)
}

// StopTicket is StopPerson for the recordings of a ticket.
func (rs *Recordings) StopTicket(ctx context.Context, ticket sotto.TicketID) (_ []sotto.RecordingID, err error) {
	defer sotto.Wrap(&err, "recording.StopTicket(%d)", ticket)
	ids, err := rs.idsOfTicket(ctx, ticket)
	return rs.StopRecording(ids...), err
}

func nobody(*track) bool { return false }

// halt halts the recorders that whole names and the tracks that voice names.
func (rs *Recordings) halt(whole func(*Recorder) bool, voice func(*track) bool) (ids []sotto.RecordingID) {
	type hit struct {
		r     *Recorder
		whole bool
	}
	var hits []hit
	rs.mu.Lock()
	for r := range rs.live {
		all := whole(r)
		if !all && !slices.ContainsFunc(r.tracks, voice) {
			continue
		}
		hits = append(hits, hit{r, all})
		for _, t := range r.tracks {
			if all || voice(t) {
				t.halted.Store(true) // a long write ends here
			}
		}
	}
	rs.mu.Unlock()
	for _, h := range hits {
		h.r.halt(h.whole, voice)
		if id := h.r.ID(); id != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// halt waits for a track that is being added and halts what is named.
func (r *Recorder) halt(whole bool, voice func(*track) bool) {
	r.gate.Lock()
	r.halted = r.halted || whole
	r.gate.Unlock()
	for _, t := range r.voices() {
		if whole || voice(t) {
			t.halt()
		}
	}
}

// halt drops what is in memory and closes the file as it stands.
func (t *track) halt() {
	t.halted.Store(true)
	t.deafen()
	t.drop()
	t.wmu.Lock()
	defer t.wmu.Unlock()
	t.close()
}
