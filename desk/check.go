package desk

import (
	"context"
	"fmt"
	"slices"

	"sotto/catalogue"
	"sotto/db"
	"sotto/keyring"
	"sotto/receipt"
)

// Check looks at everything and returns what does not fit together, with ids
// only. The database has been held against the catalogue when it was opened.
func (d *Desk) Check(ctx context.Context) (wrong []string, err error) {
	wrong = append(wrong, d.Tickets.Check(ctx)...)
	wrong = append(wrong, d.Recordings.Check(ctx)...)
	for _, check := range []func(context.Context) ([]string, error){d.checkAudit, d.checkReceipts, d.checkSealed, d.checkErased, d.checkFiles} {
		more, err := check(ctx)
		if err != nil {
			return wrong, err
		}
		wrong = append(wrong, more...)
	}
	slices.Sort(wrong)
	return slices.Compact(wrong), nil
}

// checkAudit walks the hash chain and holds it against every head that a
// receipt anchored.
func (d *Desk) checkAudit(ctx context.Context) (wrong []string, err error) {
	rep, err := d.Audit.Verify(ctx)
	if err != nil {
		return nil, err
	}
	if !rep.Whole() {
		wrong = append(wrong, fmt.Sprintf("audit log: entry %d does not fit", rep.Broken))
	}
	var anchors []receipt.Record
	for rec, err := range d.Receipts.Since(0) {
		if err != nil {
			return wrong, err
		}
		if rec.Kind == receipt.Restore { // what was anchored meanwhile were entries of the desk it replaced
			anchors = slices.DeleteFunc(anchors, func(a receipt.Record) bool { return int64(a.No) >= rec.ThingID })
		}
		if rec.AuditSize > 0 {
			anchors = append(anchors, rec)
		}
	}
	for _, a := range anchors {
		if err := d.Audit.VerifyAnchor(ctx, a.AuditSize, a.AuditHead); err != nil {
			wrong = append(wrong, fmt.Sprintf("audit log: differs from what receipt %d anchored", a.No))
		}
	}
	return wrong, nil
}

// checkReceipts verifies the signed log as an outsider would.
func (d *Desk) checkReceipts(context.Context) ([]string, error) {
	if _, err := receipt.VerifyLog(d.cfg.ReceiptsDir(), d.Receipts.Key()); err != nil {
		return []string{"receipts: " + err.Error()}, nil
	}
	return nil, nil
}

// checkSealed opens every sealed value: it opens, or an erasure under way has
// destroyed its key and removes it next.
func (d *Desk) checkSealed(ctx context.Context) (wrong []string, err error) {
	err = d.DB.Read(ctx, func(tx *db.Tx) error {
		dying, err := db.All(tx, db.Int, "SELECT k.key_id FROM erasure_key k JOIN erasure e ON e.id = k.erasure_id WHERE e.done_at IS NULL")
		if err != nil {
			return err
		}
		for _, t := range catalogue.Tables() {
			for _, c := range t.Columns {
				if c.Form != catalogue.Sealed {
					continue
				}
				query := fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s IS NOT NULL", t.Key(), c.Name, t.Name, c.Name)
				err := db.Each(tx, func(s db.Scanner) error {
					var id int64
					var v keyring.Sealed
					if err := s.Scan(&id, &v); err != nil {
						wrong = append(wrong, fmt.Sprintf("%s.%s: not a sealed value", t.Name, c.Name))
						return nil
					}
					if _, err := d.Ring.OpenNamed(v, t.Name, c.Name, id); err != nil && !slices.Contains(dying, int64(v.Key())) {
						wrong = append(wrong, fmt.Sprintf("%s.%s %d: does not open", t.Name, c.Name, id))
					}
					return nil
				}, query)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return wrong, err
}

// checkErased looks for anything that still leads to somebody who was erased.
func (d *Desk) checkErased(ctx context.Context) (wrong []string, err error) {
	err = d.DB.Read(ctx, func(tx *db.Tx) error {
		erased, err := db.All(tx, db.Int, "SELECT id FROM person WHERE erased_at IS NOT NULL")
		if err != nil {
			return err
		}
		for _, t := range catalogue.Tables() {
			for _, e := range t.Edges {
				if e.Fate != catalogue.RowGoes {
					continue
				}
				from, where := t.From(e)
				for _, id := range erased {
					n, err := db.One(tx, db.Int, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", from, where), id)
					if err != nil {
						return err
					}
					if n > 0 {
						wrong = append(wrong, fmt.Sprintf("%s: %d rows lead to person %d, who was erased", t.Name, n, id))
					}
				}
			}
		}
		return nil
	})
	return wrong, err
}

// checkFiles finds archives and greetings without a row.
func (d *Desk) checkFiles(ctx context.Context) (wrong []string, err error) {
	for _, b := range catalogue.Blobs() {
		if b.Class == catalogue.CallTrack || b.Class == catalogue.Attachment || b.Class == catalogue.Upload {
			continue // looked at by their owners
		}
		err := d.Blobs.Each(b.Class, func(id int64) error {
			return d.DB.Read(ctx, func(tx *db.Tx) error {
				has, err := tx.Has(fmt.Sprintf("SELECT id FROM %s WHERE id = $1", b.Table), id)
				if err == nil && !has {
					wrong = append(wrong, fmt.Sprintf("blob %s %d: a file without a row", b.Class, id))
				}
				return err
			})
		})
		if err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}
