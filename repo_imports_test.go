package sotto_test

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// readingOrder is the order to read the packages in: one imports only those
// of earlier lines, never of its own. A package below a listed one stands
// where that one stands, unless it is listed itself. ARCHITECTURE.md says why.
const readingOrder = `
sotto
catalogue locales
obs
db blob outbound
keyring audit job receipt
person
account
leg/media leg/sip/message leg/sip/digest leg/sip/certificate leg/sip/websocket
leg leg/sip/sdp leg/media/audio
leg/sip leg/webrtc
call line
route agent recording text dial
queue ticket insight
thread
erasure
retention privacy
flow
provider api site web
desk
cmd`

func places() map[string]int {
	at := map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(readingOrder), "\n") {
		for _, dir := range strings.Fields(line) {
			at[dir] = i
		}
	}
	at["."] = at["sotto"]
	return at
}

// place finds where a package stands: by its own line, or its nearest parent's.
func place(at map[string]int, dir string) (int, bool) {
	for dir != "" {
		if i, ok := at[dir]; ok {
			return i, true
		}
		cut := strings.LastIndexByte(dir, '/')
		dir = dir[:max(cut, 0)]
	}
	return 0, false
}

func importOrder(t *tree) []breach {
	at := places()
	var out []breach
	for _, s := range t.source {
		if s.test() {
			continue
		}
		here, known := place(at, s.dir)
		if !known && !s.proves() {
			out = append(out, breach{at: s.path, what: "package " + s.dir + " has no place in the reading order: give it one in repo_imports_test.go and ARCHITECTURE.md"})
		}
		for _, p := range s.needs {
			dir, ours := strings.CutPrefix(p, "sotto/")
			if p == "sotto" {
				dir, ours = ".", true
			}
			if !ours {
				continue
			}
			b := breach{at: s.path, key: s.dir + " → " + dir}
			there, _ := place(at, dir)
			switch {
			case isTool(dir):
				b.what = "imports " + dir + ", which is no part of the desk"
			case forTests(dir) && !s.proves():
				b.what = "imports " + dir + ", which is for tests only"
			case !s.proves() && known && there >= here:
				b.what = "imports " + dir + ", which does not come earlier in the reading order; let flow or desk join the two"
			default:
				continue
			}
			out = append(out, b)
		}
	}
	return out
}

func TestImportOrder(t *testing.T) {
	holds(t, importOrder, nil, `
-- sotto.go --
package sotto
import "sotto/catalogue"
-- call/call.go --
package call
import ("sotto"; "sotto/ticket"; "sotto/leg"; "sotto/line"; "sotto/db/dbtest")
-- call/call_test.go --
package call_test
import ("sotto/ticket"; "sotto/db/dbtest")
-- leg/sip/sip.go --
package sip
import ("sotto/leg"; "sotto/leg/media"; "sotto/leg/sip/sdp"; "sotto/leg/webrtc")
-- db/dbtest/dbtest.go --
package dbtest
import ("sotto/db"; "sotto/ticket"; "sotto/bench/relay")
-- provider/twilio/twilio.go --
package twilio
import ("sotto/flow"; "sotto/api")
-- fax/fax.go --
package fax
`,
		"call/call.go: imports db/dbtest, which is for tests only",
		"call/call.go: imports line, which does not come earlier in the reading order; let flow or desk join the two",
		"call/call.go: imports ticket, which does not come earlier in the reading order; let flow or desk join the two",
		"db/dbtest/dbtest.go: imports bench/relay, which is no part of the desk",
		"fax/fax.go: package fax has no place in the reading order: give it one in repo_imports_test.go and ARCHITECTURE.md",
		"leg/sip/sip.go: imports leg/webrtc, which does not come earlier in the reading order; let flow or desk join the two",
		"provider/twilio/twilio.go: imports api, which does not come earlier in the reading order; let flow or desk join the two",
		"sotto.go: imports catalogue, which does not come earlier in the reading order; let flow or desk join the two",
	)
}

