package recording

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/db"
	"sotto/leg/media"
)

const (
	wavHead = 44   // RIFF, fmt and data headers of PCM (RFC 2361, WAVE_FORMAT_PCM)
	mixed   = 1024 // samples of each channel that are mixed at once
)

// WAV is a recording as a WAV file, 16-bit PCM at 8000 Hz, made on the fly:
// there is no readable copy of it on any disk. The same recording gives the
// same bytes. It takes the same memory however long the recording is. It
// belongs to one reader, who closes it.
type WAV struct {
	Size    int64     // of the file in bytes
	ModTime time.Time // when the recording ended

	linear   *[256]int16
	voices   []*voice
	channels int
	length   int64 // samples of each channel
	at       int64
	head     [wavHead]byte
	mix      [2][mixed]int32
	out      [2 * 2 * mixed]byte
}

// WAV opens a recording for play-back by staff: the caller on the left, the
// agents together on the right; a voice message is mono. Each call asks anew
// whether actor may, and leaves an audit entry of the listening; further
// calls of the same actor within a minute, as a browser makes them while it
// plays, belong to the same listening. It fails with NotFound when there is
// none, nothing of it could be kept or actor is not staff, Gone when it was deleted or its caller
// forgotten, Conflict while it is still written. A voice whose person was forgotten is silent. A Read fails with
// Gone as soon as a voice is deleted or its person forgotten.
func (rs *Recordings) WAV(ctx context.Context, actor sotto.Actor, id sotto.RecordingID) (_ *WAV, err error) {
	defer sotto.Wrap(&err, "recording.WAV(%d)", id)
	r, err := rs.Get(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	switch r.State {
	case Durable:
	case Writing:
		return nil, sotto.Fail(sotto.Conflict, "This call is still being recorded. Listen when it is over.")
	case Deleted, Erased:
		return nil, errErased()
	default:
		return nil, sotto.Fail(sotto.NotFound, "Nothing of this recording could be kept.")
	}
	w, err := rs.open(r)
	if err != nil {
		return nil, err
	}
	if err := rs.listened(ctx, actor, r); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// TrackWAV opens one voice alone, mono, from its own first sample. It is for
// the export of one person and asks nobody's rights: package privacy does.
func (rs *Recordings) TrackWAV(ctx context.Context, id sotto.TrackID) (_ *WAV, err error) {
	defer sotto.Wrap(&err, "recording.TrackWAV(%d)", id)
	var r Recording
	err = rs.db.Read(ctx, func(tx *db.Tx) error {
		t, err := db.One(tx, scanTrack, rs.q["Track"], int64(id))
		if errors.Is(err, db.ErrNone) {
			return noRecording()
		}
		if err != nil {
			return err
		}
		r, err = rs.one(tx, t.Recording)
		t.Offset, r.Kind, r.Tracks = 0, Voicemail, []Track{t}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case r.State == Deleted || r.State == Erased:
		return nil, errErased()
	case r.Tracks[0].State != Durable:
		return nil, noRecording()
	}
	return rs.open(r)
}

// WriteTrack writes what TrackWAV reads into w.
func (rs *Recordings) WriteTrack(ctx context.Context, id sotto.TrackID, w io.Writer) error {
	src, err := rs.TrackWAV(ctx, id)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, src)
	return errors.Join(err, src.Close())
}

// open opens the voices that can be heard.
func (rs *Recordings) open(r Recording) (_ *WAV, err error) {
	w := &WAV{ModTime: r.EndedAt, linear: &rs.linear, channels: 2}
	if r.Kind == Voicemail {
		w.channels = 1
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	var gone error
	tracks := slices.DeleteFunc(r.Tracks, func(t Track) bool { return t.State != Durable })
	for _, t := range tracks {
		v, err := rs.openVoice(t)
		if k := sotto.KindOf(err); err != nil && (k == sotto.Gone || k == sotto.NotFound) {
			gone = err
			continue
		}
		if err != nil {
			return nil, err
		}
		w.voices = append(w.voices, v)
	}
	if len(w.voices) == 0 {
		return nil, cmp.Or(gone, noRecording())
	}
	w.measure()
	return w, nil
}

// measure lays the voices on one timeline that begins with the first sample.
func (w *WAV) measure() {
	base := w.voices[0].offset
	for _, v := range w.voices {
		base = min(base, v.offset)
	}
	for _, v := range w.voices {
		v.offset -= base
		w.length = max(w.length, v.offset+v.samples)
	}
	w.Size = wavHead + w.length*w.frame()
	w.head = header(w.channels, uint32(min(w.length*w.frame(), math.MaxUint32-wavHead)))
}

// frame is the bytes of one sample of every channel.
func (w *WAV) frame() int64 { return int64(2 * w.channels) }

// header is the head of a PCM file of size bytes of sound.
func header(channels int, size uint32) (h [wavHead]byte) {
	copy(h[:], "RIFF....WAVEfmt ")
	le := binary.LittleEndian
	le.PutUint32(h[4:], size+wavHead-8)
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], 1) // PCM
	le.PutUint16(h[22:], uint16(channels))
	le.PutUint32(h[24:], media.SampleRate)
	le.PutUint32(h[28:], uint32(media.SampleRate*2*channels))
	le.PutUint16(h[32:], uint16(2*channels))
	le.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	le.PutUint32(h[40:], size)
	return h
}

// Read reads on from where the last Read or Seek ended.
func (w *WAV) Read(b []byte) (n int, err error) {
	if w.at >= w.Size {
		return 0, io.EOF
	}
	for n < len(b) && w.at < w.Size {
		var part []byte
		if w.at < wavHead {
			part = w.head[w.at:]
		} else if part, err = w.sound(w.at-wavHead, int64(len(b)-n)); err != nil {
			return n, err
		}
		took := copy(b[n:], part)
		n += took
		w.at += int64(took)
	}
	return n, nil
}

// sound returns bytes of the sound from place on, want of them or fewer.
func (w *WAV) sound(place, want int64) ([]byte, error) {
	first, skip := place/w.frame(), place%w.frame()
	count := min(mixed, w.length-first, (want+skip+w.frame()-1)/w.frame())
	for c := range w.channels {
		clear(w.mix[c][:count])
	}
	for _, v := range w.voices {
		c := 0
		if w.channels == 2 && v.role != CallerVoice {
			c = 1
		}
		if err := w.add(v, w.mix[c][:count], first); err != nil {
			return nil, err
		}
	}
	out := w.out[:0]
	for i := range count {
		for c := range w.channels {
			s := max(math.MinInt16, min(math.MaxInt16, w.mix[c][i]))
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(s)))
		}
	}
	return out[skip:], nil
}

