package sip

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sotto/leg"
)

// sipp runs a scenario of testdata against the desk, as a carrier; its exit
// code is the verdict.
func sipp(t *testing.T, scenario string, at netip.AddrPort, tcp bool, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed: apt-get install sip-tester")
	}
	file, err := filepath.Abs(filepath.Join("testdata", scenario))
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"-sf", file, "-i", peerAddr, "-m", "1", "-nostdin", "-timeout", "10s", "-timeout_error", "-trace_err",
		"-default_behaviors", "all,-bye",
	}, args...)
	if tcp {
		args = append(args, "-t", "t1")
	}
	if at.IsValid() {
		args = append(args, "-s", "+33970000000", at.String())
	}
	cmd := exec.CommandContext(soon(t), path, args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// verdict reports what sipp had against us.
func verdict(t *testing.T, cmd *exec.Cmd, out []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(cmd.Dir, "*errors.log"))
	why := ""
	if len(logs) > 0 {
		b, _ := exec.Command("cat", logs...).Output()
		why = string(b)
	}
	if len(out) > 3000 {
		out = out[len(out)-3000:]
	}
	t.Errorf("sipp: %v\n%s\n%s", err, why, out)
}

func TestSippCarrierIsContent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario string
		ringOnly bool
	}{
		{"call.xml", false}, {"hold.xml", false}, {"late-offer.xml", false}, {"double-bye.xml", false},
		{"bad-offer.xml", false}, {"required.xml", false}, {"digits.xml", false}, {"cancel.xml", true},
		{"prack.xml", false}, {"update.xml", false}, {"glare.xml", false},
	} {
		for _, tcp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s tcp=%v", strings.TrimSuffix(tt.scenario, ".xml"), tcp), func(t *testing.T) {
				timers := testTimers()
				timers.MinSession = time.Second
				e := open(t, Config{
					Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}}}, Media: engine(t, "127.0.0.1"), Timers: timers,
					Accept: func(ctx context.Context, l leg.Leg) {
						l.Ring(ctx)
						if !tt.ringOnly {
							l.Answer(ctx)
						}
						<-l.Ended()
					},
				})
				at := e.Addr()
				if tcp {
					at = e.AddrTCP()
				}
				cmd := sipp(t, tt.scenario, at, tcp)
				out, err := cmd.CombinedOutput()
				verdict(t, cmd, out, err)
				until(t, "no call is left", func() bool { return len(e.liveCalls()) == 0 })
			})
		}
	}
}

func TestSippCarrierAnswersOurCall(t *testing.T) {
	for _, scenario := range []string{"answer.xml", "answer-early.xml"} {
		t.Run(strings.TrimSuffix(scenario, ".xml"), func(t *testing.T) { sippAnswers(t, scenario) })
	}
}

func sippAnswers(t *testing.T, scenario string) {
	port := freePort(t)
	cmd := sipp(t, scenario, netip.AddrPort{}, false, "-p", fmt.Sprint(port))
	e := open(t, Config{
		Trunks: []Trunk{{Name: "carrier", Sources: []string{peerAddr}, Address: fmt.Sprintf("%s:%d", peerAddr, port)}},
		Media:  engine(t, "127.0.0.1"),
	})
	type end struct {
		out []byte
		err error
	}
	over := make(chan end, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		over <- end{out, err}
	}()
	l, err := e.Dial(soon(t), Target{Trunks: []string{"carrier"}, Number: "+33142000001"})
	if err != nil {
		t.Fatalf("Dial() = %v", err)
	}
	ends(t, l, leg.HungUp)
	r := <-over
	verdict(t, cmd, r.out, r.err)
}

// freePort is a UDP port that nobody has at the moment.
func freePort(t *testing.T) uint16 {
	t.Helper()
	p := newPeer(t, peerAddr, netip.AddrPort{})
	defer p.c.Close()
	return netip.MustParseAddrPort(p.addr()).Port()
}
