package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sotto/leg/media"
)

// ErrNoCommon is returned when the peer offers nothing we can do; SIP says
// 488 (RFC 3261 21.4.26).
var ErrNoCommon = errors.New("sdp: no G.711 audio in common")

// offeredEvents is the payload type of telephone events in our own offers.
const offeredEvents = 101

// rtcpMux says that RTCP may come where the audio comes (RFC 5761 5.1.1).
const rtcpMux = "a=rtcp-mux\r\n"

// Local is our side of a call.
type Local struct {
	Addr      netip.AddrPort // where our audio lives
	ID        uint64         // the same for all descriptions of a call
	Version   uint64         // one more for each description that differs
	Direction Direction      // what we want; "" is SendRecv
	Secure    Policy         // whether the audio is to be encrypted
	Crypto    []Crypto       // our keys, the best suite first, unless Secure is Plain
}

// Stream is what both sides agreed.
type Stream struct {
	Remote    netip.AddrPort // where the peer wants our packets; may be unspecified while it holds
	Law       media.Law
	Payload   uint8 // RTP payload type of Law, both ways
	Events    uint8 // RTP payload type of telephone events (RFC 4733)
	HasEvents bool
	Ptime     int       // milliseconds the peer wants in a packet; 20 when it did not say
	Direction Direction // ours: Sends when we may send, Receives when the peer sends
	Keys      media.Keys
	RTCPMux   bool // RTCP goes where the audio goes (RFC 5761 5.1.1); else there is none

	tag int // of the peer's a=crypto line that was chosen
}

// Answer chooses from the peer's offer and writes our answer. It takes the
// first audio stream it can do, an encrypted one before the others, in the
// offerer's order of codecs, and refuses the others with port 0 (RFC 3264 6).
// It fails with ErrNoCommon.
func Answer(offer *Session, l Local) ([]byte, Stream, error) {
	st, at := choose(offer, &l)
	if at < 0 {
		return nil, Stream{}, ErrNoCommon
	}
	st.Direction = answerDirection(&offer.Media[at], l.Direction)
	var b strings.Builder
	head(&b, l)
	for i, m := range offer.Media {
		if i != at {
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", m.Kind, m.Proto, strings.Join(m.Formats, " "))
			continue
		}
		fmt.Fprintf(&b, "m=audio %d %s %d", l.Addr.Port(), m.Proto, st.Payload)
		if st.HasEvents {
			fmt.Fprintf(&b, " %d", st.Events)
		}
		b.WriteString("\r\n")
		codecLine(&b, st.Payload, st.Law)
		if st.HasEvents {
			eventLines(&b, st.Events)
		}
		if st.Keys != (media.Keys{}) {
			b.WriteString(Crypto{Suite: st.Keys.Suite, Key: st.Keys.Out}.line(st.tag)) // RFC 4568 5.1.2
		}
		if st.RTCPMux {
			b.WriteString(rtcpMux)
		}
		tail(&b, st.Direction)
	}
	return []byte(b.String()), st, nil
}

// choose finds the stream of an offer that we take; -1 when there is none.
func choose(offer *Session, l *Local) (st Stream, at int) {
	at = -1
	for i := range offer.Media {
		s, ok := agree(&offer.Media[i], l)
		if ok && (at < 0 || st.Keys == (media.Keys{}) && s.Keys != (media.Keys{})) {
			st, at = s, i
		}
	}
	return st, at
}

