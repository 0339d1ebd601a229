package websocket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const request = "GET /sip HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"

// tape is a connection on which everything was said already.
type tape struct {
	net.Conn // nil
	in       io.Reader
	out      bytes.Buffer
}

func (t *tape) Read(b []byte) (int, error)       { return t.in.Read(b) }
func (t *tape) Write(b []byte) (int, error)      { return t.out.Write(b) }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }

// said is a Conn on which the peer has upgraded and said frames.
func said(frames ...[]byte) (*Conn, *tape) {
	t := &tape{in: io.MultiReader(&slow{strings.NewReader(request)}, bytes.NewReader(bytes.Join(frames, nil)))}
	return Server(t, Config{MaxMessage: 1000, WriteTimeout: time.Second}), t
}

// slow gives one byte at a time, as a network may.
type slow struct{ r io.Reader }

func (s *slow) Read(b []byte) (int, error) { return s.r.Read(b[:min(1, len(b))]) }

func masked(f ws.Frame) []byte {
	b, err := ws.CompileFrame(ws.MaskFrameInPlace(f))
	if err != nil {
		panic(err) // of a frame written here
	}
	return b
}

func part(op ws.OpCode, fin bool, text string) []byte {
	return masked(ws.NewFrame(op, fin, []byte(text)))
}

func TestMessagesAreReadWholeAndPingsAnswered(t *testing.T) {
	c, wire := said(
		part(ws.OpText, true, "one"), part(ws.OpText, false, "tw"), part(ws.OpPing, true, "are you there"),
		part(ws.OpContinuation, false, ""), part(ws.OpContinuation, true, "o"), part(ws.OpBinary, true, ""),
		part(ws.OpBinary, true, "three"), part(ws.OpClose, true, ""))
	for _, want := range []string{"one", "two", "", "three"} {
		if got, err := c.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("ReadMessage() = %q, %v, want %q", got, err, want)
		}
	}
	if _, err := c.ReadMessage(); !errors.Is(err, ErrClosed) {
		t.Errorf("ReadMessage() = %v, want %v", err, ErrClosed)
	}
	if s := wire.out.String(); !strings.HasPrefix(s, "HTTP/1.1 101") || !strings.Contains(s, "Sec-WebSocket-Protocol: sip") ||
		!strings.Contains(s, "are you there") {
		t.Errorf("the desk said %q", s)
	}
}

func TestFramesThatBreakTheRulesEndTheConnection(t *testing.T) {
	open := func(f ws.Frame) []byte { b, _ := ws.CompileFrame(f); return b }
	for _, tt := range []struct {
		name   string
		frames [][]byte
		want   error
	}{
		{"no mask", [][]byte{open(ws.NewTextFrame([]byte("x")))}, ws.ErrProtocolMaskRequired},
		{"a continuation of nothing", [][]byte{part(ws.OpContinuation, true, "x")}, ws.ErrProtocolContinuationUnexpected},
		{"a beginning within a message", [][]byte{part(ws.OpText, false, "x"), part(ws.OpText, true, "x")}, ws.ErrProtocolContinuationExpected},
		{"a fragmented ping", [][]byte{part(ws.OpPing, false, "x")}, ws.ErrProtocolControlNotFinal},
		{"a ping of 126 bytes", [][]byte{part(ws.OpPing, true, strings.Repeat("x", 126))}, ws.ErrProtocolControlPayloadOverflow},
		{"an unknown kind", [][]byte{part(3, true, "x")}, ws.ErrProtocolOpCodeReserved},
		{"too long", [][]byte{part(ws.OpText, true, strings.Repeat("x", 1001))}, ErrTooLong},
		{"too long in parts", [][]byte{part(ws.OpText, false, strings.Repeat("x", 600)), part(ws.OpContinuation, true, strings.Repeat("x", 600))}, ErrTooLong},
		{"a length nobody has", [][]byte{{0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}}, ErrTooLong},
		{"its end", nil, io.EOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := said(tt.frames...)
			if b, err := c.ReadMessage(); !errors.Is(err, tt.want) {
				t.Errorf("ReadMessage() = %q, %v, want %v", b, err, tt.want)
			}
		})
	}
}

func TestUpgradeIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"an endless line":  "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20),
		"endless headers":  "GET / HTTP/1.1\r\n" + strings.Repeat("X-A: b\r\n", 100_000),
		"no WebSocket":     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"no HTTP":          "INVITE sip:x SIP/2.0\r\n\r\n",
		"another protocol": strings.Replace(request, "Protocol: sip", "Protocol: chat", 1),
		"no key":           strings.Replace(request, "Sec-WebSocket-Key", "X-Key", 1),
	} {
		r := strings.NewReader(text)
		c := Server(&tape{in: r}, Config{MaxMessage: 1000, WriteTimeout: time.Second})
		if _, err := c.ReadMessage(); err == nil {
			t.Errorf("%s: it is upgraded", name)
		}
		if read := len(text) - r.Len(); read > maxUpgrade {
			t.Errorf("%s: %d bytes were read", name, read)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(part(ws.OpText, true, "one"))
	f.Add(append(part(ws.OpText, false, "tw"), part(ws.OpContinuation, true, "o")...))
	f.Add([]byte{0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _ := said(b)
		for {
			m, err := c.ReadMessage()
			if err != nil {
				return
			}
			if len(m) > 1000 {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
	})
}
