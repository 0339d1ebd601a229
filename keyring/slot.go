package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"sotto"
)

// A slot is 64 bytes, so a disk sector never holds half of one:
// 12 nonce, 48 wrapped key with tag, 4 checksum. All zeros is a destroyed key.
// Slot 0 is the header.
const slotSize = 64

var magic = [8]byte{'S', 'O', 'T', 'T', 'O', 'K', 'R', '1'}

// header is slot 0: which epoch key the others are wrapped under.
type header struct {
	epoch int64
	ring  [16]byte // names this ring, so that a slot of another one does not open
}

func (h header) encode() []byte {
	b := make([]byte, slotSize)
	copy(b, magic[:])
	binary.BigEndian.PutUint64(b[8:], uint64(h.epoch))
	copy(b[16:], h.ring[:])
	binary.BigEndian.PutUint32(b[60:], crc32.ChecksumIEEE(b[:60]))
	return b
}

func (h *header) decode(b []byte) error {
	if !bytes.Equal(b[:8], magic[:]) || binary.BigEndian.Uint32(b[60:]) != crc32.ChecksumIEEE(b[:60]) {
		return errors.New("the file is not a keyring or its header is broken")
	}
	h.epoch = int64(binary.BigEndian.Uint64(b[8:]))
	copy(h.ring[:], b[16:32])
	return nil
}

// bind is the associated data of a slot: a slot moved elsewhere does not open.
func (h header) bind(id sotto.KeyID) []byte {
	b := make([]byte, 0, 32)
	b = append(b, h.ring[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.epoch))
	return binary.BigEndian.AppendUint64(b, uint64(id))
}

// wrap appends the slot that holds secret for key id.
func (r *Ring) wrap(dst []byte, id sotto.KeyID, secret []byte) []byte {
	return wrapUnder(r.epoch, r.head, dst, id, secret)
}

func wrapUnder(epoch cipher.AEAD, h header, dst []byte, id sotto.KeyID, secret []byte) []byte {
	at := len(dst)
	dst = append(dst, randomBytes(12)...)
	dst = epoch.Seal(dst, dst[at:at+12], secret, h.bind(id))
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[at:]))
}

// unwrap reads a slot. It fails with Gone when the key was destroyed.
func (r *Ring) unwrap(id sotto.KeyID) ([]byte, error) {
	if id < 1 || int64(id) > r.slots {
		return nil, fmt.Errorf("no slot %d in a ring of %d", id, r.slots)
	}
	var raw [slotSize]byte
	if _, err := r.file.ReadAt(raw[:], int64(id)*slotSize); err != nil {
		return nil, err
	}
	return r.unwrapRaw(id, raw[:])
}

func (r *Ring) unwrapRaw(id sotto.KeyID, raw []byte) ([]byte, error) {
	if isZero(raw) {
		return nil, sotto.Fail(sotto.Gone, "This was erased. A receipt says when.")
	}
	if binary.BigEndian.Uint32(raw[60:]) != crc32.ChecksumIEEE(raw[:60]) {
		return nil, fmt.Errorf("slot %d: %w", id, errBroken)
	}
	secret, err := r.epoch.Open(nil, raw[:12], raw[12:60], r.head.bind(id))
	if err != nil {
		return nil, fmt.Errorf("slot %d: %w", id, err)
	}
	return secret, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
