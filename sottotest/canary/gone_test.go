package canary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"sotto"
	"sotto/desk"
	"sotto/privacy"
	"sotto/receipt"
	"sotto/ticket"
)

// checkGone looks at a desk whose erased must be nowhere and whose others must
// be as they were.
func (w *sweep) checkGone(c desk.Config) {
	d := w.open(c)
	defer w.close(d)
	w.checkPeople(d)
	w.checkReceipts(d)
	w.checkDesk(d)
	w.archivesAfter(d, true)
}

// checkRestored is checkGone for a desk that was restored: its requests are
// those of the backup.
func (w *sweep) checkRestored(c desk.Config) {
	d := w.open(c)
	defer w.close(d)
	w.checkPeople(d)
	w.checkDesk(d)
	w.archivesAfter(d, false)
}

func (w *sweep) open(c desk.Config) *desk.Desk {
	w.t.Helper()
	d, err := desk.Open(w.ctx, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// checkDesk asks the desk itself.
func (w *sweep) checkDesk(d *desk.Desk) {
	wrong, err := d.Check(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, what := range wrong[:min(len(wrong), 20)] {
		w.t.Errorf("check: %s", what)
	}
	w.done("checked the desk: %d things do not fit", len(wrong))
}

// checkPeople asks for each of the erased in every way there is.
func (w *sweep) checkPeople(d *desk.Desk) {
	var mu sync.Mutex
	err := each(w.people, 8, func(p *Person) error {
		if !w.gone[p.Index] {
			return nil
		}
		wrong, err := w.leftOf(d, p)
		mu.Lock()
		defer mu.Unlock()
		for _, what := range wrong {
			w.t.Errorf("person %d was erased: %s", p.Index, what)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.done("asked for each of the erased")
}

// leftOf returns what the desk still shows of somebody erased.
func (w *sweep) leftOf(d *desk.Desk, p *Person) (wrong []string, err error) {
	is, err := d.People.Get(w.ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if is.ErasedAt.IsZero() || is.Key != 0 || is.Name+is.Notes+is.Details+is.ExternalID+is.Locale != "" || len(is.Addresses)+len(is.Objections) > 0 {
		wrong = append(wrong, "the entry is not empty")
	}
	for _, query := range []string{p.Number(), p.NationalNumber(), p.Text(Email), p.Text(External), p.Words[Name]} {
		if found, err := d.People.Find(w.ctx, query); err != nil || len(found) > 0 {
			wrong = append(wrong, fmt.Sprintf("a look-up finds %d people, %v", len(found), err))
		}
	}
	if list, _, err := d.Tickets.ByRequester(w.ctx, sotto.Operator(), p.ID, ticket.Page{}); err != nil || len(list) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d tickets, %v", len(list), err))
	}
	if err := d.Rights.WriteArchive(w.ctx, p.ID, io.Discard); sotto.KindOf(err) != sotto.Gone {
		wrong = append(wrong, fmt.Sprintf("an archive can be made: %v", err))
	}
	if may, err := mayContact(w, d, p); err != nil || may == !p.Staff {
		wrong = append(wrong, fmt.Sprintf("may be contacted: %v, %v; the objection outlives the erasure", may, err))
	}
	return wrong, nil
}

// checkReceipts verifies the receipt of each request as an outsider would, and
// the log as a whole.
func (w *sweep) checkReceipts(d *desk.Desk) {
	key := d.Receipts.Key()
	var mu sync.Mutex
	verified := 0
	err := each(w.people, 8, func(p *Person) error {
		if !w.gone[p.Index] {
			return nil
		}
		requests, err := d.Rights.Requests(w.ctx, sotto.Operator(), p.ID)
		if err != nil {
			return err
		}
		requests = slices.DeleteFunc(requests, func(r privacy.Request) bool { return r.Kind != privacy.Erasure })
		if len(requests) != 1 || requests[0].State != "done" || requests[0].Receipt < 0 {
			return fmt.Errorf("the requests for erasure of person %d are %+v", p.Index, requests)
		}
		if err := verify(d.Receipts, key, requests[0].Receipt, p.ID); err != nil {
			return fmt.Errorf("the receipt of person %d: %w", p.Index, err)
		}
		mu.Lock()
		defer mu.Unlock()
		verified++
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
	if _, err := receipt.VerifyLog(w.cfg.ReceiptsDir(), key); err != nil {
		w.t.Error(err)
	}
	w.done("%d receipts verify", verified)
}

// verify checks the receipt file of an erasure, and what it says.
func verify(log *receipt.Log, key string, no sotto.ReceiptNo, id sotto.PersonID) error {
	r, err := log.Receipt(no)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if _, err := r.WriteTo(&file); err != nil {
		return err
	}
	v, err := receipt.Verify(&file, key)
	if err != nil {
		return err
	}
	rec := r.Record()
	if v.Kind != string(receipt.Erasure) || !v.Trusted || v.Subject != int64(id) || !rec.Complete() || len(rec.Keys) == 0 || len(rec.Tombstones) == 0 {
		return fmt.Errorf("says %+v", rec)
	}
	// What was there once is removed once, however often the process was killed.
	for _, s := range rec.Steps {
		if s.Removed > 1 && (s.Place == "person.name" || s.Place == "person.key_id") {
			return fmt.Errorf("%s was removed %d times", s.Place, s.Removed)
		}
	}
	return nil
}

// shrunk compares the archive of somebody who worked with the erased: nothing
// is new, and only what was also an erased person's is missing.
func shrunk(p *Person, before, after []byte, gone map[string]bool) (wrong []string) {
	was, err := open(before)
	if err != nil {
		return []string{err.Error()}
	}
	is, err := open(after)
	if err != nil {
		return []string{err.Error()}
	}
	may := []string{"tracks"}
	if p.Staff {
		may = []string{"tracks", "pauses", "tickets", "comments", "events", "texts", "exports_made"}
	}
	for name := range was.data {
		missing, fresh := differ(was.data[name], is.data[name])
		if len(fresh) > 0 || len(missing) > 0 && !slices.Contains(may, name) {
			wrong = append(wrong, fmt.Sprintf("%s of person %d: %d rows are new, %d are missing", name, p.Index, len(fresh), len(missing)))
		}
		if p.Staff {
			continue
		}
		for _, row := range missing {
			if agent := fmt.Sprintf("%.0f", row["agent_id"]); !gone[agent] {
				wrong = append(wrong, fmt.Sprintf("%s of person %d: a row of somebody who stays is missing", name, p.Index))
			}
		}
	}
	for name, raw := range is.files {
		if name != "data.json" && name != "index.html" && !bytes.Equal(raw, was.files[name]) {
			wrong = append(wrong, fmt.Sprintf("a file of person %d changed", p.Index))
		}
	}
	return wrong
}

// differ returns the rows that only one of two lists has.
func differ(was, is []map[string]any) (missing, fresh []map[string]any) {
	left := map[string][]map[string]any{}
	for _, row := range was {
		text, _ := json.Marshal(row) // what was JSON is JSON
		left[string(text)] = append(left[string(text)], row)
	}
	for _, row := range is {
		text, _ := json.Marshal(row)
		if rows := left[string(text)]; len(rows) > 0 {
			left[string(text)] = rows[1:]
			continue
		}
		fresh = append(fresh, row)
	}
	for _, rows := range left {
		missing = append(missing, rows...)
	}
	return missing, fresh
}
