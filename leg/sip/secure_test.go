package sip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// identity is a certificate made for a test: its files, and its fingerprint.
type identity struct{ cert, key, fingerprint string }

// newIdentity makes a certificate for host that is its own issuer.
func newIdentity(t *testing.T, host string) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if a := net.ParseIP(host); a != nil {
		c.IPAddresses = []net.IP{a}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	dir := t.TempDir()
	id := identity{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), hex.EncodeToString(sum[:])}
	for file, b := range map[string]*pem.Block{
		id.cert: {Type: "CERTIFICATE", Bytes: der}, id.key: {Type: "PRIVATE KEY", Bytes: pk},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// secureDesk answers every call of the carrier, over TLS too.
func secureDesk(t *testing.T, trunk Trunk) (*Endpoint, identity, <-chan leg.Leg) {
	t.Helper()
	id := newIdentity(t, "127.0.0.1")
	legs := make(chan leg.Leg, 8)
	trunk.Name, trunk.Sources = "carrier", []string{peerAddr}
	e := open(t, Config{
		UDP: "127.0.0.1:0", TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key,
		Trunks: []Trunk{trunk}, Media: engine(t, "127.0.0.1"),
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Answer(ctx) == nil {
				legs <- l
				<-l.Ended()
			}
		},
	})
	return e, id, legs
}

// sound checks both directions of a call by frequency.
func sound(t *testing.T, in, out leg.Leg) {
	t.Helper()
	ctx, stop := context.WithCancel(soon(t))
	defer stop()
	go in.Media().Play(ctx, media.Tone(440, time.Second), true)
	go out.Media().Play(ctx, media.Tone(1000, time.Second), true)
	hears(t, in.Media(), 1000)
	hears(t, out.Media(), 440)
}

func TestTrunkCallOverTLSIsEncrypted(t *testing.T) {
	e, id, legs := secureDesk(t, Trunk{})
	p := openPhone(t, PhoneConfig{
		Server: e.AddrTLS().String(), TLS: true, Roots: id.cert, Listen: peerAddr + ":0",
		Username: "+33142000001", Media: engine(t, peerAddr),
	})
	out, err := p.Call(soon(t), "+33970000000")
	if err != nil {
		t.Fatalf("Call() = %v", err)
	}
	in := <-legs
	if !in.(*Call).Encrypted() || !out.(*Call).Encrypted() {
		t.Error("the audio is not encrypted")
	}
	sound(t, in, out)
	in.Hangup(leg.Released) // a request of the desk's, over the caller's connection
	ends(t, out, leg.HungUp)
	ends(t, in, leg.Released)
}

func TestSecureMediaRefusesPlainCalls(t *testing.T) {
	e, id, legs := secureDesk(t, Trunk{SecureMedia: true})
	p := newPeer(t, peerAddr, e.Addr())
	s := p.call("plain")
	p.answer(488, s.say("INVITE", plainSDP))
	phone := openPhone(t, PhoneConfig{
		Server: e.Addr().String(), Secure: true, Listen: peerAddr + ":0", Username: "+33142000001", Media: engine(t, peerAddr),
	})
	out, err := phone.Call(soon(t), "+33970000000")
	if err != nil {
		t.Fatalf("an encrypted call over UDP, which both want: %v", err)
	}
	sound(t, <-legs, out)
	out.Hangup(leg.Released)
	_ = id
}

func TestEncryptedAudioIsNotAgreedInTheClear(t *testing.T) {
	e, _, _ := secureDesk(t, Trunk{})
	p := newPeer(t, peerAddr, e.Addr())
	body := strings.Replace(plainSDP, "RTP/AVP", "RTP/SAVP", 1) +
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("A", 40) + "\r\n"
	p.answer(488, p.call("savp").say("INVITE", body))
	p.answer(416, p.call("sips").tls().say("INVITE", plainSDP))
}

// tls makes the call one to a sips: URI.
func (s *script) tls() *script {
	s.target = strings.Replace(s.target, "sip:", "sips:", 1)
	return s
}

