//go:build linux

// Command relay measures what a bridged call costs, beside rtpengine: in the
// same run, on the same machine, with the same telephones. It needs Linux and
// Debian's rtpengine-daemon.
//
// Each call is two telephones that send 50 packets a second each. A packet
// carries its call, direction, number and send time, so that loss and delay
// are those from end to end.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"sotto/sottotest/process"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// config is what the flags say.
type config struct {
	sizes    string
	calls    int // of the size in hand
	duration time.Duration
	warm     time.Duration
	tick     time.Duration
	repeat   int
	engines  string
	sink     string
	latch    bool
	gather   time.Duration
	serve    bool
	stall    bool
	heap     string
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c config
	f := flag.NewFlagSet("relay", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.sizes, "calls", "200,800,1400", "two-leg calls at once, a table for each number, by commas")
	f.DurationVar(&c.duration, "duration", 10*time.Second, "how long each engine is measured")
	f.DurationVar(&c.warm, "warm", 2*time.Second, "how long the calls run before")
	f.DurationVar(&c.tick, "tick", 500*time.Microsecond, "how finely the telephones' packets are spread")
	f.IntVar(&c.repeat, "repeat", 1, "rounds; the table shows medians")
	f.StringVar(&c.engines, "engines", "sotto,rtpengine-pcap,rtpengine", "what to measure, by commas")
	f.StringVar(&c.sink, "sink", "record", "what taps both parties of each call in sotto: count, record or none")
	f.BoolVar(&c.latch, "latch", false, "let sotto's parties be found by their packets (one socket each at first)")
	f.DurationVar(&c.gather, "gather", 0, "how long sotto lets packets gather; 0 is its default, less is never")
	f.BoolVar(&c.stall, "stall", true, "stop each engine for 400 ms and measure the delay one second later")
	f.StringVar(&c.heap, "heap", "", "where sotto writes what it holds in memory at the end (pprof)")
	f.BoolVar(&c.serve, "serve", false, "be the engine (used by the benchmark itself)")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if _, ok := sinks[c.sink]; !ok {
		fmt.Fprintf(stderr, "relay: there is no sink %q\n", c.sink)
		return 2
	}
	var err error
	if c.serve {
		err = serve(c, stdin, stdout)
	} else {
		err = ladder(c, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "relay:", err)
		return 1
	}
	return 0
}

// relay is an engine under measurement, in a process of its own.
type relay interface {
	pid() int
	// call bridges two telephones and returns where each sends to.
	call(i int, a, b netip.AddrPort) (forA, forB netip.AddrPort, err error)
	// stop ends it and says what it counted.
	stop() (string, error)
}

func start(name string, c config) (relay, error) {
	switch name {
	case "sotto":
		return startOurs(c)
	case "rtpengine", "rtpengine-pcap":
		return startRTPEngine(name == "rtpengine-pcap")
	}
	return nil, fmt.Errorf("there is no engine %q", name)
}

// figures of one engine.
type figures struct {
	cpu, rss, p50, p99, loss           []float64 // s per call-minute, kB per call, ms, ms, %
	stallP50, stallP99, stallLost, gen []float64 // ms, ms, %, s per call-minute
	said                               string
	late                               bool // the telephones could not keep up: the machine is busy with something else
}

// ladder compares the engines at each number of calls.
func ladder(c config, out io.Writer) error {
	for size := range strings.SplitSeq(c.sizes, ",") {
		var err error
		if c.calls, err = strconv.Atoi(size); err != nil || c.calls < 1 {
			return errors.New("-calls takes numbers of calls by commas, as 200,800")
		}
		if err := compare(c, out); err != nil {
			return err
		}
	}
	return nil
}

