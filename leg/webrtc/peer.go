package webrtc

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"

	"sotto"
	"sotto/leg/media"
)

// errNoWay is what a packet gets that has no browser to go to now.
var errNoWay = errors.New("webrtc: the browser is away")

// gatherTime bounds the finding of our own address, which asks nobody.
const gatherTime = 2 * time.Second

// peer is one peer connection with a page: the way of its audio. It stays
// while the page is open, whether there is a call or not.
type peer struct {
	pc  *pion.PeerConnection
	ear ear                 // what the browser hears
	leg atomic.Pointer[Leg] // whose audio it carries now; nil between calls

	mu     sync.Mutex
	closed bool           // guarded by mu: no reader starts any more
	work   sync.WaitGroup // the readers
	left   bool           // its page is gone; guarded by Endpoint.mu
	up     bool           // it was connected; guarded by Endpoint.mu
}

// newPeer makes a peer connection. changed is told of its state; it is called
// by goroutines of the connection and must not close it.
func (t *transport) newPeer(changed func(*peer, pion.PeerConnectionState)) (_ *peer, err error) {
	defer sotto.Wrap(&err, "webrtc.newPeer")
	p := &peer{}
	if p.pc, err = t.newConnection(); err != nil {
		return nil, err
	}
	p.pc.OnConnectionStateChange(func(s pion.PeerConnectionState) { changed(p, s) })
	p.pc.OnTrack(func(track *pion.TrackRemote, receiver *pion.RTPReceiver) {
		p.read(func() { p.listen(track) })
		p.read(func() { drain(receiver.Read) })
	})
	sender, err := p.pc.AddTrack(&p.ear)
	if err != nil {
		return nil, errors.Join(err, p.pc.Close())
	}
	p.read(func() { drain(sender.Read) })
	return p, nil
}

// read runs f until the connection is closed.
func (p *peer) read(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.work.Go(f)
	}
}

// close ends the connection and waits for its readers. It must not be called
// from a callback of the connection. The second call does nothing.
func (p *peer) close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return nil
	}
	err := p.pc.Close()
	p.work.Wait()
	return err
}

// listen gives what the browser says to the leg, if there is a call.
func (p *peer) listen(track *pion.TrackRemote) {
	b := make([]byte, 1500)
	for {
		n, _, err := track.Read(b)
		if n == 0 && err != nil {
			return // closed
		}
		if l := p.leg.Load(); l != nil && err == nil {
			l.port.Take(b[:n])
		}
	}
}

// drain reads the reports nobody looks at, which would fill a buffer else.
func drain[A any](read func([]byte) (int, A, error)) {
	b := make([]byte, 1500)
	for {
		if _, _, err := read(b); err != nil {
			return
		}
	}
}

// answer takes the page's offer and returns our answer. It returns when our
// own address is in it: nothing trickles from us (RFC 9725).
func (p *peer) answer(offer string) (_ string, err error) {
	defer sotto.Wrap(&err, "webrtc.answer")
	if offer, err = clean(offer); err != nil {
		return "", err
	}
	if err := p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: offer}); err != nil {
		return "", sotto.FailCause(sotto.Invalid, "The browser's offer cannot be taken.", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := pion.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	select {
	case <-gathered:
	case <-time.After(gatherTime):
		return "", errors.New("our own address was not found")
	}
	return p.pc.LocalDescription().SDP, nil
}

// clean reads an offer and takes the addresses out of it: the page proves
// where it is by its checks (RFC 8445 7.3.1.3), and an address that was only
// claimed is never sent to. What is not one audio stream is refused.
func clean(offer string) (string, error) {
	var d sdp.SessionDescription
	if len(offer) > maxMessage || d.UnmarshalString(offer) != nil {
		return "", sotto.Fail(sotto.Invalid, "The browser's offer is no session description.")
	}
	if len(d.MediaDescriptions) != 1 || d.MediaDescriptions[0].MediaName.Media != "audio" {
		return "", sotto.Fail(sotto.Invalid, "The browser must offer one audio stream and nothing else.")
	}
	m := d.MediaDescriptions[0]
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
		return a.Key == "candidate" || a.Key == "end-of-candidates" || a.Key == "remote-candidates"
	})
	b, err := d.Marshal()
	return string(b), err
}

// remote is what was negotiated, as the port wants it. ok is false when the
// browser does not speak G.711.
func (p *peer) remote() (r media.Remote, ok bool) {
	r = media.Remote{Send: true, Receive: true}
	for _, t := range p.pc.GetTransceivers() {
		if t.Receiver() == nil {
			continue
		}
		for _, c := range t.Receiver().GetParameters().Codecs {
			switch {
			case strings.EqualFold(c.MimeType, pion.MimeTypePCMU):
				r.Law, r.PayloadType, ok = media.Mulaw, uint8(c.PayloadType), true
			case strings.EqualFold(c.MimeType, pion.MimeTypePCMA) && !ok:
				r.Law, r.PayloadType, ok = media.Alaw, uint8(c.PayloadType), true
			case strings.EqualFold(c.MimeType, mimeEvent) && c.ClockRate == media.SampleRate:
				r.EventTypeIn = uint8(c.PayloadType) // browsers take none
			}
		}
	}
	return r, ok
}
