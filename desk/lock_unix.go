//go:build unix

package desk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"sotto"
)

// lockFolder makes this process the only owner of the data folder, until the
// file is closed or the process ends in any way.
func lockFolder(dir string) (*os.File, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, sotto.FailCause(sotto.NotFound, "There is no desk here. Run `sotto init` to make one, or name the right data folder.", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(sotto.FailCause(sotto.Busy, "Another process works on this data folder.", err), f.Close())
	}
	return f, nil
}
