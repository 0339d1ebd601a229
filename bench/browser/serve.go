//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/pprof"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
	"sotto/leg/webrtc"
	"sotto/sottotest/tape"
)

// serve is an engine's own process: it does what it is asked on standard
// input until that ends.
func serve(c config, in io.Reader, out io.Writer) (err error) {
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	var d carrier
	switch c.serve {
	case "pion":
		d, err = openBare()
	default:
		d, err = openDesk(c.serve)
	}
	if err != nil {
		return err
	}
	defer d.close()
	if c.profile != "" {
		f, err := os.Create(c.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	r := reply{HTTP: d.addr()}
	for err == nil {
		if err := to.Encode(r); err != nil {
			return err
		}
		var q request
		if err = from.Decode(&q); err != nil {
			break
		}
		if r, err = d.do(q); err != nil {
			r, err = reply{Error: err.Error()}, nil
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	said, err := d.end()
	if err != nil {
		said = err.Error()
	}
	return to.Encode(reply{Said: said})
}

// carrier is an engine: it opens browsers, bridges them with telephones, and
// says at the end what it kept.
type carrier interface {
	addr() string
	do(q request) (reply, error)
	end() (string, error)
	close()
}

// desk is what of a desk carries these calls; without a tape unrecorded.
type desk struct {
	media *media.Engine
	pages *webrtc.Endpoint
	web   net.Listener
	http  *http.Server
	tape  *tape.Tape
}

func openDesk(name string) (d *desk, err error) {
	d = &desk{}
	loopback := netip.MustParseAddr("127.0.0.1")
	if d.media, err = media.Open(media.Config{Addr: loopback}); err != nil {
		return nil, err
	}
	if d.pages, err = webrtc.Open(webrtc.Config{Addr: netip.AddrPortFrom(loopback, 0), Media: d.media}); err != nil {
		return nil, err
	}
	if d.web, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+webrtc.Path, d.pages)
	d.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.http.Serve(d.web) }() // until close
	if name == "sotto" {
		d.tape, err = tape.New()
	}
	return d, err
}

func (d *desk) addr() string { return d.web.Addr().String() }

func (d *desk) do(q request) (r reply, err error) {
	if !q.Phone.IsValid() {
		r.Ticket, err = d.pages.Ticket(webrtc.Pass{Device: sotto.DeviceID(q.Device)})
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	to := webrtc.Target{Device: sotto.DeviceID(q.Device), Caller: leg.Caller{Number: "+33199000001"}}
	l, err := d.pages.Dial(ctx, to)
	for leg.CauseOf(err) == leg.Unreachable && err != nil && ctx.Err() == nil { // the browser knows of its way a moment before us
		time.Sleep(5 * time.Millisecond)
		l, err = d.pages.Dial(ctx, to)
	}
	if err != nil {
		return r, err
	}
	port, err := d.media.NewPortFor(media.Peer{Addr: q.Phone, Fixed: true})
	if err != nil {
		return r, err
	}
	if err := port.Connect(media.Remote{Addr: q.Phone, Send: true, Receive: true}); err != nil {
		return r, err
	}
	media.Bridge(port, l.Media())
	if d.tape != nil {
		err = d.tape.Record([2]*media.Port{port, l.Media()})
	}
	return reply{To: port.Local()}, err
}

// end stops recording and says what was kept.
func (d *desk) end() (string, error) {
	if d.tape == nil {
		return "", nil
	}
	return d.tape.Stop()
}

func (d *desk) close() {
	if err := errors.Join(d.pages.Close(), d.http.Close(), d.media.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
	}
}
