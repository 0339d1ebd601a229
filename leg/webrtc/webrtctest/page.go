// Package webrtctest is a page in a browser, for tests: it opens the
// WebSocket, offers audio, accepts calls, hums and keeps what it hears. The
// browser in it is pion's, not Chromium's; cmd/sotto tests with that.
package webrtctest

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"sotto/leg/media"
	"sotto/leg/media/mediatest"
	"sotto/leg/webrtc"
)

// patience is how long a page waits for what must come.
const patience = 10 * time.Second

// Page is one page of one browser. Its methods may be called from any
// goroutine; those that wait fail the test when what must come does not.
type Page struct {
	t    testing.TB
	ws   *websocket.Conn
	work sync.WaitGroup
	quit chan struct{}
	once sync.Once
	in   chan Message
	pc   *pion.PeerConnection
	mic  *pion.TrackLocalStaticRTP
	up   chan struct{} // gets a value each time the audio has a way
	wire net.PacketConn

	status websocket.StatusCode // why the desk closed; set before in is closed

	mu    sync.Mutex
	tone  []byte
	at    int
	off   bool // the microphone sends nothing
	seq   uint16
	ts    uint32
	heard []int16
	first time.Time // when the first sound other than silence came
}

// Message is one message of the desk's.
type Message struct {
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
}

// Config is how a page is opened.
type Config struct {
	URL    string // of the WebSocket: "http://127.0.0.1:1234/phone/socket"
	Ticket string
	// Return is the word of a visitor's page that comes back; then there is no
	// ticket.
	Return string
	// OnePort sends everything from the port that Wire returns.
	OnePort bool
	// Answered is called with the desk's answer before the page heeds it.
	Answered func(sdp string)
	// Relayed sends everything over the TURN server that the desk names.
	Relayed bool
	// TCP sends everything over TCP, straight to the desk.
	TCP bool
	// NoAudio opens the WebSocket only.
	NoAudio bool
}

// Open opens a page. It is closed with the test.
func Open(t testing.TB, c Config) *Page {
	t.Helper()
	p, status, err := Try(t, c)
	if err != nil {
		t.Fatalf("the page does not open (%d): %v", status, err)
	}
	return p
}

// Try is Open for a page that may be refused; status is the answer's.
func Try(t testing.TB, c Config) (_ *Page, status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	origin, _, _ := strings.Cut(strings.TrimPrefix(c.URL, "http://"), "/")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	word := "ticket." + c.Ticket
	if c.Return != "" {
		word = "return." + c.Return
	}
	ws, resp, err := websocket.Dial(ctx, c.URL, &websocket.DialOptions{
		Subprotocols: []string{"sotto.phone.v1", word},
		HTTPHeader:   http.Header{"Origin": {"http://" + origin}},
		HTTPClient:   &http.Client{Transport: transport},
	})
	if resp != nil {
		status = resp.StatusCode
	}
	if err != nil {
		return nil, status, err
	}
	ws.SetReadLimit(1 << 20)
	p := &Page{t: t, ws: ws, quit: make(chan struct{}), in: make(chan Message, 100), up: make(chan struct{}, 10)}
	p.work.Go(p.read)
	t.Cleanup(p.Close)
	if !c.NoAudio {
		p.connect(c)
	}
	return p, status, nil
}

// Connect makes the audio's way on a page that was opened with NoAudio.
func (p *Page) Connect() {
	p.t.Helper()
	p.connect(Config{})
}

