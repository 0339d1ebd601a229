// Package blob is the only writer of files that hold what people said or
// sent: recordings, attachments, archives. A file is named by its class and
// the id of its row, never by anything a person chose.
//
// It owns the folder of blobs. What is in a file is its caller's business:
// sealed files are sealed by keyring before they come here. Deleting
// overwrites the head of the file first, which for a sealed file is the salt
// without which nothing in it can be read, even while its keys live.
package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"sotto"
	"sotto/catalogue"
)

// headSize is how much Delete overwrites: the header of a sealed file.
const headSize = 64

// Store is a folder of blobs. Its methods may be called from any goroutine.
type Store struct{ dir string }

// Open uses dir, made if it is not there.
func Open(dir string) (*Store, error) {
	for _, b := range catalogue.Blobs() {
		if err := os.MkdirAll(filepath.Join(dir, b.Class.String()), 0o700); err != nil {
			return nil, sotto.FailCause(sotto.Internal, "", fmt.Errorf("blob.Open: %w", err))
		}
	}
	return &Store{dir}, nil
}

// path spreads the files of a class over 256 folders, since ids grow with
// time and a folder of a million names is slow.
func (s *Store) path(class catalogue.Blob, id int64) (string, error) {
	if class == (catalogue.Blob{}) {
		return "", errors.New("blob: a file without a class is not kept")
	}
	return filepath.Join(s.dir, class.String(), fmt.Sprintf("%02x", (id>>4)&0xff), strconv.FormatInt(id, 10)), nil
}

// File is a blob being written. It is there after Commit and not before a
// crash could tell: an uncommitted file may be removed by Sweep.
type File struct {
	f    *os.File
	size int64
}

// Create begins the blob of row id in class. It refuses to write over one
// that is there.
func (s *Store) Create(class catalogue.Blob, id int64) (_ *File, err error) {
	defer sotto.Wrap(&err, "blob.Create(%s, %d)", class, id)
	path, err := s.path(class, id)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &File{f: f}, nil
}

// Write appends. A full disk is an error of kind Busy that says so.
func (f *File) Write(b []byte) (int, error) {
	n, err := f.f.Write(b)
	f.size += int64(n)
	return n, diskFull(err)
}

// Size returns how many bytes were written.
func (f *File) Size() int64 { return f.size }

// Sync brings what was written so far to the disk.
func (f *File) Sync() error { return diskFull(f.f.Sync()) }

// Commit syncs the file and its folder and closes it. After nil it survives a
// power cut.
func (f *File) Commit() error {
	err := errors.Join(f.f.Sync(), f.f.Close())
	return diskFull(errors.Join(err, syncDir(filepath.Dir(f.f.Name()))))
}

// Abort closes and removes the file.
func (f *File) Abort() error {
	return errors.Join(f.f.Close(), shred(f.f.Name()))
}

// Put writes the whole of r as the blob of row id.
func (s *Store) Put(class catalogue.Blob, id int64, r io.Reader) (err error) {
	f, err := s.Create(class, id)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.Commit()
}

// Reader reads a blob from any point.
type Reader struct {
	*os.File
	Size int64
}

// Open opens the blob of row id; NotFound when there is none.
func (s *Store) Open(class catalogue.Blob, id int64) (_ *Reader, err error) {
	defer sotto.Wrap(&err, "blob.Open(%s, %d)", class, id)
	path, err := s.path(class, id)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sotto.FailCause(sotto.NotFound, "There is no such file.", err)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Reader{f, st.Size()}, nil
}

// Has reports whether there is a blob of row id.
func (s *Store) Has(class catalogue.Blob, id int64) (bool, error) {
	path, err := s.path(class, id)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Delete overwrites the blob's head, syncs, and removes it. It reports
// whether there was one; deleting what is not there is fine.
func (s *Store) Delete(class catalogue.Blob, id int64) (was bool, err error) {
	defer sotto.Wrap(&err, "blob.Delete(%s, %d)", class, id)
	path, err := s.path(class, id)
	if err != nil {
		return false, err
	}
	err = shred(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Forget removes blobs whose keys are destroyed, so that nothing in them can
// be read any more: it does not overwrite, and syncs each folder once. It
// returns how many there were.
func (s *Store) Forget(class catalogue.Blob, ids ...int64) (n int64, err error) {
	defer sotto.Wrap(&err, "blob.Forget(%s)", class)
	folders := map[string]bool{}
	for _, id := range ids {
		path, err := s.path(class, id)
		if err != nil {
			return n, err
		}
		err = os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return n, err
		}
		n++
		folders[filepath.Dir(path)] = true
	}
	for dir := range folders {
		if err := syncDir(dir); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Each calls f with the id of every blob of a class, in no order.
func (s *Store) Each(class catalogue.Blob, f func(id int64) error) error {
	if class == (catalogue.Blob{}) {
		return errors.New("blob: no class")
	}
	return filepath.WalkDir(filepath.Join(s.dir, class.String()), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		id, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil {
			return fmt.Errorf("blob %s: a file that is not ours: %w", class, err)
		}
		return f(id)
	})
}

// shred overwrites the head of a file, syncs and removes it.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, min(st.Size(), headSize)), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
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

// diskFull gives a full disk its own words.
func diskFull(err error) error {
	if isFull(err) {
		return sotto.FailCause(sotto.Busy, "The disk is full. Make room; calls go on without recording.", err)
	}
	return err
}
