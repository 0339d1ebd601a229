package digest

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The values of RFC 7616 3.9.1.
const (
	rfcNonce  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	rfcCNonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	rfcOpaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
)

func TestAnswerIsThatOfTheRFC(t *testing.T) {
	for _, tt := range []struct {
		algorithm Algorithm
		want      string
	}{
		{MD5, "8ca523f5e9506fed4657c9700eebdbec"},
		{SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
	} {
		c := Challenge{Realm: "http-auth@example.org", Nonce: rfcNonce, Opaque: rfcOpaque, Algorithm: tt.algorithm, Auth: true}
		got := c.Answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", rfcCNonce, 1)
		if got.Response != tt.want {
			t.Errorf("%s: response = %s, want %s", tt.algorithm, got.Response, tt.want)
		}
		if !got.Verify("GET", "Circle of Life") {
			t.Errorf("%s: the right password is refused", tt.algorithm)
		}
		if got.Verify("GET", "circle of life") || got.Verify("BYE", "Circle of Life") {
			t.Errorf("%s: a wrong password or method is accepted", tt.algorithm)
		}
	}
}

func TestHeadersSurviveTheTrip(t *testing.T) {
	c := Challenge{Realm: `so"tto\`, Nonce: "n", Opaque: "o", Algorithm: SHA256, Auth: true, Stale: true}
	got, err := ParseChallenge(c.String())
	if diff := cmp.Diff(c, got); err != nil || diff != "" {
		t.Errorf("ParseChallenge(%q) = %v (-want +got):\n%s", c.String(), err, diff)
	}
	a := c.Answer(`ag"ent`, "secret", "INVITE", "sip:desk@example.org", "c", 0xab)
	back, err := ParseCredentials(a.String())
	if diff := cmp.Diff(a, back); err != nil || diff != "" {
		t.Errorf("ParseCredentials(%q) = %v (-want +got):\n%s", a.String(), err, diff)
	}
}

func TestParseRefusesWhatTwoReadersMightReadDifferently(t *testing.T) {
	for _, h := range []string{
		"",
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
		"NoOneKnowsThisScheme opaque-data=here",
		`Digest`,
		`Digest username="a", username="b", nonce="n", response="r"`,
		`Digest username="a, nonce="n", response="r"`,
		`Digest username="a" nonce="n" response="r"`,
		`Digest username="a", nonce="n", response="r", qop=auth, nc=1, cnonce="c"`,
		`Digest username="a", nonce="n", response="r", qop=auth-int, nc=00000001, cnonce="c"`,
		`Digest username="a", nonce="n", response="r", algorithm=MD5-sess`,
		`Digest nonce="n", response="r"`,
	} {
		if c, err := ParseCredentials(h); !errors.Is(err, ErrSyntax) {
			t.Errorf("ParseCredentials(%q) = %+v, %v; want %v", h, c, err, ErrSyntax)
		}
	}
}

func TestNonceIsTakenOncePerCount(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	n := NewNonces(time.Minute, func() time.Time { return now })
	here, there := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	nonce := n.Issue(here)
	steps := []struct {
		name string
		peer netip.Addr
		nc   uint32
		wait time.Duration
		want Verdict
	}{
		{"first use", here, 1, 0, Fresh},
		{"the same count again", here, 1, 0, Stale},
		{"the next count", here, 2, 0, Fresh},
		{"a count far ahead", here, 40, 0, Fresh},
		{"one that was overtaken", here, 39, 0, Fresh},
		{"that one again", here, 39, 0, Stale},
		{"one too far behind", here, 3, 0, Fresh},
		{"a count far far ahead", here, 400, 0, Fresh},
		{"too far behind now", here, 41, 0, Stale},
		{"no count", here, 0, 0, Stale},
		{"another address", there, 500, 0, Forged},
		{"too late", here, 501, 2 * time.Minute, Stale},
	}
	for _, s := range steps {
		now = now.Add(s.wait)
		if got := n.Take(nonce, s.peer, s.nc); got != s.want {
			t.Errorf("%s: Take(%d) = %v, want %v", s.name, s.nc, got, s.want)
		}
	}
	if got := n.Judge("AAAA", here); got != Forged {
		t.Errorf("Judge of a made-up nonce = %v, want %v", got, Forged)
	}
	if other := NewNonces(time.Minute, func() time.Time { return now }); other.Judge(n.Issue(here), here) != Forged {
		t.Error("a nonce of another server is taken")
	}
}

func FuzzDigest(f *testing.F) {
	c := Challenge{Realm: "sotto", Nonce: "n", Algorithm: SHA256, Auth: true}
	f.Add(c.String())
	f.Add(c.Answer("agent", "secret", "REGISTER", "sip:desk", "c", 1).String())
	f.Add(`Digest username="\"", nonce=,response=x, , =`)
	f.Add(`Digest realm="a\`)
	f.Fuzz(func(t *testing.T, h string) {
		if c, err := ParseChallenge(h); err == nil {
			again, err := ParseChallenge(c.String())
			c.Realm, c.Nonce, c.Opaque = clean(c.Realm), clean(c.Nonce), clean(c.Opaque)
			if err != nil && len(h) < maxHeader/2 && c.Nonce != "" {
				t.Fatalf("our own header %q: %v", c.String(), err)
			}
			if err == nil && again != c {
				t.Fatalf("%+v became %+v", c, again)
			}
		}
		if a, err := ParseCredentials(h); err == nil {
			a.Verify("INVITE", "secret")
			if _, err := ParseCredentials(a.String()); err != nil && len(h) < maxHeader/4 && clean(a.Username) != "" &&
				clean(a.Nonce) != "" {
				t.Fatalf("our own header %q: %v", a.String(), err)
			}
		}
	})
}

// clean drops what a header of ours never holds.
func clean(s string) string {
	var b []byte
	for _, c := range []byte(s) {
		if c != '\r' && c != '\n' {
			b = append(b, c)
		}
	}
	return string(b)
}
