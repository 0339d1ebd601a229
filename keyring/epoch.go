package keyring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sotto"
)

// Rotate wraps every living key under a new epoch key and destroys the old
// one. After it, remnants of old slots (a copy-on-write file system, a spare
// block of an SSD, a backup of the ring) are dead too, unless the old epoch
// key was copied. It runs daily and after each destruction; 200,000 keys take
// about 0.2 s, during which sealing waits.
//
// A crash leaves either the old ring with the old epoch key, or the new one
// with the new: the ring's header says which, and Open removes the other.
func (r *Ring) Rotate() (err error) {
	defer sotto.Wrap(&err, "keyring.Rotate")
	r.mu.Lock()
	defer r.mu.Unlock()
	next := header{epoch: r.head.epoch + 1, ring: r.head.ring}
	secret := randomBytes(32)
	defer clear(secret)
	if err := writeSecret(epochFile(r.dir, next.epoch), secret); err != nil {
		return err
	}
	whole, err := r.rewrap(next, secret)
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, "ring")
	if err := writeWhole(path, whole); err != nil {
		return err
	}
	return r.reopen(path) // which destroys the old epoch key
}

// rewrap returns the new ring file. Slots that were never given out are made
// anew on demand, so they are left out.
func (r *Ring) rewrap(next header, secret []byte) ([]byte, error) {
	epoch, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.NewSectionReader(r.file, slotSize, r.unused*slotSize))
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(raw)+slotSize), next.encode()...)
	for i := range r.unused {
		id := sotto.KeyID(i + 1)
		key, err := r.unwrapRaw(id, raw[i*slotSize:(i+1)*slotSize])
		if sotto.KindOf(err) == sotto.Gone {
			out = append(out, make([]byte, slotSize)...)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = wrapUnder(epoch, next, out, id, key)
		clear(key)
	}
	return out, nil
}

// reopen switches to the file that now stands at path.
func (r *Ring) reopen(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	old := r.file
	r.file = f
	unused := r.unused
	if err := r.load(); err != nil {
		r.file = old
		return errors.Join(err, f.Close())
	}
	r.unused = min(unused, r.slots)
	return old.Close()
}

// Epoch returns the number of the epoch key in force.
func (r *Ring) Epoch() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.head.epoch
}

func epochFile(dir string, n int64) string { return filepath.Join(dir, fmt.Sprintf("epoch.%d", n)) }

// removeOtherEpochs destroys epoch keys a crash left behind.
func removeOtherEpochs(dir string, keep int64) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if strings.HasPrefix(f.Name(), "epoch.") && path != epochFile(dir, keep) {
			if err := shredFile(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// shredFile overwrites, syncs and removes a secret.
func shredFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, st.Size()), 0)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), syncDir(filepath.Dir(path)))
}

// writeSecret writes a small file that only the desk's user may read.
func writeSecret(path string, secret []byte) error { return writeWhole(path, secret) }

func readSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil && len(b) != 32 {
		return nil, fmt.Errorf("%s holds %d bytes, not a key of 32", filepath.Base(path), len(b))
	}
	return b, err
}

// writeWhole puts data at path at once: after a crash there is the old file
// or the new one.
func writeWhole(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
