package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto"
	"sotto/db"
	"sotto/desk"
	"sotto/leg/media"
	"sotto/line"
	"sotto/person"
)

// patience is how long a script waits for what must happen. A busy machine may
// take its time.
const patience = 45 * time.Second

// sounds are what a story's line says: each a tone of its own, short enough
// not to hold up the story, so that what a caller was told can be heard.
func sounds() map[line.Category]float64 {
	return map[line.Category]float64{
		line.Greeting: 600, line.ConsentAlways: 700, line.ConsentOptIn: 750, line.ConsentOptOut: 850, line.Wait: 900,
		line.Voicemail: 1200, line.Unavailable: 1350, line.OutOfHours: 1500, line.Goodbye: 1650, line.Thanks: 1800, line.WrongKey: 1950,
	}
}

// makeDesk makes a desk with one line, one agent and the agent's telephone:
// desk [FLAGS OF sotto line add]. It sets HTTP, SIP, SOTTO_CONFIG, SOTTO_DATA,
// NUMBER, LINE, ADMIN, TOKEN, BASIC, AGENT, EXTENSION and SECRET; the
// agent is hired as AGENT.
func makeDesk(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg, "desk [FLAGS OF sotto line add]")
	freePort(ts, false, nil)
	file := ts.MkAbs("sotto.yaml")
	if ts.Getenv("SOTTO_DATA") == "" {
		ts.Setenv("SOTTO_DATA", ts.MkAbs("desk"))
	}
	ts.Setenv("SOTTO_CONFIG", file)
	more, err := os.ReadFile(ts.MkAbs("more.yaml"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	ts.Check(os.WriteFile(file, fmt.Appendf(nil, "http: %s\nsip: %s\ndatabase_file: %q\ntrunks:\n  - name: carrier\n    addresses: [127.0.0.0/8]\n%s",
		ts.Getenv("HTTP"), ts.Getenv("SIP"), ts.Getenv("POSTGRES"), os.Expand(string(more), ts.Getenv)), 0o600))
	const admin = "admin@sotto.example"
	made := must(ts, "init", "--admin-name", "Odile Exemple", "--admin-email", admin)
	token := between(ts, made, `shown once: (\S+)`)
	ts.Setenv("ADMIN", admin)
	ts.Setenv("TOKEN", token)
	ts.Setenv("BASIC", base64.StdEncoding.EncodeToString([]byte(admin+"/token:"+token)))
	ts.Setenv("NUMBER", "+33199001000")
	inside(ts, func(d *desk.Desk) error { return fillDesk(ts, d, args) })
}

// inside opens the story's desk in this process, as long as nobody serves it.
// A process that another story begins in the same moment holds our closed
// files for as long as it takes to become another program, so a folder that
// is locked is tried again.
func inside(ts *testscript.TestScript, f func(*desk.Desk) error) {
	cfg, err := desk.LoadConfig(ts.Getenv("SOTTO_CONFIG"))
	ts.Check(err)
	cfg.Data, cfg.Clock = ts.Getenv("SOTTO_DATA"), storyClock(ts.Getenv("SOTTO_STORY_CLOCK"))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		d, err := desk.Open(context.Background(), cfg)
		if sotto.KindOf(err) == sotto.Busy && time.Now().Before(deadline) {
			continue
		}
		ts.Check(err)
		err = f(d)
		ts.Check(errors.Join(err, d.Close()))
		return
	}
}

// fillDesk runs one command after the other on an open desk, as the control
// socket does.
func fillDesk(ts *testscript.TestScript, d *desk.Desk, line []string) (err error) {
	do := func(args ...string) string {
		var out strings.Builder
		s := streams{in: strings.NewReader(""), out: &out, err: &out, clock: d.Config().Clock}
		_, chosen, _ := parse(args, &s)
		c, ok := chosen.(deskCommand)
		if !ok {
			ts.Fatalf("sotto %s: %s", strings.Join(args, " "), out.String())
		}
		err = errors.Join(err, c.DoDesk(context.Background(), d, s))
		return strings.TrimSpace(out.String())
	}
	number := do(append([]string{"line", "add", ts.Getenv("NUMBER"), "--name", "Customer service"}, line...)...)
	ts.Setenv("LINE", number)
	for c, hz := range sounds() {
		wav := filepath.Join(ts.Getenv("WORK"), ".tmp", string(c)+".wav")
		ts.Check(os.WriteFile(wav, media.Tone(hz, 400*time.Millisecond).WAV(), 0o600))
		do("line", "greeting", number, string(c), "en", wav)
	}
	id := do("person", "add", "--name", "Nadia Sample", "--role", "agent", "--email", "nadia@sotto.example")
	do("agent", "state", id, "online")
	user, secret, _ := strings.Cut(do("agent", "device", id), " ")
	ts.Setenv("AGENT", id)
	ts.Setenv("EXTENSION", user)
	ts.Setenv("SECRET", secret)
	ts.Setenv("AGENT_USER", user)
	ts.Setenv("AGENT_SECRET", secret)
	return err
}

