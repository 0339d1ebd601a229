package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sotto/sottotest/browser"
)

// pages are those of a story, by name, in one browser.
type pages struct {
	browser *browser.Browser
	by      map[string]*browser.Page
}

// pagesKey finds them in a story.
type pagesKey struct{}

func pageOf(ts *testscript.TestScript, name string) *browser.Page {
	p := ts.Value(pagesKey{}).(*pages).by[name]
	if p == nil {
		ts.Fatalf("there is no page %s", name)
	}
	return p
}

// end closes the browser.
func (all *pages) end() {
	if all.browser != nil {
		all.browser.Close()
	}
}

// page opens a page of the desk in Chromium, whose microphone hums a tone that
// telephones can be asked to hear: page NAME HZ PATH [LANGUAGES].
func page(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 3 || len(args) == 4), "page NAME HZ PATH [LANGUAGES]")
	all := ts.Value(pagesKey{}).(*pages)
	if all.browser == nil {
		dir, err := os.MkdirTemp("", "page")
		ts.Check(err)
		all.browser, err = browser.Start(dir)
		ts.Defer(func() { _ = os.RemoveAll(dir) }) // what is left is in the folder of temporary files
		if errors.Is(err, browser.ErrNone) {
			ts.Fatalf("%v: begin the story with [!exec:chromium] skip", err)
		}
		ts.Check(err)
	}
	languages := ""
	if len(args) == 4 {
		languages = args[3]
	}
	hz := number(ts, args[1])
	p, err := all.browser.Open("http://"+ts.Getenv("HTTP")+args[2], hz, languages)
	ts.Check(err)
	all.by[args[0]] = p
	over := make(chan struct{})
	close(over)
	telephonesOf(ts)[args[0]] = &telephone{hz: hz, stop: func() {}, over: over}
}

// do runs a script in a page and prints what it comes to: do NAME SCRIPT.
func do(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "do NAME SCRIPT")
	got, err := pageOf(ts, args[0]).Do(args[1])
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), got+"\n")
	ts.Check(err)
}

// click presses buttons of a page: click NAME ID….
func click(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "click NAME ID…")
	for _, id := range args[1:] {
		ts.Check(pageOf(ts, args[0]).Click(id))
	}
}

// shows waits until a page says that it is in a state: shows NAME STATE.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "shows NAME STATE")
	ts.Check(pageOf(ts, args[0]).Until("document.body?.dataset.state", args[1]))
}

// plays waits until a page plays the tone of another, or one in Hz; music is
// anything: plays NAME NAME|HZ|music.
func plays(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "plays NAME NAME|HZ|music")
	p := pageOf(ts, args[0])
	if args[1] == "music" {
		ts.Check(p.Until("peak() > 0", "true"))
		return
	}
	hz, err := strconv.Atoi(args[1])
	if t := telephonesOf(ts)[args[1]]; t != nil {
		hz, err = int(t.hz), nil
	}
	ts.Check(err)
	ts.Check(p.Hears(hz))
}

// clean fails when a page threw, was forbidden something, or asked anybody but
// the desk: clean NAME….
func clean(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "clean NAME…")
	for _, name := range args {
		p := pageOf(ts, name)
		if c := p.Complaints(); len(c) > 0 {
			ts.Fatalf("page %s complains: %q", name, c)
		}
		for _, host := range p.Hosts() {
			if host != ts.Getenv("HTTP") {
				ts.Fatalf("page %s asks %s", name, host)
			}
		}
	}
}

// agentPage opens the telephone of an agent's page and signs in:
// agentpage NAME HZ AGENT.
func agentPage(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "agentpage NAME HZ AGENT")
	token := must(ts, "token", "create", args[2])
	page(ts, false, []string{args[0], args[1], "/phone"})
	p := pageOf(ts, args[0])
	quoted, err := json.Marshal(strings.TrimSpace(token))
	ts.Check(err)
	_, err = p.Do(fmt.Sprintf(`document.getElementById("token").value = %s; document.getElementById("start").click()`, quoted))
	ts.Check(err)
	ts.Check(p.Until(`["online", "ringing"].includes(document.body.dataset.state)`, "true")) // somebody may be waiting
}

// leave shows another page in the place of an agent's who talks: leave NAME.
func leave(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "leave NAME")
	ts.Check(pageOf(ts, args[0]).Call("Page.navigate", map[string]any{"url": "about:blank"}, nil))
}

// reload loads the page of an agent who talks anew, also after leave, and fails unless a
// telephone hears the agent again, and the agent the telephone, in time:
// reload NAME TELEPHONE SECONDS.
func reload(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 3, "reload NAME TELEPHONE SECONDS")
	began := time.Now()
	p := pageOf(ts, args[0])
	_, err := p.Do("globalThis.old = true")
	ts.Check(err)
	ts.Check(p.Call("Page.navigate", map[string]any{"url": "http://" + ts.Getenv("HTTP") + "/phone"}, nil))
	ts.Check(p.Until("document.body?.dataset.state === 'talking' && !globalThis.old", "true"))
	hear(ts, false, []string{args[1], args[0]})
	plays(ts, false, args[:2])
	took := time.Since(began)
	ts.Logf("heard again after %v", took)
	if most := time.Duration(number(ts, args[2]) * float64(time.Second)); took > most {
		ts.Fatalf("they hear each other again after %v, at most %v", took, most)
	}
}
