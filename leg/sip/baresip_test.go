package sip

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotto"
	"sotto/leg"
	"sotto/leg/media"
)

// softphone runs Debian's baresip as mia's telephone: it registers, answers
// what comes, and says a tone of 440 Hz. commands are typed on its console.
func softphone(t *testing.T, e *Endpoint, tcp bool, commands ...string) *output {
	t.Helper()
	if tcp {
		return baresip(t, e.AddrTCP(), "tcp", "", "", commands...)
	}
	return baresip(t, e.Addr(), "udp", "", "", commands...)
}

// baresip is softphone with more lines of configuration and more parameters of
// the account.
func baresip(t *testing.T, at netip.AddrPort, transport, lines, params string, commands ...string) *output {
	t.Helper()
	path, err := exec.LookPath("baresip")
	if err != nil {
		t.Skip("baresip is not installed: apt-get install baresip-core")
	}
	modules := "/usr/lib/baresip/modules"
	if _, err := os.Stat(filepath.Join(modules, "ausine.so")); err != nil {
		t.Skip("baresip's modules are not here")
	}
	dir := t.TempDir()
	files := map[string]string{
		"config": fmt.Sprintf(`%s
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
module_path %s
module g711.so
module ausine.so
module aubridge.so
module_tmp account.so
module_app menu.so
audio_player aubridge,nil
audio_source ausine,440
audio_alert aubridge,nil
ausrc_srate 48000
ausrc_channels 2
auplay_channels 1
auplay_srate 8000
rtp_ports 21000-21999
`, lines, modules),
		"accounts": fmt.Sprintf("<sip:mia@%s;transport=%s>;auth_user=mia;auth_pass=open-sesame;answermode=auto;regint=60;audio_codecs=PCMA/8000/1%s\n",
			at, transport, params),
		"contacts": "",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-f", dir, "-t", "20"}
	for _, c := range commands {
		args = append(args, "-e", c)
	}
	cmd := exec.Command(path, args...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Logf("baresip said:\n%s", out)
		}
	})
	return out
}

// output keeps what a process writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestSoftphoneRegistersAndAnswers(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(map[bool]string{false: "UDP", true: "TCP"}[tcp], func(t *testing.T) {
			e := phoneDesk(t, Config{Media: engine(t, "127.0.0.1"), MD5Only: true})
			softphone(t, e, tcp)
			until(t, "the telephone is registered", func() bool { return len(e.Contacts(9)) == 1 })
			l, err := e.Dial(soon(t), Target{Device: 9, Caller: leg.Caller{Number: "+33142000001"}})
			if err != nil {
				t.Fatalf("Dial() = %v", err)
			}
			hears(t, l.Media(), 440)
			l.Hangup(leg.Released)
			ends(t, l, leg.Released)
			until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
		})
	}
}

func TestSoftphonePlacesACall(t *testing.T) {
	legs := make(chan leg.Leg, 1)
	e := phoneDesk(t, Config{
		Media: engine(t, "127.0.0.1"), MD5Only: true,
		AcceptPhone: func(ctx context.Context, l leg.Leg, d sotto.DeviceID) {
			if err := l.Answer(ctx); err != nil {
				t.Errorf("Answer() = %v", err)
			}
			legs <- l
			<-l.Ended()
		},
	})
	softphone(t, e, false, "d+33970000000")
	select {
	case l := <-legs:
		if got := l.Dialled(); got != "+33970000000" {
			t.Errorf("Dialled() = %q", got)
		}
		go l.Media().Play(soon(t), media.Tone(1000, time.Second), true)
		hears(t, l.Media(), 440)
		l.Hangup(leg.Released)
		ends(t, l, leg.Released)
	case <-soon(t).Done():
		t.Fatal("no call came in")
	}
}

// encryptingSoftphone is baresip over TLS that takes encrypted audio only.
func encryptingSoftphone(t *testing.T, e *Endpoint, id identity, lines string, commands ...string) *output {
	t.Helper()
	return baresip(t, e.AddrTLS(), "tls", "module_path /usr/lib/baresip/modules\nmodule srtp.so\nsip_cafile "+id.cert+"\n"+lines,
		";mediaenc=srtp-mand", commands...)
}

// echo makes baresip say what it hears.
const echo = "audio_player aubridge,echo\naudio_source aubridge,echo\nausrc_srate 8000\nausrc_channels 1"

func TestEncryptingSoftphoneIsRungAndHeard(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	e := phoneDesk(t, Config{
		UDP: "127.0.0.1:0", TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key,
		Media: engine(t, "127.0.0.1"), MD5Only: true, SecurePhones: true,
	})
	encryptingSoftphone(t, e, id, "")
	until(t, "the telephone is registered", func() bool { return len(e.Contacts(9)) == 1 })
	if c := e.Contacts(9)[0]; !c.TLS {
		t.Errorf("the contact is %+v, want one over TLS", c)
	}
	l, err := e.Dial(soon(t), Target{Device: 9, Caller: leg.Caller{Number: "+33142000001"}})
	if err != nil {
		t.Fatalf("Dial() = %v", err)
	}
	if !l.(*Call).Encrypted() {
		t.Error("the audio is not encrypted")
	}
	hears(t, l.Media(), 440)
	l.Hangup(leg.Released)
	ends(t, l, leg.Released)
}

func TestEncryptingSoftphoneCallsAndHearsUs(t *testing.T) {
	id := newIdentity(t, "127.0.0.1")
	legs := make(chan leg.Leg, 1)
	e := phoneDesk(t, Config{
		UDP: "127.0.0.1:0", TLS: "127.0.0.1:0", Certificate: id.cert, Key: id.key,
		Media: engine(t, "127.0.0.1"), MD5Only: true, SecurePhones: true,
		AcceptPhone: func(ctx context.Context, l leg.Leg, _ sotto.DeviceID) {
			if l.Answer(ctx) == nil {
				legs <- l
				<-l.Ended()
			}
		},
	})
	encryptingSoftphone(t, e, id, echo, "d+33970000000")
	select {
	case l := <-legs:
		if !l.(*Call).Encrypted() {
			t.Error("the audio is not encrypted")
		}
		go l.Media().Play(soon(t), media.Tone(1000, time.Second), true)
		hears(t, l.Media(), 1000) // it was heard, and said again
		l.Hangup(leg.Released)
		ends(t, l, leg.Released)
	case <-soon(t).Done():
		t.Fatal("no call came in")
	}
}
