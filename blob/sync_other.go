//go:build !linux

package blob

import "errors"

// SyncAll is not offered by this system: sync each file.
func (s *Store) SyncAll() error { return errors.ErrUnsupported }