// connect makes the peer connection, offers it and waits until it has a way.
func (p *Page) connect(c Config) {
	p.t.Helper()
	s := pion.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if c.TCP {
		s.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeTCP4})
	}
	if c.OnePort {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		p.must(err)
		p.wire = conn
		mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})
		s.SetICEUDPMux(mux)
		p.t.Cleanup(func() { _ = mux.Close() })
	}
	m := &pion.MediaEngine{}
	for _, c := range []struct {
		mime string
		rate uint32
		pt   pion.PayloadType
	}{{"audio/opus", 48000, 111}, {pion.MimeTypePCMU, 8000, 0}, {pion.MimeTypePCMA, 8000, 8}, {"audio/telephone-event", 8000, 126}} {
		codec := pion.RTPCodecParameters{RTPCodecCapability: pion.RTPCodecCapability{MimeType: c.mime, ClockRate: c.rate}, PayloadType: c.pt}
		p.must(m.RegisterCodec(codec, pion.RTPCodecTypeAudio))
	}
	api := pion.NewAPI(pion.WithSettingEngine(s), pion.WithMediaEngine(m), pion.WithInterceptorRegistry(&interceptor.Registry{}))
	var err error
	p.pc, err = api.NewPeerConnection(p.servers(c.Relayed))
	p.must(err)
	p.mic, err = pion.NewTrackLocalStaticRTP(pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}, "mic", "mic")
	p.must(err)
	_, err = p.pc.AddTrack(p.mic)
	p.must(err)
	p.pc.OnTrack(func(track *pion.TrackRemote, _ *pion.RTPReceiver) { p.work.Go(func() { p.listen(track) }) })
	p.pc.OnConnectionStateChange(func(pion.PeerConnectionState) {
		if p.pc.ConnectionState() == pion.PeerConnectionStateConnected {
			p.up <- struct{}{}
		}
	})
	p.work.Go(p.speak)
	p.offer(nil, c.Answered)
	p.Connected()
}

// servers is how the page reaches the desk.
func (p *Page) servers(relayed bool) (c pion.Configuration) {
	p.t.Helper()
	if !relayed {
		return c
	}
	var r webrtc.Ready
	p.Wait("ready", &r)
	if r.Relay == nil {
		p.t.Fatal("the desk names no relay")
	}
	c.ICEServers = []pion.ICEServer{{URLs: []string{r.Relay.URL}, Username: r.Relay.Username, Credential: r.Relay.Credential}}
	c.ICETransportPolicy = pion.ICETransportPolicyRelay
	return c
}

// offer sends an offer and takes the answer.
func (p *Page) offer(o *pion.OfferOptions, answered func(string)) {
	p.t.Helper()
	offer, err := p.pc.CreateOffer(o)
	p.must(err)
	gathered := pion.GatheringCompletePromise(p.pc)
	p.must(p.pc.SetLocalDescription(offer))
	<-gathered
	p.Say("offer", webrtc.Offer{SDP: p.pc.LocalDescription().SDP, Restart: o != nil})
	var a webrtc.Answer
	p.Wait("answer", &a)
	if answered != nil {
		answered(a.SDP)
	}
	p.must(p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: a.SDP}))
}

// Connected waits until the audio has a way.
func (p *Page) Connected() {
	p.t.Helper()
	select {
	case <-p.up:
	case <-time.After(patience):
		p.t.Fatal("the page's audio finds no way")
	}
}

// Restart looks for a new way, from new ports, as after a change of network.
func (p *Page) Restart() {
	p.t.Helper()
	p.offer(&pion.OfferOptions{ICERestart: true}, nil)
}

// Wire is the port everything is sent from, with Config.OnePort.
func (p *Page) Wire() net.PacketConn { return p.wire }

// Say sends a message.
func (p *Page) Say(kind string, body any) {
	p.t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "body": body})
	p.must(err)
	p.Write(b)
}

// Flood sends a message n times, or until the desk has had enough.
func (p *Page) Flood(kind string, body any, n int) {
	p.t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "body": body})
	p.must(err)
	for range n {
		if p.ws.Write(context.Background(), websocket.MessageText, b) != nil {
			return
		}
	}
}

// Write sends bytes as they are.
func (p *Page) Write(b []byte) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p.must(p.ws.Write(ctx, websocket.MessageText, b))
}

// Wait waits for a message of a type and reads it into body; others that come
// before are dropped.
func (p *Page) Wait(kind string, body any) {
	p.t.Helper()
	end := time.After(patience)
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				p.t.Fatalf("the page was closed while it waited for %q", kind)
			}
			if m.Type == kind {
				p.must(json.Unmarshal(m.Body, body))
				return
			}
		case <-end:
			p.t.Fatalf("no %q came", kind)
		}
	}
}

