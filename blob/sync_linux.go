package blob

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"sotto"
)

// SyncAll brings everything written to the store so far to the disk, in one
// go: for many files it costs a fraction of syncing each. It is syncfs(2), so
// it waits for whatever else is being written to the same file system. What
// it reports is about all files together; Commit of each still tells the
// truth about that one. It fails with errors.ErrUnsupported where the system
// cannot do it.
func (s *Store) SyncAll() (err error) {
	defer sotto.Wrap(&err, "blob.SyncAll")
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
