package sip

import (
	"context"
	"errors"

	"sotto"
)

// book is the telephones of the tests by user name; stored hears of changes
// and may refuse them.
type book struct {
	secrets map[string]Credentials
	stored  func(device sotto.DeviceID, contacts []Contact) error
}

var errNotStored = errors.New("the disk is full")

func (b book) Credentials(_ context.Context, username string) (Credentials, bool) {
	c, ok := b.secrets[username]
	return c, ok
}

func (b book) Registered(_ context.Context, device sotto.DeviceID, contacts []Contact) error {
	if b.stored == nil {
		return nil
	}
	return b.stored(device, contacts)
}
