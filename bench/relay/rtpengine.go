//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sotto/sottotest/process"
)

// rtpengine drives Debian's rtpengine-daemon in userspace by its ng protocol.
type rtpengine struct {
	cmd    *exec.Cmd
	dir    string
	ng     *net.UDPConn
	record bool
	cookie int
}

func startRTPEngine(record bool) (_ *rtpengine, err error) {
	r := &rtpengine{record: record}
	if r.dir, err = os.MkdirTemp("", "relay-bench-"); err != nil {
		return nil, err
	}
	probe, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	control := probe.LocalAddr().String()
	if err := probe.Close(); err != nil {
		return nil, err
	}
	args := []string{"--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
		"--interface=127.0.0.1", "--listen-ng=" + control, "--port-min=20000", "--port-max=31999"}
	if record {
		args = append(args, "--recording-dir="+r.dir, "--recording-method=pcap", "--recording-format=eth")
	}
	r.cmd = exec.Command("rtpengine", args...)
	r.cmd.Dir = r.dir // it tends to dump its core
	log, err := os.Create(r.dir + "/log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	if r.ng, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(control))); err != nil {
		return nil, err
	}
	for range 50 {
		if _, err = r.ask("command", "ping"); err == nil {
			return r, nil
		}
		<-time.After(100 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("rtpengine does not answer: %w\n%s", err, said)
}

// ask sends one request, a bencoded dictionary of strings, and returns the reply.
func (r *rtpengine) ask(pairs ...string) (string, error) {
	r.cookie++
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d d", r.cookie)
	for _, s := range pairs {
		if list, ok := strings.CutPrefix(s, "list:"); ok {
			b.WriteByte('l')
			for _, w := range strings.Fields(list) {
				fmt.Fprintf(&b, "%d:%s", len(w), w)
			}
			b.WriteByte('e')
			continue
		}
		fmt.Fprintf(&b, "%d:%s", len(s), s)
	}
	b.WriteByte('e')
	if _, err := r.ng.Write(b.Bytes()); err != nil {
		return "", err
	}
	if err := r.ng.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	answer := make([]byte, 65536)
	n, err := r.ng.Read(answer)
	if err != nil {
		return "", err
	}
	s := string(answer[:n])
	if !strings.HasPrefix(s, strconv.Itoa(r.cookie)+" ") || strings.Contains(s, "6:result5:error") {
		return "", errors.New("rtpengine refused: " + s)
	}
	return s, nil
}

func (r *rtpengine) pid() int { return r.cmd.Process.Pid }

var mediaLine = regexp.MustCompile(`m=audio (\d+) `)

// sdp offers µ-law at a.
func sdp(a netip.AddrPort) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", a.Addr(), a.Port())
}

func (r *rtpengine) call(i int, a, b netip.AddrPort) (forA, forB netip.AddrPort, err error) {
	id := fmt.Sprintf("call-%d", i)
	common := []string{"call-id", id, "from-tag", "a", "ICE", "remove", "replace", "list:origin session-connection"}
	if r.record {
		common = append(common, "record call", "yes")
	}
	offer, err := r.ask(append(common, "command", "offer", "sdp", sdp(a))...)
	if err != nil {
		return a, b, err
	}
	answer, err := r.ask(append(common, "command", "answer", "to-tag", "b", "sdp", sdp(b))...)
	if err != nil {
		return a, b, err
	}
	local := netip.MustParseAddr("127.0.0.1")
	port := func(s string) (netip.AddrPort, error) {
		m := mediaLine.FindStringSubmatch(s)
		if m == nil {
			return netip.AddrPort{}, errors.New("no media line in " + s)
		}
		n, err := strconv.ParseUint(m[1], 10, 16)
		return netip.AddrPortFrom(local, uint16(n)), err
	}
	if forB, err = port(offer); err != nil {
		return forA, forB, err
	}
	forA, err = port(answer)
	return forA, forB, err
}

func (r *rtpengine) stop() (string, error) {
	said := fmt.Sprintf("%d MB recorded", process.FolderSize(r.dir)>>20)
	err := errors.Join(r.ng.Close(), r.cmd.Process.Signal(syscall.SIGTERM))
	if exit := r.cmd.Wait(); exit != nil {
		said += ", ended with: " + exit.Error()
	}
	return said, errors.Join(err, os.RemoveAll(r.dir))
}
