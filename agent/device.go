package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/sip"
)

// maxDevices is how many telephones one agent may have.
const maxDevices = 10

// Kind is what a device is.
type Kind string

// The kinds.
const (
	SIPPhone Kind = "sip"     // a telephone that registers
	Browser  Kind = "browser" // a page that is open
	Forward  Kind = "forward" // a number outside
)

// Device is one telephone, browser or outside number an agent is rung at.
type Device struct {
	ID         sotto.DeviceID
	Person     sotto.PersonID
	Kind       Kind
	Rung       bool   // calls ring it
	Username   string // "" for what does not sign in
	CreatedAt  time.Time
	Registered int // places it can be rung at now
}

// AddDevice gives an agent another telephone. secret is its password; it is
// returned once and cannot be read again.
func (aa *Agents) AddDevice(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (d Device, secret string, err error) {
	defer sotto.Wrap(&err, "agent.AddDevice(%d)", id)
	secret = rand.Text()
	d, err = aa.addDevice(ctx, actor, Device{Person: id, Kind: SIPPhone}, func(tx *db.Tx, d *Device) (s, number keyring.Sealed, err error) {
		if d.Username, err = aa.freeUsername(tx); err != nil {
			return s, number, err
		}
		s, err = aa.seal(tx, *d, catalogue.DeviceSecret, secret)
		return s, number, err
	})
	if err != nil {
		return Device{}, "", err
	}
	return d, secret, nil
}

// AddBrowser gives an agent a device that rings in the page. It can be rung
// while Present says so.
func (aa *Agents) AddBrowser(ctx context.Context, actor sotto.Actor, id sotto.PersonID) (d Device, err error) {
	defer sotto.Wrap(&err, "agent.AddBrowser(%d)", id)
	return aa.addDevice(ctx, actor, Device{Person: id, Kind: Browser}, func(*db.Tx, *Device) (s, number keyring.Sealed, err error) { return })
}

// AddForward lets an agent be rung at a number outside, in E.164 or as it is
// dialled in the desk's region. It can always be rung; whether it may be is the
// dial gate's to say, each time.
func (aa *Agents) AddForward(ctx context.Context, actor sotto.Actor, id sotto.PersonID, number string) (d Device, err error) {
	defer sotto.Wrap(&err, "agent.AddForward(%d)", id)
	normal, err := aa.people.Number(number)
	if err != nil {
		return d, err
	}
	return aa.addDevice(ctx, actor, Device{Person: id, Kind: Forward}, func(tx *db.Tx, d *Device) (s, sealed keyring.Sealed, err error) {
		sealed, err = aa.seal(tx, *d, catalogue.DeviceNumber, normal)
		return s, sealed, err
	})
}

// addDevice writes a device; with returns its sealed password and number.
func (aa *Agents) addDevice(ctx context.Context, actor sotto.Actor, d Device, with func(*db.Tx, *Device) (secret, number keyring.Sealed, err error)) (Device, error) {
	row, err := aa.newID(ctx)
	if err != nil {
		return d, err
	}
	d.ID, d.Rung = sotto.DeviceID(row), true
	err = aa.change(ctx, actor, d.Person, audit.Entry{Action: audit.Create, Source: audit.Device, SourceID: row}, func(tx *db.Tx) error {
		n, err := db.One(tx, db.Int, aa.q["CountDevices"], int64(d.Person))
		if err != nil {
			return err
		}
		if n >= maxDevices {
			return sotto.Fail(sotto.Conflict, "This agent has ten telephones already. Remove one first.")
		}
		secret, number, err := with(tx, &d)
		if err != nil {
			return err
		}
		var username any
		if d.Username != "" {
			username = d.Username
		}
		d.CreatedAt = tx.Now
		_, err = tx.Exec(aa.q["InsertDevice"], row, int64(d.Person), string(d.Kind), username, secret, number, db.Millis(tx.Now))
		return err
	})
	if err == nil {
		aa.changed()
	}
	return d, err
}

// SetRung says whether calls ring a device.
func (aa *Agents) SetRung(ctx context.Context, actor sotto.Actor, id sotto.DeviceID, rung bool) (err error) {
	defer sotto.Wrap(&err, "agent.SetRung(%d)", id)
	err = aa.changeDevice(ctx, actor, id, audit.Update, func(tx *db.Tx, _ Device) error {
		_, err := tx.Exec(aa.q["SetRung"], int64(id), db.Bit(rung))
		return err
	})
	if err == nil {
		aa.changed()
	}
	return err
}

// Present notes that a page with a browser device is open, until gone is
// called. It may be open twice.
func (aa *Agents) Present(id sotto.DeviceID) (gone func()) {
	aa.mu.Lock()
	aa.browsers[id]++
	aa.mu.Unlock()
	aa.changed()
	return sync.OnceFunc(func() {
		aa.mu.Lock()
		if aa.browsers[id]--; aa.browsers[id] <= 0 {
			delete(aa.browsers, id)
		}
		aa.mu.Unlock()
		aa.changed()
	})
}

// Number returns the outside number of a device of kind Forward; NotFound for
// any other.
func (aa *Agents) Number(ctx context.Context, id sotto.DeviceID) (number string, err error) {
	defer sotto.Wrap(&err, "agent.Number(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		sealed, err := db.One(tx, func(s db.Scanner) (v keyring.Sealed, err error) { err = s.Scan(&v); return }, aa.q["DeviceNumber"], int64(id))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "There is no such outside number.")
		}
		if err == nil {
			number, err = aa.ring.OpenText(sealed, catalogue.DeviceNumber, int64(id))
		}
		return err
	})
	return number, err
}

