package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"sotto"
	"sotto/desk"
	"sotto/obs"
)

// One process owns the data. While a desk is served, other commands reach it
// through a socket in the data folder that only the desk's user may open: the
// arguments go in, and what the command prints comes out.

// socketName is the control socket inside the data folder.
const socketName = "control.sock"

// asked is one command sent to a running desk.
type asked struct {
	Args []string `json:"args"`
	Dir  string   `json:"dir"` // where relative paths begin
}

// The kinds of frame that come back: a byte, a length of 4 bytes, the bytes.
const (
	frameOut  = 'o'
	frameErr  = 'e'
	frameExit = 'x'
)

// maxAsked bounds a request.
const maxAsked = 1 << 20

// runOnDesk runs c in the running desk, or on the data itself when none runs.
func runOnDesk(ctx context.Context, g *globals, c deskCommand, args []string, s streams) error {
	cfg, err := g.load(s)
	if err != nil {
		return err
	}
	conn, err := net.Dial("unix", socketPath(cfg))
	if err == nil {
		return ask(conn, args, s)
	}
	d, err := desk.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(c.DoDesk(ctx, d, s), d.Close())
}

// socketPath is short whatever the data folder is called: the system allows
// about 100 bytes.
func socketPath(cfg desk.Config) string { return filepath.Join(cfg.Data, socketName) }

func ask(conn net.Conn, args []string, s streams) (err error) {
	defer func() { err = errors.Join(err, conn.Close()) }()
	dir := s.dir
	if dir == "" {
		if dir, err = os.Getwd(); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(conn).Encode(asked{args, dir}); err != nil {
		return err
	}
	for r := bufio.NewReader(conn); ; {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return sotto.FailCause(sotto.Busy, "The running desk stopped before it had answered.", err)
		}
		n := int64(binary.BigEndian.Uint32(head[1:]))
		switch head[0] {
		case frameExit:
			if n == exitOK {
				return nil
			}
			return quiet(n)
		case frameOut:
			_, err = io.CopyN(s.out, r, n)
		default:
			_, err = io.CopyN(s.err, r, n)
		}
		if err != nil {
			return err
		}
	}
}

// control answers commands while a desk is served.
type control struct {
	l    net.Listener
	d    *desk.Desk
	work sync.WaitGroup
}

// listenControl opens the socket; a stale one of a crashed desk is replaced,
// since the data folder's lock is ours.
func listenControl(d *desk.Desk, cfg desk.Config) (*control, error) {
	path := socketPath(cfg)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, sotto.FailCause(sotto.Invalid, "The control socket cannot be made; perhaps the data folder's path is longer than 90 bytes.", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &control{l: l, d: d}, nil
}

// serve accepts commands until ctx ends or close is called.
func (c *control) serve(ctx context.Context) {
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return
		}
		c.work.Go(func() {
			defer conn.Close()
			c.answer(ctx, conn)
		})
	}
}

func (c *control) close() {
	_ = c.l.Close()
	c.work.Wait()
}

func (c *control) answer(ctx context.Context, conn net.Conn) {
	var a asked
	w := &frames{w: conn}
	if err := json.NewDecoder(io.LimitReader(conn, maxAsked)).Decode(&a); err != nil {
		w.exit(exitMisused)
		return
	}
	s := streams{in: eof{}, out: w.to(frameOut), err: w.to(frameErr), clock: c.d.Config().Clock, dir: a.Dir}
	_, chosen, code := parse(a.Args, &s)
	dc, ok := chosen.(deskCommand)
	if !ok {
		w.exit(code)
		return
	}
	w.exit(report(shielded(func() error { return dc.DoDesk(ctx, c.d, s) }), s.err))
}

// shielded runs f; a panic is an error of this command, and the desk goes on.
func shielded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = obs.Recovered(p)
		}
	}()
	return f()
}

type eof struct{}

// Read has nothing to give.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// frames writes what a command prints; it is shared by its two streams.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) frame(kind byte, n uint32, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := binary.BigEndian.AppendUint32([]byte{kind}, n)
	_, err := f.w.Write(append(head, b...))
	return err
}

func (f *frames) exit(code int) { _ = f.frame(frameExit, uint32(code), nil) }

func (f *frames) to(kind byte) io.Writer { return frameWriter{f, kind} }

type frameWriter struct {
	f    *frames
	kind byte
}

// Write sends b as one frame.
func (w frameWriter) Write(b []byte) (int, error) {
	return len(b), w.f.frame(w.kind, uint32(len(b)), b)
}

// absolute makes path absolute from where the command was typed.
func (s streams) absolute(path string) string {
	if s.dir != "" && !filepath.IsAbs(path) {
		return filepath.Join(s.dir, path)
	}
	return path
}
