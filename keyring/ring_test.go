package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sotto"
	"sotto/catalogue"
	"sotto/db"
	"sotto/db/dbtest"
	"sotto/keyring"
)

func newRing(t *testing.T) (*keyring.Ring, string) {
	t.Helper()
	dir := t.TempDir()
	if err := keyring.Create(dir); err != nil {
		t.Fatal(err)
	}
	return openRing(t, dir), dir
}

func openRing(t *testing.T, dir string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func newKey(t *testing.T, r *keyring.Ring) sotto.KeyID {
	t.Helper()
	id, err := r.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSealedOpensInItsPlaceOnly(t *testing.T) {
	r, _ := newRing(t)
	key := newKey(t, r)
	s, err := r.SealText(key, catalogue.PersonName, 7, "Ada Example")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.OpenText(s, catalogue.PersonName, 7); err != nil || got != "Ada Example" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := r.OpenText(s, catalogue.PersonName, 8); err == nil {
		t.Error("opened in another row")
	}
	if _, err := r.OpenText(s, catalogue.PersonNotes, 7); err == nil {
		t.Error("opened in another column")
	}
	if s.Key() != key {
		t.Errorf("Key = %d, want %d", s.Key(), key)
	}
}

func TestDestroyedKeyOpensNothingEvenAfterRestart(t *testing.T) {
	r, dir := newRing(t)
	gone, kept := newKey(t, r), newKey(t, r)
	a, _ := r.SealText(gone, catalogue.PersonName, 1, "Ada")
	b, _ := r.SealText(kept, catalogue.PersonName, 2, "Bob")
	if err := r.Destroy(gone); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.OpenText(a, catalogue.PersonName, 1); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Open of the erased = %v, want gone", err)
		}
		if got, err := r.OpenText(b, catalogue.PersonName, 2); err != nil || got != "Bob" {
			t.Errorf("Open of the other = %q, %v", got, err)
		}
		if _, err := r.SealText(gone, catalogue.PersonName, 1, "Ada"); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("Seal under a destroyed key = %v, want gone", err)
		}
		_ = r.Close()
		r = openRing(t, dir)
	}
}

