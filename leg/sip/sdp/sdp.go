// Package sdp reads and writes the session descriptions of telephone calls
// (RFC 4566) and finds what two sides have in common (RFC 3264): one audio
// stream of G.711 with telephone events.
//
// Everything here is a pure function over bytes from outside: no socket, no
// clock, no state. Package leg/sip is the only caller. It never writes an
// address of its own: the caller says where the audio lives.
package sdp

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of a description we read. A telephone call needs a tenth of them.
const (
	MaxBytes  = 16 << 10 // a longer description is refused unread
	maxMedia  = 32       // m= lines
	maxFormat = 64       // formats in one m= line
)

// ErrSyntax is returned for bytes that are no session description.
var ErrSyntax = errors.New("sdp: not a session description")

// Direction says which way one side lets a stream flow (RFC 4566 6).
type Direction string

// The directions, seen from the side that wrote them.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends reports whether the side that wrote d sends audio.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether the side that wrote d wants audio.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Session is a description as the peer wrote it.
type Session struct {
	ID      uint64 // o= session id
	Version uint64 // o= version; the same version means nothing has changed
	Media   []Media
}

// Media is one m= line with the attributes that count for it.
type Media struct {
	Kind      string // "audio", "video", …
	Port      uint16 // 0 means refused or switched off
	Proto     string // "RTP/AVP", …
	Formats   []string
	Addr      netip.Addr // where it wants its packets; unspecified is the old way to hold
	Direction Direction
	Ptime     int  // milliseconds in a packet, 0 when not said
	RTCPMux   bool // takes RTCP where it takes the audio (RFC 5761 5.1.1)

	rtpmap []mapping
	crypto []Crypto
}

// mapping is one a=rtpmap line.
type mapping struct {
	format string
	codec  string // lower case: "pcmu/8000"
}

// Parse reads a description. It accepts what telephones really send: any line
// end, any order after v=, unknown lines. It refuses numbers out of range,
// host names, multicast, and more lines than a call can need.
func Parse(b []byte) (*Session, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrSyntax, MaxBytes)
	}
	p := parser{dir: SendRecv}
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		if len(line) < 2 || line[1] != '=' || bytes.IndexByte(line, 0) >= 0 {
			return nil, fmt.Errorf("%w: line %d", ErrSyntax, n)
		}
		if err := p.line(line[0], string(line[2:])); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSyntax, n, err)
		}
	}
	return p.finish()
}

// parser collects lines; session-level values are the default of each stream.
type parser struct {
	s       Session
	version bool // v= was seen
	addr    netip.Addr
	dir     Direction
	ptime   int
	cur     *Media
}

func (p *parser) line(kind byte, v string) (err error) {
	if !p.version {
		if kind != 'v' || v != "0" {
			return errors.New("v=0 is not first")
		}
		p.version = true
		return nil
	}
	switch kind {
	case 'o':
		return p.origin(v)
	case 'c':
		a, err := connection(v)
		if err != nil {
			return err
		}
		if p.cur != nil {
			p.cur.Addr = a
		} else {
			p.addr = a
		}
	case 'm':
		return p.media(v)
	case 'a':
		return p.attribute(v)
	}
	return nil
}

// origin reads the session id and version. Some devices write numbers that do
// not fit or are not numbers; they only matter for equality, so they count as 0.
func (p *parser) origin(v string) error {
	f := strings.Fields(v)
	if len(f) < 6 {
		return errors.New("o= needs six fields")
	}
	p.s.ID, _ = strconv.ParseUint(f[1], 10, 64)
	p.s.Version, _ = strconv.ParseUint(f[2], 10, 64)
	return nil
}

// connection reads "IN IP4 192.0.2.1": one unicast address, no name, no TTL.
func connection(v string) (netip.Addr, error) {
	f := strings.Fields(v)
	if len(f) != 3 || f[0] != "IN" || f[1] != "IP4" && f[1] != "IP6" {
		return netip.Addr{}, errors.New("c= is not IN IP4 or IN IP6")
	}
	a, err := netip.ParseAddr(f[2])
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, errors.New("c= is not an address")
	}
	a = a.Unmap()
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return netip.Addr{}, errors.New("c= is a multicast address")
	}
	return a, nil
}

// media reads "audio 49170 RTP/AVP 0 8 101".
func (p *parser) media(v string) error {
	if len(p.s.Media) == maxMedia {
		return fmt.Errorf("more than %d m= lines", maxMedia)
	}
	f := strings.Fields(v)
	if len(f) < 4 || len(f)-3 > maxFormat {
		return errors.New("m= has too few or too many fields")
	}
	port, count, many := strings.Cut(f[1], "/")
	n, err := number(port, 65535)
	if err != nil {
		return err
	}
	if many && count != "1" {
		n = 0 // several ports for one stream: we take no such stream
	}
	for _, s := range f {
		if !token(s) {
			return errors.New("m= holds a strange character")
		}
	}
	p.s.Media = append(p.s.Media, Media{
		Kind: f[0], Port: uint16(n), Proto: f[2], Formats: f[3:],
		Addr: p.addr, Direction: p.dir, Ptime: p.ptime,
	})
	p.cur = &p.s.Media[len(p.s.Media)-1]
	return nil
}

func (p *parser) attribute(v string) error {
	name, val, _ := strings.Cut(v, ":")
	switch Direction(name) {
	case SendRecv, SendOnly, RecvOnly, Inactive:
		if p.cur != nil {
			p.cur.Direction = Direction(name)
		} else {
			p.dir = Direction(name)
		}
		return nil
	}
	switch name {
	case "rtcp-mux":
		if p.cur != nil {
			p.cur.RTCPMux = true
		}
	case "ptime":
		n, err := number(strings.TrimSpace(val), 1000)
		if err != nil {
			return nil // a wish we cannot read is no wish
		}
		if p.cur != nil {
			p.cur.Ptime = n
		} else {
			p.ptime = n
		}
	case "crypto":
		if c, ok := parseCrypto(val); ok && p.cur != nil && len(p.cur.crypto) < maxCrypto {
			p.cur.crypto = append(p.cur.crypto, c)
		}
	case "rtpmap":
		if p.cur == nil || len(p.cur.rtpmap) == maxFormat {
			return nil
		}
		f := strings.Fields(val)
		if len(f) != 2 {
			return nil
		}
		codec := strings.TrimSuffix(strings.ToLower(f[1]), "/1")
		p.cur.rtpmap = append(p.cur.rtpmap, mapping{f[0], codec})
	}
	return nil
}

func (p *parser) finish() (*Session, error) {
	if len(p.s.Media) == 0 {
		return nil, fmt.Errorf("%w: no m= line", ErrSyntax)
	}
	for _, m := range p.s.Media {
		if m.Port != 0 && !m.Addr.IsValid() {
			return nil, fmt.Errorf("%w: a stream without c=", ErrSyntax)
		}
	}
	return &p.s, nil
}

// number reads plain decimal digits up to limit.
func number(s string, limit int) (int, error) {
	if s == "" || len(s) > 9 {
		return 0, errors.New("not a number in range")
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, errors.New("not a number in range")
		}
		n = n*10 + int(c-'0')
	}
	if n > limit {
		return 0, errors.New("not a number in range")
	}
	return n, nil
}

// token reports whether s may be echoed in an m= line of ours.
func token(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}
