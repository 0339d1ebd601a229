//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// kamailioConfig answers every call with a description, by transaction, and
// remembers nothing else: two processes, as many as this desk's machine has.
const kamailioConfig = `#!KAMAILIO
debug=-1
log_stderror=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:%s
mpath="%s"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "textops.so"
request_route {
	if (method == "INVITE") {
		if (!t_newtran()) { exit; }
		append_to_reply("Contact: <sip:127.0.0.1>\r\n");
		set_reply_body("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", "application/sdp");
		t_reply("200", "OK");
		exit;
	}
	if (method == "ACK") { exit; }
	sl_send_reply("200", "OK");
}
`

// findKamailio returns the program and the folder of its modules; the
// environment's KAMAILIO is the program, else it is looked for. ok is false
// where it is not installed (Debian: kamailio).
func findKamailio() (program, modules string, ok bool) {
	program = os.Getenv("KAMAILIO")
	for _, at := range []string{"kamailio", "/usr/sbin/kamailio"} {
		if program == "" {
			program, _ = exec.LookPath(at) // not there: the next one
		}
	}
	if program == "" {
		return "", "", false
	}
	found, err := filepath.Glob(filepath.Join(filepath.Dir(program), "../lib/*/kamailio/modules"))
	if err != nil || len(found) == 0 {
		return "", "", false
	}
	return program, found[0], true
}

func startKamailio(ctx context.Context) (_ *running, err error) {
	program, modules, _ := findKamailio()
	dir, err := os.MkdirTemp("", "sotto-bench-kamailio-")
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, kamailioConfig, addr, modules), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd := exec.CommandContext(ctx, program, "-DD", "-E", "-f", file, "-w", dir, "-Y", dir)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := func() error { return errors.Join(end(cmd), os.RemoveAll(dir)) }
	if err := answers(ctx, addr); err != nil {
		return nil, errors.Join(err, stop(), errors.New(said.String()))
	}
	return &running{addr: addr, pid: cmd.Process.Pid, stop: stop}, nil
}

// answers waits until a server answers OPTIONS.
func answers(ctx context.Context, addr string) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	ask := fmt.Sprintf("OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKready\r\nMax-Forwards: 70\r\n"+
		"From: <sip:a@%[2]s>;tag=1\r\nTo: <sip:%[1]s>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", addr, c.LocalAddr())
	for range 100 {
		_, _ = c.Write([]byte(ask)) // it is refused until somebody listens
		if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return err
		}
		if n, err := c.Read(make([]byte, 4096)); err == nil && n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("the server does not answer")
}

// childrenOf are the processes that a process has started.
func childrenOf(pid int) (children []int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return nil // a system that does not tell
	}
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			children = append(children, n)
		}
	}
	return children
}