// Rung waits for a call.
func (p *Page) Rung() (r webrtc.Ring) {
	p.t.Helper()
	p.Wait("ring", &r)
	return r
}

// Accept takes a call and waits until it is taken.
func (p *Page) Accept(leg int64) {
	p.t.Helper()
	p.Say("accept", webrtc.Accept{Leg: leg})
	var m webrtc.Talking
	p.Wait("talking", &m)
}

// Closed waits until the desk has closed the page and says with what status.
func (p *Page) Closed() websocket.StatusCode {
	p.t.Helper()
	for {
		select {
		case m, ok := <-p.in:
			if !ok {
				return p.status
			}
			_ = m
		case <-time.After(patience):
			p.t.Fatal("the desk does not close the page")
		}
	}
}

// Hum says a tone from now on.
func (p *Page) Hum(hz float64) {
	tone := media.Tone(hz, time.Second).Mulaw
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tone, p.at = tone[80:len(tone)-80], 0
}

// Off sends no audio at all until On.
func (p *Page) Off() { p.mute(true) }

// On sends audio again.
func (p *Page) On() { p.mute(false) }

func (p *Page) mute(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
}

// Hears reports whether the last 200 ms heard are the tone.
func (p *Page) Hears(hz float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	const span = media.SampleRate / 5
	return len(p.heard) >= span && mediatest.HasTone(p.heard[len(p.heard)-span:], media.SampleRate, hz)
}

// Forget drops what was heard.
func (p *Page) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard, p.first = nil, time.Time{}
}

// FirstSound is when the first sound came that is not silence; the zero time
// when none has.
func (p *Page) FirstSound() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// Vanish ends the page without a word: the WebSocket is cut and the audio
// stops, as when the machine is switched off.
func (p *Page) Vanish() {
	p.Off()
	_ = p.ws.CloseNow() // that is what is tested
}

// Close ends the page as a browser does that leaves it.
func (p *Page) Close() {
	p.once.Do(func() {
		close(p.quit)
		_ = p.ws.Close(websocket.StatusGoingAway, "") // it may be closed already
		if p.pc != nil {
			_ = p.pc.Close() // as above
		}
		p.work.Wait()
	})
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// read keeps the desk's messages.
func (p *Page) read() {
	defer close(p.in)
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			p.status = websocket.CloseStatus(err)
			return
		}
		var m Message
		if err := json.Unmarshal(b, &m); err != nil {
			p.t.Errorf("the desk sent what is no message: %v", err)
		}
		select {
		case p.in <- m:
		case <-p.quit:
			return
		}
	}
}

// listen keeps what is heard.
func (p *Page) listen(track *pion.TrackRemote) {
	b := make([]byte, 1500)
	var pkt rtp.Packet
	for {
		n, _, err := track.Read(b)
		if err != nil {
			return
		}
		if err := pkt.Unmarshal(b[:n]); err != nil {
			p.t.Errorf("the desk sent what is no RTP: %v", err)
			return
		}
		pcm := mediatest.Decode(media.Law(pkt.PayloadType), pkt.Payload)
		p.mu.Lock()
		p.heard = append(p.heard, pcm...)
		if p.first.IsZero() && mediatest.Power(pcm) > 1000 {
			p.first = time.Now()
		}
		p.mu.Unlock()
	}
}

// speak sends 20 ms of the tone, or of silence, every 20 ms.
func (p *Page) speak() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
			if pkt := p.next(); pkt != nil {
				if err := p.mic.WriteRTP(pkt); err != nil && !errors.Is(err, net.ErrClosed) {
					return // the connection is closed
				}
			}
		}
	}
}

func (p *Page) next() *rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ts += 160
	if p.off {
		return nil
	}
	p.seq++
	b := make([]byte, 160)
	for i := range b {
		b[i] = media.Mulaw.Silence()
		if len(p.tone) > 0 {
			b[i] = p.tone[p.at]
			p.at = (p.at + 1) % len(p.tone)
		}
	}
	return &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: p.ts}, Payload: b}
}