// Offer writes our offer: both G.711 laws and telephone events, with a key for
// each suite if the audio may be encrypted.
func Offer(l Local) []byte {
	var b strings.Builder
	head(&b, l)
	proto := "RTP/AVP"
	if l.Secure == Required {
		proto = "RTP/SAVP"
	}
	fmt.Fprintf(&b, "m=audio %d %s %d %d %d\r\n", l.Addr.Port(), proto, media.Mulaw, media.Alaw, offeredEvents)
	codecLine(&b, uint8(media.Mulaw), media.Mulaw)
	codecLine(&b, uint8(media.Alaw), media.Alaw)
	eventLines(&b, offeredEvents)
	if l.Secure != Plain {
		for i, c := range l.Crypto {
			b.WriteString(c.line(i + 1))
		}
	}
	dir := l.Direction
	if dir == "" {
		dir = SendRecv
	}
	b.WriteString(rtcpMux)
	tail(&b, dir)
	return []byte(b.String())
}

// Accept reads the peer's answer to an Offer of ours (RFC 3264 7). l is what
// the offer was made from.
func Accept(answer *Session, l Local) (Stream, error) {
	st, at := choose(answer, &l)
	if at < 0 {
		return Stream{}, ErrNoCommon
	}
	st.Direction = answerDirection(&answer.Media[at], l.Direction)
	return st, nil
}

// CanAnswer reports whether Answer would find something in offer.
func CanAnswer(offer *Session, l Local) bool {
	_, at := choose(offer, &l)
	return at >= 0
}

// agree finds what we can do with one stream.
func agree(m *Media, l *Local) (Stream, bool) {
	if m.Kind != "audio" || m.Port == 0 {
		return Stream{}, false
	}
	keys, tag, ok := m.secured(l)
	if !ok {
		return Stream{}, false
	}
	st := Stream{Remote: netip.AddrPortFrom(m.Addr, m.Port), Ptime: m.Ptime, RTCPMux: m.RTCPMux, Keys: keys, tag: tag}
	if st.Ptime == 0 {
		st.Ptime = 20 // RFC 3551 4.5
	}
	found := false
	for _, f := range m.Formats {
		pt, err := number(f, 127)
		if err != nil {
			continue
		}
		switch codec := m.codec(f); {
		case codec == "pcmu/8000" && !found:
			st.Law, st.Payload, found = media.Mulaw, uint8(pt), true
		case codec == "pcma/8000" && !found:
			st.Law, st.Payload, found = media.Alaw, uint8(pt), true
		case codec == "telephone-event/8000" && !st.HasEvents:
			st.Events, st.HasEvents = uint8(pt), true
		}
	}
	return st, found
}

// codec names a format: by its rtpmap, or by RFC 3551's table for the static
// types of G.711.
func (m *Media) codec(format string) string {
	for _, r := range m.rtpmap {
		if r.format == format {
			return r.codec
		}
	}
	switch format {
	case "0":
		return "pcmu/8000"
	case "8":
		return "pcma/8000"
	}
	return ""
}

// answerDirection is what we do, given what the peer does and what we want
// (RFC 3264 6.1). A peer that asks for its packets at 0.0.0.0 holds us the
// old way and wants none (RFC 3264 8.4).
func answerDirection(m *Media, want Direction) Direction {
	if want == "" {
		want = SendRecv
	}
	sends := want.Sends() && m.Direction.Receives() && !m.Addr.IsUnspecified()
	receives := want.Receives() && m.Direction.Sends()
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

func head(b *strings.Builder, l Local) {
	family := "IP4"
	if l.Addr.Addr().Unmap().Is6() {
		family = "IP6"
	}
	host := l.Addr.Addr().Unmap().String()
	fmt.Fprintf(b, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
		l.ID, l.Version, family, host, family, host)
}

func codecLine(b *strings.Builder, payload uint8, law media.Law) {
	name := "PCMU"
	if law == media.Alaw {
		name = "PCMA"
	}
	b.WriteString("a=rtpmap:" + strconv.Itoa(int(payload)) + " " + name + "/8000\r\n")
}

func eventLines(b *strings.Builder, payload uint8) {
	fmt.Fprintf(b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-16\r\n", payload, payload)
}

func tail(b *strings.Builder, d Direction) {
	b.WriteString("a=ptime:20\r\na=" + string(d) + "\r\n")
}
