package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sotto"
)

// write makes a certificate in dir, stamped with when.
func write(t *testing.T, dir string, serial int64, when time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pk}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestRenewedCertificateIsShownAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	cert, key := write(t, dir, 1, time.Now().Add(-time.Hour))
	o, err := Load(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	first := o.current()
	write(t, dir, 2, time.Now())
	if o.current() != first {
		t.Error("the files are read each time")
	}
	o.looked = time.Now().Add(-2 * lookAgain)
	second := o.current()
	if bytes.Equal(second.Certificate[0], first.Certificate[0]) {
		t.Error("the renewed certificate is not shown")
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.looked = time.Now().Add(-2 * lookAgain)
	if o.current() != second {
		t.Error("a broken file took the certificate away")
	}
}

func TestFilesThatCannotWorkAreRefused(t *testing.T) {
	dir := t.TempDir()
	cert, key := write(t, dir, 1, time.Now())
	for _, files := range [][2]string{{cert, cert}, {key, key}, {cert, filepath.Join(dir, "none")}, {"", ""}} {
		if _, err := Load(files[0], files[1]); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("Load(%q) = %v, want it refused", files, err)
		}
	}
	for _, p := range []Peer{{Fingerprint: "xyz"}, {Fingerprint: "abcd"}, {RootsFile: key}, {RootsFile: filepath.Join(dir, "none")}} {
		if _, err := p.Client(nil); sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("Client(%+v) = %v, want it refused", p, err)
		}
	}
}
