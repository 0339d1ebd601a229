//go:build linux

// Command browser measures what a recorded call between a telephone and a
// browser costs the desk, beside two floors in the same run: what the cipher
// alone takes, and a relay of the same calls that is nothing but pion and
// sockets. The browsers are pion's, in a process of their own with the
// telephones. It needs Linux.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// config is what the flags say.
type config struct {
	calls    int
	duration time.Duration
	warm     time.Duration
	engines  string
	serve    string
	profile  string
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c config
	f := flag.NewFlagSet("browser", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&c.calls, "calls", 100, "calls at once")
	f.DurationVar(&c.duration, "duration", 8*time.Second, "how long each engine is measured")
	f.DurationVar(&c.warm, "warm", 2*time.Second, "how long the calls run before")
	f.StringVar(&c.engines, "engines", "sotto,unrecorded,pion", "what to measure, by commas: sotto, the same unrecorded, a relay of pion alone")
	f.StringVar(&c.profile, "profile", "", "where sotto writes what it spends its time on (pprof)")
	f.StringVar(&c.serve, "serve", "", "be an engine (used by the benchmark itself)")
	if err := f.Parse(args); err != nil {
		return 2
	}
	var err error
	switch {
	case c.serve != "":
		err = serve(c, stdin, stdout)
	case c.calls < 1:
		err = errors.New("-calls takes a number")
	default:
		err = compare(c, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "browser:", err)
		return 1
	}
	return 0
}

// figures of one engine.
type figures struct {
	cpu     float64 // s per call-minute
	kB      float64 // per call
	lost    float64 // % of the packets in both directions
	clients float64 // s per call-minute that telephones and browsers took
	said    string
}

func compare(c config, out io.Writer) error {
	floor, err := cipher()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d calls between a telephone and a browser, recorded where it says so\n", c.calls)
	fmt.Fprintln(w, "engine\tCPU-s/call-min\tcalls per core\tratio to pion's cipher\tkB/call\tlost %\tclients CPU-s/call-min\t")
	fmt.Fprintf(w, "the cipher alone\t%.4f\t%.0f\t1.0\t\t\t\t\n", floor, 60/floor)
	for name := range strings.SplitSeq(c.engines, ",") {
		f, err := measure(c, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w, "%s\t%.4f\t%.0f\t%.1f\t%.0f\t%.3f\t%.4f\t\n", name, f.cpu, 60/f.cpu, f.cpu/floor, f.kB, f.lost, f.clients)
		if f.said != "" {
			fmt.Fprintln(w, f.said)
		}
	}
	return w.Flush()
}
