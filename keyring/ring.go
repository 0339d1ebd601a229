// Package keyring holds one key per person, outside the data. Everything
// personal is sealed under its person's key, so destroying the key, 64 bytes
// on the disk, forgets the person however much there is.
//
// It owns the folder of keys: the ring (fixed slots, append-only, no index),
// the epoch key the slots are wrapped under, and the root of the blind
// indexes. It never logs, never returns a key, and knows nothing of people:
// it deals in slot numbers. Packages that own sealed columns or files call it.
package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"sotto"
)

// Ring is an open keyring. One process owns a ring at a time.
type Ring struct {
	dir  string
	root []byte // of the blind indexes; never changes

	// mu guards everything below. Seal and Open hold it for reading, so a key
	// is never used after Destroy has returned.
	mu     sync.RWMutex
	file   *os.File
	head   header
	epoch  cipher.AEAD
	slots  int64                // slots in the file
	unused int64                // slots behind this one were never given out
	frozen map[sotto.KeyID]bool // sealing is refused: erasure has begun

	cacheMu sync.Mutex
	cache   map[sotto.KeyID]cipher.AEAD
}

// maxCached bounds the keys held in memory.
const maxCached = 8192

// errBroken means a slot's bytes are neither a key nor the zeros of a
// destroyed one: the truth is unknown, so nothing is guessed.
var errBroken = errors.New("the slot's checksum is wrong")

// Create makes a new, empty keyring in dir. It refuses a folder that already
// holds one: making a new ring over an old one would forget everybody.
func Create(dir string) (err error) {
	defer sotto.Wrap(&err, "keyring.Create")
	if _, err := os.Stat(filepath.Join(dir, "ring")); err == nil {
		return sotto.Fail(sotto.Conflict, "There is a keyring here already.")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := writeSecret(filepath.Join(dir, "root"), randomBytes(32)); err != nil {
		return err
	}
	h := header{epoch: 1, ring: [16]byte(randomBytes(16))}
	if err := writeSecret(epochFile(dir, 1), randomBytes(32)); err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, "ring"), h.encode())
}

// Open opens the keyring in dir and finishes a rotation that a crash cut off.
func Open(dir string) (r *Ring, err error) {
	defer sotto.Wrap(&err, "keyring.Open")
	r = &Ring{dir: dir, frozen: map[sotto.KeyID]bool{}, cache: map[sotto.KeyID]cipher.AEAD{}}
	if r.root, err = readSecret(filepath.Join(dir, "root")); err != nil {
		return nil, sotto.FailCause(sotto.NotFound, "There is no keyring here. Without it nothing sealed can be read: restore the folder of keys.", err)
	}
	if r.file, err = os.OpenFile(filepath.Join(dir, "ring"), os.O_RDWR, 0); err != nil {
		return nil, sotto.FailCause(sotto.NotFound, "The keyring's file is missing: restore the folder of keys.", err)
	}
	if err := r.load(); err != nil {
		return nil, errors.Join(err, r.file.Close())
	}
	return r, nil
}

func (r *Ring) load() error {
	var raw [slotSize]byte
	if _, err := r.file.ReadAt(raw[:], 0); err != nil {
		return err
	}
	if err := r.head.decode(raw[:]); err != nil {
		return err
	}
	secret, err := readSecret(epochFile(r.dir, r.head.epoch))
	if err != nil {
		return sotto.FailCause(sotto.NotFound, "The epoch key of the keyring is missing: restore the folder of keys.", err)
	}
	if r.epoch, err = newAEAD(secret); err != nil {
		return err
	}
	st, err := r.file.Stat()
	if err != nil {
		return err
	}
	// A torn tail is a slot that was never given out.
	r.slots = st.Size()/slotSize - 1
	r.unused = r.slots
	return removeOtherEpochs(r.dir, r.head.epoch)
}

// Close closes the files. Keys in memory are dropped.
func (r *Ring) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cacheMu.Lock()
	r.cache = nil
	r.cacheMu.Unlock()
	return r.file.Close()
}

