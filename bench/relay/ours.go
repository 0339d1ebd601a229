//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"sync/atomic"

	"sotto/leg/media"
	"sotto/sottotest/tape"
)

// sinks are the sinks that -sink can name; a run makes one for each party.
// record is the real recorder, which taps by itself.
var sinks = map[string]func() media.Sink{
	"none":   nil,
	"count":  func() media.Sink { return new(counter) },
	"record": nil,
}

// counter is the least a recorder does: it looks at every frame.
type counter struct{ frames, samples atomic.Int64 }

func (c *counter) Push(f media.Frame) {
	c.frames.Add(1)
	c.samples.Add(int64(len(f.Payload)))
}

// request asks the relay for a bridged call between two telephones, and reply
// says where they send to.
type (
	request struct{ A, B netip.AddrPort }
	reply   struct {
		A, B    netip.AddrPort
		Dropped map[media.Reason]uint64
		Frames  int64
		Taped   string
	}
)

// serve is the relay's own process: it bridges what it is asked for on
// standard input until that ends, then says what it counted.
func serve(c config, in io.Reader, out io.Writer) error {
	e, err := media.Open(media.Config{Addr: netip.MustParseAddr("127.0.0.1"), Gather: c.gather})
	if err != nil {
		return err
	}
	defer e.Close()
	var rec *tape.Tape
	if c.sink == "record" {
		if rec, err = tape.New(); err != nil {
			return err
		}
	}
	var counters []*counter
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	if err := to.Encode(reply{}); err != nil { // everything is open: from here on it is the calls that cost
		return err
	}
	for {
		var r request
		err = from.Decode(&r)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if err := profile(c.heap); err != nil {
				return err
			}
			last := reply{Dropped: e.Stats().Dropped}
			for _, c := range counters {
				last.Frames += c.frames.Load()
			}
			if rec != nil {
				if last.Taped, err = rec.Stop(); err != nil {
					return err
				}
			}
			return to.Encode(last)
		default:
			return err
		}
		var ports [2]*media.Port
		for i, a := range []netip.AddrPort{r.A, r.B} {
			if ports[i], err = e.NewPortFor(media.Peer{Addr: a, Fixed: !c.latch}); err != nil {
				return err
			}
			if err := ports[i].Connect(media.Remote{Addr: a, Send: true, Receive: true}); err != nil {
				return err
			}
			if sinks[c.sink] != nil {
				s := sinks[c.sink]()
				ports[i].Tap(s)
				if n, ok := s.(*counter); ok {
					counters = append(counters, n)
				}
			}
		}
		if rec != nil {
			if err := rec.Record(ports); err != nil {
				return err
			}
		}
		media.Bridge(ports[0], ports[1])
		if err := to.Encode(reply{A: ports[0].Local(), B: ports[1].Local()}); err != nil {
			return err
		}
	}
}

// profile writes a heap profile to a file, if one is named.
func profile(name string) (err error) {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	runtime.GC() // what the profile shows is as of the last collection
	return pprof.WriteHeapProfile(f)
}

// ours drives our engine in a process of its own.
type ours struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	to   *json.Encoder
	from *json.Decoder
}

func startOurs(c config) (*ours, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &ours{cmd: exec.Command(self, "-serve", "-sink", c.sink, fmt.Sprintf("-latch=%v", c.latch), "-gather", c.gather.String(), "-heap", c.heap)}
	o.cmd.Stderr = os.Stderr
	if o.in, err = o.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.to, o.from = json.NewEncoder(o.in), json.NewDecoder(bufio.NewReader(out))
	if err := o.cmd.Start(); err != nil {
		return nil, err
	}
	return o, o.from.Decode(new(reply))
}

func (o *ours) pid() int { return o.cmd.Process.Pid }

func (o *ours) call(_ int, a, b netip.AddrPort) (netip.AddrPort, netip.AddrPort, error) {
	if err := o.to.Encode(request{a, b}); err != nil {
		return a, b, err
	}
	var r reply
	err := o.from.Decode(&r)
	return r.A, r.B, err
}

func (o *ours) stop() (string, error) {
	if err := o.in.Close(); err != nil {
		return "", err
	}
	var last reply
	if err := o.from.Decode(&last); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d frames at the sinks, dropped %v. %s", last.Frames, last.Dropped, last.Taped), o.cmd.Wait()
}
