package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"sotto"
)

const origin = "desk.example/receipts"

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func config(t testing.TB) Config {
	t.Helper()
	root := t.TempDir()
	return Config{Dir: filepath.Join(root, "receipts"), KeyFile: filepath.Join(root, "keys", "receipt.key"), Origin: origin, Clock: noon}
}

// fixedKey returns a key pair that is the same in every run.
func fixedKey(t testing.TB, fill byte) (private, public string) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, 32))
	public, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.SplitN(public, "+", 3)[1]
	seed := append([]byte{1}, key.Seed()...)
	return "PRIVATE+KEY+" + origin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(seed), public
}

// fixed makes a log with the fixed key.
func fixed(t testing.TB, cfg Config) *Log {
	t.Helper()
	if err := cfg.build(fixedKey(t, 7)); err != nil {
		t.Fatalf("build: %v", err)
	}
	return reopen(t, cfg)
}

func create(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Create(cfg)
	return opened(t, l, err)
}

func reopen(t testing.TB, cfg Config) *Log {
	t.Helper()
	cfg.MustExist = true
	l, err := Open(cfg)
	return opened(t, l, err)
}

func opened(t testing.TB, l *Log, err error) *Log {
	t.Helper()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// erasureOf is a record about person n that has a tombstone of its own.
func erasureOf(n int) Record {
	return Record{Kind: Erasure, Subject: sotto.PersonID(n), Request: sotto.RequestID(n), Keys: []sotto.KeyID{sotto.KeyID(n)},
		Steps: []Step{{Place: "ticket.subject", Action: DestroyKey, Removed: int64(n)}}, Tombstones: [][]byte{macOf(n)}}
}

func macOf(n int) []byte {
	mac := make([]byte, 32)
	mac[0], mac[1], mac[2] = byte(n), byte(n>>8), byte(n>>16)
	return mac
}

func fill(t testing.TB, l *Log, n int) {
	t.Helper()
	from, _ := l.Head()
	for i := range n {
		if _, err := l.Append(t.Context(), erasureOf(int(from)+i+1)); err != nil {
			t.Fatalf("Append: %v", err)
		}
	}
}

// copied returns the configuration of a copy of the log, as after a crash.
func copied(t testing.TB, cfg Config) Config {
	t.Helper()
	c := config(t)
	for _, d := range [][2]string{{c.Dir, cfg.Dir}, {filepath.Dir(c.KeyFile), filepath.Dir(cfg.KeyFile)}} {
		if err := os.CopyFS(d[0], os.DirFS(d[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(c.KeyFile, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, b []byte, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, r Receipt) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := r.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo = %d, %v for %d bytes", n, err, b.Len())
	}
	return b.Bytes()
}

func refused(t testing.TB, what string, err error, want sotto.Kind) {
	t.Helper()
	if err == nil || sotto.KindOf(err) != want {
		t.Errorf("%s: %v, want a %v error", what, err, want)
	}
	if err != nil && want != sotto.Internal && !strings.HasSuffix(sotto.SayOf(err), ".") {
		t.Errorf("%s: says %q, want a sentence", what, sotto.SayOf(err))
	}
}

func TestAppendedRecordsSurviveReopening(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	const n = 9
	var kept []Receipt
	for i := range n {
		r, err := l.Append(t.Context(), erasureOf(i+1))
		if err != nil {
			t.Fatalf("Append: %v", err)
		}
		if r.No() != sotto.ReceiptNo(i) || r.Key() != l.Key() || !r.Record().At.Equal(noon()) {
			t.Errorf("receipt %d has number %d, time %v", i, r.No(), r.Record().At)
		}
		kept = append(kept, r)
	}
	size, root := l.Head()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = reopen(t, cfg)
	if s, r := l.Head(); s != size || r != root || size != n {
		t.Fatalf("Head after reopening = %d %x, want %d %x", s, r, size, root)
	}
	if l.Recovered() != (Recovery{}) {
		t.Errorf("Recovered = %+v, want nothing", l.Recovered())
	}
	i := 0
	for r, err := range l.Since(0) {
		if d := cmp.Diff(kept[i].Record(), r); err != nil || d != "" {
			t.Errorf("Since: record %d: %v (-want +got):\n%s", i, err, d)
		}
		i++
	}
	if i != n {
		t.Errorf("Since(0) gave %d records, want %d", i, n)
	}
	for i, r := range kept {
		later, err := l.Receipt(sotto.ReceiptNo(i))
		if err != nil {
			t.Fatalf("Receipt(%d): %v", i, err)
		}
		for _, r := range []Receipt{r, later} {
			v, err := Verify(bytes.NewReader(text(t, r)), l.Key())
			if err != nil || v.No != int64(i) || v.Subject != int64(i+1) || !v.Trusted || v.Kind != "erasure" || !v.At.Equal(noon()) {
				t.Errorf("Verify(receipt %d) = %+v, %v", i, v, err)
			}
		}
	}
	if h, err := VerifyLog(cfg.Dir, l.Key()); err != nil || h.Size != n || h.Root != root {
		t.Errorf("VerifyLog = %+v, %v", h, err)
	}
}

func TestSinceBeginsWithTheGivenRecord(t *testing.T) {
	l := create(t, config(t))
	fill(t, l, 5)
	for _, from := range []sotto.ReceiptNo{0, 3, 5} {
		want := from
		for r, err := range l.Since(from) {
			if err != nil || r.No != want {
				t.Fatalf("Since(%d) = %d, %v, want %d", from, r.No, err, want)
			}
			want++
		}
		if want != 5 {
			t.Errorf("Since(%d) ended before %d, want 5", from, want)
		}
	}
	for range l.Since(0) {
		break // a loop may end early
	}
	for _, err := range l.Since(6) {
		refused(t, "Since behind the end", err, sotto.Conflict)
	}
}

func TestReceiptOfUnknownNumberIsNotFound(t *testing.T) {
	l := create(t, config(t))
	fill(t, l, 2)
	for _, no := range []sotto.ReceiptNo{-1, 2} {
		_, err := l.Receipt(no)
		refused(t, "Receipt", err, sotto.NotFound)
	}
}

func TestTombstonesOutliveReopening(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	fill(t, l, 4)
	twice := erasureOf(9)
	twice.Tombstones = [][]byte{macOf(2), macOf(9)}
	if _, err := l.Append(t.Context(), twice); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for n, want := range map[int]Tombstone{1: {No: 0, Subject: 1}, 2: {No: 4, Subject: 9}, 9: {No: 4, Subject: 9}} {
			if got, dead, err := l.Tombstoned(macOf(n)); got != want || !dead || err != nil {
				t.Errorf("Tombstoned(%d) = %v, %v, %v, want %v", n, got, dead, err, want)
			}
		}
		if _, dead, err := l.Tombstoned(macOf(77)); dead || err != nil {
			t.Errorf("Tombstoned of a living person = %v, %v", dead, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = reopen(t, cfg)
	}
	_, _, err := l.Tombstoned([]byte("short"))
	refused(t, "Tombstoned(short)", err, sotto.Invalid)
}

// TestATombstoneIsAsOldAsItsFirstRecord: a receipt that is written long after
// the erasure began must not reach whoever was met at the address meanwhile.
func TestATombstoneIsAsOldAsItsFirstRecord(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	for _, who := range []int{1, 2, 1, 2} { // both at address 1
		r := erasureOf(who)
		r.Tombstones = [][]byte{macOf(1)}
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := Tombstone{No: 1, Subject: 2}
	for range 2 {
		if got, dead, err := l.Tombstoned(macOf(1)); got != want || !dead || err != nil {
			t.Errorf("Tombstoned = %v, %v, %v, want %v", got, dead, err, want)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = reopen(t, cfg)
	}
}

func TestExtendsKnowsEveryEarlierHead(t *testing.T) {
	cfg := config(t)
	l := create(t, cfg)
	type known struct {
		size int64
		root [32]byte
	}
	var heads []known
	for range 12 {
		size, root := l.Head()
		heads = append(heads, known{size, root})
		fill(t, l, 1)
	}
	for _, h := range heads {
		if err := l.Extends(h.size, h.root); err != nil {
			t.Errorf("Extends(%d): %v", h.size, err)
		}
		refused(t, "Extends(other root)", l.Extends(h.size, [32]byte{1}), sotto.Conflict)
	}
	size, root := l.Head()
	refused(t, "Extends(longer log)", l.Extends(size+1, root), sotto.Conflict)
	refused(t, "Extends(-1)", l.Extends(-1, root), sotto.Conflict)
}

func TestAppendRefusesWithoutStopping(t *testing.T) {
	l := create(t, config(t))
	numbered, bad := erasureOf(1), erasureOf(1)
	numbered.No, bad.Kind = 3, "other"
	for _, r := range []Record{numbered, bad} {
		_, err := l.Append(t.Context(), r)
		refused(t, "Append", err, sotto.Invalid)
	}
	fill(t, l, 1)
}

func TestCallerKeepsNoHoldOnAnAppendedRecord(t *testing.T) {
	l := create(t, config(t))
	r := erasureOf(1)
	got, err := l.Append(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Tombstones[0][0], r.Keys[0] = 0xff, 99
	if d := cmp.Diff(erasureOf(1).Tombstones, got.Record().Tombstones); d != "" || got.Record().Keys[0] != 1 {
		t.Errorf("the receipt changed with the caller's slices: %s", d)
	}
}

func TestClosedLogRefusesEveryCall(t *testing.T) {
	l := create(t, config(t))
	fill(t, l, 2)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatalf("closing twice: %v", err)
	}
	refusesAll(t, l, sotto.Conflict)
}

// refusesAll fails unless every call of a stopped log is an error of kind want.
func refusesAll(t *testing.T, l *Log, want sotto.Kind) {
	t.Helper()
	_, err := l.Append(t.Context(), erasureOf(1))
	refused(t, "Append", err, want)
	_, err = l.Receipt(0)
	refused(t, "Receipt", err, want)
	_, _, err = l.Tombstoned(macOf(1))
	refused(t, "Tombstoned", err, want)
	refused(t, "Extends", l.Extends(0, [32]byte{}), want)
	refused(t, "Err", l.Err(), want)
	said := false
	for _, err := range l.Since(0) {
		refused(t, "Since", err, want)
		said = true
	}
	if !said {
		t.Error("Since of a stopped log gave nothing, want an error")
	}
}
