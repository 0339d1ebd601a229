// Package websocket carries SIP messages over WebSocket (RFC 7118): the HTTP
// upgrade, frames in and out, pings answered.
//
// It works on one connection that somebody else has accepted, and its reader
// does everything: the upgrade too, so that a peer who connects and says
// nothing holds up nobody. Whoever reads sets the deadlines. It knows nothing
// of SIP beyond the name of the subprotocol. Package leg/sip is its only user.
package websocket

import (
	"bufio"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

const (
	maxUpgrade  = 16 << 10 // bytes of an HTTP request
	maxHeaders  = 64       // its header fields
	subprotocol = "sip"    // RFC 7118 4
)

// The errors of ReadMessage that are no network's.
var (
	ErrTooLong = errors.New("websocket: the message is too long")
	ErrClosed  = errors.New("websocket: closed by the peer")
)

// Config says whom a Conn talks with.
type Config struct {
	// Origins are the web pages whose scripts may connect, like
	// https://desk.example.org; none means any. A browser always says where
	// its script comes from; what is no browser says nothing and may connect.
	Origins []string
	// MaxMessage is the longest message taken, in bytes.
	MaxMessage int
	// WriteTimeout is how long the peer may take to accept what is written.
	WriteTimeout time.Duration
}

// Conn is the server's end of one connection. One goroutine reads; any may
// write.
type Conn struct {
	net.Conn
	cfg Config
	in  *bufio.Reader // nil before the upgrade
	msg []byte        // of fragments so far
}

// Server makes a Conn of a connection on which nothing was read yet.
func Server(c net.Conn, cfg Config) *Conn { return &Conn{Conn: c, cfg: cfg} }

// upgrade answers the HTTP request (RFC 6455 4.2).
func (c *Conn) upgrade() error {
	sip, origin, headers := false, "", 0
	u := ws.Upgrader{
		Protocol: func(p []byte) bool {
			sip = sip || string(p) == subprotocol
			return string(p) == subprotocol
		},
		OnHeader: func(key, value []byte) error {
			if headers++; headers > maxHeaders {
				return ws.RejectConnectionError(ws.RejectionStatus(431))
			}
			if strings.EqualFold(string(key), "Origin") {
				origin = string(value)
			}
			return nil
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			switch {
			case !sip:
				return nil, ws.RejectConnectionError(ws.RejectionStatus(400), ws.RejectionReason("the subprotocol must be sip"))
			case origin != "" && !c.cfg.takes(origin):
				return nil, ws.RejectConnectionError(ws.RejectionStatus(403), ws.RejectionReason("this origin may not connect"))
			}
			return nil, nil
		},
	}
	if err := c.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{io.LimitReader(c.Conn, maxUpgrade), c.Conn})
	if err == nil {
		c.in = bufio.NewReader(c.Conn)
	}
	return err
}

func (c *Config) takes(origin string) bool {
	return len(c.Origins) == 0 || slices.ContainsFunc(c.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
}

// ReadMessage returns the next message, of text or of bytes. What it returns
// is the caller's. After an error the connection is of no use.
func (c *Conn) ReadMessage() ([]byte, error) {
	if c.in == nil {
		if err := c.upgrade(); err != nil {
			return nil, err
		}
	}
	for {
		h, err := ws.ReadHeader(c.in)
		if err != nil {
			return nil, err
		}
		state := ws.StateServerSide
		if c.msg != nil {
			state |= ws.StateFragmented
		}
		if err := ws.CheckHeader(h, state); err != nil {
			return nil, c.bye(ws.StatusProtocolError, err)
		}
		if h.Length > int64(c.cfg.MaxMessage-len(c.msg)) && !h.OpCode.IsControl() {
			return nil, c.bye(ws.StatusMessageTooBig, ErrTooLong)
		}
		b := make([]byte, h.Length) // at most MaxMessage, or 125 of a control frame
		if _, err := io.ReadFull(c.in, b); err != nil {
			return nil, err
		}
		ws.Cipher(b, h.Mask, 0)
		if h.OpCode.IsControl() {
			if err := c.control(h.OpCode, b); err != nil {
				return nil, err
			}
			continue
		}
		if c.msg = append(c.msg, b...); c.msg == nil {
			c.msg = []byte{} // an empty fragment is a beginning too
		}
		if h.Fin {
			b, c.msg = c.msg, nil
			return b, nil
		}
	}
}

// control answers a ping and a good-bye (RFC 6455 5.5).
func (c *Conn) control(op ws.OpCode, b []byte) error {
	switch op {
	case ws.OpPing:
		return c.write(ws.NewPongFrame(b))
	case ws.OpClose:
		return c.bye(ws.StatusNormalClosure, ErrClosed)
	}
	return nil
}

// bye tells the peer why the connection ends and returns cause.
func (c *Conn) bye(code ws.StatusCode, cause error) error {
	return errors.Join(cause, c.write(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))))
}

// Write sends b as one message of text.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.write(ws.NewTextFrame(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// write sends a frame in one piece, so that those of two writers do not mix.
func (c *Conn) write(f ws.Frame) error {
	b, err := ws.CompileFrame(f)
	if err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err = c.Conn.Write(b)
	return err
}
