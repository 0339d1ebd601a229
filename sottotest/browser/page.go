package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Page is one page, in a profile of its own: it shares nothing with others.
type Page struct {
	b       *Browser
	session string

	mu         sync.Mutex
	complaints []string // guarded by mu
	hosts      []string // guarded by mu
}

// prepare gives the page a microphone that hums, and peak, the tone that its
// element #ear plays now, in steps of 20 Hz.
const prepare = `(() => {
  const hz = %f;
  if (hz) navigator.mediaDevices && (navigator.mediaDevices.getUserMedia = async () => {
    const x = new AudioContext(), o = x.createOscillator(), d = x.createMediaStreamDestination(), g = x.createGain();
    o.frequency.value = hz; g.gain.value = 0.5; o.connect(g).connect(d); o.start();
    return d.stream;
  });
  let x, a, of;
  globalThis.peak = () => {
    const s = document.getElementById("ear")?.srcObject;
    if (!s) return 0;
    if (of !== s) {
      x ??= new AudioContext();
      a = x.createAnalyser(); a.fftSize = 8192; a.smoothingTimeConstant = 0;
      x.createMediaStreamSource(of = s).connect(a);
    }
    const f = new Float32Array(a.frequencyBinCount);
    a.getFloatFrequencyData(f);
    const top = Math.max(...f);
    return top < -60 ? 0 : Math.round(f.indexOf(top) * x.sampleRate / a.fftSize / 20) * 20;
  };
})()`

// Open opens a page whose microphone hums hz; 0 leaves it the browser's own.
// Languages are what it asks for, as "fr-FR,fr"; "" is the browser's.
func (b *Browser) Open(at string, hz float64, languages string) (*Page, error) {
	var made struct {
		Context string `json:"browserContextId"`
		Target  string `json:"targetId"`
		Session string `json:"sessionId"`
	}
	if err := b.call("", "Target.createBrowserContext", nil, &made); err != nil {
		return nil, err
	}
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": made.Context}, &made); err != nil {
		return nil, err
	}
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": made.Target, "flatten": true}, &made); err != nil {
		return nil, err
	}
	p := &Page{b: b, session: made.Session}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, c := range []struct {
		method string
		params any
	}{
		{"Runtime.enable", nil}, {"Log.enable", nil}, {"Network.enable", nil}, {"Page.enable", nil},
		{"Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": fmt.Sprintf(prepare, hz)}},
	} {
		if err := p.Call(c.method, c.params, nil); err != nil {
			return nil, err
		}
	}
	if languages != "" {
		agent, err := p.Do("navigator.userAgent")
		if err != nil {
			return nil, err
		}
		if err := p.Call("Emulation.setUserAgentOverride", map[string]any{"userAgent": agent, "acceptLanguage": languages}, nil); err != nil {
			return nil, err
		}
	}
	return p, p.Go(at)
}

// Go loads an address in the page and waits until it is there.
func (p *Page) Go(at string) error {
	var gone struct {
		Error string `json:"errorText"`
	}
	if err := p.Call("Page.navigate", map[string]any{"url": at}, &gone); err != nil {
		return err
	}
	if gone.Error != "" {
		return fmt.Errorf("browser: the page does not load: %s", gone.Error)
	}
	return p.Until("document.readyState === 'complete' && location.href !== 'about:blank'", "true")
}

// Call asks the page in the browser's own words: a method of the DevTools
// protocol. result may be nil.
func (p *Page) Call(method string, params, result any) error {
	return p.b.call(p.session, method, params, result)
}

// Do runs a script and returns what it comes to, as text. A promise is waited
// for; what is thrown is the error.
func (p *Page) Do(script string) (string, error) {
	var r struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Thrown *struct {
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	err := p.Call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &r)
	if err == nil && r.Thrown != nil {
		err = fmt.Errorf("browser: %s", r.Thrown.Exception.Description)
	}
	return fmt.Sprint(r.Result.Value), err
}

// Until runs a script again and again until it comes to want.
func (p *Page) Until(script, want string) error {
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		got, err := p.Do(script)
		if err == nil && got == want {
			return nil
		}
		if time.Now().After(end) {
			return errors.Join(err, fmt.Errorf("browser: %s is still %q, not %q; the page complains: %q", script, got, want, p.Complaints()))
		}
	}
}

// Click presses a button by its id.
func (p *Page) Click(id string) error {
	_, err := p.Do(fmt.Sprintf("{ const e = document.getElementById(%q); if (!e || e.hidden || e.disabled) throw new Error('no such button to press'); e.click() }", id))
	return err
}

// Hears waits until the page plays a tone, to 20 Hz.
func (p *Page) Hears(hz int) error { return p.Until("peak()", strconv.Itoa(hz)) }

// Shot is a picture of the whole page in a window, as PNG.
func (p *Page) Shot(width int, dark bool) (png []byte, err error) {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	var shot struct {
		Data []byte `json:"data"`
	}
	if err := p.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil); err != nil {
		return nil, err
	}
	if err := p.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil); err != nil {
		return nil, err
	}
	err = p.Call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	return shot.Data, err
}

// Complaints are what the page threw, or was forbidden, so far.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.complaints)
}

// Hosts are those the page asked something of, once each.
func (p *Page) Hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.hosts)
}

// note keeps what happens in the page.
func (p *Page) note(method string, params json.RawMessage) {
	var m struct {
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
		URL   string `json:"url"`
		Entry struct {
			Level, Text string
		} `json:"entry"`
		Details struct {
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if json.Unmarshal(params, &m) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch method {
	case "Runtime.exceptionThrown":
		p.complaints = append(p.complaints, m.Details.Exception.Description)
	case "Log.entryAdded":
		if m.Entry.Level == "error" {
			p.complaints = append(p.complaints, m.Entry.Text)
		}
	case "Network.requestWillBeSent", "Network.webSocketCreated":
		u, err := url.Parse(m.Request.URL + m.URL)
		if err == nil && u.Host != "" && !slices.Contains(p.hosts, u.Host) {
			p.hosts = append(p.hosts, u.Host)
		}
	}
}
