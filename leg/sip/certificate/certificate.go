// Package certificate says who is at the other end of TLS: it holds our own
// certificate for those who connect to us, and checks the one of a carrier we
// connect to, by its host name or by its fingerprint (RFC 5922).
//
// It reads files, opens no socket and logs nothing. Packages leg/sip and desk
// use it.
package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"sotto"
)

// lookAgain is how often the files are looked at for a new certificate.
const lookAgain = time.Minute

// Own is our certificate. It follows its files: one that was renewed is used
// from the next minute on, without a restart.
type Own struct {
	certFile, keyFile string

	mu     sync.Mutex
	cert   *tls.Certificate
	stamp  time.Time // of the newer file when cert was read
	looked time.Time
}

// Load reads a certificate chain and its key, both PEM. It fails with
// sotto.Invalid.
func Load(certFile, keyFile string) (*Own, error) {
	o := &Own{certFile: certFile, keyFile: keyFile}
	if err := o.read(); err != nil {
		return nil, sotto.FailCause(sotto.Invalid, "The certificate for TLS and its key cannot be read. Name two PEM files that belong together.", err)
	}
	return o, nil
}

// read takes the files as they are now.
func (o *Own) read() error {
	stamp, err := newest(o.certFile, o.keyFile)
	if err != nil {
		return err
	}
	c, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
	if err != nil {
		return err
	}
	o.cert, o.stamp, o.looked = &c, stamp, time.Now()
	return nil
}

func newest(files ...string) (t time.Time, err error) {
	for _, f := range files {
		i, err := os.Stat(f)
		if err != nil {
			return t, err
		}
		if i.ModTime().After(t) {
			t = i.ModTime()
		}
	}
	return t, nil
}

// current is the certificate to show now. One that cannot be read any more is
// shown as it was.
func (o *Own) current() *tls.Certificate {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.looked) > lookAgain {
		o.looked = time.Now()
		if stamp, err := newest(o.certFile, o.keyFile); err == nil && !stamp.Equal(o.stamp) {
			_ = o.read() // half written, most likely: the next minute will do
		}
	}
	return o.cert
}

// Server is how we take connections.
func (o *Own) Server() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return o.current(), nil },
	}
}

// Peer is whom we connect to.
type Peer struct {
	// Name is the host that the certificate must be for (RFC 5922 7.2).
	Name string
	// Fingerprint is the SHA-256 of the certificate, in hexadecimal with or
	// without colons. When it is given, it alone counts: neither name, issuer
	// nor date.
	Fingerprint string
	// RootsFile holds the issuers we believe, PEM; "" means the system's.
	RootsFile string
}

// errOther is what a handshake with somebody else fails with.
var errOther = errors.New("certificate: not the pinned one")

// Client is how we connect to p. own may be nil; else we show it when asked.
// It fails with sotto.Invalid.
func (p Peer) Client(own *Own) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: p.Name}
	if own != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.current(), nil }
	}
	if p.RootsFile != "" {
		b, err := os.ReadFile(p.RootsFile)
		if err != nil {
			return nil, sotto.FailCause(sotto.Invalid, "The file of trusted issuers cannot be read.", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b) {
			return nil, sotto.Fail(sotto.Invalid, "The file of trusted issuers holds no certificate.")
		}
	}
	if p.Fingerprint == "" {
		return c, nil
	}
	pin, err := hex.DecodeString(strings.ReplaceAll(p.Fingerprint, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return nil, sotto.Fail(sotto.Invalid, "A fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits.")
	}
	c.InsecureSkipVerify = true // VerifyConnection is stricter
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errOther
		}
		if sum := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(sum[:], pin) {
			return errOther
		}
		return nil
	}
	return c, nil
}