// compare measures the engines in turn, in each round, and prints the table.
func compare(c config, out io.Writer) error {
	names := strings.Split(c.engines, ",")
	all := make([]figures, len(names))
	for round := range c.repeat {
		for i, name := range names {
			fmt.Fprintf(out, "round %d: %s, %d calls, %v\n", round+1, name, c.calls, c.duration)
			if err := measure(c, name, &all[i]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Fprintf(out, "  %s\n", all[i].said)
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%d calls at once\n", c.calls)
	fmt.Fprintln(w, "engine\tCPU-s/call-min\tratio\tkB/call\tratio\tdelay p50 ms\tp99 ms\tloss %\t1 s after a stall: p50 ms\tp99 ms\tlost in it %\tgenerator CPU-s/call-min\t")
	for i, name := range names {
		f, first := &all[i], &all[0]
		fmt.Fprintf(w, "%s\t%.4f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t%.3f\t%.2f\t%.2f\t%.3f\t%.4f\t\n", name,
			median(f.cpu), median(f.cpu)/median(first.cpu), median(f.rss), median(f.rss)/median(first.rss),
			median(f.p50), median(f.p99), median(f.loss), median(f.stallP50), median(f.stallP99), median(f.stallLost), median(f.gen))
	}
	if slices.ContainsFunc(all, func(f figures) bool { return f.late }) {
		fmt.Fprintln(w, "The telephones could not keep up with their own clock. Run it again on a quieter machine or with fewer calls.")
	}
	return w.Flush()
}

// measure runs one engine through set-up, the measured time and a stall.
func measure(c config, name string, f *figures) (err error) {
	r, err := start(name, c)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_, e := r.stop()
			err = errors.Join(err, e)
		}
	}()
	p, err := newPhones(c.calls, c.tick)
	if err != nil {
		return err
	}
	defer p.close()
	idle, err := process.RSS(r.pid())
	if err != nil {
		return err
	}
	for i := range c.calls {
		toA, toB, err := r.call(i, p.addr(i, 0), p.addr(i, 1))
		if err != nil {
			return err
		}
		p.dial(i, 0, toA)
		p.dial(i, 1, toB)
	}
	p.talk(c.warm)
	if err := steady(c, r.pid(), p, f, idle); err != nil {
		return err
	}
	if c.stall {
		if err := stall(r.pid(), p, f); err != nil {
			return err
		}
	}
	stopped = true
	f.said, err = r.stop()
	f.said += fmt.Sprintf(" %d kB before the first call.", idle>>10)
	return err
}

// steady measures cost, delay and loss.
func steady(c config, pid int, p *phones, f *figures, idle int64) error {
	before, err := process.CPU(pid)
	if err != nil {
		return err
	}
	own, err := process.CPU(os.Getpid())
	if err != nil {
		return err
	}
	now := time.Now()
	p.count(now, now.Add(c.duration))
	p.talk(c.duration)
	took := time.Since(now)
	after, err := process.CPU(pid)
	if err != nil {
		return err
	}
	ownAfter, err := process.CPU(os.Getpid())
	if err != nil {
		return err
	}
	memory, err := process.RSS(pid)
	if err != nil {
		return err
	}
	const perMinute = 2 * 60 * float64(time.Second/interval) // packets of a call
	minutes := float64(p.spoken) / perMinute
	f.late = f.late || took > c.duration*21/20
	p.talk(300 * time.Millisecond) // the last packets come in
	f.cpu = append(f.cpu, (after-before).Seconds()/minutes)
	f.gen = append(f.gen, (ownAfter-own).Seconds()/minutes)
	f.rss = append(f.rss, float64(memory-idle)/1024/float64(c.calls))
	f.p50 = append(f.p50, ms(p.delay(0.5)))
	f.p99 = append(f.p99, ms(p.delay(0.99)))
	f.loss = append(f.loss, 100*p.loss())
	return nil
}

// stall stops the engine for 400 ms and measures the second that begins one
// second after it goes on, and what was lost on the whole.
func stall(pid int, p *phones, f *figures) error {
	now := time.Now()
	p.count(now, now.Add(time.Second))
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	p.talk(400 * time.Millisecond)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		return err
	}
	p.talk(time.Second)
	f.stallLost = append(f.stallLost, 100*p.loss())
	now = time.Now()
	p.count(now, now.Add(time.Second))
	p.talk(1300 * time.Millisecond)
	f.stallP50 = append(f.stallP50, ms(p.delay(0.5)))
	f.stallP99 = append(f.stallP99, ms(p.delay(0.99)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
