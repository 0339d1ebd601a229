package outbound_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sotto"
	"sotto/catalogue"
	"sotto/obs/obstest"
	"sotto/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is for servers whose clients hang up on purpose.
var quiet = log.New(io.Discard, "", 0)

func request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestDoRefusesTheZeroDisclosure(t *testing.T) {
	c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1"}})
	c.Fake(nil, func(to netip.AddrPort) (net.Conn, error) {
		t.Errorf("%v was dialled", to)
		return nil, errNoNetwork
	})
	_, err := c.Do(context.Background(), catalogue.Disclosure{}, request(t, "POST", "http://127.0.0.1/", "x"))
	if err == nil || sotto.KindOf(err) != sotto.Internal {
		t.Errorf("Do = %v, want internal", err)
	}
}

func TestDoSendsAndReads(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "person 7" || r.Method != "PUT" || r.Header.Get("X-Notice") != "9" || r.UserAgent() != "sotto" {
			t.Errorf("got %s %q, %v, %v", r.Method, body, r.Header, err)
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "later")
	}))
	defer s.Close()
	o, lines := obstest.Capture(t)
	c, err := outbound.New(outbound.Config{AllowHosts: []string{"127.0.0.1"}, Log: o.Log()})
	if err != nil {
		t.Fatal(err)
	}
	req := request(t, "PUT", s.URL+"/notice?secret=1", "person 7")
	req.Header.Set("X-Notice", "9")
	resp, err := c.Do(context.Background(), catalogue.RecipientNotice, req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 503 || string(resp.Body) != "later" || resp.Cut || resp.Header.Get("Retry-After") != "60" {
		t.Errorf("response = %+v", resp)
	}
	got := lines.String()
	if !strings.Contains(got, "place=recipient-notice status=503") || strings.Contains(got, "127.0.0.1") || strings.Contains(got, "secret") {
		t.Errorf("log = %s", got)
	}
}

func TestAnswerIsCut(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			t.Error(err)
		}
		for chunk := bytes.Repeat([]byte("x"), 1<<16); n < 0 && err == nil; {
			_, err = w.Write(chunk) // until the client hangs up
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), max(n, 0)))
	}))
	defer s.Close()
	tests := []struct {
		name  string
		limit int64
		sent  int
		want  int
		cut   bool
	}{
		{"Default", 0, 64 << 10, 64 << 10, false},
		{"OneTooMany", 0, 64<<10 + 1, 64 << 10, true},
		{"Endless", 0, -1, 64 << 10, true},
		{"Own", 10, 11, 10, true},
		{"Empty", 10, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1"}, Limit: tt.limit})
			resp, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "GET", s.URL+"?n="+strconv.Itoa(tt.sent), ""))
			if err != nil || len(resp.Body) != tt.want || resp.Cut != tt.cut {
				t.Errorf("%d bytes, cut %v, %v; want %d, %v", len(resp.Body), resp.Cut, err, tt.want, tt.cut)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	var other atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer elsewhere.Close()
	_, otherPort, err := net.SplitHostPort(elsewhere.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.URL.Query().Get("code"))
		if err != nil {
			_, _ = io.WriteString(w, r.Method)
			return
		}
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(code)
	}))
	defer s.Close()
	host := s.Listener.Addr().String()
	tests := []struct {
		name, method, to string
		code             int
		want             string // the method of the second request, or "" for an error
	}{
		{"SamePlace", "POST", "/there", 307, "POST"},
		{"SamePlacePermanent", "POST", "/there", 308, "POST"},
		{"SamePlaceGet", "GET", s.URL + "/there", 302, "GET"},
		{"PostBecomesGet", "POST", "/there", 302, ""},
		{"PostBecomesGet303", "POST", "/there", 303, ""},
		{"OtherHost", "POST", elsewhere.URL, 307, ""},
		{"OtherPort", "GET", "http://127.0.0.1:" + otherPort, 302, ""},
		{"OtherNameOfTheSame", "GET", strings.Replace(s.URL, "127.0.0.1", "localhost", 1), 302, ""},
		{"OtherScheme", "GET", "https://" + host, 302, ""},
		{"Metadata", "GET", "http://169.254.169.254/", 302, ""},
		{"UserName", "GET", "http://a@" + host, 302, ""},
		{"Fragment", "GET", "/there#x", 302, ""},
		{"Broken", "GET", "http://[", 302, ""},
		{"Endless", "GET", "/?code=302&to=/%3Fcode%3D302%26to%3D/%253Fcode%253D302%2526to%253D/%25253Fcode%25253D302%252526to%25253D/x", 302, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1", "localhost"}})
			address := s.URL + "/?" + url.Values{"code": {strconv.Itoa(tt.code)}, "to": {tt.to}}.Encode()
			resp, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, tt.method, address, "x"))
			if tt.want != "" {
				if err != nil || string(resp.Body) != tt.want {
					t.Errorf("Do = %q, %v, want %q", resp.Body, err, tt.want)
				}
				return
			}
			if sotto.KindOf(err) != sotto.Peer || strings.Contains(err.Error(), "127.") {
				t.Errorf("Do = %+v, %v, want peer", resp, err)
			}
		})
	}
	if other.Load() != 0 {
		t.Errorf("the other server was asked %d times", other.Load())
	}
}

