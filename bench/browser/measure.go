//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"sotto/sottotest/process"
)

// request asks the engine for a call of a telephone with the browser Device,
// or, without a telephone, for a ticket for that browser.
type request struct {
	Device int64
	Phone  netip.AddrPort
}

// reply is what the engine answers.
type reply struct {
	HTTP   string
	Ticket string
	To     netip.AddrPort // where the telephone sends to
	Said   string
	Error  string
}

// engine is a process under measurement.
type engine struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	to   *json.Encoder
	from *json.Decoder
}

func start(c config, name string) (*engine, reply, error) {
	args := []string{"-serve", name}
	if c.profile != "" && name == "sotto" {
		args = append(args, "-profile", c.profile)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, reply{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, reply{}, err
	}
	if err := cmd.Start(); err != nil {
		return nil, reply{}, err
	}
	e := &engine{cmd, in, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
	r, err := e.answer()
	return e, r, err
}

func (e *engine) answer() (r reply, err error) {
	if err := e.from.Decode(&r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func (e *engine) ask(q request) (reply, error) {
	if err := e.to.Encode(q); err != nil {
		return reply{}, err
	}
	return e.answer()
}

// stop ends the engine and returns what it says at the end.
func (e *engine) stop() (string, error) {
	err := e.in.Close()
	r, e2 := e.answer()
	return r.Said, errors.Join(err, e2, e.cmd.Wait())
}

// measure lets an engine carry the calls.
func measure(c config, name string) (f figures, err error) {
	e, hello, err := start(c, name)
	if err != nil {
		return f, err
	}
	api, err := newAPI()
	if err != nil {
		return f, err
	}
	idle, err := process.RSS(e.cmd.Process.Pid)
	if err != nil {
		return f, err
	}
	var pages []*page
	var phones []*phone
	for i := range int64(c.calls) {
		t, err := e.ask(request{Device: i + 1})
		if err != nil {
			return f, err
		}
		p, err := openPage(api, hello.HTTP, t.Ticket)
		if err != nil {
			return f, fmt.Errorf("browser %d: %w", i, err)
		}
		ph, err := openPhone()
		if err != nil {
			return f, err
		}
		r, err := e.ask(request{Device: i + 1, Phone: ph.conn.LocalAddr().(*net.UDPAddr).AddrPort()})
		if err != nil {
			return f, fmt.Errorf("call %d: %w", i, err)
		}
		ph.to = r.To
		pages, phones = append(pages, p), append(phones, ph)
	}
	speak(c.warm, pages, phones)
	if err := f.read(c, e.cmd.Process.Pid, idle, pages, phones); err != nil {
		return f, err
	}
	f.said, err = e.stop()
	return f, err
}

// read measures while everybody talks.
func (f *figures) read(c config, pid int, idle int64, pages []*page, phones []*phone) error {
	heard := func() (n int64) {
		for i := range pages {
			n += pages[i].heard.Load() + phones[i].heard.Load()
		}
		return n
	}
	cpu, err := process.CPU(pid)
	own, e2 := process.CPU(os.Getpid())
	if err := errors.Join(err, e2); err != nil {
		return err
	}
	before := heard()
	sent := speak(c.duration, pages, phones)
	after, err := process.CPU(pid)
	ownAfter, e2 := process.CPU(os.Getpid())
	memory, e3 := process.RSS(pid)
	if err := errors.Join(err, e2, e3); err != nil {
		return err
	}
	time.Sleep(200 * time.Millisecond) // the last packets
	minutes := float64(c.calls) * float64(sent) * 0.02 / 60
	f.cpu, f.clients = (after-cpu).Seconds()/minutes, (ownAfter-own).Seconds()/minutes
	f.kB = float64(memory-idle) / 1024 / float64(c.calls)
	f.lost = 100 * (1 - float64(heard()-before)/float64(2*sent*len(pages)))
	return nil
}

// speak lets everybody talk for so long, each call at its own moment of every
// 20 ms, and returns how many frames each has sent.
func speak(d time.Duration, pages []*page, phones []*phone) (frames int) {
	payload := make([]byte, frame)
	for i := range payload {
		payload[i] = byte(i)
	}
	const slots = 20
	next := time.Now()
	for end := next.Add(d); next.Before(end); frames++ {
		for slot := range slots {
			for i := slot; i < len(pages); i += slots {
				_ = pages[i].send(payload) // what is not sent is lost, and counted
				_ = phones[i].send(payload)
			}
			next = next.Add(20 * time.Millisecond / slots)
			time.Sleep(time.Until(next))
		}
	}
	return frames
}

// cipher is what encrypting and decrypting one call's packets takes, in
// seconds of a processor for a call-minute: one each way, 50 times a second.
func cipher() (float64, error) {
	key, salt := make([]byte, 16), make([]byte, 14)
	var contexts [2]*srtp.Context
	for i := range contexts {
		var err error
		if contexts[i], err = srtp.CreateContext(key, salt, srtp.ProtectionProfileAes128CmHmacSha1_80); err != nil {
			return 0, err
		}
	}
	h := rtp.Header{Version: 2, SSRC: 4711}
	raw, err := (&rtp.Packet{Header: h, Payload: make([]byte, frame)}).Marshal()
	if err != nil {
		return 0, err
	}
	const minutes = 20
	sealed, plain := make([]byte, 0, 1500), make([]byte, 0, 1500)
	before, err := process.CPU(os.Getpid())
	if err != nil {
		return 0, err
	}
	for i := range 3000 * minutes {
		h.SequenceNumber = uint16(i)
		raw[2], raw[3] = byte(i>>8), byte(i)
		if sealed, err = contexts[0].EncryptRTP(sealed[:0], raw, &h); err != nil {
			return 0, err
		}
		if plain, err = contexts[1].DecryptRTP(plain[:0], sealed, &h); err != nil {
			return 0, err
		}
	}
	after, err := process.CPU(os.Getpid())
	return (after - before).Seconds() / minutes, err
}
