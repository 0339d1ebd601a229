package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"sotto"
	"sotto/catalogue"
)

// notice is what a recipient is told. The person is the opaque number that
// the recipient was given with the data.
type notice struct {
	Event  string         `json:"event"` // "erased" or "rectified"
	Person sotto.PersonID `json:"person_id"`
}

// tell tells one recipient and returns nil once it has confirmed with 2xx.
func (d *Desk) tell(ctx context.Context, recipient, kind string, id sotto.PersonID) (err error) {
	defer sotto.Wrap(&err, "desk.tell(%d)", id)
	for _, r := range d.cfg.Recipients {
		if r.Name != recipient {
			continue
		}
		body, err := json.Marshal(notice{kind, id})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := d.out.Do(ctx, catalogue.RecipientNotice, req)
		if err == nil && res.Status/100 != 2 {
			err = sotto.Fail(sotto.Peer, "The recipient did not confirm.")
		}
		return err
	}
	return sotto.Fail(sotto.Conflict, "A recipient who must be told is no longer in the configuration. Put it back, or confirm by hand.")
}

func (c Config) recipientNames() []string {
	var out []string
	for _, r := range c.Recipients {
		out = append(out, r.Name)
	}
	return out
}

func (c Config) recipientHosts() []string {
	var out []string
	for _, r := range c.Recipients {
		if u, err := url.Parse(r.URL); err == nil {
			out = append(out, u.Hostname())
		}
	}
	return out
}
