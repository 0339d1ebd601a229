package erasure

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"sotto/person"
)

// TestScanFindsEveryFormItLooksFor plants each form at each kind of place.
func TestScanFindsEveryFormItLooksFor(t *testing.T) {
	p := person.Person{Name: "Wilhelmina Forgettable", Addresses: []person.Address{{Kind: person.Phone, Value: "+33199001234"}}}
	wide := func(s string) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	}
	tests := []struct {
		name  string
		plant []byte
		want  bool
	}{
		{"Plain", []byte(p.Name), true},
		{"UTF16", wide(p.Name), true},
		{"Hex", []byte(hex.EncodeToString([]byte(p.Name))), true},
		{"Base64", []byte(base64.StdEncoding.EncodeToString([]byte(p.Name))), true},
		{"Base64Shifted1", []byte(base64.StdEncoding.EncodeToString([]byte("x" + p.Name))), true},
		{"Base64Shifted2", []byte(base64.StdEncoding.EncodeToString([]byte("xy" + p.Name))), true},
		{"NationalNumber", []byte("01 is written 0199001234"), true},
		{"E164WithoutPlus", []byte("to=33199001234"), true},
		{"Dialled", []byte("0033199001234;"), true},
		{"TailAlone", []byte("99001234"), true},
		{"InAnID", []byte("person=115699001234644"), false},
		{"AtTheEndOfAnID", []byte("person=115644699001234"), false},
		{"InAHash", []byte("ab599001234cdef0123"), false},
		{"BeforeAHash", []byte("99001234cdef"), false},
		{"SomebodyElse", []byte("Bartholomew Remaining +33199005678"), false},
	}
	for _, tt := range tests {
		for _, at := range []int{0, 1<<20 - 5, 1<<20 + 7} {
			dir := t.TempDir()
			raw := append(bytes.Repeat([]byte{0xa5}, at), tt.plant...)
			if err := os.WriteFile(filepath.Join(dir, "file"), raw, 0o600); err != nil {
				t.Fatal(err)
			}
			f := newFinder()
			for _, n := range needlesOf(p) {
				f.add(n, 0)
			}
			hits := make([]int64, 1)
			s, err := f.walk([]string{dir}, hits)
			if err != nil || (hits[0] > 0) != tt.want || s.Bytes != int64(len(raw)) {
				t.Errorf("%s at %d: %d hits in %d bytes, %v", tt.name, at, hits[0], s.Bytes, err)
			}
		}
	}
}

// TestScanForNothingReadsEverything: after a crash nobody's words are known,
// and the files may be larger than a piece.
func TestScanForNothingReadsEverything(t *testing.T) {
	for _, size := range []int{0, 7, 8, 1<<20 - 1, 1 << 20, 1<<20 + 7, 3 << 20} {
		n, err := newFinder().search(bytes.NewReader(make([]byte, size)), nil)
		if err != nil || n != int64(size) {
			t.Errorf("%d bytes: read %d, %v", size, n, err)
		}
	}
}
