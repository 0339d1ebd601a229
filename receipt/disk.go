package receipt

import (
	"os"
	"path/filepath"
	"runtime"
)

// disk does the few acts on files that a log needs. Each act has a name, and
// around, if set, decides whether it happens and what is reported: so a test
// fails every act in turn, in both forms, failed and failed but happened.
type disk struct {
	around func(act string, do func() error) error
}

func (d disk) do(act string, do func() error) error {
	if d.around == nil {
		return do()
	}
	return d.around(act, do)
}

// replace puts data in the place of dir/name, durably: after a crash the file
// is the old one or the new one, whole. Only the owner can read it.
func (d disk) replace(path string, data []byte) error {
	tmp := path + ".tmp"
	var f *os.File
	err := d.do("create "+tmp, func() (err error) {
		f, err = os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		return err
	})
	if f != nil {
		defer f.Close()
	}
	if err != nil {
		return err
	}
	if err := d.do("write "+tmp, func() error { _, err := f.Write(data); return err }); err != nil {
		return err
	}
	if err := d.do("sync "+tmp, f.Sync); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.do("rename "+tmp, func() error { return os.Rename(tmp, path) }); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// syncDir makes the names in dir durable. Windows has no such act.
func (d disk) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.do("sync folder", func() error {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
