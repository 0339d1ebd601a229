package keyring_test

import (
	"bytes"
	"io"
	"testing"

	"sotto"
	"sotto/catalogue"
)

func TestSealedFileReadsFromAnyPoint(t *testing.T) {
	r, _ := newRing(t)
	key := newKey(t, r)
	for _, size := range []int{0, 1, 4095, 4096, 4097, 3 * 4096, 10_000} {
		plain := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		var file bytes.Buffer
		w, err := r.NewWriter(&file, catalogue.Attachment, 5, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(file.Bytes(), []byte("abcdefg")) {
			t.Error("the file can be read")
		}
		rd, err := r.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()), catalogue.Attachment, 5)
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		if rd.Size() != int64(size) || !rd.Whole() {
			t.Errorf("Size = %d, whole %v, want %d", rd.Size(), rd.Whole(), size)
		}
		for _, from := range []int{0, size / 2, max(size-1, 0)} {
			if _, err := rd.Seek(int64(from), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rd)
			if err != nil || !bytes.Equal(got, plain[from:]) {
				t.Errorf("size %d from %d: %d bytes, %v", size, from, len(got), err)
			}
		}
	}
}

func TestSealedFileCutOffIsReadToTheLastChunk(t *testing.T) {
	r, _ := newRing(t)
	var file bytes.Buffer
	w, _ := r.NewWriter(&file, catalogue.CallTrack, 5, newKey(t, r))
	_, _ = w.Write(make([]byte, 3*4096+10))
	torn := file.Bytes()[:file.Len()-100]
	rd, err := r.NewReader(bytes.NewReader(torn), int64(len(torn)), catalogue.CallTrack, 5)
	if err != nil {
		t.Fatal(err)
	}
	if rd.Whole() || rd.Size() != 2*4096 {
		t.Errorf("whole %v, size %d, want cut off after 2 chunks", rd.Whole(), rd.Size())
	}
}

func TestSealedFileRefusesEveryFlippedByte(t *testing.T) {
	r, _ := newRing(t)
	var file bytes.Buffer
	w, _ := r.NewWriter(&file, catalogue.CallTrack, 5, newKey(t, r))
	_, _ = w.Write(make([]byte, 100))
	_ = w.Close()
	for i := range file.Len() {
		b := bytes.Clone(file.Bytes())
		b[i] ^= 1
		rd, err := r.NewReader(bytes.NewReader(b), int64(len(b)), catalogue.CallTrack, 5)
		if err != nil {
			continue
		}
		if got, err := io.ReadAll(rd); err == nil && len(got) == 100 {
			t.Errorf("byte %d flipped and nobody noticed", i)
		}
	}
}

func TestEitherOfTwoKeysSilencesATrack(t *testing.T) {
	for _, which := range []int{0, 1} {
		r, _ := newRing(t)
		keys := []sotto.KeyID{newKey(t, r), newKey(t, r)}
		st, err := r.NewStream(catalogue.CallTrack, 9, keys[0], keys[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.OpenStream(catalogue.CallTrack, 9, st.Header[:]); err != nil {
			t.Fatal(err)
		}
		if err := r.Destroy(keys[which]); err != nil {
			t.Fatal(err)
		}
		if _, err := r.OpenStream(catalogue.CallTrack, 9, st.Header[:]); sotto.KindOf(err) != sotto.Gone {
			t.Errorf("after key %d: %v, want gone", which, err)
		}
	}
}
