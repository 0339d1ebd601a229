package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"sotto"
	"sotto/db/dbtest"
	"sotto/sottotest/browser"
)

// TestMain lets the scripts in testdata run this very program: `exec sotto` in
// a script is a process of its own that runs the real run.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "sotto" {
		process()
	}
	// Stories wait for sound most of the time, so more run than there are
	// processors. -parallel on the command line wins.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	bin, err := os.MkdirTemp("", "sotto-story")
	if err != nil {
		panic(err)
	}
	self, err := os.Executable()
	if err := errors.Join(err, os.Symlink(self, filepath.Join(bin, "sotto")), os.Setenv("PATH", bin+":"+os.Getenv("PATH"))); err != nil {
		panic(err)
	}
	code := leakless{m}.Run()
	if err := os.RemoveAll(bin); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// process is the program itself.
func process() {
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, clock: storyClock(os.Getenv("SOTTO_STORY_CLOCK"))}
	if file := os.Getenv("TELL"); file != "" { // what a process in the background says, while it runs
		f, err := os.Create(file)
		if err != nil {
			panic(err)
		}
		s.out = io.MultiWriter(os.Stdout, f)
	}
	os.Exit(run(os.Args[1:], s))
}

// leakless fails the run when a goroutine outlives its test.
type leakless struct{ m *testing.M }

// Run runs the tests, then looks for what still runs.
func (l leakless) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// storyClock is the system's time moved by the duration in a file, read anew
// each time: a story lives a week in a second. Only tests have it.
func storyClock(file string) sotto.Clock {
	if file == "" {
		return time.Now
	}
	return func() time.Time {
		b, err := os.ReadFile(file)
		if err != nil {
			return time.Now() // nobody moved it yet
		}
		d, err := time.ParseDuration(strings.TrimSpace(string(b)))
		if err != nil {
			panic(err)
		}
		return time.Now().Add(d)
	}
}

// TestStories plays each script of testdata from its first line to its last.
// The comment at its top tells the story.
func TestStories(t *testing.T) {
	p := params()
	p.Dir = "testdata"
	testscript.Run(t, p)
}

// TestStoriesOnPostgres plays those again in which much is written at once.
func TestStoriesOnPostgres(t *testing.T) {
	server := os.Getenv("SOTTO_TEST_POSTGRES")
	if server == "" {
		t.Skip("SOTTO_TEST_POSTGRES is not set: `make test` starts a server and sets it")
	}
	p := params()
	for _, name := range []string{"call-answered-by-agent", "erased-during-live-call", "killed-in-mid-call", "ticket-is-deleted"} {
		p.Files = append(p.Files, filepath.Join("testdata", name+".txtar"))
	}
	p.Setup = func(env *testscript.Env) error {
		file := filepath.Join(env.WorkDir, "postgres")
		env.Setenv("POSTGRES", file)
		return errors.Join(setup(env), os.WriteFile(file, []byte(dbtest.Fresh(t, server)), 0o600))
	}
	testscript.Run(t, p)
}

// params are what every story can say, beside the commands of testscript.
func params() testscript.Params {
	return testscript.Params{
		RequireUniqueNames: true,
		Setup:              setup,
		Condition:          condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agentpage":   agentPage,
			"capture":     capture,
			"certify":     certify,
			"clean":       clean,
			"click":       click,
			"certificate": certificate,
			"clock":       clock,
			"desk":        makeDesk,
			"do":          do,
			"filesin":     filesIn,
			"expand":      expand,
			"fill":        fill,
			"flip":        flip,
			"freeport":    freePort,
			"gap":         gap,
			"get":         get,
			"grepraw":     grepRaw,
			"hangup":      hangUp,
			"hear":        hear,
			"hears":       hears,
			"hire":        hire,
			"leave":       leave,
			"maycontact":  mayContact,
			"order":       order,
			"over":        over,
			"phone":       phone,
			"page":        page,
			"plant":       plant,
			"plays":       plays,
			"press":       press,
			"ready":       ready,
			"recipient":   recipient,
			"reload":      reload,
			"rest":        rest,
			"rtp":         rawSound,
			"samedata":    sameData,
			"says":        says,
			"send":        send,
			"sotto":       sottoCmd,
			"shows":       shows,
			"tinydisk":    tinyDisk,
			"tone":        tone,
			"until":       until,
			"unzip":       unzip,
		},
	}
}

// stories counts those that began, so that each has an address of its own.
var stories atomic.Uint32

