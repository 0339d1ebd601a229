package canary

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sotto"
	"sotto/desk"
	"sotto/keyring"
	"sotto/receipt"
	"sotto/sottotest"
)

// TestCanaryRowsPutBackByHand: somebody puts old rows and keys back without
// the desk's restore. It catches up before it answers, also when it cannot
// open at first.
func TestCanaryRowsPutBackByHand(t *testing.T) {
	sottotest.Each(t, func(t *testing.T, c desk.Config) {
		ctx := context.Background()
		m := newMatrix(t, c, "by hand")
		m.add()
		m.backUp()
		d := m.open()
		if _, err := d.Rights.Erase(ctx, sotto.Operator(), m.people[0].ID); err != nil {
			t.Fatal(err)
		}
		m.close(d)

		s := m.stored[0]
		if s.url != "" {
			m.now.DatabaseURL = copyDatabase(t, s.url)
		} else {
			replace(t, filepath.Join(s.data, "sotto.db"), m.now.DatabasePath())
		}
		if err := os.RemoveAll(m.now.KeysDir()); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(m.now.KeysDir(), 0o700); err != nil {
			t.Fatal(err)
		}
		names, err := os.ReadDir(s.keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range names {
			replace(t, filepath.Join(s.keys, f.Name()), filepath.Join(m.now.KeysDir(), f.Name()))
		}
		// The slot of the erased is broken: the desk cannot tell whether it is
		// destroyed, and does not open.
		ring := filepath.Join(m.now.KeysDir(), "ring")
		raw, err := os.ReadFile(ring)
		if err != nil {
			t.Fatal(err)
		}
		broken := bytes.Clone(raw)
		broken[64+20] ^= 1
		if err := os.WriteFile(ring, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if d, err := desk.Open(ctx, m.now); err == nil {
				t.Error("the desk opens with a broken key")
				m.close(d)
			}
		}
		if err := os.WriteFile(ring, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		m.check(s)
		m.search()
	})
}

func replace(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCanaryRestoreRefuses: without today's whole receipts nobody knows who
// must stay forgotten, so nothing is restored, and what is right works
// afterwards in the same folder.
func TestCanaryRestoreRefuses(t *testing.T) {
	sottotest.Each(t, func(t *testing.T, c desk.Config) {
		ctx := context.Background()
		m := newMatrix(t, c, "refuse")
		m.add()
		m.backUp()
		early := copyFolder(t, m.now.ReceiptsDir())
		d := m.open()
		if _, err := d.Rights.Erase(ctx, sotto.Operator(), m.people[0].ID); err != nil {
			t.Fatal(err)
		}
		m.close(d)
		m.backUp()
		s := m.stored[1]
		today := m.now.ReceiptsDir()
		other := newMatrix(t, c, "other")

		tests := map[string]desk.Sources{
			"Missing":      {Data: s.data, Keys: s.keys, Receipts: filepath.Join(m.root, "nowhere")},
			"Shorter":      {Data: s.data, Keys: s.keys, Receipts: early},
			"AnotherDesks": {Data: s.data, Keys: s.keys, Receipts: other.now.ReceiptsDir()},
			"Continued":    {Data: s.data, Keys: s.keys, Receipts: continued(t, early, m.now)},
			"OtherKeys":    {Data: s.data, Keys: strangeKeys(t, m.rng, s.keys), Receipts: today},
			"NoKeys":       {Data: s.data, Keys: filepath.Join(m.root, "nowhere"), Receipts: today},
			"NoBackup":     {Data: filepath.Join(m.root, "nowhere"), Keys: s.keys, Receipts: today},
		}
		for _, name := range []string{"log", "checkpoint", "verifier"} {
			for i := range 5 {
				tests[fmt.Sprintf("Mutated/%s/%d", name, i)] = desk.Sources{Data: s.data, Keys: s.keys, Receipts: mutated(t, m.rng, today, name)}
			}
		}
		url := ""
		if s.url != "" {
			url = copyDatabase(t, s.url)
		}
		_, cfg := m.folder(url)
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			_, err := desk.Restore(ctx, cfg, tests[name])
			if err == nil || sotto.SayOf(err) == sotto.SayOf(os.ErrInvalid) {
				t.Errorf("%s: Restore = %v, want a refusal that says why", name, err)
			}
			if left, _ := os.ReadDir(cfg.Data); len(left) > 0 {
				t.Errorf("%s: the refused restore left %d files", name, len(left))
			}
		}
		if _, err := desk.Restore(ctx, cfg, desk.Sources{Data: s.data, Keys: s.keys, Receipts: today}); err != nil {
			t.Fatal(err)
		}
		m.now = cfg
		m.check(s)
	})
}

// copyFolder copies a folder of files.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// strangeKeys is a folder of keys whose ring has another history: it signs
// receipts as the right one does, and opens nothing.
func strangeKeys(t *testing.T, rng *rand.Rand, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(from, "receipt.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "receipt.key"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range rng.IntN(2) * 50 {
		if _, err := r.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mutated copies a folder and changes one bit of one of its files.
func mutated(t *testing.T, rng *rand.Rand, from, name string) string {
	t.Helper()
	dir := copyFolder(t, from)
	path := filepath.Join(dir, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// continued is an old copy of a log that went another way since: as long as
// today's, signed by the same key, and without the erasures of today's.
func continued(t *testing.T, early string, c desk.Config) string {
	t.Helper()
	dir := copyFolder(t, early)
	log, err := receipt.Open(receipt.Config{Dir: dir, KeyFile: filepath.Join(c.KeysDir(), "receipt.key"), Clock: time.Now, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := log.Append(context.Background(), receipt.Record{Kind: receipt.Export, Subject: 4242}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}
