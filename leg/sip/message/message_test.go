package message

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// invite is a request in which nothing is wrong; edits change lines of it.
func invite(edits ...string) string {
	s := strings.Join([]string{
		"INVITE sip:+33970000000@desk.example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport",
		"Max-Forwards: 70",
		"From: \"A. Caller\" <sip:+33142000001@carrier.example.com>;tag=88a",
		"To: <sip:+33970000000@desk.example.com>",
		"Call-ID: 843817637684230@998sdasdh09",
		"CSeq: 1826 INVITE",
		"Contact: <sip:+33142000001@192.0.2.1>",
		"Content-Length: 0",
		"", "",
	}, "\r\n")
	for i := 0; i+1 < len(edits); i += 2 {
		if !strings.Contains(s, edits[i]) {
			panic("no line has " + edits[i])
		}
		s = strings.Replace(s, edits[i], edits[i+1], 1)
	}
	return s
}

func TestParseReadsTheFieldsThatCount(t *testing.T) {
	m, r := Parse([]byte(invite()))
	if r != nil {
		t.Fatalf("refused: %d", r.Status)
	}
	got := *m
	got.Headers = nil
	want := Message{
		Method: "INVITE", URI: "sip:+33970000000@desk.example.com", ID: "843817637684230@998sdasdh09",
		FromTag: "88a", Seq: 1826, SeqOf: "INVITE", Branch: "z9hG4bK776asdhds",
		SentBy: "192.0.2.1:5060", SentPort: 5060, Rport: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseRefusesWithTheRightStatus(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for _, tt := range []struct {
		name  string
		in    string
		want  int
		extra string
	}{
		{"nothing", "", 0, ""},
		{"a keep-alive", "\r\n\r\n", 0, ""},
		{"no Via: nobody to answer", invite("Via:", "X:"), 0, ""},
		{"no From", invite("From:", "X:"), 400, ""},
		{"no To", invite("To:", "X:"), 400, ""},
		{"no Call-ID", invite("Call-ID:", "X:"), 400, ""},
		{"an empty Call-ID", invite("843817637684230@998sdasdh09", ""), 400, ""},
		{"no CSeq", invite("CSeq:", "X:"), 400, ""},
		{"CSeq of another method", invite("1826 INVITE", "1826 BYE"), 400, ""},
		{"CSeq too large", invite("1826", "2147483648"), 400, ""},
		{"CSeq with a sign", invite("1826", "+1826"), 400, ""},
		{"two From", invite("To:", "From: <sip:a@b>;tag=1\r\nTo:"), 400, ""},
		{"two From, one compact", invite("To:", "f: <sip:a@b>;tag=1\r\nTo:"), 400, ""},
		{"a version of the future", invite("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), 505, ""},
		{"no version", invite(" SIP/2.0\r\nVia", "\r\nVia"), 400, ""},
		{"an unknown method", invite("INVITE sip", "DANCE sip", "1826 INVITE", "1826 DANCE"), 405, AllowLine},
		{"SUBSCRIBE", invite("INVITE sip", "SUBSCRIBE sip", "1826 INVITE", "1826 SUBSCRIBE"), 405, AllowLine},
		{"an unknown scheme", invite("INVITE sip:", "INVITE callto:"), 416, ""},
		{"a required extension", invite("Contact:", "Require: 100rel, timer, x-y\r\nContact:"), 420, "Unsupported: x-y"},
		{"no hops left", invite("Max-Forwards: 70", "Max-Forwards: 0"), 483, ""},
		{"no hops left, written long", invite("Max-Forwards: 70", "Max-Forwards: 000"), 483, ""},
		{"hops out of range", invite("Max-Forwards: 70", "Max-Forwards: 256"), 400, ""},
		{"a body of another kind", invite("Length: 0", "Type: text/plain\r\nContent-Length: 2") + "hi", 415, "Accept: application/sdp"},
		{"a body of no kind", invite("Length: 0", "Length: 2") + "hi", 415, "Accept: application/sdp"},
		{"a compressed body", invite("Length: 0", "Type: application/sdp\r\nContent-Encoding: gzip\r\nContent-Length: 2") + "hi", 415, "Accept-Encoding: identity"},
		{"a body larger than we read", invite("Length: 0", "Type: application/sdp\r\nContent-Length: 33000") + strings.Repeat("x", 33000), 413, ""},
		{"a body shorter than it says", invite("Length: 0", "Length: 5") + "hi", 400, ""},
		{"an answer we may not give", invite("Contact:", "Accept: text/plain\r\nContact:"), 406, "Accept: application/sdp"},
		{"a line too long", invite("Contact:", "X: "+long+"\r\nContact:"), 400, ""},
		{"more header fields than we read", invite("Contact:", strings.Repeat("X: y\r\n", 300)+"Contact:"), 400, ""},
		{"a head too long", invite("Contact:", "X: "+strings.Repeat(long[:8000]+"\r\n ", 3)+"\r\nContact:"), 400, ""},
		{"a bare line feed in a value", invite("A. Caller", "A.\nX-Admin: yes"), 400, ""},
		{"a header name with space inside", invite("Contact:", "P Asserted: x\r\nContact:"), 400, ""},
		{"an address with two ends", invite("<sip:+33142000001@carrier", "<sip:a@b> <sip:+33142000001@carrier"), 400, ""},
		{"a contact that is a star", invite("<sip:+33142000001@192.0.2.1>", "*"), 400, ""},
		{"an ACK is never answered", invite("INVITE sip", "ACK sip"), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := Parse([]byte(tt.in))
			if r == nil {
				t.Fatalf("accepted, want %d", tt.want)
			}
			if r.Status != tt.want {
				t.Errorf("status = %d, want %d", r.Status, tt.want)
			}
			if got := strings.Join(r.Extra, "\r\n"); got != tt.extra {
				t.Errorf("extra = %q, want %q", got, tt.extra)
			}
		})
	}
}

func TestParseTakesWhatIsRare(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"more in the datagram than the body", invite("Length: 0", "Type: application/sdp\r\nContent-Length: 2") + "v=and more"},
		{"compact names", invite("Via:", "v:", "From:", "f :", "To:", "T:", "Call-ID", "i", "Contact", "m", "Content-Length", "l")},
		{"folded lines", invite("CSeq: 1826 INVITE", "CSeq:\r\n  1826\r\n\tINVITE")},
		{"a name in another script", invite("A. Caller", "Zoë Ünal")},
		{"a quoted bracket", invite("A. Caller", `a \" <b>, c`)},
		{"session timers are required", invite("Contact:", "Require: timer\r\nContact:")},
		{"a tel: URI", invite("INVITE sip:+33970000000@desk.example.com", "INVITE tel:+33-970-000-000")},
		{"Max-Forwards missing", invite("Max-Forwards: 70\r\n", "")},
		{"keep-alive before it", "\r\n\r\n" + invite()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, r := Parse([]byte(tt.in)); r != nil {
				t.Errorf("status = %d, want none", r.Status)
			}
		})
	}
}