// libraries says which packages alone may import a library, so that there is
// one place to look at when it changes or must go.
func libraries() map[string][]string {
	return map[string][]string{
		"database/sql":                    {"db"},
		"database/sql/driver":             {"db", "keyring"}, // a sealed value writes itself into a column
		"github.com/jackc/pgx":            {"db"},
		"modernc.org/sqlite":              {"db"},
		"github.com/pressly/goose":        {"db"},
		"github.com/emiago/sipgo":         {"leg/sip"},
		"github.com/gobwas/ws":            {"leg/sip/websocket"},
		"github.com/pion":                 {"leg/webrtc"},
		"github.com/pion/srtp":            {"leg/media"}, // telephones' audio; browsers' comes with leg/webrtc
		"github.com/pion/rtp":             {"leg/media", "leg/webrtc"},
		"github.com/coder/websocket":      {"leg/webrtc"},
		"github.com/pion/opus":            {"leg/media/audio"},
		"github.com/hajimehoshi/go-mp3":   {"leg/media/audio"},
		"github.com/prometheus":           {"obs"},
		"github.com/alecthomas/kong":      {"cmd"},
		"golang.org/x/mod":                {"receipt"},
		"github.com/nyaruka/phonenumbers": {"person", "dial", "ticket"}, // ticket finds numbers inside texts
		"github.com/google/go-cmp":        {},
		"github.com/rogpeppe/go-internal": {},
		"pgregory.net/rapid":              {},
		"go.uber.org/goleak":              {},
		"net/smtp":                        {"outbound"},
		"os/exec":                         {},
		"gopkg.in/yaml.v3":                {"desk", "api"},
		"golang.org/x/sys":                {"leg/media", "keyring", "blob", "receipt", "desk"},
		"golang.org/x/time":               {"account", "api", "site", "leg/sip", "leg/webrtc"},
	}
}

func libraryDoors(t *tree) []breach {
	owners := libraries()
	var out []breach
	for _, s := range t.source {
		if s.proves() {
			continue
		}
		for _, p := range s.needs {
			lib := longest(owners, p)
			if lib == "" || slices.ContainsFunc(owners[lib], func(o string) bool { return under(s.dir, o) }) {
				continue
			}
			b := breach{at: s.path, key: s.dir + " " + lib, what: fmt.Sprintf("imports %s, which only tests may", p)}
			if len(owners[lib]) > 0 {
				b.what = fmt.Sprintf("imports %s, which only %s may: ask that package", p, strings.Join(owners[lib], ", "))
			}
			out = append(out, b)
		}
	}
	return out
}

// longest returns the longest key that p is, or is below.
func longest(keys map[string][]string, p string) string {
	best := ""
	for k := range keys {
		if under(p, k) && len(k) > len(best) {
			best = k
		}
	}
	return best
}

func TestLibrariesHaveOneImporter(t *testing.T) {
	holds(t, libraryDoors, nil, `
-- ticket/ticket.go --
package ticket
import ("database/sql"; "database/sql/driver"; _ "github.com/jackc/pgx/v5"; _ "embed"; "github.com/google/go-cmp/cmp"; "net/http")
-- keyring/keyring.go --
package keyring
import "database/sql/driver"
-- leg/sip/wire/wire.go --
package wire
import "github.com/emiago/sipgo/sip"
-- ticket/ticket_test.go --
package ticket
import "database/sql"
`,
		"ticket/ticket.go: imports database/sql, which only db may: ask that package",
		"ticket/ticket.go: imports database/sql/driver, which only db, keyring may: ask that package",
		"ticket/ticket.go: imports github.com/google/go-cmp/cmp, which only tests may",
		"ticket/ticket.go: imports github.com/jackc/pgx/v5, which only db may: ask that package",
	)
}

// door is something only its owners may do, because a duty hangs on it.
type door struct {
	names   []string          // of functions and types, as "net/http.Client"
	owners  map[string]string // folders, and why
	instead string
}