// ready waits until the desk can take calls.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "ready")
	until(ts, false, []string{`"status":"ready"`, "get", "/readyz"})
}

// until asks again and again until the answer matches:
//
//	until REGEXP sotto COMMAND…     what a command of sotto prints
//	until REGEXP get PATH           what the web answers
//	until REGEXP files DIR          the files below a folder and their sizes
//	until REGEXP text FILE          what stands in a file
//	until REGEXP page NAME SCRIPT   what a script in a page comes to
func until(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 2, "until REGEXP sotto|get|files|text|page …")
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		var out strings.Builder
		switch args[1] {
		case "sotto":
			here(ts, args[2:], &out, &out)
		case "get":
			_, body, err := request(ts, http.MethodGet, args[2], "")
			fmt.Fprint(&out, body, err)
		case "text":
			b, err := os.ReadFile(ts.MkAbs(args[2]))
			fmt.Fprint(&out, string(b), err)
		case "page":
			got, err := pageOf(ts, args[2]).Do(args[3])
			fmt.Fprint(&out, got, err)
		case "files":
			for _, f := range filesBelow(ts, args[2]) {
				info, err := os.Stat(f)
				if err == nil {
					fmt.Fprintf(&out, "%s %d\n", f, info.Size())
				}
			}
		default:
			ts.Fatalf("until knows no %s", args[1])
		}
		if want.MatchString(out.String()) != neg {
			_, err := io.WriteString(ts.Stdout(), out.String())
			ts.Check(err)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("after %v there is still no %q (wanted: %v) in\n%s", patience, args[0], !neg, out.String())
		}
	}
}

// capture sets a variable to the first group of a match in stdout, or in
// another file: capture NAME REGEXP [FILE].
func capture(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 2 || len(args) == 3), "capture NAME REGEXP [FILE]")
	from := "stdout"
	if len(args) == 3 {
		from = args[2]
	}
	ts.Setenv(args[0], between(ts, ts.ReadFile(from), args[1]))
}

func between(ts *testscript.TestScript, text, pattern string) string {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	found := re.FindStringSubmatch(text)
	if len(found) < 2 {
		ts.Fatalf("no match for %q in\n%s", pattern, text)
	}
	return found[1]
}

// get prints what the web answers without signing in: get PATH.
func get(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "get PATH")
	_, body, err := request(ts, http.MethodGet, args[0], "")
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), body)
}

// rest asks the REST API as the administrator and prints the answer:
// rest STATUS METHOD PATH [BODY]. STATUS is a pattern, a BODY of @FILE is the
// file.
func rest(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 3 || len(args) == 4), "rest STATUS METHOD PATH [BODY]")
	body := ""
	if len(args) == 4 {
		body = args[3]
	}
	if name, ok := strings.CutPrefix(body, "@"); ok {
		body = ts.ReadFile(name)
	}
	status, answer, err := request(ts, args[1], args[2], body)
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), answer)
	if ok, err := regexp.MatchString("^"+args[0]+"$", strconv.Itoa(status)); err != nil || !ok {
		ts.Fatalf("%s %s = %d, want %s\n%s", args[1], args[2], status, args[0], answer)
	}
}

func request(ts *testscript.TestScript, method, path, body string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+ts.Getenv("HTTP")+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if token := ts.Getenv("TOKEN"); token != "" {
		req.SetBasicAuth(ts.Getenv("ADMIN")+"/token", token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/api/v2/uploads") {
			req.Header.Set("Content-Type", "application/octet-stream")
		}
	}
	web := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := web.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if path == "/metrics" { // what is the desk's own, without the numbers of the language
		b = regexp.MustCompile("(?m)^(#|go_|process_).*\n").ReplaceAll(b, nil)
	}
	return res.StatusCode, string(b), err
}

