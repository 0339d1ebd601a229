package erasure_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/audit"
	"sotto/blob"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/erasure"
	"sotto/job"
	"sotto/keyring"
	"sotto/person"
	"sotto/receipt"
	"sotto/recording"
	"sotto/ticket"
)

// world is a desk's data without its telephone.
type world struct {
	dir        string
	db         *db.DB
	ring       *keyring.Ring
	blobs      *blob.Store
	audit      *audit.Log
	jobs       *job.Jobs
	people     *person.People
	tickets    *ticket.Tickets
	recordings *recording.Recordings
	receipts   *receipt.Log
	eraser     *erasure.Eraser
	staff      sotto.PersonID
	told       []string
	refuse     bool // recipients do not confirm
}

func eachWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.EachConfig(t, time.Now, func(t *testing.T, cfg db.Config) {
		w := &world{dir: t.TempDir()}
		if cfg.URL == "" {
			cfg.Path = filepath.Join(w.dir, "sotto.db")
		}
		w.db = dbtest.Open(t, cfg)
		w.open(t)
		f(t, w)
	})
}

func (w *world) open(t *testing.T) {
	t.Helper()
	keys := filepath.Join(w.dir, "keys")
	must(t, keyring.Create(keys))
	var err error
	w.ring, err = keyring.Open(keys)
	must(t, err)
	w.blobs, err = blob.Open(filepath.Join(w.dir, "blobs"))
	must(t, err)
	w.receipts, err = receipt.Create(receipt.Config{
		Dir: filepath.Join(w.dir, "receipts"), KeyFile: filepath.Join(keys, "receipt.key"), Origin: "test", Clock: time.Now,
	})
	must(t, err)
	t.Cleanup(func() { _ = w.receipts.Close() })
	w.audit = audit.New(w.db)
	w.jobs = job.New(w.db, job.Config{})
	w.people = person.New(w.db, w.ring, w.audit, "FR")
	w.tickets = ticket.New(ticket.Config{DB: w.db, Blobs: w.blobs, Ring: w.ring, Audit: w.audit, Jobs: w.jobs, People: w.people, Region: "FR"})
	w.recordings = recording.New(recording.Config{DB: w.db, Ring: w.ring, Blobs: w.blobs, Audit: w.audit, Clock: time.Now})
	t.Cleanup(func() { _ = w.recordings.Stop(context.Background()) })
	w.eraser = w.newEraser()
}

func (w *world) newEraser() *erasure.Eraser {
	return erasure.New(erasure.Config{
		DB: w.db, Ring: w.ring, Blobs: w.blobs, People: w.people, Tickets: w.tickets, Recordings: w.recordings,
		Audit: w.audit, Receipts: w.receipts, Jobs: w.jobs, Log: slog.New(slog.DiscardHandler),
		Recipients: []string{"crm"}, ScanDirs: []string{w.dir},
		Tell: func(_ context.Context, recipient, kind string, id sotto.PersonID) error {
			if w.refuse {
				return errors.New("not now")
			}
			w.told = append(w.told, recipient+" "+kind)
			return nil
		},
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// agent returns the one agent of the world.
func (w *world) agent(t *testing.T) sotto.Actor {
	t.Helper()
	if w.staff == 0 {
		id, err := w.people.Create(context.Background(), sotto.Operator(), person.Draft{Name: "Agent Orange", Role: sotto.Agent})
		must(t, err)
		w.staff = id
	}
	return sotto.Actor{Person: w.staff, Role: sotto.Agent}
}

// customer makes a person with a ticket, a comment and a file, all full of
// words that must not be found afterwards.
func (w *world) customer(t *testing.T, name, phone string) (sotto.PersonID, sotto.TicketID) {
	t.Helper()
	ctx := context.Background()
	id, err := w.people.Create(ctx, sotto.Operator(), person.Draft{
		Name: name, Phones: []string{phone}, Emails: []string{strings.ReplaceAll(strings.ToLower(name), " ", ".") + "@example.org"},
		Notes: "note about " + name, ExternalID: "crm-" + name,
	})
	must(t, err)
	up, err := w.tickets.Upload(ctx, w.agent(t), name+".txt", "text/plain", strings.NewReader("file of "+name))
	must(t, err)
	tk, err := w.tickets.Open(ctx, w.agent(t), ticket.Draft{
		Requester: id, Via: ticket.ByAPI, Subject: "subject of " + name,
		Comment: ticket.CommentDraft{Body: "I am " + name + " and my number is " + phone, Public: true, Uploads: []string{up.Token}},
	})
	must(t, err)
	must(t, w.people.Object(ctx, sotto.Operator(), id, person.Marketing))
	return id, tk.ID
}

func TestErasedPersonIsNowhere(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		gone, goneTicket := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		kept, keptTicket := w.customer(t, "Bartholomew Remaining", "+33199005678")

		out, err := w.eraser.Person(ctx, sotto.Operator(), gone, 0)
		must(t, err)

		if out.Scan.Hits != 0 || out.Scan.Files == 0 || len(out.Incomplete) != 0 {
			t.Errorf("outcome = %+v", out)
		}
		if _, err := w.tickets.Get(ctx, sotto.Operator(), goneTicket); sotto.KindOf(err) != sotto.NotFound {
			t.Errorf("ticket of the erased = %v, want not found", err)
		}
		if tk, err := w.tickets.Get(ctx, sotto.Operator(), keptTicket); err != nil || tk.Subject != "subject of Bartholomew Remaining" {
			t.Errorf("ticket of the other = %q, %v", tk.Subject, err)
		}
		for _, q := range []string{"+33199001234", "wilhelmina", "crm-Wilhelmina Forgettable"} {
			if found, err := w.people.Find(ctx, q); err != nil || len(found) != 0 {
				t.Errorf("Find(%q) = %d, %v", q, len(found), err)
			}
		}
		if p, err := w.people.Get(ctx, gone); err != nil || p.ErasedAt.IsZero() || p.Name != "" || p.Key != 0 {
			t.Errorf("what is left of the person = %+v, %v", p, err)
		}
		if p, err := w.people.Get(ctx, kept); err != nil || p.Name != "Bartholomew Remaining" {
			t.Errorf("the other person = %q, %v", p.Name, err)
		}
		w.mustNotHold(t, "Wilhelmina", "Forgettable", "199001234")
		if len(w.told) != 1 || w.told[0] != "crm erased" {
			t.Errorf("told %v", w.told)
		}
		w.mustVerify(t, out.Receipt, out)
	})
}

func (w *world) mustNotHold(t *testing.T, words ...string) {
	t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, word := range words {
			if bytes.Contains(raw, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(path), word)
			}
		}
		return err
	})
	must(t, err)
}