func doors() []door {
	return []door{
		{
			names: strings.Fields(`os.WriteFile os.Create os.CreateTemp os.OpenFile os.Mkdir os.MkdirAll os.MkdirTemp os.Rename os.Remove
				os.RemoveAll os.Truncate os.Link os.Symlink os.Chmod os.CopyFS os.OpenRoot`),
			owners: map[string]string{
				"blob": "files of people", "keyring": "the slots of keys", "receipt": "the signed log", "db": "the folder of the SQLite file",
				"desk": "the data folder, backups", "cmd": "files the operator names",
			},
			instead: "files are written by package blob, under a class of the catalogue",
		},
		{
			names: strings.Fields(`net/http.Client net/http.DefaultClient net/http.Transport net/http.DefaultTransport net/http.Get net/http.Head
				net/http.Post net/http.PostForm`),
			owners:  map[string]string{"outbound": "the only client"},
			instead: "what leaves the desk goes through package outbound, as a disclosure of the catalogue",
		},
		{
			names: strings.Fields(`net.Dial net.DialTimeout net.DialTCP net.DialUDP net.DialUnix net.DialIP net.Dialer crypto/tls.Dial crypto/tls.DialWithDialer
				crypto/tls.Dialer net.Listen net.ListenTCP net.ListenUDP net.ListenUnix net.ListenPacket net.ListenConfig net.ListenMulticastUDP
				crypto/tls.Listen golang.org/x/sys/unix.Socket syscall.Socket net/http.ListenAndServe net/http.ListenAndServeTLS`),
			owners: map[string]string{
				"leg": "signalling and audio", "outbound": "the only client", "desk": "the listeners", "cmd": "the socket between a command and its desk",
			},
			instead: "sockets are opened by leg, outbound and desk",
		},
		{
			names:   strings.Fields(`log/slog.New log/slog.SetDefault log/slog.Default log/slog.NewTextHandler log/slog.NewJSONHandler`),
			owners:  map[string]string{"obs": "drops what the catalogue does not declare"},
			instead: "take a logger from package obs",
		},
		{
			names:   strings.Fields(`os.Getenv os.LookupEnv os.Environ os.Setenv`),
			owners:  map[string]string{"desk": "the configuration"},
			instead: "the desk is set up by its configuration file, and secrets by files that it names",
		},
		{
			names:   strings.Fields(`net/http.SetCookie net/http.Cookie`),
			owners:  map[string]string{"site": "the one function that sets cookies, declared in the catalogue"},
			instead: "cookies are declared in the catalogue and set by package site",
		},
		{names: []string{"context.WithValue"}, instead: "a context carries cancellation only: pass an argument"},
		{names: []string{"os.Exit", "log.Fatal"}, owners: map[string]string{"cmd": "main"}, instead: "return an error"},
	}
}

func doorsAreKept(t *tree) []breach {
	by := map[string]door{}
	for _, d := range doors() {
		for _, n := range d.names {
			by[n] = d
		}
	}
	var out []breach
	for _, s := range t.source {
		if s.proves() {
			continue
		}
		discards := discarding(s)
		each(s, func(x *ast.SelectorExpr) {
			name := s.used(x)
			d, ok := by[name]
			if !ok || discards[x] {
				return
			}
			for o := range d.owners {
				if under(s.dir, o) {
					return
				}
			}
			out = append(out, breach{at: t.at(s, x.Pos()), key: s.path + " " + name, what: name + ": " + d.instead})
		})
	}
	return out
}

// discarding finds the loggers that write nothing: slog.New(slog.DiscardHandler).
func discarding(s *source) map[*ast.SelectorExpr]bool {
	out := map[*ast.SelectorExpr]bool{}
	each(s, func(c *ast.CallExpr) {
		if s.called(c) != "log/slog.New" || len(c.Args) != 1 {
			return
		}
		if arg, ok := c.Args[0].(*ast.SelectorExpr); ok && s.used(arg) == "log/slog.DiscardHandler" {
			out[c.Fun.(*ast.SelectorExpr)] = true
		}
	})
	return out
}

func TestDoors(t *testing.T) {
	holds(t, doorsAreKept, nil, `
-- ticket/ticket.go --
package ticket
import ("os"; web "net/http"; "net"; "log/slog"; "context")
func f(os2 string) {
	os.WriteFile("x", nil, 0)
	open := os.OpenFile
	os.ReadFile("x")
	web.Get("http://desk.example")
	var c web.Client
	web.HandlerFunc(nil)
	net.Dial("tcp", "192.0.2.1:25")
	_ = slog.New(nil)
	_ = slog.New(slog.DiscardHandler)
	context.WithValue(ctx, 1, 2)
	os2.WriteFile("a variable is not the package")
}
-- ticket/ticket_test.go --
package ticket
import "os"
func f() { os.WriteFile("x", nil, 0) }
-- blob/blob.go --
package blob
import ("os"; "net")
func f() { os.Create("x"); net.Listen("tcp", ":0") }
-- leg/sip/sip.go --
package sip
import "net"
func f() { net.ListenUDP("udp", nil) }
`,
		"blob/blob.go:3: net.Listen: sockets are opened by leg, outbound and desk",
		"ticket/ticket.go:4: os.WriteFile: files are written by package blob, under a class of the catalogue",
		"ticket/ticket.go:5: os.OpenFile: files are written by package blob, under a class of the catalogue",
		"ticket/ticket.go:7: net/http.Get: what leaves the desk goes through package outbound, as a disclosure of the catalogue",
		"ticket/ticket.go:8: net/http.Client: what leaves the desk goes through package outbound, as a disclosure of the catalogue",
		"ticket/ticket.go:10: net.Dial: sockets are opened by leg, outbound and desk",
		"ticket/ticket.go:11: log/slog.New: take a logger from package obs",
		"ticket/ticket.go:13: context.WithValue: a context carries cancellation only: pass an argument",
	)
}