// Device returns one device; NotFound when it was taken away.
func (aa *Agents) Device(ctx context.Context, id sotto.DeviceID) (d Device, err error) {
	defer sotto.Wrap(&err, "agent.Device(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		d, err = db.One(tx, scanDevice, aa.q["Device"], int64(id), db.Millis(tx.Now))
		return err
	})
	if errors.Is(err, db.ErrNone) {
		err = sotto.Fail(sotto.NotFound, "There is no such telephone.")
	}
	return d, err
}

// RenewSecret gives a telephone another password and ends its registrations.
// The password is returned once.
func (aa *Agents) RenewSecret(ctx context.Context, actor sotto.Actor, id sotto.DeviceID) (secret string, err error) {
	defer sotto.Wrap(&err, "agent.RenewSecret(%d)", id)
	secret = rand.Text()
	err = aa.changeDevice(ctx, actor, id, audit.Update, func(tx *db.Tx, d Device) error {
		if d.Kind != SIPPhone {
			return sotto.Fail(sotto.Invalid, "Only a telephone that registers has a password.")
		}
		sealed, err := aa.seal(tx, d, catalogue.DeviceSecret, secret)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(aa.q["SetSecret"], int64(id), sealed); err != nil {
			return err
		}
		_, err = tx.Exec(aa.q["DeleteRegistrations"], int64(id))
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// RemoveDevice takes a telephone away and ends its registrations. A call
// under way goes on.
func (aa *Agents) RemoveDevice(ctx context.Context, actor sotto.Actor, id sotto.DeviceID) (err error) {
	defer sotto.Wrap(&err, "agent.RemoveDevice(%d)", id)
	return aa.changeDevice(ctx, actor, id, audit.Destroy, func(tx *db.Tx, _ Device) error {
		if _, err := tx.Exec(aa.q["DeleteRegistrations"], int64(id)); err != nil {
			return err
		}
		_, err := tx.Exec(aa.q["DeleteDevice"], int64(id))
		return err
	})
}

// changeDevice runs f on a telephone and then ends its registrations.
func (aa *Agents) changeDevice(ctx context.Context, actor sotto.Actor, id sotto.DeviceID, action audit.Action, f func(*db.Tx, Device) error) error {
	var owner sotto.PersonID
	err := aa.db.Read(ctx, func(tx *db.Tx) error {
		d, err := db.One(tx, scanDevice, aa.q["Device"], int64(id), db.Millis(tx.Now))
		owner = d.Person
		return err
	})
	if errors.Is(err, db.ErrNone) || err == nil && !actor.IsAdmin() && actor.Person != owner {
		return sotto.Fail(sotto.NotFound, "There is no such telephone.")
	}
	if err != nil {
		return err
	}
	err = aa.change(ctx, actor, owner, audit.Entry{Action: action, Source: audit.Device, SourceID: int64(id)}, func(tx *db.Tx) error {
		d, err := db.One(tx, scanDevice, aa.q["Device"], int64(id), db.Millis(tx.Now))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "There is no such telephone.")
		}
		if err != nil {
			return err
		}
		return f(tx, d)
	})
	if err == nil {
		aa.forget(id)
	}
	return err
}

// Devices returns an agent's telephones, the oldest first.
func (aa *Agents) Devices(ctx context.Context, id sotto.PersonID) (all []Device, err error) {
	defer sotto.Wrap(&err, "agent.Devices(%d)", id)
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanDevice, aa.q["Devices"], int64(id), db.Millis(tx.Now))
		return err
	})
	return all, err
}

func scanDevice(s db.Scanner) (d Device, err error) {
	var created, rung, registered int64
	err = s.Scan((*int64)(&d.ID), (*int64)(&d.Person), (*string)(&d.Kind), &rung, &d.Username, &created, &registered)
	d.Rung = rung == 1
	d.CreatedAt, d.Registered = db.Time(created), int(registered)
	return d, err
}

// Credentials is what leg/sip checks a telephone's digest against
// (sip.Phones). ok is false for a name we do not know, and for a telephone of
// somebody who may not work here now.
func (aa *Agents) Credentials(ctx context.Context, username string) (c sip.Credentials, ok bool) {
	err := aa.db.Read(ctx, func(tx *db.Tx) (err error) {
		c, err = db.One(tx, aa.scanCredentials, aa.q["Credentials"], username)
		return err
	})
	if err != nil {
		return sip.Credentials{}, false
	}
	return c, true
}

func (aa *Agents) scanCredentials(s db.Scanner) (c sip.Credentials, err error) {
	var sealed keyring.Sealed
	if err := s.Scan((*int64)(&c.Device), &sealed); err != nil {
		return c, err
	}
	c.Secret, err = aa.ring.OpenText(sealed, catalogue.DeviceSecret, int64(c.Device))
	return c, err
}

func (aa *Agents) seal(tx *db.Tx, d Device, cell catalogue.Cell, text string) (keyring.Sealed, error) {
	key, err := db.One(tx, db.Int, aa.q["Key"], int64(d.Person))
	if err != nil {
		return keyring.Sealed{}, err
	}
	return aa.ring.SealText(sotto.KeyID(key), cell, int64(d.ID), text)
}

// freeUsername makes a sign-in name that nobody has. It says nothing about
// whose it is.
func (aa *Agents) freeUsername(tx *db.Tx) (string, error) {
	if err := tx.Lock("device"); err != nil {
		return "", err
	}
	for range 20 {
		n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
		if err != nil {
			return "", err
		}
		name := fmt.Sprintf("a%08d", n)
		taken, err := tx.Has(aa.q["Username"], name)
		if err != nil || !taken {
			return name, err
		}
	}
	return "", errors.New("no free sign-in name")
}

func (aa *Agents) newID(ctx context.Context) (id int64, err error) {
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		id = tx.NewID()
		return nil
	})
	return id, err
}