// send sends bytes as they are, with LF made CRLF and variables filled in,
// and prints what comes back: send udp|tcp|half ADDRESS FILE. With half,
// nothing follows on the TCP connection. A FILE of garbage is a thousand bytes
// without meaning, the same each time.
func send(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "send udp|tcp|half ADDRESS FILE")
	var raw []byte
	if args[2] == "garbage" {
		from := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			raw = append(raw, byte(from.Uint32()))
		}
	} else {
		raw = []byte(strings.ReplaceAll(os.Expand(ts.ReadFile(args[2]), ts.Getenv), "\n", "\r\n"))
	}
	network, half := args[0], args[0] == "half"
	if half {
		network = "tcp"
	}
	c, err := net.DialTimeout(network, args[1], patience)
	ts.Check(err)
	defer c.Close()
	_, err = c.Write(raw)
	ts.Check(err)
	wait := 500 * time.Millisecond // there may be no answer at all
	if half {
		ts.Check(c.(*net.TCPConn).CloseWrite())
		wait = patience
	}
	ts.Check(c.SetReadDeadline(time.Now().Add(wait)))
	answer, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		ts.Logf("the other side: %v", err)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", answer)
}

// expand fills variables into files that another program reads: expand FILE…
func expand(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "expand FILE…")
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// plant changes the desk's database behind its back: plant STATEMENT.
func plant(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "plant STATEMENT")
	ctx := context.Background()
	d, err := db.Open(ctx, db.Config{Path: filepath.Join(ts.Getenv("SOTTO_DATA"), "sotto.db"), Clock: time.Now})
	ts.Check(err)
	err = d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(args[0])
		return err
	})
	ts.Check(errors.Join(err, d.Close()))
}

// mayContact asks the desk, while nobody serves it, whether somebody may be
// called for a purpose: [!] maycontact NUMBER PURPOSE.
func mayContact(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 2, "maycontact NUMBER PURPOSE")
	may := false
	inside(ts, func(d *desk.Desk) error {
		return d.DB.Read(context.Background(), func(tx *db.Tx) (err error) {
			may, err = d.People.MayContact(tx, person.Phone, args[0], person.Purpose(args[1]))
			return err
		})
	})
	if may == neg {
		ts.Fatalf("may contact %s for %s: %v", args[0], args[1], may)
	}
}

// recipient is somebody who must be told (GDPR 19): recipient. It sets
// RECIPIENT to its URL, answers with the status in the file recipient.status
// and writes what it is told to told.txt.
func recipient(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "recipient")
	status, told := ts.MkAbs("recipient.status"), ts.MkAbs("told.txt")
	l, err := net.Listen("tcp", net.JoinHostPort(ts.Getenv("HOST"), "0"))
	ts.Check(err)
	web := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		b, e := os.ReadFile(status)
		code, e2 := strconv.Atoi(strings.TrimSpace(string(b)))
		f, e3 := os.OpenFile(told, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err = errors.Join(err, e, e2, e3); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		fmt.Fprintf(f, "%d %s\n", code, body)
		w.WriteHeader(code)
	})}
	done := make(chan error, 1)
	go func() { done <- web.Serve(l) }()
	ts.Defer(func() {
		err := web.Close()
		<-done
		if err != nil {
			ts.Logf("recipient: %v", err)
		}
	})
	ts.Setenv("RECIPIENT", "http://"+l.Addr().String()+"/hook")
}

// filesBelow returns the files of a folder and of those in it, sorted.
func filesBelow(ts *testscript.TestScript, dir string) (all []string) {
	err := filepath.WalkDir(ts.MkAbs(dir), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, path)
		}
		if errors.Is(err, os.ErrNotExist) && path != ts.MkAbs(dir) {
			return nil // removed meanwhile
		}
		return err
	})
	ts.Check(err)
	slices.Sort(all)
	return all
}

// certificate makes cert.pem and key.pem for the story's own address: its
// issuer is itself.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "certificate")
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	ts.Check(err)
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Sotto story"}, IPAddresses: []net.IP{net.ParseIP(ts.Getenv("HOST"))},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(crand.Reader, of, of, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}