func TestResponseSaysWhereTheRequestCameFrom(t *testing.T) {
	for _, tt := range []struct{ name, via, want string }{
		{"rport", "SIP/2.0/UDP host.example.com;branch=z9hG4bK1;rport", "SIP/2.0/UDP host.example.com;branch=z9hG4bK1;rport=4444;received=192.0.2.7"},
		{"rport in front", "SIP/2.0/UDP host.example.com;rport;branch=z9hG4bKrport", "SIP/2.0/UDP host.example.com;rport=4444;branch=z9hG4bKrport;received=192.0.2.7"},
		{"none", "SIP/2.0/UDP host.example.com;branch=z9hG4bK1", "SIP/2.0/UDP host.example.com;branch=z9hG4bK1;received=192.0.2.7"},
		{"two hops in a line", "SIP/2.0/UDP a;branch=z9hG4bK1;rport, SIP/2.0/TCP b;branch=z9hG4bK2", "SIP/2.0/UDP a;branch=z9hG4bK1;rport=4444;received=192.0.2.7, SIP/2.0/TCP b;branch=z9hG4bK2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, r := Parse([]byte(invite("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport", tt.via)))
			if r != nil {
				t.Fatalf("refused: %d", r.Status)
			}
			got := string(Response(m, 401, netip.MustParseAddrPort("192.0.2.7:4444"), "ours", nil))
			if !strings.Contains(got, "\r\nVia: "+tt.want+"\r\n") {
				t.Errorf("want Via: %s, got\n%s", tt.want, got)
			}
			if !strings.Contains(got, "To: <sip:+33970000000@desk.example.com>;tag=ours\r\n") {
				t.Errorf("no tag of ours in\n%s", got)
			}
		})
	}
}

