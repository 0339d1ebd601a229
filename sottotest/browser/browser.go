// Package browser is Debian's Chromium for tests, without a window: it opens
// pages whose microphone hums a tone, runs scripts in them, and keeps what
// they complain about and whom they ask. It is driven over the browser's own
// debugging socket.
package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ErrNone says that Chromium is not installed (Debian's package chromium).
var ErrNone = errors.New("browser: Chromium is not installed")

// patience is how long the browser may take for anything.
const patience = 30 * time.Second

// Browser is one Chromium. Its methods may be called from any goroutine.
type Browser struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	read   chan struct{} // closed when nothing more comes
	ws     *websocket.Conn
	work   sync.WaitGroup

	mu      sync.Mutex // guards what is below
	last    int
	waiting map[int]chan reply
	pages   map[string]*Page // by session
}

// reply is what the browser answers.
type reply struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// Start starts a browser that keeps its things in dir.
func Start(dir string) (_ *Browser, err error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, ErrNone
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
		"--allow-loopback-in-peer-connection", "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
		"--disable-backgrounding-occluded-windows", "--disable-component-update", "--disable-background-networking",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-port=0", "about:blank")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	b := &Browser{cmd: cmd, cancel: cancel, read: make(chan struct{}), waiting: map[int]chan reply{}, pages: map[string]*Page{}}
	found := make(chan string, 1)
	go func() {
		defer close(b.read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "DevTools listening on "); ok {
				found <- at
			}
		}
	}()
	select {
	case at := <-found:
		err = b.attach(at)
	case <-time.After(patience):
		err = errors.New("browser: Chromium does not start")
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// attach connects to the debugging socket.
func (b *Browser) attach(at string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, at, &websocket.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	if err != nil {
		return err
	}
	ws.SetReadLimit(64 << 20)
	b.ws = ws
	b.work.Go(b.listen)
	return nil
}

// Close ends the browser and its pages. The second call does nothing.
func (b *Browser) Close() {
	if b.ws != nil {
		_ = b.ws.CloseNow() // it is killed next
	}
	b.cancel()
	b.work.Wait()
	<-b.read
	_ = b.cmd.Wait() // it was killed: that is its error
}

// listen takes what the browser says until it is gone.
func (b *Browser) listen() {
	for {
		_, raw, err := b.ws.Read(context.Background())
		if err != nil {
			b.mu.Lock()
			for id, c := range b.waiting {
				delete(b.waiting, id)
				close(c)
			}
			b.waiting = nil
			b.mu.Unlock()
			return
		}
		var m struct {
			reply
			ID      int             `json:"id"`
			Session string          `json:"sessionId"`
			Method  string          `json:"method"`
			Params  json.RawMessage `json:"params"`
		}
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		b.mu.Lock()
		c, page := b.waiting[m.ID], b.pages[m.Session]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		switch {
		case c != nil:
			c <- m.reply
		case page != nil:
			page.note(m.Method, m.Params)
		}
	}
}

// call asks the browser, or a page when session is set.
func (b *Browser) call(session, method string, params any, result any) error {
	c := make(chan reply, 1)
	b.mu.Lock()
	if b.waiting == nil {
		b.mu.Unlock()
		return errors.New("browser: it is gone")
	}
	b.last++
	id := b.last
	b.waiting[id] = c
	b.mu.Unlock()
	m := map[string]any{"id": id, "method": method}
	if session != "" {
		m["sessionId"] = session
	}
	if params != nil {
		m["params"] = params
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.ws.Write(ctx, websocket.MessageText, raw); err != nil {
		return err
	}
	select {
	case r, ok := <-c:
		switch {
		case !ok:
			return errors.New("browser: it is gone")
		case r.Error != nil:
			return fmt.Errorf("browser: %s: %s", method, r.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("browser: %s is not answered", method)
	}
}