// setup gives a story a clock, and its processes a file to write a race to.
func setup(env *testscript.Env) error {
	n := stories.Add(1) + uint32(os.Getpid())<<8
	env.Setenv("HOST", fmt.Sprintf("127.%d.%d.%d", 64+n>>16&63, n>>8&255, n&255))
	phones := telephones{}
	env.Values[telephonesKey{}], env.Values[ordersKey{}] = phones, map[string]span{}
	env.Defer(phones.end)
	opened := &pages{by: map[string]*browser.Page{}}
	env.Values[pagesKey{}] = opened
	env.Defer(opened.end)
	sounds, err := filepath.Abs("../../leg/media/audio/testdata")
	if err != nil {
		return err
	}
	env.Setenv("SOUNDS", sounds)
	env.Setenv("SOTTO_STORY_CLOCK", filepath.Join(env.WorkDir, "clock"))
	races := filepath.Join(env.WorkDir, "race")
	env.Setenv("GORACE", "atexit_sleep_ms=0 log_path="+races)
	t := env.T()
	env.Defer(func() {
		found, err := filepath.Glob(races + ".*")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			b, err := os.ReadFile(f)
			t.Fatal(string(b), err)
		}
	})
	return nil
}

// condition knows [root]: may this test mount a disk? and [file:PATH]: has this
// machine got it?
func condition(name string) (bool, error) {
	if file, ok := strings.CutPrefix(name, "file:"); ok {
		_, err := os.Stat(file)
		return err == nil, nil
	}
	if name == "root" {
		return os.Getuid() == 0, nil
	}
	return false, fmt.Errorf("there is no condition %s", name)
}

// freePort sets HTTP and SIP to addresses that nobody has: each story has an
// address of its own in 127.0.0.0/8, so none can take another's port.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "freeport")
	host := ts.Getenv("HOST")
	web, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	ts.Check(err)
	phone, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	ts.Check(err)
	ts.Setenv("HTTP", web.Addr().String())
	ts.Setenv("SIP", phone.Addr().String())
	ts.Check(web.Close())
	ts.Check(phone.Close())
}

// clock moves the story's time, or sets it: clock +168h, clock
// 2026-01-04T12:00:00Z. A desk's time should not run backwards: set it before
// the desk is made.
func clock(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "clock +DURATION|TIME")
	file := ts.Getenv("SOTTO_STORY_CLOCK")
	now := storyClock(file)()
	to, err := time.Parse(time.RFC3339, args[0])
	if err != nil {
		by, err := time.ParseDuration(args[0])
		ts.Check(err)
		to = now.Add(by)
	}
	by := time.Until(to)
	ts.Check(os.WriteFile(file+".new", []byte(by.String()), 0o600))
	ts.Check(os.Rename(file+".new", file))
}

// sottoCmd is `sotto` in a script. What works on a desk's data, and the
// telephone, run inside this process: starting a program with the race detector
// costs more than most commands do. The rest is a process of its own, and so is
// everything after `exec`.
func sottoCmd(ts *testscript.TestScript, neg bool, args []string) {
	var failed bool
	_, chosen, _ := parse(args, &streams{out: io.Discard, err: io.Discard})
	_, onDesk := chosen.(deskCommand)
	_, telephone := chosen.(*phoneCmd)
	if (onDesk || telephone) && !slices.Contains(args, "--data") {
		failed = here(ts, args, ts.Stdout(), ts.Stderr()) != exitOK
	} else {
		failed = ts.Exec("sotto", args...) != nil
	}
	if failed != neg {
		ts.Fatalf("failed: %v, want %v", failed, neg)
	}
}

// here runs one command of sotto inside this process, with the story's desk and
// folder. A process that another story begins in the same moment holds our
// closed files for as long as it takes to become another program, so a folder
// that is locked is tried again.
func here(ts *testscript.TestScript, args []string, out, errs io.Writer) int {
	front := []string{}
	if file := ts.Getenv("SOTTO_CONFIG"); file != "" {
		front = append(front, "--config", file)
	}
	data := ts.Getenv("SOTTO_DATA")
	if data == "" {
		data = ts.MkAbs("data")
	}
	front = append(front, "--data", data)
	s := streams{
		in: strings.NewReader(""), out: out, err: errs, clock: storyClock(ts.Getenv("SOTTO_STORY_CLOCK")), dir: ts.MkAbs("."),
	}
	g, chosen, code := parse(append(front, args...), &s)
	if chosen == nil {
		return code
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Second); ; <-tick.C {
		var err error
		switch c := chosen.(type) {
		case deskCommand:
			err = runOnDesk(context.Background(), g, c, args, s)
		case command:
			err = c.Do(context.Background(), g, s)
		}
		if sotto.KindOf(err) != sotto.Busy || err == nil || time.Now().After(deadline) {
			return report(err, errs)
		}
	}
}

// must is here for what has to work; it returns what was printed.
func must(ts *testscript.TestScript, args ...string) string {
	var out, errs strings.Builder
	if code := here(ts, args, &out, &errs); code != exitOK {
		ts.Fatalf("sotto %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

func usage(ts *testscript.TestScript, ok bool, want string) {
	if !ok {
		ts.Fatalf("usage: %s", want)
	}
}