func TestParseURIFindsTheNumber(t *testing.T) {
	for _, tt := range []struct {
		in   string
		user string
		ok   bool
	}{
		{"sip:+33142000001@h", "+33142000001", true},
		{"sip:+33142000001;phone-context=x@h;user=phone", "+33142000001", true},
		{"sip:%2B331@h", "+331", true},
		{"tel:+33-1-42;ext=5", "+33-1-42", true},
		{"sip:h", "", true},
		{"sip:a@[2001:db8::1]:5070", "a", true},
		{"sip:a@h:99999", "", false},
		{"sip:", "", false},
		{"mailto:a@b", "", false},
		{"sip:a b@h", "", false},
		{"sip:a@h>", "", false},
	} {
		u, err := ParseURI(tt.in)
		if (err == nil) != tt.ok || err == nil && u.User != tt.user {
			t.Errorf("ParseURI(%q) = %q, %v; want %q, %v", tt.in, u.User, err, tt.user, tt.ok)
		}
	}
}

func TestFrameFindsMessagesInAStream(t *testing.T) {
	one := invite("Length: 0", "Length: 3") + "abc"
	for _, tt := range []struct {
		name string
		in   string
		want int
		err  error
	}{
		{"a whole message", one, len(one), nil},
		{"two", one + one, len(one), nil},
		{"part of the body", one[:len(one)-1], 0, nil},
		{"part of the head", one[:50], 0, nil},
		{"keep-alives before it", "\r\n\r\n" + one, len(one) + 4, nil},
		{"no length", invite("Content-Length: 0\r\n", ""), 0, ErrFraming},
		{"two lengths that differ", invite("Content-Length: 0", "l: 1\r\nContent-Length: 0"), 0, ErrFraming},
		{"a length that is none", invite("Length: 0", "Length: -1"), 0, ErrFraming},
		{"a head without end", strings.Repeat("x", MaxHead+1), 0, ErrFraming},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Frame([]byte(tt.in))
			if err != tt.err || err == nil && n != tt.want {
				t.Errorf("Frame() = %d, %v; want %d, %v", n, err, tt.want, tt.err)
			}
		})
	}
}

// FuzzMessage holds that no bytes make us panic, that what we refuse can be
// answered, and that the library behind us reads what we accept as we do: the
// same call, the same number, the same transaction.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(invite()))
	f.Add([]byte(invite("Via: ", "Via: SIP/2.0/UDP a;branch=z9hG4bK1;;,")))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"))
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err == nil {
		files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "sip/testdata/torture/*/*.dat"))
		for _, name := range files {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		Frame(b)
		m, r := Parse(b)
		if r != nil {
			if m != nil && r.Status != 0 {
				Response(m, r.Status, netip.MustParseAddrPort("192.0.2.7:4444"), "tag", r.Extra)
			}
			return
		}
		other, err := sip.ParseMessage(b)
		if err != nil {
			return // the library is stricter here and drops it
		}
		via, seq, id := other.Via(), other.CSeq(), other.CallID()
		if via == nil || seq == nil || id == nil {
			t.Fatalf("the library sees less than we: Via %v CSeq %v Call-ID %v", via, seq, id)
		}
		if id.Value() != m.ID || seq.SeqNo != m.Seq || string(seq.MethodName) != m.SeqOf {
			t.Fatalf("the library reads %v %v, we %v %d %s", id, seq, m.ID, m.Seq, m.SeqOf)
		}
	})
}
