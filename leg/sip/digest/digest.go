// Package digest is digest authentication as SIP uses it (RFC 3261 22,
// RFC 7616, RFC 8760): reading and writing its headers, computing and checking
// responses, and nonces that expire and cannot be replayed.
//
// It keeps no secrets and opens nothing; package leg/sip is the only caller.
package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// maxHeader is the longest header value we read.
const maxHeader = 2048

// ErrSyntax is returned for a header that is not a digest header.
var ErrSyntax = errors.New("digest: malformed header")

// Algorithm is a hash that we know.
type Algorithm string

// The algorithms, best first (RFC 8760 2.4).
const (
	SHA256 Algorithm = "SHA-256"
	MD5    Algorithm = "MD5"
)

// size is the length of the hash in bytes.
func (a Algorithm) size() int {
	if a == SHA256 {
		return sha256.Size
	}
	return md5.Size
}

// Challenge is what a server asks (WWW-Authenticate, Proxy-Authenticate).
type Challenge struct {
	Realm     string
	Nonce     string
	Opaque    string
	Algorithm Algorithm
	Auth      bool // qop=auth is offered
	Stale     bool // the password was right, the nonce too old
}

// Credentials is what a client answers (Authorization, Proxy-Authorization).
type Credentials struct {
	Username  string
	Realm     string
	Nonce     string
	URI       string
	Response  string
	CNonce    string
	Opaque    string
	Algorithm Algorithm
	Qop       string // "auth" or ""
	NC        uint32 // how often the nonce was used, 1 at first
}

// String returns the header value of c.
func (c Challenge) String() string {
	var b strings.Builder
	b.WriteString(`Digest realm=` + quote(c.Realm) + `, nonce=` + quote(c.Nonce))
	if c.Opaque != "" {
		b.WriteString(`, opaque=` + quote(c.Opaque))
	}
	if c.Stale {
		b.WriteString(`, stale=true`)
	}
	b.WriteString(`, algorithm=` + string(c.Algorithm))
	if c.Auth {
		b.WriteString(`, qop="auth"`)
	}
	return b.String()
}

