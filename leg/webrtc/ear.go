package webrtc

import (
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"sotto/leg/media"
)

// ear is the track to the browser: one stream for as long as the page is
// open, through all its calls. Each call's port numbers its packets from
// anywhere; here they go on where the last call's ended, since SRTP counts
// the rounds of the numbers by itself (RFC 3711 3.3.1).
type ear struct {
	mu     sync.Mutex
	w      pion.TrackLocalWriter // nil while nothing is negotiated
	ssrc   uint32                // ours to the browser
	feeder uint32                // the port's SSRC: another one is another call
	seqOff uint16
	tsOff  uint32
	seq    uint16 // highest sent
	ts     uint32
	at     time.Time // when that was; zero before the first
}

// Bind is called by pion when the offer has been answered.
func (e *ear) Bind(c pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	for _, mime := range []string{pion.MimeTypePCMU, pion.MimeTypePCMA} {
		for _, codec := range c.CodecParameters() {
			if strings.EqualFold(codec.MimeType, mime) {
				e.mu.Lock()
				defer e.mu.Unlock()
				e.w, e.ssrc = c.WriteStream(), uint32(c.SSRC())
				return codec, nil
			}
		}
	}
	return pion.RTPCodecParameters{}, pion.ErrUnsupportedCodec
}

// Unbind is called by pion when the connection is closed.
func (e *ear) Unbind(pion.TrackLocalContext) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w = nil
	return nil
}

// ID names the track in the session description.
func (e *ear) ID() string { return "sotto" }

// RID is for simulcast, which audio has not.
func (e *ear) RID() string { return "" }

// StreamID names the stream in the session description.
func (e *ear) StreamID() string { return "sotto" }

// Kind is audio.
func (e *ear) Kind() pion.RTPCodecType { return pion.RTPCodecTypeAudio }

// send sends one packet of a port's, which has no CSRC and no extension.
func (e *ear) send(b []byte) error {
	if len(b) < 12 {
		return errNoWay
	}
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w == nil {
		return errNoWay
	}
	h := rtp.Header{Version: 2, Marker: b[1]&0x80 != 0, PayloadType: b[1] & 0x7F, SSRC: e.ssrc}
	h.SequenceNumber, h.Timestamp = e.number(binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), now)
	_, err := e.w.WriteRTP(&h, b[12:])
	return err
}

// number turns a port's number and timestamp into the stream's. e.mu is held.
func (e *ear) number(seq uint16, ts, feeder uint32, now time.Time) (uint16, uint32) {
	if feeder != e.feeder || e.at.IsZero() {
		e.feeder = feeder
		if !e.at.IsZero() {
			gap := uint32(max(now.Sub(e.at), 20*time.Millisecond).Seconds() * media.SampleRate)
			e.seqOff, e.tsOff = e.seq+1-seq, e.ts+gap-ts
		}
		e.seq, e.ts = seq+e.seqOff, ts+e.tsOff
		e.at = now
	}
	seq, ts = seq+e.seqOff, ts+e.tsOff
	if int16(seq-e.seq) > 0 {
		e.seq, e.ts, e.at = seq, ts, now
	}
	return seq, ts
}
