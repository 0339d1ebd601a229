package site_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"sotto/leg"
	"sotto/leg/legtest"
	"sotto/leg/media"
	"sotto/leg/webrtc"
	"sotto/site"
)

// chromium is one page of Debian's browser, driven over its debugging socket.
type chromium struct {
	t    *testing.T
	ws   *websocket.Conn
	last int
}

// openChromium opens url in a browser whose microphone hums hz.
func openChromium(t *testing.T, url string, hz float64) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed (Debian's package chromium): the page was not tried in a browser")
	}
	dir := t.TempDir()
	tone := filepath.Join(dir, "tone.wav")
	if err := os.WriteFile(tone, wav(hz), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
		"--use-file-for-fake-audio-capture="+tone, "--allow-loopback-in-peer-connection",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-port=0", url)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "DevTools listening on ws://"); ok {
				host, _, _ := strings.Cut(at, "/")
				found <- host
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-read; _ = cmd.Wait() }) // it was killed: that is its error
	c := &chromium{t: t}
	select {
	case host := <-found:
		c.attach(host)
	case <-time.After(30 * time.Second):
		t.Fatal("Chromium does not start")
	}
	return c
}

// attach connects to the first page.
func (c *chromium) attach(host string) {
	c.t.Helper()
	var pages []struct {
		Type string `json:"type"`
		At   string `json:"webSocketDebuggerUrl"`
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(c.t, "Chromium shows a page", func() bool {
		resp, err := client.Get("http://" + host + "/json")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }() // it was read
		return json.NewDecoder(resp.Body).Decode(&pages) == nil && len(pages) > 0 && pages[0].Type == "page"
	})
	ws, _, err := websocket.Dial(context.Background(), pages[0].At, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		c.t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	c.ws = ws
	c.t.Cleanup(func() { _ = ws.CloseNow() }) // the browser is killed
}

// do runs a script in the page and returns what it comes to, as text.
func (c *chromium) do(script string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c.last++
	b, err := json.Marshal(map[string]any{"id": c.last, "method": "Runtime.evaluate", "params": map[string]any{"expression": script}})
	if err := errors.Join(err, c.ws.Write(ctx, websocket.MessageText, b)); err != nil {
		c.t.Fatal(err)
	}
	for {
		_, b, err := c.ws.Read(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		var m struct {
			ID     int `json:"id"`
			Result struct {
				Result struct {
					Value any `json:"value"`
				} `json:"result"`
			} `json:"result"`
		}
		if err := json.Unmarshal(b, &m); err != nil {
			c.t.Fatal(err)
		}
		if m.ID == c.last {
			return fmt.Sprint(m.Result.Result.Value)
		}
	}
}

// state waits until the page says that it is in a state.
func (c *chromium) state(want string) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the page is %s", last)
		}
	}()
	eventually(c.t, "the page is "+want, func() bool { last = c.do("document.body.dataset.state"); return last == want })
}

// wav is a tone as a file: 48 kHz, 16 bits.
func wav(hz float64) []byte {
	pcm := media.Tone(hz, 10*time.Second).Mulaw
	data := make([]byte, 0, len(pcm)*12)
	for _, s := range pcm {
		for range 6 {
			data = binary.LittleEndian.AppendUint16(data, uint16(media.DecodeMulaw(s)))
		}
	}
	h := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(36+len(data)))...)
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	h = binary.LittleEndian.AppendUint32(h, 48000)
	h = binary.LittleEndian.AppendUint32(h, 96000)
	h = append(h, "\x02\x00\x10\x00data"...)
	return append(binary.LittleEndian.AppendUint32(h, uint32(len(data))), data...)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited 30 s and still not: %s", what)
		}
	}
}

// TestAgentAnswersInChromium lets a telephone call an agent whose page is
// open in a real browser: tones go both ways, also after a reload.
func TestAgentAnswersInChromium(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	engine, err := media.Open(media.Config{Addr: loopback})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := webrtc.Open(webrtc.Config{Addr: netip.AddrPortFrom(loopback, 0), Media: engine})
	if err != nil {
		t.Fatal(err)
	}
	home, err := site.New("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	phone, err := home.Phone()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/phone", phone)
	mux.Handle("/phone/", phone)
	mux.Handle(webrtc.Path, pages)
	mux.HandleFunc("POST /api/v2/sotto/phone/tickets", func(w http.ResponseWriter, r *http.Request) {
		word, err := pages.Ticket(webrtc.Pass{Device: 1})
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := fmt.Fprintf(w, `{"phone_ticket":{"ticket":%q,"protocol":%q,"path":%q}}`, word, webrtc.Protocol, webrtc.Path); err != nil {
			t.Error(err)
		}
	})
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		if err := errors.Join(pages.Close(), engine.Close()); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	c := openChromium(t, web.URL+"/phone?lang=fr", 1000)
	eventually(t, "the page is there", func() bool { return c.do("document.readyState + !!document.getElementById('start')") == "completetrue" })
	c.do(`document.getElementById("token").value = "secret"; document.getElementById("start").click()`)
	c.state("online")

	caller := legtest.NewPhone(t)
	port, err := engine.NewPortFor(media.Peer{Addr: caller.Addr(), Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	caller.Call(port.Local())
	if err := port.Connect(media.Remote{Addr: caller.Addr(), Send: true, Receive: true}); err != nil {
		t.Fatal(err)
	}
	caller.Hum(440)
	type result struct {
		l   leg.Leg
		err error
	}
	rings := make(chan result, 1)
	go func() {
		l, err := pages.Dial(t.Context(), webrtc.Target{Device: 1, Caller: leg.Caller{Name: "Camille Exemple"}})
		rings <- result{l, err}
	}()
	c.state("ringing")
	if got := c.do(`document.getElementById("caller").textContent`); got != "Camille Exemple" {
		t.Errorf("the page says %q calls", got)
	}
	c.do(`document.getElementById("accept").click()`)
	got := <-rings
	if got.err != nil {
		t.Fatal(got.err)
	}
	media.Bridge(port, got.l.Media())
	listen := `(() => { const x = new AudioContext(), a = x.createAnalyser(); a.fftSize = 8192;
		x.createMediaStreamSource(document.getElementById("ear").srcObject).connect(a);
		globalThis.peak = () => { const f = new Float32Array(a.frequencyBinCount); a.getFloatFrequencyData(f);
			return Math.round(f.indexOf(Math.max(...f)) * x.sampleRate / a.fftSize / 20) * 20; }; })()`
	for _, turn := range []string{"first", "after a reload"} {
		c.state("talking")
		c.do(listen)
		caller.Forget()
		eventually(t, turn+": the caller hears the agent's microphone", func() bool { return caller.Hears(1000) })
		eventually(t, turn+": the agent's browser plays the caller", func() bool { return c.do("peak()") == "440" })
		if turn == "first" {
			c.do("location.reload()")
			eventually(t, "the page is loaded anew", func() bool { return c.do("document.body?.dataset.state === 'talking' && !globalThis.peak") == "true" })
		}
	}
	c.do(`document.getElementById("hangup").click()`)
	<-got.l.Ended()
	if got.l.Cause() != leg.HungUp {
		t.Errorf("the call ended for %q", got.l.Cause())
	}
	c.state("online")
}
