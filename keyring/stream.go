package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"sotto"
	"sotto/catalogue"
)

// A sealed file is a header and chunks, so that it can be written while the
// call goes on and read from any point (a Range request).
//
//	64 bytes of header: mark, chunk size, one or two key numbers, salt
//	chunks of ChunkSize+16 bytes, the last one shorter or empty and marked
//
// The file's own key comes from the keys' secrets and the salt. Two keys mean
// both are needed: the agent's voice is sealed under the agent's and the
// caller's key, so forgetting either silences it. Zeroing the header's salt
// makes the file unreadable also while its keys live; blob.Delete does so.
const (
	// StreamHead is the length of the header in bytes.
	StreamHead = 64
	// ChunkSize is how much plain data one chunk holds: half a second of G.711.
	ChunkSize  = 4096
	sealedSize = ChunkSize + 16
	streamMark = "SOTTOST1"
)

// Stream seals or opens the chunks of one file. It is not safe for concurrent
// use when sealing.
type Stream struct {
	Header [StreamHead]byte
	aead   cipher.AEAD
	bound  []byte
	ring   *Ring
	keys   [2]sotto.KeyID
}

// NewStream makes the cipher of a new file of row id in class, under key and,
// unless it is 0, also under second. It fails with Gone when a key is frozen
// or destroyed.
func (r *Ring) NewStream(class catalogue.Blob, id int64, key, second sotto.KeyID) (*Stream, error) {
	s := &Stream{}
	copy(s.Header[:], streamMark)
	binary.BigEndian.PutUint32(s.Header[8:], ChunkSize)
	binary.BigEndian.PutUint64(s.Header[16:], uint64(key))
	binary.BigEndian.PutUint64(s.Header[24:], uint64(second))
	copy(s.Header[32:], randomBytes(32))
	if err := r.unlock(s, class, id); err != nil {
		return nil, err
	}
	return s, s.alive()
}

// OpenStream makes the cipher of a file whose header was read into head.
func (r *Ring) OpenStream(class catalogue.Blob, id int64, head []byte) (*Stream, error) {
	if len(head) != StreamHead || string(head[:8]) != streamMark || binary.BigEndian.Uint32(head[8:]) != ChunkSize {
		return nil, fmt.Errorf("blob %s %d: not a sealed file", class, id)
	}
	if isZero(head[32:]) {
		return nil, sotto.Fail(sotto.Gone, "This was erased. A receipt says when.")
	}
	s := &Stream{}
	copy(s.Header[:], head)
	return s, r.unlock(s, class, id)
}

func (s *Stream) alive() error {
	s.ring.mu.RLock()
	defer s.ring.mu.RUnlock()
	if s.ring.frozen[s.keys[0]] || s.ring.frozen[s.keys[1]] {
		return errFrozen()
	}
	return nil
}

// unlock derives the file's key.
func (r *Ring) unlock(s *Stream, class catalogue.Blob, id int64) error {
	if class == (catalogue.Blob{}) {
		return errors.New("a file without a class")
	}
	s.ring = r
	s.keys = [2]sotto.KeyID{
		sotto.KeyID(binary.BigEndian.Uint64(s.Header[16:])), sotto.KeyID(binary.BigEndian.Uint64(s.Header[24:])),
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var secret []byte
	defer func() { clear(secret) }()
	for _, key := range s.keys {
		if key == 0 {
			continue
		}
		part, err := r.unwrap(key)
		if err != nil {
			return err
		}
		secret = append(secret, part...)
		clear(part)
	}
	s.bound = append([]byte(class.String()), 0)
	s.bound = binary.BigEndian.AppendUint64(s.bound, uint64(id))
	s.bound = append(s.bound, s.Header[:32]...)
	key, err := hkdf.Key(sha256.New, secret, s.Header[32:], "sotto stream "+string(s.bound), 32)
	if err != nil {
		return err
	}
	defer clear(key)
	s.aead, err = newAEAD(key)
	return err
}

// Seal appends chunk n to dst. Each n is sealed once in a file's life; only
// the last chunk may be shorter than ChunkSize. It fails with Gone as soon as
// one of the keys is frozen, so a recorder stops by itself.
func (s *Stream) Seal(dst []byte, n int64, last bool, plain []byte) ([]byte, error) {
	if err := s.alive(); err != nil {
		return dst, err
	}
	if len(plain) > ChunkSize || (len(plain) < ChunkSize && !last) {
		return dst, fmt.Errorf("chunk %d has %d bytes", n, len(plain))
	}
	nonce := chunkNonce(n, last)
	return s.aead.Seal(dst, nonce[:], plain, s.bound), nil
}

// OpenChunk opens chunk n as it stands in the file. Like Seal it stops as
// soon as one of the keys is frozen: a play-back ends when its person is
// forgotten.
func (s *Stream) OpenChunk(dst []byte, n int64, last bool, sealed []byte) ([]byte, error) {
	if err := s.alive(); err != nil {
		return dst, err
	}
	nonce := chunkNonce(n, last)
	return s.aead.Open(dst, nonce[:], sealed, s.bound)
}

func chunkNonce(n int64, last bool) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[:], uint64(n))
	if last {
		nonce[11] = 1
	}
	return nonce
}