func TestTheNameIsResolvedOnceAndTheCertificateIsTheNames(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "example.com" {
			t.Errorf("Host = %q", r.Host)
		}
		if r.URL.Path != "/there" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		}
	}))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	at := netip.MustParseAddrPort(s.Listener.Addr().String())
	tests := []struct {
		name, host string
		roots      *x509.CertPool
		want       string // words of the error
	}{
		{"Good", "example.com", roots, ""}, // the name in httptest's certificate
		{"OtherName", "hooks.example", roots, "tls"},
		{"UnknownAuthority", "example.com", x509.NewCertPool(), "tls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, outbound.Config{Roots: tt.roots})
			lookups := 0
			c.Fake(func(string) ([]netip.Addr, error) {
				lookups++
				return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
			}, func(to netip.AddrPort) (net.Conn, error) {
				if to.String() != "93.184.216.34:443" {
					t.Errorf("dialled %v", to)
				}
				return net.Dial("tcp", at.String())
			})
			resp, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "GET", "https://"+tt.host+"/", ""))
			if lookups != 1 {
				t.Errorf("%d look-ups", lookups)
			}
			if tt.want == "" {
				if err != nil || resp.Status != 200 {
					t.Errorf("Do = %+v, %v", resp, err)
				}
				return
			}
			if sotto.KindOf(err) != sotto.Peer || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("Do = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestTheSecondAddressIsTriedWhenTheFirstFails(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c, err := outbound.New(outbound.Config{AllowHosts: []string{"two.example"}}) // without a log
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	c.Fake(func(string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}, func(to netip.AddrPort) (net.Conn, error) {
		if tried++; tried == 1 {
			return nil, errNoNetwork
		}
		return net.Dial("tcp", to.String())
	})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "GET", "http://two.example:"+port, ""))
	if err != nil || resp.Status != 200 || tried != 2 {
		t.Errorf("Do = %+v, %v after %d tries", resp, err, tried)
	}
}

// peer is a server that misbehaves on each connection.
func peer(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				f(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func TestErrorsSayWhatHappenedAndNoMore(t *testing.T) {
	answer := func(text string) string {
		return peer(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, text)
		})
	}
	silent := peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	slow := peer(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret")
		_, _ = io.Copy(io.Discard, c)
	})
	held, err := net.Dial("tcp", silent) // nobody listens at the near end, and nobody else can
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	nobody := held.LocalAddr().String()
	tests := []struct{ name, address, want string }{
		{"Refused", "http://" + nobody, "refused"},
		{"Silent", "http://" + silent, "timeout"},
		{"SlowBody", "http://" + slow, "timeout"},
		{"HungUp", "http://" + answer(""), "hung up"},
		{"HalfABody", "http://" + answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret"), "hung up"},
		{"NoHTTP", "http://" + answer("SSH-2.0-secret\r\n"), "broken answer"},
		{"EndlessHeader", "http://" + answer("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("secret", 1<<16)), "broken answer"},
		{"NoTLS", "https://" + answer("HTTP/1.1 400 secret\r\n\r\n"), "broken answer"},
		{"NoSuchHost", "https://nowhere.example/secret", "no such host"},
		{"NoAddress", "https://silent.example/secret", "no such host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			limit := time.Minute
			if tt.want == "timeout" {
				limit = 200 * time.Millisecond
			}
			c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1"}, Timeout: limit})
			c.Fake(fakeLookup, nil)
			_, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "POST", tt.address, "secret"))
			if sotto.KindOf(err) != sotto.Peer || !strings.HasSuffix(err.Error(), ": "+tt.want) {
				t.Fatalf("Do = %v, want peer, %s", err, tt.want)
			}
			if s := err.Error(); strings.Contains(s, "secret") || strings.Contains(s, "127.") || strings.Contains(s, "example") || strings.Contains(s, "http") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	began := make(chan struct{})
	address := peer(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		close(began)
		_, _ = io.Copy(io.Discard, c)
	})
	c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1"}, Timeout: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-began; cancel() }()
	_, err := c.Do(ctx, catalogue.RecipientNotice, request(t, "GET", "http://"+address, ""))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want canceled", err)
	}
}

func TestNoProxyIsAsked(t *testing.T) {
	var asked atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	c := newClient(t, outbound.Config{AllowHosts: []string{"private.example"}})
	c.Fake(fakeLookup, func(to netip.AddrPort) (net.Conn, error) { return nil, errNoNetwork })
	for _, address := range []string{"http://private.example/", "https://hooks.example/"} {
		if _, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "GET", address, "")); sotto.KindOf(err) != sotto.Peer {
			t.Errorf("Do(%s) = %v", address, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("a proxy was asked: the address that was checked is not the one that was reached")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newClient(t, outbound.Config{AllowHosts: []string{"127.0.0.1"}, Roots: roots})
	if _, err := c.Do(context.Background(), catalogue.RecipientNotice, request(t, "GET", s.URL, "")); sotto.KindOf(err) != sotto.Peer {
		t.Errorf("Do = %v, want peer", err)
	}
}
