package receipt

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sotto"
)

func TestVerifierIsShort(t *testing.T) {
	if n := bytes.Count(read(t, "verify.go"), []byte("\n")); n > 300 {
		t.Errorf("verify.go has %d lines, want at most 300: it must be possible to read it all", n)
	}
}

// TestVerifierBuildsAlone proves that the verifier needs neither the desk nor
// a database: two files and the signature and proof packages.
func TestVerifierBuildsAlone(t *testing.T) {
	if out, err := exec.Command("go", "build", "verify.go", "format.go").CombinedOutput(); err != nil {
		t.Fatalf("building verify.go and format.go alone: %v\n%s", err, out)
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "verify.go", "format.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"command-line-arguments", "golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog"}
	got := strings.Fields(string(out))
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the verifier depends on other packages (-want +got):\n%s", d)
	}
	for _, pkg := range []string{`"net"`, `"net/http"`, `"database/sql"`} {
		if bytes.Contains(read(t, "verify.go"), []byte(pkg)) {
			t.Errorf("verify.go imports %s; it has to work offline", pkg)
		}
	}
}

func TestReceiptFileIsAsPublished(t *testing.T) {
	l, _ := sample(t, 6)
	got := text(t, receiptOf(t, l, 3))
	path := filepath.Join("testdata", "receipt.golden")
	if *update {
		write(t, got, path)
	}
	if d := cmp.Diff(string(read(t, path)), string(got)); d != "" {
		t.Errorf("the receipt file changed; receipts are for ever, so its format may only change with a new first line (-want +got):\n%s", d)
	}
	_, public := fixedKey(t, 7)
	v, err := Verify(bytes.NewReader(read(t, path)), public)
	if err != nil || v.No != 3 || v.Size != 6 || v.Origin != origin || v.Subject != 42 || len(v.Incomplete) != 1 {
		t.Errorf("Verify(golden) = %+v, %v", v, err)
	}
}

func TestReceiptSurvivesWritingAndParsing(t *testing.T) {
	l, _ := sample(t, 6)
	for no := range sotto.ReceiptNo(6) {
		r := receiptOf(t, l, no)
		got, err := Parse(bytes.NewReader(text(t, r)), l.Key())
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		if d := cmp.Diff(r.Record(), got.Record()); d != "" {
			t.Errorf("receipt %d (-want +got):\n%s", no, d)
		}
		if !bytes.Equal(text(t, got), text(t, r)) {
			t.Errorf("receipt %d is written differently after parsing", no)
		}
	}
	var none Receipt
	_, err := none.WriteTo(&bytes.Buffer{})
	refused(t, "WriteTo of no receipt", err, sotto.Invalid)
}

func TestTrustedKeyMayHaveBlanksAround(t *testing.T) {
	l, cfg := sample(t, 2)
	b := text(t, receiptOf(t, l, 1))
	if v, err := Verify(bytes.NewReader(b), " "+l.Key()+"\n"); err != nil || !v.Trusted {
		t.Errorf("Verify = trusted %v, %v", v.Trusted, err)
	}
	if h, err := VerifyLog(cfg.Dir, l.Key()+"\n"); err != nil || !h.Trusted {
		t.Errorf("VerifyLog = trusted %v, %v", h.Trusted, err)
	}
	v, err := Verify(bytes.NewReader(b), "")
	if err != nil || v.Trusted || v.Fingerprint != Fingerprint(l.Key()) || len(v.Fingerprint) != 39 {
		t.Errorf("Verify without a key = %+v, %v, want the fingerprint of the file's own key", v, err)
	}
	_, err = Verify(bytes.NewReader(b), "not a key")
	refused(t, "Verify with a bad key", err, sotto.Invalid)
}

func TestVerifyPassesOnWhatTheReaderSays(t *testing.T) {
	broken := errors.New("broken pipe")
	if _, err := Verify(iotest.ErrReader(broken), ""); !errors.Is(err, broken) {
		t.Errorf("Verify = %v, want the reader's error", err)
	}
	if _, err := Parse(iotest.ErrReader(broken), ""); !errors.Is(err, broken) {
		t.Errorf("Parse = %v, want the reader's error", err)
	}
	_, err := Verify(bytes.NewReader(make([]byte, maxReceipt+1)), "")
	refused(t, "Verify of a long file", err, sotto.Invalid)
}

func TestOnlyThePersonCanOpenACommitment(t *testing.T) {
	nonce := [32]byte{1, 2, 3}
	v := Verdict{Commitment: Commit(nonce, "someone@example.org")}
	if !v.About(nonce, "someone@example.org") {
		t.Error("the person is not recognised")
	}
	if v.About([32]byte{}, "someone@example.org") || v.About(nonce, "other@example.org") || (Verdict{}).About(nonce, "") {
		t.Error("someone else is recognised")
	}
}

func FuzzParseReceipt(f *testing.F) {
	l, _ := sample(f, 5)
	for no := range sotto.ReceiptNo(5) {
		f.Add(text(f, receiptOf(f, l, no)))
	}
	f.Add([]byte(receiptHead + "\nkey \nleaf \n\n" + proofHead + "\nindex 0\n\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePortable(b); err == nil && !bytes.Equal(p.format(), b) {
			t.Fatalf("%q is read, and written as %q", b, p.format())
		}
		r, err := Parse(bytes.NewReader(b), "")
		if err == nil && !bytes.Equal(text(t, r), b) {
			t.Fatalf("%q is parsed, and written as %q", b, text(t, r))
		}
	})
}
