package sip

import (
	"github.com/emiago/sipgo/sip"

	"sotto/leg/sip/digest"
)

// authorize returns the header line that answers the challenge res to req, or
// "". It answers for one trunk's password only: to the address that password
// is for, where the request itself was sent, for the pinned realm. Whoever
// else asks, in whatever dialog, gets nothing.
func (c *Call) authorize(res *sip.Response, req *sip.Request, sent hop) string {
	t := c.origin.trunk
	if res == nil || t == nil || t.secret == "" || c.dial == nil {
		return ""
	}
	if pinned := c.dial.branch.to; !source(res).isAt(pinned) || !sent.isAt(pinned) {
		return ""
	}
	line := t.authorization(res, req)
	if line == "" {
		return ""
	}
	if req.Method == sip.INVITE {
		if c.dial.tried++; c.dial.tried > 2 { // once, and once more if stale
			return ""
		}
	} else if len(req.GetHeaders("authorization"))+len(req.GetHeaders("proxy-authorization")) > 0 {
		return ""
	}
	return line
}

// isAt reports whether h is the place p, and as private: over UDP or TCP, as
// the size of a request has it, but never in the clear where p is over TLS.
func (h hop) isAt(p hop) bool { return h.addr == p.addr && h.tls == p.tls }

// authorization answers the best challenge in res that is for the trunk's realm.
func (t *trunk) authorization(res *sip.Response, req *sip.Request) string {
	field, name := "www-authenticate", "Authorization: "
	switch res.StatusCode {
	case 401:
	case 407:
		field, name = "proxy-authenticate", "Proxy-Authorization: "
	default:
		return ""
	}
	var best digest.Challenge
	for _, h := range res.GetHeaders(field) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || c.Realm != t.Realm {
			continue
		}
		if best.Nonce == "" || c.Algorithm == digest.SHA256 {
			best = c
		}
	}
	if best.Nonce == "" {
		return ""
	}
	return name + best.Answer(t.Username, t.secret, string(req.Method), req.Recipient.String(), random(8), 1).String()
}