// String returns the header value of c.
func (c Credentials) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s, response="%s", algorithm=%s`,
		quote(c.Username), quote(c.Realm), quote(c.Nonce), quote(c.URI), c.Response, c.Algorithm)
	if c.Opaque != "" {
		b.WriteString(`, opaque=` + quote(c.Opaque))
	}
	if c.Qop != "" {
		fmt.Fprintf(&b, `, qop=%s, nc=%08x, cnonce=%s`, c.Qop, c.NC, quote(c.CNonce))
	}
	return b.String()
}

// Answer computes the credentials for one request. cnonce must be fresh and
// random; nc counts the requests sent with c.Nonce from 1.
func (c Challenge) Answer(username, secret, method, uri, cnonce string, nc uint32) Credentials {
	a := Credentials{
		Username: username, Realm: c.Realm, Nonce: c.Nonce, Opaque: c.Opaque,
		URI: uri, Algorithm: c.Algorithm,
	}
	if c.Auth {
		a.Qop, a.NC, a.CNonce = "auth", nc, cnonce
	}
	a.Response = a.compute(method, secret)
	return a
}

// Verify reports whether c answers for a request of this method by somebody
// who knows secret. It takes the same time for every wrong response.
func (c Credentials) Verify(method, secret string) bool {
	want := c.compute(method, secret)
	return subtle.ConstantTimeCompare([]byte(want), []byte(c.Response)) == 1
}

// compute is RFC 7616 3.4.1.
func (c Credentials) compute(method, secret string) string {
	ha1 := sum(c.Algorithm, c.Username, c.Realm, secret)
	ha2 := sum(c.Algorithm, method, c.URI)
	if c.Qop == "" {
		return sum(c.Algorithm, ha1, c.Nonce, ha2)
	}
	return sum(c.Algorithm, ha1, c.Nonce, fmt.Sprintf("%08x", c.NC), c.CNonce, c.Qop, ha2)
}

func sum(a Algorithm, parts ...string) string {
	var h hash.Hash
	if a == SHA256 {
		h = sha256.New()
	} else {
		h = md5.New() // RFC 3261 22.4: old phones know nothing else
	}
	for i, p := range parts {
		if i > 0 {
			h.Write([]byte{':'})
		}
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ParseChallenge reads a challenge. It fails for other schemes than Digest
// and for algorithms we do not know.
func ParseChallenge(header string) (Challenge, error) {
	f, err := fields(header)
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{Realm: f["realm"], Nonce: f["nonce"], Opaque: f["opaque"]}
	c.Stale = strings.EqualFold(f["stale"], "true")
	if c.Algorithm, err = algorithm(f["algorithm"]); err != nil {
		return Challenge{}, err
	}
	if c.Nonce == "" {
		return Challenge{}, fmt.Errorf("%w: no nonce", ErrSyntax)
	}
	qop, offered := f["qop"]
	for q := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(q), "auth") {
			c.Auth = true
		}
	}
	if offered && !c.Auth {
		return Challenge{}, fmt.Errorf("%w: qop without auth", ErrSyntax)
	}
	return c, nil
}

// ParseCredentials reads credentials. It fails for other schemes than Digest
// and for algorithms we do not know.
func ParseCredentials(header string) (Credentials, error) {
	f, err := fields(header)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{
		Username: f["username"], Realm: f["realm"], Nonce: f["nonce"], URI: f["uri"],
		Response: strings.ToLower(f["response"]), CNonce: f["cnonce"], Opaque: f["opaque"],
	}
	if c.Algorithm, err = algorithm(f["algorithm"]); err != nil {
		return Credentials{}, err
	}
	if qop, ok := f["qop"]; ok {
		if !strings.EqualFold(qop, "auth") {
			return Credentials{}, fmt.Errorf("%w: qop is not auth", ErrSyntax)
		}
		n, err := strconv.ParseUint(f["nc"], 16, 32)
		if err != nil || len(f["nc"]) != 8 {
			return Credentials{}, fmt.Errorf("%w: nc", ErrSyntax)
		}
		c.Qop, c.NC = "auth", uint32(n)
	}
	if c.Username == "" || c.Nonce == "" {
		return Credentials{}, fmt.Errorf("%w: a field is missing", ErrSyntax)
	}
	if b, err := hex.DecodeString(c.Response); err != nil || len(b) != c.Algorithm.size() {
		return Credentials{}, fmt.Errorf("%w: response", ErrSyntax)
	}
	return c, nil
}

func algorithm(s string) (Algorithm, error) {
	switch {
	case s == "", strings.EqualFold(s, string(MD5)):
		return MD5, nil
	case strings.EqualFold(s, string(SHA256)):
		return SHA256, nil
	}
	return "", fmt.Errorf("%w: algorithm", ErrSyntax)
}

// fields splits `Digest a="b", c=d`. Names are lower case; a name that comes
// twice is an error, because two readers might each take another one.
func fields(header string) (map[string]string, error) {
	if len(header) > maxHeader {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, maxHeader)
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil, fmt.Errorf("%w: not the Digest scheme", ErrSyntax)
	}
	f := make(map[string]string, 12)
	for rest = trim(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(trim(name))
		if !ok || name == "" || strings.ContainsAny(name, "\", \t") {
			return nil, fmt.Errorf("%w: a field without a value", ErrSyntax)
		}
		val, left, err := value(trim(after))
		if err != nil {
			return nil, err
		}
		if _, twice := f[name]; twice {
			return nil, fmt.Errorf("%w: a field comes twice", ErrSyntax)
		}
		f[name] = val
		left = trim(left)
		if left != "" && left[0] != ',' {
			return nil, fmt.Errorf("%w: fields are not separated", ErrSyntax)
		}
		rest = trim(strings.TrimPrefix(left, ","))
	}
	return f, nil
}

// value takes a token or a quoted string off the front of s.
func value(s string) (val, rest string, err error) {
	if s == "" || s[0] != '"' {
		if i := strings.IndexByte(s, ','); i >= 0 {
			return trim(s[:i]), s[i:], nil
		}
		return s, "", nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("%w: a quote is open", ErrSyntax)
}

func trim(s string) string { return strings.Trim(s, " \t\r\n") }

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "").Replace(s) + `"`
}
