package message

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Address is a name-addr or addr-spec with its header parameters
// (RFC 3261 20.10), as in From, To, Contact and Record-Route.
type Address struct {
	Name   string // display name, unquoted
	URI    string // as it came
	Params string // ";tag=…", "" when none
}

var (
	errAddress = errors.New("message: malformed address")
	errParams  = errors.New("message: malformed parameters")
)

// ParseAddress reads one address. It is strict where laxity would let two
// readers see two different addresses: quotes and brackets must balance, a
// bare URI may hold neither space, comma nor question mark.
func ParseAddress(v string) (Address, error) {
	var a Address
	v = strings.TrimSpace(v)
	switch {
	case strings.HasPrefix(v, `"`):
		name, rest, ok := unquote(v)
		if !ok {
			return a, errAddress
		}
		a.Name, v = name, strings.TrimSpace(rest)
		if !strings.HasPrefix(v, "<") {
			return a, errAddress
		}
	case strings.Contains(v, "<"):
		i := strings.IndexByte(v, '<')
		a.Name = strings.TrimSpace(v[:i])
		if !words(a.Name) {
			return a, errAddress
		}
		v = v[i:]
	default:
		return bareAddress(v)
	}
	end := strings.IndexByte(v, '>')
	if end < 0 {
		return a, errAddress
	}
	a.URI, a.Params = v[1:end], strings.TrimSpace(v[end+1:])
	if !plausibleURI(a.URI) {
		return a, errAddress
	}
	return a, checkParams(a.Params)
}

// bareAddress reads an addr-spec without brackets: what follows the first
// semicolon belongs to the header (RFC 3261 20.10).
func bareAddress(v string) (Address, error) {
	var a Address
	a.URI = v
	if i := strings.IndexByte(v, ';'); i >= 0 {
		a.URI, a.Params = strings.TrimSpace(v[:i]), v[i:]
	}
	if !plausibleURI(a.URI) || strings.ContainsAny(a.URI, ",?") {
		return a, errAddress
	}
	return a, checkParams(a.Params)
}

// plausibleURI checks what every URI has: a scheme, a colon, no space or
// control character, no bracket of its own.
func plausibleURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || !isScheme(scheme) {
		return false
	}
	for i := 0; i < len(rest); i++ {
		if c := rest[i]; c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return true
}

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		other := s[i] >= '0' && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// Param returns a parameter of the address, unquoted.
func (a Address) Param(name string) (string, bool) { return param(a.Params, name) }

// param finds ;name or ;name=value in a parameter list.
func param(list, name string) (string, bool) {
	for list != "" {
		list = strings.TrimLeft(list, " \t;")
		i := paramEnd(list)
		one := list[:i]
		list = list[i:]
		k, v, _ := strings.Cut(one, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			v = strings.TrimSpace(v)
			if strings.HasPrefix(v, `"`) {
				v, _, _ = unquote(v)
			}
			return v, true
		}
	}
	return "", false
}

// paramEnd returns where the first parameter of list ends.
func paramEnd(list string) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			return i
		}
	}
	return len(list)
}

// checkParams accepts *( SEMI name [ EQUAL value ] ) and nothing else.
func checkParams(list string) error {
	for list != "" {
		if list[0] != ';' {
			return errParams
		}
		list = list[1:]
		i := paramEnd(list)
		k, v, has := strings.Cut(list[:i], "=")
		list = list[i:]
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if !isToken(k) || has && v == "" {
			return errParams
		}
		if strings.HasPrefix(v, `"`) {
			if _, rest, ok := unquote(v); !ok || rest != "" {
				return errParams
			}
		} else if strings.ContainsAny(v, " \t\"<>,") {
			return errParams
		}
	}
	return nil
}

// unquote takes a quoted string off the front of v (RFC 3261 25.1).
func unquote(v string) (text, rest string, ok bool) {
	if !strings.Contains(v, `\`) {
		i := strings.IndexByte(v[1:], '"')
		if i < 0 {
			return "", "", false
		}
		return v[1 : 1+i], v[2+i:], true
	}
	var b strings.Builder
	for i := 1; i < len(v); i++ {
		switch c := v[i]; {
		case c == '"':
			return b.String(), v[i+1:], true
		case c == '\\' && i+1 < len(v):
			i++
			b.WriteByte(v[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// words reports whether s is *(token LWS), as an unquoted display name is.
// Bytes above ASCII are let through: devices write names so.
func words(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != ' ' && c != '\t' && c < 0x80 && !isTokenByte(c) {
			return false
		}
	}
	return true
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// isTokenByte is RFC 3261 25.1's token.
func isTokenByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("-.!%*_+`'~", c) >= 0
}

// URI is a sip:, sips: or tel: URI taken apart.
type URI struct {
	Scheme string
	User   string // percent escapes decoded, parameters of a telephone number stripped
	Host   string // without brackets; "" for tel:
	Port   int    // 0 when not said
	raw    sip.Uri
}

// ParseURI reads a URI of a scheme that telephones use.
func ParseURI(s string) (URI, error) {
	var u URI
	if !plausibleURI(s) {
		return u, errAddress
	}
	if err := sip.ParseUri(s, &u.raw); err != nil {
		return u, errAddress
	}
	u.Scheme = u.raw.Scheme
	user := u.raw.User
	switch u.Scheme {
	case "tel":
		user = u.raw.Raw()
	case "sip", "sips":
		u.Host = strings.Trim(u.raw.Host, "[]")
		u.Port = u.raw.Port
		if u.Host == "" || u.Port < 0 || u.Port > 65535 {
			return u, errAddress
		}
	default:
		return u, errAddress
	}
	user, _, _ = strings.Cut(user, ";")
	u.User = unescape(user)
	return u, nil
}

// Param returns a URI parameter; it is "" when absent or without a value.
func (u URI) Param(name string) (string, bool) {
	for _, p := range u.raw.UriParams {
		if strings.EqualFold(p.K, name) {
			return p.V, true
		}
	}
	return "", false
}

// unescape decodes %HH; a broken escape stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