func TestCarrierIsCalledOverTLSIfItIsTheOne(t *testing.T) {
	id, other := newIdentity(t, "127.0.0.1"), newIdentity(t, "carrier.example.com")
	legs := make(chan leg.Leg, 8)
	carrier := open(t, Config{
		UDP: "127.0.0.1:0", TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key, Media: engine(t, "127.0.0.1"),
		Trunks: []Trunk{{Name: "desk", Sources: []string{peerAddr}}},
		Accept: func(ctx context.Context, l leg.Leg) {
			if l.Answer(ctx) == nil {
				legs <- l
				<-l.Ended()
			}
		},
	})
	for _, tt := range []struct {
		name  string
		trunk Trunk
		ok    bool
	}{
		{"its name, from an issuer we trust", Trunk{RootsFile: id.cert}, true},
		{"another name", Trunk{RootsFile: id.cert, ServerName: "carrier.example.com"}, false},
		{"an issuer nobody trusts", Trunk{}, false},
		{"another issuer", Trunk{RootsFile: other.cert}, false},
		{"its fingerprint", Trunk{Fingerprint: strings.ToUpper(id.fingerprint)}, true},
		{"another fingerprint", Trunk{Fingerprint: other.fingerprint, RootsFile: id.cert}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.trunk.Name, tt.trunk.TLS, tt.trunk.Address = "carrier", true, carrier.AddrTLS().String()
			e := open(t, Config{UDP: peerAddr + ":0", Trunks: []Trunk{tt.trunk}, Media: engine(t, peerAddr)})
			out, err := e.Dial(soon(t), Target{Trunks: []string{"carrier"}, Number: "+33970000000"})
			if (err == nil) != tt.ok {
				t.Fatalf("Dial() = %v", err)
			}
			if !tt.ok {
				return
			}
			if !out.(*Call).Encrypted() {
				t.Error("the audio is not encrypted")
			}
			sound(t, <-legs, out)
			out.Hangup(leg.Released)
			until(t, "no call is left", func() bool { return len(carrier.liveCalls())+len(e.liveCalls()) == 0 })
		})
	}
}

func TestPeerWithoutEncryptionIsCalledAgainInPlain(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	var offers []string
	carrier := open(t, Config{
		UDP: "127.0.0.1:0", TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key,
		Trunks: []Trunk{{Name: "desk", Sources: []string{peerAddr}}},
		Accept: func(ctx context.Context, l leg.Leg) {
			c := l.(*Call)
			offers = append(offers, string(c.invite.req.Body()))
			if len(offers) == 1 {
				c.mail.post(func() {
					respond(c.invite.req, c.invite.tx, 488, c.tag, nil)
					c.end(leg.Protocol)
					c.finish()
				})
				<-l.Ended()
				return
			}
			if l.Answer(ctx) == nil {
				<-l.Ended()
			}
		},
	})
	e := open(t, Config{UDP: peerAddr + ":0", Trunks: []Trunk{
		{Name: "carrier", TLS: true, Address: carrier.AddrTLS().String(), Fingerprint: id.fingerprint},
	}})
	out, err := e.Dial(soon(t), Target{Trunks: []string{"carrier"}, Number: "+33970000000"})
	if err != nil {
		t.Fatalf("Dial() = %v", err)
	}
	if out.(*Call).Encrypted() {
		t.Error("Encrypted() = true")
	}
	out.Hangup(leg.Released)
	until(t, "no call is left", func() bool { return len(carrier.liveCalls()) == 0 })
	if len(offers) != 2 || !strings.Contains(offers[0], "RTP/SAVP") || strings.Contains(offers[1], "crypto") {
		t.Errorf("the offers were %q", offers)
	}
}

func TestCertificateThatCannotWorkIsRefused(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	for _, cfg := range []Config{
		{TLS: "127.0.0.1:0"}, {WSS: "127.0.0.1:0"}, {TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.cert},
		{UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "a", TLS: true, Address: "192.0.2.1:5061", Fingerprint: "ab"}}},
		{UDP: "127.0.0.1:0", Trunks: []Trunk{{Name: "a", TLS: true, Address: "192.0.2.1:5061", RootsFile: id.key}}},
	} {
		e, err := Open(cfg)
		if err == nil {
			e.Close()
		}
		if sotto.KindOf(err) != sotto.Invalid {
			t.Errorf("Open(%+v) = %v, want it refused", cfg, err)
		}
	}
}