// add mixes what v says from place first of the timeline on into dst.
func (w *WAV) add(v *voice, dst []int32, first int64) error {
	from := max(first, v.offset)
	to := min(first+int64(len(dst)), v.offset+v.samples)
	for from < to {
		p, err := v.at(from - v.offset)
		if err != nil {
			return err
		}
		p = p[:min(int64(len(p)), to-from)]
		for i, c := range p {
			dst[from-first+int64(i)] += int32(w.linear[c])
		}
		from += int64(len(p))
	}
	return nil
}

// Seek sets where Read goes on.
func (w *WAV) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	w.at = offset
	return offset, nil
}

// Close closes the files.
func (w *WAV) Close() (err error) {
	for _, v := range w.voices {
		err = errors.Join(err, v.close())
	}
	w.voices = nil
	return err
}

// listening is one actor hearing one recording.
type listening struct {
	actor sotto.Actor
	id    sotto.RecordingID
}

// listeningLasts is how long a listening takes further requests.
const listeningLasts = time.Minute

// listened writes the audit entry of a listening, once.
func (rs *Recordings) listened(ctx context.Context, actor sotto.Actor, r Recording) error {
	key, now := listening{actor, r.ID}, rs.clock()
	rs.mu.Lock()
	at, ok := rs.heard[key]
	rs.mu.Unlock()
	if since := now.Sub(at); ok && since >= 0 && since < listeningLasts {
		return nil
	}
	if err := rs.db.Write(ctx, func(tx *db.Tx) error {
		return rs.audit.Add(tx, actor, audit.Entry{Action: audit.Listen, Source: audit.Recording, SourceID: int64(r.ID), Ticket: r.Ticket, Person: r.Caller})
	}); err != nil {
		return err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for k, at := range rs.heard {
		if since := now.Sub(at); since < 0 || since >= listeningLasts {
			delete(rs.heard, k)
		}
	}
	rs.heard[key] = now
	return nil
}
