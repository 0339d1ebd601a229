package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/leg/sip"
)

// Registered stores where a telephone can be rung (sip.Phones). It refuses a
// telephone that was taken away or whose agent is being erased.
func (aa *Agents) Registered(ctx context.Context, device sotto.DeviceID, contacts []sip.Contact) (err error) {
	defer sotto.Wrap(&err, "agent.Registered(%d)", device)
	err = aa.db.Write(ctx, func(tx *db.Tx) error {
		owner, err := db.One(tx, db.Int, aa.q["Owner"], int64(device))
		if errors.Is(err, db.ErrNone) {
			return sotto.Fail(sotto.NotFound, "There is no such telephone.")
		}
		if err != nil {
			return err
		}
		if err := aa.people.Live(tx, sotto.PersonID(owner)); err != nil {
			return err
		}
		key, err := db.One(tx, db.Int, aa.q["Key"], owner)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(aa.q["DeleteRegistrations"], int64(device)); err != nil {
			return err
		}
		for _, c := range contacts {
			row := tx.NewID()
			sealed, err := aa.ring.SealText(sotto.KeyID(key), catalogue.RegistrationURI, row, write(c))
			if err != nil {
				return err
			}
			if _, err := tx.Exec(aa.q["InsertRegistration"], row, int64(device), sealed,
				aa.ring.Hash(catalogue.ContactIndex, c.URI), db.Millis(c.Expires)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(contacts) > 0 {
		aa.changed()
	}
	return err
}

// Attach gives the endpoint the registrations that were stored before a
// restart, and lets agents end registrations there. Call it once, when the
// endpoint is open.
func (aa *Agents) Attach(ctx context.Context, phones *sip.Endpoint) (err error) {
	defer sotto.Wrap(&err, "agent.Attach")
	if err := aa.Expire(ctx); err != nil {
		return err
	}
	stored := map[sotto.DeviceID][]sip.Contact{}
	err = aa.db.Read(ctx, func(tx *db.Tx) error {
		return db.Each(tx, func(s db.Scanner) error {
			device, c, err := aa.scanContact(s)
			if sotto.KindOf(err) == sotto.Gone {
				return nil // the agent is being erased
			}
			if err == nil {
				stored[device] = append(stored[device], c)
			}
			return err
		}, aa.q["Registrations"])
	})
	if err != nil {
		return err
	}
	aa.mu.Lock()
	aa.phones = phones
	aa.mu.Unlock()
	for device, contacts := range stored {
		phones.Restore(device, contacts)
	}
	return nil
}

func (aa *Agents) scanContact(s db.Scanner) (device sotto.DeviceID, c sip.Contact, err error) {
	var row, expires int64
	var sealed keyring.Sealed
	if err := s.Scan(&row, (*int64)(&device), &sealed, &expires); err != nil {
		return 0, c, err
	}
	text, err := aa.ring.OpenText(sealed, catalogue.RegistrationURI, row)
	if err != nil {
		return 0, c, err
	}
	c, err = read(text)
	c.Expires = db.Time(expires)
	return device, c, err
}

// Expire deletes the registrations whose time is over, and figures of long
// ago.
func (aa *Agents) Expire(ctx context.Context) (err error) {
	defer sotto.Wrap(&err, "agent.Expire")
	return aa.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(aa.q["ExpireDays"], db.Millis(midnight(tx.Now).AddDate(0, 0, -keepDays))); err != nil {
			return err
		}
		_, err := tx.Exec(aa.q["Expire"], db.Millis(tx.Now))
		return err
	})
}

// SignOut ends an agent's registrations in the endpoint and forgets what the
// memory knows of the agent. Erasure calls it before it removes the rows, and
// account when somebody may no longer work here. A call under way goes on.
func (aa *Agents) SignOut(ctx context.Context, id sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "agent.SignOut(%d)", id)
	devices, err := aa.Devices(ctx, id)
	if err != nil {
		return err
	}
	for _, d := range devices {
		aa.forget(d.ID)
	}
	aa.mu.Lock()
	defer aa.mu.Unlock()
	if d := aa.duties[id]; d != nil {
		d.idle, d.away, d.missed = time.Time{}, false, 0
	}
	maps.DeleteFunc(aa.owed, func(at dayOf, _ Tally) bool { return at.person == id })
	return nil
}

func (aa *Agents) forget(device sotto.DeviceID) {
	aa.mu.Lock()
	phones, pages := aa.phones, aa.pages
	aa.mu.Unlock()
	if phones != nil {
		phones.Forget(device)
	}
	if pages != nil {
		pages.Forget(device)
	}
}

// write is a contact as it is sealed: five words, readable in an export.
func write(c sip.Contact) string {
	transport := "udp"
	if c.TCP {
		transport = "tcp"
	}
	id := c.CallID
	if id == "" || strings.ContainsAny(id, " \t\r\n") {
		id = "-"
	}
	return fmt.Sprintf("%s %s %s %d %s", transport, c.From, id, c.Seq, c.URI)
}

// read is the reverse of write.
func read(text string) (c sip.Contact, err error) {
	f := strings.SplitN(text, " ", 5)
	if len(f) != 5 {
		return c, errors.New("a stored contact has five words")
	}
	if _, err := fmt.Sscan(f[3], &c.Seq); err != nil {
		return c, err
	}
	c.TCP, c.CallID, c.URI = f[0] == "tcp", f[2], f[4]
	c.From, err = netip.ParseAddrPort(f[1])
	return c, err
}
