package blob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sotto"
	"sotto/blob"
	"sotto/catalogue"
)

func newStore(t *testing.T) (*blob.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestPutIsThereAndDeleteTakesIt(t *testing.T) {
	s, _ := newStore(t)
	if err := s.Put(catalogue.Attachment, 77, strings.NewReader("sealed bytes")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(catalogue.Attachment, 77)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "sealed bytes" || r.Size != 12 {
		t.Errorf("read %q (%d), %v", got, r.Size, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.Delete(catalogue.Attachment, 77); err != nil || was != want {
			t.Errorf("Delete = %v, %v, want %v", was, err, want)
		}
	}
	if _, err := s.Open(catalogue.Attachment, 77); sotto.KindOf(err) != sotto.NotFound {
		t.Errorf("Open after Delete = %v, want not found", err)
	}
}

func TestDeleteOverwritesTheHeadOfTheFile(t *testing.T) {
	s, dir := newStore(t)
	if err := s.Put(catalogue.CallTrack, 5, bytes.NewReader(bytes.Repeat([]byte{7}, 200))); err != nil {
		t.Fatal(err)
	}
	var path string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			path = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(path) // as a snapshot or an undelete tool would
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := s.Delete(catalogue.CallTrack, 5); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(held)
	if err != nil || !bytes.Equal(got[:64], make([]byte, 64)) {
		t.Errorf("the head is still %v, %v", got[:8], err)
	}
}

func TestCreateRefusesToWriteOver(t *testing.T) {
	s, _ := newStore(t)
	if err := s.Put(catalogue.Attachment, 1, strings.NewReader("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(catalogue.Attachment, 1, strings.NewReader("b")); err == nil {
		t.Error("wrote over a blob")
	}
}

func TestZeroClassIsRefused(t *testing.T) {
	s, _ := newStore(t)
	if err := s.Put(catalogue.Blob{}, 1, strings.NewReader("a")); err == nil {
		t.Error("kept a file without a class")
	}
}

func TestEachNamesEveryBlob(t *testing.T) {
	s, _ := newStore(t)
	want := map[int64]bool{16: true, 17: true, 4096: true}
	for id := range want {
		if err := s.Put(catalogue.Upload, id, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Each(catalogue.Upload, func(id int64) error { delete(want, id); return nil }); err != nil || len(want) != 0 {
		t.Errorf("not named: %v, %v", want, err)
	}
}

func TestSyncAllSyncsOrSaysThatItCannot(t *testing.T) {
	s, _ := newStore(t)
	if err := s.Put(catalogue.Upload, 3, strings.NewReader("sealed bytes")); err != nil {
		t.Fatal(err)
	}
	if err := s.SyncAll(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
