package sip

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sotto/leg"
)

// torture is RFC 4475: each message, and the status that the RFC's prose asks
// of a user agent that takes calls from everybody who sends it (INVITE: 486,
// because nobody is at home) and asks telephones for a password (REGISTER:
// 401). 0 is silence. tcp is what differs on a stream.
type torture struct {
	file string
	want int
	tcp  string // "" as over UDP, else the status
	why  string
}

func tortures() []torture {
	return []torture{
		{"wsinv", 481, "", "3.1.1.1 valid; its To tag names no call of ours"},
		{"intmeth", 405, "", "3.1.1.2 valid, a method nobody knows"},
		{"esc01", 486, "", "3.1.1.3 valid"},
		{"escnull", 401, "", "3.1.1.4 valid"},
		{"esc02", 405, "", "3.1.1.5 valid, a method that only looks like REGISTER"},
		{"lwsdisp", 200, "", "3.1.1.6 valid"},
		{"longreq", 486, "", "3.1.1.7 valid"},
		{"dblreq", 401, "", "3.1.1.8 valid; what follows in the datagram is dropped"},
		{"semiuri", 200, "", "3.1.1.9 valid"},
		{"transports", 200, "", "3.1.1.10 valid"},
		{"mpart01", 405, "", "3.1.1.11 valid, MESSAGE"},
		{"unreason", 0, "", "3.1.1.12 a response nobody asked for"},
		{"noreason", 0, "", "3.1.1.13 a response nobody asked for"},
		{"badinv01", 400, "", "3.1.2.1 extra separators"},
		{"clerr", 400, "0", "3.1.2.2 body shorter than it says; on a stream the rest may come"},
		{"ncl", 400, "", "3.1.2.3 negative Content-Length"},
		{"scalar02", 400, "", "3.1.2.4 numbers out of range in a request"},
		{"scalarlg", 0, "", "3.1.2.5 numbers out of range in a response"},
		{"quotbal", 400, "", "3.1.2.6 open quote"},
		{"ltgtruri", 400, "", "3.1.2.7 brackets around the Request-URI"},
		{"lwsruri", 400, "", "3.1.2.8 space in the Request-URI"},
		{"lwsstart", 400, "", "3.1.2.9 spaces in the request line"},
		{"trws", 400, "", "3.1.2.10 spaces after the request line"},
		{"escruri", 400, "", "3.1.2.11 header fields in the Request-URI"},
		{"baddate", 486, "", "3.1.2.12 a date we need not read"},
		{"regbadct", 400, "", "3.1.2.13 a Contact that needs brackets"},
		{"badaspec", 400, "", "3.1.2.14 spaces within addr-spec"},
		{"baddn", 400, "0", "3.1.2.15 a comma outside quotes, and no empty line"},
		{"badvers", 505, "", "3.1.2.16 unknown version"},
		{"mismatch01", 400, "", "3.1.2.17 methods differ"},
		{"mismatch02", 400, "", "3.1.2.18 methods differ, one unknown"},
		{"bigcode", 0, "", "3.1.2.19 a status out of range"},
		{"badbranch", 200, "", "3.2.1 no branch but the cookie"},
		{"insuf", 400, "", "3.3.1 To, From and Call-ID are missing"},
		{"unkscm", 416, "", "3.3.2 a scheme nobody knows"},
		{"novelsc", 416, "", "3.3.3 a scheme that exists and is not SIP's"},
		{"unksm2", 401, "", "3.3.4 schemes in headers: asked for a password first"},
		{"bext01", 420, "", "3.3.5 unknown extensions are required"},
		{"invut", 415, "", "3.3.6 a body nobody knows"},
		{"regaut01", 401, "", "3.3.7 an authorization scheme nobody knows"},
		{"multi01", 400, "", "3.3.8 what may come once comes twice"},
		{"mcl01", 400, "", "3.3.9 two Content-Lengths"},
		{"bcast", 0, "", "3.3.10 a response with a broadcast Via"},
		{"zeromf", 200, "", "3.3.11 an end point acts on Max-Forwards 0"},
		{"cparam01", 401, "", "3.3.12 a parameter of the header"},
		{"cparam02", 401, "", "3.3.13 a parameter of the URI"},
		{"regescrt", 401, "", "3.3.14 an escaped header in a URI"},
		{"sdp01", 406, "", "3.3.15 we may answer nothing that is taken"},
		{"inv2543", 400, "", "3.4.1 RFC 2543 without tags: the library has no transaction for it"},
		{"test", 0, "", "3.1.2 not a SIP message: there is nobody to answer"},
	}
}

