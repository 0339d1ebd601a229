//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"sotto/leg/webrtc"
)

// frame is 20 ms of µ-law.
const frame = 160

// page is one browser that accepts the call that rings.
type page struct {
	ws    *websocket.Conn
	pc    *pion.PeerConnection
	mic   *pion.TrackLocalStaticRTP
	up    chan struct{}
	talks chan struct{}
	seq   uint16
	heard atomic.Int64
}

// newAPI is a browser's side of WebRTC, with G.711 alone.
func newAPI() (*pion.API, error) {
	s := pion.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	s.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	m := &pion.MediaEngine{}
	codec := pion.RTPCodecParameters{RTPCodecCapability: pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}}
	if err := m.RegisterCodec(codec, pion.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	return pion.NewAPI(pion.WithSettingEngine(s), pion.WithMediaEngine(m), pion.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

// openPage connects a browser to the desk with a ticket.
func openPage(api *pion.API, at, ticket string) (p *page, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p = &page{up: make(chan struct{}), talks: make(chan struct{})}
	if p.ws, _, err = websocket.Dial(ctx, "ws://"+at+webrtc.Path, &websocket.DialOptions{
		Subprotocols: []string{webrtc.Protocol, "ticket." + ticket}, HTTPHeader: http.Header{"Origin": {"http://" + at}},
	}); err != nil {
		return nil, err
	}
	if p.pc, err = api.NewPeerConnection(pion.Configuration{}); err != nil {
		return nil, err
	}
	codec := pion.RTPCodecCapability{MimeType: pion.MimeTypePCMU, ClockRate: 8000}
	if p.mic, err = pion.NewTrackLocalStaticRTP(codec, "mic", "mic"); err != nil {
		return nil, err
	}
	if _, err = p.pc.AddTrack(p.mic); err != nil {
		return nil, err
	}
	p.pc.OnTrack(func(t *pion.TrackRemote, _ *pion.RTPReceiver) {
		b := make([]byte, 1500)
		for {
			if n, _, err := t.Read(b); err != nil {
				return
			} else if n >= 12+frame {
				p.heard.Add(1)
			}
		}
	})
	p.pc.OnConnectionStateChange(func(s pion.PeerConnectionState) {
		if s == pion.PeerConnectionStateConnected {
			close(p.up)
		}
	})
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	gathered := pion.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	<-gathered
	if err := p.say(ctx, "offer", webrtc.Offer{SDP: p.pc.LocalDescription().SDP}); err != nil {
		return nil, err
	}
	go p.heed()
	select {
	case <-p.up:
		return p, nil
	case <-ctx.Done():
		return nil, errors.New("a browser finds no way")
	}
}

func (p *page) say(ctx context.Context, kind string, body any) error {
	b, err := json.Marshal(map[string]any{"type": kind, "body": body})
	if err != nil {
		return err
	}
	return p.ws.Write(ctx, websocket.MessageText, b)
}

// heed takes what the desk says, and accepts what rings.
func (p *page) heed() {
	ctx := context.Background()
	for {
		_, b, err := p.ws.Read(ctx)
		if err != nil {
			return // the desk is gone
		}
		var m struct {
			Type string          `json:"type"`
			Body json.RawMessage `json:"body"`
		}
		if json.Unmarshal(b, &m) != nil {
			return
		}
		switch m.Type {
		case "answer":
			var a webrtc.Answer
			if json.Unmarshal(m.Body, &a) != nil || p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: a.SDP}) != nil {
				return
			}
		case "ring":
			var r webrtc.Ring
			if json.Unmarshal(m.Body, &r) != nil || p.say(ctx, "accept", webrtc.Accept{Leg: r.Leg}) != nil {
				return
			}
		case "talking":
			close(p.talks)
		}
	}
}

// send says 20 ms.
func (p *page) send(payload []byte) error {
	p.seq++
	return p.mic.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * frame}, Payload: payload})
}

// phone is one telephone on a socket.
type phone struct {
	conn  *net.UDPConn
	to    netip.AddrPort
	seq   uint16
	buf   [12 + frame]byte
	heard atomic.Int64
}

func openPhone() (*phone, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	p := &phone{conn: conn}
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if n >= 12+frame && b[1]&0x7F == 0 {
				p.heard.Add(1)
			}
		}
	}()
	return p, nil
}

// send says 20 ms.
func (p *phone) send(payload []byte) error {
	p.seq++
	p.buf[0] = 0x80
	binary.BigEndian.PutUint16(p.buf[2:], p.seq)
	binary.BigEndian.PutUint32(p.buf[4:], uint32(p.seq)*frame)
	binary.BigEndian.PutUint32(p.buf[8:], 4711)
	copy(p.buf[12:], payload)
	_, err := p.conn.WriteToUDPAddrPort(p.buf[:], p.to)
	return err
}
