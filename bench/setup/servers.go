//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"golang.org/x/sys/unix"
)

// cpuOf is the processor time that a process and those it has started have
// used.
func cpuOf(pid int) (sum time.Duration, err error) {
	for _, p := range append(childrenOf(pid), pid) {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^p<<3|2), &t); err != nil {
			return 0, err
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

func freePort() (string, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.LocalAddr().String(), nil
}

// startDesk builds and serves a real desk with one line that greets.
func startDesk(postgres string) func(context.Context) (*running, error) {
	return func(ctx context.Context) (_ *running, err error) {
		dir, err := os.MkdirTemp("", "sotto-bench-setup-")
		if err != nil {
			return nil, err
		}
		d := &deskProcess{dir: dir, bin: filepath.Join(dir, "sotto")}
		if err := d.prepare(ctx, postgres); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		return d.serve(ctx)
	}
}

type deskProcess struct{ dir, bin, config string }

func (d *deskProcess) prepare(ctx context.Context, postgres string) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", d.bin, "sotto/cmd/sotto").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	text := fmt.Sprintf("data: %s/data\ntrunks:\n  - name: bench\n    addresses: [127.0.0.0/8]\nlog_level: error\nmedia_port_min: 0\nmedia_port_max: 0\n", d.dir)
	if postgres != "" {
		if err := os.WriteFile(filepath.Join(d.dir, "db"), []byte(postgres), 0o600); err != nil {
			return err
		}
		text += fmt.Sprintf("database_file: %s/db\n", d.dir)
	}
	d.config = filepath.Join(d.dir, "sotto.yaml")
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--admin-email", "bench@sotto.example"},
		{"line", "add", "+33199001000", "--consent", "never"},
	} {
		if out, err := d.command(ctx, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return nil
}

func (d *deskProcess) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, d.bin, append([]string{"--config", d.config}, args...)...)
}

func (d *deskProcess) serve(ctx context.Context) (*running, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := d.command(ctx, "serve", "--sip", addr, "--http", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	if err := startAndWait(cmd, "sotto answers"); err != nil {
		return nil, err
	}
	return &running{
		addr: addr, pid: cmd.Process.Pid,
		check: func(answered int) (string, error) { return d.count(ctx, answered) },
		stop: func() error {
			return errors.Join(end(cmd), os.RemoveAll(d.dir))
		},
	}, nil
}

// count asks the desk itself how many tickets its calls became.
func (d *deskProcess) count(ctx context.Context, answered int) (string, error) {
	var n int
	for range 100 {
		out, err := d.command(ctx, "ticket", "list").Output()
		if err != nil {
			return "", err
		}
		if n = strings.Count(string(out), "\n"); n >= answered {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Sprintf("%d tickets of %d", n, answered), nil
}

// startAndWait starts cmd and returns when it has printed word.
func startAndWait(cmd *exec.Cmd, word string) error {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), word) {
			go func() {
				for lines.Scan() { //nolint:revive // the pipe must not fill
				}
			}()
			return nil
		}
	}
	return errors.Join(errors.New("the server did not start"), cmd.Wait())
}

func end(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_, err := cmd.Process.Wait()
	return err
}

func startBare(ctx context.Context) (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-bare")
	cmd.Env = append(os.Environ(), "BENCH_ADDR="+addr)
	if err := startAndWait(cmd, "ready"); err != nil {
		return nil, err
	}
	return &running{addr: addr, pid: cmd.Process.Pid, stop: func() error { return end(cmd) }}, nil
}

// serveBare answers every INVITE with 200 and forgets it.
func serveBare() error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	ua, err := sipgo.NewUA()
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	srv, err := sipgo.NewServer(ua, sipgo.WithServerLogger(log))
	if err != nil {
		return err
	}
	const answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
	srv.OnInvite(func(req *sip.Request, tx sip.ServerTransaction) {
		res := sip.NewSDPResponseFromRequest(req, []byte(answer))
		res.AppendHeader(&sip.ContactHeader{Address: sip.Uri{Scheme: "sip", Host: "127.0.0.1"}})
		_ = tx.Respond(res)
		<-tx.Done()
	})
	srv.OnAck(func(*sip.Request, sip.ServerTransaction) {})
	srv.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
	})
	fmt.Println("ready")
	err = srv.ListenAndServe(ctx, "udp", os.Getenv("BENCH_ADDR"))
	if ctx.Err() != nil {
		return nil
	}
	return err
}
