package recording

import (
	"errors"
	"fmt"
	"io"

	"sotto"
	"sotto/blob"
	"sotto/catalogue"
	"sotto/keyring"
)

// voice reads the samples of a track's file from any place, one chunk at a
// time. It belongs to one reader.
type voice struct {
	id      sotto.TrackID
	offset  int64 // where on the timeline it begins
	samples int64
	chunks  int64
	role    Role

	file   *blob.Reader
	stream *keyring.Stream
	have   int64 // which chunk plain holds; -1 for none
	plain  []byte
	sealed [sealedChunk]byte
}

// errErased is what a reader of a file that goes away meanwhile gets.
func errErased() error { return sotto.Fail(sotto.Gone, "This recording was deleted.") }

// openVoice opens the file of a track. It fails with Gone when a key of it is
// gone or being destroyed.
func (rs *Recordings) openVoice(t Track) (_ *voice, err error) {
	defer sotto.Wrap(&err, "track %d", t.ID)
	v := &voice{id: t.ID, offset: t.Offset, samples: t.Samples, chunks: t.Chunks, role: t.Role, have: -1}
	if v.file, err = rs.blobs.Open(catalogue.CallTrack, int64(t.ID)); err != nil {
		return nil, err
	}
	var head [keyring.StreamHead]byte
	if _, err = v.file.ReadAt(head[:], 0); err == nil {
		v.stream, err = rs.ring.OpenStream(catalogue.CallTrack, int64(t.ID), head[:])
	}
	if err == nil && v.chunks > 0 {
		err = v.load(0)
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// load makes chunk n the one that plain holds. The file's head is looked at
// each time, since deleting the file zeroes it: a play-back ends when its
// recording is deleted, and, by the keyring, when its person is forgotten.
func (v *voice) load(n int64) error {
	if v.have == n {
		return nil
	}
	v.have = -1
	var salt [keyring.StreamHead - 32]byte
	if _, err := v.file.ReadAt(salt[:], 32); err != nil || salt == [keyring.StreamHead - 32]byte{} {
		return errors.Join(errErased(), err)
	}
	got, err := v.file.ReadAt(v.sealed[:], keyring.StreamHead+n*sealedChunk)
	if err != nil && (!errors.Is(err, io.EOF) || got < sealedChunk-chunk) {
		return fmt.Errorf("chunk %d: %w", n, err)
	}
	plain, err := v.open(n, v.sealed[:got])
	if err != nil {
		return fmt.Errorf("chunk %d: %w", n, err)
	}
	v.plain, v.have = plain, n
	return nil
}

// open opens chunk n. Whether it was sealed as the last one is not noted
// anywhere: a recording that was cut off has no such chunk.
func (v *voice) open(n int64, sealed []byte) ([]byte, error) {
	if n == v.chunks-1 {
		plain, err := v.stream.OpenChunk(v.plain[:0], n, true, sealed)
		if err == nil || sotto.KindOf(err) == sotto.Gone {
			return plain, err
		}
	}
	return v.stream.OpenChunk(v.plain[:0], n, false, sealed)
}

// at returns samples from place on, in µ-law, at most to the end of their
// chunk. They are valid until the next call. It must not be asked beyond the
// last sample.
func (v *voice) at(place int64) ([]byte, error) {
	if err := v.load(place >> chunkBits); err != nil {
		return nil, err
	}
	b := v.plain[min(int64(len(v.plain)), place&(chunk-1)):]
	b = b[:min(int64(len(b)), v.samples-place)]
	if len(b) == 0 {
		return nil, fmt.Errorf("track %d ends at sample %d, not %d", v.id, place, v.samples)
	}
	return b, nil
}

func (v *voice) close() error { return v.file.Close() }
