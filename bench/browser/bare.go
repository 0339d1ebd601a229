//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	pion "github.com/pion/webrtc/v4"

	"sotto/leg/webrtc"
)

// bare is a relay of pion and sockets: each packet of the browser is written
// to the telephone and each of the telephone's to the browser, as they are.
type bare struct {
	api  *pion.API
	mux  *ice.UDPMuxDefault
	web  net.Listener
	http *http.Server

	mu    sync.Mutex
	peers map[int64]*barePeer // guarded by mu
}

type barePeer struct {
	ws  *websocket.Conn
	out *pion.TrackLocalStaticRTP
	in  *pion.TrackRemote // set before up is closed
	up  chan struct{}
}

func openBare() (*bare, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(4 << 20) // smaller only loses packets, which are counted
	b := &bare{peers: map[int64]*barePeer{}, mux: ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})}
	s := pion.SettingEngine{}
	s.SetLite(true)
	s.SetICEUDPMux(b.mux)
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if err := s.SetAnsweringDTLSRole(pion.DTLSRoleServer); err != nil {
		return nil, err
	}
	m := &pion.MediaEngine{}
	codec := pion.RTPCodecParameters{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}}
	if err := m.RegisterCodec(codec, pion.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	b.api = pion.NewAPI(pion.WithSettingEngine(s), pion.WithMediaEngine(m), pion.WithInterceptorRegistry(&interceptor.Registry{}))
	if b.web, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+webrtc.Path, b.open)
	b.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.http.Serve(b.web) }() // until close
	return b, nil
}

func (b *bare) addr() string { return b.web.Addr().String() }

// open answers a browser's offer.
func (b *bare) open(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{webrtc.Protocol}, InsecureSkipVerify: true})
	if err != nil {
		return // the library has answered
	}
	_, after, _ := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), "ticket.")
	device, err := strconv.ParseInt(after, 10, 64)
	if err == nil {
		err = b.answer(ws, device)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		_ = ws.CloseNow() // the browser sees that nothing comes
		return
	}
	for err == nil { // accept, and nothing else
		_, _, err = ws.Read(context.Background())
	}
}

func (b *bare) answer(ws *websocket.Conn, device int64) error {
	_, raw, err := ws.Read(context.Background())
	if err != nil {
		return err
	}
	var m struct {
		Body webrtc.Offer `json:"body"`
	}
	pc, e2 := b.api.NewPeerConnection(pion.Configuration{})
	if err := errors.Join(json.Unmarshal(raw, &m), e2); err != nil {
		return err
	}
	p := &barePeer{ws: ws, up: make(chan struct{})}
	if p.out, err = pion.NewTrackLocalStaticRTP(pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}, "a", "a"); err != nil {
		return err
	}
	if _, err = pc.AddTrack(p.out); err != nil {
		return err
	}
	pc.OnTrack(func(t *pion.TrackRemote, _ *pion.RTPReceiver) { p.in = t; close(p.up) })
	if err = pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: m.Body.SDP}); err != nil {
		return err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := pion.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	b.mu.Lock()
	b.peers[device] = p
	b.mu.Unlock()
	said, err := json.Marshal(map[string]any{"type": "answer", "body": webrtc.Answer{SDP: pc.LocalDescription().SDP}})
	return errors.Join(err, ws.Write(context.Background(), websocket.MessageText, said))
}

func (b *bare) do(q request) (reply, error) {
	if !q.Phone.IsValid() {
		return reply{Ticket: strconv.FormatInt(q.Device, 10)}, nil
	}
	b.mu.Lock()
	p := b.peers[q.Device]
	b.mu.Unlock()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return reply{}, err
	}
	go func() { // until the process ends
		buf := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = p.out.Write(buf[:n]) // what is lost is counted at the other end
		}
	}()
	go func() {
		<-p.up
		buf := make([]byte, 1500)
		for {
			n, _, err := p.in.Read(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buf[:n], q.Phone) // likewise
		}
	}()
	return reply{To: conn.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
}

func (b *bare) end() (string, error) { return "", nil }

func (b *bare) close() {
	if err := errors.Join(b.http.Close(), b.mux.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
	}
}