func TestFrozenKeySealsNothing(t *testing.T) {
	r, _ := newRing(t)
	key := newKey(t, r)
	st, err := r.NewStream(catalogue.CallTrack, 1, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Freeze(key)
	if _, err := r.SealText(key, catalogue.PersonName, 1, "x"); sotto.KindOf(err) != sotto.Gone {
		t.Errorf("Seal = %v, want gone", err)
	}
	if _, err := st.Seal(nil, 0, true, []byte("x")); sotto.KindOf(err) != sotto.Gone {
		t.Errorf("Stream.Seal = %v, want gone", err)
	}
	r.Thaw(key)
	if _, err := r.SealText(key, catalogue.PersonName, 1, "x"); err != nil {
		t.Errorf("Seal after Thaw = %v", err)
	}
}

func TestRotateLeavesNothingOfOldSlots(t *testing.T) {
	r, dir := newRing(t)
	gone, kept := newKey(t, r), newKey(t, r)
	before, err := os.ReadFile(filepath.Join(dir, "ring"))
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := os.ReadFile(filepath.Join(dir, "epoch.1"))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.SealText(kept, catalogue.PersonName, 2, "Bob")
	if err := r.Destroy(gone); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	for slot := 1; slot < 3; slot++ {
		mustNotHold(t, dir, before[slot*64:slot*64+60])
	}
	mustNotHold(t, dir, epoch)
	r = openRing(t, dir)
	if got, err := r.OpenText(s, catalogue.PersonName, 2); err != nil || got != "Bob" {
		t.Errorf("Open after Rotate = %q, %v", got, err)
	}
	if r.Epoch() != 2 {
		t.Errorf("Epoch = %d, want 2", r.Epoch())
	}
}

func mustNotHold(t *testing.T, dir string, secret []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, secret) {
			t.Errorf("%s still holds it", e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRotateSurvivesACrashAtEachStep replays what a crash can leave behind.
func TestRotateSurvivesACrashAtEachStep(t *testing.T) {
	tests := []struct {
		name  string
		leave func(t *testing.T, dir string, old map[string][]byte)
	}{
		{"NewEpochWritten", func(t *testing.T, dir string, old map[string][]byte) {
			restore(t, dir, old)
			put(t, dir, "epoch.2", bytes.Repeat([]byte{7}, 32))
		}},
		{"NewRingHalfWritten", func(t *testing.T, dir string, old map[string][]byte) {
			restore(t, dir, old)
			put(t, dir, "epoch.2", bytes.Repeat([]byte{7}, 32))
			put(t, dir, "ring.new", old["ring"][:100])
		}},
		{"OldEpochNotYetGone", func(t *testing.T, dir string, old map[string][]byte) {
			put(t, dir, "epoch.1", old["epoch.1"])
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, dir := newRing(t)
			key := newKey(t, r)
			s, _ := r.SealText(key, catalogue.PersonName, 2, "Bob")
			old := snapshot(t, dir)
			if err := r.Rotate(); err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			tt.leave(t, dir, old)
			r = openRing(t, dir)
			if got, err := r.OpenText(s, catalogue.PersonName, 2); err != nil || got != "Bob" {
				t.Errorf("Open = %q, %v", got, err)
			}
			files, _ := filepath.Glob(filepath.Join(dir, "epoch.*"))
			if len(files) != 1 {
				t.Errorf("epoch keys left: %v", files)
			}
		})
	}
}

func snapshot(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = b
	}
	return out
}

func restore(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	now, _ := os.ReadDir(dir)
	for _, f := range now {
		_ = os.Remove(filepath.Join(dir, f.Name()))
	}
	for name, b := range files {
		put(t, dir, name, b)
	}
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeysAreNeverGivenTwice(t *testing.T) {
	r, dir := newRing(t)
	var mu sync.Mutex
	seen := map[sotto.KeyID]bool{}
	for range 3 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 100 {
					id, err := r.NewKey()
					mu.Lock()
					if err != nil || seen[id] {
						t.Errorf("key %d twice, %v", id, err)
					}
					seen[id] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if err := r.Rotate(); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		r = openRing(t, dir)
	}
}

func TestBrokenSlotIsNotTakenForADestroyedOne(t *testing.T) {
	r, dir := newRing(t)
	key := newKey(t, r)
	s, _ := r.SealText(key, catalogue.PersonName, 1, "Ada")
	_ = r.Close()
	ring, _ := os.ReadFile(filepath.Join(dir, "ring"))
	ring[int(key)*64+20] ^= 1
	put(t, dir, "ring", ring)
	r = openRing(t, dir)
	if _, err := r.OpenText(s, catalogue.PersonName, 1); err == nil || sotto.KindOf(err) == sotto.Gone {
		t.Errorf("Open = %v, want an internal error", err)
	}
}

func TestSealedColumnTakesSealedValuesOnly(t *testing.T) {
	r, _ := newRing(t)
	key := newKey(t, r)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const insert = `INSERT INTO person (id, key_id, role, name, created_at, updated_at) VALUES ($1, $2, 'agent', $3, 0, 0)`
		err := d.Write(context.Background(), func(tx *db.Tx) error {
			s, err := r.SealText(key, catalogue.PersonName, 1, "Ada")
			if err != nil {
				return err
			}
			_, err = tx.Exec(insert, 1, int64(key), s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = d.Read(context.Background(), func(tx *db.Tx) error {
			s, err := db.One(tx, func(s db.Scanner) (v keyring.Sealed, err error) { err = s.Scan(&v); return }, "SELECT name FROM person WHERE id = 1")
			if err != nil {
				return err
			}
			got, err := r.OpenText(s, catalogue.PersonName, 1)
			if got != "Ada" {
				t.Errorf("name = %q", got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Write(context.Background(), func(tx *db.Tx) error {
			if _, err := tx.Exec(insert, 2, int64(key), []byte("Bob in the clear, longer than forty bytes, yes")); err != nil {
				return err
			}
			_, err := db.One(tx, func(s db.Scanner) (v keyring.Sealed, err error) { err = s.Scan(&v); return }, "SELECT name FROM person WHERE id = 2")
			if err == nil || !strings.Contains(err.Error(), "sealed") {
				t.Errorf("scan of clear bytes = %v", err)
			}
			return errors.New("roll back")
		})
	})
}

func TestHashIsEqualPerIndexAndStable(t *testing.T) {
	r, dir := newRing(t)
	a := r.Hash(catalogue.AddressIndex, "+33612345678")
	if bytes.Equal(a, r.Hash(catalogue.SuppressionIndex, "+33612345678")) {
		t.Error("two indexes share a hash")
	}
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, openRing(t, dir).Hash(catalogue.AddressIndex, "+33612345678")) {
		t.Error("the hash changed with the epoch")
	}
	other, _ := newRing(t)
	if bytes.Equal(a, other.Hash(catalogue.AddressIndex, "+33612345678")) {
		t.Error("two desks share a hash")
	}
}

func BenchmarkDestroy(b *testing.B) {
	dir := b.TempDir()
	if err := keyring.Create(dir); err != nil {
		b.Fatal(err)
	}
	r, err := keyring.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		id, err := r.NewKey()
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Destroy(id); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCopyOpensWhileTheRingRotates: a copy of the ring is whole whatever the
// ring does meanwhile, and does not keep the ring from forgetting.
func TestCopyOpensWhileTheRingRotates(t *testing.T) {
	r, _ := newRing(t)
	kept, gone := newKey(t, r), newKey(t, r)
	name, err := r.SealText(kept, catalogue.PersonName, 7, "Ada Example")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := r.Rotate(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 20 {
		dir := t.TempDir()
		if err := r.Copy(dir); err != nil {
			t.Fatal(err)
		}
		c := openRing(t, dir)
		if got, err := c.OpenText(name, catalogue.PersonName, 7); err != nil || got != "Ada Example" {
			t.Errorf("the copy opens %q, %v", got, err)
		}
		if err := r.Copy(dir); sotto.KindOf(err) != sotto.Conflict {
			t.Errorf("Copy over a ring = %v, want conflict", err)
		}
	}
	close(stop)
	all.Wait()
	if err := r.Destroy(gone); err != nil {
		t.Fatal(err)
	}
}

func TestReservedNumbersAreNeverGivenOut(t *testing.T) {
	r, dir := newRing(t)
	first := newKey(t, r)
	name, err := r.SealText(first, catalogue.PersonName, 7, "Ada Example")
	if err != nil {
		t.Fatal(err)
	}
	const upTo = 1000
	for _, n := range []sotto.KeyID{upTo, 3} { // less than there are changes nothing
		if err := r.Reserve(n); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if id := newKey(t, r); id <= upTo {
			t.Errorf("key %d was given out", id)
		}
		if gone, err := r.Destroyed(upTo); !gone || err != nil {
			t.Errorf("key %d is destroyed: %v, %v", upTo, gone, err)
		}
		if got, err := r.OpenText(name, catalogue.PersonName, 7); err != nil || got != "Ada Example" {
			t.Errorf("what was sealed before opens as %q, %v", got, err)
		}
		if err := r.Rotate(); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		r = openRing(t, dir)
	}
}