// NewKey gives out a fresh key and returns its number. The key is on the disk
// before it is returned; keys are made in batches, so most calls touch none.
// A key nobody seals with (the transaction failed) is harmless.
func (r *Ring) NewKey() (id sotto.KeyID, err error) {
	defer sotto.Wrap(&err, "keyring.NewKey")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unused == r.slots {
		if err := r.makeSlots(256); err != nil {
			return 0, err
		}
	}
	r.unused++
	return sotto.KeyID(r.unused), nil
}

// makeSlots appends n wrapped keys and syncs once.
func (r *Ring) makeSlots(n int64) error {
	buf := make([]byte, 0, n*slotSize)
	for i := range n {
		buf = r.wrap(buf, sotto.KeyID(r.slots+1+i), randomBytes(32))
	}
	if _, err := r.file.WriteAt(buf, (r.slots+1)*slotSize); err != nil {
		return err
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	r.slots += n
	return nil
}

// Freeze refuses to seal anything more under the keys. It lasts until Thaw or
// until the process ends; erasure freezes again when it resumes.
func (r *Ring) Freeze(ids ...sotto.KeyID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.frozen[id] = true
	}
}

// Thaw takes back Freeze for an erasure that was refused before its point of
// no return.
func (r *Ring) Thaw(ids ...sotto.KeyID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.frozen, id)
	}
}

// Destroy overwrites the keys' slots and syncs. When it returns nil, nothing
// sealed under them can be opened again, by anyone with this disk. Destroying
// twice is fine. The cost does not depend on how much was sealed.
func (r *Ring) Destroy(ids ...sotto.KeyID) (err error) {
	defer sotto.Wrap(&err, "keyring.Destroy")
	r.mu.Lock()
	defer r.mu.Unlock()
	var zero [slotSize]byte
	for _, id := range ids {
		if id < 1 || int64(id) > r.slots {
			return fmt.Errorf("no slot %d", id)
		}
		if _, err := r.file.WriteAt(zero[:], int64(id)*slotSize); err != nil {
			return err
		}
		r.forget(id)
		r.frozen[id] = true
	}
	return r.file.Sync()
}

// Reserve sees to it that no key up to number upTo is given out any more. Those
// the ring never had count as destroyed: an older copy of the ring does not
// give the number of a key that was destroyed since to somebody else.
func (r *Ring) Reserve(upTo sotto.KeyID) (err error) {
	defer sotto.Wrap(&err, "keyring.Reserve(%d)", upTo)
	r.mu.Lock()
	defer r.mu.Unlock()
	if int64(upTo) <= r.slots {
		return nil
	}
	if err := r.file.Truncate((int64(upTo) + 1) * slotSize); err != nil {
		return err
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	r.slots, r.unused = int64(upTo), int64(upTo)
	return nil
}

// Destroyed reports whether the key is gone.
func (r *Ring) Destroyed(id sotto.KeyID) (bool, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, err := r.unwrap(id)
	if sotto.KindOf(err) == sotto.Gone {
		return true, nil
	}
	return false, err
}

func (r *Ring) forget(id sotto.KeyID) {
	r.cacheMu.Lock()
	defer r.cacheMu.Unlock()
	delete(r.cache, id)
}

// aead returns the cipher of a live key. The caller holds mu.
func (r *Ring) aead(id sotto.KeyID) (cipher.AEAD, error) {
	r.cacheMu.Lock()
	defer r.cacheMu.Unlock()
	if a := r.cache[id]; a != nil {
		return a, nil
	}
	secret, err := r.unwrap(id)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	a, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	if len(r.cache) >= maxCached {
		clear(r.cache)
	}
	if r.cache != nil {
		r.cache[id] = a
	}
	return a, nil
}

// Copy writes the ring as it is now into dir, which is there and has none.
// Nothing is given out or destroyed meanwhile, so the files fit together. A
// copy cannot forget: keep it apart from the data, and not for long.
func (r *Ring) Copy(dir string) (err error) {
	defer sotto.Wrap(&err, "keyring.Copy")
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, err := os.Stat(filepath.Join(dir, "ring")); err == nil {
		return sotto.Fail(sotto.Conflict, "There is a keyring here already.")
	}
	for _, path := range []string{filepath.Join(r.dir, "root"), epochFile(r.dir, r.head.epoch), filepath.Join(r.dir, "ring")} {
		b, err := os.ReadFile(path)
		if err == nil {
			err = writeWhole(filepath.Join(dir, filepath.Base(path)), b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails
	return b
}