func (w *world) mustVerify(t *testing.T, no sotto.ReceiptNo, out erasure.Outcome) {
	t.Helper()
	r, err := w.receipts.Receipt(no)
	must(t, err)
	var file bytes.Buffer
	_, err = r.WriteTo(&file)
	must(t, err)
	v, err := receipt.Verify(&file, w.receipts.Key())
	must(t, err)
	if v.Kind != string(receipt.Erasure) || !v.Trusted {
		t.Errorf("verdict = %+v", v)
	}
	if out.Identity != "" && (!v.About(out.Nonce, out.Identity) || v.About(out.Nonce, "+33199000000")) {
		t.Error("the receipt's commitment does not open with the person's secret alone")
	}
}

func TestErasureIsResumedAfterACrashAtEachStep(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		w.refuse = true
		out, err := w.eraser.Person(ctx, sotto.Operator(), id, 0)
		must(t, err)
		if len(out.Incomplete) != 1 || out.Incomplete[0] != "recipient crm" {
			t.Fatalf("incomplete = %v, want the recipient", out.Incomplete)
		}
		if p, err := w.people.Get(ctx, id); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("an unconfirmed erasure reads as %+v, %v", p, err)
		}
		// The process ends; another one takes it up.
		w.eraser = w.newEraser()
		undone, err := w.eraser.Resume(ctx)
		must(t, err)
		if len(undone) != 1 {
			t.Fatalf("undone = %v", undone)
		}
		w.refuse = false
		again, err := w.eraser.Run(ctx, undone[0])
		must(t, err)
		w.mustVerify(t, again.Receipt, again)
		if undone, err := w.eraser.Resume(ctx); err != nil || len(undone) != 0 {
			t.Errorf("still undone: %v, %v", undone, err)
		}
	})
}

func TestErasingTwiceIsOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		_, err := w.eraser.Person(ctx, sotto.Operator(), id, 0)
		must(t, err)
		if _, err := w.eraser.Person(ctx, sotto.Operator(), id, 0); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("second erasure = %v, want gone", err)
		}
	})
}

func TestOnlyAdministratorsErase(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		id, _ := w.customer(t, "Wilhelmina Forgettable", "+33199001234")
		for _, a := range []sotto.Actor{{}, {Person: 7, Role: sotto.Agent}, {Person: id, Role: sotto.EndUser}} {
			if _, err := w.eraser.Person(context.Background(), a, id, 0); sotto.KindOf(err) != sotto.Denied {
				t.Errorf("%+v: %v, want denied", a, err)
			}
		}
		if p, err := w.people.Get(context.Background(), id); err != nil || p.Name == "" {
			t.Errorf("the person suffered: %v", err)
		}
	})
}