// tortureFiles finds the messages in the library's module.
func tortureFiles(t testing.TB) map[string][]byte {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	files, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "sip/testdata/torture/*/*.dat"))
	if err != nil || len(files) == 0 {
		t.Skip("the module that holds the messages of RFC 4475 is not here")
	}
	m := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m[strings.TrimSuffix(filepath.Base(f), ".dat")] = b
	}
	return m
}

func TestTortureTableKnowsEveryMessage(t *testing.T) {
	files := tortureFiles(t)
	for _, m := range tortures() {
		if files[m.file] == nil {
			t.Errorf("there is no message %s", m.file)
		}
		delete(files, m.file)
	}
	for f := range files {
		t.Errorf("message %s has no status", f)
	}
}

func TestTwoRequestsInOneStreamAreTwo(t *testing.T) {
	files := tortureFiles(t)
	e := open(t, Config{
		Trunks: []Trunk{{Name: "torture", Sources: []string{peerAddr}}}, Phones: book{},
		Accept: func(_ context.Context, l leg.Leg) { l.Hangup(leg.BusyHere) },
	})
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(peerAddr)}}
	c, err := d.Dial("tcp", e.AddrTCP().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make(chan heard, 64)
	go readStream(c, got)
	both := files["dblreq"][:745] // the last line has more than its length says
	for _, b := range both {      // byte by byte, as a slow network may
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	first, second, _ := strings.Cut(string(files["dblreq"]), "\r\n\r\n\r\n")
	expect(t, got, []byte(first), 401, "the first request")
	expect(t, got, []byte(second), 488, "the second, whose description has a broken line")
}

// ping is a request that must always work.
func ping(id string) []byte {
	return []byte("OPTIONS sip:desk@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1" +
		";branch=z9hG4bKping" + id + "\r\nMax-Forwards: 70\r\nTo: <sip:desk@example.com>\r\n" +
		"From: <sip:ping@example.com>;tag=p\r\nCall-ID: ping-" + id + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
}

// heard is a response as text: what we echo of a broken message need not be
// readable by any parser.
type heard struct {
	status int
	text   string
}

// anything is the outcome of a message that nobody has read the RFC for.
const anything = -1

// expect waits for the final answer to b. Silence is what lasts until the
// desk, which reads in order, has had time to answer something else.
func expect(t *testing.T, got <-chan heard, b []byte, want int, why string) {
	t.Helper()
	limit := 5 * time.Second
	if want <= 0 {
		limit = 30 * time.Millisecond
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	id := callID(string(b))
	for {
		select {
		case r := <-got:
			if callID(r.text) != id || r.status == 100 {
				continue // another message's, perhaps repeated
			}
			if r.status != want && want != anything {
				t.Errorf("status = %d, want %d: %s", r.status, want, why)
			}
			return
		case <-timer.C:
			if want > 0 {
				t.Errorf("no answer, want %d: %s", want, why)
			}
			return
		}
	}
}

func callID(s string) string {
	for l := range strings.SplitSeq(s, "\r\n") {
		name, v, _ := strings.Cut(l, ":")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "call-id" || name == "i" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func hear(text string, got chan<- heard) {
	if f := strings.Fields(text); len(f) > 1 && f[0] == "SIP/2.0" {
		n, _ := strconv.Atoi(f[1])
		got <- heard{n, text}
	}
}

func readResponses(c net.PacketConn, got chan<- heard) {
	buf := make([]byte, 65536)
	for {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		hear(string(buf[:n]), got)
	}
}

// readStream reads responses, which have no body here.
func readStream(c net.Conn, got chan<- heard) {
	var all string
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		all += string(buf[:n])
		for {
			one, rest, ok := strings.Cut(all, "\r\n\r\n")
			if !ok {
				break
			}
			hear(one, got)
			all = rest
		}
	}
}
