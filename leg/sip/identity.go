package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"sotto/leg"
	"sotto/leg/sip/message"
)

// callerOf reads who calls. What From says is a claim; P-Asserted-Identity is
// believed before it, and Diversion at all, only from a trunk that is
// configured so (RFC 3325 5): t is nil for a telephone. A caller who asks for
// privacy, or has no user, is nobody (RFC 3323 4.2), whoever says so.
func callerOf(m *sip.Request, t *trunk) leg.Caller {
	var c leg.Caller
	if t != nil && t.TrustDiversion {
		c.Diverted = t.Numbers.read(divertedBy(m), t.Country)
	}
	from, err := message.ParseAddress(get(m, "from"))
	if err != nil || wantsPrivacy(m) || anonymous(from.URI) {
		c.Withheld = true
		return c
	}
	c.Number, c.Name = numberOf(from.URI), displayName(from.Name)
	if t != nil && t.TrustIdentity {
		c = asserted(m, c)
	}
	if t != nil {
		c.Number = t.Numbers.read(c.Number, t.Country)
	}
	if nameless(c.Number) {
		return leg.Caller{Withheld: true, Diverted: c.Diverted}
	}
	return c
}

// dialledOn is the number that was called. A carrier that we register with may
// call our account, and say in To which of its numbers was dialled.
func dialledOn(m *sip.Request, t *trunk) string {
	number := numberOf(m.Recipient.String())
	if t == nil {
		return number
	}
	if t.Register && strings.EqualFold(number, t.account()) {
		if to, err := message.ParseAddress(get(m, "to")); err == nil {
			if n := numberOf(to.URI); n != "" {
				number = n
			}
		}
	}
	return t.Numbers.read(number, t.Country)
}

// asserted is c as the network vouches for it: the first identity that has a
// number (RFC 3325 9.1).
func asserted(m *sip.Request, c leg.Caller) leg.Caller {
	for _, v := range list(m, "p-asserted-identity") {
		id, err := message.ParseAddress(v)
		if err != nil {
			continue
		}
		if n := numberOf(id.URI); n != "" {
			c.Number = n
			if id.Name != "" {
				c.Name = displayName(id.Name)
			}
			return c
		}
	}
	return c
}

// divertedBy is the number that sent the call on to the one it was made to:
// the newest Diversion, or the entry of History-Info before the last.
func divertedBy(m *sip.Request) string {
	values := list(m, "diversion") // RFC 5806 4: the newest first
	if len(values) == 0 {
		if h := list(m, "history-info"); len(h) > 1 { // RFC 7044 5: the oldest first
			values = h[len(h)-2 : len(h)-1]
		}
	}
	if len(values) == 0 {
		return ""
	}
	a, err := message.ParseAddress(values[0])
	if err != nil || anonymous(a.URI) {
		return ""
	}
	if p, ok := a.Param("privacy"); ok && !strings.EqualFold(p, "off") {
		return ""
	}
	return numberOf(a.URI)
}

// nameless reports whether what stands in place of a number names nobody. Taken
// for a name, it would make one person of all who withhold theirs.
func nameless(user string) bool {
	switch strings.ToLower(user) {
	case "", "anonymous", "unavailable", "unknown", "private", "restricted", "withheld":
		return true
	}
	return false
}

// identity is the From of a call or text of ours that leaves on h, and the
// header lines that say who sends it. t is nil towards a telephone.
func (e *Endpoint) identity(who leg.Caller, t *trunk, h hop) (from string, lines []string) {
	var host string
	number := who.Number
	if t != nil {
		host, number = t.domain(), t.Numbers.write(number, t.Country)
	} else {
		host = hostPart(e.localHost(h))
	}
	user, err := dialable(number)
	if err == nil && t != nil && t.Identity != CallerFrom {
		lines = append(lines, "P-Asserted-Identity: <sip:"+user+"@"+host+">") // RFC 3325 9.1
	}
	if who.Withheld { // RFC 3323 4.1.1.3, RFC 3325 9.3
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`, append(lines, "Privacy: id")
	}
	switch {
	case t != nil && t.Identity == CallerAccount:
		user = t.account()
	case err != nil:
		user = "sotto"
	}
	from = "<sip:" + user + "@" + host + ">"
	if who.Name != "" {
		from = `"` + strings.NewReplacer(`\`, ``, `"`, `'`).Replace(displayName(who.Name)) + `" ` + from
	}
	return from, lines
}

// wantsPrivacy reads Privacy: any value but none hides the caller.
func wantsPrivacy(m *sip.Request) bool {
	for _, v := range list(m, "privacy") {
		for p := range strings.SplitSeq(v, ";") {
			switch strings.ToLower(strings.TrimSpace(p)) {
			case "id", "user", "header", "session", "critical":
				return true
			}
		}
	}
	return false
}

// anonymous is RFC 3323 4.1.1.3: a host below .invalid, or the user of that
// name.
func anonymous(uri string) bool {
	u, err := message.ParseURI(uri)
	if err != nil {
		return true
	}
	host := strings.ToLower(u.Host)
	return nameless(u.User) && u.User != "" || host == "invalid" || strings.HasSuffix(host, ".invalid")
}

// numberOf takes the number out of a sip: or tel: URI: visual separators and
// parameters are stripped, escapes decoded (RFC 3966 5.1). A user that is no
// number is returned as it is, for lines reached by name.
func numberOf(uri string) string {
	u, err := message.ParseURI(uri)
	if err != nil || len(u.User) > 64 {
		return ""
	}
	phone, _ := u.Param("user")
	plain := strings.Map(func(r rune) rune {
		switch r {
		case '-', '.', '(', ')', ' ':
			return -1
		}
		return r
	}, u.User)
	digits := strings.TrimPrefix(plain, "+")
	if u.Scheme == "tel" || strings.EqualFold(phone, "phone") ||
		digits != "" && strings.Trim(digits, "0123456789*#") == "" {
		return printable(plain)
	}
	return printable(u.User)
}

// displayName bounds what a peer may put on a screen.
func displayName(s string) string {
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "")
	}
	return printable(s)
}

// printable drops control characters and bytes that are no text.
func printable(s string) string { return strings.Map(dropUnprintable, strings.TrimSpace(s)) }

// dropUnprintable is printable for one character; -1 drops it.
func dropUnprintable(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0xfffd || r >= 0x80 && r < 0xa0 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return -1 // also the marks that turn text around
	}
	return r
}
